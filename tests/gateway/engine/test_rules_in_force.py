"""Rules in force: which messages they get, what changes them, and that each fails alone."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import rules.message as rule_messages
import rules.payload
from gateway.engine.tally import QUIET_S
from gateway.errors import StoreFull
from gateway.services.sqs import Queue
from tests.gateway.engine.running import ROLE, republish, rule, running, sqs, warnings

Run = Callable[[Coroutine[Any, Any, None]], None]


def test_where_decides_and_matches_are_counted(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            sql = "SELECT c, timestamp() AS t, clientid() AS who FROM 'bench/+' WHERE c > 30"
            here.apply({"r": rule(sql, sqs("alarms"))})
            for celsius in (29, 30, 31):
                here.publish("bench/a", b'{"c": %d}' % celsius)
            now = here.time.wall_ms
            assert await here.bodies() == [b'{"c":31,"t":%d,"who":"sensor-1"}' % now]
            assert here.status("r").matched == 1
            metrics = here.metrics.snapshot()
            assert (metrics["rules.evaluated"], metrics["rules.matched"]) == (3, 1)

    run(main())


def test_from_follows_aws_a_hash_needs_one_more_level(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            here.apply({"r": rule("SELECT * FROM 'bench/#'", sqs("alarms"))})
            for topic in ("bench", "bench/a", "bench/a/b", "$bench/a"):
                here.publish(topic, topic.encode())
            assert await here.bodies() == [b"bench/a", b"bench/a/b"]

    run(main())


def test_disabled_rules_never_run_and_no_topic_reaches_one_without_from(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            here.apply(
                {
                    "off": rule("SELECT * FROM 'bench/+'", sqs("alarms"), ruleDisabled=True),
                    "basic": rule("SELECT *", sqs("alarms")),
                }
            )
            here.publish("bench/a", b"1")
            assert await here.bodies() == []
            assert here.status("off").disabled
            assert here.status("off").problem == ""
            assert not here.status("basic").disabled
            assert here.status("basic").problem == ""
            assert here.metrics.snapshot()["rules.evaluated"] == 0

    run(main())


def test_an_action_without_meaning_here_fails_and_the_rest_of_the_rule_runs(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    problem = "the action 'firehose' has no meaning on this gateway"

    async def main() -> None:
        async with running(tmp_path) as here:
            firehose = {"firehose": {"deliveryStreamName": "s", "roleArn": ROLE}}
            here.apply({"r": rule("SELECT * FROM 'bench/+'", firehose, sqs("alarms"))})
            assert any(problem in text for text in warnings(caplog))
            here.publish("bench/a", b"1")
            assert await here.bodies() == [b"1"]
            status = here.status("r")
            assert status.failed == 1
            assert problem in status.problem
            assert [(each.kind, each.done, each.failed) for each in status.actions] == [
                ("firehose", 0, 1),
                ("sqs", 1, 0),
            ]

    run(main())


def test_applied_rules_replace_those_before(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, "alarms", "others") as here:
            kept = rule("SELECT 1 AS v FROM 'bench/+'", sqs("alarms"))
            here.apply({"kept": kept, "old": rule("SELECT 2 AS v FROM 'bench/+'", sqs("alarms"))})
            here.publish("bench/a")  # the route is cached from here on
            here.apply({"kept": kept, "new": rule("SELECT 3 AS v FROM 'bench/a'", sqs("others"))})
            assert [status.name for status in here.engine.status()] == ["kept", "new"]
            here.publish("bench/a")
            assert sorted(await here.bodies()) == [b'{"v":1}', b'{"v":1}', b'{"v":2}']
            assert await here.bodies("others") == [b'{"v":3}']
            here.apply({})
            evaluated = here.metrics.snapshot()["rules.evaluated"]
            here.publish("bench/a")
            assert here.metrics.snapshot()["rules.evaluated"] == evaluated
            assert here.engine.status() == []

    run(main())


def test_a_payload_is_read_once_for_all_rules(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    payloads: list[bytes] = []
    real = rules.payload.decode

    def counting(payload: bytes) -> Any:
        payloads.append(payload)
        return real(payload)

    monkeypatch.setattr(rule_messages, "decode", counting)

    async def main() -> None:
        async with running(tmp_path) as here:
            here.apply(
                {
                    f"r{n}": rule(f"SELECT n FROM '#' WHERE n > {n}", sqs("${queue}"))
                    for n in range(5)
                }
            )
            here.publish("bench/a", b'{"n": 9, "queue": "alarms"}')
            assert len(await here.bodies()) == 5
            assert payloads == [b'{"n": 9, "queue": "alarms"}']

    run(main())


def test_failures_are_logged_once_per_burst_whatever_succeeds_between(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def logged() -> int:
        return sum("there is no queue" in text for text in warnings(caplog))

    async def main() -> None:
        async with running(tmp_path) as here:
            actions = (sqs("gone"), sqs("alarms"), sqs("${queue}"))
            here.apply({"r": rule("SELECT * FROM 'bench/+'", *actions)})
            for _ in range(50):  # two actions fail, one never, one now and then
                here.publish("bench/a", b'{"queue": "nowhere"}')
                here.publish("bench/a", b'{"queue": "alarms"}')
                here.time.pass_ms(1000)
            assert here.status("r").failed == 150
            assert logged() == 2, "one per action and burst"
            here.time.pass_ms(int(QUIET_S * 1000))
            here.publish("bench/a", b'{"queue": "alarms"}')
            assert logged() == 3, "a later burst is not reported"

    run(main())


def test_a_fault_inside_stays_with_its_rule(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of the gateway's own, which the tests have not found, must not close publishers."""
    found: list[Queue | None] = []

    def find_queue(name: str) -> Queue | None:
        if name == "fault":
            raise RuntimeError("a fault")
        return found[0]

    async def main() -> None:
        async with running(tmp_path, find_queue=find_queue) as here:
            found.append(here.service.queue("alarms"))
            listener = here.client("bench/#")
            here.apply(
                {
                    "a": rule("SELECT * FROM 'bench/+'", sqs("fault"), sqs("alarms")),
                    "b": rule("SELECT * FROM 'bench/+'", republish("again/x")),
                    "c": rule("SELECT * FROM 'again/+'", sqs("fault"), sqs("alarms")),
                }
            )
            here.publish("bench/a", b"1")
            assert await here.bodies() == [b"1", b"1"]
            assert [m.payload for m in listener.messages()] == [b"1"]
            assert [here.status(name).failed for name in "abc"] == [1, 0, 1]
            assert "RuntimeError('a fault')" in here.status("a").problem

    run(main())
    assert any(record.exc_info for record in caplog.records), "its traceback is not logged"


