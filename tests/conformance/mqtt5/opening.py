"""CONNECT packets byte by byte, right and wrong, and what comes of them."""

from __future__ import annotations

from tests.conformance.mqtt5.wire import connack, packet, text
from tests.rig.mqtt_bench import Bench

# Connect flags.
CLEAN_START = 0x02
WILL = 0x04
WILL_QOS_1 = 0x08
WILL_QOS_2 = 0x10
WILL_RETAIN = 0x20
PASSWORD = 0x40
USER_NAME = 0x80

# What stands in the payload for a will: no properties, topic "will", payload "gone".
WILL_FIELDS = b"\x00" + text("will") + text("gone")

# The reason codes that the standard lists for a CONNACK.
CONNECT_REASON_CODES = {
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C,
    0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
}  # fmt: skip


def connect(
    *fields: bytes,
    flags: int = CLEAN_START,
    properties: bytes = b"",
    name: str | bytes = "MQTT",
    version: int = 5,
    keep_alive_s: int = 0,
) -> bytes:
    """A CONNECT; `fields` are the payload's, as they go over the wire."""
    head = text(name) + bytes((version, flags)) + keep_alive_s.to_bytes(2, "big")
    return packet(0x10, head + bytes((len(properties),)) + properties + b"".join(fields))


def property_text(identifier: int, *values: str | bytes) -> bytes:
    """A property of one text, or of two for a user property."""
    return bytes((identifier,)) + b"".join(text(value) for value in values)


async def turned_away(bench: Bench, data: bytes, profile: str = "standard") -> int:
    """Send a CONNECT that must fail; return the reason code of the CONNACK."""
    client = bench.raw(profile=profile)
    answer = await client.send(data)
    assert client.closed, f"the connection outlived {data[:40].hex(' ')}"
    return connack(answer).reason_code


async def let_in(bench: Bench, data: bytes) -> None:
    """Send a CONNECT that must succeed, and hang up."""
    client = bench.raw()
    assert connack(await client.send(data)).reason_code == 0
    assert not client.closed
    client.lost()
