"""What the catalogue of rules tells of: one rule, and what came of rules that were applied.

Owns these values and nothing that happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.engine.catalogue.rule_files import Payload
from rules import RuleDocument

__all__ = ["Applied", "CatalogueRule", "Refusal"]

Refusal = tuple[str, tuple[str, ...]]
"""What gave no rule: where it stands, and what is wrong, a sentence each."""


@dataclass(frozen=True, slots=True)
class CatalogueRule:
    """One rule that there is.

    Attributes:
        name: Its name.
        payload: Its `topicRulePayload`, as written; not to be changed.
        document: The same, ready to run.
        file: The file it comes from, or None for a rule of the API.
        created_ms: When it was created, in milliseconds since 1970; for a file, when that was last
            written.
        arn: Its ARN.
        shadows: Whether an API rule of its name is hidden by the file.
        size_bytes: What the payload of a rule of the API weighs against their limit.
    """

    name: str
    payload: Payload
    document: RuleDocument
    file: Path | None
    created_ms: int
    arn: str
    shadows: bool = False
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of rules that were applied: names, and what was refused.

    Attributes:
        created: Rules that there were none of.
        replaced: Rules that were others before.
        unchanged: Rules that were the same before; they went on.
        refused: What gave no rule.
        removed: Rules whose files have gone.
    """

    created: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()
    removed: tuple[str, ...] = ()

    @classmethod
    def between(
        cls,
        before: Mapping[str, CatalogueRule],
        after: Mapping[str, CatalogueRule],
        names: Iterable[str],
        refused: Iterable[Refusal],
    ) -> Applied:
        """Return what became of the rules of these names."""
        created: list[str] = []
        replaced: list[str] = []
        unchanged: list[str] = []
        removed: list[str] = []
        for name in names:
            old, new = before.get(name), after.get(name)
            if new is None:
                removed += [] if old is None else [name]
            elif old is None:
                created.append(name)
            elif old.document is new.document:
                unchanged.append(name)
            else:
                replaced.append(name)
        return cls(
            tuple(created), tuple(replaced), tuple(unchanged), tuple(refused), tuple(removed)
        )