def test_a_refused_publish_counts_for_nothing(run: Run, tmp_path: Path) -> None:
    """An action fails, and a later one meets a store without room: all of it comes again."""
    full = StoreFull("no room")

    class Refusing:
        def send(self, body: bytes) -> None:
            raise full

    def find_queue(name: str) -> Any:
        return Refusing() if name == "full" else None

    async def main() -> None:
        async with running(tmp_path, find_queue=find_queue) as here:
            here.apply({"r": rule("SELECT * FROM 'bench/+'", sqs("gone"), sqs("full"))})
            for _ in range(3):
                with pytest.raises(StoreFull):
                    here.publish("bench/a", b"1")
            status = here.status("r")
            assert (status.evaluated, status.matched, status.failed) == (3, 0, 0)
            assert [(each.done, each.failed) for each in status.actions] == [(0, 0), (0, 0)]

    run(main())


def test_a_message_is_evaluated_by_the_rules_that_it_concerns_alone(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            here.apply(
                {f"r{n}": rule(f"SELECT * FROM 'bench/{n}/+'", sqs("alarms")) for n in range(1000)}
            )
            for number in (0, 500, 999):
                here.publish(f"bench/{number}/a", b"1")
            assert here.metrics.snapshot()["rules.evaluated"] == 3
            assert [here.status(f"r{n}").evaluated for n in (0, 1, 500, 999)] == [1, 0, 1, 1]

    run(main())


def test_a_rule_that_is_put_again_while_messages_come_meets_each_of_them_once(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            for number in range(10):
                sql = f"SELECT {number} AS version FROM 'bench/+'"
                here.apply_more("r", rule(sql, sqs("alarms"), awsIotSqlVersion="2016-03-23"))
                here.publish("bench/a", b"1")
            bodies = await here.bodies()
            assert bodies == [b'{"version":%d}' % number for number in range(10)]

    run(main())
