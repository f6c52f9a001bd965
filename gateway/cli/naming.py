"""Which rules name a thing, and the sentence that tells of all of them at once.

Owns how names are gathered over rules, and what is said of a name that the settings do not declare.
Knows no kind of thing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import rules
from gateway.cli.output import sentence

if TYPE_CHECKING:
    from gateway.cli.verdict import Verdict

__all__ = [
    "Kind",
    "Naming",
    "Rules",
    "actions_of",
    "constant",
    "fault_of",
    "listed",
    "parameters_of",
    "quoted",
]

_SHOWN_CHARACTERS: Final = 200

Rules = list[tuple[Path, rules.RuleDocument]]
"""Rules that can run, each with its file."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing that rules name.

    Attributes:
        what: What it is called.
        verbs: What one rule does with it, and what several do.
        fault: Why none can have a name; empty if one can.
        remedy: What to do where the settings do not declare it.
    """

    what: str
    verbs: tuple[str, str]
    fault: Callable[[str], str]
    remedy: str = "add the lines below to the settings"


@final
class Naming:
    """Names, and the rules that say them, in the order in which they were found."""

    def __init__(self) -> None:
        self._files: dict[str, dict[str, Path]] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def add(self, name: str, file: Path, document: rules.RuleDocument) -> None:
        """Note that a rule says a name."""
        self._files.setdefault(name, {})[document.name] = file

    def who(self, name: str, verbs: tuple[str, str]) -> str:
        """Return the beginning of a sentence: where the rules are, who they are, what they do.

        Args:
            name: The name that they say.
            verbs: What one rule does, and what several do.
        """
        files = self._files[name]
        where = listed([str(file) for file in dict.fromkeys(files.values())])
        if len(files) == 1:
            return f"{where}: the rule {listed(list(files))} {verbs[0]}"
        return f"{where}: the rules {listed(list(files))} {verbs[1]}"

    def undeclared(self, kind: Kind, declared: Collection[str], verdict: Verdict) -> Iterator[str]:
        """Warn of each name that is not declared; give those that lines can declare."""
        for name in self:
            if name in declared:
                continue
            told = f"{self.who(name, kind.verbs)} the {kind.what} {quoted(name)}"
            fault = kind.fault(name)
            if fault:
                verdict.warnings.append(sentence(f"{told}, but {fault}"))
                continue
            verdict.warnings.append(f"{told}, which the settings do not declare; {kind.remedy}.")
            yield name


def actions_of(document: rules.RuleDocument) -> Iterator[rules.Action]:
    """Give a rule's actions, its error action last."""
    yield from document.actions
    if document.error_action is not None:
        yield document.error_action


def parameters_of(document: rules.RuleDocument, kind: str) -> Iterator[Mapping[str, object]]:
    """Give what stands under the key of each action of a kind, the error action's included."""
    for action in actions_of(document):
        if isinstance(action, rules.ServiceAction) and action.kind == kind:
            yield action.parameters


def constant(value: object) -> str | None:
    """Return a parameter that is the same for every message; None where it is not, or is absent."""
    if isinstance(value, rules.Template):
        return value.constant
    return value if isinstance(value, str) else None


def fault_of(what: str, name_problem: Callable[[str], str]) -> Callable[[str], str]:
    """Return what says why nothing of a kind can have a name, from what says what a name must be.

    Args:
        what: What the kind is called.
        name_problem: Gives what is wrong with a name; empty where nothing is.
    """

    def fault(name: str) -> str:
        problem = name_problem(name)
        return problem and f"no {what} can have the name {name[:_SHOWN_CHARACTERS]!r}: {problem}"

    return fault


def listed(names: list[str]) -> str:
    """Return names as a list within a sentence."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def quoted(text: str) -> str:
    """Return a text in quotes, as TOML and a sentence have it."""
    return json.dumps(text, ensure_ascii=False)
