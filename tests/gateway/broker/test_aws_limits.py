"""The limits of a listener that follows AWS IoT Core, at their edges."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.broker import MqttSettings
from gateway.broker.profile import aws_iot, standard
from gateway.mqtt.properties import Properties
from tests.rig.aws_listener import (
    BOTH_LEVELS,
    OnBench,
    aws_client,
    check_refused,
    keeping,
    taken,
)
from tests.rig.mqtt_bench import Bench

DAY_S = 86_400
INVALID_FILTER = {4: 0x80, 5: 0x8F}
QUOTA = {4: 0x80, 5: 0x97}


@BOTH_LEVELS
@pytest.mark.parametrize(
    ("topic", "accepted"),
    [
        ("a" * 256, True),
        ("a" * 257, False),
        ("é" * 128, True),
        ("é" * 128 + "a", False),
        ("/" * 7, True),
        ("/" * 8, False),
        ("$aws/rules/r/" + "a" * 256, True),
        ("$aws/rules/r/" + "a" * 257, False),
        ("$aws/rules/r/" + "/" * 7, True),
        ("$aws/rules/r/" + "/" * 8, False),
        ("$aws/things/t/shadow/" + "/" * 3, True),
        ("$aws/things/t/shadow/" + "/" * 4, False),
    ],
)
def test_a_topic_has_256_bytes_and_7_slashes(
    on_bench: OnBench, level: int, topic: str, accepted: bool
) -> None:
    async def talk(bench: Bench) -> None:
        client = await aws_client(bench, level)
        answer = await client.publish(topic, b"x", qos=1)
        if accepted:
            assert answer == taken(level)
        else:
            check_refused(client, answer, 0x90)

    on_bench(talk)


@BOTH_LEVELS
@pytest.mark.parametrize(
    ("topic_filter", "accepted"),
    [
        ("a" * 256, True),
        ("a" * 257, False),
        ("+/" * 7 + "#", True),
        ("+/" * 8 + "#", False),
        ("$share/g/" + "é" * 128, True),
        ("$share/g/" + "é" * 129, False),
        ("$share/g" + "/" * 8, True),
        ("$share/g" + "/" * 9, False),
        ("$share/" + "g" * 128 + "/a", True),
        ("$share/" + "g" * 129 + "/a", False),
    ],
)
def test_a_topic_filter_has_the_same_limits(
    on_bench: OnBench, level: int, topic_filter: str, accepted: bool
) -> None:
    async def talk(bench: Bench) -> None:
        client = await aws_client(bench, level)
        codes = await client.subscribe((topic_filter, 1), ("b", 0))
        assert codes == bytes((1 if accepted else INVALID_FILTER[level], 0))

    on_bench(talk)


@BOTH_LEVELS
@pytest.mark.parametrize("qos", [0, 1])
def test_a_payload_has_128_kilobytes(on_bench: OnBench, level: int, qos: int) -> None:
    async def talk(bench: Bench) -> None:
        client = await aws_client(bench, level)
        assert await client.publish("a", bytes(131_072), qos=qos) == (taken(level) if qos else b"")
        check_refused(client, await client.publish("a", bytes(131_073), qos=qos), 0x97)
        assert bench.count("mqtt.protocol_errors.payload-too-large") == 1

    on_bench(talk)


@BOTH_LEVELS
@pytest.mark.parametrize(
    ("asked_s", "granted_s"),
    [(0, 1200), (1, 30), (29, 30), (30, 30), (600, 600), (1200, 1200), (1201, 1200)],
)
def test_keep_alive_is_between_30_seconds_and_20_minutes(
    on_bench: OnBench, level: int, asked_s: int, granted_s: int
) -> None:
    async def talk(bench: Bench) -> None:
        client = await aws_client(bench, level, keep_alive_s=asked_s)
        told = client.connack.properties.server_keep_alive_s
        assert told == (granted_s if level == 5 and granted_s != asked_s else None)
        bench.time.advance(granted_s * 1.5)
        await bench.tick()
        assert not client.closed
        bench.time.advance(1)
        await bench.tick()
        check_refused(client, await client.out(), 0x8D)

    on_bench(talk)


@BOTH_LEVELS
def test_a_subscribe_has_eight_filters(on_bench: OnBench, level: int) -> None:
    async def talk(bench: Bench) -> None:
        client = await aws_client(bench, level)
        filters = [(f"a/{number}", 1) for number in range(9)]
        assert await client.subscribe(*filters) == bytes((QUOTA[level],)) * 9
        assert await client.subscribe(*filters[:8]) == b"\1" * 8

    on_bench(talk)


@BOTH_LEVELS
def test_a_client_has_50_subscriptions(on_bench: OnBench, level: int) -> None:
    async def talk(bench: Bench) -> None:
        client = await aws_client(bench, level)
        for number in range(0, 50, 5):
            await client.subscribe(*((f"a/{number + more}", 0) for more in range(5)))
        assert await client.subscribe(("b", 1), ("a/0", 1)) == bytes((QUOTA[level], 1))
        await client.unsubscribe("a/0")
        assert await client.subscribe(("b", 1)) == b"\1"

    on_bench(talk)


def test_a_client_is_told_what_it_may_use(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await aws_client(bench, 5, keep_alive_s=30)
        assert client.connack.properties == Properties(
            receive_maximum=100,
            topic_alias_maximum=8,
            maximum_qos=1,
            maximum_packet_size_bytes=1024 * 1024,
            subscription_identifiers_available=False,
        )

    on_bench(talk)


def test_a_client_may_send_100_messages_before_their_answers(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        # Its own persistent session gets them, so that each answer waits for the commit.
        client = await aws_client(bench, 5, **keeping(5))
        await client.subscribe(("a", 1))
        await client.messages()
        for identifier in range(1, 101):
            client.hand_over(b"\x32\x06\0\1a" + identifier.to_bytes(2, "big") + b"\0")
        assert not client.closed
        client.hand_over(b"\x32\x06\0\1a\0\x65\0")
        assert client.closed and client.error is not None
        assert client.error.reason_code == 0x93

    on_bench(talk)


@BOTH_LEVELS
@pytest.mark.parametrize("max_inflight", [50, 100, 1000])
def test_a_client_is_sent_100_messages_before_its_answers(
    on_bench: OnBench, level: int, max_inflight: int
) -> None:
    async def talk(bench: Bench) -> None:
        client = await aws_client(bench, level)
        await client.subscribe(("a", 1))
        publisher = await aws_client(bench, 4, "p")
        for number in range(150):
            await publisher.publish("a", b"%d" % number, qos=1)
        sent = await client.messages()
        assert len(sent) == min(max_inflight, 100)
        await client.acknowledge(sent[0].packet_identifier)
        assert bench.count("mqtt.publish.sent") == len(sent) + 1

    on_bench(talk, max_inflight=max_inflight)


def test_eight_topic_aliases_each_way(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        asking = Properties(topic_alias_maximum=20)
        reader = await aws_client(bench, 5, "reader", properties=asking)
        await reader.subscribe(("a/#", 0))
        client = await aws_client(bench, 5)
        for alias in range(1, 9):
            await client.publish(f"a/{alias}", properties=Properties(topic_alias=alias))
        await client.publish("", b"x", properties=Properties(topic_alias=8))
        await client.publish("a/9", b"x")
        heard = await reader.messages()
        used = [message.properties.topic_alias for message in heard]
        assert used == [*range(1, 9), 8, None]
        refused = await client.publish("a/9", properties=Properties(topic_alias=9))
        check_refused(client, refused, 0x94)

    on_bench(talk)


def test_a_session_of_3_1_1_is_kept_for_an_hour(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for away_s, present in ((3599, True), (3600, False)):
            client = await aws_client(bench, 4, **keeping(4))
            await client.disconnect()
            bench.time.advance(away_s)
            await bench.tick()
            client = await aws_client(bench, 4, **keeping(4))
            assert client.connack.session_present is present

    on_bench(talk)


@pytest.mark.parametrize(
    ("asked_s", "granted_s"),
    [(60, 60), (7 * DAY_S, 7 * DAY_S), (7 * DAY_S + 1, 7 * DAY_S), (0xFFFFFFFF, 7 * DAY_S)],
)
def test_a_session_of_mqtt_5_is_kept_for_seven_days_at_most(
    on_bench: OnBench, asked_s: int, granted_s: int
) -> None:
    async def talk(bench: Bench) -> None:
        client = await aws_client(bench, 5, **keeping(5, asked_s))
        told = client.connack.properties.session_expiry_interval_s
        assert told == (None if asked_s == granted_s else granted_s)
        client.lost()
        bench.time.advance(granted_s - 1)
        await bench.tick()
        assert len(bench.broker.sessions) == 1
        bench.time.advance(1)
        await bench.tick()
        assert len(bench.broker.sessions) == 0

    on_bench(talk)


def test_settings_may_be_stricter_and_never_laxer() -> None:
    lax = MqttSettings(
        max_packet_bytes=10_000_000,
        max_topic_levels=10_000,
        max_subscriptions=10_000,
        receive_maximum=10_000,
        topic_alias_maximum=10_000,
        max_keep_alive_s=10_000,
    )
    assert aws_iot(lax) == aws_iot(MqttSettings())
    strict = aws_iot(
        MqttSettings(
            max_qos=0,
            max_packet_bytes=1000,
            max_topic_levels=2,
            max_subscriptions=3,
            receive_maximum=4,
            topic_alias_maximum=5,
            max_session_expiry_s=6,
            max_keep_alive_s=700,
        )
    )
    assert (strict.max_qos, strict.max_payload_bytes, strict.max_topic_levels) == (0, 1000, 2)
    assert (strict.max_subscriptions, strict.receive_maximum) == (3, 4)
    assert (strict.topic_alias_maximum, strict.session_expiry_s) == (5, 6)
    assert (strict.max_session_expiry_s, strict.keep_alive_s(0)) == (6, 700)
    assert aws_iot(MqttSettings(max_keep_alive_s=10)).keep_alive_s(20) == 30


def test_the_reference_names_these_limits() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "mqtt-aws-profile.md"
    text = page.read_text(encoding="utf-8")
    profile = aws_iot(MqttSettings())
    for said in (
        f"| {profile.max_topic_bytes} bytes |",
        f"| {profile.max_topic_levels} (7 slashes) |",
        f"{profile.max_payload_bytes // 1024} KiB; a larger one",
        f"| {profile.min_keep_alive_s} to {profile.max_keep_alive_s:,} s;",
        f"| {profile.max_filters}; with more",
        f"| {profile.max_subscriptions} |",
        f"| {profile.receive_maximum} each way |",
        f"| {profile.topic_alias_maximum} each way |",
        f"| {profile.max_client_id_bytes} bytes, not beginning",
    ):
        assert said in text
    assert profile.send_maximum == profile.receive_maximum
    assert (profile.session_expiry_s, profile.max_session_expiry_s) == (3600, 7 * DAY_S)


def test_a_standard_listener_on_the_same_broker_has_none_of_these_limits(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("$" + "c" * 200, keep_alive_s=0)
        assert client.connack.properties.maximum_qos is None
        assert await client.subscribe(*((f"{n}/a" * 70, 2) for n in range(60))) == b"\2" * 60
        identified = Properties(subscription_identifiers=(7,))
        assert await client.subscribe(("$SYS/#", 0), properties=identified) == b"\0"
        assert (await client.publish("a/" * 50, bytes(200_000), qos=2))[0] == 0x50
        assert await client.unsubscribe("nothing") == b"\x11"
        assert standard(bench.settings).keep_alive_s(0) == 0

    on_bench(talk)


@BOTH_LEVELS
def test_publishing_at_any_rate_is_taken(on_bench: OnBench, level: int) -> None:
    """Rates are not limited: 300 messages and two connections in no time at all."""

    async def talk(bench: Bench) -> None:
        for _ in range(2):
            client = await aws_client(bench, level)
            for _ in range(150):
                client.hand_over(b"\x30\x04\0\1a" + (b"\0" if level == 5 else b"x"))
            assert not client.closed
        assert bench.count("mqtt.publish.received") == 300

    on_bench(talk)
