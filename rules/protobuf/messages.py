"""Protobuf messages to values, by their descriptor.

Owns which value each kind of field becomes. Knows nothing of descriptor files.

A message becomes an Object of the fields that are set, under the names the .proto file gives them:

    int32 ... uint64  Int, exactly           enum           the name, or an Int if it has none
    float, double     Decimal, the shortest  repeated       Array
                      text that reads back   map            Object, keys as text, sorted
    bool, string      Boolean, String        message        Object
    bytes             String, base64         NaN, infinite  "NaN", "Infinity", "-Infinity"

Timestamp, Duration, the wrappers and Struct become what ProtoJSON makes of them. A field without
presence (proto3 without `optional`) that has its default value is not set: protobuf does not
send it.

Invariants: reading raises nothing, whatever the bytes; a value is at most as deep as JSON may be,
and what must be longer than `scalars.MAX_OUTPUT_BYTES` as JSON is given up early.

Source: AWS IoT Core Developer Guide, "Decoding protobuf message payloads"; protobuf.dev, "ProtoJSON
Format" for what AWS does not say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from rules.protobuf.scalars import (
    Convert,
    Room,
    TooLarge,
    array_of,
    duration,
    scalar,
    timestamp,
    written_bytes,
)
from rules.values import UNDEFINED, Value

__all__ = ["MessageReader"]

# Timestamp and Duration; and the types that are written as their only field's value.
_SECONDS_AND_NANOS: Final = {
    "seconds": FieldDescriptor.CPPTYPE_INT64,
    "nanos": FieldDescriptor.CPPTYPE_INT32,
}
_ONE_FIELD: Final = frozenset(
    ("BoolValue", "BytesValue", "DoubleValue", "FloatValue", "Int32Value", "Int64Value",
     "ListValue", "StringValue", "Struct", "UInt32Value", "UInt64Value")
)  # fmt: skip


@final
class _Shape:
    """How the messages of one type become values; its fields' converters are made once."""

    __slots__ = ("_fields", "_shapes", "convert")

    def __init__(self, descriptor: Descriptor, shapes: dict[str, _Shape]) -> None:
        self._fields: dict[int, tuple[str, Convert]] = {}
        self._shapes = shapes
        self.convert: Convert = self._object
        package, _, name = descriptor.full_name.rpartition(".")
        if package != "google.protobuf":
            return
        # A file may call a type of its own so; it has to look like the well-known one too.
        kinds = {field.name: field.cpp_type for field in descriptor.fields}
        if kinds == _SECONDS_AND_NANOS:
            self.convert = {"Timestamp": timestamp, "Duration": duration}.get(name, self._object)
        elif name == "Value":
            self.convert = self._one_of
        elif len(kinds) == 1 and name in _ONE_FIELD:
            self.convert = self._only(descriptor.fields[0])

    def _object(self, message: Message, room: Room, depth: int) -> Value:
        room.enter(depth)
        result: dict[str, Value] = {}
        fields = self._fields
        for field, value in message.ListFields():
            known = fields.get(field.number)
            if known is None:
                known = fields[field.number] = self._field(field)
            name, convert = known
            room.take(len(name) + 3)
            result[name] = convert(value, room, depth + 1)
        return result

    def _only(self, field: FieldDescriptor) -> Convert:
        name = field.name
        convert = self._field(field)[1]

        def only(message: Message, room: Room, depth: int) -> Value:
            return convert(getattr(message, name), room, depth)

        return only

    def _one_of(self, message: Message, room: Room, depth: int) -> Value:
        for field, value in message.ListFields():
            known = self._fields.get(field.number)
            if known is None:
                known = self._fields[field.number] = self._field(field)
            return known[1](value, room, depth)
        return None

    def _field(self, field: FieldDescriptor) -> tuple[str, Convert]:
        name = f"[{field.full_name}]" if field.is_extension else field.name
        kind = field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            return name, _map(self._item(kind.fields_by_name["value"]))
        item = self._item(field)
        return name, array_of(item) if field.is_repeated else item

    def _item(self, field: FieldDescriptor) -> Convert:
        kind = field.message_type
        if kind is not None:
            return _shape(kind, self._shapes)
        return scalar(field)


def _shape(descriptor: Descriptor, shapes: dict[str, _Shape]) -> Convert:
    def convert(message: Message, room: Room, depth: int) -> Value:
        room.take_message()
        shape = shapes.get(descriptor.full_name)
        if shape is None:  # made when it is met: types may contain themselves
            shape = shapes[descriptor.full_name] = _Shape(descriptor, shapes)
        return shape.convert(message, room, depth)

    return convert


def _map(item: Convert) -> Convert:
    def convert(entries: Mapping[Any, Any], room: Room, depth: int) -> Value:
        room.enter(depth)
        if 4 * len(entries) > room.bytes_left:
            raise TooLarge
        result: dict[str, Value] = {}
        for key in sorted(entries):
            text = ("true" if key else "false") if isinstance(key, bool) else str(key)
            room.take(written_bytes(text) + 1)
            result[text] = item(entries[key], room, depth + 1)
        return result

    return convert


@final
class MessageReader:
    """Reads messages of one type."""

    __slots__ = ("_convert", "_new")

    def __init__(self, descriptor: Descriptor) -> None:
        self._new = GetMessageClass(descriptor)
        self._convert = _Shape(descriptor, {}).convert

    def read(self, data: bytes) -> Value:
        """Return a message as a value.

        Returns:
            The value; Null where the bytes are no message of this type; Undefined where it would be
            deeper than JSON may be or larger than `scalars.MAX_OUTPUT_BYTES`.
        """
        message = self._new()
        try:
            message.ParseFromString(data)
            return self._convert(message, Room(), 0)
        except TooLarge:
            return UNDEFINED
        except (DecodeError, ValueError):  # ValueError: text that is not UTF-8, a date out of range
            return None
