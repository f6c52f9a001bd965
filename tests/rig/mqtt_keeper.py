"""Clients whose sessions are kept, and what they take."""

from __future__ import annotations

from typing import Any

from gateway.mqtt.packets import PUBREL
from gateway.mqtt.properties import Properties
from tests.rig.mqtt_bench import Bench, WireClient

# For an hour; MQTT 3.1.1 clients get what the settings say.
KEPT = Properties(session_expiry_interval_s=3600)


async def keeper(bench: Bench, client_id: str = "keeper", **connect: Any) -> WireClient:
    """Connect a client whose session is kept."""
    return await bench.client(client_id, clean_start=False, properties=KEPT, **connect)


async def away(
    bench: Bench, client_id: str = "keeper", *, topic_filter: str = "t/#", qos: int = 1
) -> None:
    """Leave a session behind that wants some topics."""
    client = await keeper(bench, client_id)
    assert await client.subscribe((topic_filter, qos)) == bytes([qos])
    client.lost()


async def publish(bench: Bench, *payloads: bytes, qos: int = 1, topic: str = "t/1") -> None:
    """Publish from a client that comes and goes; every message is acknowledged to it."""
    client = await bench.client("publisher", level=4)
    for payload in payloads:
        answer = await client.publish(topic, payload, qos=qos)
        assert answer == (b"", b"\x40\x02\x00\x01", b"\x50\x02\x00\x01")[qos]
        if qos == 2:
            assert await client.acknowledge(1, PUBREL) == b"\x70\x02\x00\x01"
    await client.disconnect()


async def take(client: WireClient) -> list[bytes]:
    """Take messages at QoS 1 and acknowledge each, until no more come; return the payloads."""
    payloads = []
    while messages := await client.messages():
        for message in messages:
            payloads.append(message.payload)
            client.hand_over(b"\x40\x02" + message.packet_identifier.to_bytes(2, "big"))
    return payloads
