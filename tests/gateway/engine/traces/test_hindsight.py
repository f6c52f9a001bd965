"""Why a rule did or did not fire for a message that is past, asked of a real engine."""

from __future__ import annotations

import base64
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gateway.engine.traces.tracing import (
    RuleNotInForce,
)
from gateway.errors import StoreFull
from tests.rig.traced_rules import NOWHERE, ROLE, SLOW, SQS, TracedRules, rule

WithRules = Callable[[Callable[[TracedRules], Coroutine[Any, Any, None]]], None]

HOT = rule("SET @f = celsius * 2 SELECT celsius, @f AS f FROM 'site/+' WHERE celsius > 30", SQS)


def texts(clauses: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(clause.get("name", clause["sql"]), clause["text"]) for clause in clauses]


def test_a_message_and_what_every_clause_gave(with_rules: WithRules) -> None:
    async def main(here: TracedRules) -> None:
        here.put(hot=HOT, elsewhere=rule("SELECT * FROM 'other'", SQS))
        here.publish("site/7", b'{"celsius": 31.50}')
        here.time.pass_ms(2500)
        found = await here.why()
        assert found["at_ms"] == here.time.wall_ms - 2500
        assert found["age_s"] == 2.5
        assert (found["topic"], found["payload"]) == ("site/7", '{"celsius": 31.50}')
        assert (found["encoding"], found["size_bytes"]) == ("utf-8", 18)
        assert (found["publisher"], found["client_id"], found["depth"]) == (
            "sensor-1",
            "sensor-1",
            0,
        )
        assert (found["others"], found["not_shown"]) == (1, 0)
        (hot,) = found["rules"]
        assert (hot["rule"], hot["fired"], hot["reason"]) == ("hot", True, "")
        assert texts(hot["variables"]) == [("@f", "63")]
        assert hot["where"] == {"sql": "celsius > 30", "text": "true"}
        assert hot["conditions"] == []
        assert texts(hot["items"]) == [("celsius", "31.5"), ("f", "63")]
        assert (hot["output"], hot["output_bytes"]) == ('{"celsius":31.5,"f":63}', 23)
        assert hot["output"].encode() == here.queue.bodies[0]
        assert hot["actions"] == [
            {"number": 1, "kind": "sqs", "resource": "alarms", "result": "done", "message": ""}
        ]
        assert hot["notes"] == []

    with_rules(main)


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("celsius > 30", "celsius > 30 is false"),
        ("fahrenheit > 30", "fahrenheit > 30 is Undefined"),
        ("celsius > 10 AND celsius > 30 AND celsius > 40", "celsius > 30 is false"),
        ("(celsius = 1 OR celsius = 20) AND celsius > 30", "celsius > 30 is false"),
        ("NOT (celsius = 1 AND celsius = 20) AND celsius > 30", "celsius > 30 is false"),
        ("celsius > 10 AND NOT (celsius = 1 OR celsius = 20)", "NOT (celsius = 1 OR celsius = 20)"),
        ("celsius = 1 OR celsius = 2", "celsius = 1 OR celsius = 2 is false"),
    ],
)
def test_the_condition_that_kept_a_rule_from_firing(
    with_rules: WithRules, where: str, reason: str
) -> None:
    async def main(here: TracedRules) -> None:
        here.put(it=rule(f"SELECT * FROM 'site/+' WHERE {where}", SQS))
        here.publish("site/7", b'{"celsius": 20}')
        found = await here.why_rule("it")
        assert not found["fired"]
        assert found["reason"].startswith(reason)
        assert "output" not in found
        assert found["actions"] == found["items"] == []

    with_rules(main)


def test_each_action_and_what_it_came_to(with_rules: WithRules) -> None:
    async def main(here: TracedRules) -> None:
        here.put(it=rule("SELECT * FROM 'site/+'", NOWHERE, SQS, SLOW))
        here.publish("site/7", b'{"celsius": 31.5}')
        found = await here.why_rule("it")
        assert found["fired"]
        failed, done, waiting = found["actions"]
        assert (failed["resource"], failed["result"]) == ("https://sqs/0/n-31.5", "failed")
        assert failed["message"].startswith("there is no queue 'n-31.5'")
        assert (done["result"], done["message"]) == ("done", "")
        assert (waiting["number"], waiting["kind"], waiting["resource"], waiting["result"]) == (
            3,
            "s3",
            "b/7.json",
            "waiting",
        )
        await here.settle()
        assert (await here.why_rule("it"))["actions"][2]["result"] == "done"

    with_rules(main)


def test_a_slow_action_that_failed_says_why(with_rules: WithRules) -> None:
    async def main(here: TracedRules) -> None:
        here.put(it=rule("SELECT * FROM 'site/+'", SLOW))
        here.held.failure = "the bucket is full"
        here.publish("site/7")
        await here.settle()
        (action,) = (await here.why_rule("it"))["actions"]
        assert (action["result"], action["message"]) == ("failed", "the bucket is full")

    with_rules(main)


