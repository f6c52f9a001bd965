"""The headers of republished messages: MQTT 5 properties on the wire, and what cannot be one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import rules
from gateway.engine.actions.republishing import RepublishBudget, compile_republish
from gateway.engine.failures import ActionFailed
from gateway.message import Message
from gateway.mqtt.properties import Properties
from tests.gateway.engine.actions.republisher import (
    BOTH_WAYS,
    ENVIRONMENT,
    SENSOR,
    action_of,
    republisher,
)
from tests.rig.mqtt_bench import open_bench

Run = Callable[[Coroutine[Any, Any, None]], None]

CORRELATION = base64.b64encode(b"\0\1correlation").decode()

GOOD = [
    ({}, Properties()),
    ({"payloadFormatIndicator": "UNSPECIFIED_BYTES"}, Properties(payload_format_indicator=0)),
    ({"payloadFormatIndicator": "UTF8_DATA"}, Properties(payload_format_indicator=1)),
    ({"payloadFormatIndicator": "${format}"}, Properties(payload_format_indicator=1)),
    ({"contentType": ""}, Properties(content_type="")),
    ({"contentType": "é" * 1024}, Properties(content_type="é" * 1024)),
    ({"contentType": "x/${n}"}, Properties(content_type="x/7")),
    ({"responseTopic": "answers/${clientid()}"}, Properties(response_topic="answers/sensor-1")),
    ({"correlationData": CORRELATION}, Properties(correlation_data=b"\0\1correlation")),
    ({"correlationData": "${encode(*, 'base64')}"}, None),
    ({"correlationData": ""}, Properties(correlation_data=b"")),
    ({"messageExpiry": "60"}, Properties(message_expiry_interval_s=60)),
    ({"messageExpiry": "${n * 10}"}, Properties(message_expiry_interval_s=70)),
    ({"messageExpiry": "0"}, Properties(message_expiry_interval_s=1)),
    ({"messageExpiry": "9999999999"}, Properties(message_expiry_interval_s=604_800)),
    (
        {"userProperties": [{"key": "k", "value": "1"}, {"key": "k", "value": "${n}"}]},
        Properties(user_properties=(("k", "1"), ("k", "7"))),
    ),
    (
        {"userProperties": [{"key": f"k{n}", "value": ""} for n in range(100)]},
        Properties(user_properties=tuple((f"k{n}", "") for n in range(100))),
    ),
    (
        {
            "userProperties": [
                {"key": "first", "value": "a"},
                {"key": "${site}", "value": "b"},
                {"key": "last", "value": "c"},
            ],
            "messageExpiry": "5",
            "correlationData": "AAE=",
            "responseTopic": "r",
            "contentType": "c",
            "payloadFormatIndicator": "UTF8_DATA",
        },
        Properties(
            payload_format_indicator=1,
            message_expiry_interval_s=5,
            content_type="c",
            response_topic="r",
            correlation_data=b"\0\1",
            user_properties=(("first", "a"), ("north", "b"), ("last", "c")),
        ),
    ),
]

PAYLOAD = b'{"n": 7, "site": "north", "format": "UTF8_DATA"}'


@BOTH_WAYS
@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize(("headers", "expected"), GOOD)
def test_headers_arrive_as_properties(
    run: Run,
    tmp_path: Path,
    headers: dict[str, Any],
    expected: Properties | None,
    qos: int,
    from_outbox: bool,
) -> None:
    if expected is None:
        expected = Properties(correlation_data=PAYLOAD)

    async def main() -> None:
        async with republisher(tmp_path, from_outbox) as here:
            listeners = [await here.bench.client(f"c{level}", level=level) for level in (4, 5)]
            for listener in listeners:
                await listener.subscribe(("out/#", 1))
            here.carry_out(action_of("out/${n}", qos=qos, headers=headers), PAYLOAD)
            (old,), (new,) = [await listener.messages() for listener in listeners]
            assert (old.topic, old.payload, old.qos) == ("out/7", PAYLOAD, qos)
            assert (new.topic, new.payload, new.qos) == ("out/7", PAYLOAD, qos)
            assert (old.properties, new.properties) == (Properties(), expected)
            assert not (old.retain or new.retain)

    run(main())


def test_the_properties_of_the_message_that_came_are_not_passed_on(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with republisher(tmp_path) as here:
            listener = await here.bench.client("c")
            await listener.subscribe(("out", 1))
            for headers in (None, {"contentType": "x"}):
                here.carry_out(action_of("out", headers=headers), properties=b"\x03\x00\x01y")
            found = await listener.messages()
            assert [m.properties.content_type for m in found] == [None, "x"]

    run(main())


@BOTH_WAYS
def test_a_message_expires_while_its_client_is_away(
    run: Run, tmp_path: Path, from_outbox: bool
) -> None:
    keep = {"clean_start": False, "properties": Properties(session_expiry_interval_s=3600)}

    async def main() -> None:
        async with republisher(tmp_path, from_outbox) as here:
            bench = here.bench
            listener = await bench.client("c", **keep)
            await listener.subscribe(("out", 1))
            listener.lost()
            for seconds in ("10", "60"):
                here.carry_out(action_of("out", qos=1, headers={"messageExpiry": seconds}))
            here.carry_out(action_of("out", qos=1))
            await bench.settle()
            bench.time.advance(20)
            listener = await bench.client("c", **keep)
            left = [m.properties.message_expiry_interval_s for m in await listener.messages()]
            assert left == [40, None]

    run(main())


BAD = [
    ({"payloadFormatIndicator": "${v}"}, "1", "payloadFormatIndicator of the republished message"),
    ({"contentType": "${v}"}, "c" * 1025, "has more than 1024 characters"),
    ({"contentType": "${v}"}, "a\0b", "holds U+0000"),
    ({"contentType": "${missing}"}, "", "missing"),
    ({"responseTopic": "${v}"}, "a/+", "is no topic to publish to"),
    ({"responseTopic": "${v}"}, "#", "is no topic to publish to"),
    ({"responseTopic": "${v}"}, "", "is no topic to publish to"),
    ({"responseTopic": "${v}"}, "a\0b", "is no topic to publish to"),
    ({"responseTopic": "${v}"}, "t" * 1025, "has more than 1024 characters"),
    ({"correlationData": "${v}"}, "not base64", "is not base64"),
    ({"correlationData": "${v}"}, "aGk", "is not base64"),
    ({"correlationData": "${v}"}, "é===", "is not base64"),
    ({"correlationData": "${v}"}, "A" * 1028, "has more than 1024 characters"),
    ({"messageExpiry": "${v}"}, "soon", "is no whole number of seconds"),
    ({"messageExpiry": "${v}"}, "-1", "is no whole number of seconds"),
    ({"messageExpiry": "${v}"}, "1.5", "is no whole number of seconds"),
    ({"messageExpiry": "${v}"}, "", "is no whole number of seconds"),
    ({"messageExpiry": "${v}"}, "٣", "is no whole number of seconds"),
    ({"messageExpiry": "${v}"}, "9" * 5000, "is no whole number of seconds"),
    ({"userProperties": [{"key": "${v}", "value": ""}]}, "k" * 1025, "has more than 1024"),
    ({"userProperties": [{"key": "k", "value": "${v}"}]}, "a\0", "holds U+0000"),
    ({"userProperties": [{"key": "k", "value": "${missing}"}]}, "", "missing"),
]


@BOTH_WAYS
@pytest.mark.parametrize(("headers", "value", "says"), BAD)
def test_a_header_that_cannot_be_fails_the_action(
    run: Run, tmp_path: Path, headers: dict[str, Any], value: str, says: str, from_outbox: bool
) -> None:
    async def main() -> None:
        async with republisher(tmp_path, from_outbox) as here:
            listener = await here.bench.client("c")
            await listener.subscribe(("#", 1))
            payload = json.dumps({"v": value}).encode()
            action = action_of("out", headers={"contentType": "x", **headers})
            with pytest.raises(ActionFailed) as caught:
                here.carry_out(action, payload)
            assert says in str(caught.value)
            assert len(caught.value.told()) < 600
            assert await listener.messages() == []

    run(main())


def test_a_constant_header_that_cannot_be_fails_for_each_message(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with republisher(tmp_path) as here:
            # A null passes when the rule is read; MQTT cannot say it.
            action = action_of("out", headers={"contentType": "a\0b", "messageExpiry": "5"})
            for _ in range(2):
                with pytest.raises(ActionFailed, match=r"holds U\+0000"):
                    here.carry_out(action)

    run(main())


def test_what_is_constant_is_rendered_once(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            heard: list[Message] = []
            bench.broker.router.subscribe_local("out", heard.append)
            headers = {"contentType": "c", "userProperties": [{"key": "k", "value": "v"}]}
            perform = compile_republish(
                action_of("out", headers=headers),
                rule_name="r",
                publish=bench.broker.router.publish,
                budget=RepublishBudget(),
                gateway_ms=bench.broker.now_ms,
            )
            context = rules.Context(rules.Message("in", b"{}"), ENVIRONMENT)
            for _ in range(2):
                perform(Message("in", b"{}", 0, False, SENSOR), context, b"{}")
            first, second = heard
            assert first.properties is second.properties
            assert first.publisher is second.publisher

    run(main())
