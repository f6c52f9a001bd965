"""A power cut at any moment while queues are used: what was acknowledged holds after each restart.

The data folder lies on a disk whose every write is logged. Callers send, receive and delete,
messages go to dead-letter queues, queues are purged. A gateway then starts on the disk as a power
cut at several points could have left it, and is asked for all of it. `WEIR_CUTS=100` tries more
points. The control switches durability off and must be caught.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.rig.disks import LoggedDisk, sh
from tests.rig.gateway_process import GatewayProcess, wait_until
from tests.rig.sqs_load import Lead, Load
from tests.rig.sqs_wire import Signer, SqsSocket

CUTS = int(os.environ.get("WEIR_CUTS", "5"))
CUTS_OF_CONTROL = 4
SECONDS = 2.0
SEED = 20261125
# Deduplication ends after five minutes; what is sent again later than this is not looked at.
AGAIN_WITHIN_S = 240.0

STORE = 'synchronous = "{}"\nreserve_bytes = "16MB"'
QUEUES = """
[[sqs.queues]]
name = "work"
[[sqs.queues]]
name = "work.fifo"
fifo = true
[[sqs.queues]]
name = "dead"
[[sqs.queues]]
name = "failing"
dead_letter_queue = "dead"
max_receive_count = 2
[[sqs.queues]]
name = "dead.fifo"
fifo = true
[[sqs.queues]]
name = "failing.fifo"
fifo = true
dead_letter_queue = "dead.fifo"
max_receive_count = 2
[[sqs.queues]]
name = "purged"
[[sqs.queues]]
name = "purged.fifo"
fifo = true
"""
PURGED = 1000


@dataclass(slots=True)
class Past:
    """What happened, each with how long the disk's log was when it had.

    Attributes:
        loads: Callers of ordinary queues.
        failing: Messages that were sent and go to dead-letter queues: queue, name, position.
        purges: When each purge was asked for and when it was answered, by queue.
        after_purge: Messages sent after that: queue, name, position.
    """

    loads: list[Load]
    failing: list[tuple[str, str, int]] = field(default_factory=list)
    purges: dict[str, tuple[int, int]] = field(default_factory=dict)
    after_purge: list[tuple[str, str, int]] = field(default_factory=list)
    began_s: float = field(default_factory=time.monotonic)


@pytest.mark.system
@pytest.mark.timeout(600)
@pytest.mark.xdist_group("disks")
@pytest.mark.parametrize("synchronous", ["FULL", "OFF"])
def test_queues_keep_their_promises_across_a_power_cut(tmp_path: Path, synchronous: str) -> None:
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    store = STORE.format(synchronous)
    found: list[list[str]] = []
    with LoggedDisk(tmp_path, size_mib=128) as disk:
        past = _use_queues(disk, tmp_path, store)
        end = disk.position()
        first = min(
            told.sent_at
            for load in past.loads
            for told in load.ledger.told.values()
            if told.sent_at
        )
        cuts = [rng.randint(int(first), end) for _ in range(CUTS - 1)]
        # Near the purges there is most to get wrong.
        cuts += [rng.randint(asked, answered + 40) for asked, answered in past.purges.values()]
        cuts = cuts[-CUTS_OF_CONTROL:] if synchronous == "OFF" else cuts
        for cut in sorted({*cuts, end}):
            image = tmp_path / "crash.img"
            disk.crash_image(min(cut, end), image, rng)
            found.append(_faults_on(image, tmp_path / "crash", store, past, cut))
            told = f"{len(found[-1])} faults, first {found[-1][0]}" if found[-1] else "good"
            print(f"cut at {cut} of {end}: {told}")
            if synchronous == "OFF" and found[-1]:
                return
    print([load.summary for load in past.loads], len(past.failing), past.purges)
    assert synchronous == "FULL", "the control was not caught: this test proves nothing"
    assert not any(found), [fault for each in found for fault in each][:10]
    assert all(load.summary["deleted"] > 50 for load in past.loads)


# --- before the cuts ------------------------------------------------------------------------------


def _use_queues(disk: LoggedDisk, folder: Path, store: str) -> Past:
    """Do all that can be done with queues for a while; return what was acknowledged when."""
    gateway = GatewayProcess(
        folder / "gateway", data_dir=disk.mount / "data", store=store, extra=QUEUES
    )
    with gateway:
        signer = Signer(gateway.aws_endpoint, gateway.credentials())
        loads = [
            Load(signer, queue, queue[-1], SEED, lambda: float(disk.position()), holds=False)
            for queue in ("work", "work.fifo")
        ]
        past = Past(loads)
        # In threads of their own: what they do must go on beside the loads, step by step.
        asyncio.run(_all_at_once(gateway, signer, disk, past))
    for load in past.loads:
        assert not load.ledger.faults, load.ledger.faults[:5]
    return past


async def _all_at_once(
    gateway: GatewayProcess, signer: Signer, disk: LoggedDisk, past: Past
) -> None:
    for queue in ("purged", "purged.fifo"):
        await asyncio.to_thread(_fill, signer, queue)
    asyncio.get_running_loop().call_later(SECONDS, gateway.kill)
    async with asyncio.TaskGroup() as group:
        for load in past.loads:
            group.create_task(load.run(2, 2, Lead(60)))
        for queue in ("failing", "failing.fifo"):
            group.create_task(asyncio.to_thread(_fail, signer, queue, disk, past))
            group.create_task(
                asyncio.to_thread(_purge, signer, queue.replace("failing", "purged"), disk, past)
            )


def _fill(signer: Signer, queue: str) -> None:
    with SqsSocket(signer) as caller:
        for number in range(PURGED // 10):
            names = [f"old-{number}-{n}" for n in range(10)]
            entries = [{"Id": name, **_message(queue, name, f"g{number % 7}")} for name in names]
            caller.call("SendMessageBatch", QueueUrl=_url(queue), Entries=entries)


def _fail(signer: Signer, queue: str, disk: LoggedDisk, past: Past) -> None:
    """Send, and receive again and again what is never deleted, until the gateway dies."""
    number = 0
    try:
        with SqsSocket(signer) as caller:
            while True:
                for _ in range(3):
                    name = f"{queue[-1]}fail-{number}"
                    caller.call(
                        "SendMessage",
                        QueueUrl=_url(queue),
                        **_message(queue, name, f"g{number % 3}"),
                    )
                    past.failing.append((queue, name, disk.position()))
                    number += 1
                caller.call(
                    "ReceiveMessage",
                    QueueUrl=_url(queue),
                    MaxNumberOfMessages=10,
                    VisibilityTimeout=0,
                )
    except OSError:
        return


def _purge(signer: Signer, queue: str, disk: LoggedDisk, past: Past) -> None:
    """Purge a full queue and send to it then, until the gateway dies."""
    try:
        with SqsSocket(signer) as caller:
            wait_until(lambda: len(past.failing) > 40, what="a moment in the midst of things")
            asked = disk.position()
            caller.call("PurgeQueue", QueueUrl=_url(queue))
            past.purges[queue] = (asked, disk.position())
            for number in range(1_000_000):
                name = f"new-{number}"
                caller.call("SendMessage", QueueUrl=_url(queue), **_message(queue, name, "g"))
                past.after_purge.append((queue, name, disk.position()))
    except OSError:
        return


def _url(queue: str) -> str:
    return f"http://localhost/000000000000/{queue}"


def _message(queue: str, name: str, group: str) -> dict[str, str]:
    if not queue.endswith(".fifo"):
        return {"MessageBody": name}
    return {"MessageBody": name, "MessageGroupId": group, "MessageDeduplicationId": name}


# --- after them -----------------------------------------------------------------------------------


def _faults_on(image: Path, mount: Path, store: str, past: Past, cut: int) -> list[str]:
    """Start a gateway on a crashed disk, take everything out of its queues; say what is wrong."""
    mount.mkdir(exist_ok=True)
    sh("mount", "-o", "loop", image, mount)
    try:
        database = mount / "data" / "weir.db"
        with sqlite3.connect(database) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
        folder = mount.with_name(f"restarted-{cut}")
        with GatewayProcess(folder, data_dir=mount / "data", store=store, extra=QUEUES) as gateway:
            signer = Signer(gateway.aws_endpoint, gateway.credentials())
            with SqsSocket(signer) as caller:
                faults = []
                for load in past.loads:
                    faults += _faults_of_load(caller, load, past, cut)
                faults += _faults_of_failing(caller, past, cut)
                faults += _faults_of_purges(caller, past, cut)
            assert gateway.stop() == 0
            return faults
    except (AssertionError, OSError, sqlite3.Error) as error:  # it is damaged, or does not start
        return [f"{type(error).__name__}: {error}"]
    finally:
        sh("umount", mount)


def _faults_of_load(caller: SqsSocket, load: Load, past: Past, cut: int) -> list[str]:
    faults = []
    told = load.ledger.told.values()
    sent = [one for one in told if one.sent_at is not None and one.sent_at <= cut]
    if load.fifo and time.monotonic() - past.began_s < AGAIN_WITHIN_S:
        for one in sent[-50:]:
            again = caller.call(
                "SendMessage",
                QueueUrl=_url(load.queue),
                **_message(load.queue, one.name, one.group),
            )
            if (again["MessageId"], again["SequenceNumber"]) != (
                one.message_id,
                one.sequence_number,
            ):
                faults.append(f"{one.name} is two messages")
    there = _drain(caller, load.queue)
    faults += [
        f"{name} is there {count} times" for name, count in Counter(there).items() if count > 1
    ]
    present = set(there)
    for one in sent:
        asked = one.delete_asked_at is not None and one.delete_asked_at <= cut
        if one.name not in present and not asked:
            faults.append(f"{one.name} is lost")
    for one in told:
        if one.deleted_at is not None and one.deleted_at <= cut and one.name in present:
            faults.append(f"{one.name} is back after its delete was acknowledged")
    if load.fifo:
        faults += _out_of_order(there)
    return faults


def _faults_of_failing(caller: SqsSocket, past: Past, cut: int) -> list[str]:
    """A message is in exactly one of its queue and its dead-letter queue."""
    faults = []
    for queue in ("failing", "failing.fifo"):
        # To take them out with a handle may move some, which are found in the second queue then.
        there = Counter(_drain(caller, queue) + _drain(caller, queue.replace("failing", "dead")))
        faults += [f"{name} is in two queues" for name, count in there.items() if count > 1]
        faults += [
            f"{name} is in neither queue"
            for of, name, position in past.failing
            if of == queue and position <= cut and not there[name]
        ]
    return faults


def _faults_of_purges(caller: SqsSocket, past: Past, cut: int) -> list[str]:
    faults = []
    for queue, (asked, answered) in past.purges.items():
        new = {name for of, name, position in past.after_purge if of == queue and position <= cut}
        if cut >= answered:
            wait_until(
                lambda queue=queue, new=new: _purge_has_ended(caller, queue, new),
                what=f"the end of the purge of {queue}",
            )
        there = _drain(caller, queue)
        old = [name for name in there if name.startswith("old-")]
        if cut >= answered and old:
            faults.append(f"{len(old)} messages of {queue} are there after its purge")
        if cut < asked and len(old) != PURGED:
            faults.append(f"{len(old)} of {PURGED} messages of {queue} are there before its purge")
        faults += [f"{name} of {queue} is lost" for name in new - set(there)]
    return faults


def _purge_has_ended(caller: SqsSocket, queue: str, new: set[str]) -> bool:
    attributes: dict[str, Any] = caller.call(
        "GetQueueAttributes", QueueUrl=_url(queue), AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    # One that was on its way when the power was cut may be there as well.
    return int(attributes["ApproximateNumberOfMessages"]) <= len(new) + 1


def _drain(caller: SqsSocket, queue: str) -> list[str]:
    """Receive and delete until nothing is left, in flight or visible; return bodies in order."""
    bodies: list[str] = []
    url = _url(queue)
    while True:
        found = caller.call(
            "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600
        ).get("Messages", [])
        if not found:
            depths = caller.call("GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])
            assert depths["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "0"
            assert depths["Attributes"]["ApproximateNumberOfMessages"] == "0"
            return bodies
        bodies += [message["Body"] for message in found]
        entries = [
            {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
            for n, message in enumerate(found)
        ]
        done = caller.call("DeleteMessageBatch", QueueUrl=url, Entries=entries)
        assert not done.get("Failed"), done


def _out_of_order(names: list[str]) -> list[str]:
    """Say which groups did not come in order; names end in the group's number and their own."""
    last: dict[str, int] = {}
    faults = []
    for name in names:
        _, group, number = name.rsplit("-", 2)
        if int(number) < last.get(group, -1):
            faults.append(f"{name} came after {last[group]} of its group")
        last[group] = int(number)
    return faults
