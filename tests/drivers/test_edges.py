"""Edges cross from a foreign thread in order, bounded, and the last level is never lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from drivers.edges import EdgeMailbox


def test_edges_arrive_on_the_loops_thread_in_order(run: Callable[[Any], None]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        taken: list[tuple[bool, float]] = []

        def take(edges: list[tuple[bool, float]]) -> None:
            assert threading.get_ident() == here
            taken.extend(edges)
            if len(taken) == 100:
                done.set_result(None)

        here = threading.get_ident()
        mailbox = EdgeMailbox(loop, take, limit=1000)
        thread = threading.Thread(
            target=lambda: [mailbox.put(n % 2 == 0, float(n)) for n in range(100)]
        )
        thread.start()
        await asyncio.wait_for(done, 5)
        thread.join()
        assert taken == [(n % 2 == 0, float(n)) for n in range(100)]
        assert mailbox.lost == 0

    run(main())


def test_a_flood_is_bounded_and_ends_with_the_true_level(run: Callable[[Any], None]) -> None:
    async def main() -> None:
        taken: list[tuple[bool, float]] = []
        mailbox = EdgeMailbox(asyncio.get_running_loop(), taken.extend, limit=8)
        for n in range(1001):  # the loop has no turn meanwhile
            mailbox.put(n % 2 == 0, float(n))
        await asyncio.sleep(0)
        assert len(taken) == 8
        assert taken[-1] == (True, 1000.0)
        assert mailbox.lost == 1001 - 8

    run(main())


def test_a_closed_mailbox_delivers_nothing(run: Callable[[Any], None]) -> None:
    async def main() -> None:
        taken: list[tuple[bool, float]] = []
        mailbox = EdgeMailbox(asyncio.get_running_loop(), taken.extend)
        mailbox.put(True, 0.0)
        mailbox.close()
        mailbox.put(False, 1.0)
        await asyncio.sleep(0)
        assert taken == []

    run(main())
