"""MQTT 3.1.1, section 3.1.3: the payload of a CONNECT, above all the client identifier."""

from __future__ import annotations

import pytest

from tests.conformance.mqtt311.wire import (
    ACCEPTED,
    CLEAN,
    IDENTIFIER_REJECTED,
    NOT_UTF_8,
    PASSWORD,
    PINGREQ,
    USER_NAME,
    WILL,
    OnBench,
    away,
    closes,
    connect,
    connected,
    heard,
    listening,
    packet,
    publish,
    returned,
    say,
    subscribe,
    text,
)
from tests.rig.mqtt_bench import Bench


def test_MQTT_3_1_3_1_the_fields_of_the_payload_are_read_in_their_order(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        listener = await listening(bench, ("#", 0))
        client = bench.raw()
        flags = WILL | USER_NAME | PASSWORD
        everything = connect("me", "topic", b"message", "user", b"secret", flags=flags)
        assert await client.send(everything) == ACCEPTED
        client.lost()
        assert await listener.packets() == [publish("topic", b"message")]
        await returned(bench, "me")

    on_bench(talk)


def test_MQTT_3_1_3_2_the_client_identifier_names_the_session(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        await away(bench, ("a", 1), client_id="one")
        await away(bench, ("b", 1), client_id="two")
        other = await connected(bench, "other")
        await say(other, "a", b"for one", 1)
        await say(other, "b", b"for two", 1)
        _, missed = await returned(bench, "two")
        assert [message.payload for message in heard(missed)] == [b"for two"]
        _, missed = await returned(bench, "one")
        assert [message.payload for message in heard(missed)] == [b"for one"]
        await connected(bench, "One", clean=False)  # another identifier: a new session

    on_bench(talk)


@pytest.mark.parametrize(
    "payload", [b"", b"\0", b"\0\x05abc"], ids=["none", "half a length", "cut short"]
)
def test_MQTT_3_1_3_3_a_connect_without_a_client_identifier_is_refused(
    on_bench: OnBench, payload: bytes
) -> None:
    async def talk(bench: Bench) -> None:
        wrong = packet(0x10, text("MQTT"), b"\x04\x02\0\0", payload)
        assert await closes(bench.raw(), wrong) == b""

    on_bench(talk)


@pytest.mark.parametrize("wrong", NOT_UTF_8)
def test_MQTT_3_1_3_4_a_client_identifier_that_is_not_utf_8_is_refused(
    on_bench: OnBench, wrong: bytes
) -> None:
    async def talk(bench: Bench) -> None:
        assert await closes(bench.raw(), connect(wrong)) == b""

    on_bench(talk)


@pytest.mark.parametrize(
    "client_id",
    ["a", "Z", "0", "0123456789abcdefghijklm", "nopqrstuvwxyzABCDEFGHIJ", "KLMNOPQRSTUVWXYZ"],
)
@pytest.mark.parametrize("profile", ["standard", "aws-iot"])
def test_MQTT_3_1_3_5_short_identifiers_of_letters_and_digits_are_allowed(
    on_bench: OnBench, profile: str, client_id: str
) -> None:
    async def talk(bench: Bench) -> None:
        client = bench.raw(profile=profile)
        assert await client.send(connect(client_id, keep_alive_s=60)) == ACCEPTED

    on_bench(talk)


def test_MQTT_3_1_3_6_a_client_without_an_identifier_gets_one_of_its_own(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        first, second = bench.raw(), bench.raw()
        for client in (first, second):
            assert await client.send(connect("")) == ACCEPTED
            assert await client.send(subscribe(1, ("a", 0))) == b"\x90\x03\0\x01\0"
        await say(await connected(bench), "a", b"x")
        for client in (first, second):  # neither took the other's place
            assert await client.packets() == [publish("a", b"x")]

    on_bench(talk)


@pytest.mark.parametrize("statement", [PINGREQ, subscribe(1, ("a", 0))])
def test_MQTT_3_1_3_7_no_identifier_goes_with_a_clean_session_only(
    on_bench: OnBench, statement: bytes
) -> None:
    async def talk(bench: Bench) -> None:
        clean = bench.raw()
        assert await clean.send(connect("", flags=CLEAN)) == ACCEPTED
        assert await clean.send(statement) != b""
        # What it sends along with such a CONNECT is not looked at.
        answer = await closes(bench.raw(), connect("", flags=0) + statement)
        assert answer == IDENTIFIER_REJECTED

    on_bench(talk)


def test_MQTT_3_1_3_8_no_identifier_and_no_clean_session_is_told_so(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        assert await closes(bench.raw(), connect("", flags=0)) == IDENTIFIER_REJECTED

    on_bench(talk)


def test_MQTT_3_1_3_9_an_identifier_that_is_not_taken_is_told_so(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        taken = bench.raw(profile="aws-iot")  # which has a limit of 128 bytes
        assert await taken.send(connect("c" * 128, keep_alive_s=60)) == ACCEPTED
        refused = bench.raw(profile="aws-iot")
        answer = await closes(refused, connect("c" * 129, keep_alive_s=60))
        assert answer == IDENTIFIER_REJECTED

    on_bench(talk)


@pytest.mark.parametrize("wrong", NOT_UTF_8)
def test_MQTT_3_1_3_10_a_will_topic_that_is_not_utf_8_is_refused(
    on_bench: OnBench, wrong: bytes
) -> None:
    async def talk(bench: Bench) -> None:
        assert await closes(bench.raw(), connect("c", wrong, b"", flags=CLEAN | WILL)) == b""

    on_bench(talk)


@pytest.mark.parametrize("wrong", NOT_UTF_8)
def test_MQTT_3_1_3_11_a_user_name_that_is_not_utf_8_is_refused(
    on_bench: OnBench, wrong: bytes
) -> None:
    async def talk(bench: Bench) -> None:
        assert await closes(bench.raw(), connect("c", wrong, flags=CLEAN | USER_NAME)) == b""

    on_bench(talk)
