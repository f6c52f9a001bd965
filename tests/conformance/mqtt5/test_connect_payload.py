"""MQTT 5, sections 3.1.3 and 3.1.4: the payload of CONNECT, and what the server does with it."""

from __future__ import annotations

import string

from gateway.mqtt.properties import Properties
from tests.conformance.mqtt5.opening import (
    CLEAN_START,
    PASSWORD,
    USER_NAME,
    WILL,
    WILL_FIELDS,
    connect,
    let_in,
    property_text,
    turned_away,
)
from tests.conformance.mqtt5.wire import (
    EITHER,
    MALFORMED,
    OnBench,
    connack,
    disconnect,
    kinds,
    packet,
    text,
    works,
)
from tests.rig.mqtt_bench import Bench

LASTING = Properties(session_expiry_interval_s=1000)
CLIENT_IDENTIFIER_NOT_VALID = 0x85
SESSION_TAKEN_OVER = 0x8E
REQUEST_PROBLEM_INFORMATION = 0x17
USER_PROPERTY = 0x26


def test_MQTT_3_1_3_1_the_payloads_fields_come_in_order(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("#", 0))
        flags = CLEAN_START | WILL | USER_NAME | PASSWORD
        client = bench.raw()
        fields = (text("c"), WILL_FIELDS, text("user"), text("word"))
        assert connack(await client.send(connect(*fields, flags=flags))).reason_code == 0
        client.lost()
        (message,) = await watcher.messages()
        assert (message.topic, message.payload) == ("will", b"gone")

    on_bench(talk)


