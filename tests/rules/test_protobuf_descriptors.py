"""Descriptor files of protobuf: how a type is found, what can be wrong, that a change is seen."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2

import rules
from rules.protobuf import MAX_DESCRIPTOR_BYTES, message_reader
from tests.rules.protobuf_schema import DESCRIPTORS, SET, Everything, described, kind_of


@pytest.mark.parametrize(
    ("proto_name", "message_type"),
    [
        ("readings", "Everything"), ("readings.proto", "Everything"),
        ("plant/readings", "Everything"), ("plant/readings.proto", "plant.v1.Everything"),
        ("readings", "Everything.Inner"), ("readings", "plant.v1.Everything.Inner"),
        ("google/protobuf/timestamp", "Timestamp"),
    ],
)  # fmt: skip
def test_a_type_is_found_by_file_and_name(proto_name: str, message_type: str) -> None:
    reader = message_reader(DESCRIPTORS, proto_name, message_type)
    assert reader is message_reader(bytes(bytearray(DESCRIPTORS)), proto_name, message_type)


def incomplete() -> bytes:
    lonely = descriptor_pb2.FileDescriptorSet()
    lonely.file.append(SET.file[-1])
    return lonely.SerializeToString()


@pytest.mark.parametrize(
    ("descriptors", "proto_name", "message_type", "reason"),
    [
        (DESCRIPTORS, "reading", "Everything", "has no 'reading'"),
        (DESCRIPTORS, "", "Everything", "has no ''"),
        (DESCRIPTORS, "readings", "Nothing", "no message type 'Nothing'"),
        (DESCRIPTORS, "readings", "", "no message type ''"),
        (DESCRIPTORS, "readings", "old.Legacy", "no message type 'old.Legacy'"),
        (DESCRIPTORS, "readings", "Everything.Colour", "no message type"),
        (b"", "readings", "Everything", "has no 'readings'"),
        (b"syntax = 'proto3';", "readings", "Everything", "no FileDescriptorSet"),
        (incomplete(), "readings", "Everything", "not complete"),
        (b"\x0a" * (MAX_DESCRIPTOR_BYTES + 1), "readings", "Everything", "more than 32768"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_descriptor_file_is_said(
    descriptors: bytes, proto_name: str, message_type: str, reason: str
) -> None:
    for _ in range(2):  # the second answer comes from the cache
        with pytest.raises(rules.EvaluationFailed, match=reason):
            message_reader(descriptors, proto_name, message_type)


def test_a_changed_descriptor_file_is_seen() -> None:
    changed = described()
    changed.file[-1].message_type[0].field[0].name = "renamed"
    reader = message_reader(changed.SerializeToString(), "readings", "Everything")
    data = Everything(a_double=0.5).SerializeToString()
    assert reader.read(data) == {"renamed": 0.5}
    assert message_reader(DESCRIPTORS, "readings", "Everything").read(data) == {"a_double": 0.5}


def test_a_type_that_only_calls_itself_well_known_is_read_as_a_message() -> None:
    pretender = descriptor_pb2.FileDescriptorSet()
    file = pretender.file.add(name="own.proto", package="google.protobuf", syntax="proto3")
    for name in ("Timestamp", "Struct", "Value", "DoubleValue"):
        message = file.message_type.add(name=name)
        message.field.add(name="x", number=1, label=1, type=kind_of("int32"))
        message.field.add(name="y", number=2, label=1, type=kind_of("int32"))
    descriptors = pretender.SerializeToString()
    for name in ("Timestamp", "Struct", "DoubleValue"):
        assert message_reader(descriptors, "own", name).read(b"\x08\x01") == {"x": 1}
    assert message_reader(descriptors, "own", "Value").read(b"\x08\x01") == 1
