"""The functions of strings, and `newuuid`.

Owns what each gives. String arguments are converted to String first; Null and Undefined have no
text, so they give Undefined. Positions and lengths count characters (Unicode code points) from 0.
Knows nothing of regular expressions.

Source: AWS IoT Core Developer Guide, "Functions".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rules.conversions import floor, to_number, to_text
from rules.expression import Expression
from rules.functions.table import Build, CallSite, Function, of_many, of_one, of_two
from rules.message import Context
from rules.values import MAX_TEXT_CHARACTERS, UNDEFINED, V2015, V2016, Dialect, Undefined, Value

__all__ = ["TABLE"]

_MAX_PADDING: Final = 1000

# `ltrim` and `rtrim` are documented to remove tabs and blanks; `trim`, white space.
_BLANKS: Final = " \t"
_WHITE_SPACE: Final = " \t\n\v\f\r"


def _bounded(text: str) -> str | Undefined:
    return text if len(text) <= MAX_TEXT_CHARACTERS else UNDEFINED


def _of_text(function: Callable[[str], Value]) -> Build:
    """Return the build of a function of one value converted to String."""

    def apply(value: Value, dialect: Dialect) -> Value:
        text = to_text(value, dialect)
        return UNDEFINED if text is UNDEFINED else function(text)

    return of_one(apply)


def _of_two_texts(function: Callable[[str, str], Value]) -> Build:
    """Return the build of a function of two values converted to String."""

    def apply(first: Value, second: Value, dialect: Dialect) -> Value:
        text = to_text(first, dialect)
        other = to_text(second, dialect)
        if text is UNDEFINED or other is UNDEFINED:
            return UNDEFINED
        return function(text, other)

    return of_two(apply)


def _clamped(value: Value, upper: int) -> int | None:
    """Return a value floored and put between 0 and a limit; None if it converts to no number."""
    number = to_number(value)
    return None if number is None else int(max(0, min(floor(number), upper)))


def _chr(value: Value, dialect: Dialect) -> Value:
    number = to_number(value)
    if number is None:
        return UNDEFINED
    code = floor(number)
    return chr(int(code)) if 0 <= code < 128 else UNDEFINED


def _padding(pad: Callable[[str, str], str]) -> Callable[[Value, Value, Dialect], Value]:
    """Return the function that adds blanks: that many, not up to that width."""

    def add(value: Value, count: Value, dialect: Dialect) -> Value:
        text = to_text(value, dialect)
        blanks = _clamped(count, _MAX_PADDING)
        if text is UNDEFINED or blanks is None:
            return UNDEFINED
        return _bounded(pad(text, " " * blanks))

    return add


def _byte_count(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))


def _replace(values: list[Value], dialect: Dialect) -> Value:
    text, old, new = (to_text(value, dialect) for value in values)
    if text is UNDEFINED or old is UNDEFINED or new is UNDEFINED:
        return UNDEFINED
    if len(new) > len(old):
        # Looked at before it is built: it may be as long as the product of two lengths.
        growth = text.count(old) * (len(new) - len(old))
        if len(text) + growth > MAX_TEXT_CHARACTERS:
            return UNDEFINED
    return _bounded(text.replace(old, new))


def _substring(values: list[Value], dialect: Dialect) -> Value:
    text = to_text(values[0], dialect)
    if text is UNDEFINED:
        return UNDEFINED
    start = _clamped(values[1], len(text))
    end = len(text) if len(values) == 2 else _clamped(values[2], len(text))
    return UNDEFINED if start is None or end is None else text[start:end]


def _newuuid(call: CallSite) -> Expression:
    def run(members: dict[str, Value], context: Context) -> Value:
        return context.environment.new_uuid()

    return run


TABLE: Final = (
    Function("chr", V2015, (1,), of_one(_chr)),
    Function("endswith", V2015, (2,), _of_two_texts(str.endswith), gives_part=True),
    Function("indexof", V2016, (2,), _of_two_texts(str.find), gives_part=True),
    Function("length", V2016, (1,), _of_text(len), gives_part=True),
    Function("lower", V2015, (1,), _of_text(lambda text: _bounded(text.lower()))),
    Function("lpad", V2015, (2,), of_two(_padding(lambda text, blanks: blanks + text))),
    Function("ltrim", V2015, (1,), _of_text(lambda text: text.lstrip(_BLANKS)), gives_part=True),
    Function("newuuid", V2015, (0,), _newuuid, is_pure=False, steps=40),
    Function("numbytes", V2016, (1,), _of_text(_byte_count)),
    Function("replace", V2015, (3,), of_many(_replace)),
    Function("rpad", V2015, (2,), of_two(_padding(lambda text, blanks: text + blanks))),
    Function("rtrim", V2015, (1,), _of_text(lambda text: text.rstrip(_BLANKS)), gives_part=True),
    Function("startswith", V2015, (2,), _of_two_texts(str.startswith), gives_part=True),
    Function("substring", V2015, (2, 3), of_many(_substring), gives_part=True),
    Function("trim", V2015, (1,), _of_text(lambda text: text.strip(_WHITE_SPACE)), gives_part=True),
    Function("upper", V2015, (1,), _of_text(lambda text: _bounded(text.upper()))),
)
