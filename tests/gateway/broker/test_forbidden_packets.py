"""Packets that the standard forbids: named, counted by cause, and the end of their connection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.mqtt.decoding import decode_disconnect
from gateway.mqtt.packets import DISCONNECT
from tests.rig.mqtt_bench import PINGREQ, PINGRESP, Bench, body, open_bench, puback, split

Run = Callable[[Any], None]


@pytest.mark.parametrize(
    ("packet", "cause"),
    [
        (b"\x00\x00", "packet-type"),
        (b"\xf0\x00", "packet-type"),  # AUTH, which 3.1.1 does not have
        (b"\x20\x02\x00\x00", "unexpected-packet"),  # CONNACK
        (b"\x90\x03\x00\x01\x00", "unexpected-packet"),  # SUBACK
        (b"\xb0\x02\x00\x01", "unexpected-packet"),  # UNSUBACK
        (b"\xd0\x00", "unexpected-packet"),  # PINGRESP
        (b"\x60\x02\x00\x01", "fixed-header-flags"),
        (b"\x80\x06\x00\x01\x00\x01a\x00", "fixed-header-flags"),
        (b"\xa0\x05\x00\x01\x00\x01a", "fixed-header-flags"),
        (b"\xc1\x00", "fixed-header-flags"),
        (b"\xe1\x00", "fixed-header-flags"),
        (b"\x41\x02\x00\x01", "fixed-header-flags"),
        (b"\xc0\x01x", "trailing-bytes"),
        (b"\xe0\x01x", "trailing-bytes"),
        (b"\x40\x03\x00\x01x", "trailing-bytes"),
        (b"\x40\x01x", "truncated"),
        (b"\x40\x02\x00\x00", "packet-identifier"),
        (b"\x40\x82\x00\x00\x00", "packet-identifier"),  # a length in more bytes than needed
        (b"\x50\x02\x00\x00", "packet-identifier"),
        (b"\x62\x02\x00\x00", "packet-identifier"),
        (b"\x70\x02\x00\x00", "packet-identifier"),
        (b"\x30\x00", "truncated"),
        (b"\x30\x01\x00", "truncated"),
        (b"\x30\x03\x00\x02a", "truncated"),
        (b"\x32\x03\x00\x01a", "truncated"),
        (b"\x32\x04\x00\x01a\x01", "truncated"),
        (b"\x33\x01\x00", "truncated"),
        (b"\x33\x03\x00\x02a", "truncated"),
        (b"\x33\x04\x00\x01a\x01", "truncated"),
        (b"\x34\x04\x00\x01a\x01", "truncated"),
        (b"\x32\x05\x00\x01a\x00\x00", "packet-identifier"),
        (b"\x34\x05\x00\x01a\x00\x00", "packet-identifier"),
        (b"\x3a\x05\x00\x01a\x00\x00", "packet-identifier"),
        (b"\x30\x02\x00\x00", "topic-empty"),
        (b"\x30\x03\x00\x01+", "topic-wildcard"),
        (b"\x31\x03\x00\x01#", "topic-wildcard"),
        (b"\x30\x03\x00\x01\x00", "topic-null"),
        (b"\x30\x03\x00\x01\xff", "topic-encoding"),
        (b"\x36\x05\x00\x01a\x00\x01", "publish-qos"),
        (b"\x38\x03\x00\x01a", "publish-dup"),
        (b"\x82\x02\x00\x01", "subscribe-empty"),
        (b"\x82\x06\x00\x00\x00\x01a\x00", "packet-identifier"),
        (b"\x82\x07\x00\x01\x00\x02a#\x00", "filter-wildcard"),
        (b"\x82\x06\x00\x01\x00\x01a\x03", "subscribe-qos"),
        (b"\x82\x06\x00\x01\x00\x01a\x04", "subscribe-qos"),  # No Local is MQTT 5's
        (b"\xa2\x02\x00\x01", "unsubscribe-empty"),
        (b"\x30\xff\xff\xff\xff", "remaining-length"),
        (b"\x30\xff\xff\xff\x7f", "packet-too-large"),
    ],
)
def test_what_mqtt_3_1_1_forbids_closes_this_connection_only(
    run: Run, tmp_path: Path, packet: bytes, cause: str
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            assert await closed_alone(bench, 4, packet, cause) == PINGRESP

    run(main())


@pytest.mark.parametrize(
    ("packet", "cause", "reason_code"),
    [
        (b"\x00\x00", "packet-type", 0x81),
        (b"\xf0\x00", "unexpected-packet", 0x82),  # AUTH that nobody began
        (b"\x20\x03\x00\x00\x00", "unexpected-packet", 0x82),
        (b"\x60\x02\x00\x01", "fixed-header-flags", 0x81),
        (b"\xc0\x01x", "trailing-bytes", 0x81),
        (b"\x40\x01x", "truncated", 0x81),
        (b"\x40\x02\x00\x00", "packet-identifier", 0x82),
        (b"\x40\x03\x00\x01\x93", "reason-code", 0x82),
        (b"\x30\x03\x00\x01a", "truncated", 0x81),  # no properties at all
        (b"\x30\x05\x00\x01a\x01\x7f", "property-not-allowed", 0x81),
        (b"\x30\x06\x00\x01a\x02\x01\x02", "property-value", 0x82),
        (b"\x30\x08\x00\x01a\x04\x01\x00\x01\x00", "property-twice", 0x82),
        (b"\x30\x07\x00\x01a\x03\x23\x00\x00", "topic-alias", 0x94),
        (b"\x30\x07\x00\x01a\x03\x23\xff\xff", "topic-alias", 0x94),
        (b"\x30\x06\x00\x00\x03\x23\x00\x01", "topic-alias-unknown", 0x82),
        (b"\x30\x06\x00\x01a\x02\x0b\x01", "subscription-identifier", 0x82),
        (b"\x30\x03\x00\x00\x00", "topic-empty", 0x82),
        (b"\x30\x04\x00\x01+\x00", "topic-wildcard", 0x90),
        (b"\x30\x04\x00\x01\xff\x00", "topic-encoding", 0x81),
        (b"\x36\x06\x00\x01a\x00\x01\x00", "publish-qos", 0x81),
        (b"\x38\x04\x00\x01a\x00", "publish-dup", 0x82),
        (b"\x82\x03\x00\x01\x00", "subscribe-empty", 0x82),
        (b"\x82\x08\x00\x01\x00\x00\x02a#\x00", "filter-wildcard", 0x8F),
        (b"\x82\x07\x00\x01\x00\x00\x01a\x03", "subscribe-qos", 0x82),
        (b"\x82\x07\x00\x01\x00\x00\x01a\x30", "retain-handling", 0x82),
        (b"\x82\x07\x00\x01\x00\x00\x01a\xc0", "subscription-options", 0x81),
        (b"\x82\x0d\x00\x01\x00\x00\x07$share/\x00", "filter-shared", 0x8F),
        (b"\xa2\x03\x00\x01\x00", "unsubscribe-empty", 0x82),
        (b"\xe0\x01\x8b", "reason-code", 0x82),  # one that only a server sends
        (b"\xe0\x07\x00\x05\x11\x00\x00\x00\x01", "session-expiry", 0x82),
        (b"\x30\xff\xff\xff\xff", "remaining-length", 0x81),
        (b"\x30\xff\xff\xff\x7f", "packet-too-large", 0x95),
    ],
)
def test_what_mqtt_5_forbids_is_named_and_closes_this_connection_only(
    run: Run, tmp_path: Path, packet: bytes, cause: str, reason_code: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            pong, farewell = split(await closed_alone(bench, 5, packet, cause))
            assert pong == PINGRESP
            assert farewell[0] == DISCONNECT << 4
            assert decode_disconnect(body(farewell), 5).reason_code == reason_code

    run(main())


async def closed_alone(bench: Bench, level: int, packet: bytes, cause: str) -> bytes:
    """Send a packet that is not allowed; return all that its sender is told.

    What stands before it is still answered, what stands behind it is not looked at.
    """
    other = await bench.client("other", level=level)
    client = await bench.client("c", level=level)
    await other.subscribe(("#", 1))
    told = await client.send(PINGREQ + packet + PINGREQ)
    assert client.closed and client.closes == 1
    assert client.error is not None and client.error.cause == cause
    assert bench.count("mqtt.protocol_errors") == 1
    assert bench.count(f"mqtt.protocol_errors.{cause}") == 1
    assert await other.messages() == []
    client.lost()
    assert (await other.publish("t", b"as before", qos=1, identifier=3)).endswith(puback(3))
    assert not other.closed
    return told
