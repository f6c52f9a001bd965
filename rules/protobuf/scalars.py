"""The values of single protobuf fields, and of the well-known types that are written as text.

Owns how numbers, bytes, enums, timestamps and durations are written, and how much may be written.

Source: protobuf.dev, "ProtoJSON Format".
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias, final

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from rules.payload import MAX_DEPTH
from rules.values import Value

__all__ = [
    "MAX_OUTPUT_BYTES",
    "Convert",
    "Room",
    "TooLarge",
    "duration",
    "scalar",
    "timestamp",
    "whole",
]

# AWS's limit for what a message becomes.
MAX_OUTPUT_BYTES: Final = 128 * 1024

# Messages within a message: each takes microseconds in Python, and two bytes on the wire.
_MAX_MESSAGES: Final = 5_000

# What is outside, or longer, is a Decimal. 15 digits and a point; with a sign, a digit fewer.
_SMALL: Final = 1e-4
_LARGE: Final = 1e15
_LONG: Final = 16

_pack: Final = struct.Struct("<f").pack
_unpack: Final = struct.Struct("<f").unpack

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_TIMESTAMP_S: Final = 253_402_300_799  # 9999-12-31T23:59:59Z
_FIRST_TIMESTAMP_S: Final = -62_135_596_800  # 0001-01-01T00:00:00Z
_LAST_DURATION_S: Final = 315_576_000_000  # about 10,000 years
_NANOS_A_SECOND: Final = 1_000_000_000


class TooLarge(Exception):  # noqa: N818 - named after what the message is
    """A message would become deeper or longer than a value may be."""


@final
class Room:
    """What one message may still become."""

    __slots__ = ("bytes_left", "messages_left")

    def __init__(self) -> None:
        self.bytes_left = MAX_OUTPUT_BYTES
        self.messages_left = _MAX_MESSAGES

    def take(self, count: int) -> None:
        """Use up bytes of the JSON that the value will be; a lower bound is enough."""
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise TooLarge

    def take_message(self) -> None:
        """Use up one message."""
        self.messages_left -= 1
        if self.messages_left < 0:
            raise TooLarge

    def enter(self, depth: int) -> None:
        """Begin an Object or Array with so many others around it."""
        if depth >= MAX_DEPTH:
            raise TooLarge
        self.take(2)


# Of one item of a field, at a depth. Fields of all kinds come as `Any` from the library.
Convert: TypeAlias = Callable[[Any, Room, int], Value]


def whole(value: int, room: Room, depth: int) -> Value:
    """Return an integer as it is."""
    room.take(2)
    return value


def _boolean(value: bool, room: Room, depth: int) -> Value:
    room.take(5)
    return value


def _text(value: str | bytes, room: Room, depth: int) -> Value:
    if isinstance(value, bytes):  # what the library gives where proto2 sent no UTF-8
        raise ValueError("a string that is not UTF-8")
    room.take(len(value) + 3)
    return value


def _base64(value: bytes, room: Room, depth: int) -> Value:
    room.take(len(value) * 4 // 3 + 3)
    return base64.b64encode(value).decode()


def _double(value: float, room: Room, depth: int) -> Value:
    if not math.isfinite(value):
        return _not_finite(value, room)
    text = repr(value)
    room.take(len(text) - 2)
    # As `values` has it: a float stands for at most 15 digits without an exponent.
    if value == 0 or (_SMALL <= abs(value) < _LARGE and len(text) <= _LONG):
        return value
    return Decimal(text)


def _float(value: float, room: Room, depth: int) -> Value:
    """Return the shortest decimal that is the same in binary32."""
    if not math.isfinite(value):
        return _not_finite(value, room)
    # Six decimal digits always survive binary32, and nine always name one.
    shortest = _rounded("%.6g", value)
    if shortest is None:
        shortest = _rounded("%.8g", value)
        if shortest is None:
            shortest = float(f"{value:.9g}")
        else:
            shorter = _rounded("%.7g", value)
            shortest = shortest if shorter is None else shorter
    return _double(shortest, room, depth)


def _rounded(layout: str, value: float) -> float | None:
    """Return a binary32 number in fewer digits, unless they mean another one."""
    rounded = float(layout % value)
    try:
        return rounded if _unpack(_pack(rounded))[0] == value else None
    except OverflowError:  # rounded up beyond the largest
        return None


def _not_finite(value: float, room: Room) -> Value:
    room.take(5)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _enumeration(enum: EnumDescriptor) -> Convert:
    if enum.full_name == "google.protobuf.NullValue":
        return _null
    names = {number: value.name for number, value in enum.values_by_number.items()}

    def convert(value: int, room: Room, depth: int) -> Value:
        room.take(2)
        return names.get(value, value)

    return convert


def _null(value: int, room: Room, depth: int) -> Value:
    room.take(4)
    return None


_SCALARS: Final[dict[int, Convert]] = {
    FieldDescriptor.CPPTYPE_INT32: whole,
    FieldDescriptor.CPPTYPE_INT64: whole,
    FieldDescriptor.CPPTYPE_UINT32: whole,
    FieldDescriptor.CPPTYPE_UINT64: whole,
    FieldDescriptor.CPPTYPE_DOUBLE: _double,
    FieldDescriptor.CPPTYPE_FLOAT: _float,
    FieldDescriptor.CPPTYPE_BOOL: _boolean,
}


def scalar(field: FieldDescriptor) -> Convert:
    """Return how one item of a field becomes a value; the field is of no message type."""
    if field.enum_type is not None:
        return _enumeration(field.enum_type)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _base64
    return _SCALARS.get(field.cpp_type, _text)


def _fraction(nanos: int) -> str:
    """Return nanoseconds as 0, 3, 6 or 9 digits behind a point."""
    if nanos == 0:
        return ""
    text = f"{nanos:09}"
    while text.endswith("000"):
        text = text[:-3]
    return f".{text}"


def timestamp(message: Any, room: Room, depth: int) -> Value:
    """Return a Timestamp in UTC as RFC 3339 has it.

    Raises:
        ValueError: It is no date.
    """
    seconds, nanos = message.seconds, message.nanos
    if not (_FIRST_TIMESTAMP_S <= seconds <= _LAST_TIMESTAMP_S and 0 <= nanos < _NANOS_A_SECOND):
        raise ValueError("a timestamp that is no date")
    date = (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()
    return _text(f"{date}{_fraction(nanos)}Z", room, depth)


def duration(message: Any, room: Room, depth: int) -> Value:
    """Return a Duration in seconds with the unit, such as `1.500s`.

    Raises:
        ValueError: It is out of range.
    """
    seconds, nanos = message.seconds, message.nanos
    if abs(seconds) > _LAST_DURATION_S or abs(nanos) >= _NANOS_A_SECOND or seconds * nanos < 0:
        raise ValueError("a duration out of range")
    sign = "-" if seconds < 0 or nanos < 0 else ""
    return _text(f"{sign}{abs(seconds)}{_fraction(abs(nanos))}s", room, depth)
