"""kill -9 with 10,000 messages waiting for a session: the client comes back and gets them all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.rig.gateway_process import GatewayProcess
from tests.rig.mqtt_client import BarePublisher
from tests.rig.session_client import PUBACK, SessionClient, redelivery_faults

COUNT = 10_000
WINDOW = 100
EXTRA = f"[mqtt]\nmax_inflight = {COUNT}\n"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path, extra=EXTRA, rules=[]) as process:
        yield process


@pytest.mark.parametrize("level", [4, 5])
def test_messages_queued_for_an_absent_client_survive_kill(
    gateway: GatewayProcess, level: int
) -> None:
    with SessionClient(gateway.mqtt_port, "away", level=level) as client:
        client.subscribe("site/#", 1)
    _publish(gateway, COUNT)
    gateway.kill()
    gateway.start()
    with SessionClient(gateway.mqtt_port, "away", level=level) as client:
        assert client.session_present
        arrivals = client.take(COUNT)
        assert [one.payload for one in arrivals] == _payloads(COUNT)
        assert not any(one.dup for one in arrivals), "none had been sent before"
        assert client.rest() == []
    print(f"{COUNT} acknowledged, {len(arrivals)} arrived after kill -9, in order")


@pytest.mark.parametrize("level", [4, 5])
def test_messages_in_flight_to_a_silent_client_survive_kill(
    gateway: GatewayProcess, level: int
) -> None:
    with SessionClient(gateway.mqtt_port, "silent", level=level) as client:
        client.subscribe("site/#", 1)
        _publish(gateway, COUNT)
        before = client.take(COUNT, acknowledge=False)
        assert [one.payload for one in before] == _payloads(COUNT)
        assert len({one.packet_identifier for one in before}) == COUNT
        gateway.kill()
    gateway.start()
    with SessionClient(gateway.mqtt_port, "silent", level=level) as client:
        assert client.session_present
        after = client.take(COUNT)
        assert redelivery_faults(before, after) == []
        assert client.rest() == []
    print(f"{COUNT} in flight, {len(after)} came again after kill -9, in order")


def test_what_a_client_acknowledged_before_the_kill_does_not_come_again(
    gateway: GatewayProcess,
) -> None:
    with SessionClient(gateway.mqtt_port, "half") as client:
        client.subscribe("site/#", 1)
        _publish(gateway, 2000)
        before = client.take(2000, acknowledge=False)
        client.acknowledge(before[:700])
        # The PUBACK for a message that must be kept stands behind the commit that takes these in.
        client.sock.sendall(client.publish_packet("site/last", b"last", 1, 1))
        while all(one.kind != PUBACK for one in client.read()):
            pass
        gateway.kill()
    gateway.start()
    with SessionClient(gateway.mqtt_port, "half") as client:
        *after, last = client.take(1301)
        assert redelivery_faults(before[700:], after) == []
        assert last.payload == b"last"
        assert client.rest() == []


def test_a_message_for_two_sessions_is_stored_once_and_goes_with_the_last_acknowledgement(
    gateway: GatewayProcess,
) -> None:
    payload = b"one payload " * 1000
    for name in ("a", "b"):
        with SessionClient(gateway.mqtt_port, name) as client:
            client.subscribe("site/#", 1)
    _publish(gateway, 1, payload)
    gateway.kill()
    assert _rows(gateway, "SELECT payload FROM mqtt_message") == [(payload,)]
    assert _rows(gateway, "SELECT count(*) FROM mqtt_queued") == [(2,)]
    for name, left in (("a", 1), ("b", 0)):
        gateway.start()
        with SessionClient(gateway.mqtt_port, name) as client:
            assert [one.payload for one in client.take(1)] == [payload]
            assert client.rest() == []
        gateway.stop()
        assert _rows(gateway, "SELECT count(*) FROM mqtt_queued") == [(left,)]
        assert _rows(gateway, "SELECT count(*) FROM mqtt_message") == [(left,)]


def _publish(gateway: GatewayProcess, count: int, payload: bytes | None = None) -> None:
    """Publish at QoS 1 and wait for every PUBACK."""
    payloads = [payload] if payload else _payloads(count)
    with BarePublisher(gateway.mqtt_port) as publisher:
        for one in payloads:
            publisher.publish("site/pump", one)
            publisher.wait_for_acks(in_flight=WINDOW - 1)
        publisher.wait_for_acks()


def _payloads(count: int) -> list[bytes]:
    return [(b"%05d " % n).ljust(100, b".") for n in range(count)]


def _rows(gateway: GatewayProcess, query: str) -> list[Any]:
    """Read the database of a gateway that is not running."""
    with closing(sqlite3.connect(gateway.data_dir / "weir.db")) as connection:
        return connection.execute(query).fetchall()
