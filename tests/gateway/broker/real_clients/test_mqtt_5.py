"""What MQTT 5 adds, seen by libraries that others wrote."""

from __future__ import annotations

import pytest

from tests.gateway.broker.real_clients.brokers import RealBroker
from tests.gateway.broker.real_clients.kinds import (
    SENDS_USER_PROPERTIES,
    SHOWS_CONNACK,
    Make,
    every_mqtt_5_client,
)
from tests.gateway.broker.real_clients.paho_client import PahoClient
from tests.gateway.broker.real_clients.real_client import (
    PATIENCE_S,
    WillMessage,
    payloads,
    take,
    take_until,
)

pytestmark = pytest.mark.xdist_group("real-clients-mqtt-5")

CARRIED = {
    "payload_format_indicator": 1,
    "content_type": "application/json",
    "response_topic": "answers/here",
    "correlation_data": b"\x00\xff seventeen",
}
USER_PROPERTIES = [("unit", "°C"), ("unit", "K"), ("", "")]


@every_mqtt_5_client
def test_a_message_s_properties_arrive_as_they_were_sent(
    broker: RealBroker, make: Make, name: str, kind: str, paho: PahoClient
) -> None:
    client = make(kind)
    client.connect(broker.port, f"{name}-client")
    paho.connect(broker.port, f"{name}-paho")
    client.subscribe(f"{name}/down", 1)
    paho.subscribe(f"{name}/up", 1)
    client.publish(f"{name}/up", b"{}", 1, properties=CARRIED)
    assert take(paho)[0].properties == CARRIED
    paho.publish(f"{name}/down", b"{}", 1, properties=CARRIED)
    assert take(client)[0].properties == CARRIED


@pytest.mark.parametrize("kind", SENDS_USER_PROPERTIES)
def test_user_properties_keep_their_order_and_their_doubles(
    broker: RealBroker, make: Make, name: str, kind: str
) -> None:
    client = make(kind)
    client.connect(broker.port, name)
    client.subscribe(name, 1)
    client.publish(name, b"", 1, properties={"user_properties": USER_PROPERTIES})
    assert take(client)[0].properties["user_properties"] == USER_PROPERTIES


@every_mqtt_5_client
def test_a_request_finds_its_way_to_a_response(
    broker: RealBroker, make: Make, name: str, kind: str, paho: PahoClient
) -> None:
    paho.connect(broker.port, f"{name}-answers")
    paho.subscribe(f"{name}/requests", 1)
    paho.answer_requests()
    client = make(kind)
    client.connect(broker.port, f"{name}-asks")
    client.subscribe(f"{name}/mine", 1)
    for number in (1, 2):
        asked = {"response_topic": f"{name}/mine", "correlation_data": b"%d" % number}
        client.publish(f"{name}/requests", b"How warm?", 1, properties=asked)
        (answer,) = take(client)
        assert answer.payload == b"How warm? Fine."
        assert answer.properties["correlation_data"] == b"%d" % number


@every_mqtt_5_client
def test_subscription_identifiers_say_what_matched(
    broker: RealBroker, make: Make, name: str, kind: str, paho: PahoClient
) -> None:
    paho.connect(broker.port, f"{name}-paho")
    client = make(kind)
    client.connect(broker.port, name)
    client.subscribe(f"{name}/a/#", 1, {"subscription_identifiers": [7]})
    client.subscribe(f"{name}/b", 1, {"subscription_identifiers": [268_435_455]})
    client.subscribe(f"{name}/c", 1)
    for topic in ("a/x", "b", "c"):
        paho.publish(f"{name}/{topic}", b"", 1)
    identifiers = [a.properties.get("subscription_identifiers") for a in take(client, 3)]
    assert identifiers == [[7], [268_435_455], None]


