"""What goes wrong with rules: in SQL, in a template, in a rule document.

The package could be a library of its own, so its errors have their own root. The tree::

    RulesError
    ├── SqlError            text that is not IoT SQL, or uses what is not there   at creation
    ├── EvaluationFailed    a statement or template came to no result             per message
    │   └── BudgetSpent     it would make or do more than an evaluation may       per message
    ├── TemplateUndefined   a `${...}` expression has no value for this message   per message
    └── RuleDocumentError   a rule document cannot be used; lists every problem   at creation

Evaluating a statement raises EvaluationFailed only, and that only where a function reaches out of
the message or the result is too large: what has no value is Undefined.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

__all__ = [
    "BudgetSpent",
    "EvaluationFailed",
    "Problem",
    "RuleDocumentError",
    "RulesError",
    "SqlError",
    "TemplateUndefined",
]

# A name may be as long as a rule document; a person reads the beginning.
_MAX_PROBLEM_CHARACTERS: Final = 500
_MAX_PART_CHARACTERS: Final = 300


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


class RulesError(Exception):
    """The root of this package's errors.

    Args:
        message: What is wrong and where, in one sentence.
        hint: What a person can do about it; empty where the message says it all.
    """

    code: ClassVar[str] = "rules"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class SqlError(RulesError, ValueError):
    """The text is not a statement (or template) that can be compiled.

    Its texts are cut: the problem to 500 characters, the others to 300.

    Attributes:
        problem: What is wrong, without the place.
        line: Line in the text, from 1.
        column: Column in characters, from 1.
        expected: What would have been right there; empty where that is not the point.
        found: What stands there instead; empty likewise.
    """

    code = "sql"

    def __init__(
        self,
        problem: str,
        line: int,
        column: int,
        *,
        expected: str = "",
        found: str = "",
        hint: str = "",
    ) -> None:
        self.problem = _shortened(problem, _MAX_PROBLEM_CHARACTERS)
        self.line = line
        self.column = column
        self.expected = _shortened(expected, _MAX_PART_CHARACTERS)
        self.found = _shortened(found, _MAX_PART_CHARACTERS)
        super().__init__(
            f"line {line}, column {column}: {self.problem}",
            hint=_shortened(hint, _MAX_PART_CHARACTERS),
        )


class EvaluationFailed(RulesError):  # noqa: N818 - named after what happened
    """A statement or a template came to no result for this message.

    Of a statement: no action of the rule runs. Of a template: the one action it belongs to fails.

    Either a function that reaches out could not be answered (the second `get_dynamodb` of an
    evaluation, a key of a secret that is no JSON, a function that crashes), or the result is too
    large to be written.
    """

    code = "evaluation-failed"


class BudgetSpent(EvaluationFailed):
    """The evaluation would make or do more than one may, so that it has no result at all.

    Half a result would be a wrong one: `NOT EXISTS (…)` of a search that was given up is true.
    """

    code = "budget-spent"


class TemplateUndefined(RulesError):  # noqa: N818 - named after the value it reports
    """An expression of a template is Undefined (or has no text) for this message.

    Attributes:
        template: The whole template.
        expression: The expression between the braces, as SQL.
    """

    code = "template-undefined"

    def __init__(self, template: str, expression: str) -> None:
        super().__init__(
            f"${{{expression[:200]}}} has no value for this message, in the template "
            f"{template[:200]!r}",
            hint="give the expression a value for every message the rule matches, "
            "or let WHERE leave out the messages it has none for",
        )
        self.template = template
        self.expression = expression


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a rule document.

    Attributes:
        path: Where, as a JSON path from the document's root: `$.actions[0].sqs.queueUrl`.
        message: What is wrong.
        remedy: What to do about it; may be empty.
    """

    path: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f" ({self.remedy})" if self.remedy else "")


class RuleDocumentError(RulesError, ValueError):
    """A rule document cannot be used.

    Attributes:
        source: What the caller called the document: a file name, for instance.
        problems: Every problem found, in the order of the document.
    """

    code = "rule-document"

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(f"{source}: {problem}" for problem in problems))
        self.source = source
        self.problems = problems
