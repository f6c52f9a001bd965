"""Lifecycle events: their topics, their JSON, version numbers, and what is never published."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.broker.lifecycle import (
    MAX_KNOWN_CLIENTS,
    VERSION_KEPT_MS,
    DisconnectReason,
    Lifecycle,
)
from gateway.broker.settings import MqttSettings
from gateway.errors import StoreFull
from gateway.message import Message, Publisher
from gateway.metrics import Counter
from gateway.mqtt.topics import check_topic_name
from tests.rig.mqtt_bench import open_bench

WALL_MS = 1_793_491_200_000

Run = Callable[[Coroutine[Any, Any, None]], None]


class Watched:
    """A lifecycle whose messages a test reads, with a router's refusals in between."""

    def __init__(self) -> None:
        self.gateway_ms = 5_000
        self.full = False
        self.lost = Counter("mqtt.lost_events", "")
        self.messages: list[Message] = []
        self.lifecycle = Lifecycle(
            self._publish, lambda: WALL_MS, lambda: self.gateway_ms, self.lost
        )

    def _publish(self, message: Message) -> None:
        check_topic_name(message.topic)
        if self.full:
            raise StoreFull("no room")
        self.messages.append(message)

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """Return topics and documents since last taken."""
        found = [(message.topic, json.loads(message.payload)) for message in self.messages]
        self.messages.clear()
        return found

    def connect(self, publisher: Publisher, session: str) -> int:
        self.lifecycle.connected(publisher, session)
        ((_, event),) = self.events()
        return int(event["versionNumber"])

    def disconnect(self, publisher: Publisher, session: str) -> int:
        self.lifecycle.disconnected(publisher, session, DisconnectReason.CONNECTION_LOST)
        ((_, event),) = self.events()
        return int(event["versionNumber"])


@pytest.fixture
def watched() -> Watched:
    return Watched()


def client(client_id: str = "pump-1", **more: str) -> Publisher:
    return Publisher(client_id, client_id=client_id, source_ip="192.0.2.1", **more)


def test_a_connect_and_its_disconnect_have_the_documented_members(watched: Watched) -> None:
    pump = client(principal="0f" * 32)
    watched.lifecycle.connected(pump, "s-1")
    watched.lifecycle.disconnected(pump, "s-1", DisconnectReason.MQTT_KEEP_ALIVE_TIMEOUT)
    common = {
        "clientId": "pump-1",
        "timestamp": WALL_MS,
        "sessionIdentifier": "s-1",
        "principalIdentifier": "0f" * 32,
        "versionNumber": 0,
    }
    assert watched.events() == [
        (
            "$aws/events/presence/connected/pump-1",
            {**common, "eventType": "connected", "ipAddress": "192.0.2.1"},
        ),
        (
            "$aws/events/presence/disconnected/pump-1",
            {
                **common,
                "eventType": "disconnected",
                "clientInitiatedDisconnect": False,
                "disconnectReason": "MQTT_KEEP_ALIVE_TIMEOUT",
            },
        ),
    ]


def test_only_a_client_that_says_so_has_initiated_its_disconnect(watched: Watched) -> None:
    initiated = {}
    for reason in DisconnectReason:
        watched.lifecycle.connected(client(), reason.value)
        watched.lifecycle.disconnected(client(), reason.value, reason)
        _, (_, event) = watched.events()
        initiated[event["disconnectReason"]] = event["clientInitiatedDisconnect"]
    assert len(initiated) == 15
    assert [name for name, by_client in initiated.items() if by_client] == [
        "CLIENT_INITIATED_DISCONNECT"
    ]


def test_subscribing_and_unsubscribing_list_the_filters_as_sent(watched: Watched) -> None:
    watched.lifecycle.subscribed(client(), "s-1", ["a/b", "c/#", "$share/g/d/+"])
    watched.lifecycle.unsubscribed(client(), "s-1", ("c/#",))
    common = {
        "clientId": "pump-1",
        "timestamp": WALL_MS,
        "sessionIdentifier": "s-1",
        "principalIdentifier": "anonymous",
    }
    assert watched.events() == [
        (
            "$aws/events/subscriptions/subscribed/pump-1",
            {**common, "eventType": "subscribed", "topics": ["a/b", "c/#", "$share/g/d/+"]},
        ),
        (
            "$aws/events/subscriptions/unsubscribed/pump-1",
            {**common, "eventType": "unsubscribed", "topics": ["c/#"]},
        ),
    ]


