"""MQTT 5, sections 3.15 and 4.12: AUTH and enhanced authentication, of which there is none yet.

A broker without an authentication method has to refuse each one that is asked for, and whatever
AUTH a client sends.
"""

from __future__ import annotations

import pytest

from gateway.mqtt.encoding import encode_auth, encode_connect
from gateway.mqtt.packets import AUTH, CONNACK, Auth, Connect
from gateway.mqtt.properties import Properties
from tests.conformance.mqtt5.wire import (
    EITHER,
    MALFORMED,
    PROTOCOL_ERROR,
    OnBench,
    connack,
    disconnect,
    kinds,
    packet,
    refused,
    text,
)
from tests.rig.mqtt_bench import Bench

BAD_METHOD, NOT_AUTHORIZED = 0x8C, 0x87
CONTINUE, RE_AUTHENTICATE = 0x18, 0x19
SMALL = 60
METHODS = [
    Properties(authentication_method="SCRAM-SHA-256"),
    Properties(authentication_method="SCRAM-SHA-256", authentication_data=b"client-first"),
    Properties(authentication_method=""),
]


def connect_with(properties: Properties) -> bytes:
    return encode_connect(Connect("MQTT", 5, client_id="c", properties=properties))


def auth(reason_code: int, properties: Properties = METHODS[1]) -> bytes:
    return encode_auth(Auth(reason_code, properties))


def test_MQTT_3_15_1_1_auth_with_flags_is_malformed(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        for flags in range(1, 16):
            wrong = bytes((0xF0 | flags,)) + auth(RE_AUTHENTICATE)[1:]
            assert await refused(await bench.client(f"c{flags}"), wrong) == MALFORMED

    on_bench(talk)


def test_MQTT_3_15_2_1_auth_has_a_reason_code_of_its_own(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        method = b"\x15" + text("m")
        for code in (0x01, 0x17, 0x1A, 0x80, 0x8C, 0xFF):
            wrong = packet(0xF0, bytes((code, len(method))) + method)
            assert await refused(await bench.client(f"c{code}"), wrong) in EITHER

    on_bench(talk)


def test_MQTT_3_15_2_2_no_reason_string_too_long_comes_back_for_an_auth(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        properties = Properties(maximum_packet_size_bytes=SMALL, request_problem_information=1)
        client = await bench.client("c", properties=properties)
        sent = Properties(authentication_method="m", reason_string="r" * 200)
        answer = await client.send(auth(RE_AUTHENTICATE, sent))
        assert AUTH not in kinds(answer)
        assert disconnect(answer).reason_code >= 0x80
        assert len(answer) <= SMALL

    on_bench(talk)


def test_MQTT_3_15_2_3_no_user_properties_too_long_come_back_for_an_auth(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", properties=Properties(maximum_packet_size_bytes=SMALL))
        sent = Properties(authentication_method="m", user_properties=(("key", "v" * 200),))
        answer = await client.send(auth(RE_AUTHENTICATE, sent))
        assert AUTH not in kinds(answer)
        assert disconnect(answer).reason_code >= 0x80
        assert len(answer) <= SMALL

    on_bench(talk)


@pytest.mark.parametrize("asked", METHODS)
def test_MQTT_4_12_0_1_a_method_that_is_not_offered_is_refused_and_closed(
    on_bench: OnBench, asked: Properties
) -> None:
    async def talk(bench: Bench) -> None:
        client = bench.raw()
        answer = connack(await client.send(connect_with(asked)))
        assert answer.reason_code in (BAD_METHOD, NOT_AUTHORIZED)
        assert client.closed

    on_bench(talk)


def test_MQTT_4_12_0_4_a_refusal_is_a_connack_of_failure_and_a_close(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = bench.raw()
        data = connect_with(METHODS[0])
        assert await client.send(data[:-1]) == b""
        assert not client.closed
        answer = connack(await client.send(data[-1:]))
        assert answer.reason_code >= 0x80
        assert not answer.session_present
        assert client.closed

    on_bench(talk)


def test_MQTT_4_12_0_6_without_a_method_nothing_of_authentication_is_sent(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client = bench.raw()
        answer = await client.send(connect_with(Properties()))
        assert kinds(answer) == [CONNACK]
        accepted = connack(answer)
        assert accepted.reason_code == 0
        assert accepted.properties.authentication_method is None
        assert accepted.properties.authentication_data is None

    on_bench(talk)


@pytest.mark.parametrize("code", [0, CONTINUE, RE_AUTHENTICATE])
def test_MQTT_4_12_0_7_without_a_method_an_auth_of_the_client_is_refused(
    on_bench: OnBench, code: int
) -> None:
    async def talk(bench: Bench) -> None:
        assert await refused(await bench.client("c"), auth(code)) == PROTOCOL_ERROR

    on_bench(talk)


@pytest.mark.parametrize("method", ["SCRAM-SHA-256", "other", ""])
def test_MQTT_4_12_1_1_no_other_method_is_taken_for_re_authentication(
    on_bench: OnBench, method: str
) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c")
        again = auth(RE_AUTHENTICATE, Properties(authentication_method=method))
        assert await refused(client, again) in {PROTOCOL_ERROR, NOT_AUTHORIZED, BAD_METHOD}

    on_bench(talk)


def test_MQTT_4_12_1_2_a_failed_re_authentication_closes_the_connection(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client, other = await bench.client("c"), await bench.client("other")
        await client.subscribe(("t", 0))
        assert await refused(client, auth(RE_AUTHENTICATE)) >= 0x80
        await other.publish("t", b"x")
        assert await client.packets() == []
        assert not other.closed

    on_bench(talk)
