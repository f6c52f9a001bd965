"""The functions with regular expressions; the dialect is in `rules.regex`.

Owns what each gives. Arguments are converted to String; Null and Undefined have no text, so they
give Undefined, and so does a text that is no regular expression. A constant pattern is compiled
when the statement is created.

Source: AWS IoT Core Developer Guide, "Functions".
"""

from __future__ import annotations

from collections.abc import Callable
from time import thread_time
from typing import TYPE_CHECKING, Final

from rules.conversions import to_text
from rules.expression import Expression, constant
from rules.functions.table import Build, CallSite, Function
from rules.message import STEPS_PER_SECOND, Context
from rules.values import UNDEFINED, V2015, Undefined, Value

if TYPE_CHECKING:
    from rules.regex import Pattern

__all__ = ["TABLE"]

# What a call takes at most, by its own limits.
_LONGEST_CALL_S: Final = 0.005
# A pattern quoted in a message has at most so many characters.
_SHOWN_CHARACTERS: Final = 100


def _constant_pattern(call: CallSite) -> Pattern | None:
    """Compile the pattern of a call that has a constant one; None where it is none.

    Raises:
        SqlError: It cannot be run here.
    """
    from rules import regex  # for statements with patterns only

    text = to_text(call.arguments[1].value, call.dialect)
    if text is UNDEFINED:
        return None
    shown = repr(text[:_SHOWN_CHARACTERS])
    try:
        return regex.compile(text)
    except regex.InvalidPattern as error:
        call.warn(
            1,
            f"{call.name}: {shown} is no regular expression, so the result is always Undefined: "
            f"{error}",
        )
        return None
    except regex.UnsupportedPattern as error:
        call.refuse(
            1,
            f"{call.name}: this gateway cannot run the regular expression {shown}: {error}",
            hint="write it without what is named here, or make it shorter",
        )


def _build(ask: Callable[..., Value | None]) -> Build:
    """Return the build of a function that asks a pattern about a text; None is Undefined.

    Args:
        ask: Gets the pattern, the text, and the texts of the arguments behind the pattern.
    """

    def build(call: CallSite) -> Expression:
        subject, written, *rest = (code.run for code in call.arguments)
        dialect = call.dialect
        is_constant = call.arguments[1].is_constant
        pattern = _constant_pattern(call) if is_constant else None
        if is_constant and pattern is None:
            return constant(UNDEFINED).run

        def run(members: dict[str, Value], context: Context) -> Value:
            found = pattern or _pattern_of_message(to_text(written(members, context), dialect))
            if found is None:
                return UNDEFINED
            texts = [to_text(each(members, context), dialect) for each in (subject, *rest)]
            if UNDEFINED in texts:
                return UNDEFINED
            answer = ask(found, *texts)
            return UNDEFINED if answer is None else context.keep(answer)

        return run if pattern is not None and pattern.is_plain else _timed(run)

    return build


def _pattern_of_message(source: str | Undefined) -> Pattern | None:
    from rules.regex import compile_from_message

    return None if source is UNDEFINED else compile_from_message(source)


def _timed(run: Expression) -> Expression:
    """Return an expression that counts the processor time of another as steps.

    A call may take some milliseconds, and a nested SELECT makes one for every item.
    """

    def timed(members: dict[str, Value], context: Context) -> Value:
        began = thread_time()
        value = run(members, context)
        # a pause of Python's own, to collect garbage, is not the call's
        took_s = min(thread_time() - began, _LONGEST_CALL_S)
        context.spend_steps(int(took_s * STEPS_PER_SECOND))
        return value

    return timed


def _matches(pattern: Pattern, text: str) -> bool | None:
    return pattern.matches(text)


def _replace(pattern: Pattern, text: str, replacement: str) -> str | None:
    return pattern.replace(text, replacement)


def _substring(pattern: Pattern, text: str) -> str | None:
    return pattern.substring(text)


TABLE: Final = (
    Function("regexp_matches", V2015, (2,), _build(_matches), steps=50, gives_part=True),
    Function("regexp_replace", V2015, (3,), _build(_replace), steps=60),
    Function("regexp_substr", V2015, (2,), _build(_substring), steps=50, gives_part=True),
)
