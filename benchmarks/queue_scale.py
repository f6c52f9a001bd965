"""A queue with a million messages beside one with a thousand, and 10,000 message groups beside ten.

Owns what is done to the queues and what is measured: processor time of a receive (loop and commit),
how long the event loop stalls in each phase, and memory. Runs on the engine, so that a test can run
it as well, with fewer messages. Every message is counted.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.loop_stall import Ticker, run_as_gateway
from benchmarks.queue_engine import Engine, bodies
from gateway.services.sqs import NewMessage, Queue, Received
from tests.rig.gateway_process import resident_bytes

BODY_BYTES = 200
BATCH = 10
CLIENTS = 32
"""How many send, receive or delete at once, ten messages each."""

DELAY_S = 900
VISIBILITY_S = 1800
RETENTION_S = 86_400
ROUND_RECEIVES = 30
"""A thousand messages have 400 visible ones: that many receives leave some."""

RECEIVE_FLOOR = 1.5
GROUPS_FLOOR = 2.0
STALL_FLOOR_MS = 5.0

Figures = dict[str, dict[str, object]]
Row = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Scale:
    """How large everything is.

    Attributes:
        messages: In the large queue; a tenth of them in flight, half delayed.
        few_messages: In the small ones.
        groups: Message groups of the large FIFO queue, all blocked but one.
        few_groups: Of the small one.
        rounds: How often large and small take turns.
    """

    messages: int = 1_000_000
    few_messages: int = 1_000
    groups: int = 10_000
    few_groups: int = 10
    rounds: int = 10


QUICK = Scale(messages=100_000, groups=2_000, rounds=4)


def queue_scale_apart(scale: Scale, folder: Path) -> Figures:
    """Measure everything in a new process: memory that was used before would hide what is used."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as apart:
        return apart.submit(queue_scale, scale, folder).result()


def queue_scale(scale: Scale, folder: Path) -> Figures:
    """Measure everything; each queue size has a database of its own in new folders there.

    Raises:
        RuntimeError: A message is missing, or there is one too many.
    """
    home = folder / "scale"
    homes = [home / name for name in ("large", "small", "many-groups", "few-groups")]
    for each in homes:
        each.mkdir(parents=True)
    figures = run_as_gateway(_standard(scale, *homes[:2]))
    return figures | run_as_gateway(_fifo(scale, *homes[2:]))


# --- standard queues ------------------------------------------------------------------------------


async def _standard(scale: Scale, large_home: Path, small_home: Path) -> Figures:
    async with Engine(large_home) as large, Engine(small_home) as small, Ticker() as ticker:
        began_bytes = resident_bytes(os.getpid())
        queue = await _filled(large, "large", scale.messages, ticker)
        grown_bytes = resident_bytes(os.getpid()) - began_bytes
        smalls = [
            await _filled(small, f"small-{n}", scale.few_messages, None)
            for n in range(scale.rounds)
        ]
        await ticker.phase("receive")
        fresh = await _compare(queue, smalls)
        for engine in (large, small):
            engine.time.advance(DELAY_S + 1)
        await ticker.phase("receive what was delayed")
        await _settle(queue)
        shown = await _compare(queue, smalls)
        await ticker.phase("delete")
        await _delete(queue, fresh.taken + shown.taken)
        await ticker.phase("expire")
        left = scale.messages - len(fresh.taken) - len(shown.taken)
        large.time.advance(RETENTION_S)
        while _depth(queue) > left // 2:
            await queue.expire()
        await ticker.phase("purge")
        await large.service.purge(queue)
        await large.service.removals_done()
        (count,) = large.store.reader.execute("SELECT count(*) FROM sqs_message").fetchone()
        if count or _depth(queue):
            raise RuntimeError(f"{count} messages are left after a purge")
    return {
        "queue_scale": {
            "large_us": fresh.large_us,
            "small_us": fresh.small_us,
            "ratio": fresh.ratio,
            "shown_large_us": shown.large_us,
            "shown_small_us": shown.small_us,
            "shown_ratio": shown.ratio,
            "messages": scale.messages,
            "few_messages": scale.few_messages,
            "began_rss_mb": began_bytes / 1e6,
            "grown_rss_mb": grown_bytes / 1e6,
        },
        "queue_stalls": dict(ticker.longest_ms),
        "queue_busy": dict(ticker.longest_busy_ms),
    }


