"""Clients of a listener with `profile = "aws-iot"`, and what being refused there looks like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.mqtt.decoding import decode_disconnect
from gateway.mqtt.encoding import encode_acknowledgement, encode_connect
from gateway.mqtt.packets import PUBACK, Acknowledgement, Connect
from gateway.mqtt.properties import Properties
from tests.rig.mqtt_bench import Bench, WireClient, body

OnBench = Callable[..., None]

AWS = "aws-iot"
BOTH_LEVELS = pytest.mark.parametrize("level", [4, 5])


async def aws_client(bench: Bench, level: int, client_id: str = "c", **more: object) -> WireClient:
    """Connect a client to the listener."""
    return await bench.client(client_id, level=level, profile=AWS, **more)


async def connect(bench: Bench, level: int, **fields: Any) -> tuple[WireClient, bytes]:
    """Send a CONNECT to the listener; return the connection and the answer."""
    client = bench.raw(profile=AWS)
    client.level = level
    return client, await client.send(encode_connect(Connect("MQTT", level, **fields)))


def keeping(level: int, expiry_s: int = 3600) -> dict[str, Any]:
    """Return the fields of a CONNECT that asks for a session that is kept."""
    if level == 4:
        return {"clean_start": False}
    return {
        "clean_start": False,
        "properties": Properties(session_expiry_interval_s=expiry_s),
    }


def check_refused(client: WireClient, answer: bytes, reason_code: int) -> None:
    """The connection is closed: with a DISCONNECT at level 5, without a word at level 4."""
    assert client.closed
    if client.level == 4:
        assert answer == b""
    else:
        assert answer[0] == 0xE0
        assert decode_disconnect(body(answer), 5).reason_code == reason_code


def check_forbidden(client: WireClient, answer: bytes, qos: int) -> None:
    """A PUBLISH that is not allowed closes; MQTT 5 has an answer for one at QoS 1."""
    if client.level == 5 and qos:
        assert answer == encode_acknowledgement(PUBACK, Acknowledgement(1, 0x87), 5)
        assert not client.closed
    else:
        check_refused(client, answer, 0x87)


def taken(level: int, identifier: int = 1) -> bytes:
    """Return the PUBACK of a message that was taken."""
    return encode_acknowledgement(PUBACK, Acknowledgement(identifier), level)
