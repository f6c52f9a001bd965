"""Sessions that outlive a connection and a `kill -9` of the gateway, with every library."""

from __future__ import annotations

import pytest

from tests.gateway.broker.real_clients.brokers import RealBroker
from tests.gateway.broker.real_clients.commands import mosquitto, run, where
from tests.gateway.broker.real_clients.kinds import EVERY_CLIENT, HANDS_OVER_ALL, Make, every_client
from tests.gateway.broker.real_clients.paho_client import PahoClient
from tests.gateway.broker.real_clients.real_client import (
    RealClient,
    payloads,
    persistent,
    take,
    take_until,
)

pytestmark = pytest.mark.xdist_group("real-clients-sessions")

HUNDRED = [(b"%d" % number, 1 + number % 2) for number in range(100)]


def leave_a_subscription(
    client: RealClient, port: int, client_id: str, topic: str, qos: int = 2
) -> None:
    """Subscribe in a session that stays, and go away."""
    connected = client.connect(port, client_id, clean_start=False, properties=persistent(client))
    assert not connected.session_present
    qos = min(qos, client.max_qos)
    assert client.subscribe(topic, qos) == qos
    client.disconnect()


def come_back(client: RealClient, port: int, client_id: str) -> None:
    """Connect to the session that is there."""
    connected = client.connect(port, client_id, clean_start=False, properties=persistent(client))
    assert connected.session_present is not False


def assert_the_hundred(client: RealClient) -> None:
    """Take what was queued: each message once, and in order with those sent at the same QoS."""
    found = take(client, len(HUNDRED))
    for qos in (1, 2):
        sent = [payload for payload, sent_at in HUNDRED if sent_at == qos]
        arrived = [arrival for arrival in found if arrival.payload in sent]
        assert payloads(arrived) == sent
        assert {arrival.qos for arrival in arrived} == {min(qos, client.max_qos)}


@every_client
def test_a_client_that_was_away_gets_what_was_queued_in_order(
    broker: RealBroker, make: Make, name: str, kind: str, paho: PahoClient
) -> None:
    paho.connect(broker.port, f"{name}-publisher")
    leave_a_subscription(make(kind), broker.port, name, f"{name}/#")
    paho.publish_all(f"{name}/queued", HUNDRED)
    client = make(kind)
    come_back(client, broker.port, name)
    assert_the_hundred(client)
    paho.publish(f"{name}/live", b"", 1)
    assert take_until(client, f"{name}/live") == []


@every_client
def test_a_client_that_starts_clean_finds_nothing(
    broker: RealBroker, make: Make, name: str, kind: str, paho: PahoClient
) -> None:
    paho.connect(broker.port, f"{name}-publisher")
    leave_a_subscription(make(kind), broker.port, name, f"{name}/#")
    paho.publish(f"{name}/queued", b"", 1)
    client = make(kind)
    assert not client.connect(broker.port, name, clean_start=True).session_present
    client.subscribe(f"end/{name}", 1)
    paho.publish(f"{name}/queued", b"", 1)
    paho.publish(f"end/{name}", b"", 1)
    assert take_until(client, f"end/{name}") == []


def test_sessions_and_retained_messages_survive_a_restart(
    broker: RealBroker, make: Make, name: str, paho: PahoClient
) -> None:
    paho.connect(broker.port, f"{name}-publisher")
    topic = f"{name}/queued"
    for kind in EVERY_CLIENT:
        leave_a_subscription(make(kind), broker.port, f"{name} {kind}", topic)
    mosquitto_subs = {
        version: mosquitto("sub", version, "-c", "-i", f"{name}-{version}", "-q", "2", "-t", topic)
        for version in ("311", "5")
    }
    # mosquitto_sub 2.0.11 counts what is in flight wrongly and gives up beyond its own maximum.
    mosquitto_subs["5"] += ["-D", "connect", "receive-maximum", "65535"]
    for command in mosquitto_subs.values():
        run([*command, *where(broker), "-E"])  # leaves as soon as the subscription is granted
    paho.publish_all(topic, HUNDRED)
    paho.publish(f"{name}/retained", b"kept", 1, retain=True)

    broker.restart()

    for kind in EVERY_CLIENT:
        client = make(kind)
        come_back(client, broker.port, f"{name} {kind}")
        assert_the_hundred(client)
        client.subscribe(f"{name}/retained", 1)
        assert payloads(take(client)) == [b"kept"], kind
    for command in mosquitto_subs.values():
        lines = run([*command, *where(broker), "-C", "100", "-F", "%q %p"]).splitlines()
        for qos in (1, 2):
            queued = [f"{sent} {payload.decode()}" for payload, sent in HUNDRED if sent == qos]
            assert [line for line in lines if line.startswith(f"{qos} ")] == queued


@pytest.mark.parametrize("kind", HANDS_OVER_ALL)
def test_a_client_that_dies_half_way_gets_the_rest(
    broker: RealBroker, make: Make, name: str, kind: str, paho: PahoClient
) -> None:
    """At QoS 1 a message may come on both connections, but on neither is not allowed."""
    paho.connect(broker.port, f"{name}-publisher")
    leave_a_subscription(make(kind), broker.port, name, f"{name}/#", 1)
    hundred = [b"%d" % number for number in range(100)]
    paho.publish_all(f"{name}/queued", [(payload, 1) for payload in hundred])
    client = make(kind)
    come_back(client, broker.port, name)
    first = take(client, 10)
    client.die()
    while not client.arrivals.empty():
        first += take(client)
    again = make(kind)
    come_back(again, broker.port, name)
    paho.publish(f"{name}/end", b"", 1)
    rest = take_until(again, f"{name}/end")
    assert payloads(first) == hundred[: len(first)]
    assert payloads(rest) == hundred[len(hundred) - len(rest) :]
    assert len(first) + len(rest) >= len(hundred)
