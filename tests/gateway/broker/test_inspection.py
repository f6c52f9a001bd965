"""Clients as documents: what is read of a session, and what its numbers mean in words."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.broker.inspection import client_details, client_list
from gateway.broker.outgoing import QUEUED_OVERHEAD_BYTES, Outgoing
from gateway.broker.outlet import OutgoingContext, Outlet
from gateway.broker.session import Session
from gateway.broker.settings import MqttSettings
from gateway.broker.topic_tree import SubscriptionOptions
from gateway.metrics import Metrics
from gateway.mqtt.properties import Properties
from tests.rig.mqtt_bench import open_bench

SEEN_MS = 1_793_491_200_000

Run = Callable[[Coroutine[Any, Any, None]], None]


class Clients:
    """Sessions as a broker has them, by client identifier."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.wills: set[str] = set()
        self.settings = MqttSettings(max_inflight=2, max_queued_bytes=300)
        self._context = OutgoingContext(self.settings, Metrics(), lambda: 0)

    def add(self, client_id: str = "pump-1", number: int = 0) -> Session:
        session = Session(client_id, Outgoing(client_id, self._context), number)
        session.seen_wall_ms = SEEN_MS
        self.sessions[client_id] = session
        return session


def reason(packet: str, code: int, level: int = 5) -> str:
    clients = Clients()
    session = clients.add()
    session.level = level
    session.last_reasons.append((SEEN_MS, "out", packet, code))
    details = client_details(clients, "pump-1")
    assert details is not None
    (shown,) = details["last_packets"]
    return shown["reason"]


def test_a_broker_without_clients_lists_none() -> None:
    assert client_list(Clients()) == []


def test_clients_are_listed_by_identifier_with_what_matters_of_each() -> None:
    clients = Clients()
    pump = clients.add()
    pump.level = 5
    pump.source_ip = "192.0.2.1"
    pump.subscriptions = {"a": SubscriptionOptions(), "b": SubscriptionOptions(1)}
    pump.outgoing.attach(Outlet(lambda: None))
    for _ in range(5):  # two are sent, two fit into the queue
        pump.outgoing.deliver_qos1(b"\x32\x05\0\1a", b"")
    clients.add("office", number=7).seen_wall_ms = 0
    office, listed = client_list(clients)
    assert listed == {
        "client_id": "pump-1",
        "connected": False,
        "persistent": False,
        "protocol": "5",
        "source_ip": "192.0.2.1",
        "since_wall_ms": SEEN_MS,
        "subscription_count": 2,
        "in_flight": 2,
        "queued": 2,
        "queued_bytes": 2 * (5 + QUEUED_OVERHEAD_BYTES),
        "dropped": 1,
    }
    assert office == {
        "client_id": "office",
        "connected": False,
        "persistent": True,
        "protocol": "3.1.1",
        "source_ip": None,
        "since_wall_ms": None,
        "subscription_count": 0,
        "in_flight": 0,
        "queued": 0,
        "queued_bytes": 0,
        "dropped": 0,
    }


def test_a_client_in_full_begins_with_what_the_list_says() -> None:
    clients = Clients()
    session = clients.add(number=7)
    session.level = 5
    session.profile = "aws-iot"
    session.expiry_s = 3600
    session.keep_alive_s = 60
    clients.wills.add("pump-1")
    session.received = {1, 9}
    session.subscriptions = {
        "b/#": SubscriptionOptions(2, True, True, 1, 7),
        "$share/g/a": SubscriptionOptions(1),
    }
    session.last_reasons.append((SEEN_MS, "out", "CONNACK", 0))
    session.last_reasons.append((SEEN_MS + 1, "in", "PUBREC", 0x97))
    details = client_details(clients, "pump-1")
    assert details == {
        **client_list(clients)[0],
        "profile": "aws-iot",
        "session_expiry_s": 3600,
        "keep_alive_s": 60,
        "will": True,
        "received_qos2": 2,
        "subscriptions": [
            {
                "topic_filter": "$share/g/a",
                "qos": 1,
                "no_local": False,
                "retain_as_published": False,
                "retain_handling": 0,
                "identifier": None,
            },
            {
                "topic_filter": "b/#",
                "qos": 2,
                "no_local": True,
                "retain_as_published": True,
                "retain_handling": 1,
                "identifier": 7,
            },
        ],
        "last_packets": [
            {
                "wall_ms": SEEN_MS,
                "direction": "out",
                "packet": "CONNACK",
                "reason_code": 0,
                "reason": "success",
            },
            {
                "wall_ms": SEEN_MS + 1,
                "direction": "in",
                "packet": "PUBREC",
                "reason_code": 0x97,
                "reason": "quota exceeded",
            },
        ],
    }
    assert orjson.loads(orjson.dumps(details)) == details


def test_an_unknown_client_has_no_details() -> None:
    clients = Clients()
    clients.add()
    assert client_details(clients, "pump-2") is None


@pytest.mark.parametrize(
    ("packet", "code", "level", "words"),
    [
        ("CONNACK", 0, 4, "accepted"),
        ("CONNACK", 2, 4, "identifier rejected"),
        ("CONNACK", 0x87, 5, "not authorized"),
        ("SUBACK", 0, 5, "granted QoS 0"),
        ("SUBACK", 2, 4, "granted QoS 2"),
        ("SUBACK", 0x80, 4, "unspecified error"),
        ("UNSUBACK", 0x11, 5, "no subscription existed"),
        ("PUBACK", 0x10, 5, "no matching subscribers"),
        ("DISCONNECT", 0, 5, "normal disconnection"),
        ("DISCONNECT", 0x8E, 5, "session taken over"),
        ("PUBACK", 0x7F, 5, "unknown"),
    ],
)
def test_reason_codes_are_said_in_the_words_of_the_standard(
    packet: str, code: int, level: int, words: str
) -> None:
    assert reason(packet, code, level) == words


def test_a_connected_client_of_a_whole_broker_in_full(tmp_path: Path, run: Run) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            expiry = Properties(session_expiry_interval_s=60)
            pump = await bench.client("pump", keep_alive_s=30, properties=expiry)
            await pump.subscribe(("a", 1))
            for identifier in (1, 2):
                await pump.publish("a", b"x", qos=1, identifier=identifier)
            details = client_details(bench.broker, "pump")
            assert details is not None and client_list(bench.broker)[0].items() <= details.items()
            assert (details["connected"], details["persistent"]) == (True, True)
            assert (details["protocol"], details["profile"]) == ("5", "standard")
            assert (details["keep_alive_s"], details["session_expiry_s"]) == (30, 60)
            assert (details["in_flight"], details["queued"], details["dropped"]) == (2, 0, 0)
            assert [found["topic_filter"] for found in details["subscriptions"]] == ["a"]
            reasons = [(packet["packet"], packet["reason"]) for packet in details["last_packets"]]
            assert reasons == [("CONNACK", "success"), ("SUBACK", "granted QoS 1")]
            await pump.disconnect()
            (away,) = client_list(bench.broker)
            assert (away["connected"], away["in_flight"], away["queued"]) == (False, 0, 2)

    run(main())
