"""Dates as text and back: what `parse_time` and `time_to_epoch` give.

Owns their arguments; the two languages of patterns are in `rules.dates`. It is imported when a
statement has one of them.

Source: AWS IoT Core Developer Guide, "Functions".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

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
from rules.expression import Expression
from rules.functions.table import CallSite
from rules.message import Context
from rules.values import UNDEFINED, Value

__all__ = ["build_parse_time", "build_time_to_epoch"]

_Compiled = TypeVar("_Compiled")
_Find = Callable[[dict[str, Value], Context], _Compiled | None]


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
        return lambda members, context: compiled(code.run(members, context))
    if isinstance(code.value, str):
        try:
            compile_pattern(code.value)
        except PatternError as error:
            call.warn(index, f"{call.name} is always Undefined here: {error}")
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
        call.warn(2, f"{call.name} is always Undefined here: there is no such time zone")
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
