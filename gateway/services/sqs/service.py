"""The SQS service: all queues of one gateway, by name.

Owns which queues there are, and runs expiry. Knows no HTTP and no JSON: rule actions and the AWS
API use the same queues. What a queue is told once it is there is `configuration`'s business.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

from gateway.clock import Clock
from gateway.errors import StoreError
from gateway.metrics import Metrics
from gateway.registry import Registry
from gateway.services.sqs.attribute_parsing import differing_attribute, parse_attributes
from gateway.services.sqs.attributes import QueueAttributes
from gateway.services.sqs.batch import MAX_WAITING, SharedParts
from gateway.services.sqs.changes import Changes
from gateway.services.sqs.configuration import Configuration
from gateway.services.sqs.errors import (
    InvalidParameterValue,
    OverLimit,
    QueueDoesNotExist,
    QueueNameExists,
)
from gateway.services.sqs.kinds import make_queue
from gateway.services.sqs.lifecycle import Lifecycle
from gateway.services.sqs.moving.mover import Mover
from gateway.services.sqs.names import check_name, resolve_name
from gateway.services.sqs.purge import Purges
from gateway.services.sqs.queue import Queue
from gateway.services.sqs.redrive import check_redrive, sources_of
from gateway.services.sqs.sealing.resealing import Resealing
from gateway.services.sqs.settings import QueueSettings
from gateway.services.sqs.state import QueueState
from gateway.services.sqs.tags import with_tags
from gateway.store import Store
from gateway.store.encryption import KeyRing

__all__ = ["QueueStatus", "SqsService"]

log = logging.getLogger(__name__)

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
        fifo: Whether it is a FIFO queue.
        is_dead_letter_queue: Whether it is there for what another queue gives up on.
    """

    name: str
    visible: int
    in_flight: int
    delayed: int
    fifo: bool
    is_dead_letter_queue: bool


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
        keys: What the bodies of encrypted queues are sealed with.
        max_waiting: How many receives may wait at once, over all queues.

    Attributes:
        configuration: Changes attributes, tags and permissions of queues that are there.
        mover: Carries out message move tasks.
        resealing: Seals anew what is stored, after a key was rotated.
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
        keys: KeyRing,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self.region: Final = region
        self.account: Final = account
        self._store = store
        self._clock = clock
        self._lifecycle = Lifecycle(store, registry, keys)
        self._parts = SharedParts(store, clock, metrics, keys, max_waiting)
        self._queues: dict[str, Queue] = {}
        self._parts.find_queue = self._queues.get
        self._changes = Changes()
        self._purges = Purges(store, clock, metrics)
        self.configuration: Final = Configuration(
            self._queues, self._changes, self._lifecycle, clock, self.arn
        )
        self.mover: Final = Mover(
            store,
            clock,
            self._queues.get,
            lambda name: bool(sources_of(name, self._queues.values())),
        )
        self.resealing: Final = Resealing(keys, self._queues.values)
        self._expiry: asyncio.Task[None] | None = None
        self._stopped = False
        metrics.gauge("sqs.queues", lambda: len(self._queues))

    async def start(self) -> None:
        """Load all queues, after records and rows have been made to agree.

        Raises:
            RegistryError: A queue's record is damaged, or the registry has been lost.
            KeyFileError: A key could not be written.
        """
        for record, state in await self._lifecycle.load():
            queue = self._queues[record.name] = make_queue(record, state, self._parts)
            problem = queue.bodies.problem()
            if problem:
                log.warning("queue %s takes nothing: %s", record.name, problem)
        self._purges.resume(self._queues.values())
        self.mover.resume()
        self.resealing.start()
        self._store.after_failure.append(self._reload)
        self._store.after_commit.append(self._parts.after_commit)
        self._expiry = asyncio.create_task(self._keep_expiring(), name="sqs expiry")

    async def stop(self) -> None:
        """End what runs in the background; the store is closed after this."""
        if self._stopped:
            return
        self._stopped = True
        await self._changes.done()
        if self._expiry is not None:
            self._expiry.cancel()
            await asyncio.wait([self._expiry])
        await self.resealing.stop()
        await self.mover.stop()
        await self._purges.stop()
        await self._lifecycle.stop()
        self._store.after_failure.remove(self._reload)
        self._store.after_commit.remove(self._parts.after_commit)

    def end_waiting(self) -> None:
        """Answer those who wait, and let nobody wait any more: the gateway is about to stop."""
        self._parts.wait_limit.ended = True
        for queue in self._queues.values():
            queue.wake_all()

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

    def dead_letter_sources(self, queue: Queue) -> list[str]:
        """Return the names of the queues whose dead-letter queue this is, in order."""
        return sources_of(queue.record.name, self._queues.values())

    def status(self) -> list[QueueStatus]:
        """Return how each queue is doing, by name."""
        policies = (queue.attributes.redrive for queue in self._queues.values())
        targets = {policy.target for policy in policies if policy is not None}
        found = []
        for name, queue in sorted(self._queues.items()):
            depths = queue.depths()
            found.append(
                QueueStatus(
                    name,
                    depths.visible,
                    depths.in_flight,
                    depths.delayed,
                    queue.attributes.fifo,
                    name in targets,
                )
            )
        return found

    # --- changing --------------------------------------------------------------------------------

    async def create(
        self, name: str, attributes: Mapping[str, str], tags: Mapping[str, str] | None = None
    ) -> Queue:
        """Return the queue of this name, made if it is not there; on disk when this returns.

        Args:
            name: Its name; one that ends in `.fifo` needs `FifoQueue`.
            attributes: Under AWS's names; those not given are the defaults, or are as they are.
            tags: What is written onto it if it is made; one that is there keeps its own.

        Raises:
            QueueNameExists: It is there, with another value of one of these attributes.
            SqsError: The name, an attribute or a tag is not allowed.
            StoreError: It could not be made just now.
            RegistryError: It could not be written down.
        """
        return await self._changes.run(self._create(name, attributes, tags or {}))

    async def declare(self, settings: QueueSettings) -> Queue:
        """Have a queue as the settings say, made or changed where needed.

        What settings have no key for (policies, tags) stays as it is.

        Raises:
            SqsError: The name is not allowed.
            StoreError: It could not be made just now.
            RegistryError: It could not be written down.
        """
        return await self._changes.run(self._declare(settings))

    async def declare_all(self, settings: Sequence[QueueSettings]) -> None:
        """Have all these queues as the settings say; dead-letter queues before those that use them.

        Raises:
            SqsError: A name is not allowed.
            StoreError: One could not be made just now.
            RegistryError: One could not be written down.
        """
        targets = {queue.dead_letter_queue for queue in settings}
        for queue in sorted(settings, key=lambda queue: queue.name not in targets):
            await self.declare(queue)

    async def set_attributes(self, queue: Queue, attributes: Mapping[str, str]) -> None:
        """Give a queue other attributes, under AWS's names, all of them or none.

        Raises:
            SqsError: There is none, or one cannot be set, or not to this value.
            RegistryError: It could not be written down; the queue is as before.
        """
        await self.configuration.set_attributes(queue, attributes)

    async def purge(self, queue: Queue) -> None:
        """Have all messages removed that were sent before this call; returns once that is on disk.

        Raises:
            PurgeQueueInProgress: The queue is being purged, or was within the last minute.
            QueueDoesNotExist: It has gone.
            StoreError: It could not be written down; the messages stay.
        """
        await self._changes.run(self._purges.begin(queue))

    async def delete(self, queue: Queue) -> None:
        """Delete a queue; when this returns it is gone for good, its messages follow by and by.

        Raises:
            QueueDoesNotExist: It has gone already.
            RegistryError: That could not be written down; the queue is as before.
        """
        await self._changes.run(self._delete(queue))

    async def removals_done(self) -> None:
        """Wait until the messages of purged and deleted queues are gone."""
        await self._purges.done()
        await self._lifecycle.removals_done()

    # --- inside: one change at a time ------------------------------------------------------------

    async def _create(
        self, name: str, attributes: Mapping[str, str], tags: Mapping[str, str]
    ) -> Queue:
        fifo = attributes.get("FifoQueue", "").lower() == "true"
        check_name(name, fifo=fifo)
        queue = self._queues.get(name)
        if queue is not None:
            differing = differing_attribute(attributes, queue.attributes)
            if differing:
                raise QueueNameExists(
                    "A queue already exists with the same name and a different value for attribute "
                    f"{differing}"
                )
            return queue
        try:
            wanted = parse_attributes(attributes, QueueAttributes(fifo=fifo))
        except OverLimit as error:  # CreateQueue has no such error
            raise InvalidParameterValue(str(error)) from error
        if wanted.redrive is not None:
            check_redrive(name, wanted.redrive, self._queues)
        return await self._make(name, wanted, with_tags({}, tags, name) if tags else {})

    async def _declare(self, settings: QueueSettings) -> Queue:
        name = settings.name
        check_name(name, fifo=settings.fifo)
        queue = self._queues.get(name)
        had = QueueAttributes() if queue is None else queue.attributes
        target = settings.dead_letter_queue
        attributes = settings.attributes(had, "" if target is None else self.arn(target))
        if queue is None:
            return await self._make(name, attributes, {})
        if attributes != had:
            wall_ms = self._clock.wall_ms()
            queue.configure(await self._lifecycle.change(queue.record, attributes, wall_ms))
        return queue

    async def _make(self, name: str, attributes: QueueAttributes, tags: Mapping[str, str]) -> Queue:
        wall_ms = self._clock.wall_ms()
        record = await self._lifecycle.create(name, attributes, wall_ms, tags)
        queue = make_queue(record, QueueState(record.number), self._parts)
        self._queues[name] = queue
        return queue

    async def _delete(self, queue: Queue) -> None:
        name = queue.record.name
        if self._queues.get(name) is not queue:
            raise QueueDoesNotExist
        await self.mover.forget(name)
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
