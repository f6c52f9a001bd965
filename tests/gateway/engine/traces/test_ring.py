"""The ring of traces: bounded in messages and bytes, cheap to enter, and found by identifier."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gateway.engine.settings import RulesSettings
from gateway.engine.traces.ring import Outcome, Traces
from gateway.message import Message, Publisher
from tests.gateway.engine.running import republish, rule, running, sqs

Run = Callable[[Coroutine[Any, Any, None]], None]

SENSOR = Publisher("sensor-1", client_id="sensor-1")


class Ring:
    """A ring whose clock and identifiers a test knows."""

    def __init__(self, max_messages: int = 100, max_bytes: int = 1_000_000) -> None:
        self.now_s = 50.0
        numbers = count(1)
        self.traces = Traces(
            max_messages,
            max_bytes,
            monotonic_s=lambda: self.now_s,
            now_ms=lambda: 1_000_000 + round(self.now_s * 1000),
            new_uuid=lambda: f"id-{next(numbers)}",
        )

    def publish(self, payload: bytes = b'{"a": 1}', topic: str = "t") -> Message:
        message = Message(topic, payload, 0, False, SENSOR)
        self.traces.begin(message)
        return message


def test_so_many_messages_are_kept_and_no_more() -> None:
    ring = Ring(max_messages=3)
    for number in range(5):
        ring.publish(b"%d" % number)
    assert [traced.payload for traced in ring.traces.recent()] == [b"2", b"3", b"4"]
    assert [traced.sequence for traced in ring.traces.recent()] == [3, 4, 5]
    assert [traced.payload for traced in ring.traces.after(4)] == [b"4"]
    assert ring.traces.after(5) == []
    assert ring.traces.last_sequence == 5


def test_so_many_bytes_are_kept_and_no_more() -> None:
    ring = Ring(max_bytes=100_000)
    for _ in range(50):
        ring.publish(b"x" * 30_000)
    assert len(ring.traces.recent()) == 3
    ring.publish(b"x" * 200_000)
    assert ring.traces.recent() == [], "one that is larger than all of the ring is not kept"
    ring.publish(b"small")
    assert [traced.payload for traced in ring.traces.recent()] == [b"small"]


def test_what_a_payload_was_read_into_is_let_go() -> None:
    ring = Ring()
    first = ring.publish().traced
    members = first.subject.read()
    assert members == {"a": 1}
    ring.publish()
    assert sys.getrefcount(members) == 2, "the ring holds what the payload was read into"
    assert first.subject.read() == {"a": 1}


def test_an_identifier_is_made_when_somebody_asks_and_stays() -> None:
    ring = Ring(max_messages=2)
    asked, other = ring.publish().traced, ring.publish().traced
    assert ring.traces.id_of(asked) == "id-1"
    assert ring.traces.id_of(asked) == "id-1"
    assert ring.traces.find("id-1") is asked
    assert ring.traces.find("id-2") is None
    assert other.subject.trace_id is None, "an identifier was made that nobody asked for"
    other.subject.trace_id = "from SQL"
    assert ring.traces.find("from SQL") is other
    assert ring.traces.id_of(other) == "from SQL"
    ring.publish()
    assert ring.traces.find("id-1") is None, "a message that is gone is found"
    assert ring.traces.id_of(asked) == "id-1"
    assert ring.traces.find("id-1") is None


def test_a_message_is_dated_by_the_clock_as_it_is_now() -> None:
    ring = Ring()
    traced = ring.publish().traced
    ring.now_s += 2.5
    assert ring.traces.wall_ms(traced) == 1_050_000


def test_the_outbox_finds_what_it_has_to_note() -> None:
    ring = Ring()
    traced = ring.publish().traced
    trace_id = ring.traces.id_of(traced)
    traced.outcomes.append(Outcome("fast"))
    assert ring.traces.outcome(trace_id, "fast") is None
    traced.outcomes.append(Outcome("slow", waiting={0, 2}))
    outcome = ring.traces.outcome(trace_id, "slow")
    assert outcome is not None
    outcome.end(0, "")
    outcome.end(2, "no")
    assert (outcome.waiting, outcome.failures) == (set(), {2: "no"})
    assert ring.traces.outcome("gone", "slow") is None


def test_a_ring_holds_what_came_to_rules_and_nothing_else(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        settings = RulesSettings(trace_messages=4)
        async with running(tmp_path, settings=settings) as here:
            here.apply(
                {
                    "a": rule("SELECT * FROM 'bench/+' WHERE n > 1", sqs("alarms"), sqs("gone")),
                    "b": rule("SELECT n FROM 'bench/+'", republish("again/x")),
                    "c": rule("SELECT * FROM 'again/+'", sqs("alarms")),
                }
            )
            here.publish("elsewhere/x", b"1")
            here.publish("bench/a", b'{"n": 1}')
            here.publish("bench/b", b'{"n": 2}')
            found = [
                (traced.topic, traced.depth, [outcome.rule for outcome in traced.outcomes])
                for traced in here.engine.traces.recent()
            ]
            assert found == [
                ("bench/a", 0, ["b"]),
                ("again/x", 1, ["c"]),
                ("bench/b", 0, ["a", "b"]),
                ("again/x", 1, ["c"]),
            ]
            (failed, _) = here.engine.traces.recent()[2].outcomes
            assert failed.failures is not None
            assert "there is no queue 'gone'" in failed.failures[1]

    run(main())


@pytest.mark.parametrize("size", [1, 1000])
def test_traceid_is_the_messages_identifier(run: Run, tmp_path: Path, size: int) -> None:
    async def main() -> None:
        async with running(tmp_path, settings=RulesSettings(trace_messages=size)) as here:
            version = {"awsIotSqlVersion": "2016-03-23"}
            here.apply(
                {
                    n: rule("SELECT traceid() AS id FROM 'bench/+'", sqs("alarms"), **version)
                    for n in "ab"
                }
            )
            message = here.publish("bench/a", b"{}")
            bodies = await here.bodies()
            assert bodies[0] == bodies[1]
            trace_id = here.engine.traces.id_of(message.traced)
            assert trace_id.encode() in bodies[0]
            assert here.engine.traces.find(trace_id) is message.traced

    run(main())
