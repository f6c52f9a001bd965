"""A message type with a field of every kind, for the tests of protobuf: its descriptors, its class.

The descriptors are what protoc makes, with all imports before the file that imports them.
"""

from __future__ import annotations

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.message_factory import GetMessageClass

__all__ = ["DESCRIPTORS", "POOL", "SET", "Everything", "Legacy", "described", "kind_of"]

Field = descriptor_pb2.FieldDescriptorProto
SCALARS = ("double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32",
           "fixed64", "sfixed32", "sfixed64", "bool", "string", "bytes")  # fmt: skip
WELL_KNOWN = {
    "at": ".google.protobuf.Timestamp", "took": ".google.protobuf.Duration",
    "maybe": ".google.protobuf.DoubleValue", "any": ".google.protobuf.Value",
    "bag": ".google.protobuf.Struct", "items": ".google.protobuf.ListValue",
    "again": ".plant.v1.Everything", "inner": ".plant.v1.Everything.Inner",
}  # fmt: skip


def kind_of(name: str) -> int:
    return Field.Type.Value(f"TYPE_{name.upper()}")


def described() -> descriptor_pb2.FileDescriptorSet:
    """A set as protoc makes it: one message type with a field of every kind, and its imports."""
    every = descriptor_pb2.FileDescriptorSet()
    for imported in (timestamp_pb2, duration_pb2, struct_pb2, wrappers_pb2):
        imported.DESCRIPTOR.CopyToProto(every.file.add())
    old = every.file.add(name="old.proto", package="old", syntax="proto2")
    legacy = old.message_type.add(name="Legacy")
    legacy.field.add(name="text", number=1, label=1, type=kind_of("string"))
    legacy.field.add(name="rate", number=2, label=1, type=kind_of("int32"), default_value="9")
    legacy.extension_range.add(start=100, end=200)
    old.extension.add(
        name="extra", number=100, label=1, type=kind_of("int32"), extendee=".old.Legacy"
    )
    file = every.file.add(name="plant/readings.proto", package="plant.v1", syntax="proto3")
    file.dependency.extend(f.name for f in every.file[:-2])
    message = file.message_type.add(name="Everything")
    inner = message.nested_type.add(name="Inner")
    inner.field.add(
        name="sensor_id", number=1, label=1, type=kind_of("string"), json_name="sensorId"
    )
    colour = message.enum_type.add(name="Colour")
    for number, name in enumerate(("COLOUR_UNKNOWN", "RED", "GREEN")):
        colour.value.add(name=name, number=number)
    number = 0
    for name in SCALARS:
        number += 1
        message.field.add(name=f"a_{name}", number=number, label=1, type=kind_of(name))
        message.field.add(name=f"many_{name}", number=number + 100, label=3, type=kind_of(name))
    for name, type_name in WELL_KNOWN.items():
        number += 1
        message.field.add(
            name=name, number=number, label=1, type=kind_of("message"), type_name=type_name
        )
        message.field.add(
            name=f"many_{name}",
            number=number + 100,
            label=3,
            type=kind_of("message"),
            type_name=type_name,
        )
    for name, label in (("colour", 1), ("colours", 3)):
        number += 1
        message.field.add(
            name=name,
            number=number,
            label=label,
            type=kind_of("enum"),
            type_name=".plant.v1.Everything.Colour",
        )
    message.oneof_decl.add(name="choice")
    for name in ("left", "right"):
        number += 1
        message.field.add(name=name, number=number, label=1, type=kind_of("int32"), oneof_index=0)
    message.oneof_decl.add(name="_perhaps")
    message.field.add(
        name="perhaps",
        number=number + 1,
        label=1,
        type=kind_of("int32"),
        oneof_index=1,
        proto3_optional=True,
    )
    for offset, key in enumerate(("string", "int64", "bool")):
        entry = message.nested_type.add(name=f"By{key.title()}Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, label=1, type=kind_of(key))
        entry.field.add(
            name="value",
            number=2,
            label=1,
            type=kind_of("message"),
            type_name=".plant.v1.Everything.Inner",
        )
        message.field.add(
            name=f"by_{key}",
            number=90 + offset,
            label=3,
            type=kind_of("message"),
            type_name=f".plant.v1.Everything.By{key.title()}Entry",
        )
    return every


SET = described()
DESCRIPTORS = SET.SerializeToString()
POOL = descriptor_pool.DescriptorPool()
for each in SET.file:
    POOL.AddSerializedFile(each.SerializeToString())
Everything = GetMessageClass(POOL.FindMessageTypeByName("plant.v1.Everything"))
Legacy = GetMessageClass(POOL.FindMessageTypeByName("old.Legacy"))