@every_mqtt_5_client
def test_members_of_a_shared_subscription_get_each_message_once(
    broker: RealBroker, make: Make, name: str, kind: str, paho: PahoClient
) -> None:
    paho.connect(broker.port, f"{name}-publisher")
    members = [make(kind), make(kind)]
    for number, member in enumerate(members):
        member.connect(broker.port, f"{name}-member-{number}")
        assert member.subscribe(f"$share/group/{name}/work", 1) == 1
        member.subscribe(f"{name}/end", 1)
    sent = [b"%d" % number for number in range(40)]
    paho.publish_all(f"{name}/work", [(payload, 1) for payload in sent])
    paho.publish(f"{name}/end", b"", 1)
    shares = [payloads(take_until(member, f"{name}/end")) for member in members]
    assert sorted(shares[0] + shares[1], key=int) == sent
    assert all(shares), "one member got everything"


@every_mqtt_5_client
def test_the_time_a_message_has_left_is_told(
    broker: RealBroker, make: Make, name: str, kind: str
) -> None:
    client = make(kind)
    client.connect(broker.port, name)
    client.subscribe(name, 1)
    client.publish(name, b"", 1, properties={"message_expiry_interval": 100})
    assert take(client)[0].properties["message_expiry_interval"] in range(90, 101)


def test_message_and_session_and_will_delay_run_out(
    broker: RealBroker, make: Make, name: str, paho: PahoClient
) -> None:
    """A session that ends publishes its delayed will: that tells when its second is over."""
    paho.connect(broker.port, f"{name}-watcher")
    paho.subscribe(f"{name}/wills/#", 1)
    stays = {"session_expiry_interval": 300}
    away = make("mqttjs 5")
    away.connect(broker.port, f"{name}-away", clean_start=False, properties=stays)
    away.subscribe(f"{name}/news", 1)
    away.disconnect()
    for payload, interval in ((b"stale", 1), (b"fresh", 100), (b"for ever", None)):
        left = {} if interval is None else {"message_expiry_interval": interval}
        paho.publish(f"{name}/news", payload, 1, properties=left)
    short = make("paho 5")
    will = WillMessage(f"{name}/wills/short", b"", 1, properties={"will_delay_interval": 100})
    short.connect(
        broker.port,
        f"{name}-short",
        clean_start=False,
        will=will,
        properties={"session_expiry_interval": 1},
    )
    short.die()
    assert [arrival.topic for arrival in take(paho)] == [f"{name}/wills/short"]

    again = make("paho 5")
    assert not again.connect(broker.port, f"{name}-short", clean_start=False).session_present
    back = make("mqttjs 5")
    assert back.connect(
        broker.port, f"{name}-away", clean_start=False, properties=stays
    ).session_present
    found = take(back, 2)
    assert payloads(found) == [b"fresh", b"for ever"]
    assert found[0].properties["message_expiry_interval"] in range(80, 100)
    assert "message_expiry_interval" not in found[1].properties


@pytest.mark.parametrize("kind", SHOWS_CONNACK)
def test_a_session_stays_as_long_as_the_client_last_said(
    broker: RealBroker, make: Make, name: str, kind: str
) -> None:
    stays = {"session_expiry_interval": 300}
    first, second, third, fourth = (make(kind) for _ in range(4))
    connected = first.connect(broker.port, name, clean_start=False, properties=stays)
    assert connected.session_present is False
    first.disconnect()
    assert second.connect(broker.port, name, clean_start=False, properties=stays).session_present
    second.die()
    assert third.connect(broker.port, name, clean_start=False).session_present
    third.disconnect()  # its CONNECT named no interval: the session ends here
    last = fourth.connect(broker.port, name, clean_start=False, properties=stays)
    assert last.session_present is False


@pytest.mark.parametrize("kind", ["paho 5", "mqttjs 5"])
def test_a_disconnect_can_end_a_session(
    broker: RealBroker, make: Make, name: str, kind: str
) -> None:
    stays = {"session_expiry_interval": 300}
    first, second = make(kind), make(kind)
    first.connect(broker.port, name, clean_start=False, properties=stays)
    first.disconnect({"session_expiry_interval": 0})
    assert not second.connect(broker.port, name, clean_start=False).session_present


