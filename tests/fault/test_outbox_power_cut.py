"""A power cut at any moment while slow actions run: each runs at least once, none vanishes.

The data folder and the bucket lie on a disk whose every write is logged. On disks as a power cut at
several points could have left them, an object is whole if the store says that its action is done;
then a gateway starts there and runs what is left. `WEIR_CUTS=100` tries more points. The controls
switch durability off, take an action's row away before it runs, and sync no objects: each must be
caught.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rig.broken_gateway import broken
from tests.rig.disks import LoggedDisk, sh
from tests.rig.gateway_process import GatewayProcess, wait_until
from tests.rig.mqtt_client import BarePublisher
from tests.rig.slow_work import PostServer, SlowWork, Task, bodies, faults, left, rows

CUTS = int(os.environ.get("WEIR_CUTS", "10"))
CUTS_OF_CONTROLS = 5
COUNT = 700
WINDOW = 20
SEED = 20261124

STORE = 'synchronous = "{}"\nreserve_bytes = "16MB"'


@dataclass(frozen=True, slots=True)
class Past:
    """What happened, each with how long the disk's log was when it had."""

    acknowledged: list[tuple[Task, int]]
    posts: list[tuple[str, int]]
    calls: list[tuple[str, int]]


@pytest.mark.system
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("disks")
@pytest.mark.parametrize(
    ("control", "symptom"),
    [
        ("", ""),
        ("synchronous-off", ""),  # whatever is wrong
        ("forgets-before-running", "never"),
        ("objects-unsynced", "the store says"),
    ],
)
def test_every_action_runs_at_least_once_across_a_power_cut(
    tmp_path: Path, control: str, symptom: str
) -> None:
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    store = STORE.format("OFF" if control == "synchronous-off" else "FULL")
    prefix = broken(control) if control not in ("", "synchronous-off") else None
    # One server for all: where an action posts to stands in the outbox already.
    with LoggedDisk(tmp_path, size_mib=128) as disk, PostServer(disk.position) as server:
        past = _work(disk, tmp_path, store, prefix, server)
        end = disk.position()
        first = past.acknowledged[0][1]
        most = CUTS_OF_CONTROLS if control else CUTS
        cuts = sorted(rng.randint(first, end) for _ in range(most - 1))
        found, waited = [], 0
        for number, cut in enumerate([*cuts, end]):
            image = tmp_path / "crash.img"
            disk.crash_image(cut, image, rng)
            folder = tmp_path / f"restart-{number}"
            waiting, wrong = _faults_on(image, folder, store, server, past, cut)
            found.append(wrong)
            waited += waiting
            due = sum(position <= cut for _, position in past.acknowledged)
            told = f"{len(wrong)} faults, first {wrong[0]}" if wrong else "all done"
            print(f"cut at {cut} of {end}: {due} acknowledged, {waiting} actions left, {told}")
            if control and any(symptom in fault for fault in wrong):
                return
    assert not control, f"the control was not caught: {found}"
    assert not any(found), f"not all ran: {[fault for each in found for fault in each][:10]}"
    assert waited > 100, "next to nothing was left to do after the cuts"


def _work(
    disk: LoggedDisk, folder: Path, store: str, prefix: list[str] | None, server: PostServer
) -> Past:
    """Publish until all is acknowledged, and kill the gateway while its actions still run."""
    rng = random.Random(SEED)
    acknowledged: list[tuple[Task, int]] = []
    tasks: list[Task] = []
    work = SlowWork(folder / "function", disk.mount / "bucket", server, disk.log)
    gateway = GatewayProcess(
        folder / "gateway",
        data_dir=disk.mount / "data",
        store=store,
        extra=work.extra,
        rules=work.rules,
        prefix=prefix,
    )
    with gateway, BarePublisher(gateway.mqtt_port) as publisher:
        while len(acknowledged) < COUNT:
            # As much again as is done: the outbox is never empty, nor ever far behind.
            while publisher.sent - publisher.acknowledged < WINDOW and len(tasks) < COUNT:
                # Failing calls are tried again for seconds, which would be waited for each cut.
                tasks.append(Task.make(rng, f"m{len(tasks)}", ("http", "s3")))
                publisher.publish(tasks[-1].topic, tasks[-1].payload)
            publisher.read_some()
            position = disk.position()  # read after the PUBACK: no earlier than the truth
            new = tasks[len(acknowledged) : publisher.acknowledged]
            acknowledged += [(task, position) for task in new]
            if publisher.acknowledged == publisher.sent:
                wait_until(lambda: left(gateway) < 100, 60, "some room in the outbox")
        gateway.kill()
    return Past(acknowledged, list(server.posts), work.calls())


def _faults_on(
    image: Path, folder: Path, store: str, server: PostServer, past: Past, cut: int
) -> tuple[int, list[str]]:
    """Look at a crashed disk, start a gateway there, let it come to an end.

    Returns:
        How many actions were left to do, and what is wrong.
    """
    waiting, mount = 0, folder / "mnt"
    mount.mkdir(parents=True)
    tasks = [task for task, position in past.acknowledged if position <= cut]
    sh("mount", "-o", "loop", image, mount)
    try:
        before = len(server.posts)
        work = SlowWork(folder / "function", mount / "bucket", server)
        shutil.copytree(mount / "data", folder / "copy", ignore=shutil.ignore_patterns("*.sock"))
        before_start = folder / "copy" / "weir.db"
        assert rows(before_start, "PRAGMA integrity_check") == [("ok",)]
        found = _claimed_falsely(before_start, work, tasks)
        ((waiting,),) = rows(before_start, "SELECT count(*) FROM rules_outbox")
        with GatewayProcess(
            folder, data_dir=mount / "data", store=store, extra=work.extra, rules=work.rules
        ) as gateway:
            wait_until(lambda: left(gateway) == 0, 60, "the end of the outbox")
            assert gateway.stop() == 0
        database = mount / "data" / "weir.db"
        assert rows(database, "SELECT * FROM rules_outbox") == []
        assert rows(database, "SELECT * FROM rules_job") == []
        posts = [name for name, position in past.posts if position <= cut]
        calls = [name for name, position in past.calls if position <= cut]
        return waiting, found + faults(
            tasks,
            posts + [name for name, _ in server.posts[before:]],
            calls + [name for name, _ in work.calls()],
            work.objects(),
            bodies(database),
        )
    except (AssertionError, OSError, sqlite3.Error) as error:  # it is damaged, or does not start
        return waiting, [str(error)]
    finally:
        sh("umount", mount)


def _claimed_falsely(database: Path, work: SlowWork, tasks: list[Task]) -> list[str]:
    """Say which objects are not there whole, though the outbox has nothing more to do for them."""
    waiting = {
        key
        for (key,) in rows(
            database,
            "SELECT json_extract(parameters, '$.key') FROM rules_outbox WHERE target LIKE 's3 %'",
        )
    }
    objects = work.objects()
    found = [f"{key} is half an object" for key, document in objects.items() if document is None]
    return found + [
        f"{task.name} is not in the bucket whole, and the store says that it is done"
        for task in tasks
        if task.topic == "slow/t"
        and task.fails != "s3"
        and f"{task.name}.json" not in waiting
        and objects.get(f"{task.name}.json") != task.document
    ]
