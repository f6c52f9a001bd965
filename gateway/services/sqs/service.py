"""The SQS service: all queues of one gateway, by name.

Owns which queues there are, and runs expiry. Knows no HTTP and no JSON: rule actions and the AWS
API use the same queues.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar, final

from gateway.clock import Clock
from gateway.errors import StoreError
from gateway.metrics import Metrics
from gateway.registry import Registry
from gateway.services.sqs.attributes import QueueAttributes, parse_attributes
from gateway.services.sqs.batch import SharedParts
from gateway.services.sqs.errors import QueueDoesNotExist, QueueNameExists
from gateway.services.sqs.lifecycle import Lifecycle
from gateway.services.sqs.names import check_name, resolve_name
from gateway.services.sqs.queue import Queue
from gateway.services.sqs.record import QueueRecord
from gateway.services.sqs.settings import QueueSettings
from gateway.services.sqs.state import QueueState
from gateway.store import Store

__all__ = ["QueueStatus", "SqsService"]

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# Retention is counted in days, so that half a minute more is no matter.
EXPIRY_INTERVAL_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """How one queue is doing, for people.

    Attributes:
        name: Its name.
        visible: Messages that a receive may get now.
        in_flight: Messages received and neither deleted nor visible again.
        delayed: Messages sent with a delay that is not over.
    """

    name: str
    visible: int
    in_flight: int
    delayed: int


@final
class SqsService:
    """All queues.

    Args:
        store: Where messages are.
        registry: Where queues' records are.
        clock: Gateway time and wall time.
        metrics: Where the counters `sqs.…` live.
        region: What stands in ARNs.
        account: What stands in ARNs and URLs.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        clock: Clock,
        metrics: Metrics,
        *,
        region: str,
        account: str,
    ) -> None:
        self.region: Final = region
        self.account: Final = account
        self._store = store
        self._clock = clock
        self._lifecycle = Lifecycle(store, registry)
        self._parts = SharedParts(store, clock, metrics)
        self._queues: dict[str, Queue] = {}
        self._lock = asyncio.Lock()
        self._changes: set[asyncio.Task[Any]] = set()
        self._expiry: asyncio.Task[None] | None = None
        self._stopped = False
        metrics.gauge("sqs.queues", lambda: len(self._queues))

    async def start(self) -> None:
        """Load all queues, after records and rows have been made to agree.

        Raises:
            RegistryError: A queue's record is damaged, or the registry has been lost.
        """
        for record, state in await self._lifecycle.load():
            self._queues[record.name] = Queue(record, state, self._parts)
        self._store.after_failure.append(self._reload)
        self._store.after_commit.append(self._parts.after_commit)
        self._expiry = asyncio.create_task(self._keep_expiring(), name="sqs expiry")

    async def stop(self) -> None:
        """End what runs in the background; the store is closed after this."""
        if self._stopped:
            return
        self._stopped = True
        while self._changes:
            await asyncio.wait(self._changes)
        if self._expiry is not None:
            self._expiry.cancel()
            await asyncio.wait([self._expiry])
        await self._lifecycle.stop()
        self._store.after_failure.remove(self._reload)
        self._store.after_commit.remove(self._parts.after_commit)

    # --- finding ---------------------------------------------------------------------------------

    def queue(self, name: str) -> Queue | None:
        """Return the queue of this name."""
        return self._queues.get(name)

    def find(self, url_or_arn: str) -> Queue:
        """Return the queue that a URL or an ARN names by its last part.

        Raises:
            QueueDoesNotExist: There is none.
        """
        queue = self._queues.get(resolve_name(url_or_arn))
        if queue is None:
            raise QueueDoesNotExist
        return queue

    def names(self, prefix: str = "", after: str = "") -> list[str]:
        """Return the names that start so and come after that one, in order."""
        return sorted(n for n in self._queues if n.startswith(prefix) and n > after)

    def arn(self, name: str) -> str:
        """Return a queue's ARN."""
        return f"arn:aws:sqs:{self.region}:{self.account}:{name}"

    def status(self) -> list[QueueStatus]:
        """Return how each queue is doing, by name."""
        found = []
        for name in sorted(self._queues):
            depths = self._queues[name].depths()
            found.append(QueueStatus(name, depths.visible, depths.in_flight, depths.delayed))
        return found

    # --- changing --------------------------------------------------------------------------------

    async def create(self, name: str, attributes: Mapping[str, str]) -> Queue:
        """Return the queue of this name, made if it is not there; on disk when this returns.

        Args:
            name: Its name.
            attributes: Under AWS's names; those not given are the defaults, or are as they are.

        Raises:
            QueueNameExists: It is there, with another value of one of these attributes.
            SqsError: The name or an attribute is not allowed.
            StoreError: It could not be made just now.
            RegistryError: It could not be written down.
        """
        return await self._change(self._create(name, attributes))

    async def declare(self, settings: QueueSettings) -> Queue:
        """Have a queue as the settings say, made or changed where needed.

        Raises:
            SqsError: The name is not allowed.
            StoreError: It could not be made just now.
            RegistryError: It could not be written down.
        """
        return await self._change(self._declare(settings.name, settings.attributes))

    async def delete(self, queue: Queue) -> None:
        """Delete a queue; when this returns it is gone for good, its messages follow by and by.

        Raises:
            QueueDoesNotExist: It has gone already.
            RegistryError: That could not be written down; the queue is as before.
        """
        await self._change(self._delete(queue))

    async def removals_done(self) -> None:
        """Wait until the messages of deleted queues are gone."""
        await self._lifecycle.removals_done()

    async def _change(self, change: Coroutine[Any, Any, Result]) -> Result:
        """Carry a change out to its end, even if who asked for it gives up."""
        task = asyncio.create_task(change)
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        return await asyncio.shield(task)

    async def _create(self, name: str, attributes: Mapping[str, str]) -> Queue:
        check_name(name)
        wanted = parse_attributes(attributes)
        async with self._lock:
            queue = self._queues.get(name)
            if queue is None:
                return await self._make(name, wanted)
            if not queue.attributes.agrees_with(attributes):
                raise QueueNameExists(
                    "A queue already exists with the same name and a different value for at least "
                    "one attribute."
                )
            return queue

    async def _declare(self, name: str, attributes: QueueAttributes) -> Queue:
        check_name(name)
        async with self._lock:
            queue = self._queues.get(name)
            if queue is None:
                return await self._make(name, attributes)
            if queue.attributes != attributes:
                wall_ms = self._clock.wall_ms()
                queue.configure(await self._lifecycle.change(queue.record, attributes, wall_ms))
            return queue

    async def _make(self, name: str, attributes: QueueAttributes) -> Queue:
        record: QueueRecord = await self._lifecycle.create(name, attributes, self._clock.wall_ms())
        queue = self._queues[name] = Queue(record, QueueState(record.number), self._parts)
        return queue

    async def _delete(self, queue: Queue) -> None:
        async with self._lock:
            name = queue.record.name
            if self._queues.get(name) is not queue:
                raise QueueDoesNotExist
            await self._lifecycle.remove_record(queue.record)
            del self._queues[name]
            queue.mark_deleted()
            self._lifecycle.remove_rows(queue.record.number)

    # --- in the background -----------------------------------------------------------------------

    async def expire(self) -> None:
        """Remove all messages whose retention is over, step by step."""
        for queue in list(self._queues.values()):
            while await queue.expire():
                pass

    async def _keep_expiring(self) -> None:
        while True:
            await asyncio.sleep(EXPIRY_INTERVAL_S)
            try:
                await self.expire()
            except (StoreError, QueueDoesNotExist) as error:
                log.warning("expired messages could not be removed now: %s", error)
            except Exception:
                # The outermost frame of a task that nobody awaits: it looks again next time.
                log.exception("expired messages could not be removed now")

    def _reload(self) -> None:
        for queue in self._queues.values():
            queue.reload()
