"""What statements and templates in the running engine see of a message, and how they fail."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from gateway.message import Message, Publisher
from gateway.mqtt.packet_types import PUBLISH
from gateway.mqtt.properties import Properties, encode_properties
from tests.gateway.engine.running import (
    ACCOUNT,
    Running,
    republish,
    rule,
    running,
    sqs,
    warnings,
)

Run = Callable[[Coroutine[Any, Any, None]], None]
NEW = "2016-03-23"
DEVICE = Publisher("pump", client_id="pump", principal="ab" * 32, source_ip="192.0.2.9")


def publish(here: Running, payload: bytes = b"{}", properties: bytes = b"") -> Message:
    message = Message("site/a", payload, 1, False, DEVICE, properties=properties)
    here.router.publish(message)
    return message


def one_rule(sql: str, *actions: dict[str, Any]) -> dict[str, Any]:
    return {"r": rule(sql, *(actions or (sqs("alarms"),)), awsIotSqlVersion=NEW)}


def test_the_message_and_its_publisher(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            here.apply(
                one_rule(
                    "SELECT clientid() AS client, principal() AS who, sourceip() AS ip, "
                    "accountid() AS account, sql_version() AS version, topic(2) AS t, "
                    "get_mqtt_property('content_type') AS kind, "
                    "get_mqtt_property('response_topic') AS answer, "
                    "get_mqtt_property('correlation_data') AS data, "
                    "get_mqtt_property('format_indicator') AS format, "
                    "get_user_properties('k') AS k, get_user_properties() AS all FROM 'site/+'"
                )
            )
            properties = Properties(
                payload_format_indicator=1,
                content_type="text/json",
                response_topic="answers/pump",
                correlation_data=b"\0\xff",
                user_properties=(("k", "1"), ("l", "2"), ("k", "3")),
            )
            # as the broker keeps them: without their length
            publish(here, properties=encode_properties(properties, PUBLISH)[1:])
            publish(here)
            first, second = map(json.loads, await here.bodies())
            assert first == {
                "client": "pump", "who": "ab" * 32, "ip": "192.0.2.9", "account": ACCOUNT,
                "version": NEW, "t": "a", "kind": "text/json", "answer": "answers/pump",
                "data": "AP8=", "format": "UTF8_DATA", "k": ["1", "3"],
                "all": [{"k": "1"}, {"l": "2"}, {"k": "3"}],
            }  # fmt: skip
            assert second == {
                "client": "pump", "who": "ab" * 32, "ip": "192.0.2.9", "account": ACCOUNT,
                "version": NEW, "t": "a", "format": "UNSPECIFIED_BYTES",
            }  # fmt: skip

    run(main())


def test_a_message_has_one_trace_id_in_all_rules(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            sql = "SELECT traceid() AS id FROM 'site/+'"
            here.apply({name: rule(sql, sqs("alarms")) for name in ("a", "b")})
            publish(here)
            publish(here)
            ids = [json.loads(body)["id"] for body in await here.bodies()]
            assert ids[0] == ids[1] != ids[2] == ids[3]
            assert UUID(ids[0]).version == 4

    run(main())


def test_templates_share_the_variables_of_the_statement(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            sql = "SET @id = newuuid(), @t = topic(2) SELECT @id AS id FROM 'site/+'"
            here.apply(one_rule(sql, republish("made/${@t}/${@id}")))
            client = here.client("made/#")
            publish(here)
            (made,) = client.messages()
            assert made.topic == f"made/a/{json.loads(made.payload)['id']}"

    run(main())


def test_what_asks_outside_fails_and_says_why(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            sql = "SELECT get_thing_shadow('pump', 'arn').state AS s FROM 'site/+'"
            here.apply({**one_rule(sql), "other": rule("SELECT 1 AS one FROM 'site/+'",
                                                       sqs("alarms"))})  # fmt: skip
            publish(here)
            publish(here)
            assert await here.bodies() == [b'{"one":1}', b'{"one":1}']
            await here.settled()
            status = here.status("r")
            assert (status.matched, status.failed) == (0, 2)
            assert status.problem == (
                "get_thing_shadow: there are no device shadows to ask here; no action ran"
            )

    run(main())
    (at_failure,) = warnings(caplog)
    assert "its statement failed for a message on 'site/a'" in at_failure


def test_a_result_that_is_too_large_fails_alone(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            twenty = ", ".join(f"s AS s{n}" for n in range(20))
            here.apply({**one_rule(f"SELECT {twenty} FROM 'site/+'"),
                        "other": rule("SELECT 1 AS one FROM 'site/+'", sqs("alarms"))})  # fmt: skip
            publish(here, b'{"s": "%s"}' % (b"x" * 60_000))
            assert await here.bodies() == [b'{"one":1}']
            assert "the result would have more than" in here.status("r").problem

    run(main())
