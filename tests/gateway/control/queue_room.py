"""A control socket with real queues behind it, in a thread of its own; a test moves the clocks."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from gateway.broker import Broker, MqttSettings
from gateway.clock import Clock
from gateway.control import ControlServer
from gateway.control.queues import queue_endpoints
from gateway.services.sqs import NewMessage, Queue
from gateway.services.sqs.redrive_policy import RedrivePolicy
from tests.gateway.services.sqs.bench import ACCOUNT, Bench
from tests.rig.fake_time import FakeTime
from tests.rig.own_loop import OwnLoop


class QueueRoom(OwnLoop):
    """Serves `data_dir/control.sock` while it is entered.

    Args:
        data_dir: Where everything goes.
    """

    def __init__(self, data_dir: Path) -> None:
        super().__init__()
        data_dir.mkdir(parents=True, exist_ok=True)
        self.data_dir = data_dir
        self.socket = data_dir / "control.sock"
        self.time = FakeTime()
        self.bench = Bench(data_dir, self.time)

    async def _start(self) -> None:
        await self._stack.enter_async_context(self.bench)
        clock = Clock(self.time.sources())
        bench = self.bench
        server = ControlServer(
            self.socket,
            router=Broker(MqttSettings(), bench.store, clock, bench.metrics).router,
            store=bench.store,
            metrics=bench.metrics,
            status=lambda: {"queues": bench.service.status()},
            endpoints=queue_endpoints(bench.service),
        )
        await server.start()
        self._stack.push_async_callback(server.stop)

    def queue(self, name: str, **attributes: str) -> Queue:
        """Make a queue, or return the one that is there."""
        made: Queue = self.call(self.bench.queue(name, **attributes))
        return made

    def with_dead_letters(
        self, name: str, target: str, max_receive_count: int = 1, **attributes: str
    ) -> tuple[Queue, Queue]:
        """Make a queue and its dead-letter queue."""
        fifo = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        dead = self.queue(target, **fifo)
        policy = RedrivePolicy(self.bench.service.arn(target), max_receive_count).text()
        return self.queue(name, RedrivePolicy=policy, **fifo, **attributes), dead

    def send(self, queue: Queue, *bodies: str, **more: Any) -> None:
        """Send messages as a program does."""
        messages = [NewMessage(body.encode(), **more) for body in bodies]
        self.call(queue.send_all(messages))

    def give_up(self, queue: Queue, *bodies: str, **more: Any) -> None:
        """Send messages and receive them until all are in the dead-letter queue."""
        self.send(queue, *bodies, **more)

        async def receive() -> None:
            while await queue.receive(most=10, visibility_timeout_s=0, wait_time_s=0):
                pass

        self.call(receive())

    def depths(self, queue: Queue) -> tuple[int, int, int]:
        """Return how many messages are visible, in flight and delayed."""

        async def look() -> tuple[int, int, int]:
            await self.bench.settle()
            depths = queue.depths()
            return depths.visible, depths.in_flight, depths.delayed

        found: tuple[int, int, int] = self.call(look())
        return found

    def bodies(self, queue: Queue) -> list[str]:
        """Receive what is visible, and leave it visible."""

        async def receive() -> list[str]:
            received = await queue.receive(most=10, wait_time_s=0)
            queue.release(received)
            await self.bench.settle()
            return [message.body.decode() for message in received]

        found: list[str] = self.call(receive())
        return found

    def until(self, metric: str, value: float) -> None:
        """Wait until a metric of the gateway has this value; turns of the loop, no clock."""

        async def wait() -> None:
            while self.bench.metrics.snapshot()[metric] != value:
                await asyncio.sleep(0)

        self.call(wait())


__all__ = ["ACCOUNT", "QueueRoom"]
