"""MQTT 5, section 3.2: CONNACK, and what its properties bind the client to."""

from __future__ import annotations

from gateway.mqtt.packets import CONNACK, PUBLISH, PUBREL, Will
from gateway.mqtt.properties import Properties
from tests.conformance.mqtt5.opening import (
    CLEAN_START,
    CONNECT_REASON_CODES,
    USER_NAME,
    WILL,
    WILL_FIELDS,
    WILL_QOS_2,
    WILL_RETAIN,
    connect,
    let_in,
    property_text,
    turned_away,
)
from tests.conformance.mqtt5.wire import (
    OnBench,
    answer_to,
    connack,
    disconnect,
    kinds,
    packet,
    pubcomp,
    refused,
    text,
    works,
)
from tests.rig.mqtt_bench import Bench

LASTING = Properties(session_expiry_interval_s=1000)
LASTING_BYTES = b"\x11\0\0\3\xe8"
UNKNOWN_METHOD = property_text(0x15, "SCRAM-SHA-1")

# CONNECTs that the broker refuses, each for a reason of its own.
REFUSED = (
    connect(text("c"), flags=CLEAN_START | 1),
    connect(text("c"), properties=b"\x21\0\0"),
    connect(text("c"), properties=UNKNOWN_METHOD),
    connect(text("c"), flags=CLEAN_START | USER_NAME),
    connect(text("c"), WILL_FIELDS, flags=CLEAN_START | WILL | WILL_QOS_2),
    connect(text("c"), b"\0" + text("will/#") + text(""), flags=CLEAN_START | WILL),
)

QOS_NOT_SUPPORTED = 0x9B
PACKET_TOO_LARGE = 0x95
TOPIC_ALIAS_INVALID = 0x94
PACKET_IDENTIFIER_NOT_FOUND = 0x92
BAD_AUTHENTICATION_METHOD = 0x8C