def test_no_filter_gives_no_event(watched: Watched) -> None:
    watched.lifecycle.subscribed(client(), "s-1", [])
    watched.lifecycle.unsubscribed(client(), "s-1", [])
    assert watched.events() == []
    watched.lifecycle.subscribed(client(), "s-1", ["a"])
    assert len(watched.events()) == 1


def test_events_are_qos_0_and_come_from_the_gateway_itself(watched: Watched) -> None:
    watched.lifecycle.connected(client("büro/☀"), "s-1")
    (message,) = watched.messages
    assert (message.qos, message.retain, message.depth) == (0, False, 0)
    assert (message.publisher.name, message.publisher.client_id) == ("lifecycle", None)
    assert message.topic == "$aws/events/presence/connected/büro/☀"
    assert '"clientId":"büro/☀"'.encode() in message.payload


@pytest.mark.parametrize("client_id", ["a+", "#", "x/+/y"])
def test_a_client_identifier_with_a_wildcard_has_no_events(
    watched: Watched, client_id: str
) -> None:
    watched.lifecycle.connected(client(client_id), "s-1")
    watched.lifecycle.subscribed(client(client_id), "s-1", ["a"])
    watched.lifecycle.unsubscribed(client(client_id), "s-1", ["a"])
    watched.lifecycle.disconnected(client(client_id), "s-1", DisconnectReason.UNKNOWN)
    assert watched.events() == []
    assert (watched.lost.value, watched.lifecycle.known_clients) == (0, 0)


def test_what_is_no_client_has_no_events(watched: Watched) -> None:
    watched.lifecycle.connected(Publisher("device:x"), "s-1")
    assert watched.events() == []


# --- version numbers ------------------------------------------------------------------------------


def test_each_connection_has_the_next_version_and_its_disconnect_the_same(
    watched: Watched,
) -> None:
    for number in range(3):
        assert watched.connect(client(), f"s-{number}") == number
        assert watched.disconnect(client(), f"s-{number}") == number
    assert watched.connect(client("other"), "o-1") == 0


def test_a_take_over_keeps_the_versions_apart_in_either_order(watched: Watched) -> None:
    assert watched.connect(client(), "first") == 0
    assert watched.connect(client(), "second") == 1
    assert watched.disconnect(client(), "first") == 0
    watched.gateway_ms += VERSION_KEPT_MS  # connected all the while
    assert watched.connect(client(), "third") == 2
    assert watched.disconnect(client(), "second") == 1
    assert watched.disconnect(client(), "third") == 2


def test_an_hour_away_starts_the_versions_again(watched: Watched) -> None:
    for session in ("a", "b"):
        watched.connect(client(), session)
        watched.disconnect(client(), session)
    watched.gateway_ms += VERSION_KEPT_MS - 1
    assert watched.connect(client(), "c") == 2
    watched.gateway_ms += 10 * VERSION_KEPT_MS  # connected, so not away
    assert watched.disconnect(client(), "c") == 2
    watched.gateway_ms += VERSION_KEPT_MS
    assert watched.connect(client(), "d") == 0
    assert watched.disconnect(client(), "d") == 0
    assert watched.connect(client(), "e") == 1


def test_a_connection_ends_once(watched: Watched) -> None:
    watched.connect(client(), "s-1")
    assert watched.disconnect(client(), "s-1") == 0
    watched.lifecycle.disconnected(client(), "s-1", DisconnectReason.CONNECTION_LOST)
    assert watched.events() == []


def test_versions_are_kept_for_a_bounded_number_of_clients(watched: Watched) -> None:
    assert watched.connect(client("stays"), "s-0") == 0
    assert watched.connect(client("goes"), "g-0") == 0
    assert watched.disconnect(client("stays"), "s-0") == 0
    for number in range(MAX_KNOWN_CLIENTS - 1):
        watched.lifecycle.connected(client(f"c{number}"), f"c{number}")
        watched.lifecycle.disconnected(client(f"c{number}"), f"c{number}", DisconnectReason.NONE)
    watched.events()
    assert watched.lifecycle.known_clients == MAX_KNOWN_CLIENTS
    assert watched.disconnect(client("goes"), "g-0") == 0  # forgotten while it was connected
    assert watched.connect(client("goes"), "g-1") == 0
    assert watched.lifecycle.known_clients == MAX_KNOWN_CLIENTS
    assert watched.connect(client(f"c{MAX_KNOWN_CLIENTS - 2}"), "again") == 1