@pytest.mark.parametrize(
    ("error_action", "result", "told"),
    [
        (SQS, "done", ""),
        (NOWHERE, "failed", "there is no queue 'n-31.5'"),
        (SLOW, "waiting", ""),
        (None, None, ""),
    ],
)
def test_what_came_of_the_error_action(
    with_rules: WithRules, error_action: dict[str, Any] | None, result: str | None, told: str
) -> None:
    async def main(here: TracedRules) -> None:
        more = {} if error_action is None else {"errorAction": error_action}
        here.put(it=rule("SELECT * FROM 'site/+'", NOWHERE, **more))
        here.publish("site/7", b'{"celsius": 31.5}')
        found = (await here.why_rule("it"))["error_action"]
        if result is None:
            assert found is None
        else:
            assert found["result"] == result
            assert told in found["message"]
        if result == "waiting":
            await here.settle()
            assert (await here.why_rule("it"))["error_action"]["result"] == "done"

    with_rules(main)


def test_a_failed_evaluation_is_told_as_it_was(with_rules: WithRules) -> None:
    async def main(here: TracedRules) -> None:
        here.put(it=rule("SELECT decode(x, 'proto', 'b', 'k', 'f.proto', 'M') AS v FROM 'a'", SQS))
        here.publish("a", b'{"x": "AA=="}')
        await here.settle()
        found = await here.why_rule("it")
        assert not found["fired"]
        assert found["reason"].startswith("the evaluation failed: ")
        assert "protobuf" in found["reason"]

    with_rules(main)


def test_rules_that_ask_outside_are_not_asked_again(with_rules: WithRules) -> None:
    async def main(here: TracedRules) -> None:
        here.put(it=rule("SELECT get_secret('s', 'SecretString', 'arn:r') AS s FROM 'a'", SQS))
        here.publish("a")
        found = await here.why_rule("it")
        assert (found["fired"], "items" in found) == (False, False)
        assert found["reason"].startswith("it waits to be evaluated")
        assert any("not evaluated again" in note for note in found["notes"])

    with_rules(main)


def test_rules_that_were_not_concerned(with_rules: WithRules) -> None:
    async def main(here: TracedRules) -> None:
        here.put(hot=HOT, it=rule("SELECT * FROM 'other'", SQS), off=rule("SELECT * FROM 'x'"))
        here.put(off=rule("SELECT * FROM 'site/+'", ruleDisabled=True))
        here.publish("site/7", b'{"celsius": 31.5}')
        found = await here.why_rule("it")
        assert (found["concerned"], found["reason"]) == (False, "FROM does not match")
        assert "items" not in found
        disabled = await here.why_rule("off")
        assert (disabled["concerned"], disabled["reason"]) == (True, "the rule is disabled")
        assert disabled["notes"] == ["were it enabled, it would fire"]
        assert [each["rule"] for each in (await here.why())["rules"]] == ["hot", "off"]
        with pytest.raises(RuleNotInForce, match="no rule 'nope'") as caught:
            await here.why("nope")
        assert "weir rule list" in caught.value.hint

    with_rules(main)


def test_basic_ingest_concerns_the_named_rule_alone(with_rules: WithRules) -> None:
    async def main(here: TracedRules) -> None:
        here.put(hot=HOT, every=rule("SELECT topic() AS t FROM '#'", SQS))
        here.publish("$aws/rules/hot/site/7", b'{"celsius": 31.5}')
        found = await here.why()
        assert [each["rule"] for each in found["rules"]] == ["hot"]
        assert found["others"] == 1
        here.publish("$aws/rules/every/deep/site")
        (every,) = (await here.why())["rules"]
        assert every["output"] == '{"t":"deep/site"}'

    with_rules(main)


def test_a_rule_that_was_changed_or_came_after_the_message_says_so(with_rules: WithRules) -> None:
    async def main(here: TracedRules) -> None:
        here.put(it=HOT)
        here.publish("site/7", b'{"celsius": 31.5}')
        here.put(
            it=rule("SELECT * FROM 'site/+' WHERE celsius > 90", SQS, SQS),
            new=rule("SELECT * FROM 'site/+'", SQS),
            colder=rule("SELECT * FROM 'site/+' WHERE celsius < 0", SQS),
        )
        changed, new, colder = (await here.why())["rules"]
        assert (changed["rule"], changed["fired"], changed["actions"]) == ("it", True, [])
        assert any("changed after this message" in note for note in changed["notes"])
        assert (new["fired"], new["reason"]) == (
            False,
            "the rule came, or was changed, after this message",
        )
        assert new["notes"] == ["as it is now, it would fire"]
        assert colder["notes"] == ["as it is now, it would not fire: celsius < 0 is false"]
        here.publish("site/7", b'{"celsius": 99}')
        changed, new, colder = (await here.why())["rules"]
        assert [changed["notes"], new["notes"], colder["notes"]] == [[], [], []]

    with_rules(main)