async def _filled(engine: Engine, name: str, count: int, ticker: Ticker | None) -> Queue:
    """Return a queue with so many messages: half of them delayed, a tenth in flight."""
    queue = await engine.service.create(
        name,
        {
            "VisibilityTimeout": str(VISIBILITY_S),
            "MessageRetentionPeriod": str(RETENTION_S),
        },
    )
    if ticker is not None:
        await ticker.phase("send")

    async def send(first: int) -> None:
        engine.time.pass_ms(1)  # or all of them would become visible in the same millisecond
        await queue.send_all(
            [
                NewMessage(body, delay_s=DELAY_S if n % 2 else 0)
                for n, body in enumerate(bodies(BODY_BYTES, range(first, first + BATCH)))
            ]
        )

    await _shared_out(send, range(0, count, BATCH))
    if ticker is not None:
        await ticker.phase("receive by many")
    received = 0

    async def receive(_: int) -> None:
        nonlocal received
        engine.time.pass_ms(1)
        got = await queue.receive(most=BATCH)
        received += len(got)

    await _shared_out(receive, range(count // 10 // BATCH))
    depths = queue.depths()
    found = (received, depths.visible, depths.in_flight, depths.delayed)
    if found != (count // 10, count - count // 2 - count // 10, count // 10, count // 2):
        raise RuntimeError(f"{count} were sent, and the queue holds {depths}")
    return queue


async def _settle(queue: Queue) -> None:
    """Let the counters follow time, as many operations as that takes."""
    while queue.depths().delayed:
        queue.release(await queue.receive(most=1))


# --- FIFO queues ----------------------------------------------------------------------------------


async def _fifo(scale: Scale, many_home: Path, few_home: Path) -> Figures:
    free = scale.rounds * ROUND_RECEIVES * BATCH
    async with Engine(many_home) as many, Engine(few_home) as few, Ticker() as ticker:
        await ticker.phase("FIFO: send, receive")
        large = await _blocked(many, scale.groups, free)
        small = await _blocked(few, scale.few_groups, free)
        await ticker.phase("FIFO: receive")
        compared = await _compare(large, [small] * scale.rounds, delete=True)
        numbers = [int(one.body[:12]) for one in compared.taken]
        if numbers != list(range(free)):
            raise RuntimeError("the free group's messages came out of order, or not all")
    return {
        "queue_groups": {
            "large_us": compared.large_us,
            "small_us": compared.small_us,
            "ratio": compared.ratio,
            "groups": scale.groups,
            "few_groups": scale.few_groups,
        },
        "queue_fifo_stalls": dict(ticker.longest_ms),
        "queue_fifo_busy": dict(ticker.longest_busy_ms),
    }


async def _blocked(engine: Engine, groups: int, free: int) -> Queue:
    """Return a queue in which all groups but one have a message in flight and two that wait."""
    queue = await engine.service.create(
        "groups.fifo", {"FifoQueue": "true", "VisibilityTimeout": str(VISIBILITY_S)}
    )
    blocked = [f"blocked-{n}" for n in range(groups - 1)]

    async def send(at: int, kind: str) -> None:
        some = blocked[at : at + BATCH]
        await queue.send_all(
            [
                NewMessage(b"waits", group_id=group, deduplication_id=f"{kind}-{group}")
                for group in some
            ]
        )

    async def receive(_: int) -> None:
        await queue.receive(most=BATCH)

    async def send_free(first: int) -> None:
        await queue.send_all(
            [
                NewMessage(body, group_id="free", deduplication_id=body[:12].decode())
                for body in bodies(BODY_BYTES, range(first, first + BATCH))
            ]
        )

    starts = range(0, len(blocked), BATCH)
    await _shared_out(lambda at: send(at, "first"), starts)
    await _shared_out(receive, starts)
    for kind in ("second", "third"):
        await _shared_out(lambda at, kind=kind: send(at, kind), starts)  # type: ignore[misc]
    for first in range(0, free, BATCH):
        await send_free(first)
    depths = queue.depths()
    if (depths.in_flight, depths.visible) != (len(blocked), 2 * len(blocked) + free):
        raise RuntimeError(f"{groups} groups should be blocked but one, and the queue is {depths}")
    return queue


# --- measuring ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Compared:
    """What a receive costs in a large queue and in small ones, in microseconds of processor time.

    Attributes:
        large_us: Of the large one, the median of all rounds.
        small_us: Of the small ones.
        ratio: The median of the rounds' ratios.
        taken: What the large one gave.
    """

    large_us: float
    small_us: float
    ratio: float
    taken: list[Received]


async def _compare(large: Queue, smalls: Sequence[Queue], *, delete: bool = False) -> Compared:
    """Receive from the large queue and from one small queue after the other, in turns."""
    taken: list[Received] = []
    costs: list[tuple[float, float]] = []
    for small in smalls:
        ours, found = await _receives(large, delete=delete)
        taken += found
        theirs, _ = await _receives(small, delete=delete)
        costs.append((ours, theirs))
    return Compared(
        statistics.median(ours for ours, _ in costs),
        statistics.median(theirs for _, theirs in costs),
        statistics.median(ours / theirs for ours, theirs in costs),
        taken,
    )


async def _receives(queue: Queue, *, delete: bool) -> tuple[float, list[Received]]:
    """Receive ten some times, one after the other; return the CPU of each, and the messages."""
    taken: list[Received] = []
    cpu_ns = 0
    for _ in range(ROUND_RECEIVES):
        before = time.process_time_ns()
        received = await queue.receive(most=BATCH)
        cpu_ns += time.process_time_ns() - before
        if len(received) != BATCH:
            raise RuntimeError(f"{BATCH} messages were there, {len(received)} came")
        taken += received
        if delete:
            await queue.delete_all([queue.receipt_handle(one) for one in received])
    return cpu_ns / 1000 / ROUND_RECEIVES, taken


async def _delete(queue: Queue, taken: Sequence[Received]) -> None:
    handles = [queue.receipt_handle(one) for one in taken]

    async def delete(at: int) -> None:
        await queue.delete_all(handles[at : at + BATCH])

    await _shared_out(delete, range(0, len(handles), BATCH))


async def _shared_out(work: Callable[[int], Awaitable[None]], starts: Iterable[int]) -> None:
    """Do the work for each start, by so many clients at once."""
    left = iter(starts)

    async def client() -> None:
        for start in left:
            await work(start)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


def _depth(queue: Queue) -> int:
    depths = queue.depths()
    return depths.visible + depths.in_flight + depths.delayed


def rows(figures: Figures) -> Sequence[Row]:
    """Return the rows of the table: what, ours, beside it, ratio, floor."""
    f, g = figures["queue_scale"], figures["queue_groups"]
    drawn: list[Row] = [
        (f"ReceiveMessage of {BATCH}, {f['messages']:,} messages{how}, CPU",
         f"{f[f'{key}large_us']:.0f} µs",
         f"{f['few_messages']:,} messages {f[f'{key}small_us']:.0f} µs",
         f"{f[f'{key}ratio']:.2f}", f"≤ {RECEIVE_FLOOR}")
        for key, how in (("", ""), ("shown_", ", once those delayed are visible"))
    ]  # fmt: skip
    drawn += [
        (f"FIFO, ReceiveMessage of {BATCH}, {g['groups']:,} groups blocked but one, CPU",
         f"{g['large_us']:.0f} µs", f"{g['few_groups']} groups {g['small_us']:.0f} µs",
         f"{g['ratio']:.2f}", f"≤ {GROUPS_FLOOR:.0f}"),
        (f"resident memory of {f['messages']:,} messages", f"{f['grown_rss_mb']:.1f} MB", "", "",
         ""),
    ]  # fmt: skip
    stalls = figures["queue_stalls"] | figures["queue_fifo_stalls"]
    busy = figures["queue_busy"] | figures["queue_fifo_busy"]
    drawn += [
        (f"longest stall of the event loop: {phase}", f"{longest:.1f} ms",
         f"computing {busy[phase]:.1f} ms", "",
         f"≤ {STALL_FLOOR_MS:.0f} ms")
        for phase, longest in stalls.items()
        if phase
    ]  # fmt: skip
    return drawn