# --- what cannot be published ---------------------------------------------------------------------


def test_an_event_that_a_rule_cannot_store_is_counted_and_harms_nobody(watched: Watched) -> None:
    watched.full = True
    watched.lifecycle.connected(client(), "s-1")
    assert watched.lost.value == 1
    watched.full = False
    assert watched.disconnect(client(), "s-1") == 0
    assert watched.connect(client(), "s-2") == 1  # the lost one was counted all the same


def test_a_topic_that_nothing_may_be_published_to_is_counted(watched: Watched) -> None:
    watched.lifecycle.connected(client("x" * 65_535), "s-1")
    assert watched.events() == []
    assert watched.lost.value == 1


# --- from a whole broker --------------------------------------------------------------------------


def test_a_client_sees_others_connect_subscribe_and_go(tmp_path: Path, run: Run) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            watcher = await bench.client("watcher")
            await watcher.subscribe(("$aws/events/+/+/pump", 1))
            pump = await bench.client("pump")
            await pump.subscribe(("a", 0), ("b/#", 1))
            await pump.unsubscribe("a")
            pump.lost()
            for level in (4, 5):
                await (await bench.client("pump", level=level)).disconnect()
            events = [json.loads(message.payload) for message in await watcher.messages()]
            assert [event["eventType"] for event in events] == [
                "connected", "subscribed", "unsubscribed", "disconnected",
                "connected", "disconnected", "connected", "disconnected",
            ]  # fmt: skip
            assert events[1]["topics"] == ["a", "b/#"] and events[2]["topics"] == ["a"]
            assert [event.get("disconnectReason") for event in events[3::2]] == [
                "CONNECTION_LOST",
                "CLIENT_INITIATED_DISCONNECT",
                "CLIENT_INITIATED_DISCONNECT",
            ]
            versions = [event["versionNumber"] for event in events if "versionNumber" in event]
            assert versions == [0, 0, 1, 1, 2, 2]
            connections = {event["sessionIdentifier"] for event in events}
            assert len(connections) == 3
            assert events[0]["ipAddress"] == "192.0.2.1"

    run(main())


@pytest.mark.parametrize("level", [4, 5])
def test_why_the_broker_closed_a_connection_is_in_its_event(
    tmp_path: Path, run: Run, level: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            watcher = await bench.client("watcher")
            await watcher.subscribe(("$aws/events/presence/disconnected/+", 0))

            async def reason() -> str:
                (message,) = await watcher.messages()
                return str(json.loads(message.payload)["disconnectReason"])

            first = await bench.client("pump", level=level)
            second = await bench.client("pump", level=level)
            first.lost()
            assert await reason() == "DUPLICATE_CLIENTID"
            await second.send(b"\x00\x00")  # packet type 0
            second.lost()
            assert await reason() == "CLIENT_ERROR"
            silent = await bench.client("silent", level=level, keep_alive_s=10)
            bench.time.advance(16)
            await bench.tick()
            silent.lost()
            assert await reason() == "MQTT_KEEP_ALIVE_TIMEOUT"

    run(main())


def test_an_identifier_of_too_many_levels_connects_without_an_event(
    tmp_path: Path, run: Run
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_topic_levels=8)) as bench:
            await bench.client("a" + "/b" * 8)
            assert bench.count("mqtt.lost_events") == 1

    run(main())


def test_a_rule_that_finds_no_room_keeps_nobody_from_connecting(tmp_path: Path, run: Run) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:

            def full(message: Message) -> None:
                raise StoreFull("no room")

            bench.broker.router.subscribe_local("$aws/events/#", full)
            pump = await bench.client("pump")
            assert await pump.subscribe(("a", 1)) == b"\x01"
            assert (await pump.publish("a", b"x")).endswith(b"x")
            assert bench.count("mqtt.lost_events") == 2

    run(main())
