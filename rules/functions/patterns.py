"""The functions with regular expressions; the dialect is in `rules.regex`.

Owns what each gives. Arguments are converted to String; Null and Undefined have no text, so they
give Undefined, and so does a text that is no regular expression. A constant pattern is compiled
when the statement is created.

Source: AWS IoT Core Developer Guide, "Functions".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from rules.conversions import to_text
from rules.expression import Expression
from rules.functions.table import Build, CallSite, Function
from rules.message import Context
from rules.values import UNDEFINED, V2015, Value

if TYPE_CHECKING:
    from rules.regex import Pattern

__all__ = ["TABLE"]

_PatternOf = Callable[[dict[str, Value], Context], "Pattern | None"]


def _pattern_of(call: CallSite) -> _PatternOf:
    """Return what gives the pattern of a call for a message; None where there is none."""
    from rules import regex  # for statements with patterns only

    argument = call.arguments[1]
    dialect = call.dialect
    if not argument.is_constant:
        run = argument.run

        def of_message(members: dict[str, Value], context: Context) -> Pattern | None:
            text = to_text(run(members, context), dialect)
            return regex.compile_from_message(text) if isinstance(text, str) else None

        return of_message

    text = to_text(argument.value, dialect)
    pattern: Pattern | None = None
    if isinstance(text, str):
        try:
            pattern = regex.compile(text)
        except regex.InvalidPattern as error:
            call.warn(
                1, f"{call.name}: {text!r} is no regular expression, so the result is always"
                f" Undefined: {error}"
            )  # fmt: skip
        except regex.UnsupportedPattern as error:
            call.refuse(
                1,
                f"{call.name}: this gateway cannot run the regular expression {text!r}: {error}",
                hint="write it without what is named here, or make it shorter",
            )
    return lambda members, context: pattern


def _asking(ask: Callable[[Pattern, str], str | bool | None]) -> Build:
    """Return the build of a function that asks a pattern something about a text."""

    def build(call: CallSite) -> Expression:
        subject, pattern_of, dialect = call.arguments[0].run, _pattern_of(call), call.dialect

        def run(members: dict[str, Value], context: Context) -> Value:
            text = to_text(subject(members, context), dialect)
            pattern = pattern_of(members, context)
            if pattern is None or not isinstance(text, str):
                return UNDEFINED
            answer = ask(pattern, text)
            return UNDEFINED if answer is None else answer

        return run

    return build


def _replace(call: CallSite) -> Expression:
    subject, pattern_of, dialect = call.arguments[0].run, _pattern_of(call), call.dialect
    replacing = call.arguments[2].run

    def run(members: dict[str, Value], context: Context) -> Value:
        text = to_text(subject(members, context), dialect)
        pattern = pattern_of(members, context)
        replacement = to_text(replacing(members, context), dialect)
        if pattern is None or not isinstance(text, str) or not isinstance(replacement, str):
            return UNDEFINED
        answer = pattern.replace(text, replacement)
        return UNDEFINED if answer is None else context.keep(answer)

    return run


TABLE: Final = (
    Function("regexp_matches", V2015, (2,), _asking(lambda pattern, text: pattern.matches(text))),
    Function("regexp_replace", V2015, (3,), _replace),
    Function("regexp_substr", V2015, (2,), _asking(lambda pattern, text: pattern.substring(text))),
)
