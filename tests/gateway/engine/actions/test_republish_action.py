"""The `republish` action: topics, who gets the message, and where a circle ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.broker.topic_tree import SubscriptionOptions
from gateway.engine.actions.republishing import (
    MAX_ERROR_REPUBLISHES_PER_CAUSE,
    MAX_REPUBLISH_DEPTH,
    MAX_REPUBLISHES_PER_CAUSE,
)
from gateway.errors import StoreError
from gateway.message import Message
from gateway.store import Insert
from tests.gateway.engine.running import Running, republish, rule, running, sqs, warnings

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.mark.parametrize(
    ("template", "topic"),
    [
        ("alarms/bench", "alarms/bench"),
        ("alarms/${topic(2)}/${n}", "alarms/a/7"),
        ("${upper(place)}/x", "HALL/x"),
        ("$$aws/things/${topic(2)}/shadow/update", "$aws/things/a/shadow/update"),
    ],
)
def test_the_topic_is_a_template(run: Run, tmp_path: Path, template: str, topic: str) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            listener = here.client(topic)
            here.apply({"r": rule("SELECT n FROM 'bench/+'", republish(template))})
            here.publish("bench/a", b'{"n": 7, "place": "hall"}')
            (found,) = listener.messages()
            assert (found.topic, found.payload) == (topic, b'{"n":7}')
            assert here.status("r").failed == 0

    run(main())


@pytest.mark.parametrize("qos", [0, 1])
def test_clients_get_it_at_the_action_s_qos(run: Run, tmp_path: Path, qos: int) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            listener = here.client("alarms/#")
            here.apply({"r": rule("SELECT * FROM 'bench/+'", republish("alarms/a", qos))})
            here.publish("bench/a", b"1")
            here.publish("bench/a", b"2")
            found = listener.messages()
            assert [(m.topic, m.payload, m.qos) for m in found] == [
                ("alarms/a", b"1", qos),
                ("alarms/a", b"2", qos),
            ]

    run(main())


def test_it_names_the_rule_as_its_publisher(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            seen: list[Message] = []
            here.router.subscribe_local("alarms/#", seen.append)
            here.apply({"r": rule("SELECT * FROM 'bench/+'", republish("alarms/a"))})
            here.publish("bench/a", b"1")
            (found,) = seen
            assert (found.publisher.name, found.publisher.client_id) == ("rule:r", None)
            assert (found.depth, found.retain) == (1, False)

    run(main())


@pytest.mark.parametrize(
    "place", ["a/+", "#", "", r"a\u0000b", "a/" * 127 + "b", "x" * 66_000, "é" * 40_000]
)
def test_a_topic_that_is_none_fails_this_action_alone(run: Run, tmp_path: Path, place: str) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            listener = here.client("alarms/#", "#")
            here.apply({"r": rule("SELECT n FROM 'in'", republish("${place}"), sqs("alarms"))})
            payload = f'{{"n": 1, "place": "{place}"}}'.encode()
            here.publish("in", payload)
            status = here.status("r")
            if place.count("/") == 127:  # 128 levels are allowed
                assert status.failed == 0
                return
            assert status.failed == 1
            assert status.problem.startswith("cannot republish to ")
            assert len(status.problem) < 1000
            assert [m.topic for m in listener.messages()] == ["in"]
            assert await here.bodies() == [b'{"n":1}'], "the other action did not run"

    run(main())


def test_a_circle_ends_at_depth_ten(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            depths: list[int] = []
            here.router.subscribe_local("circle", lambda message: depths.append(message.depth))
            here.apply({"r": rule("SELECT * FROM 'circle'", republish("circle"), sqs("alarms"))})
            await here.store.flush()
            commits = here.store.commits.value
            here.publish("circle", b"1")
            assert sorted(depths) == list(range(MAX_REPUBLISH_DEPTH + 1))
            assert here.status("r").failed == 1
            assert "this looks like a loop" in here.status("r").problem
            await here.store.flush()
            assert here.store.commits.value == commits + 1, "not all in its cause's transaction"
            assert here.rows() == MAX_REPUBLISH_DEPTH + 1

    run(main())
    assert sum("looks like a loop" in text for text in warnings(caplog)) == 1


def test_a_circle_that_multiplies_ends_long_before_the_gateway_stalls(
    run: Run, tmp_path: Path
) -> None:
    rules = {f"r{n}": rule("SELECT * FROM 'many/#'", republish(f"many/{n}")) for n in range(6)}

    async def main() -> None:
        async with running(tmp_path) as here:
            here.apply(rules)  # without a bound: 6 + 6² + … + 6¹⁰, 72 million messages
            for _ in range(2):
                evaluated = here.metrics.snapshot()["rules.evaluated"]
                began_s = time.perf_counter()
                here.publish("many/x", b"1")
                assert time.perf_counter() - began_s < 2
                evaluated = here.metrics.snapshot()["rules.evaluated"] - evaluated
                # Every message of the cascade reaches all six rules, the first one included.
                assert evaluated == 6 * (1 + MAX_REPUBLISHES_PER_CAUSE)
            assert sum(here.status(name).failed for name in rules) > 0

    run(main())


def test_the_bound_is_per_message_from_outside(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            here.apply({"r": rule("SELECT * FROM 'bench/+'", republish("again/x", 0))})
            for _ in range(MAX_REPUBLISHES_PER_CAUSE + 10):
                here.publish("bench/a", b"1")
            assert here.status("r").failed == 0

    run(main())


def test_the_bound_of_error_actions_is_per_message_from_outside(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as here:
            told: list[Message] = []
            here.router.subscribe_local("errors", told.append)
            failing = rule("SELECT * FROM 'in'", sqs("nowhere"), errorAction=republish("errors"))
            here.apply({"r": failing})
            for _ in range(MAX_ERROR_REPUBLISHES_PER_CAUSE + 10):
                here.publish("in", b"1")
            assert len(told) == MAX_ERROR_REPUBLISHES_PER_CAUSE + 10

    run(main())


def test_a_client_that_is_away_has_it_on_disk_in_the_transaction_of_its_cause(
    run: Run, tmp_path: Path
) -> None:
    def kept(here: Running) -> tuple[int, int]:
        """Messages for the client that is away, and in the queue, as other processes see them."""
        (count,) = here.store.reader.execute("SELECT count(*) FROM mqtt_queued").fetchone()
        return int(count), here.rows()

    async def main() -> None:
        async with running(tmp_path) as here:
            away = here.broker.sessions.begin("away", persistent=True)
            here.router.subscribe(away, "alarms/#", SubscriptionOptions(qos=1))
            here.apply({"r": rule("SELECT * FROM 'bench/+'", republish("alarms/a"), sqs("alarms"))})
            await here.store.flush()
            commits = here.store.commits.value
            here.publish("bench/t", b"1")
            await here.store.flush()
            assert here.store.commits.value == commits + 1
            assert kept(here) == (1, 1)

            here.publish("bench/t", b"2")
            here.store.add(Insert("INSERT INTO nowhere VALUES (?)"), (1,), 1)
            with pytest.raises(StoreError):
                await here.store.flush()
            assert kept(here) == (1, 1)  # neither of it
            here.publish("bench/t", b"2")
            await here.store.flush()
            assert kept(here) == (2, 2)

    run(main())
