"""Bytes of MQTT 5 for the tests of this folder: what they send, and the broker's answers apart."""

from __future__ import annotations

from collections.abc import Callable

from gateway.mqtt.decoding import (
    decode_acknowledgement,
    decode_connack,
    decode_disconnect,
    decode_publish,
    decode_suback,
    decode_unsuback,
)
from gateway.mqtt.packets import (
    CONNACK,
    DISCONNECT,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    UNSUBACK,
    Acknowledgement,
    Connack,
    Disconnect,
    Publish,
    Suback,
    Unsuback,
)
from gateway.mqtt.properties import EMPTY, Properties
from tests.rig.mqtt_bench import Bench, WireClient, body, split

OnBench = Callable[..., None]

PINGREQ = b"\xc0\x00"
PINGRESP = b"\xd0\x00"

# Malformed Packet and Protocol Error; where the standard leaves the choice, either will do.
MALFORMED = 0x81
PROTOCOL_ERROR = 0x82
EITHER = {MALFORMED, PROTOCOL_ERROR}

NO_UTF_8 = (b"\xff", b"a/\xc3", b"\xed\xa0\x80", b"\xc0\x80")


def kinds(data: bytes) -> list[int]:
    """The control packet types in a stream, in order."""
    return [packet[0] >> 4 for packet in split(data)]


def packet(first_byte: int, rest: bytes) -> bytes:
    """Any packet of fewer than 128 bytes behind its fixed header."""
    assert len(rest) < 128
    return bytes((first_byte, len(rest))) + rest


def text(value: str | bytes) -> bytes:
    """A string as the wire has it; bytes allow what is no UTF-8."""
    data = value.encode() if isinstance(value, str) else value
    return len(data).to_bytes(2, "big") + data


def answer_to(kind: int, identifier: int, reason_code: int | None = None) -> bytes:
    """PUBACK, PUBREC, PUBREL or PUBCOMP, in the short form where no reason code is named."""
    code = b"" if reason_code is None else bytes((reason_code,))
    return packet(kind << 4 | (2 if kind == PUBREL else 0), identifier.to_bytes(2, "big") + code)


def acknowledgement(kind: int, data: bytes) -> Acknowledgement:
    """Decode the one acknowledgement of this kind that `data` must be."""
    (only,) = split(data)
    assert only[0] == (kind << 4 | (2 if kind == PUBREL else 0))
    return decode_acknowledgement(kind, body(only), 5)


def puback(data: bytes) -> Acknowledgement:
    return acknowledgement(PUBACK, data)


def pubrec(data: bytes) -> Acknowledgement:
    return acknowledgement(PUBREC, data)


def pubrel(data: bytes) -> Acknowledgement:
    return acknowledgement(PUBREL, data)


def pubcomp(data: bytes) -> Acknowledgement:
    return acknowledgement(PUBCOMP, data)


def connack(data: bytes) -> Connack:
    (only,) = split(data)
    assert only[0] == CONNACK << 4
    return decode_connack(body(only), 5)


def suback(data: bytes) -> Suback:
    (only,) = split(data)
    assert only[0] == SUBACK << 4
    return decode_suback(body(only), 5)


def unsuback(data: bytes) -> Unsuback:
    (only,) = split(data)
    assert only[0] == UNSUBACK << 4
    return decode_unsuback(body(only), 5)


def disconnect(data: bytes) -> Disconnect:
    (only,) = split(data)
    assert only[0] == DISCONNECT << 4
    return decode_disconnect(body(only), 5)


def publishes(data: bytes) -> list[Publish]:
    """Decode a stream of nothing but PUBLISH packets."""
    found = split(data)
    assert all(packet[0] >> 4 == PUBLISH for packet in found)
    return [decode_publish(packet[0], body(packet), 5) for packet in found]


async def refused(client: WireClient, data: bytes) -> int:
    """Send what the broker must not bear; return the reason code of its DISCONNECT."""
    answer = await client.send(data)
    assert client.closed, f"the connection outlived {data[:32].hex(' ')}"
    return disconnect(answer).reason_code


async def works(bench: Bench, client: WireClient) -> bool:
    """Whether a connection still takes part: it subscribes and hears what is published."""
    if client.closed or await client.subscribe(("works", 0)) != b"\0":
        return False
    other = await bench.client("works")
    await other.publish("works", b"yes")
    heard = [message.payload for message in await client.messages()]
    await other.disconnect()
    return heard == [b"yes"]


async def send_message(
    client: WireClient,
    topic: str,
    payload: bytes,
    qos: int = 0,
    identifier: int = 1,
    properties: Properties = EMPTY,
) -> None:
    """Publish and complete the exchange, whenever the broker passes the message on."""
    answer = await client.publish(
        topic, payload, qos=qos, identifier=identifier, properties=properties
    )
    if qos == 1:
        assert puback(answer).reason_code < 0x80
    elif qos == 2:
        assert pubrec(answer).reason_code < 0x80
        assert pubcomp(await client.send(answer_to(PUBREL, identifier))).reason_code == 0
