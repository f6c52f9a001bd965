"""Decoding: every way in which a packet can be wrong has a kind, a cause and a reason code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.mqtt.decoding import (
    decode_acknowledgement,
    decode_auth,
    decode_connack,
    decode_connect,
    decode_disconnect,
    decode_publish,
    decode_suback,
    decode_subscribe,
    decode_unsuback,
    decode_unsubscribe,
    protocol_level,
)
from gateway.mqtt.errors import InvalidTopic, MalformedPacket, MqttError, ProtocolViolation
from gateway.mqtt.packets import PUBACK, PUBCOMP, PUBREC, PUBREL, Connect
from gateway.mqtt.wire import encode_string

KINDS = {"malformed": MalformedPacket, "protocol": ProtocolViolation, "topic": InvalidTopic}


def expect(refusal: str, decode: Callable[..., Any], *arguments: Any) -> None:
    """Check for a refusal such as `malformed truncated 81`."""
    kind, cause, reason_code = refusal.split()
    with pytest.raises(MqttError) as raised:
        decode(*arguments)
    error = raised.value
    assert (type(error), error.cause) == (KINDS[kind], cause)
    assert f"{error.reason_code:02x}" == reason_code


# --- CONNECT --------------------------------------------------------------------------------------


def connect_body(level: int, flags: int, tail: str) -> bytes:
    """The body of a CONNECT; the tail begins behind the keep alive."""
    return bytes.fromhex("0004 4d515454") + bytes((level, flags)) + bytes.fromhex("003c" + tail)


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize(
    ("flags", "tail", "refusal"),
    [
        (0x03, "0001 63", "malformed connect-flags 81"),  # the reserved flag
        (0x1E, "0001 63 W 0001 77 0000", "malformed connect-flags 81"),  # will QoS 3
        (0x1A, "0001 63", "malformed connect-flags 81"),  # will QoS 3, and no will
        (0x0A, "0001 63", "protocol connect-flags 82"),  # will QoS without a will
        (0x22, "0001 63", "protocol connect-flags 82"),  # will retain without a will
        (0x06, "0001 63 W 0001 2b 0000", "topic topic-wildcard 90"),
        (0x06, "0001 63 W 0003 612f23 0000", "topic topic-wildcard 90"),
        (0x06, "0001 63 W 0000 0000", "topic topic-empty 90"),
        (0x06, "0001 63 W 0001 ff 0000", "topic topic-encoding 81"),
        (0x06, "0001 63 W 0001 00 0000", "topic topic-null 81"),
        (0x06, "0001 63 W 0001 77", "malformed truncated 81"),  # no will payload
        (0x06, "0001 63 W", "malformed truncated 81"),  # no will topic
        (0x82, "0001 63", "malformed truncated 81"),  # no user name
        (0xC2, "0001 63 0001 75", "malformed truncated 81"),  # no password
        (0x82, "0001 63 0001 ff", "malformed string-encoding 81"),
        (0x82, "0001 63 0001 00", "malformed string-null 81"),
        (0x02, "0001 63 78", "malformed trailing-bytes 81"),
        (0x02, "0001 63 0001 75", "malformed trailing-bytes 81"),  # a user name nobody announced
        (0x02, "", "malformed truncated 81"),
        (0x02, "0002 63", "malformed truncated 81"),
        (0x02, "0001 ff", "malformed string-encoding 81"),
        (0x02, "0003 eda080", "malformed string-encoding 81"),  # a surrogate
        (0x02, "0001 00", "malformed string-null 81"),
    ],
)
def test_wrong_connects_are_named(level: int, flags: int, tail: str, refusal: str) -> None:
    if level == 5 and tail:
        tail = "00" + tail
    tail = tail.replace("W", "00" if level == 5 else "")  # the will's properties
    expect(refusal, decode_connect, connect_body(level, flags, tail))


@pytest.mark.parametrize(
    ("flags", "tail", "refusal"),
    [
        (0x02, "02 01 00 0001 63", "malformed property-not-allowed 81"),
        (0x02, "06 21 0001 21 0001 0001 63", "protocol property-twice 82"),
        (0x02, "03 21 0000 0001 63", "protocol property-value 82"),
        (0x02, "05 27 00000000 0001 63", "protocol property-value 82"),
        (0x02, "04 16 0001 64 0001 63", "protocol authentication-data 82"),
        (0x02, "05 18 00000001 0001 63", "malformed property-not-allowed 81"),  # the will's
        (0x06, "00 0001 63 03 21 0001 0001 77 0000", "malformed property-not-allowed 81"),
        (0x06, "00 0001 63 02 01 02 0001 77 0000", "protocol property-value 82"),
        (0x06, "00 0001 63 04 08 0001 23 0001 77 0000", "protocol response-topic 82"),
        (0x02, "8000 0001 63", "malformed variable-byte-integer 81"),
        (0x02, "7f 0001 63", "malformed truncated 81"),
    ],
)
def test_wrong_properties_of_a_connect_are_named(flags: int, tail: str, refusal: str) -> None:
    body = connect_body(5, flags, tail)
    expect(refusal, decode_connect, body)
    assert protocol_level(body) == 5  # so that the refusal can be told in a CONNACK


def test_a_password_without_a_user_name_is_for_level_5_only() -> None:
    expect("protocol connect-flags 82", decode_connect, connect_body(4, 0x42, "0001 63 0001 70"))
    connect = decode_connect(connect_body(5, 0x42, "00 0001 63 0001 70"))
    assert (connect.user_name, connect.password) == (None, b"p")


@pytest.mark.parametrize("body", ["", "00", "0004 4d5154", "0004 4d515454", "0004 4d515454 04"])
def test_a_connect_that_ends_early_is_malformed(body: str) -> None:
    expect("malformed truncated 81", decode_connect, bytes.fromhex(body))


@pytest.mark.parametrize(
    ("name", "level"),
    [("MQIsdp", 3), ("MQTT", 3), ("MQTT", 6), ("MQTT", 0x84), ("mqtt", 4), ("HTTP", 5), ("", 4)],
)
def test_of_another_protocol_only_name_and_level_are_read(name: str, level: int) -> None:
    body = encode_string(name) + bytes((level,)) + b"\xff whatever"
    assert decode_connect(body) == Connect(name, level)
    assert protocol_level(body) == (level if name == "MQTT" else None)


def test_the_level_of_a_connect_that_ends_before_it_is_unknown() -> None:
    assert protocol_level(b"\0\4MQTT") is None
    assert protocol_level(b"") is None


# --- PUBLISH --------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize(
    ("first", "body", "refusal"),
    [
        (0x36, "0001 61 0001", "malformed publish-qos 81"),
        (0x3E, "0001 61 0001", "malformed publish-qos 81"),
        (0x38, "0001 61", "protocol publish-dup 82"),
        (0x32, "0001 61 0000", "protocol packet-identifier 82"),
        (0x34, "0001 61 0000", "protocol packet-identifier 82"),
        (0x32, "0001 61 01", "malformed truncated 81"),
        (0x32, "0001 61", "malformed truncated 81"),
        (0x30, "", "malformed truncated 81"),
        (0x30, "00", "malformed truncated 81"),
        (0x30, "0002 61", "malformed truncated 81"),
        (0x30, "0001 23 00", "topic topic-wildcard 90"),
        (0x30, "0003 612f2b 00", "topic topic-wildcard 90"),
        (0x30, "0001 00 00", "topic topic-null 81"),
        (0x30, "0001 ff 00", "topic topic-encoding 81"),
        (0x30, "0003 eda080 00", "topic topic-encoding 81"),
    ],
)
def test_wrong_publishes_are_named(level: int, first: int, body: str, refusal: str) -> None:
    expect(refusal, decode_publish, first, bytes.fromhex(body), level)


@pytest.mark.parametrize(
    ("body", "level", "refusal"),
    [
        ("0000", 4, "topic topic-empty 90"),
        ("0000 03 23 0001", 4, "topic topic-empty 90"),  # level 4 has no aliases
        ("0000 00", 5, "protocol topic-empty 82"),
        ("0000 03 23 0000", 5, "protocol topic-alias 94"),
        ("0001 61 03 23 0000", 5, "protocol topic-alias 94"),
        ("0001 61", 5, "malformed truncated 81"),  # no property length
        ("0001 61 02 01", 5, "malformed truncated 81"),
        ("0001 61 8000", 5, "malformed variable-byte-integer 81"),
        ("0001 61 02 01 02", 5, "protocol property-value 82"),
        ("0001 61 04 01 00 01 00", 5, "protocol property-twice 82"),
        ("0001 61 03 21 0001", 5, "malformed property-not-allowed 81"),
        ("0001 61 02 7f 00", 5, "malformed property-not-allowed 81"),
        ("0001 61 02 0b 00", 5, "protocol property-value 82"),
        ("0001 61 06 08 0003 612f23", 5, "protocol response-topic 82"),
        ("0001 61 04 03 0001 ff", 5, "malformed string-encoding 81"),
    ],
)
def test_wrong_topics_and_properties_of_a_publish_are_named(
    body: str, level: int, refusal: str
) -> None:
    expect(refusal, decode_publish, 0x30, bytes.fromhex(body), level)


def test_a_publish_of_level_4_has_a_payload_where_level_5_has_properties() -> None:
    body = bytes.fromhex("0001 61 03 23 0001 78")
    assert decode_publish(0x30, body, 4).payload == bytes.fromhex("03 23 0001 78")
    packet = decode_publish(0x30, body, 5)
    assert (packet.topic, packet.payload, packet.properties.topic_alias) == ("a", b"x", 1)


# --- acknowledgements -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [PUBACK, PUBREC, PUBREL, PUBCOMP])
@pytest.mark.parametrize(
    ("body", "level", "refusal"),
    [
        ("", 4, "malformed truncated 81"),
        ("01", 4, "malformed truncated 81"),
        ("000100", 4, "malformed trailing-bytes 81"),
        ("0000", 4, "protocol packet-identifier 82"),
        ("", 5, "malformed truncated 81"),
        ("01", 5, "malformed truncated 81"),
        ("0000", 5, "protocol packet-identifier 82"),
        ("0000 00", 5, "protocol packet-identifier 82"),
        ("0001 01", 5, "protocol reason-code 82"),
        ("0001 ff 00", 5, "protocol reason-code 82"),
        ("0001 00 00 00", 5, "malformed trailing-bytes 81"),
        ("0001 00 01", 5, "malformed truncated 81"),
        ("0001 00 03 21 0001", 5, "malformed property-not-allowed 81"),
        ("0001 00 08 1f 0001 78 1f 0001 78", 5, "protocol property-twice 82"),
    ],
)
def test_wrong_acknowledgements_are_named(kind: int, body: str, level: int, refusal: str) -> None:
    expect(refusal, decode_acknowledgement, kind, bytes.fromhex(body), level)


def test_an_acknowledgement_has_the_reason_codes_of_its_own_kind() -> None:
    for kind, code in ((PUBACK, "92"), (PUBREC, "92"), (PUBREL, "97"), (PUBCOMP, "10")):
        body = bytes.fromhex("0001" + code)
        expect("protocol reason-code 82", decode_acknowledgement, kind, body, 5)


# --- SUBSCRIBE and UNSUBSCRIBE --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "level", "refusal"),
    [
        ("", 4, "malformed truncated 81"),
        ("0001", 4, "protocol subscribe-empty 82"),
        ("0000 0001 61 00", 4, "protocol packet-identifier 82"),
        ("0001 0001 61", 4, "malformed truncated 81"),
        ("0001 0001 61 03", 4, "malformed subscribe-qos 81"),
        ("0001 0001 61 04", 4, "malformed subscribe-qos 81"),  # options are of level 5
        ("0001 0001 61 81", 4, "malformed subscribe-qos 81"),
        ("0001 0001 61 00 0001 62 03", 4, "malformed subscribe-qos 81"),
        ("0001 0000 00", 4, "topic filter-empty 8f"),
        ("0001 0002 6123 00", 4, "topic filter-wildcard 8f"),
        ("0001 0001 ff 00", 4, "malformed string-encoding 81"),
        ("0001", 5, "malformed truncated 81"),
        ("0001 00", 5, "protocol subscribe-empty 82"),
        ("0000 00 0001 61 00", 5, "protocol packet-identifier 82"),
        ("0001 00 0001 61", 5, "malformed truncated 81"),
        ("0001 00 0001 61 03", 5, "protocol subscribe-qos 82"),
        ("0001 00 0001 61 30", 5, "protocol retain-handling 82"),
        ("0001 00 0001 61 40", 5, "malformed subscription-options 81"),
        ("0001 00 0001 61 80", 5, "malformed subscription-options 81"),
        ("0001 00 0001 61 c3", 5, "malformed subscription-options 81"),
        ("0001 00 0000 00", 5, "topic filter-empty 8f"),
        ("0001 00 0004 232f612f 00", 5, "topic filter-wildcard 8f"),
        ("0001 00 0008 2473686172652f67 00", 5, "topic filter-shared 8f"),
        ("0001 00 0001 00 00", 5, "malformed string-null 81"),
        ("0001 02 0b 00 0001 61 00", 5, "protocol property-value 82"),
        ("0001 04 0b 01 0b 02 0001 61 00", 5, "protocol property-twice 82"),
        ("0001 02 01 00 0001 61 00", 5, "malformed property-not-allowed 81"),
    ],
)
def test_wrong_subscribes_are_named(body: str, level: int, refusal: str) -> None:
    expect(refusal, decode_subscribe, bytes.fromhex(body), level)


@pytest.mark.parametrize(
    ("body", "level", "refusal"),
    [
        ("00", 4, "malformed truncated 81"),
        ("0001", 4, "protocol unsubscribe-empty 82"),
        ("0000 0001 61", 4, "protocol packet-identifier 82"),
        ("0001 0003 232f61", 4, "topic filter-wildcard 8f"),
        ("0001 0000", 4, "topic filter-empty 8f"),
        ("0001 0001 61 00", 4, "malformed truncated 81"),
        ("0001", 5, "malformed truncated 81"),
        ("0001 00", 5, "protocol unsubscribe-empty 82"),
        ("0000 00 0001 61", 5, "protocol packet-identifier 82"),
        ("0001 00 0001 ff", 5, "malformed string-encoding 81"),
        ("0001 02 0b 01 0001 61", 5, "malformed property-not-allowed 81"),
        ("0001 04 1f 0001 78 0001 61", 5, "malformed property-not-allowed 81"),
    ],
)
def test_wrong_unsubscribes_are_named(body: str, level: int, refusal: str) -> None:
    expect(refusal, decode_unsubscribe, bytes.fromhex(body), level)


# --- DISCONNECT and AUTH --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "level", "refusal"),
    [
        ("00", 4, "malformed trailing-bytes 81"),
        ("01", 5, "protocol reason-code 82"),
        ("84 00", 5, "protocol reason-code 82"),  # a CONNACK's
        ("00 00 00", 5, "malformed trailing-bytes 81"),
        ("00 05 11", 5, "malformed truncated 81"),
        ("00 03 21 0001", 5, "malformed property-not-allowed 81"),
        ("00 0a 11 00000001 11 00000001", 5, "protocol property-twice 82"),
    ],
)
def test_wrong_disconnects_are_named(body: str, level: int, refusal: str) -> None:
    expect(refusal, decode_disconnect, bytes.fromhex(body), level)


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ("18", "malformed truncated 81"),  # unlike DISCONNECT, it must have a property length
        ("18 00", "protocol authentication-method 82"),
        ("00 00", "protocol authentication-method 82"),
        ("18 04 16 0001 64", "protocol authentication-data 82"),
        ("01 04 15 0001 6d", "protocol reason-code 82"),
        ("18 08 15 0001 6d 15 0001 6d", "protocol property-twice 82"),
        ("18 03 21 0001", "malformed property-not-allowed 81"),
        ("18 04 15 0001 6d 00", "malformed trailing-bytes 81"),
    ],
)
def test_wrong_auths_are_named(body: str, refusal: str) -> None:
    expect(refusal, decode_auth, bytes.fromhex(body))


# --- what a server sends --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decode", "body", "level", "refusal"),
    [
        (decode_connack, "", 4, "malformed truncated 81"),
        (decode_connack, "00", 4, "malformed truncated 81"),
        (decode_connack, "02 00", 4, "malformed connack-flags 81"),
        (decode_connack, "00 06", 4, "protocol reason-code 82"),
        (decode_connack, "01 05", 4, "protocol connack-flags 82"),
        (decode_connack, "00 00 00", 4, "malformed trailing-bytes 81"),
        (decode_connack, "00 00", 5, "malformed truncated 81"),
        (decode_connack, "80 00 00", 5, "malformed connack-flags 81"),
        (decode_connack, "00 01 00", 5, "protocol reason-code 82"),
        (decode_connack, "01 80 00", 5, "protocol connack-flags 82"),
        (decode_connack, "00 00 00 00", 5, "malformed trailing-bytes 81"),
        (decode_connack, "00 00 02 17 01", 5, "malformed property-not-allowed 81"),
        (decode_suback, "0001", 4, "malformed truncated 81"),
        (decode_suback, "0000 00", 4, "protocol packet-identifier 82"),
        (decode_suback, "0001 03", 4, "protocol reason-code 82"),
        (decode_suback, "0001 87", 4, "protocol reason-code 82"),
        (decode_suback, "0001 00", 5, "malformed truncated 81"),
        (decode_suback, "0001 00 11", 5, "protocol reason-code 82"),
        (decode_suback, "0001 02 0b 01 00", 5, "malformed property-not-allowed 81"),
        (decode_unsuback, "00", 4, "malformed truncated 81"),
        (decode_unsuback, "0001 00", 4, "malformed trailing-bytes 81"),
        (decode_unsuback, "0001 00", 5, "malformed truncated 81"),
        (decode_unsuback, "0001 00 01", 5, "protocol reason-code 82"),
    ],
)
def test_wrong_answers_of_a_server_are_named(
    decode: Callable[[bytes, int], object], body: str, level: int, refusal: str
) -> None:
    expect(refusal, decode, bytes.fromhex(body), level)
