"""The outbox: actions run after the commit, each lane for itself, and end in one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.engine.failures import ActionFailed, TryAgain
from gateway.engine.outbox import lane as lane_module
from gateway.engine.outbox import outbox as outbox_module
from gateway.engine.outbox.lane import MAX_RUNNING_BYTES
from gateway.engine.settings import RulesSettings
from tests.gateway.engine.outbox.scripted import Scripted, slow, slow_rule
from tests.gateway.engine.running import Running, running, sqs, warnings

Run = Callable[[Coroutine[Any, Any, None]], None]


def payloads(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


async def errors(here: Running, queue: str = "errors") -> list[list[tuple[str, str]]]:
    """The failures of each error message in a queue."""
    return [
        [(f["failedAction"], f["errorMessage"]) for f in json.loads(body)["failures"]]
        for body in await here.bodies(queue)
    ]


def test_an_action_runs_once_its_message_is_on_disk(run: Run, tmp_path: Path) -> None:
    action = Scripted()

    async def main() -> None:
        async with running(tmp_path, slow={"lambda": action}) as here:
            here.apply({"r": slow_rule(slow("f"), sqs("alarms"))})
            here.publish("bench/a", b"1")
            assert here.outbox_rows() == 0, "it is on disk before the commit"
            assert not action.calls
            await here.settled()
            assert action.calls == [("f", b"1", 1)]
            assert await here.bodies() == [b"1"]
            status = here.status("r").actions
            assert [(each.kind, each.done, each.waiting) for each in status] == [
                ("lambda", 1, 0),
                ("sqs", 1, 0),
            ]
            assert here.metrics.snapshot()["rules.outbox.done"] == 1
            assert here.metrics.snapshot()["rules.outbox.bytes"] == 0

    run(main())


def test_a_lane_keeps_its_order_and_one_that_hangs_holds_up_no_other(
    run: Run, tmp_path: Path
) -> None:
    action = Scripted()

    async def main() -> None:
        async with running(tmp_path, slow={"lambda": action}) as here:
            action.close("stuck")
            here.apply({"a": slow_rule(slow("stuck")), "b": slow_rule(slow("free"))})
            for payload in payloads(200):
                here.publish("bench/a", payload)
            await action.began(201)
            assert [payload for target, payload in action.done if target == "free"] == payloads(200)
            assert [call for call in action.calls if call[0] == "stuck"] == [("stuck", b"0", 1)]
            await here.store.flush()
            (lane,) = here.engine.outbox_status()
            assert (lane.target, lane.waiting, lane.running) == ("lambda stuck", 200, 1)
            assert here.status("a").actions[0].waiting == 200
            action.open("stuck")
            await here.settled()
            assert [p for target, p in action.done if target == "stuck"] == payloads(200)
            assert action.most == {"stuck": 1, "free": 1}

    run(main())


def test_so_many_run_at_once_as_the_kind_allows(run: Run, tmp_path: Path) -> None:
    action = Scripted(concurrency=3)

    async def main() -> None:
        async with running(tmp_path, slow={"lambda": action}) as here:
            action.close("f")
            here.apply({"r": slow_rule(slow("f"))})
            for payload in payloads(20):
                here.publish("bench/a", payload)
            await action.began(3)
            await here.store.flush()
            assert len(action.calls) == 3
            action.open("f")
            await here.settled()
            assert action.most == {"f": 3}
            assert sorted(p for _, p in action.done) == sorted(payloads(20))

    run(main())


def test_what_is_not_at_an_end_runs_after_a_restart(run: Run, tmp_path: Path) -> None:
    async def first() -> None:
        action = Scripted()
        async with running(tmp_path, "errors", slow={"lambda": action}) as here:
            action.close("f")
            here.apply({"r": slow_rule(slow("f"), slow("g"), errorAction=sqs("errors"))})
            for payload in payloads(30):
                here.publish("bench/a", payload)
            await action.began(31)
            await here.store.flush()

    async def second() -> None:
        def fail(payload: bytes, attempt: int) -> None:
            if payload == b"7":
                raise ActionFailed("seven is no number")

        action = Scripted(fail)
        async with running(tmp_path, "errors", slow={"lambda": action}) as here:
            assert here.engine.outbox_status()[0].waiting == 30
            await here.settled()
            assert [payload for _, payload, _ in action.calls] == payloads(30)
            # The rule is not even in force any more; its error action is kept with the message.
            assert await errors(here) == [[("LambdaAction", "seven is no number")]]

    run(first())
    run(second())


def test_another_try_waits_aside_and_the_others_go_on(run: Run, tmp_path: Path) -> None:
    def thrice(payload: bytes, attempt: int) -> None:
        if payload == b"0" and attempt < 3:
            raise TryAgain("not yet", after_s=0.001)

    action = Scripted(thrice)

    async def main() -> None:
        async with running(tmp_path, slow={"lambda": action}) as here:
            here.apply({"r": slow_rule(slow("f"))})
            for payload in payloads(5):
                here.publish("bench/a", payload)
            await here.settled()
            assert [attempt for _, payload, attempt in action.calls if payload == b"0"] == [1, 2, 3]
            assert action.done[0] == ("f", b"1")
            assert sorted(payload for _, payload in action.done) == payloads(5)
            assert here.status("r").failed == 0
            assert here.metrics.snapshot()["rules.outbox.retries"] == 2

    run(main())


def test_no_more_than_so_many_wait_aside(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_module, "MAX_ASIDE", 4)

    def never(payload: bytes, attempt: int) -> None:
        raise TryAgain("not yet", after_s=3600)

    async def main() -> None:
        action = Scripted(never)
        async with running(tmp_path, slow={"lambda": action}) as here:
            here.apply({"r": slow_rule(slow("f"))})
            for payload in payloads(9):
                here.publish("bench/a", payload)
            await action.began(4)
            await here.store.flush()
            (lane,) = here.engine.outbox_status()
            assert (lane.waiting, lane.retrying, lane.running) == (9, 4, 0)
            assert len(action.calls) == 4, "more are tried than may wait"
            assert here.status("r").failed == 0

    run(main())


def test_a_burst_of_retries_costs_nobody_a_try(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_module, "MAX_ASIDE", 10)
    works = False

    def at_last(payload: bytes, attempt: int) -> None:
        if not works:
            raise TryAgain("not yet", after_s=0.001)

    async def main() -> None:
        nonlocal works
        action = Scripted(at_last)
        async with running(tmp_path, slow={"lambda": action}) as here:
            here.apply({"r": slow_rule(slow("f"))})
            for payload in payloads(300):
                here.publish("bench/a", payload)
            await action.began(200)
            works = True
            await here.settled()
            assert here.status("r").failed == 0
            assert sorted(payload for _, payload in action.done) == sorted(payloads(300))

    run(main())


def test_one_error_message_when_the_last_action_is_at_an_end(run: Run, tmp_path: Path) -> None:
    def fail(payload: bytes, attempt: int) -> None:
        raise ActionFailed("it cannot be", hint="Let it be.")

    action = Scripted(fail)

    async def main() -> None:
        async with running(tmp_path, "errors", slow={"lambda": action}) as here:
            action.close("late")
            actions = (slow("soon"), sqs("gone"), slow("late"), slow("nobody"), slow("${x}"))
            here.apply({"r": slow_rule(*actions, errorAction=sqs("errors"))})
            here.publish("bench/a", b"{}")
            await action.began(2)
            assert await errors(here) == [], "it is told of before all are at an end"
            action.open("late")
            await here.settled()
            ((*found,),) = await errors(here)
            assert [name for name, _ in found] == [
                "LambdaAction",
                "SqsAction",
                "LambdaAction",
                "LambdaAction",
                "LambdaAction",
            ]
            told = [text for _, text in found]
            assert told[0] == told[2] == "it cannot be. Let it be."
            assert told[3] == "there is nobody. Ask somebody."
            status = here.status("r")
            assert (status.matched, status.failed) == (1, 5)

    run(main())


def test_the_failures_of_a_message_are_kept_over_a_restart(run: Run, tmp_path: Path) -> None:
    def fail(payload: bytes, attempt: int) -> None:
        raise ActionFailed("no")

    async def first() -> None:
        action = Scripted(fail)
        async with running(tmp_path, "errors", slow={"lambda": action}) as here:
            action.close("late")
            here.apply({"r": slow_rule(slow("soon"), slow("late"), errorAction=sqs("errors"))})
            here.publish("bench/a", b"{}")
            await action.began(2)
            await here.store.flush()
            assert here.outbox_rows() == 1

    async def second() -> None:
        action = Scripted()
        async with running(tmp_path, "errors", slow={"lambda": action}) as here:
            await here.settled()
            assert action.done == [("late", b"{}")]
            assert await errors(here) == [[("LambdaAction", "no")]]

    run(first())
    run(second())


def test_an_error_action_may_be_slow_itself(run: Run, tmp_path: Path) -> None:
    def fail(payload: bytes, attempt: int) -> None:
        if payload == b"1":
            raise ActionFailed("no")

    action = Scripted(fail)

    async def main() -> None:
        async with running(tmp_path, slow={"lambda": action}) as here:
            here.apply({"r": slow_rule(slow("f"), errorAction=slow("errors"))})
            here.publish("bench/a", b"1")
            await here.settled()
            ((target, payload),) = action.done
            assert target == "errors"
            assert json.loads(payload)["failures"][0]["errorMessage"] == "no"
            error_action = here.status("r").error_action
            assert error_action is not None
            assert (error_action.done, error_action.waiting) == (1, 0)

    run(main())


def test_a_target_may_hold_so_many_bytes_and_leaves_as_many_to_others(
    run: Run, tmp_path: Path
) -> None:
    settings = RulesSettings(outbox_max_bytes=200_000, outbox_target_bytes=40_000)
    action = Scripted()

    async def main() -> None:
        async with running(tmp_path, "errors", slow={"lambda": action}, settings=settings) as here:
            names = "abcdefgh"
            action.close(*names)
            for name in names:
                here.apply_more(name, slow_rule(slow(name), errorAction=sqs("errors")))
                for _ in range(8):
                    here.publish("bench/a", b"x" * 4_000)
                here.engine.remove(name)
            await here.store.flush()
            lanes = {lane.target[-1]: lane.size_bytes for lane in here.engine.outbox_status()}
            used_bytes = sum(lanes.values())
            assert used_bytes == here.metrics.snapshot()["rules.outbox.bytes"]
            assert used_bytes <= 200_000
            # One entry weighs 8.3 KB. The first take what one target may, the others less and less.
            assert [round(lanes[name] / 8_300) for name in names] == [4, 4, 4, 4, 3, 2, 1, 1]
            refused = 8 * len(names) - sum(lane.waiting for lane in here.engine.outbox_status())
            assert here.metrics.snapshot()["rules.outbox.refused"] == refused
            found = [text for _ in range(4) for told in await errors(here) for _, text in told]
            assert all("too much waits for lambda" in text for text in found)
            for name in names:
                action.open(name)
            await here.settled()
            here.apply_more("a", slow_rule(slow("a")))
            here.publish("bench/a", b"1")  # there is room again
            await here.settled()
            assert action.done[-1] == ("a", b"1")

    run(main())


def test_the_whole_outbox_has_a_limit(run: Run, tmp_path: Path) -> None:
    settings = RulesSettings(outbox_max_bytes=20_000, outbox_target_bytes=20_000)
    action = Scripted()

    async def main() -> None:
        async with running(tmp_path, "errors", slow={"lambda": action}, settings=settings) as here:
            action.close("f")
            here.apply({"r": slow_rule(slow("${t}"), errorAction=sqs("errors"))})
            padding = "x" * 6_000
            for name in "fgh":
                action.close(name)
                here.publish("bench/a", json.dumps({"t": name, "padding": padding}).encode())
            await here.store.flush()
            assert here.metrics.snapshot()["rules.outbox.bytes"] <= 20_000
            ((_, told),) = (await errors(here))[0]
            assert "too much waits in the outbox already" in told

    run(main())


def test_a_long_backlog_is_read_as_it_is_worked_off(run: Run, tmp_path: Path) -> None:
    action = Scripted()

    async def main() -> None:
        async with running(tmp_path, slow={"lambda": action}) as here:
            action.close("f")
            here.apply({"r": slow_rule(slow("f"))})
            for payload in payloads(3000):
                here.publish("bench/a", payload)
            await action.began(1)
            await here.store.flush()
            outbox = here.engine._outbox
            (lane,) = outbox._lanes.values()
            assert len(lane.queued) + len(lane.held) <= outbox_module.READ_AHEAD + 1
            assert len(outbox._jobs) == 1, "jobs are in memory that do not run"
            action.open("f")
            await here.settled()
            assert [payload for _, payload in action.done] == payloads(3000)
            assert not outbox._jobs, "jobs that are at an end stay in memory"

    run(main())


def test_large_ones_run_one_by_one_though_more_may_run(run: Run, tmp_path: Path) -> None:
    action = Scripted(concurrency=8)

    async def main() -> None:
        async with running(tmp_path, slow={"lambda": action}) as here:
            here.apply({"r": slow_rule(slow("f"))})
            for _ in range(40):
                here.publish("bench/a", b"x" * 100_000)
            action.close("f")
            await action.began(8)
            await here.store.flush()
            (lane,) = here.engine._outbox._lanes.values()
            assert lane.running_bytes < MAX_RUNNING_BYTES + 100_000 + 1000
            assert len(action.calls) == 8
            action.open("f")
            await here.settled()
            for _ in range(4):
                here.publish("bench/a", b"x" * 2_000_000)
            action.close("f")
            await action.began(41)
            await here.store.flush()
            assert len(action.calls) == 41
            action.open("f")
            await here.settled()
            assert len(action.done) == 44

    run(main())


def test_a_rule_may_go_while_its_actions_wait(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(payload: bytes, attempt: int) -> None:
        raise ActionFailed("no")

    action = Scripted(fail)

    async def main() -> None:
        async with running(tmp_path, "errors", slow={"lambda": action}) as here:
            action.close("f")
            here.apply({"r": slow_rule(slow("f"), errorAction=sqs("errors"))})
            here.publish("bench/a", b"1")
            here.publish("bench/a", b"2")
            await action.began(1)
            here.engine.remove("r")
            action.open("f")
            await here.settled()
            assert len(await errors(here)) == 2

    run(main())


def test_a_fault_inside_an_action_is_a_failure_of_this_one(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fault(payload: bytes, attempt: int) -> None:
        if payload == b"0":
            raise RuntimeError("a fault")

    action = Scripted(fault)

    async def main() -> None:
        async with running(tmp_path, slow={"lambda": action}) as here:
            here.apply({"r": slow_rule(slow("f"))})
            for payload in payloads(2):
                here.publish("bench/a", payload)
            await here.settled()
            assert action.done == [("f", b"1")]
            assert "RuntimeError('a fault')" in here.status("r").problem

    run(main())
    assert any(record.exc_info for record in caplog.records), "its traceback is not logged"
    assert warnings(caplog)
