"""Why the catalogue of rules refuses: each with the remedy that is at hand.

Owns the sentences. Whoever answers a caller gives them that caller's form.
"""

from __future__ import annotations

from pathlib import Path

from gateway.errors import Disposition, GatewayError
from rules import Problem

__all__ = [
    "CatalogueError",
    "InvalidRule",
    "RuleExists",
    "RuleInFile",
    "RuleNotFound",
    "TooManyRules",
]


class CatalogueError(GatewayError):
    """The root of what the catalogue refuses; nothing has changed."""

    code = "rule-refused"
    disposition = Disposition.QUARANTINE


class RuleNotFound(CatalogueError):  # noqa: N818 - named after what happened
    """There is no rule of this name."""

    code = "no-such-rule"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"there is no rule {name[:128]!r}", hint="See which there are with weir rule list."
        )


class RuleExists(CatalogueError):  # noqa: N818
    """There is a rule of this name already."""

    code = "rule-exists"

    def __init__(self, name: str) -> None:
        super().__init__(f"there is a rule {name!r} already", hint="Replace it, or delete it.")


class RuleInFile(CatalogueError):  # noqa: N818
    """The rule comes from a file, which the API does not write.

    Args:
        name: The rule.
        file: The file.
        disabled: What `ruleDisabled` was to become; None where something else was asked for.

    Attributes:
        file: The file.
    """

    code = "rule-in-file"

    def __init__(self, name: str, file: Path, *, disabled: bool | None = None) -> None:
        change = "Change the file"
        if disabled is not None:
            change = f'Set "ruleDisabled" in {file} to {"true" if disabled else "false"}'
        super().__init__(
            f"the rule {name} comes from the file {file}",
            hint=f"{change}; weir rule apply {file.parent} puts it in force.",
        )
        self.file = file


class InvalidRule(CatalogueError):  # noqa: N818
    """What was given is no rule.

    Attributes:
        problems: Everything that is wrong with it.
    """

    code = "invalid-rule"

    def __init__(self, name: str, problems: tuple[Problem, ...]) -> None:
        told = "; ".join(str(problem) for problem in problems)
        super().__init__(f"the rule {name[:128]!r} cannot be used: {told}")
        self.problems = problems

    @property
    def is_sql(self) -> bool:
        """Whether the only thing wrong with it is its SQL."""
        return all(problem.path.endswith(".sql") for problem in self.problems)


class TooManyRules(CatalogueError):  # noqa: N818
    """There is no room for another rule."""

    code = "too-many-rules"

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="Delete rules that are not needed any more.")
