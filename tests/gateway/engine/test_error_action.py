"""Error actions: one message per rule and message, with all that failed, and no loop."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.engine.actions.republishing import MAX_REPUBLISH_DEPTH
from gateway.message import Message, Publisher
from tests.gateway.engine.outbox.scripted import Scripted
from tests.gateway.engine.running import ROLE, SENSOR, republish, rule, running, sqs, warnings

Run = Callable[[Coroutine[Any, Any, None]], None]


def test_all_failures_of_a_message_come_in_one(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, "alarms", "errors") as here:
            firehose = {"firehose": {"deliveryStreamName": "s-${n}", "roleArn": ROLE}}
            actions = (sqs("gone"), firehose, sqs("alarms"), republish("a/+/b${n}"))
            payload = rule("SELECT n FROM 'bench/+'", *actions, errorAction=sqs("errors"))
            here.apply({"r": payload})
            message = here.publish("bench/a", b'{"n": 7}')
            assert await here.bodies("alarms") == [b'{"n":7}']
            (body,) = await here.bodies("errors")
            told = json.loads(body)
            failures = told.pop("failures")
            trace_id = told.pop("cloudwatchTraceId")
            assert trace_id == here.engine.traces.id_of(message.traced)
            assert told == {
                "ruleName": "r",
                "topic": "bench/a",
                "clientId": "sensor-1",
                "base64OriginalPayload": base64.b64encode(b'{"n": 7}').decode(),
            }
            assert [(f["failedAction"], f["failedResource"]) for f in failures] == [
                ("SqsAction", "gone"),
                ("FirehoseAction", "s-${n}"),
                ("RepublishAction", "a/+/b7"),
            ]
            assert "there is no queue 'gone'" in failures[0]["errorMessage"]
            status = here.status("r")
            assert (status.matched, status.failed) == (1, 3)
            assert status.error_action is not None
            assert (status.error_action.kind, status.error_action.done) == ("sqs", 1)

    run(main())


def test_a_statement_without_result_reaches_the_error_action(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, "errors") as here:
            sql = "SELECT get_secret('a', 'SecretString', 'arn') AS s FROM 'bench/+'"
            payload = rule(sql, sqs("errors"), errorAction=sqs("errors"))
            here.apply({"r": {**payload, "awsIotSqlVersion": "2016-03-23"}})
            here.publish("bench/a", b"1")
            await here.settled()
            (body,) = await here.bodies("errors")
            (failure,) = json.loads(body)["failures"]
            assert (failure["failedAction"], failure["failedResource"]) == ("RuleEvaluation", "r")
            assert "there are no secrets to ask for here" in failure["errorMessage"]

    run(main())


def test_an_error_action_sees_the_original_message(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, "site-7") as here:
            errors = sqs("site-${site}")
            payload = rule("SELECT 1 AS one FROM 'bench/+'", sqs("gone"), errorAction=errors)
            here.apply({"r": payload})
            message = Message("bench/a", b'{"site": 7}', 1, False, Publisher("device:pump"))
            here.router.publish(message)
            (body,) = await here.bodies("site-7")
            assert json.loads(body)["clientId"] == "N/A"

    run(main())


def test_a_failing_error_action_is_only_counted_and_logged(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            payload = rule("SELECT * FROM 'bench/+'", sqs("gone"), sqs("alarms"))
            here.apply({"r": {**payload, "errorAction": sqs("away")}})
            here.apply_more("t", {**payload, "errorAction": sqs("q-${nothing}")})
            here.publish("bench/a", b"1")
            assert await here.bodies() == [b"1", b"1"]
            for name, told in (("r", "there is no queue 'away'"), ("t", "has no value")):
                error_action = here.status(name).error_action
                assert error_action is not None
                assert (error_action.done, error_action.failed) == (0, 1)
                assert told in error_action.last_failure
            assert here.status("r").failed == 1

    run(main())
    assert sum("its error action failed" in text for text in warnings(caplog)) == 2


def test_a_loop_ends_at_the_tenth_step_in_the_error_action(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, "errors") as here:
            listener = here.client("loop/x")
            payload = rule("SELECT * FROM 'loop/+'", republish("loop/x", 0))
            here.apply({"r": {**payload, "errorAction": sqs("errors")}})
            here.publish("loop/x", b"1")
            assert len(listener.messages()) == 1 + MAX_REPUBLISH_DEPTH
            (body,) = await here.bodies("errors")
            told = json.loads(body)
            assert "this looks like a loop" in told["failures"][0]["errorMessage"]
            assert told["topic"] == "loop/x"

    run(main())


def test_an_error_action_that_feeds_its_own_rule_ends_too(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            listener = here.client("#")
            payload = rule("SELECT * FROM 'loop/+'", sqs("gone"))
            here.apply({"r": {**payload, "errorAction": republish("loop/again", 0)}})
            here.publish("loop/x", b"1")
            # Ten steps, and the one more that an error action has.
            assert len(listener.messages()) == 1 + MAX_REPUBLISH_DEPTH + 1
            error_action = here.status("r").error_action
            assert error_action is not None
            assert error_action.failed == 1
            assert "this looks like a loop" in error_action.last_failure

    run(main())


def test_an_error_message_is_refused_with_its_publish(run: Run, tmp_path: Path) -> None:
    """All or nothing: a message whose error cannot be kept is not acknowledged."""

    async def main() -> None:
        async with running(tmp_path, "errors") as here:
            payload = rule("SELECT * FROM 'bench/+'", sqs("gone"), errorAction=sqs("errors"))
            here.apply({"r": payload})
            joined = here.store.joined
            here.router.publish(Message("bench/a", b"1", 1, False, SENSOR))
            assert here.store.joined > joined, "nothing of the publish waits for the commit"
            assert await here.bodies("errors")

    run(main())


def test_a_failure_names_what_it_was_for_also_where_a_template_has_no_value(
    run: Run, tmp_path: Path
) -> None:
    s3 = {"s3": {"bucketName": "bucket-1", "key": "${nope}", "roleArn": ROLE}}
    sent = {**sqs("queue-${nope}")}

    async def main() -> None:
        async with running(tmp_path, "errors", slow={"s3": Scripted()}) as here:
            payload = rule("SELECT * FROM 'bench/+'", s3, sent, errorAction=sqs("errors"))
            here.apply({"r": payload})
            here.publish("bench/a", b"{}")
            (body,) = await here.bodies("errors")
            found = {f["failedAction"]: f["failedResource"] for f in json.loads(body)["failures"]}
            assert found == {"S3Action": "bucket-1", "SqsAction": "queue-${nope}"}

    run(main())
