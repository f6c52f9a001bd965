"""Descriptor files of protobuf: how a type is found, what can be wrong, that a change is seen."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2

import rules
from rules.outside import MAX_DESCRIPTOR_BYTES
from rules.protobuf import descriptors as descriptors_module
from rules.protobuf import message_reader
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


@pytest.mark.parametrize(
    ("proto_name", "message_type"), [("x" * 100_000, "T"), ("readings", "x" * 100_000)]
)
def test_long_names_are_cut_and_not_kept(proto_name: str, message_type: str) -> None:
    kept = descriptors_module._reader.cache_info().currsize
    with pytest.raises(rules.EvaluationFailed) as failed:
        message_reader(DESCRIPTORS, proto_name, message_type)
    assert "'" + "x" * 200 + "…'" in str(failed.value)
    assert len(str(failed.value)) < 400
    assert descriptors_module._reader.cache_info().currsize == kept


def test_names_of_files_are_cut() -> None:
    every = descriptor_pb2.FileDescriptorSet()
    every.file.add(name="f" * 5000 + "/own.proto", syntax="proto3")
    with pytest.raises(rules.EvaluationFailed) as failed:
        message_reader(every.SerializeToString(), "own", "T")
    assert str(failed.value).startswith("decode: " + "f" * 200 + "… has no message type 'T'")
    every.file[0].dependency.append("g" * 5000)
    with pytest.raises(rules.EvaluationFailed, match="not complete") as failed:
        message_reader(every.SerializeToString(), "own", "T")
    assert len(str(failed.value)) < 400


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
