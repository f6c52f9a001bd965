"""What every client does: publish, subscribe, retained messages, wills, each with every library."""

from __future__ import annotations

import pytest

from tests.gateway.broker.real_clients.brokers import RealBroker
from tests.gateway.broker.real_clients.kinds import SAYS_GOODBYE, Make, every_client
from tests.gateway.broker.real_clients.paho_client import PahoClient
from tests.gateway.broker.real_clients.real_client import (
    PATIENCE_S,
    Arrival,
    WillMessage,
    payloads,
    take,
    take_until,
)

pytestmark = pytest.mark.xdist_group("real-clients-basics")


@every_client
def test_a_client_publishes_and_receives_in_order_at_each_qos(
    broker: RealBroker, make: Make, name: str, kind: str
) -> None:
    sender, receiver = make(kind), make(kind)
    assert sender.connect(broker.port, f"{name}-sender").reason_code == 0
    receiver.connect(broker.port, f"{name}-receiver")
    most = receiver.max_qos
    assert receiver.subscribe(f"{name}/+/value", most) == most
    assert receiver.subscribe(f"{name}/end", most) == most
    for number in range(12):
        sender.publish(f"{name}/a/value", b"%d" % number, number % (most + 1))
    sender.publish(f"{name}/end", b"", most)
    found = take_until(receiver, f"{name}/end")
    for qos in range(most + 1):
        assert payloads(found, qos) == [b"%d" % n for n in range(12) if n % (most + 1) == qos]
    assert {arrival.topic for arrival in found} == {f"{name}/a/value"}
    assert len(found) == 12 and not any(arrival.retain for arrival in found)
    sender.disconnect()
    receiver.disconnect()


@every_client
def test_a_client_gets_the_lower_of_both_qos(
    broker: RealBroker, make: Make, name: str, kind: str
) -> None:
    client = make(kind)
    client.connect(broker.port, name)
    assert client.subscribe(f"{name}/zero", 0) == 0
    assert client.subscribe(f"{name}/one", 1) == 1
    client.publish(f"{name}/zero", b"sent at 1", 1)
    assert take(client) == [Arrival(f"{name}/zero", b"sent at 1", 0, False)]
    client.publish(f"{name}/one", b"sent at most", client.max_qos)
    assert take(client) == [Arrival(f"{name}/one", b"sent at most", 1, False)]


@every_client
def test_a_client_that_unsubscribes_gets_no_more(
    broker: RealBroker, make: Make, name: str, kind: str
) -> None:
    client = make(kind)
    client.connect(broker.port, name)
    client.subscribe(f"{name}/#", 1)
    client.publish(f"{name}/x", b"before", 1)
    assert take(client) == [Arrival(f"{name}/x", b"before", 1, False)]
    client.subscribe(f"end/{name}", 1)
    client.unsubscribe(f"{name}/#")
    client.publish(f"{name}/x", b"after", 1)
    client.publish(f"end/{name}", b"", 1)
    assert take_until(client, f"end/{name}") == []


@every_client
def test_a_client_carries_large_and_empty_payloads(
    broker: RealBroker, make: Make, name: str, kind: str
) -> None:
    client = make(kind)
    client.connect(broker.port, name)
    client.subscribe(name, 1)
    sent = [b"", bytes(range(256)), b"x" * 300_000, b"", b"\xff" * 16_384]
    for payload in sent:
        client.publish(name, payload, 1)
    assert payloads(take(client, len(sent))) == sent


@every_client
def test_a_client_gets_the_retained_message_until_it_is_deleted(
    broker: RealBroker, make: Make, name: str, kind: str
) -> None:
    client = make(kind)
    client.connect(broker.port, name)
    topic, end = f"{name}/état", f"end/{name}"
    client.subscribe(end, 1)
    client.publish(topic, b"old", 1, retain=True)
    client.publish(topic, b"new", 1, retain=True)
    client.subscribe(f"{name}/+", 1)
    assert take(client) == [Arrival(topic, b"new", 1, True)]
    client.publish(topic, b"newest", 1, retain=True)
    assert take(client) == [Arrival(topic, b"newest", 1, False)]  # live: not marked as retained
    client.unsubscribe(f"{name}/+")
    client.publish(topic, b"", 1, retain=True)
    client.subscribe(f"{name}/+", 1)
    client.publish(end, b"", 1)
    assert take_until(client, end) == []


@every_client
def test_a_client_that_dies_leaves_its_will(
    broker: RealBroker, make: Make, name: str, kind: str, paho: PahoClient
) -> None:
    paho.connect(broker.port, f"{name}-watcher")
    paho.subscribe(f"{name}/#", 2)
    client = make(kind)
    will = WillMessage(f"{name}/status", b"gone", client.max_qos, retain=True)
    client.connect(broker.port, f"{name}-dying", will=will)
    client.die()
    assert take(paho) == [Arrival(f"{name}/status", b"gone", client.max_qos, False)]
    paho.unsubscribe(f"{name}/#")
    paho.subscribe(f"{name}/#", 2)
    assert take(paho) == [Arrival(f"{name}/status", b"gone", client.max_qos, True)]
    paho.publish(f"{name}/status", b"", 1, retain=True)


@pytest.mark.parametrize("kind", SAYS_GOODBYE)
def test_a_client_that_says_goodbye_leaves_no_will(
    broker: RealBroker, make: Make, name: str, kind: str, paho: PahoClient
) -> None:
    paho.connect(broker.port, f"{name}-watcher")
    paho.subscribe(f"{name}/#", 1)
    client = make(kind)
    client.connect(broker.port, name, will=WillMessage(f"{name}/status", b"gone", 1))
    client.disconnect()
    # The same identifier again is answered after all that the first connection leaves behind.
    again = make(kind)
    again.connect(broker.port, name)
    again.publish(f"{name}/end", b"", 1)
    assert take_until(paho, f"{name}/end") == []


@every_client
def test_a_client_is_put_out_when_its_identifier_connects_again(
    broker: RealBroker, make: Make, name: str, kind: str
) -> None:
    first, second = make(kind), make(kind)
    first.connect(broker.port, name)
    second.connect(broker.port, name)
    reason = first.closed.get(timeout=PATIENCE_S)
    shows_reason = first.level == 5 and not kind.startswith("aiomqtt")
    assert reason == (broker.taken_over if shows_reason else None)
    second.subscribe(name, 1)
    second.publish(name, b"still here", 1)
    assert payloads(take(second)) == [b"still here"]


@pytest.mark.parametrize("kind", ["paho 3.1.1", "paho 5"])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_many_messages_sent_without_waiting_arrive_in_order(
    broker: RealBroker, make: Make, name: str, kind: str, qos: int, paho: PahoClient
) -> None:
    paho.connect(broker.port, f"{name}-publisher")
    receiver = make(kind)
    receiver.connect(broker.port, f"{name}-receiver")
    receiver.subscribe(name, qos)
    sent = [b"%d" % number for number in range(300)]
    paho.publish_all(name, [(payload, qos) for payload in sent])
    assert payloads(take(receiver, len(sent))) == sent


@every_client
def test_a_refused_subscription_tells_its_reason(
    broker: RealBroker, make: Make, name: str, kind: str
) -> None:
    client = make(kind)
    client.connect(broker.port, name)
    if broker.too_deep is not None:  # else it closes the connection and tells nothing
        too_deep = "/".join(["x"] * 202)
        assert client.subscribe(too_deep, 1) == (broker.too_deep if client.level == 5 else 0x80)
    assert client.subscribe(name, 1) == 1  # the connection goes on
    client.publish(name, b"", 1)
    assert payloads(take(client)) == [b""]
