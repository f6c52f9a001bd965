"""The functions of time.

Owns what each gives; the two languages of patterns are in `rules.dates`.

Source: AWS IoT Core Developer Guide, "Functions".
"""

from __future__ import annotations

from collections.abc import Callable
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
from rules.expression import Expression
from rules.functions.table import CallSite, Function
from rules.message import Context
from rules.values import UNDEFINED, V2015, V2016, Value

__all__ = ["TABLE"]

_Compiled = TypeVar("_Compiled")
_Find = Callable[[dict[str, Value], Context], _Compiled | None]


def _timestamp(call: CallSite) -> Expression:
    def run(members: dict[str, Value], context: Context) -> Value:
        return context.environment.now_ms()

    return run


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


def _parse_time(call: CallSite) -> Expression:
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


def _time_to_epoch(call: CallSite) -> Expression:
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


TABLE: Final = (
    Function("timestamp", V2015, (0,), _timestamp, is_pure=False),
    Function("parse_time", V2016, (2, 3), _parse_time),
    Function("time_to_epoch", V2016, (2,), _time_to_epoch),
)