def test_a_rule_that_is_gone_leaves_what_it_did(with_rules: WithRules) -> None:
    async def main(here: TracedRules) -> None:
        here.put(it=rule("SELECT * FROM 'site/+'", SQS, NOWHERE))
        here.publish("site/7", b'{"celsius": 1}')
        here.remove("it")
        (gone,) = (await here.why("it"))["rules"]
        assert (gone["fired"], gone["sql"]) == (True, "")
        assert [action["number"] for action in gone["actions"]] == [2]
        assert gone["notes"] == ["the rule is there no longer: what its clauses gave is not known"]

    with_rules(main)


def test_what_varies_between_two_evaluations_is_said(with_rules: WithRules) -> None:
    async def main(here: TracedRules) -> None:
        here.put(it=rule("SELECT newuuid() AS u, (SELECT VALUE rand() FROM [1]) AS r FROM 'a'"))
        here.publish("a")
        (note,) = (await here.why_rule("it"))["notes"]
        assert note == "newuuid() and rand() gave something else when the message came"

    with_rules(main)


def test_a_rule_sees_the_time_and_the_identifier_of_the_message(with_rules: WithRules) -> None:
    async def main(here: TracedRules) -> None:
        sql = (
            "SELECT timestamp() AS at, traceid() AS id, clientid() AS c, accountid() AS a FROM 'a'"
        )
        here.put(it=rule(sql, SQS))
        here.publish("a")
        here.time.pass_ms(60_000)
        found = await here.why()
        assert found["rules"][0]["output"].encode() == here.queue.bodies[0]
        assert found["id"] in found["rules"][0]["output"]

    with_rules(main)


def test_a_clock_that_was_set_changes_nothing_of_what_was(
    with_rules: WithRules,
) -> None:
    async def main(here: TracedRules) -> None:
        here.put(it=rule("SELECT * FROM 'a' WHERE timestamp() > 1800000000000", SQS))
        here.time.pass_ms(1000)
        here.publish("a")
        here.time.step_wall(-86_400_000)
        found = await here.why_rule("it")
        assert found["fired"]
        assert found["notes"] == []

    with_rules(main)


def test_a_refused_publish_is_not_taken_for_a_where_that_was_not_true(
    with_rules: WithRules,
) -> None:
    async def main(here: TracedRules) -> None:
        here.put(it=rule("SELECT * FROM 'a'", SQS))
        here.queue.refusal = StoreFull("the disk is full")
        with pytest.raises(StoreFull):
            here.publish("a")
        found = await here.why_rule("it")
        assert not found["fired"]
        assert found["reason"] == "nothing came of it when the message was published"
        (note,) = found["notes"]
        assert note.endswith("or the publish was refused then")

    with_rules(main)


def test_a_rule_whose_templates_ask_outside_waits_and_is_not_judged_meanwhile(
    with_rules: WithRules,
) -> None:
    async def main(here: TracedRules) -> None:
        key = "${get_secret('s', 'SecretString', 'arn:aws:iam::1:role/r')}"
        reaching = {"s3": {"bucketName": "b", "key": key, "roleArn": ROLE}}
        here.put(it=rule("SELECT * FROM 'a' WHERE x = 1", reaching))
        here.publish("a")
        found = await here.why_rule("it")
        assert found["reason"].startswith("it waits to be evaluated")
        assert (found["where"]["text"], found["notes"]) == ("Undefined", [])
        await here.settle()
        assert (await here.why_rule("it"))["reason"] == "x = 1 is Undefined"

    with_rules(main)


def test_large_and_binary_messages_are_cut_and_say_how_large_they_were(
    with_rules: WithRules,
) -> None:
    async def main(here: TracedRules) -> None:
        here.put(it=rule("SELECT *, x AS y FROM 'a'", SQS), raw=rule("SELECT * FROM 'a'", SQS))
        here.publish("a", b'{"x": "%s"}' % ("ü" * 20_000).encode())
        found = await here.why()
        assert found["size_bytes"] == 40_009
        assert len(found["payload"].encode()) in (16 * 1024, 16 * 1024 - 1)
        it, _ = found["rules"]
        assert len(it["items"][1]["text"]) < 2100
        assert it["items"][1]["text"].endswith("(20002 characters)")
        assert it["output_bytes"] == len(here.queue.bodies[0])
        assert len(it["output"].encode()) <= 16 * 1024
        here.publish("a", b"\xff\xfe")
        assert found["is_json"]
        found = await here.why("raw")
        assert not found["is_json"]
        assert (found["payload"], found["encoding"]) == ("//4=", "base64")
        assert base64.b64decode(found["rules"][0]["output"]) == b"\xff\xfe"

    with_rules(main)
