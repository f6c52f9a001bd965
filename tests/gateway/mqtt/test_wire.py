"""The data types: their bytes are the standard's, and nothing else is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mqtt import wire
from gateway.mqtt.errors import MalformedPacket, MqttError, ProtocolViolation
from gateway.mqtt.packets import next_packet
from tests.gateway.mqtt.strategies import FEW

LENGTHS = [
    (0, "00"),
    (1, "01"),
    (127, "7f"),
    (128, "8001"),
    (16_383, "ff7f"),
    (16_384, "808001"),
    (2_097_151, "ffff7f"),
    (2_097_152, "80808001"),
    (wire.MAX_REMAINING_LENGTH, "ffffff7f"),
]


@pytest.mark.parametrize(("value", "encoded"), LENGTHS)
def test_variable_byte_integers_are_the_standard_s(value: int, encoded: str) -> None:
    data = bytes.fromhex(encoded)
    assert wire.encode_variable_byte_integer(value) == data
    assert wire.encode_remaining_length(value) == data
    assert wire.read_variable_byte_integer(b"?" + data + b"?", 1) == (value, 1 + len(data))


@pytest.mark.parametrize(("length", "encoded"), LENGTHS)
def test_the_end_of_a_packet_is_found_by_its_remaining_length(length: int, encoded: str) -> None:
    data = b"\x30" + bytes.fromhex(encoded)
    assert next_packet(data, 0) == (len(data), len(data) + length)
    assert next_packet(b"??" + data, 2) == (2 + len(data), 2 + len(data) + length)
    for end in range(len(data)):
        assert next_packet(data[:end], 0) is None


def test_a_remaining_length_of_five_bytes_is_malformed() -> None:
    with pytest.raises(MalformedPacket, match="four bytes") as refusal:
        next_packet(bytes.fromhex("30ffffffff"), 0)
    assert refusal.value.cause == "remaining-length"
    assert next_packet(bytes.fromhex("30ffffff"), 0) is None


def test_a_remaining_length_with_spare_bytes_can_be_told_by_the_byte_before_the_body() -> None:
    data = bytes.fromhex("c08000")
    assert next_packet(data, 0) == (3, 3)
    assert data[2] == 0


@pytest.mark.parametrize(
    ("read", "data", "cause"),
    [
        (wire.read_byte, "", "truncated"),
        (wire.read_two_bytes, "00", "truncated"),
        (wire.read_four_bytes, "000000", "truncated"),
        (wire.read_variable_byte_integer, "", "truncated"),
        (wire.read_variable_byte_integer, "80", "truncated"),
        (wire.read_variable_byte_integer, "808080", "truncated"),
        (wire.read_variable_byte_integer, "8000", "variable-byte-integer"),
        (wire.read_variable_byte_integer, "ff00", "variable-byte-integer"),
        (wire.read_variable_byte_integer, "80808000", "variable-byte-integer"),
        (wire.read_variable_byte_integer, "8080808001", "variable-byte-integer"),
        (wire.read_variable_byte_integer, "ffffffff", "variable-byte-integer"),
        (wire.read_binary, "00", "truncated"),
        (wire.read_binary, "0002 61", "truncated"),
        (wire.read_string, "0001", "truncated"),
        (wire.read_string, "0001 ff", "string-encoding"),
        (wire.read_string, "0002 c080", "string-encoding"),  # U+0000, too long
        (wire.read_string, "0003 eda080", "string-encoding"),  # a surrogate
        (wire.read_string, "0003 edbfbf", "string-encoding"),  # the last one
        (wire.read_string, "0004 f4908080", "string-encoding"),  # beyond U+10FFFF
        (wire.read_string, "0001 00", "string-null"),
        (wire.read_string, "0003 610062", "string-null"),
        (wire.read_string_pair, "0001 61", "truncated"),
        (wire.read_string_pair, "0001 61 0001 ff", "string-encoding"),
        (wire.read_packet_identifier, "01", "truncated"),
    ],
)
def test_what_cannot_be_read_is_malformed(
    read: Callable[[bytes, int], tuple[Any, int]], data: str, cause: str
) -> None:
    with pytest.raises(MalformedPacket) as refusal:
        read(bytes.fromhex(data), 0)
    assert (refusal.value.cause, refusal.value.reason_code) == (cause, 0x81)


def test_packet_identifier_0_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolViolation) as refusal:
        wire.read_packet_identifier(b"\0\0", 0)
    assert (refusal.value.cause, refusal.value.reason_code) == ("packet-identifier", 0x82)
    assert wire.read_packet_identifier(b"\1\2", 0) == (258, 2)


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("", "0000"),
        ("A\U0002a6d4", "0005 41f0aa9b94"),
        ("\ufeff", "0003 efbbbf"),  # kept, wherever it stands
        ("a\ufeffb", "0005 61efbbbf62"),
        ("\ud7ff\ue000\U0010ffff", "000a ed9fbf ee8080 f48fbfbf"),
        ("\x01\x7f", "0002 017f"),  # control characters are unwise, not forbidden
    ],
)
def test_strings_are_the_standard_s(text: str, encoded: str) -> None:
    data = bytes.fromhex(encoded)
    assert wire.encode_string(text) == data
    assert wire.read_string(data, 0) == (text, len(data))


def test_integers_have_their_high_byte_first() -> None:
    assert wire.encode_two_bytes(258) == b"\1\2"
    assert wire.encode_four_bytes(0x01020304) == b"\1\2\3\4"
    assert wire.read_two_bytes(b"?\1\2", 1) == (258, 3)
    assert wire.read_four_bytes(b"?\1\2\3\4", 1) == (0x01020304, 5)
    assert wire.read_four_bytes(b"\xff\xff\xff\xff", 0) == (2**32 - 1, 4)


def test_what_does_not_fit_is_not_encoded() -> None:
    longest = "x" * wire.MAX_STRING_BYTES
    assert wire.read_string(wire.encode_string(longest), 0) == (longest, 65_537)
    refusals: list[Callable[[], bytes]] = [
        lambda: wire.encode_string(longest + "x"),
        lambda: wire.encode_binary(b"x" * 65_536),
        lambda: wire.encode_string_pair(("a", longest + "x")),
        lambda: wire.encode_variable_byte_integer(wire.MAX_REMAINING_LENGTH + 1),
    ]
    for refused in refusals:
        with pytest.raises(ValueError, match=r"too many|does not fit"):
            refused()


def test_bytes_behind_the_end_are_malformed() -> None:
    wire.expect_end(b"ab", 2, "PINGREQ")
    with pytest.raises(MalformedPacket, match="PINGREQ has 1 bytes") as refusal:
        wire.expect_end(b"abc", 2, "PINGREQ")
    assert refusal.value.cause == "trailing-bytes"


@FEW
@given(st.integers(0, wire.MAX_REMAINING_LENGTH))
def test_a_variable_byte_integer_is_as_short_as_it_can_be(value: int) -> None:
    data = wire.encode_variable_byte_integer(value)
    assert len(data) == next(n for n in (1, 2, 3, 4) if value < 128**n)
    assert wire.read_variable_byte_integer(data, 0) == (value, len(data))


@FEW
@given(st.binary(max_size=5))
def test_every_variable_byte_integer_that_is_read_is_written_alike(data: bytes) -> None:
    try:
        value, end = wire.read_variable_byte_integer(data, 0)
    except MqttError:
        return
    assert wire.encode_variable_byte_integer(value) == data[:end]
