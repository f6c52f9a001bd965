"""Bytes written to disk for each byte of payload that is sent, received and deleted.

Owns the exact number of messages that share a commit, which no client over HTTP could have. Counted
is what the process hands to the kernel (`wchar` in /proc/self/io): write-ahead log, checkpoints and
all. Every message is counted, and so is every commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.queue_engine import Engine, bodies
from gateway.services.sqs import NewMessage, Queue, Received

SIZES_BYTES = (200, 2048)
COMMIT_MESSAGES = (1, 10, 100)
FLOORS = {(200, 100): 12.0, (2048, 100): 6.0}

BACKLOG = 1000
"""Messages that wait meanwhile: what is sent and what is deleted lie apart, as in real queues."""

WRITTEN_BYTES = 64 << 20
"""How much is written at least: many times the log that a checkpoint copies (4 MiB)."""

RECEIVE = 10

Figures = dict[str, dict[str, object]]
Row = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Written:
    """What was written while so much went through.

    Attributes:
        wchar_bytes: What the process handed to the kernel.
        dirtied_bytes: The pages that it made dirty, which the kernel then wrote.
    """

    wchar_bytes: int
    dirtied_bytes: int


def flash(folder: Path) -> Figures:
    """Measure every size at every number of messages per commit."""
    figures: Figures = {}
    for size_bytes in SIZES_BYTES:
        for at_once in COMMIT_MESSAGES:
            name = f"queue_flash_{size_bytes}_{at_once}"
            home = folder / name
            home.mkdir()
            figures[name] = asyncio.run(bytes_per_byte(size_bytes, at_once, WRITTEN_BYTES, home))
    return figures


async def bytes_per_byte(
    size_bytes: int, at_once: int, least_bytes: int, folder: Path
) -> dict[str, object]:
    """Send, receive and delete until so much has been written.

    Args:
        size_bytes: Of each body.
        at_once: How many messages share a commit; three commits for each: send, receive, delete.
        least_bytes: How much is written at least.
        folder: Where the database goes; it must exist and be empty.

    Raises:
        RuntimeError: A message is missing or came twice, or commits were shared otherwise.
    """
    async with Engine(folder) as engine:
        queue = await engine.service.create("bench", {})
        await _send(queue, bodies(size_bytes, range(BACKLOG)))
        sent, received, cycles = BACKLOG, 0, 0
        commits, before = engine.store.commits.value, _written()
        while (now := _written()).wchar_bytes - before.wchar_bytes < least_bytes:
            # Time moves with every commit, and is saved with it.
            engine.time.pass_ms(2)
            await _send(queue, bodies(size_bytes, range(sent, sent + at_once)))
            sent += at_once
            engine.time.pass_ms(2)
            answers = await _receive(queue, at_once)
            engine.time.pass_ms(2)
            await _delete(queue, answers)
            numbers = [int(one.body[:12]) for answer in answers for one in answer]
            if numbers != list(range(received, received + at_once)):
                raise RuntimeError(f"{received} to {received + at_once} were due, not {numbers}")
            received += at_once
            cycles += 1
        if engine.store.commits.value - commits != 3 * cycles:
            raise RuntimeError(f"{engine.store.commits.value - commits} commits, not {3 * cycles}")
        depths = queue.depths()
        if (depths.visible, depths.in_flight, depths.delayed) != (BACKLOG, 0, 0):
            raise RuntimeError(f"the queue holds {depths}, not {BACKLOG}")
    payload_bytes = cycles * at_once * size_bytes
    return {
        "bytes_per_byte": (now.wchar_bytes - before.wchar_bytes) / payload_bytes,
        "dirtied_per_byte": (now.dirtied_bytes - before.dirtied_bytes) / payload_bytes,
        "messages": cycles * at_once,
    }


async def _send(queue: Queue, texts: Sequence[bytes]) -> None:
    await asyncio.gather(*(queue.send_all([NewMessage(body)]) for body in texts))


async def _receive(queue: Queue, count: int) -> list[list[Received]]:
    shares = [min(RECEIVE, count - at) for at in range(0, count, RECEIVE)]
    return await asyncio.gather(*(queue.receive(most=share) for share in shares))


async def _delete(queue: Queue, answers: Sequence[Sequence[Received]]) -> None:
    await asyncio.gather(
        *(queue.delete_all([queue.receipt_handle(one) for one in answer]) for answer in answers)
    )


def _written() -> Written:
    lines = Path("/proc/self/io").read_text().splitlines()
    values = {name: int(value) for name, value in (line.split(": ") for line in lines)}
    return Written(values["wchar"], values["write_bytes"])


def rows(figures: Figures) -> Sequence[Row]:
    """Return the rows of the table: what, ours, beside it, ratio, floor."""
    drawn: list[Row] = []
    for size_bytes in SIZES_BYTES:
        for at_once in COMMIT_MESSAGES:
            f = figures[f"queue_flash_{size_bytes}_{at_once}"]
            floor = FLOORS.get((size_bytes, at_once))
            plural = "" if at_once == 1 else "s"
            drawn.append(
                (f"bytes written per payload byte, {size_bytes:,} bytes, {at_once} message{plural}"
                 " a commit", f"{f['bytes_per_byte']:.1f}", "", "",
                 "" if floor is None else f"≤ {floor:.0f}")
            )  # fmt: skip
    return drawn
