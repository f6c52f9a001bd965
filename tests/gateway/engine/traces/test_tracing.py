"""Questions about recent messages: which there are, and what all rules made of one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gateway.engine.traces.tracing import (
    MAX_RULES,
    AmbiguousMessage,
    MessageNotFound,
)
from gateway.message import Publisher
from tests.rig.traced_rules import NOWHERE, ROLE, SLOW, SQS, TracedRules, rule

WithRules = Callable[[Callable[[TracedRules], Coroutine[Any, Any, None]]], None]

HOT = rule("SET @f = celsius * 2 SELECT celsius, @f AS f FROM 'site/+' WHERE celsius > 30", SQS)


def test_messages_that_concern_too_many_rules_tell_of_those_that_acted_first(
    with_rules: WithRules,
) -> None:
    async def main(here: TracedRules) -> None:
        here.put(**{f"r{number}": rule("SELECT * FROM 'a' WHERE x = 1") for number in range(120)})
        here.put(late=rule("SELECT * FROM 'a'", SQS))
        here.publish("a")
        found = await here.why()
        assert len(found["rules"]) == MAX_RULES
        assert found["rules"][0]["rule"] == "late"
        assert (found["not_shown"], found["others"]) == (21, 0)

    with_rules(main)


def test_other_work_goes_on_between_two_rules(with_rules: WithRules) -> None:
    async def main(here: TracedRules) -> None:
        here.put(**{f"r{number}": rule("SELECT * FROM 'a' WHERE x = 1") for number in range(20)})
        here.publish("a")
        turns = 0
        asking = asyncio.ensure_future(here.why())
        while not asking.done():
            await asyncio.sleep(0)
            turns += 1
        assert turns >= 20

    with_rules(main)


def test_messages_are_found_by_the_beginning_of_their_identifier(with_rules: WithRules) -> None:
    async def main(here: TracedRules) -> None:
        with pytest.raises(MessageNotFound):
            here.tracing.find("last")
        here.put(it=rule("SELECT * FROM 'a'", SQS))
        for _ in range(3):
            here.publish("a")
        first, second, third = here.engine.traces.recent()
        traces = here.engine.traces
        assert here.tracing.find(traces.id_of(second)) is second
        assert here.tracing.find(traces.id_of(first)[:8].upper()) is first
        assert here.tracing.find("last") is third
        for unknown in ("", "a", "zzzz", "0" * 36):
            with pytest.raises(MessageNotFound, match="is kept"):
                here.tracing.find(unknown)
        first.subject.trace_id, second.subject.trace_id = "abcd-1", "abcd-2"
        with pytest.raises(AmbiguousMessage, match="2 messages begin with 'abcd'") as caught:
            here.tracing.find("abcd")
        assert caught.value.hint.endswith("abcd-1, abcd-2")

    with_rules(main)


def test_recent_messages_and_who_did_something(with_rules: WithRules) -> None:
    async def main(here: TracedRules) -> None:
        here.put(
            hot=HOT,
            bad=rule("SELECT * FROM 'site/+'", NOWHERE),
            slow=rule("SELECT * FROM 'site/8'", SLOW),
            again=rule("SELECT * FROM 'site/9'", {"republish": {"topic": "b", "roleArn": ROLE}}),
            end=rule("SELECT * FROM 'b'", SQS),
        )
        here.publish("site/7", b'{"celsius": 1}', Publisher("device:bench"))
        here.publish("site/8", b"x" * 1000)
        here.publish("site/9")
        here.publish("nobody")
        one, two, three, four = here.tracing.recent(10)
        assert (one["publisher"], one["client_id"]) == ("device:bench", None)
        assert (one["fired"], one["failed"], one["waiting"]) == (["bad"], ["bad"], [])
        assert (two["size_bytes"], len(str(two["payload"]))) == (1000, 256)
        assert two["waiting"] == ["slow"]
        assert (three["topic"], three["depth"], four["topic"]) == ("site/9", 0, "b")
        assert (four["publisher"], four["depth"], four["fired"]) == ("rule:again", 1, ["end"])
        assert [each["topic"] for each in here.tracing.recent(2)] == ["site/9", "b"]
        assert here.tracing.topics() == ["b", "site/9", "site/8", "site/7"]

    with_rules(main)


def test_asking_keeps_nothing_that_rules_saw(with_rules: WithRules) -> None:
    async def main(here: TracedRules) -> None:
        here.put(hot=HOT)
        for _ in range(2):
            here.publish("site/7", b'{"celsius": 31.5}')
        first, _ = here.engine.traces.recent()
        await here.why(given=here.engine.traces.id_of(first))
        assert first.subject.members is None

    with_rules(main)
