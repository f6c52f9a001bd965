"""Configuring queues that are there: attributes, tags, permissions.

Owns that a queue behaves as it is told once that is on disk, and not before. Making and deleting
queues is the service's business.

Source: SetQueueAttributes, TagQueue, UntagQueue, AddPermission and RemovePermission in the Amazon
SQS API reference.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import final

from gateway.clock import Clock
from gateway.services.sqs.attribute_parsing import parse_attributes
from gateway.services.sqs.attributes import QueueAttributes
from gateway.services.sqs.changes import Changes
from gateway.services.sqs.errors import MissingParameter, QueueDoesNotExist
from gateway.services.sqs.lifecycle import Lifecycle
from gateway.services.sqs.permissions import with_permission, without_permission
from gateway.services.sqs.queue import Queue
from gateway.services.sqs.redrive import check_redrive
from gateway.services.sqs.tags import with_tags, without_tags

__all__ = ["Configuration"]


@final
class Configuration:
    """What changes queues' records.

    Every method returns once the change is on disk, and raises `QueueDoesNotExist` where the queue
    has been deleted, and `RegistryError` where it could not be written down: it is as before then.

    Args:
        queues: All queues by name, as the service keeps them.
        changes: The order in which they change.
        lifecycle: Writes records.
        clock: Wall time.
        arn_of: Gives a queue's ARN.
    """

    def __init__(
        self,
        queues: Mapping[str, Queue],
        changes: Changes,
        lifecycle: Lifecycle,
        clock: Clock,
        arn_of: Callable[[str], str],
    ) -> None:
        self._queues = queues
        self._changes = changes
        self._lifecycle = lifecycle
        self._clock = clock
        self._arn_of = arn_of

    async def set_attributes(self, queue: Queue, texts: Mapping[str, str]) -> None:
        """Give a queue other attributes, all of them or none.

        Args:
            queue: The queue.
            texts: Values under AWS's names; an empty text takes a policy or a key away.

        Raises:
            SqsError: There is none, or one cannot be set, or not to this value.
        """
        if not texts:
            raise MissingParameter("The request must contain the parameter Attribute.Name.")

        def change(queue: Queue) -> QueueAttributes:
            wanted = parse_attributes(texts, queue.attributes)
            if texts.get("RedrivePolicy") and wanted.redrive is not None:
                check_redrive(queue.record.name, wanted.redrive, self._queues)
            return wanted

        await self._changes.run(self._set(queue, change))

    async def add_permission(
        self, queue: Queue, label: str, accounts: Sequence[str], actions: Sequence[str]
    ) -> None:
        """Add a statement to a queue's policy.

        Raises:
            SqsError: The label is taken, or something has another form than AWS allows.
        """
        arn = self._arn_of(queue.record.name)
        await self._changes.run(
            self._set_policy(
                queue, lambda policy: with_permission(policy, arn, label, accounts, actions)
            )
        )

    async def remove_permission(self, queue: Queue, label: str) -> None:
        """Remove a statement from a queue's policy.

        Raises:
            InvalidParameterValue: No statement has this label.
        """
        await self._changes.run(
            self._set_policy(queue, lambda policy: without_permission(policy, label))
        )

    async def tag(self, queue: Queue, tags: Mapping[str, str]) -> None:
        """Write tags onto a queue; one of the same key is replaced.

        Raises:
            SqsError: There is none, too many, or one that may not be.
        """
        name = queue.record.name
        await self._changes.run(self._set_tags(queue, lambda had: with_tags(had, tags, name)))

    async def untag(self, queue: Queue, keys: Sequence[str]) -> None:
        """Take tags off a queue.

        Raises:
            SqsError: No key is named, or one that no tag can have.
        """
        await self._changes.run(self._set_tags(queue, lambda had: without_tags(had, keys)))

    # --- inside: one change at a time ------------------------------------------------------------

    async def _set(self, queue: Queue, change: Callable[[Queue], QueueAttributes]) -> None:
        self._check_is_there(queue)
        attributes = change(queue)
        queue.configure(
            await self._lifecycle.change(queue.record, attributes, self._clock.wall_ms())
        )

    async def _set_policy(self, queue: Queue, change: Callable[[str], str]) -> None:
        await self._set(
            queue,
            lambda queue: dataclasses.replace(
                queue.attributes, policy=change(queue.attributes.policy)
            ),
        )

    async def _set_tags(
        self, queue: Queue, change: Callable[[Mapping[str, str]], dict[str, str]]
    ) -> None:
        self._check_is_there(queue)
        queue.configure(await self._lifecycle.tag(queue.record, change(queue.record.tags)))

    def _check_is_there(self, queue: Queue) -> None:
        if self._queues.get(queue.record.name) is not queue:
            raise QueueDoesNotExist
