"""Dates as text and back: what `parse_time` and `time_to_epoch` give.

Owns their arguments; the two languages of patterns are in `rules.dates`. It is imported when a
statement has one of them.

Source: AWS IoT Core Developer Guide, "Functions".
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeVar

from rules.conversions import to_integer
from rules.dates import (
    UTC,
    PatternError,
    Reader,
    Writer,
    Zone,
    compile_reader,
    compile_writer,
    find_zone,
)
from rules.dates.errors import MAX_PATTERN_CHARACTERS
from rules.dates.zones import region_names
from rules.expression import Expression
from rules.functions.table import CallSite
from rules.message import Context
from rules.values import UNDEFINED, Value

__all__ = ["build_parse_time", "build_time_to_epoch"]

_Compiled = TypeVar("_Compiled")
_Find = Callable[[dict[str, Value], Context], _Compiled | None]

# Of compiling a pattern that a message brings.
_STEPS_PER_CHARACTER: Final = 100
_QUOTED: Final = re.compile(r"'[^']*+'")
# Letters that mean something, but hardly what was meant.
_MIXED_UP: Final = (
    (re.compile(r"[HhKk]:?MM?(?!M)"), "M is the month; minutes are m, as in HH:mm"),
    (
        re.compile(r"y[-/.]?mm?[-/.]?d|d[-/.]?mm?[-/.]?y"),
        "m is the minute; months are M, as in yyyy-MM-dd",
    ),
)
_ZONES_ARE: Final = "zones are written like Europe/Berlin, UTC and +01:00"
_MAX_COMPARED: Final = 10
# The longest name has 32; comparing takes the square of the length.
_MAX_MISSPELT_CHARACTERS: Final = 40
# Short ones are abbreviations: CEST is like EST, and means something else.
_MIN_MISSPELT_CHARACTERS: Final = 5


def _warn_of_mixed_up_letters(call: CallSite, index: int, pattern: str) -> None:
    fields = _QUOTED.sub("''", pattern)
    for letters, text in _MIXED_UP:
        if letters.search(fields):
            call.warn(index, f"{call.name}: in its pattern, {text}")


@lru_cache(maxsize=1)
def _by_lower_case() -> dict[str, str]:
    """Return every zone by its name, and by the last part of its name, in lower case."""
    regions = {region.lower(): region for region in region_names()}
    return regions | {key.rpartition("/")[2]: each for key, each in sorted(regions.items())}


def _nearest_zone(name: str) -> str:
    """Return what to write instead of a name of no zone."""
    by_lower_case = _by_lower_case()
    if len(name) <= _MAX_MISSPELT_CHARACTERS:
        likeness = 0.8 if len(name) >= _MIN_MISSPELT_CHARACTERS else 1.0
        near = difflib.get_close_matches(name.lower(), by_lower_case, n=1, cutoff=likeness)
        if near:
            return f"did you mean {by_lower_case[near[0]]}?"
    return _ZONES_ARE


def _pattern(
    call: CallSite, index: int, compile_pattern: Callable[[str], _Compiled]
) -> _Find[_Compiled]:
    """Return what gives the compiled pattern of an argument, or None where it is none."""
    code = call.arguments[index]

    def compiled(value: Value) -> _Compiled | None:
        if not isinstance(value, str):
            return None
        try:
            return compile_pattern(value)
        except PatternError:
            return None

    if not code.is_constant:

        def of_message(members: dict[str, Value], context: Context) -> _Compiled | None:
            value = code.run(members, context)
            if isinstance(value, str) and len(value) <= MAX_PATTERN_CHARACTERS:
                context.spend_steps(_STEPS_PER_CHARACTER * len(value))
            return compiled(value)

        return of_message
    if isinstance(code.value, str):
        try:
            compile_pattern(code.value)
        except PatternError as error:
            call.warn(
                index,
                f"{call.name} is always Undefined here: {error}; what stands for itself is in "
                "quotes: \"yyyy-MM-dd'T'HH:mm\"",
            )
        else:
            _warn_of_mixed_up_letters(call, index, code.value)
    else:
        call.warn(index, f"{call.name} is always Undefined here: its pattern is not a String")
    constant = compiled(code.value)
    return lambda members, context: constant


def _zone(call: CallSite) -> _Find[Zone]:
    """Return what gives the zone of the third argument, or None where it names none."""
    if len(call.arguments) < 3:
        return lambda members, context: UTC
    code = call.arguments[2]

    def found(value: Value) -> Zone | None:
        return find_zone(value) if isinstance(value, str) else None

    if not code.is_constant:
        return lambda members, context: found(code.run(members, context))
    constant = found(code.value)
    if constant is None:
        hint = "its name is a String"
        if isinstance(code.value, str):
            # comparing takes a millisecond: whoever has many wrong ones reads a few hints
            many = len(call.warnings) >= _MAX_COMPARED
            hint = _ZONES_ARE if many else _nearest_zone(code.value)
        call.warn(2, f"{call.name} is always Undefined here: there is no such time zone; {hint}")
    return lambda members, context: constant


def build_parse_time(call: CallSite) -> Expression:
    """Make the expression of a call of `parse_time`."""
    writer_of: _Find[Writer] = _pattern(call, 0, compile_writer)
    time = call.arguments[1].run
    zone_of = _zone(call)

    def run(members: dict[str, Value], context: Context) -> Value:
        writer = writer_of(members, context)
        epoch_ms = to_integer(time(members, context))
        zone = zone_of(members, context)
        if writer is None or epoch_ms is None or zone is None:
            return UNDEFINED
        text = writer.write(epoch_ms, zone)
        return UNDEFINED if text is None else text

    return run


def build_time_to_epoch(call: CallSite) -> Expression:
    """Make the expression of a call of `time_to_epoch`."""
    text_of = call.arguments[0].run
    reader_of: _Find[Reader] = _pattern(call, 1, compile_reader)

    def run(members: dict[str, Value], context: Context) -> Value:
        text = text_of(members, context)
        reader = reader_of(members, context)
        if not isinstance(text, str) or reader is None:
            return UNDEFINED
        epoch_ms = reader.read(text)
        return UNDEFINED if epoch_ms is None else epoch_ms

    return run
