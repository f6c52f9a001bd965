"""MQTT 5, sections 3.8 and 3.9: SUBSCRIBE and SUBACK."""

from __future__ import annotations

import pytest

from gateway.mqtt.encoding import encode_subscribe
from gateway.mqtt.packets import SUBACK, Subscribe, SubscriptionRequest
from gateway.mqtt.properties import Properties
from tests.conformance.mqtt5.wire import (
    MALFORMED,
    NO_UTF_8,
    PROTOCOL_ERROR,
    OnBench,
    kinds,
    packet,
    refused,
    send_message,
    suback,
    text,
)
from tests.rig.mqtt_bench import Bench

SUBSCRIBE_ANSWERS = {0, 1, 2, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2}
SMALL = 60


def subscribe(identifier: int, *wanted: tuple[str | bytes, int]) -> bytes:
    """A SUBSCRIBE with options as bytes, whether or not it is allowed."""
    pairs = b"".join(text(topic_filter) + bytes((options,)) for topic_filter, options in wanted)
    return packet(0x82, identifier.to_bytes(2, "big") + b"\0" + pairs)


def test_MQTT_3_8_1_1_subscribe_with_other_flags_is_malformed(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for flags in set(range(16)) - {2}:
            wrong = bytes((0x80 | flags,)) + subscribe(1, ("a", 0))[1:]
            assert await refused(await bench.client(f"c{flags}"), wrong) == MALFORMED

    on_bench(talk)


def test_MQTT_3_8_3_1_filters_to_subscribe_are_utf_8(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for number, wrong in enumerate(NO_UTF_8):
            client = await bench.client(f"c{number}")
            assert suback(await client.send(subscribe(1, ("é/水", 0)))).reason_codes == b"\0"
            assert await refused(client, subscribe(2, (wrong, 0))) == MALFORMED

    on_bench(talk)


def test_MQTT_3_8_3_2_subscribe_has_at_least_one_filter(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert await refused(await bench.client("c"), subscribe(1)) == PROTOCOL_ERROR

    on_bench(talk)


def test_MQTT_3_8_3_3_no_local_keeps_a_client_from_its_own_messages(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client, other = await bench.client("c"), await bench.client("other")
        watcher = await bench.client("watcher")
        await client.subscribe(SubscriptionRequest("a/#", 0, no_local=True))
        await watcher.subscribe(("a/#", 0))
        assert await client.publish("a/b", b"mine") == b""
        await other.publish("a/b", b"theirs")
        assert [message.payload for message in await client.messages()] == [b"theirs"]
        assert [message.payload for message in await watcher.messages()] == [b"mine", b"theirs"]

    on_bench(talk)


def test_MQTT_3_8_3_4_no_local_on_a_shared_subscription_is_a_protocol_error(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        assert suback(await client.send(subscribe(1, ("$share/g/a", 0)))).reason_codes == b"\0"
        assert await refused(client, subscribe(2, ("$share/g/a", 0x04))) == PROTOCOL_ERROR

    on_bench(talk)


def test_MQTT_3_8_3_5_reserved_option_bits_make_subscribe_malformed(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for options in (0x40, 0x80, 0xC0, 0x41):
            client = await bench.client(f"c{options}")
            assert await refused(client, subscribe(1, ("a", options))) == MALFORMED

    on_bench(talk)


def test_MQTT_3_8_4_1_each_subscribe_gets_a_suback(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        answer = await client.send(subscribe(1, ("a", 0)) + subscribe(2, ("b", 1)))
        assert kinds(answer) == [SUBACK, SUBACK]

    on_bench(talk)


def test_MQTT_3_8_4_2_the_suback_has_the_identifier_of_the_subscribe(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        for identifier in (1, 0x1234, 0xFFFF):
            answer = suback(await client.send(subscribe(identifier, ("a", 0))))
            assert answer.packet_identifier == identifier

    on_bench(talk)


def test_MQTT_3_8_4_3_an_identical_filter_replaces_the_subscription(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client, sender = await bench.client("c"), await bench.client("sender")
        await client.subscribe(("a/+", 1), properties=Properties(subscription_identifiers=(7,)))
        await client.subscribe(("a/+", 0), properties=Properties(subscription_identifiers=(8,)))
        await send_message(sender, "a/b", b"once", 1)
        (message,) = await client.messages()
        assert message.qos == 0
        assert message.properties.subscription_identifiers == (8,)

    on_bench(talk)


def test_MQTT_3_8_4_4_replacing_a_subscription_sends_retained_messages_again_and_loses_none(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client, sender = await bench.client("c"), await bench.client("sender")
        await sender.publish("a/kept", b"retained", retain=True)
        expected = []
        for number in range(6):
            await client.subscribe(SubscriptionRequest("a/#", number % 3))
            await send_message(sender, "a/live", b"%d" % number, 2)
            expected += [(b"retained", True), (b"%d" % number, False)]
        heard = [(message.payload, message.retain) for message in await client.messages()]
        assert heard == expected
        await client.subscribe(SubscriptionRequest("a/#", 0, retain_handling=2))
        assert await client.messages() == []

    on_bench(talk)


def test_MQTT_3_8_4_5_many_filters_are_handled_in_turn_and_answered_once(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        answer = await client.send(subscribe(3, ("a", 1), ("b", 0), ("a", 0)))
        assert suback(answer).reason_codes == bytes((1, 0, 0))
        sender = await bench.client("sender")
        await send_message(sender, "a", b"", 1)
        await send_message(sender, "b", b"", 1)
        heard = [(message.topic, message.qos) for message in await client.messages()]
        assert heard == [("a", 0), ("b", 0)]

    on_bench(talk)


def test_MQTT_3_8_4_6_the_suback_has_a_reason_code_for_each_filter(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        for count in (1, 2, 12):
            wanted = [(f"t/{number}", 0) for number in range(count)]
            answer = await client.send(subscribe(count, *wanted))
            assert suback(answer).reason_codes == b"\0" * count

    on_bench(talk)


@pytest.mark.parametrize("highest", [0, 1, 2])
def test_MQTT_3_8_4_7_a_reason_code_is_the_granted_qos(on_bench: OnBench, highest: int) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        granted = await client.subscribe(("a", 0), ("b", 1), ("c", 2))
        assert list(granted) == [min(wanted, highest) for wanted in (0, 1, 2)]

    on_bench(talk, max_qos=highest)


@pytest.mark.parametrize("granted", [0, 1, 2])
def test_MQTT_3_8_4_8_messages_come_at_the_lower_of_both_qos(
    on_bench: OnBench, granted: int
) -> None:
    async def talk(bench: Bench) -> None:
        client, sender = await bench.client("c"), await bench.client("sender")
        assert await client.subscribe(("a", granted)) == bytes((granted,))
        for published in (0, 1, 2):
            await send_message(sender, "a", b"", published)
            assert [message.qos for message in await client.messages()] == [min(published, granted)]

    on_bench(talk)


def test_MQTT_3_9_2_1_suback_leaves_out_a_reason_string_too_long(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        properties = Properties(maximum_packet_size_bytes=SMALL, request_problem_information=1)
        client = await bench.client("c", properties=properties)
        answer = await client.send(subscribe(1, ("a", 0), ("b", 0)))
        assert len(answer) <= SMALL
        assert suback(answer).reason_codes == b"\0\x97"

    on_bench(talk, max_subscriptions=1)


def test_MQTT_3_9_2_2_suback_leaves_out_user_properties_too_long(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", properties=Properties(maximum_packet_size_bytes=SMALL))
        long = Properties(user_properties=(("key", "v" * 100),))
        request = Subscribe(1, (SubscriptionRequest("a", 0),), long)
        answer = await client.send(encode_subscribe(request, 5))
        assert len(answer) <= SMALL
        assert suback(answer).reason_codes == b"\0"

    on_bench(talk)


def test_MQTT_3_9_3_1_the_reason_codes_are_in_the_order_of_the_filters(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        wanted = [("e", 2), ("d", 0), ("c", 1), ("b", 0), ("a", 2)]
        answer = await client.send(subscribe(1, *wanted))
        assert suback(answer).reason_codes == bytes((2, 0, 1, 0, 2))

    on_bench(talk)


def test_MQTT_3_9_3_2_each_filter_gets_a_reason_code_of_suback(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        answer = await client.send(subscribe(1, ("a", 2), ("b", 1), ("c", 0), ("d", 0)))
        codes = suback(answer).reason_codes
        assert set(codes) <= SUBSCRIBE_ANSWERS
        assert codes == bytes((2, 1, 0, 0x97))
        # What was refused is not subscribed.
        sender = await bench.client("sender")
        for topic in "abcd":
            await sender.publish(topic, b"")
        assert [message.topic for message in await client.messages()] == ["a", "b", "c"]

    on_bench(talk, max_subscriptions=3)
