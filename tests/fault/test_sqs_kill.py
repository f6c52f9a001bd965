"""kill -9 at random moments while many callers send to queues, receive and delete.

What was acknowledged is there after the restart, what was deleted is not, receipt handles from
before work, what was in flight is hidden as long as it was to be, and no longer. FIFO queues keep
the order of each group, send nothing twice and repeat a receive. `WEIR_SEEDS=200` runs more seeds.
Each control breaks one of these, and must be caught.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.rig.broken_gateway import broken
from tests.rig.gateway_process import GatewayProcess
from tests.rig.sqs_load import Lead, Load
from tests.rig.sqs_wire import Signer

SEEDS = list(range(1, 1 + int(os.environ.get("WEIR_SEEDS", "3"))))
SEEDS_OF_CONTROLS = list(range(1, 9))

QUEUES = """
[[sqs.queues]]
name = "work"
[[sqs.queues]]
name = "work.fifo"
fifo = true
[[sqs.queues]]
name = "content.fifo"
fifo = true
content_based_deduplication = true
deduplication_scope = "messageGroup"
fifo_throughput_limit = "perMessageGroupId"
"""
STANDARD = ["work"]
FIFO = ["work.fifo", "content.fifo"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("queues", [STANDARD, FIFO], ids=["standard", "fifo"])
def test_queues_keep_their_promises_across_kills(tmp_path: Path, queues: list[str]) -> None:
    total: Counter[str] = Counter()
    with GatewayProcess(tmp_path, extra=QUEUES) as gateway:
        for seed in SEEDS:
            faults = _faults_after_a_kill(gateway, queues, seed, total)
            assert not faults, f"seed {seed}: {len(faults)} faults: {faults[:10]}"
    print(f"seeds {SEEDS}: {dict(total)}")
    assert total["sent"] > 60 * len(SEEDS)
    assert total["deleted"] > 40 * len(SEEDS)
    assert total["held"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("control", "queues", "symptom"),
    [
        ("sqs-sends-unwritten", STANDARD, "is lost"),
        ("sqs-deletes-unwritten", STANDARD, "is back"),
        ("sqs-handles-forgotten", STANDARD, "handle is refused"),
        ("gateway-time-jumps", STANDARD, "while it was hidden"),
        ("sqs-deduplication-forgotten", FIFO, "is two messages"),
        ("sqs-attempts-forgotten", FIFO, "and again"),
        ("sqs-groups-unblocked", FIFO, "came before"),
    ],
)
def test_a_broken_promise_is_caught(
    tmp_path: Path, control: str, queues: list[str], symptom: str
) -> None:
    seen: Counter[str] = Counter()
    with GatewayProcess(tmp_path, extra=QUEUES, prefix=broken(control)) as gateway:
        for seed in SEEDS_OF_CONTROLS:
            faults = _faults_after_a_kill(gateway, queues, seed, Counter())
            if any(symptom in fault for fault in faults):
                print(f"seed {seed}: {len(faults)} faults, first {faults[0]}")
                return
            seen.update(faults)
    pytest.fail(f"the control was not caught; seen instead: {list(seen)[:5]}")


def _faults_after_a_kill(
    gateway: GatewayProcess, queues: list[str], seed: int, total: Counter[str]
) -> list[str]:
    """Load the queues, kill the gateway, start it again; say what is wrong."""
    keys = gateway.credentials()
    signer = Signer(gateway.aws_endpoint, keys)
    loads = [Load(signer, queue, f"s{seed}-{queue[0]}", seed) for queue in queues]
    asyncio.run(_until_killed(gateway, loads, random.Random(seed).uniform(0.1, 0.5)))
    gateway.start()
    signer = Signer(gateway.aws_endpoint, keys)

    async def settle() -> None:
        await asyncio.gather(*(load.settle(signer) for load in loads))

    asyncio.run(settle())
    for load in loads:
        total.update(load.summary)
    return [fault for load in loads for fault in load.ledger.faults]


async def _until_killed(gateway: GatewayProcess, loads: list[Load], seconds: float) -> None:
    asyncio.get_running_loop().call_later(seconds, gateway.kill)
    # Sending stays this far ahead: there is always something to receive, and never much to settle.
    await asyncio.gather(*(load.run(4, 4, Lead(60)) for load in loads))
