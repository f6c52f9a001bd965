"""Properties: one test row for each, and what each packet may carry."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from gateway.mqtt.errors import MalformedPacket, MqttError, ProtocolViolation
from gateway.mqtt.packet_types import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    PACKET_TYPES,
    PINGREQ,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    WILL,
)
from gateway.mqtt.properties import (
    EMPTY,
    PROPERTIES,
    Properties,
    decode_properties,
    encode_properties,
)
from gateway.mqtt.wire import encode_variable_byte_integer

# Written from the standard, beside the table of the product: field, value, bytes, packets.
MESSAGE = {PUBLISH, WILL}
ANSWERS = {CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT, AUTH}
EVERYWHERE = set(PACKET_TYPES) - {PINGREQ, PINGRESP}
ROWS: list[tuple[str, Any, str, set[int]]] = [
    ("payload_format_indicator", 1, "01 01", MESSAGE),
    ("message_expiry_interval_s", 0x01020304, "02 01020304", MESSAGE),
    ("content_type", "a/b", "03 0003 612f62", MESSAGE),
    ("response_topic", "r/1", "08 0003 722f31", MESSAGE),
    ("correlation_data", b"\x00\xff", "09 0002 00ff", MESSAGE),
    ("subscription_identifiers", (300,), "0b ac02", {PUBLISH, SUBSCRIBE}),
    ("session_expiry_interval_s", 2**32 - 1, "11 ffffffff", {CONNECT, CONNACK, DISCONNECT}),
    ("assigned_client_identifier", "c1", "12 0002 6331", {CONNACK}),
    ("server_keep_alive_s", 60, "13 003c", {CONNACK}),
    ("authentication_method", "m", "15 0001 6d", {CONNECT, CONNACK, AUTH}),
    ("authentication_data", b"d", "16 0001 64", {CONNECT, CONNACK, AUTH}),
    ("request_problem_information", False, "17 00", {CONNECT}),
    ("will_delay_interval_s", 5, "18 00000005", {WILL}),
    ("request_response_information", True, "19 01", {CONNECT}),
    ("response_information", "i", "1a 0001 69", {CONNACK}),
    ("server_reference", "s", "1c 0001 73", {CONNACK, DISCONNECT}),
    ("reason_string", "why", "1f 0003 776879", ANSWERS),
    ("receive_maximum", 258, "21 0102", {CONNECT, CONNACK}),
    ("topic_alias_maximum", 0, "22 0000", {CONNECT, CONNACK}),
    ("topic_alias", 10, "23 000a", {PUBLISH}),
    ("maximum_qos", 0, "24 00", {CONNACK}),
    ("retain_available", False, "25 00", {CONNACK}),
    ("user_properties", (("k", "v"),), "26 0001 6b 0001 76", EVERYWHERE),
    ("maximum_packet_size_bytes", 0x10000, "27 00010000", {CONNECT, CONNACK}),
    ("wildcard_subscription_available", True, "28 01", {CONNACK}),
    ("subscription_identifiers_available", False, "29 00", {CONNACK}),
    ("shared_subscription_available", True, "2a 01", {CONNACK}),
]
METHOD = bytes.fromhex("15 0001 6d")


def with_length(data: bytes) -> bytes:
    return encode_variable_byte_integer(len(data)) + data


def refusal_of(data: bytes, packet: int) -> MqttError:
    with pytest.raises(MqttError) as refusal:
        decode_properties(with_length(data), 0, packet)
    return refusal.value


def test_the_table_the_value_and_this_test_name_the_same_properties() -> None:
    names = [row[0] for row in ROWS]
    assert names == [row.field for row in PROPERTIES]
    assert set(names) == {field.name for field in fields(Properties)}
    assert [int(row[2][:2], 16) for row in ROWS] == [row.identifier for row in PROPERTIES]


@pytest.mark.parametrize(("field", "value", "encoded", "packets"), ROWS)
def test_a_property_is_written_as_the_standard_says(
    field: str, value: Any, encoded: str, packets: set[int]
) -> None:
    data = bytes.fromhex(encoded)
    properties = Properties(**{field: value})
    if field == "authentication_data":  # it needs its method
        data, properties = METHOD + data, replace(properties, authentication_method="m")
    for packet in packets:
        assert encode_properties(properties, packet) == with_length(data)
        read, at = decode_properties(b"?" + with_length(data) + b"behind", 1, packet)
        assert (read, at) == (properties, 2 + len(data))
        assert type(getattr(read, field)) is type(value)


@pytest.mark.parametrize(("field", "value", "encoded", "packets"), ROWS)
def test_a_packet_that_may_not_carry_a_property_is_malformed_with_it(
    field: str, value: Any, encoded: str, packets: set[int]
) -> None:
    for packet in EVERYWHERE - packets:
        error = refusal_of(bytes.fromhex(encoded), packet)
        assert isinstance(error, MalformedPacket)
        assert (error.cause, error.reason_code) == ("property-not-allowed", 0x81)
        with pytest.raises(ValueError, match=r"has no "):
            encode_properties(Properties(**{field: value}), packet)


@pytest.mark.parametrize(("field", "value", "encoded", "packets"), ROWS)
def test_a_property_twice_is_a_protocol_error_unless_it_may_repeat(
    field: str, value: Any, encoded: str, packets: set[int]
) -> None:
    data = bytes.fromhex(encoded)
    for packet in packets:
        if field == "user_properties" or (field, packet) == ("subscription_identifiers", PUBLISH):
            properties, _ = decode_properties(with_length(data + data), 0, packet)
            assert getattr(properties, field) == value + value
            assert encode_properties(properties, packet) == with_length(data + data)
        else:
            error = refusal_of(data + data, packet)
            assert isinstance(error, ProtocolViolation)
            assert (error.cause, error.reason_code) == ("property-twice", 0x82)


@pytest.mark.parametrize(("field", "value", "encoded", "packets"), ROWS)
def test_a_property_that_is_cut_off_is_malformed(
    field: str, value: Any, encoded: str, packets: set[int]
) -> None:
    data = bytes.fromhex(encoded)
    for packet in packets:
        for end in range(1, len(data)):
            assert refusal_of(data[:end], packet).cause == "truncated"


@pytest.mark.parametrize(
    ("data", "packet", "cause", "reason_code"),
    [
        ("01 02", PUBLISH, "property-value", 0x82),  # payload format indicator
        ("01 02", WILL, "property-value", 0x82),
        ("17 02", CONNECT, "property-value", 0x82),  # request problem information
        ("19 ff", CONNECT, "property-value", 0x82),  # request response information
        ("21 0000", CONNECT, "property-value", 0x82),  # receive maximum
        ("21 0000", CONNACK, "property-value", 0x82),
        ("27 00000000", CONNECT, "property-value", 0x82),  # maximum packet size
        ("24 02", CONNACK, "property-value", 0x82),  # maximum QoS
        ("25 02", CONNACK, "property-value", 0x82),
        ("28 02", CONNACK, "property-value", 0x82),
        ("29 02", CONNACK, "property-value", 0x82),
        ("2a 02", CONNACK, "property-value", 0x82),
        ("0b 00", SUBSCRIBE, "property-value", 0x82),  # subscription identifier
        ("0b 00", PUBLISH, "property-value", 0x82),
        ("0b 8000", SUBSCRIBE, "variable-byte-integer", 0x81),
        ("0b ffffffff01", SUBSCRIBE, "variable-byte-integer", 0x81),
        ("23 0000", PUBLISH, "topic-alias", 0x94),
        ("08 0001 23", PUBLISH, "response-topic", 0x82),
        ("08 0003 612f2b", WILL, "response-topic", 0x82),
        ("08 0000", PUBLISH, "response-topic", 0x82),
        ("08 0001 00", PUBLISH, "string-null", 0x81),
        ("08 0001 ff", PUBLISH, "string-encoding", 0x81),
        ("03 0001 00", PUBLISH, "string-null", 0x81),
        ("26 0001 6b 0003 eda080", PUBACK, "string-encoding", 0x81),
        ("16 0001 64", CONNECT, "authentication-data", 0x82),
        ("16 0001 64", AUTH, "authentication-data", 0x82),
        ("04 00", CONNECT, "property-not-allowed", 0x81),  # identifiers nobody has
        ("00", PUBLISH, "property-not-allowed", 0x81),
        ("2b 00", CONNACK, "property-not-allowed", 0x81),
        ("8100 01", PUBLISH, "property-not-allowed", 0x81),
    ],
)
def test_values_that_are_not_allowed_are_named(
    data: str, packet: int, cause: str, reason_code: int
) -> None:
    error = refusal_of(bytes.fromhex(data), packet)
    assert (error.cause, error.reason_code) == (cause, reason_code)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        ("", "truncated"),
        ("80", "truncated"),
        ("02 01", "truncated"),  # the length says two
        ("8000", "variable-byte-integer"),
        ("ffffffff7f", "variable-byte-integer"),
        ("ffffff7f", "truncated"),
    ],
)
def test_a_wrong_property_length_is_malformed(data: str, cause: str) -> None:
    with pytest.raises(MalformedPacket) as refusal:
        decode_properties(bytes.fromhex(data), 0, PUBLISH)
    assert (refusal.value.cause, refusal.value.reason_code) == (cause, 0x81)


def test_a_property_does_not_reach_behind_the_property_length() -> None:
    with pytest.raises(MalformedPacket) as refusal:
        decode_properties(bytes.fromhex("04 03 0003 612f62"), 0, PUBLISH)
    assert refusal.value.cause == "truncated"


def test_no_properties_are_one_byte_and_one_shared_value() -> None:
    assert decode_properties(b"?\0?", 1, PUBLISH) == (EMPTY, 2)
    assert decode_properties(b"\0", 0, PUBLISH)[0] is EMPTY
    assert encode_properties(EMPTY, PUBLISH) == encode_properties(Properties(), WILL) == b"\0"


def test_properties_keep_the_order_in_which_a_name_repeats() -> None:
    pairs = (("b", "1"), ("a", "2"), ("b", "1"), ("a", ""))
    encoded = encode_properties(Properties(user_properties=pairs), CONNECT)
    assert decode_properties(encoded, 0, CONNECT)[0].user_properties == pairs


def test_the_longest_property_length_is_read_in_several_bytes() -> None:
    properties = Properties(user_properties=(("k" * 60_000, "v" * 60_000),) * 3)
    encoded = encode_properties(properties, PUBLISH)
    assert encoded[:3] == encode_variable_byte_integer(3 * 120_005)
    assert decode_properties(encoded + b"payload", 0, PUBLISH) == (properties, len(encoded))
