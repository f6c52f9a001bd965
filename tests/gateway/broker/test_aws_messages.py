"""Sessions, retained messages, wills, shared subscriptions and MQTT 5 as AWS IoT Core has them."""

from __future__ import annotations

import pytest

from gateway.mqtt.decoding import decode_connack
from gateway.mqtt.encoding import encode_acknowledgement, encode_disconnect
from gateway.mqtt.packets import PUBACK, Acknowledgement, Disconnect, Will
from gateway.mqtt.properties import Properties
from tests.rig.aws_listener import (
    BOTH_LEVELS,
    OnBench,
    aws_client,
    check_refused,
    connect,
    keeping,
    taken,
)
from tests.rig.mqtt_bench import Bench, WireClient, body

DAY_S = 86_400

# --- persistent sessions --------------------------------------------------------------------------


@BOTH_LEVELS
@pytest.mark.parametrize("restart", [False, True])
def test_a_kept_session_has_its_subscriptions_and_qos_1_messages(
    on_bench: OnBench, level: int, restart: bool
) -> None:
    async def talk(bench: Bench) -> None:
        client = await aws_client(bench, level, **keeping(level))
        assert client.connack.session_present is False
        await client.subscribe(("a/#", 1))
        client.lost()
        publisher = await aws_client(bench, level, "p")
        for qos in (0, 1, 1):
            await publisher.publish("a/b", b"%d" % qos, qos=qos)
        if restart:
            await bench.restart()
        client = await aws_client(bench, level, **keeping(level))
        assert client.connack.session_present is True
        assert [m.payload for m in await client.messages()] == [b"1", b"1"]
        await client.disconnect()
        client = await aws_client(bench, level)
        assert client.connack.session_present is False
        assert bench.count("mqtt.subscriptions") == 0

    on_bench(talk)


