"""MQTT 5, section 4.6: the order of messages."""

from __future__ import annotations

import pytest

from gateway.mqtt.encoding import encode_publish
from gateway.mqtt.packets import PUBACK, PUBREC, Publish
from gateway.mqtt.properties import Properties
from tests.conformance.mqtt5.wire import (
    OnBench,
    answer_to,
    kinds,
    puback,
    publishes,
    pubrec,
    pubrel,
    send_message,
    split,
)
from tests.rig.mqtt_bench import Bench

LASTING = Properties(session_expiry_interval_s=1000)


def stream(*messages: Publish) -> bytes:
    return b"".join(encode_publish(message, 5) for message in messages)


def test_MQTT_4_6_0_1_messages_sent_again_are_taken_in_their_order(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("t", 0))
        sender = await bench.client("sender", properties=LASTING)
        first = [Publish("t", b"%d" % number, 1, packet_identifier=9 - number) for number in (1, 2)]
        await sender.send(stream(*first))
        sender.lost()  # it believes that no answer came
        sender = await bench.client("sender", clean_start=False, properties=LASTING)
        again = [
            Publish("t", b"%d" % number, 1, dup=True, packet_identifier=9 - number)
            for number in (1, 2, 3)
        ]
        answers = split(await sender.send(stream(*again)))
        assert [puback(answer).packet_identifier for answer in answers] == [8, 7, 6]
        heard = [message.payload for message in await watcher.messages()]
        assert heard == [b"1", b"2", b"1", b"2", b"3"]

    on_bench(talk)


def test_MQTT_4_6_0_2_pubacks_are_in_the_order_of_the_messages(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        stored = await bench.client("stored", properties=LASTING)
        await stored.subscribe(("stored", 1))
        stored.lost()
        sender = await bench.client("sender")
        # Only some of them have to wait for the disk.
        messages = [
            Publish("stored" if number % 3 == 0 else "plain", b"", 1, packet_identifier=number)
            for number in (9, 4, 6, 1, 3, 2, 8)
        ]
        answers = split(await sender.send(stream(*messages)))
        assert [puback(answer).packet_identifier for answer in answers] == [9, 4, 6, 1, 3, 2, 8]

    on_bench(talk)


def test_MQTT_4_6_0_3_pubrecs_are_in_the_order_of_the_messages(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        stored = await bench.client("stored", properties=LASTING)
        await stored.subscribe(("stored", 2))
        stored.lost()
        sender = await bench.client("sender")
        messages = [
            Publish("stored" if number % 3 == 0 else "plain", b"", 2, packet_identifier=number)
            for number in (9, 4, 6, 1, 3, 2, 8)
        ]
        answers = split(await sender.send(stream(*messages)))
        assert [pubrec(answer).packet_identifier for answer in answers] == [9, 4, 6, 1, 3, 2, 8]

    on_bench(talk)


def test_MQTT_4_6_0_4_pubrels_are_in_the_order_of_the_pubrecs(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", properties=LASTING)
        await client.subscribe(("t", 2))
        sender = await bench.client("sender")
        for number in range(4):
            await send_message(sender, "t", b"%d" % number, 2)
        sent = [message.packet_identifier for message in await client.messages()]
        order = [sent[2], sent[0], sent[3], sent[1]]
        received = b"".join(answer_to(PUBREC, identifier) for identifier in order)
        answers = split(await client.send(received))
        assert [pubrel(answer).packet_identifier for answer in answers] == order

    on_bench(talk)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT_4_6_0_5_messages_of_one_topic_and_qos_are_passed_on_in_order(
    on_bench: OnBench, qos: int
) -> None:
    async def talk(bench: Bench) -> None:
        clients = [await bench.client(f"c{number}") for number in range(3)]
        for client, topic_filter in zip(clients, ("t/x", "t/+", "#"), strict=True):
            await client.subscribe((topic_filter, qos))
        senders = [await bench.client("s1"), await bench.client("s2")]
        for number in range(20):
            await send_message(senders[number % 2], "t/x", b"%d" % number, qos)
        for client in clients:
            heard = [int(message.payload) for message in await client.messages()]
            assert heard == list(range(20))

    on_bench(talk)


def test_MQTT_4_6_0_6_every_topic_is_ordered_through_windows_queues_and_absence(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        narrow = Properties(session_expiry_interval_s=1000, receive_maximum=3)
        client = await bench.client("c", properties=narrow)
        await client.subscribe(("#", 1))
        sender = await bench.client("sender")
        for number in range(10):
            await send_message(sender, f"t/{number % 2}", b"%d" % number, 1)
        client.lost()  # three were sent, and none answered
        for number in range(10, 20):
            await send_message(sender, f"t/{number % 2}", b"%d" % number, 1)
        client = await bench.client("c", clean_start=False, properties=narrow)
        heard, window = [], await client.messages()
        while window:
            heard += [int(message.payload) for message in window]
            answers = [answer_to(PUBACK, message.packet_identifier) for message in window]
            data = await client.send(b"".join(answers))
            assert set(kinds(data)) <= {3}
            window = publishes(data)
            if len(heard) == 9:
                await send_message(sender, "t/0", b"20", 1)
        assert heard == list(range(21))

    on_bench(talk)
