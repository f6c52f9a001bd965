"""MQTT 3.1.1, sections 4.3 and 4.6: the protocols of the three QoS, and the order of messages."""

from __future__ import annotations

import pytest

from tests.conformance.mqtt311.wire import (
    OnBench,
    away,
    connected,
    heard,
    listening,
    puback,
    pubcomp,
    publish,
    pubrec,
    pubrel,
    returned,
    say,
    split,
    subscribe,
)
from tests.rig.mqtt_bench import Bench


def test_MQTT_4_3_1_1_the_server_sends_qos_0_once_and_plainly(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("a", 0))
        client = await connected(bench)
        for qos in (0, 1, 2):
            await say(client, "a", b"x", qos)
        assert await listener.packets() == [b"\x30\x04\x00\x01ax"] * 3

    on_bench(talk)


def test_MQTT_4_3_2_1_the_server_as_sender_at_qos_1(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", 1))
        client, _ = await returned(bench)
        other = await connected(bench, "other")
        await say(other, "a", b"1", 1)
        await say(other, "a", b"2", 2)
        first, second = heard(await client.packets())
        assert (first.qos, first.dup, second.qos, second.dup) == (1, False, 1, False)
        assert first.identifier != second.identifier
        assert 0 not in (first.identifier, second.identifier)
        await client.send(puback(first.identifier))
        client.lost()
        _, again = await returned(bench)  # unacknowledged until its PUBACK, and only until then
        assert heard(again) == [second._replace(dup=True)]

    on_bench(talk)


def test_MQTT_4_3_2_1_only_a_puback_ends_an_exchange_at_qos_1(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", 1))
        client, _ = await returned(bench)
        await say(await connected(bench, "other"), "a", b"x", 1)
        (message,) = heard(await client.packets())
        await client.send(puback(message.identifier ^ 0x5555))  # of no message of ours
        if client.closed:
            client.lost()
        else:
            await client.send(pubcomp(message.identifier))
            client.lost()
        _, again = await returned(bench)
        assert heard(again) == [message._replace(dup=True)]

    on_bench(talk)


def test_MQTT_4_3_2_2_the_server_as_receiver_at_qos_1(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("a", 0))
        client = await connected(bench)
        for payload, dup in ((b"1", False), (b"2", False), (b"3", True)):
            answer = await client.send(publish("a", payload, 1, 5, dup=dup))
            assert answer == puback(5)
        # After its PUBACK the identifier names a new message, DUP or not.
        payloads = [message.payload for message in heard(await listener.packets())]
        assert payloads == [b"1", b"2", b"3"]

    on_bench(talk)


def test_MQTT_4_3_3_1_the_server_as_sender_at_qos_2(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", 2))
        client, _ = await returned(bench)
        other = await connected(bench, "other")
        await say(other, "a", b"1", 2)
        await say(other, "a", b"2", 2)
        first, second = heard(await client.packets())
        assert [(m.qos, m.dup) for m in (first, second)] == [(2, False), (2, False)]
        assert first.identifier != second.identifier
        assert 0 not in (first.identifier, second.identifier)

        client.lost()  # no PUBREC yet: the PUBLISH goes again
        client, again = await returned(bench)
        assert heard(again) == [first._replace(dup=True), second._replace(dup=True)]

        assert await client.send(pubrec(first.identifier)) == pubrel(first.identifier)
        client.lost()  # no PUBCOMP yet: PUBREL goes again, the PUBLISH never
        client, again = await returned(bench)
        assert sorted(again) == sorted(
            [pubrel(first.identifier), publish("a", b"2", 2, second.identifier, dup=True)]
        )
        assert await client.send(pubrec(first.identifier)) == pubrel(first.identifier)
        assert await client.send(pubcomp(first.identifier)) == b""
        client.lost()
        _, again = await returned(bench)
        assert heard(again) == [second._replace(dup=True)]

    on_bench(talk)


def test_MQTT_4_3_3_2_the_server_as_receiver_at_qos_2(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("a", 0))
        client = await connected(bench)
        for dup in (False, True, True):
            assert await client.send(publish("a", b"1", 2, 5, dup=dup)) == pubrec(5)
        assert await client.send(publish("a", b"2", 2, 6)) == pubrec(6)
        assert await client.send(pubrel(5)) == pubcomp(5)
        assert await client.send(pubrel(5)) == pubcomp(5)
        assert await client.send(publish("a", b"3", 2, 5, dup=True)) == pubrec(5)
        assert await client.send(pubrel(6) + pubrel(5)) == pubcomp(6) + pubcomp(5)
        payloads = [message.payload for message in heard(await listener.packets())]
        assert sorted(payloads) == [b"1", b"2", b"3"]

    on_bench(talk)


@pytest.mark.parametrize("restart", [False, True])
def test_MQTT_4_3_3_2_a_repetition_after_a_reconnect_is_delivered_once(
    on_bench: OnBench, restart: bool
) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", 1), client_id="subscriber")
        client = await connected(bench, clean=False)
        assert await client.send(publish("a", b"x", 2, 5)) == pubrec(5)
        client.lost()
        if restart:
            await bench.restart()
        client, _ = await returned(bench)
        assert await client.send(publish("a", b"x", 2, 5, dup=True)) == pubrec(5)
        assert await client.send(pubrel(5)) == pubcomp(5)
        _, missed = await returned(bench, "subscriber")
        assert [message.payload for message in heard(missed)] == [b"x"]

    on_bench(talk)


@pytest.mark.parametrize("restart", [False, True])
def test_MQTT_4_6_0_1_what_is_sent_again_keeps_its_order(on_bench: OnBench, restart: bool) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a/#", 2))
        client, _ = await returned(bench)
        other = await connected(bench, "other")
        for number in range(20):
            await say(other, f"a/{number % 3}", b"%d" % number, 1 + number % 2)
        first = heard(await client.packets())
        assert [int(message.payload) for message in first] == list(range(20))
        acknowledged = [message for message in first if int(message.payload) in (4, 12)]
        for message in acknowledged:
            await client.send(puback(message.identifier))
        client.lost()
        if restart:
            await bench.restart()
        _, again = await returned(bench)
        left = [message._replace(dup=True) for message in first if message not in acknowledged]
        assert heard(again) == left

    on_bench(talk)


def test_MQTT_4_6_0_2_pubacks_go_in_the_order_of_the_publishes(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("disk", 1), client_id="sleeper")  # these wait for a commit
        client = await connected(bench)
        identifiers = [7, 3, 9, 1, 8, 2, 5]
        data = b"".join(
            publish("disk" if number % 3 == 0 else "air", b"x", 1, identifier)
            for number, identifier in enumerate(identifiers)
        )
        assert split(await client.send(data)) == [puback(one) for one in identifiers]

    on_bench(talk)


def test_MQTT_4_6_0_3_pubrecs_go_in_the_order_of_the_publishes(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("disk", 1), client_id="sleeper")
        for clean in (True, False):
            client = await connected(bench, f"clean {clean}", clean=clean)
            identifiers = [7, 3, 9, 1, 8, 2, 5]
            data = b"".join(
                publish("disk" if number % 3 == 0 else "air", b"x", 2, identifier)
                for number, identifier in enumerate(identifiers)
            )
            assert split(await client.send(data)) == [pubrec(one) for one in identifiers]

    on_bench(talk)


def test_MQTT_4_6_0_4_pubrels_go_in_the_order_of_the_pubrecs(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        other = await connected(bench, "other")
        for clean in (True, False):
            client = await connected(bench, f"clean {clean}", clean=clean)
            await client.send(subscribe(1, ("a", 2)))
            for number in range(5):
                await say(other, "a", b"%d" % number, 2)
            identifiers = [message.identifier for message in heard(await client.packets())]
            shuffled = [identifiers[place] for place in (3, 0, 4, 1, 2)]
            data = b"".join(pubrec(identifier) for identifier in shuffled)
            assert split(await client.send(data)) == [pubrel(one) for one in shuffled]

    on_bench(talk)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT_4_6_0_5_every_topic_is_ordered_unasked(on_bench: OnBench, qos: int) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("#", qos))
        client = await connected(bench)
        for topic in ("a", "a/b", "/", "$not/wild", "\u00e9"):
            await listener.send(subscribe(2, (topic, qos)))
            for number in range(5):
                await say(client, topic, b"%d" % number, qos)
            messages = heard(await listener.packets())
            assert [(m.topic, int(m.payload)) for m in messages] == [(topic, n) for n in range(5)]

    on_bench(talk)


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("persistent", [False, True])
def test_MQTT_4_6_0_6_order_holds_where_messages_have_to_wait(
    on_bench: OnBench, qos: int, persistent: bool
) -> None:
    async def talk(bench: Bench) -> None:
        client = await connected(bench, clean=not persistent)
        await client.send(subscribe(1, ("a", qos)))
        other = await connected(bench, "other")
        for number in range(12):
            await say(other, "a", b"%d" % number, qos)
        waiting, seen = heard(await client.packets()), []
        assert len(waiting) == 2
        while waiting:
            message = waiting.pop(0)
            seen.append(int(message.payload))
            if qos == 2:
                (answer, *more) = split(await client.send(pubrec(message.identifier)))
                assert answer == pubrel(message.identifier)
                waiting += heard(more)
                waiting += heard(split(await client.send(pubcomp(message.identifier))))
            else:
                waiting += heard(split(await client.send(puback(message.identifier))))
        assert seen == list(range(12))

    on_bench(talk, max_inflight=2)


def test_MQTT_4_6_0_6_order_holds_for_each_publisher_at_once(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("a", 1))
        await away(bench, ("a", 1), client_id="sleeper")
        publishers = [await connected(bench, f"p{number}") for number in range(3)]
        for number in range(10):
            for name, publisher in enumerate(publishers):
                await say(publisher, "a", b"%d %d" % (name, number), number % 2)
        _, missed = await returned(bench, "sleeper")
        for got, sent in ((await listener.packets(), range(10)), (missed, range(1, 10, 2))):
            payloads = [message.payload.split() for message in heard(got)]
            for name in range(3):
                numbers = [int(number) for who, number in payloads if int(who) == name]
                assert numbers == list(sent)

    on_bench(talk)
