"""MQTT 3.1.1, sections 3.1.2.5 to 3.1.2.9: the flags of will, user name and password."""

from __future__ import annotations

import pytest

from tests.conformance.mqtt311.wire import (
    ACCEPTED,
    CLEAN,
    DISCONNECT,
    PASSWORD,
    USER_NAME,
    WILL,
    WILL_QOS_1,
    WILL_QOS_2,
    WILL_RETAIN,
    OnBench,
    alive,
    closes,
    connect,
    connected,
    heard,
    listening,
    packet,
    publish,
    returned,
    subscribed,
)
from tests.rig.mqtt_bench import Bench, WireClient


async def with_will(bench: Bench, more_flags: int = 0) -> WireClient:
    client = bench.raw()
    assert (
        await client.send(connect("c", "w", b"gone", flags=CLEAN | WILL | more_flags)) == ACCEPTED
    )
    return client


def test_MQTT_3_1_2_8_a_will_is_published_when_the_connection_just_ends(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("w", 0))
        client = await with_will(bench)
        assert await alive(client)
        assert await listener.packets() == []
        client.lost()
        assert await listener.packets() == [publish("w", b"gone")]

    on_bench(talk)


@pytest.mark.parametrize("violation", [b"\xc1\x00", connect("c"), publish("a/+"), packet(0x32)])
def test_MQTT_3_1_2_8_a_will_is_published_when_the_broker_closes(
    on_bench: OnBench, violation: bytes
) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("w", 0))
        await closes(await with_will(bench), violation)
        assert await listener.packets() == [publish("w", b"gone")]

    on_bench(talk)


def test_MQTT_3_1_2_8_a_will_is_published_when_another_takes_over(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("w", 0))
        first = await with_will(bench)
        await connected(bench)
        assert first.closed
        first.lost()
        assert await listener.packets() == [publish("w", b"gone")]

    on_bench(talk)


@pytest.mark.parametrize("fields", [("c",), ("c", "w")])
def test_MQTT_3_1_2_9_a_will_flag_without_topic_and_message_is_refused(
    on_bench: OnBench, fields: tuple[str, ...]
) -> None:
    async def talk(bench: Bench) -> None:
        assert await closes(bench.raw(), connect(*fields, flags=CLEAN | WILL)) == b""

    on_bench(talk)


def test_MQTT_3_1_2_9_will_qos_and_retain_are_those_of_the_flags(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("w", 2))
        (await with_will(bench, WILL_QOS_1 | WILL_RETAIN)).lost()
        (message,) = heard(await listener.packets())
        assert message.qos == 1
        late = await connected(bench, "late")
        assert await subscribed(late, ("w", 0)) == heard([publish("w", b"gone", retain=True)])

    on_bench(talk)


def test_MQTT_3_1_2_10_a_will_is_published_once(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("w", 0))
        (await with_will(bench)).lost()
        assert await listener.packets() == [publish("w", b"gone")]
        (await connected(bench)).lost()  # the same client, without a will
        assert await listener.packets() == []

    on_bench(talk)


def test_MQTT_3_1_2_10_a_disconnect_removes_the_will_for_good(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("w", 0))
        client = bench.raw()
        assert await client.send(connect("c", "w", b"gone", flags=WILL)) == ACCEPTED
        await client.send(DISCONNECT)
        client.lost()
        client, _ = await returned(bench)
        client.lost()
        assert await listener.packets() == []

    on_bench(talk)


def test_MQTT_3_1_2_11_without_the_flag_there_are_no_will_fields(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert await closes(bench.raw(), connect("c", "w", b"gone")) == b""
        assert await closes(bench.raw(), connect("c", "w")) == b""

    on_bench(talk)


def test_MQTT_3_1_2_12_without_the_flag_nothing_is_published_at_the_end(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("#", 0))
        (await connected(bench)).lost()
        await closes(await connected(bench), packet(0x32))
        assert await listener.packets() == []

    on_bench(talk)


@pytest.mark.parametrize("qos", [WILL_QOS_1, WILL_QOS_2, WILL_QOS_1 | WILL_QOS_2])
def test_MQTT_3_1_2_13_a_will_qos_without_a_will_is_refused(on_bench: OnBench, qos: int) -> None:
    async def talk(bench: Bench) -> None:
        assert await closes(bench.raw(), connect("c", flags=CLEAN | qos)) == b""

    on_bench(talk)


def test_MQTT_3_1_2_14_a_will_has_qos_0_1_or_2_and_not_3(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("w", 2))
        for qos in (0, 1, 2):
            (await with_will(bench, qos << 3)).lost()
            (message,) = heard(await listener.packets())
            assert (message.payload, message.qos) == (b"gone", qos)
        wrong = connect("c", "w", b"gone", flags=CLEAN | WILL | WILL_QOS_1 | WILL_QOS_2)
        assert await closes(bench.raw(), wrong) == b""
        assert await listener.packets() == []

    on_bench(talk)


def test_MQTT_3_1_2_15_will_retain_without_a_will_is_refused(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert await closes(bench.raw(), connect("c", flags=CLEAN | WILL_RETAIN)) == b""

    on_bench(talk)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT_3_1_2_16_a_will_without_retain_is_not_retained(on_bench: OnBench, qos: int) -> None:
    async def talk(bench: Bench) -> None:
        (await with_will(bench, qos << 3)).lost()
        late = await listening(bench, ("w", 0))
        assert await late.packets() == []

    on_bench(talk)


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_MQTT_3_1_2_17_a_will_with_retain_is_retained(on_bench: OnBench, qos: int) -> None:
    async def talk(bench: Bench) -> None:
        established = await listening(bench, ("w", 0))
        (await with_will(bench, WILL_RETAIN | qos << 3)).lost()
        assert await established.packets() == [publish("w", b"gone")]
        late = await connected(bench, "late")
        assert await subscribed(late, ("w", 0)) == heard([publish("w", b"gone", retain=True)])

    on_bench(talk)


def test_MQTT_3_1_2_18_without_the_flag_there_is_no_user_name(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert await closes(bench.raw(), connect("c", "user")) == b""
        assert await closes(bench.raw(), connect("c", "w", b"", "user", flags=CLEAN | WILL)) == b""

    on_bench(talk)


def test_MQTT_3_1_2_19_with_the_flag_there_is_a_user_name(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert await closes(bench.raw(), connect("c", flags=CLEAN | USER_NAME)) == b""
        client = bench.raw()
        assert await client.send(connect("c", "user", flags=CLEAN | USER_NAME)) == ACCEPTED

    on_bench(talk)


def test_MQTT_3_1_2_20_without_the_flag_there_is_no_password(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        wrong = connect("c", "user", b"secret", flags=CLEAN | USER_NAME)
        assert await closes(bench.raw(), wrong) == b""

    on_bench(talk)


def test_MQTT_3_1_2_21_with_the_flag_there_is_a_password(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        both = CLEAN | USER_NAME | PASSWORD
        assert await closes(bench.raw(), connect("c", "user", flags=both)) == b""
        client = bench.raw()  # a password is bytes, not text
        assert await client.send(connect("c", "user", b"\xff\0", flags=both)) == ACCEPTED

    on_bench(talk)


def test_MQTT_3_1_2_22_a_password_without_a_user_name_is_refused(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert await closes(bench.raw(), connect("c", b"secret", flags=CLEAN | PASSWORD)) == b""

    on_bench(talk)
