"""The `sqs` action: which queue, what body, and what happens where it cannot be done."""

from __future__ import annotations

import base64
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import StoreFull
from tests.gateway.engine.running import Running, republish, rule, running, sqs, warnings
from tests.rig.stores import SMALL

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.mark.parametrize(
    "queue",
    [
        "alarms",
        "https://sqs.eu-west-1.amazonaws.com/123456789012/alarms",
        "http://127.0.0.1:4566/000000000000/alarms/",
        "arn:aws:sqs:eu-west-1:123456789012:alarms",
        "https://sqs.us-east-1.amazonaws.com/123456789012/${'alarms'}",
        "https://sqs.us-east-1.amazonaws.com/123456789012/${topic(2)}",
        "arn:aws:sqs:us-east-1:123456789012:${queue}",
        "${queue}",
    ],
)
def test_a_queue_is_found_by_its_last_part(run: Run, tmp_path: Path, queue: str) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            here.apply({"r": rule("SELECT n FROM 'bench/+'", sqs(queue))})
            here.publish("bench/alarms", b'{"n": 1, "queue": "alarms"}')
            assert await here.bodies() == [b'{"n":1}']
            assert (here.status("r").matched, here.status("r").failed) == (1, 0)

    run(main())


def test_the_body_is_the_result_or_its_base64(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, "plain", "encoded") as here:
            actions = (sqs("plain"), sqs("encoded", use_base64=True))
            here.apply({"r": rule("SELECT n + 1 AS n FROM 'bench/+'", *actions)})
            here.publish("bench/a", b'{"n": 1}')
            assert await here.bodies("plain") == [b'{"n":2}']
            assert await here.bodies("encoded") == [base64.b64encode(b'{"n":2}')]

    run(main())


def test_base64_carries_what_a_queue_refuses_as_it_is(run: Run, tmp_path: Path) -> None:
    binary = b"\x00\x01\xff not text"

    async def main() -> None:
        async with running(tmp_path, "plain", "encoded") as here:
            actions = (sqs("plain"), sqs("encoded", use_base64=True))
            here.apply({"r": rule("SELECT * FROM 'bench/+'", *actions)})
            here.publish("bench/a", binary)
            assert await here.bodies("plain") == []
            assert await here.bodies("encoded") == [base64.b64encode(binary)]
            assert here.status("r").failed == 1
            assert "queue 'plain' refused the message" in here.status("r").problem

    run(main())


def test_a_missing_queue_fails_this_action_alone(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            here.apply({"r": rule("SELECT * FROM 'bench/+'", sqs("gone"), sqs("alarms"))})
            here.publish("bench/a", b"1")
            assert await here.bodies() == [b"1"]
            status = here.status("r")
            assert (status.matched, status.failed) == (1, 1)
            assert "there is no queue 'gone'" in status.problem
            assert '[[sqs.queues]] name = "gone"' in status.problem
            assert here.metrics.snapshot()["rules.failed_actions"] == 1

            await here.service.create("gone", {})  # found at the next message
            here.publish("bench/a", b"2")
            assert await here.bodies("gone") == [b"2"]
            assert here.status("r").failed == 1

    run(main())
    assert sum("there is no queue" in text for text in warnings(caplog)) == 1


def test_a_body_over_the_queue_s_limit_fails_and_is_counted(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            await here.service.create("small", {"MaximumMessageSize": "1024"})
            here.apply({"r": rule("SELECT * FROM 'bench/+'", sqs("small"), sqs("alarms"))})
            here.publish("bench/a", b"x" * 1025)
            here.publish("bench/a", b"x" * 1024)
            assert [len(found) for found in await here.bodies("small")] == [1024]
            assert len(await here.bodies()) == 2
            assert here.status("r").failed == 1
            assert "shorter than 1024 bytes" in here.status("r").problem

    run(main())


def test_a_template_without_a_value_fails_and_is_counted(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            here.apply({"r": rule("SELECT * FROM 'bench/+'", sqs("${queue}"))})
            here.publish("bench/a", b'{"other": 1}')
            assert here.status("r").failed == 1
            assert "${queue} has no value for this message" in here.status("r").problem

    run(main())


def test_a_payload_cannot_write_into_the_log_or_fill_it(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name = r"gone\n2026-01-01 CRITICAL all is lost\u001b[2J" + "x" * 100_000

    async def main() -> None:
        async with running(tmp_path) as here:
            here.apply({"r": rule("SELECT * FROM '#'", sqs("${queue}"))})
            here.publish("bench/\x1b[2J\n" + "t" * 10_000, f'{{"queue": "{name}"}}'.encode())
            assert here.status("r").failed == 1
            assert here.status("r").problem.isprintable()
            assert len(here.status("r").problem) < 1000

    run(main())
    (text,) = warnings(caplog)
    assert text.isprintable()
    assert len(text) < 2000


async def fill(here: Running) -> None:
    """Send to a queue until the store takes nothing new."""
    queue = here.service.queue("filler")
    assert queue is not None
    while here.store.accepting:
        queue.send(b"f" * 20_000)
        await here.store.flush()


@pytest.mark.parametrize(
    "rules",
    [
        {"r": rule("SELECT * FROM 'bench/+'", sqs("alarms"), sqs("others"))},
        {
            "r": rule("SELECT * FROM 'bench/+'", sqs("alarms")),
            "s": rule("SELECT * FROM 'bench/+'", sqs("others")),
        },
        {
            "r": rule("SELECT * FROM 'bench/+'", republish("again/x")),
            "s": rule("SELECT * FROM 'again/+'", sqs("alarms"), sqs("others")),
        },
    ],
    ids=["two actions", "two rules", "behind a republish"],
)
def test_a_full_store_refuses_the_publish_whole(
    run: Run, tmp_path: Path, rules: dict[str, dict[str, Any]]
) -> None:
    async def main() -> None:
        queues = ("alarms", "others", "filler")
        async with running(tmp_path, *queues, store_settings=SMALL) as here:
            here.apply(rules)
            here.publish("bench/a", b"before")
            await fill(here)
            rows, joined = here.rows(), here.store.joined
            listener = here.client("bench/#")
            with pytest.raises(StoreFull):
                here.publish("bench/a", b"refused")
            assert here.store.joined == joined, "something of the refused publish was kept"
            await here.store.flush()
            assert here.rows() == rows
            assert listener.messages() == [], "a refused publish was delivered"
            assert here.status("r").failed == 0, "a refusal is not the action's failure"

            filler = here.service.queue("filler")
            assert filler is not None
            while not here.store.accepting:
                received = await filler.receive(most=10)
                await filler.delete_all([filler.receipt_handle(one) for one in received])
                await here.store.flush()
            here.publish("bench/a", b"after")
            for name in ("alarms", "others"):
                assert set(await here.bodies(name)) >= {b"after"}
                assert b"refused" not in await here.bodies(name)

    run(main())


def test_all_a_message_causes_is_one_commit(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, "alarms", "others") as here:
            here.apply(
                {
                    "r": rule("SELECT * FROM 'bench/+'", sqs("alarms"), sqs("others")),
                    "s": rule("SELECT * FROM 'bench/+'", sqs("others"), republish("again/x")),
                    "t": rule("SELECT * FROM 'again/+'", sqs("alarms")),
                }
            )
            await here.store.flush()
            before, rows = here.store.commits.value, here.rows()
            here.publish("bench/a", b"1")
            assert here.rows() == rows, "written before its commit"
            await here.store.flush()
            assert here.store.commits.value == before + 1
            assert here.rows() == rows + 4

    run(main())
