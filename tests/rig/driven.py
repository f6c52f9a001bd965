"""A driver running in a test: its readings gathered, waited for and not slept for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from drivers import Driver, DriverState, Reading

PATIENCE_S = 5.0


class Driven:
    """What a running driver has said.

    Attributes:
        task: The run.
        payloads: Its readings, in order.
    """

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.payloads: list[bytes] = []
        self._arrived = asyncio.Event()
        self.task = asyncio.ensure_future(driver.run(self._take))

    def _take(self, reading: Reading) -> None:
        self.payloads.append(reading.payload)
        self._arrived.set()

    async def until_running(self) -> None:
        """Wait until the hardware is open."""
        async with asyncio.timeout(PATIENCE_S):
            while self.driver.status().state is not DriverState.RUNNING:
                if self.task.done():
                    await self.task
                await asyncio.sleep(0)

    async def readings(self, count: int) -> list[bytes]:
        """Wait for at least so many readings and return all there are."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.payloads) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.payloads

    async def rejected(self, count: int) -> None:
        """Wait until at least so much was rejected."""
        async with asyncio.timeout(PATIENCE_S):
            while self.driver.status().rejected < count:
                await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def driven(driver: Driver) -> AsyncIterator[Driven]:
    """Run a driver for the length of a block."""
    running = Driven(driver)
    try:
        await running.until_running()
        yield running
    finally:
        running.task.cancel()
        await asyncio.gather(running.task, return_exceptions=True)
