"""MQTT 5, section 3.3.4: answers to PUBLISH, overlapping subscriptions, the receive maximum."""

from __future__ import annotations

from gateway.mqtt.packets import PUBACK, PUBCOMP, PUBREC, PUBREL
from gateway.mqtt.properties import Properties
from tests.conformance.mqtt5.wire import (
    PINGREQ,
    PINGRESP,
    PROTOCOL_ERROR,
    OnBench,
    acknowledgement,
    answer_to,
    packet,
    pubcomp,
    publishes,
    pubrec,
    refused,
    suback,
    text,
)
from tests.rig.mqtt_bench import Bench, WireClient

RECEIVE_MAXIMUM_EXCEEDED = 0x93


async def subscribe_with(client: WireClient, identifier: int, *filters: tuple[str, int]) -> None:
    """Subscribe with a subscription identifier."""
    properties = Properties(subscription_identifiers=(identifier,))
    await client.subscribe(*filters, properties=properties)


async def publish_at(bench: Bench, topic: str, qos: int) -> None:
    sender = await bench.client("sender")
    await sender.publish(topic, b"x", qos=qos, identifier=1 if qos else 0)


def test_MQTT_3_3_4_1_the_answer_is_as_the_qos_asks(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        assert await client.publish("t", b"x", qos=0) == b""
        answer = await client.publish("t", b"x", qos=1, identifier=1)
        assert acknowledgement(PUBACK, answer).packet_identifier == 1
        answer = await client.publish("t", b"x", qos=2, identifier=2)
        assert acknowledgement(PUBREC, answer).packet_identifier == 2

    on_bench(talk)


def test_MQTT_3_3_4_2_overlaps_are_delivered_at_their_highest_qos(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        await client.subscribe(("a/#", 0), ("a/b", 2), ("a/+", 1))
        for qos in (0, 1, 2):
            await publish_at(bench, "a/b", qos)
            assert max(message.qos for message in await client.messages()) == qos
        await client.unsubscribe("a/b")
        await publish_at(bench, "a/b", 2)
        assert max(message.qos for message in await client.messages()) == 1

    on_bench(talk)


def test_MQTT_3_3_4_3_overlaps_pass_on_their_identifiers(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        await client.subscribe(("a/#", 0))
        await subscribe_with(client, 268_435_455, ("a/+", 1))
        await publish_at(bench, "a/b", 1)
        sent = [m.properties.subscription_identifiers for m in await client.messages()]
        assert (268_435_455,) in sent
        await publish_at(bench, "a/b/c", 1)
        sent = [m.properties.subscription_identifiers for m in await client.messages()]
        assert sent == [()]

    on_bench(talk)


def test_MQTT_3_3_4_4_a_single_copy_carries_all_identifiers(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        await subscribe_with(client, 7, ("a/#", 0))
        await subscribe_with(client, 300, ("a/b", 1), ("other", 1))
        await client.subscribe(("+/b", 2))
        await publish_at(bench, "a/b", 1)
        (message,) = await client.messages()
        assert sorted(message.properties.subscription_identifiers) == [7, 300]

    on_bench(talk)


def test_MQTT_3_3_4_5_each_of_several_copies_carries_its_own(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client, other = await bench.client("c"), await bench.client("d")
        await subscribe_with(client, 1, ("$share/group/a", 1))
        await subscribe_with(client, 2, ("a", 1))
        await subscribe_with(other, 3, ("a", 1))
        await publish_at(bench, "a", 1)
        sent = [m.properties.subscription_identifiers for m in await client.messages()]
        # One copy for both subscriptions or one for each: no copy without, none with another's.
        assert all(sent)
        assert sorted(sum(sent, ())) == [1, 2]
        assert [m.properties.subscription_identifiers for m in await other.messages()] == [(3,)]

    on_bench(talk)


def test_MQTT_3_3_4_6_a_client_names_no_subscription_identifier(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("#", 0))
        client = await bench.client("c")
        data = packet(0x30, text("t") + b"\2\x0b\1x")
        assert await refused(client, data) == PROTOCOL_ERROR
        assert await watcher.messages() == []

    on_bench(talk)


def test_MQTT_3_3_4_7_a_client_keeps_to_the_receive_maximum(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        assert client.connack.properties.receive_maximum == 2
        for identifier in (1, 2):
            answer = await client.publish("t", b"x", qos=2, identifier=identifier)
            assert pubrec(answer).packet_identifier == identifier
        assert pubcomp(await client.send(answer_to(PUBREL, 1))).packet_identifier == 1
        assert pubrec(await client.publish("t", b"x", qos=2, identifier=3)).reason_code < 0x80
        fourth = packet(0x34, text("t") + b"\0\4\0x")
        assert await refused(client, fourth) == RECEIVE_MAXIMUM_EXCEEDED

    on_bench(talk, receive_maximum=2)


def test_MQTT_3_3_4_8_the_maximum_holds_back_nothing_else_of_a_client(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        await client.publish("t", b"x", qos=2, identifier=1)
        assert await client.send(PINGREQ) == PINGRESP
        subscribe = packet(0x82, b"\0\7\0" + text("t") + b"\0")
        assert suback(await client.send(subscribe)).packet_identifier == 7
        assert await client.send(packet(0x30, text("u") + b"\0x")) == b""
        assert pubcomp(await client.send(answer_to(PUBREL, 1))).reason_code == 0
        assert not client.closed

    on_bench(talk, receive_maximum=1)


async def two_unacknowledged(bench: Bench) -> tuple[WireClient, list[int]]:
    """A client at its receive maximum of 2, with three more messages waiting for it."""
    client = await bench.client("c", properties=Properties(receive_maximum=2))
    await client.subscribe(("t", 2))
    sender = await bench.client("sender")
    for number in range(5):
        payload = str(number).encode()
        await sender.publish("t", payload, qos=1 + number % 2, identifier=number + 1)
    messages = await client.messages()
    assert [message.payload for message in messages] == [b"0", b"1"]
    return client, [message.packet_identifier for message in messages]


async def sent_after(client: WireClient, data: bytes) -> list[bytes]:
    """Send an acknowledgement; return the payloads of the messages it lets through."""
    answer = await client.send(data) + b"".join(await client.packets())
    return [message.payload for message in publishes(answer)]


def test_MQTT_3_3_4_9_the_server_keeps_to_the_receive_maximum(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client, (at_qos_1, at_qos_2) = await two_unacknowledged(bench)
        assert await sent_after(client, answer_to(PUBACK, at_qos_1)) == [b"2"]
        # PUBREC does not give the place back, PUBCOMP does.
        released = await client.send(answer_to(PUBREC, at_qos_2))
        assert acknowledgement(PUBREL, released).packet_identifier == at_qos_2
        assert await client.packets() == []
        assert await sent_after(client, answer_to(PUBCOMP, at_qos_2)) == [b"3"]

    on_bench(talk)


def test_MQTT_3_3_4_10_the_maximum_holds_back_nothing_else(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client, (_, at_qos_2) = await two_unacknowledged(bench)
        assert await client.send(PINGREQ) == PINGRESP
        assert await client.subscribe(("u", 0)) == b"\0"
        released = await client.send(answer_to(PUBREC, at_qos_2))
        assert acknowledgement(PUBREL, released).packet_identifier == at_qos_2

    on_bench(talk)