def test_the_expiry_of_a_session_may_be_changed_when_disconnecting(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await aws_client(bench, 5, **keeping(5, 60))
        await client.disconnect(properties=Properties(session_expiry_interval_s=100 * DAY_S))
        assert bench.broker.sessions["c"].expiry_s == 7 * DAY_S
        client = await aws_client(bench, 5, **keeping(5, 60))
        await client.disconnect(properties=Properties(session_expiry_interval_s=0))
        assert "c" not in bench.broker.sessions
        client = await aws_client(bench, 5)
        late = Disconnect(0, Properties(session_expiry_interval_s=60))
        check_refused(client, await client.send(encode_disconnect(late, 5)), 0x82)

    on_bench(talk)


# --- retained messages ----------------------------------------------------------------------------


@BOTH_LEVELS
def test_retained_messages_go_to_exact_filters_only(on_bench: OnBench, level: int) -> None:
    async def talk(bench: Bench) -> None:
        publisher = await aws_client(bench, level, "p")
        await publisher.publish("a/b", b"old", qos=1, retain=True)
        await publisher.publish("a/b", b"new", qos=1, retain=True)
        client = await aws_client(bench, level)
        await client.subscribe(("a/+", 1), ("a/#", 1), ("$share/g/a/b", 1), ("+/b", 1), ("#", 1))
        assert await client.messages() == []
        await client.subscribe(("a/b", 1))
        (message,) = await client.messages()
        assert (message.payload, message.qos, message.retain) == (b"new", 1, True)

    on_bench(talk)


@BOTH_LEVELS
def test_an_empty_message_deletes_and_live_deliveries_are_not_retained(
    on_bench: OnBench, level: int
) -> None:
    async def talk(bench: Bench) -> None:
        client = await aws_client(bench, level)
        await client.subscribe(("a", 1))
        publisher = await aws_client(bench, level, "p")
        await publisher.publish("a", b"x", qos=1, retain=True)
        await publisher.publish("a", b"", qos=1, retain=True)
        live = [(m.payload, m.retain) for m in await client.messages()]
        assert live == [(b"x", False), (b"", False)]
        assert bench.count("mqtt.retained") == 0

    on_bench(talk)


# --- wills ----------------------------------------------------------------------------------------


@BOTH_LEVELS
@pytest.mark.parametrize("ending", ["lost", "silence", "taken over", "violation", "disconnect"])
def test_a_will_is_published_unless_its_client_disconnects(
    on_bench: OnBench, level: int, ending: str
) -> None:
    async def talk(bench: Bench) -> None:
        watch = await aws_client(bench, level, "w", keep_alive_s=1200)
        await watch.subscribe(("gone", 1))
        will = Will("gone", b"x", 1, True)
        client = await aws_client(bench, level, keep_alive_s=30, will=will)
        if ending == "lost":
            client.lost()
        elif ending == "silence":
            bench.time.advance(46)
            await bench.tick()
        elif ending == "taken over":
            await aws_client(bench, level)
        elif ending == "violation":
            await client.send(b"\0\0")
        else:
            await client.disconnect()
        found = [(m.payload, m.qos) for m in await watch.messages()]
        assert found == ([] if ending == "disconnect" else [(b"x", 1)])
        assert bench.count("mqtt.retained") == len(found)

    on_bench(talk)


def test_a_will_is_not_delayed(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watch = await aws_client(bench, 5, "w")
        await watch.subscribe(("gone", 1))
        will = Will("gone", b"x", 0, False, Properties(will_delay_interval_s=60))
        client = await aws_client(bench, 5, will=will, **keeping(5))
        client.lost()
        assert len(await watch.messages()) == 1

    on_bench(talk)


# --- shared subscriptions -------------------------------------------------------------------------


async def heard(*clients: WireClient) -> list[int]:
    return [len(await client.messages()) for client in clients]


@BOTH_LEVELS
def test_a_message_goes_to_one_member_of_each_group(on_bench: OnBench, level: int) -> None:
    async def talk(bench: Bench) -> None:
        groups = ("$share/g1/a/b", "$share/g1/a/#", "$share/g2/a/b")
        members = {}
        for group in groups:
            members[group] = [await aws_client(bench, level, f"{group}-{n}"[7:]) for n in (1, 2)]
            for member in members[group]:
                await member.subscribe((group, 0))
        publisher = await aws_client(bench, level, "p")
        for _ in range(10):
            await publisher.publish("a/b")
        for group in groups:
            assert sum(await heard(*members[group])) == 10
            members[group][0].lost()
        await publisher.publish("a/b")
        for group in groups:
            assert await heard(members[group][1]) == [1]

    on_bench(talk)


@BOTH_LEVELS
@pytest.mark.parametrize("kept", [False, True])
def test_a_group_that_is_away_keeps_qos_1_messages_in_a_persistent_session(
    on_bench: OnBench, level: int, kept: bool
) -> None:
    async def talk(bench: Bench) -> None:
        fields = keeping(level) if kept else {}
        members = [await aws_client(bench, level, "a"), await aws_client(bench, level, **fields)]
        for member in members:
            await member.subscribe(("$share/g/a", 1))
            member.lost()
        publisher = await aws_client(bench, level, "p")
        for qos in (0, 1):
            await publisher.publish("a", b"%d" % qos, qos=qos)
        again = await aws_client(bench, level, **keeping(level))
        assert [m.payload for m in await again.messages()] == ([b"1"] if kept else [])

    on_bench(talk)


# --- MQTT 5 ---------------------------------------------------------------------------------------


def test_subscription_identifiers_are_refused(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await aws_client(bench, 5)
        assert client.connack.properties.subscription_identifiers_available is False
        # SUBSCRIBE 1 with Subscription Identifier 7 for `a` at QoS 0.
        answer = await client.send(bytes.fromhex("82 09 0001 02 0b07 0001 61 00"))
        check_refused(client, answer, 0xA1)

    on_bench(talk)


@pytest.mark.parametrize(
    ("asked_s", "left_s"),
    [(0, 1), (1, 1), (60, 60), (7 * DAY_S, 7 * DAY_S), (7 * DAY_S + 1, 7 * DAY_S)],
)
def test_a_message_expires_after_a_second_to_seven_days(
    on_bench: OnBench, asked_s: int, left_s: int
) -> None:
    async def talk(bench: Bench) -> None:
        readers = [
            await aws_client(bench, level, f"r{level}", **keeping(level)) for level in (4, 5)
        ]
        for reader in readers:
            await reader.subscribe(("a", 1))
        publisher = await aws_client(bench, 5, "p")
        expiring = Properties(message_expiry_interval_s=asked_s)
        await publisher.publish("a", b"x", qos=1, properties=expiring)
        four, five = [(await reader.messages())[0].properties for reader in readers]
        assert (four.message_expiry_interval_s, five.message_expiry_interval_s) == (None, left_s)

    on_bench(talk)


@BOTH_LEVELS
def test_expired_messages_are_not_delivered_queued_or_retained(
    on_bench: OnBench, level: int
) -> None:
    async def talk(bench: Bench) -> None:
        away = await aws_client(bench, level, **keeping(level))
        await away.subscribe(("a", 1))
        away.lost()
        publisher = await aws_client(bench, 5, "p")
        for expiry_s in (9, 11):
            expiring = Properties(message_expiry_interval_s=expiry_s)
            payload = b"%d" % expiry_s
            await publisher.publish("a", payload, qos=1, properties=expiring)
            await publisher.publish(f"r/{expiry_s}", b"x", retain=True, properties=expiring)
        bench.time.advance(10)
        back = await aws_client(bench, level, **keeping(level))
        (message,) = await back.messages()
        assert message.payload == b"11"
        assert message.properties.message_expiry_interval_s == (1 if level == 5 else None)
        await back.subscribe(("r/9", 0), ("r/11", 0))
        assert [m.topic for m in await back.messages()] == ["r/11"]

    on_bench(talk)


def test_properties_are_passed_on_also_those_of_a_request(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await aws_client(bench, 5)
        await client.subscribe(("a", 1))
        said = Properties(
            payload_format_indicator=1,
            content_type="text/plain",
            response_topic="b",
            correlation_data=b"7",
            user_properties=(("k", "v"), ("k", "w")),
        )
        publisher = await aws_client(bench, 5, "p")
        await publisher.publish("a", b"x", qos=1, properties=said)
        (message,) = await client.messages()
        assert message.properties == said

    on_bench(talk)


def test_a_packet_that_is_too_large_for_its_reader_is_not_sent(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await aws_client(bench, 5, properties=Properties(maximum_packet_size_bytes=50))
        await client.subscribe(("a", 1))
        publisher = await aws_client(bench, 5, "p")
        for size in (100, 10):
            await publisher.publish("a", bytes(size), qos=1)
        assert [len(m.payload) for m in await client.messages()] == [10]

    on_bench(talk)


def test_a_gateway_that_stops_says_so(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        clients = [await aws_client(bench, level, str(level)) for level in (4, 5)]
        bench.broker.close()
        for client in clients:
            check_refused(client, await client.out(), 0x8B)

    on_bench(talk)


def test_enhanced_authentication_is_refused_with_a_code_that_aws_has(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        asking = Properties(authentication_method="SCRAM-SHA-1")
        client, answer = await connect(bench, 5, client_id="c", properties=asking)
        assert client.closed
        assert decode_connack(body(answer), 5).reason_code == 0x87

    on_bench(talk)


def test_nobody_hears_that_there_was_nothing_to_unsubscribe(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await aws_client(bench, 5)
        await client.subscribe(("a", 0))
        assert await client.unsubscribe("a", "b") == b"\0\0"

    on_bench(talk)


@BOTH_LEVELS
def test_a_message_for_which_there_is_no_room_is_refused(on_bench: OnBench, level: int) -> None:
    async def talk(bench: Bench) -> None:
        reader = await aws_client(bench, 4, "r", **keeping(4))
        await reader.subscribe(("a", 1))
        reader.lost()
        client = await aws_client(bench, level)
        answer = taken(level)
        for _ in range(100):
            answer = await client.publish("a", bytes(60_000), qos=1)
            if answer != taken(level):
                break
        if level == 5:
            assert answer == encode_acknowledgement(PUBACK, Acknowledgement(1, 0x97), 5)
        else:
            check_refused(client, answer, 0x97)

    on_bench(talk)
