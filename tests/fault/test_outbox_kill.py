"""kill -9 at any moment while slow actions run: each runs at least once, none vanishes.

Each seed starts the gateway on the data that the last one left, so that some kills meet a gateway
that takes up old work. Some seeds stop it in good order: that changes nothing. What is in a queue
is there exactly once. `WEIR_SEEDS=200` runs more seeds. The control takes an action's row away
before it runs, and must be caught.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.rig.broken_gateway import broken
from tests.rig.gateway_process import GatewayProcess, wait_until
from tests.rig.mqtt_client import BarePublisher
from tests.rig.slow_work import PostServer, SlowWork, Task, bodies, faults, left, outcomes, rows

SEEDS = list(range(1, 1 + int(os.environ.get("WEIR_SEEDS", "24"))))
GROUPS = 2  # run side by side, each on a data folder of its own
MOST_LEFT = 600  # actions; with more of them the gateway may work some off first


@pytest.mark.timeout(300)
@pytest.mark.parametrize("group", range(GROUPS))
def test_every_action_runs_at_least_once_across_kills(tmp_path: Path, group: int) -> None:
    seeds = SEEDS[group::GROUPS]
    found, kept = _run(tmp_path, seeds)
    print(f"seeds {seeds}: {kept}")
    assert not found, f"{len(found)} faults: {found[:10]}"
    assert kept["acknowledged"] > 20 * len(seeds)
    assert kept["answers"] > kept["acknowledged"] / 10
    assert kept["run again"] > 0, "no kill fell between an action and the note of it"


def test_an_outbox_that_forgets_before_it_runs_is_caught(tmp_path: Path) -> None:
    lost: list[str] = []
    tries = 0
    while not lost and tries < 5:  # not every kill falls between the two
        seeds = [4 * tries + number for number in range(1, 5)]
        found, _ = _run(tmp_path / str(tries), seeds, broken("forgets-before-running"))
        lost = [fault for fault in found if "never" in fault or "as it was sent" in fault]
        tries += 1
    assert lost, "the control lost nothing: this test proves nothing"


def _run(
    folder: Path, seeds: list[int], prefix: list[str] | None = None
) -> tuple[list[str], Counter[str]]:
    """Kill a gateway once per seed, let it come to an end of its work; return what is wrong."""
    acknowledged: list[Task] = []
    with PostServer() as server:
        work = SlowWork(folder / "function", folder / "bucket", server)
        gateway = GatewayProcess(folder, extra=work.extra, rules=work.rules, prefix=prefix)
        with gateway:
            for seed in seeds:
                rng = random.Random(seed)
                acknowledged += _load_until_killed(gateway, rng, str(seed))
                if rng.random() < 0.3:
                    _start_until_killed(gateway, rng)
                gateway.start()
            wait_until(lambda: left(gateway) == 0, 60, "the end of the outbox")
            assert gateway.stop() == 0
        database = gateway.data_dir / "weir.db"
        assert rows(database, "SELECT * FROM rules_outbox") == []
        assert rows(database, "SELECT * FROM rules_job") == []
        assert b" ERROR " not in gateway.log.read_bytes()
        posts = [name for name, _ in server.posts]
        calls = [name for name, _ in work.calls()]
        texts = bodies(database)
        answers, errors = outcomes(texts)
        # Failing calls are tried again without any kill.
        retried = {task.name for task in acknowledged if task.fails == "lambda"}
        steady = [name for name in calls if name not in retried]
        counts = Counter(
            {
                "acknowledged": len(acknowledged),
                "answers": answers.total(),
                "errors": len(errors),
                "run again": len(posts) - len(set(posts)) + len(steady) - len(set(steady)),
            }
        )
        return faults(acknowledged, posts, calls, work.objects(), texts), counts


def _load_until_killed(gateway: GatewayProcess, rng: random.Random, seed: str) -> list[Task]:
    """Publish, kill the gateway at a moment that the seed chooses; return what was acknowledged.

    Some gateways are killed at old work, before anything new comes.
    """
    tasks: list[Task] = []
    most = 0 if left(gateway) > MOST_LEFT or rng.random() < 0.2 else 200
    with BarePublisher(gateway.mqtt_port) as publisher:
        kill_at = time.monotonic() + rng.uniform(0.005, 0.25)
        try:
            while time.monotonic() < kill_at:
                for _ in range(min(rng.randrange(1, 10), most - len(tasks))):
                    tasks.append(Task.make(rng, f"{seed}-{len(tasks)}"))
                    publisher.publish(tasks[-1].topic, tasks[-1].payload)
                publisher.wait_for_acks(in_flight=rng.randrange(0, 10))
                time.sleep(rng.uniform(0.0, 0.01))  # of a publisher with pauses
            if rng.random() < 0.2:
                assert gateway.stop() == 0  # in good order, for once
            else:
                gateway.kill()
            while True:  # PUBACKs that were on the wire when it died count too
                publisher.read_some()
        except OSError:
            pass
        return tasks[: publisher.acknowledged]


def _start_until_killed(gateway: GatewayProcess, rng: random.Random) -> None:
    """Kill a gateway that takes up its old work, mostly before it is ready."""
    before = gateway.process

    def kill() -> None:
        process = gateway.process
        assert process is not None and process is not before
        os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(rng.uniform(0.2, 0.6), kill)
    timer.start()
    try:
        gateway.start()
    except AssertionError:
        pass
    timer.join()
