"""MQTT 5, sections 3.1.2.10 and 3.1.2.11: the keep alive and the properties of CONNECT."""

from __future__ import annotations

from gateway.mqtt.packets import PUBLISH, Will
from gateway.mqtt.properties import Properties
from tests.conformance.mqtt5.opening import connect, property_text
from tests.conformance.mqtt5.wire import (
    PINGREQ,
    PINGRESP,
    OnBench,
    connack,
    disconnect,
    packet,
    puback,
    suback,
    text,
    unsuback,
    works,
)
from tests.rig.mqtt_bench import Bench, WireClient

KEEP_ALIVE_TIMEOUT = 0x8D
BAD_AUTHENTICATION_METHOD = 0x8C
AUTHENTICATION_METHOD = 0x15
LASTING_S = 1000


async def pass_time(bench: Bench, seconds: float) -> None:
    bench.time.advance(seconds)
    await bench.tick()


async def cut_off_for_silence(client: WireClient) -> bool:
    """Whether the broker has closed, saying that the keep alive was over."""
    if not client.closed:
        return False
    (last,) = await client.packets()
    return disconnect(last).reason_code == KEEP_ALIVE_TIMEOUT


def test_MQTT_3_1_2_20_pingreq_keeps_a_silent_client_connected(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", keep_alive_s=10)
        for _ in range(10):
            await pass_time(bench, 10)
            assert await client.send(PINGREQ) == PINGRESP
        assert not client.closed
        await pass_time(bench, 17)
        assert await cut_off_for_silence(client)

    on_bench(talk)


def test_MQTT_3_1_2_21_the_servers_keep_alive_takes_precedence(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", keep_alive_s=600)
        assert client.connack.properties.server_keep_alive_s == 30
        await pass_time(bench, 47)
        assert await cut_off_for_silence(client)

    on_bench(talk, max_keep_alive_s=30)


def test_MQTT_3_1_2_22_silence_ends_the_connection(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("will", 0))
        client = await bench.client("c", keep_alive_s=10, will=Will("will", b"gone", 0, False))
        await pass_time(bench, 14)
        assert not client.closed
        assert await watcher.messages() == []
        await pass_time(bench, 3)
        assert await cut_off_for_silence(client)
        client.lost()  # what the socket says once it is closed
        assert [m.payload for m in await watcher.messages()] == [b"gone"]
        unlimited = await bench.client("unlimited", keep_alive_s=0)
        await pass_time(bench, 1_000_000)
        assert not unlimited.closed

    on_bench(talk)


def test_MQTT_3_1_2_23_a_session_with_an_expiry_is_stored(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for expiry_s, present in ((0, False), (None, False), (LASTING_S, True), (2**32 - 1, True)):
            properties = Properties(session_expiry_interval_s=expiry_s)
            client = await bench.client("c", properties=properties)
            await client.subscribe(("t", 1))
            client.lost()
            await pass_time(bench, LASTING_S - 10)
            client = await bench.client("c", clean_start=False)
            assert client.connack.session_present is present
            client.lost()

    on_bench(talk)


def test_MQTT_3_1_2_24_no_packet_exceeds_the_clients_maximum(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        size = 40
        small = await bench.client("small", properties=Properties(maximum_packet_size_bytes=size))
        await small.subscribe(("t", 2))
        sender = await bench.client("sender")
        for qos, head in ((0, 6), (1, 8), (2, 8)):  # two bytes, topic, identifier, no properties
            for length in (size - head, size - head + 1):
                await sender.publish("t", bytes(length), qos=qos, identifier=7)
        taken = await small.packets()
        assert [len(data) for data in taken] == [size, size, size]
        long = Properties(user_properties=(("k", "v" * size),))
        await sender.publish("t", b"x", properties=long)
        assert await small.packets() == []

    on_bench(talk)


def test_MQTT_3_1_2_25_a_message_too_large_counts_as_sent(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        properties = Properties(
            maximum_packet_size_bytes=40, receive_maximum=1, session_expiry_interval_s=LASTING_S
        )
        small = await bench.client("small", properties=properties)
        await small.subscribe(("t", 1))
        sender = await bench.client("sender")
        await sender.publish("t", bytes(100), qos=1, identifier=1)
        await sender.publish("t", b"fits", qos=1, identifier=2)
        (message,) = await small.messages()
        assert message.payload == b"fits"
        await small.acknowledge(message.packet_identifier)
        small.lost()
        again = await bench.client("small", clean_start=False)
        assert again.connack.session_present
        assert await again.messages() == []

    on_bench(talk)


async def aliases_sent(bench: Bench, maximum: int | None) -> set[int | None]:
    """The topic aliases the broker uses towards a client with this maximum."""
    watcher = await bench.client("watcher", properties=Properties(topic_alias_maximum=maximum))
    await watcher.subscribe(("#", 0))
    sender = await bench.client("sender")
    for _ in range(4):
        for topic in ("a", "b", "c", "d", "e"):
            await sender.publish(topic, b"x")
    heard = await watcher.messages()
    assert len(heard) == 20
    return {message.properties.topic_alias for message in heard}


def test_MQTT_3_1_2_26_no_topic_alias_exceeds_the_clients_maximum(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        used = await aliases_sent(bench, 2) - {None}
        assert used
        assert used <= {1, 2}

    on_bench(talk)


def test_MQTT_3_1_2_27_a_client_without_a_maximum_gets_no_alias(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert await aliases_sent(bench, None) == {None}
        assert await aliases_sent(bench, 0) == {None}

    on_bench(talk)


def test_MQTT_3_1_2_28_no_response_information_unasked(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for asked in (None, False):
            properties = Properties(request_response_information=asked)
            client = await bench.client("c", properties=properties)
            assert client.connack.properties.response_information is None
            await client.disconnect()

    on_bench(talk)


def test_MQTT_3_1_2_29_problem_information_only_where_wanted(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", properties=Properties(request_problem_information=False))
        pairs = (("k", "v"),)
        failed = puback(await client.publish("$SYS/broker/version", b"", qos=1, identifier=1))
        assert failed.reason_code >= 0x80
        assert failed.properties == Properties()
        too_deep = text("/".join("abcd"))
        refused = suback(await client.send(packet(0x82, b"\0\2\0" + too_deep + b"\0")))
        assert refused.reason_codes[0] >= 0x80
        assert refused.properties == Properties()
        absent = unsuback(await client.send(packet(0xA2, b"\0\3\0" + text("nowhere"))))
        assert absent.reason_codes[0] > 0
        assert absent.properties == Properties()
        assert await client.subscribe(("t", 0)) == b"\0"
        sender = await bench.client("sender")
        await sender.publish("t", b"x", properties=Properties(user_properties=pairs))
        assert [m.properties.user_properties for m in await client.messages()] == [pairs]

    on_bench(talk, max_topic_levels=3)


def test_MQTT_3_1_2_30_nothing_but_auth_before_the_connack(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("#", 0))
        method = property_text(AUTHENTICATION_METHOD, "SCRAM-SHA-1")
        client = bench.raw()
        early = packet(PUBLISH << 4, text("t") + b"\0early")
        answer = await client.send(connect(text("c"), properties=method) + early)
        assert connack(answer).reason_code == BAD_AUTHENTICATION_METHOD
        assert client.closed
        assert await watcher.messages() == []
        assert await works(bench, watcher)

    on_bench(talk)