def test_MQTT_3_2_0_1_connack_comes_before_any_other_packet(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", properties=LASTING)
        await client.subscribe(("t", 1))
        client.lost()
        await (await bench.client("sender")).publish("t", b"x", qos=1, identifier=1)
        back = bench.raw()
        assert await back.send(b"") == b""
        data = await back.send(connect(text("c"), flags=0, properties=LASTING_BYTES))
        data += b"".join(await back.packets())
        assert kinds(data) == [CONNACK, PUBLISH]
        assert data[3] == 0

    on_bench(talk)


def test_MQTT_3_2_0_2_a_connection_sees_one_connack(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = bench.raw()
        answer = await client.send(connect(text("c")) * 3)
        answer += b"".join(await client.packets())
        assert kinds(answer).count(CONNACK) == 1

    on_bench(talk)


def test_MQTT_3_2_2_1_reserved_connack_flags_are_0(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        flags = []
        for data in (
            connect(text("c"), properties=LASTING_BYTES),
            connect(text("c"), flags=0, properties=LASTING_BYTES),
            REFUSED[0],
        ):
            client = bench.raw()
            flags.append((await client.send(data))[2])
            client.lost()
        assert flags == [0, 1, 0]

    on_bench(talk)


def test_MQTT_3_2_2_2_clean_start_finds_no_session_present(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for _ in range(2):
            client = await bench.client("c", clean_start=True, properties=LASTING)
            assert (client.connack.reason_code, client.connack.session_present) == (0, False)
            client.lost()

    on_bench(talk)


def test_MQTT_3_2_2_3_session_present_tells_whether_there_was_one(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for present in (False, True, True):
            client = await bench.client("c", clean_start=False, properties=LASTING)
            assert (client.connack.reason_code, client.connack.session_present) == (0, present)
            client.lost()

    on_bench(talk)


def test_MQTT_3_2_2_5_a_client_whose_session_is_gone_starts_anew(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", properties=Properties(session_expiry_interval_s=10))
        await client.publish("t", b"x", qos=2, identifier=7)
        client.lost()
        bench.time.advance(12)
        await bench.tick()
        client = await bench.client("c", clean_start=False)
        assert not client.connack.session_present
        # The state it should have discarded means nothing here any more.
        answer = pubcomp(await client.send(answer_to(PUBREL, 7)))
        assert answer.reason_code == PACKET_IDENTIFIER_NOT_FOUND
        assert await works(bench, client)

    on_bench(talk)


def test_MQTT_3_2_2_6_a_refusal_never_says_session_present(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        (await bench.client("c", properties=LASTING)).lost()
        client = bench.raw()
        answer = await client.send(connect(text("c"), flags=0, properties=UNKNOWN_METHOD))
        assert connack(answer).reason_code == BAD_AUTHENTICATION_METHOD
        assert not connack(answer).session_present
        again = await bench.client("c", clean_start=False)
        assert again.connack.session_present

    on_bench(talk)


def test_MQTT_3_2_2_7_a_refusal_closes(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for data in REFUSED:
            assert await turned_away(bench, data) >= 0x80

    on_bench(talk, max_qos=1)


def test_MQTT_3_2_2_8_connack_has_a_reason_code_of_its_own(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        codes = {await turned_away(bench, data) for data in REFUSED}
        assert codes <= CONNECT_REASON_CODES
        assert len(codes) >= 3

    on_bench(talk, max_qos=1)


def test_MQTT_3_2_2_9_a_lower_maximum_qos_is_told(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        assert client.connack.properties.maximum_qos == 1

    on_bench(talk, max_qos=1)


def test_MQTT_3_2_2_10_a_subscription_may_ask_for_any_qos(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        assert client.connack.properties.maximum_qos == 0
        assert await client.subscribe(("a", 0), ("b", 1), ("c", 2)) == b"\0\0\0"
        assert not client.closed

    on_bench(talk, max_qos=0)


def test_MQTT_3_2_2_11_a_publish_above_the_maximum_qos_closes(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        data = packet(0x34, text("t") + b"\0\1\0x")
        assert await refused(client, data) == QOS_NOT_SUPPORTED

    on_bench(talk, max_qos=1)


def test_MQTT_3_2_2_12_a_will_above_the_maximum_qos_is_refused(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        data = connect(text("c"), WILL_FIELDS, flags=CLEAN_START | WILL | WILL_QOS_2)
        assert await turned_away(bench, data) == QOS_NOT_SUPPORTED

    on_bench(talk, max_qos=1)


def test_MQTT_3_2_2_13_a_will_may_be_retained_as_the_connack_says(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", will=Will("will", b"gone", 0, True))
        assert client.connack.properties.retain_available in (None, True)
        await let_in(bench, connect(text("d"), WILL_FIELDS, flags=CLEAN_START | WILL | WILL_RETAIN))

    on_bench(talk)


def test_MQTT_3_2_2_14_retained_messages_are_taken_as_the_connack_says(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        assert client.connack.properties.retain_available in (None, True)
        await client.publish("t", b"kept", retain=True)
        assert not client.closed
        await client.subscribe(("t", 0))
        assert [m.payload for m in await client.messages()] == [b"kept"]

    on_bench(talk)


def test_MQTT_3_2_2_15_a_packet_above_the_maximum_size_closes(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        assert client.connack.properties.maximum_packet_size_bytes == 256
        await client.subscribe(("t", 0))
        fits = b"\x30\xfd\x01" + text("t") + b"\0" + bytes(249)
        assert len(fits) == 256
        assert kinds(await client.send(fits)) == [PUBLISH]
        assert await refused(client, b"\x30\xfe\x01" + bytes(254)) == PACKET_TOO_LARGE

    on_bench(talk, max_packet_bytes=256)


def test_MQTT_3_2_2_16_an_assigned_identifier_is_nobody_elses(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        clients = [await bench.client("", properties=LASTING) for _ in range(20)]
        for client in clients[:10]:
            client.lost()
        clients += [await bench.client("", clean_start=False) for _ in range(5)]
        names = {client.connack.properties.assigned_client_identifier for client in clients}
        assert len(names - {None, ""}) == 25
        assert not any(client.connack.session_present for client in clients)
        assert not any(client.closed for client in clients[10:])

    on_bench(talk)


def test_MQTT_3_2_2_17_an_alias_above_the_servers_maximum_closes(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        assert client.connack.properties.topic_alias_maximum == 5
        await client.publish("t", b"", properties=Properties(topic_alias=5))
        assert not client.closed
        data = packet(0x30, text("t") + b"\3\x23\0\6")
        assert await refused(client, data) == TOPIC_ALIAS_INVALID

    on_bench(talk, topic_alias_maximum=5)


def test_MQTT_3_2_2_18_without_a_maximum_any_alias_closes(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        assert client.connack.properties.topic_alias_maximum in (None, 0)
        data = packet(0x30, text("t") + b"\3\x23\0\1")
        assert await refused(client, data) == TOPIC_ALIAS_INVALID

    on_bench(talk, topic_alias_maximum=0)


async def shortest_refusal(bench: Bench) -> Properties:
    """Refuse a client that takes packets of 5 bytes, the CONNACK without properties."""
    client = bench.raw()
    tiny = b"\x27\0\0\0\5"
    answer = await client.send(connect(text("c"), properties=UNKNOWN_METHOD + tiny))
    assert client.closed
    assert answer == bytes((0x20, 3, 0, BAD_AUTHENTICATION_METHOD, 0))
    return connack(answer).properties


def test_MQTT_3_2_2_19_a_reason_string_too_long_is_left_out(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert (await shortest_refusal(bench)).reason_string is None

    on_bench(talk)


def test_MQTT_3_2_2_20_user_properties_too_long_are_left_out(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert (await shortest_refusal(bench)).user_properties == ()

    on_bench(talk)


def test_MQTT_3_2_2_21_the_server_keep_alive_replaces_the_clients(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", keep_alive_s=0)
        assert client.connack.properties.server_keep_alive_s == 30
        bench.time.advance(44)
        await bench.tick()
        assert not client.closed
        bench.time.advance(3)
        await bench.tick()
        assert client.closed
        assert [disconnect(data).reason_code for data in await client.packets()] == [0x8D]

    on_bench(talk, max_keep_alive_s=30)


def test_MQTT_3_2_2_22_without_one_the_clients_keep_alive_holds(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", keep_alive_s=20)
        assert client.connack.properties.server_keep_alive_s is None
        bench.time.advance(29)
        await bench.tick()
        assert not client.closed
        bench.time.advance(3)
        await bench.tick()
        assert client.closed

    on_bench(talk, max_keep_alive_s=30)