def test_MQTT_3_1_3_2_the_client_identifier_names_the_session(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for name in ("one", "two"):
            client = await bench.client(name, properties=LASTING)
            await client.subscribe((name, 1))
            client.lost()
        sender = await bench.client("sender")
        await sender.publish("one", b"1", qos=1, identifier=1)
        await sender.publish("two", b"2", qos=1, identifier=2)
        for name, waiting in (("two", [b"2"]), ("one", [b"1"]), ("One", [])):
            client = await bench.client(name, clean_start=False, properties=LASTING)
            assert client.connack.session_present is bool(waiting)
            assert [m.payload for m in await client.messages()] == waiting

    on_bench(talk)


def test_MQTT_3_1_3_3_the_client_identifier_is_there(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert await turned_away(bench, connect()) == MALFORMED
        assert await turned_away(bench, connect(b"\0\5abc")) == MALFORMED

    on_bench(talk)


def test_MQTT_3_1_3_4_the_client_identifier_is_well_formed_text(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for wrong in (b"c\xff", b"c\xed\xa0\x80", b"c\0"):
            assert await turned_away(bench, connect(text(wrong))) == MALFORMED

    on_bench(talk)


def test_MQTT_3_1_3_5_plain_client_identifiers_are_taken(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        alphabet = string.digits + string.ascii_letters
        for start in range(0, len(alphabet), 23):
            await let_in(bench, connect(text(alphabet[start : start + 23])))
        await let_in(bench, connect(text("z")))

    on_bench(talk)


def test_MQTT_3_1_3_6_an_empty_client_identifier_becomes_a_unique_one(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        first, second = await bench.client(""), await bench.client("")
        assert await works(bench, first)
        assert await works(bench, second)
        names = [c.connack.properties.assigned_client_identifier for c in (first, second)]
        assert all(names)
        assert names[0] != names[1]

    on_bench(talk)


def test_MQTT_3_1_3_7_the_assigned_identifier_is_told_and_valid(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("", properties=LASTING)
        name = client.connack.properties.assigned_client_identifier
        assert name
        await client.subscribe(("t", 1))
        client.lost()
        sender = await bench.client("sender")
        assert sender.connack.properties.assigned_client_identifier is None
        await sender.publish("t", b"waited", qos=1, identifier=1)
        client = await bench.client(name, clean_start=False, properties=LASTING)
        assert client.connack.session_present
        assert [m.payload for m in await client.messages()] == [b"waited"]

    on_bench(talk)


def test_MQTT_3_1_3_8_a_client_identifier_not_valid_closes(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for wrong in ("$c", "c" * 129):
            data = connect(text(wrong)) if len(wrong) < 100 else long_connect(wrong)
            code = await turned_away(bench, data, profile="aws-iot")
            assert code == CLIENT_IDENTIFIER_NOT_VALID

    on_bench(talk)


def long_connect(client_id: str) -> bytes:
    """A CONNECT whose remaining length takes two bytes."""
    rest = connect(b"")[2:] + text(client_id)
    return bytes((0x10, len(rest) & 0x7F | 0x80, len(rest) >> 7)) + rest


def test_MQTT_3_1_3_12_the_user_name_is_well_formed_text(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for wrong in (b"u\xff", b"u\xed\xa0\x80", b"u\0"):
            data = connect(text("c"), text(wrong), flags=CLEAN_START | USER_NAME)
            assert await turned_away(bench, data) == MALFORMED

    on_bench(talk)


def test_MQTT_3_1_4_1_a_connect_of_wrong_form_closes(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        problem = bytes((REQUEST_PROBLEM_INFORMATION,))
        for wrong in (
            connect(text("c"), b"more"),
            connect(text("c"), properties=b"\x7f\0"),  # no such property
            connect(text("c"), properties=b"\x23\0\1"),  # a property of PUBLISH
            connect(text("c"), properties=(problem + b"\1") * 2),
            connect(text("c"), properties=problem + b"\2"),
            connect(text("c"), properties=b"\x21\0\0"),  # receive maximum 0
            connect(text("c"), properties=b"\x27\0\0\0\0"),  # maximum packet size 0
            connect(text("c"), properties=b"\x16\0\1x"),  # data without a method
            packet(0x10, text("MQTT") + b"\5\2\0\0"),
        ):
            assert await turned_away(bench, wrong) in EITHER
        pair = property_text(USER_PROPERTY, "k", "v")
        await let_in(bench, connect(text("c"), properties=pair + problem + b"\1" + pair))

    on_bench(talk)


def test_MQTT_3_1_4_2_a_connect_may_be_well_formed_and_refused(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        first = await bench.client("first", properties=LASTING)
        assert await turned_away(bench, connect(text("second"))) >= 0x80
        assert not first.closed

    on_bench(talk, max_sessions=1)


def test_MQTT_3_1_4_3_a_client_identifier_in_use_is_taken_over(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        old = await bench.client("c", properties=LASTING)
        other = await bench.client("d", properties=LASTING)
        new = await bench.client("c", clean_start=False, properties=LASTING)
        assert old.closed
        (last,) = await old.packets()
        assert disconnect(last).reason_code == SESSION_TAKEN_OVER
        assert not other.closed
        assert new.connack.session_present
        assert await works(bench, new)

    on_bench(talk)


def test_MQTT_3_1_4_4_clean_start_holds_when_taking_over(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        sender = await bench.client("sender")
        old = await bench.client("c", properties=LASTING)
        await old.subscribe(("t", 1))
        new = await bench.client("c", clean_start=True, properties=LASTING)
        assert not new.connack.session_present
        await sender.publish("t", b"x", qos=1, identifier=1)
        assert await new.messages() == []

    on_bench(talk)


def test_MQTT_3_1_4_5_an_accepted_connect_gets_a_connack(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = bench.raw()
        answer = await client.send(connect(text("c")))
        assert kinds(answer) == [2]
        assert connack(answer).reason_code == 0
        assert not client.closed

    on_bench(talk)


def test_MQTT_3_1_4_6_nothing_after_a_refused_connect_has_effect(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        watcher = await bench.client("watcher")
        await watcher.subscribe(("#", 0))
        client = bench.raw()
        wrong = connect(text("c"), flags=CLEAN_START | 1)
        right = connect(text("c")) + packet(0x31, text("t") + b"\0x")
        assert kinds(await client.send(wrong + right)) == [2]
        assert client.closed
        assert await client.send(right) == b""
        assert await watcher.messages() == []

    on_bench(talk)