@pytest.mark.parametrize("kind", SHOWS_CONNACK)
def test_a_client_without_an_identifier_is_given_one(
    broker: RealBroker, make: Make, name: str, kind: str
) -> None:
    first, second = make(kind), make(kind)
    given = [
        client.connect(broker.port, "").properties["assigned_client_identifier"]
        for client in (first, second)
    ]
    assert all(given) and given[0] != given[1]
    second.disconnect()
    third = make(kind)
    third.connect(broker.port, given[0])  # it is an identifier like any other
    first.closed.get(timeout=PATIENCE_S)


@every_mqtt_5_client
def test_a_topic_alias_stands_for_its_topic(
    broker: RealBroker, make: Make, name: str, kind: str, paho: PahoClient
) -> None:
    paho.connect(broker.port, f"{name}-paho")
    paho.subscribe(f"{name}/#", 1)
    client = make(kind)
    client.connect(broker.port, name)
    client.publish(f"{name}/long/topic", b"1", 1, properties={"topic_alias": 3})
    client.publish("", b"2", 1, properties={"topic_alias": 3})
    client.publish(f"{name}/other", b"3", 0, properties={"topic_alias": 3})
    client.publish("", b"4", 0, properties={"topic_alias": 3})
    found = [(arrival.topic, arrival.payload) for arrival in take(paho, 4)]
    long, other = f"{name}/long/topic", f"{name}/other"
    assert found == [(long, b"1"), (long, b"2"), (other, b"3"), (other, b"4")]


def test_topic_aliases_of_the_broker_are_understood(
    broker: RealBroker, make: Make, name: str, paho: PahoClient
) -> None:
    paho.connect(broker.port, f"{name}-paho")
    client = make("mqttjs 5")
    client.connect(broker.port, name, properties={"topic_alias_maximum": 2})
    client.subscribe(f"{name}/#", 1)
    topics = [f"{name}/{letter}" for letter in "aabbccaabbcc"]
    for topic in topics:
        paho.publish(topic, b"", 1)
    found = take(client, len(topics))
    assert [arrival.topic for arrival in found] == topics
    aliases = {arrival.properties.get("topic_alias") for arrival in found} - {None}
    assert aliases <= {1, 2}
    assert bool(aliases) == broker.sends_topic_aliases


@pytest.mark.parametrize("kind", ["paho 5", "mqttjs 5"])
def test_a_small_receive_maximum_slows_but_loses_nothing(
    broker: RealBroker, make: Make, name: str, kind: str, paho: PahoClient
) -> None:
    paho.connect(broker.port, f"{name}-paho")
    client = make(kind)
    client.connect(broker.port, name, properties={"receive_maximum": 2})
    client.subscribe(name, 2)
    sent = [b"%d" % number for number in range(60)]
    other = 2 if broker.keeps_receive_maximum else 1
    messages = [(payload, (1, other)[number % 2]) for number, payload in enumerate(sent)]
    paho.publish_all(name, messages)
    found = take(client, len(sent))  # MQTT.js closes a connection that brings more at a time
    for qos in (1, 2):
        assert payloads(found, qos) == [payload for payload, at in messages if at == qos]


@pytest.mark.parametrize("kind", SHOWS_CONNACK)
def test_a_message_larger_than_the_client_takes_is_left_out(
    broker: RealBroker, make: Make, name: str, kind: str, paho: PahoClient
) -> None:
    paho.connect(broker.port, f"{name}-paho")
    client = make(kind)
    client.connect(broker.port, name, properties={"maximum_packet_size": 200})
    client.subscribe(name, 1)
    for payload in (b"small", b"x" * 300, b"small again"):
        paho.publish(name, payload, 1)
    assert payloads(take(client, 2)) == [b"small", b"small again"]


@pytest.mark.parametrize("kind", ["paho 5", "mqttjs 5", "u8mqtt 5"])
def test_a_will_carries_its_properties(
    broker: RealBroker, make: Make, name: str, kind: str, paho: PahoClient
) -> None:
    paho.connect(broker.port, f"{name}-paho")
    paho.subscribe(f"{name}/will", 1)
    client = make(kind)
    will = WillMessage(f"{name}/will", b"gone", 1, properties=CARRIED)
    client.connect(broker.port, name, will=will)
    client.die()
    assert take(paho)[0].properties == CARRIED
