"""The values of single protobuf fields, and of the well-known types that are written as text.

Owns how numbers, bytes, enums, timestamps and durations are written, and how much may be written.

Source: protobuf.dev, "ProtoJSON Format".
"""

from __future__ import annotations

import base64
import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeAlias, final

import orjson
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from rules.payload import MAX_DEPTH
from rules.values import Value

__all__ = [
    "MAX_OUTPUT_BYTES",
    "Convert",
    "Room",
    "TooLarge",
    "array_of",
    "duration",
    "scalar",
    "timestamp",
    "written_bytes",
]

# AWS's limit for what a message becomes.
MAX_OUTPUT_BYTES: Final = 128 * 1024

# Messages within a message: each takes microseconds in Python, and two bytes on the wire.
_MAX_MESSAGES: Final = 5_000

# What is outside, or longer, is a Decimal. 15 digits and a point; with a sign, a digit fewer.
_SMALL: Final = 1e-4
_LARGE: Final = 1e15
_LONG: Final = 16

# With these exponents repr has one, and JSON has all digits.
_WRITTEN_OUT: Final = frozenset(("e-05", "e-06", *(f"e+{places}" for places in range(16, 34))))

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
        self.bytes_left = MAX_OUTPUT_BYTES + 1  # there is no comma behind the last
        self.messages_left = _MAX_MESSAGES

    def take(self, count: int) -> None:
        """Use up bytes of the JSON that the value will be.

        Each item counts the comma behind it. A lower bound by a few bytes is enough.
        """
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
    room.take(len(str(value)) + 1)
    return value


def _boolean(value: bool, room: Room, depth: int) -> Value:
    room.take(5)
    return value


def written_bytes(text: str) -> int:
    """Return the length of a text in JSON: quotes, escapes and all."""
    return len(orjson.dumps(text))


def _text(value: str | bytes, room: Room, depth: int) -> Value:
    if isinstance(value, bytes):  # what the library gives where proto2 sent no UTF-8
        raise ValueError("a string that is not UTF-8")
    room.take(written_bytes(value) + 1)
    return value


def _base64(value: bytes, room: Room, depth: int) -> Value:
    room.take(-(-len(value) // 3) * 4 + 3)
    return base64.b64encode(value).decode()


def _double(value: float, room: Room, depth: int) -> Value:
    return _doubles([value], room)[0]


def _float(value: float, room: Room, depth: int) -> Value:
    return _floats([value], room)[0]


def _wholes(values: list[int], room: Room) -> list[Value]:
    # str writes two characters between items, JSON one.
    room.take(len(str(values)) - len(values))
    return list(values)


def _doubles(values: list[float], room: Room) -> list[Value]:
    texts = list(map(repr, values))
    _take_numbers(texts, room)
    return [_number(value, text) for value, text in zip(values, texts, strict=True)]


def _take_numbers(texts: list[str], room: Room) -> None:
    written = ",".join([*texts, ""])
    # JSON leaves off ".0", and has quotes and longer words where there is no number.
    more = 7 * written.count("inf,") + 2 * written.count("nan,") - 2 * written.count(".0,")
    if "e" in written:
        longer = [text for text in texts if text[-4:] in _WRITTEN_OUT]
        more += sum(len(format(Decimal(text), "f")) - len(text) for text in longer)
    room.take(len(written) + more)


def _number(value: float, text: str) -> Value:
    # As `values` has it: a float stands for at most 15 digits without an exponent.
    if (_SMALL <= abs(value) < _LARGE and len(text) <= _LONG) or value == 0:
        return value
    return Decimal(text) if math.isfinite(value) else _not_finite(value)


def _floats(values: list[float], room: Room) -> list[Value]:
    """Return the shortest decimals that are the same in binary32."""
    different = list(set(values))
    # Six decimal digits always survive binary32, and nine always name one.
    texts, wrong = _in_digits(6, different)
    if wrong:
        with_eight, need_nine = _in_digits(8, [different[index] for index in wrong])
        shorter = sorted(set(range(len(wrong))).difference(need_nine))
        with_seven, need_eight = _in_digits(7, [different[wrong[index]] for index in shorter])
        with_nine, _ = _in_digits(9, [different[wrong[index]] for index in need_nine])
        for index, text in zip(shorter, with_seven, strict=True):
            texts[wrong[index]] = text
        for index in need_eight:
            texts[wrong[shorter[index]]] = with_eight[shorter[index]]
        for index, text in zip(need_nine, with_nine, strict=True):
            texts[wrong[index]] = text
    numbers = list(map(float, texts))
    texts = [
        repr(number) if "e" in text else text for number, text in zip(numbers, texts, strict=True)
    ]
    text_of = dict(zip(different, texts, strict=True))
    _take_numbers(list(map(text_of.__getitem__, values)), room)
    converted = [_number(number, text) for number, text in zip(numbers, texts, strict=True)]
    return list(map(dict(zip(different, converted, strict=True)).__getitem__, values))


def _in_digits(digits: int, values: list[float]) -> tuple[list[str], list[int]]:
    """Return binary32 numbers in so many digits, and the indexes where that names another one."""
    texts = (f"%.{digits}g " * len(values) % tuple(values)).split()
    read = array("f", map(float, texts))  # what is beyond the largest becomes infinite
    pairs = enumerate(zip(values, read, strict=True))
    # What is no number is equal to nothing, itself included.
    return texts, [index for index, (one, again) in pairs if one != again and one == one]


def _not_finite(value: float) -> Value:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _enumeration(enum: EnumDescriptor) -> Convert:
    if enum.full_name == "google.protobuf.NullValue":
        return _null
    names = {number: value.name for number, value in enum.values_by_number.items()}

    def convert(value: int, room: Room, depth: int) -> Value:
        name = names.get(value)
        if name is None:
            return whole(value, room, depth)
        room.take(len(name) + 3)
        return name

    return convert


def _null(value: int, room: Room, depth: int) -> Value:
    room.take(5)
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
# Fields of numbers may have tens of thousands of them: so many at once, and room is looked for.
_CHUNK: Final = 1024
_CHUNKS: Final[dict[Convert, Callable[[list[Any], Room], list[Value]]]] = {
    whole: _wholes,
    _double: _doubles,
    _float: _floats,
}


def scalar(field: FieldDescriptor) -> Convert:
    """Return how one item of a field becomes a value; the field is of no message type."""
    if field.enum_type is not None:
        return _enumeration(field.enum_type)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _base64
    return _SCALARS.get(field.cpp_type, _text)


def array_of(item: Convert) -> Convert:
    """Return how a repeated field becomes an Array."""
    chunk = _CHUNKS.get(item)

    def each(values: Iterable[Any], room: Room, depth: int) -> Value:
        room.enter(depth)
        return [item(value, room, depth + 1) for value in values]

    if chunk is None:
        return each

    def chunks(values: Sequence[Any], room: Room, depth: int) -> Value:
        room.enter(depth)
        if 2 * len(values) > room.bytes_left:  # a digit and a comma each
            raise TooLarge
        result: list[Value] = []
        for start in range(0, len(values), _CHUNK):
            result.extend(chunk(list(values[start : start + _CHUNK]), room))
        return result

    return chunks


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
