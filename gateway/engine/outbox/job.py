"""What the outbox holds: a message's job for one rule, its actions, and how they fail.

Owns the values. Knows nothing of the store, nor of lanes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol, final

__all__ = ["ERROR_ACTION", "STATEMENT", "Entry", "Failure", "Job", "NewJob", "SlowAction"]

# What stands for an action's number where it is not one of the rule's list.
STATEMENT: Final = -1
ERROR_ACTION: Final = -2


@dataclass(frozen=True, slots=True)
class Failure:
    """How one action failed for good.

    Attributes:
        number: The action's place in its rule, from 0; or STATEMENT, or ERROR_ACTION.
        action: The action in AWS's words, such as `S3Action`.
        resource: What it was for: a bucket, a URL, a function.
        message: Why, and what to do about it.
    """

    number: int
    action: str
    resource: str
    message: str


@dataclass(frozen=True, slots=True)
class NewJob:
    """What the actions share that one rule leaves to the outbox for one message.

    Attributes:
        rule: The rule's name.
        topic: The topic that the message was published to.
        client_id: The publisher's MQTT client identifier, if it has one.
        trace_id: The message's identifier.
        depth: How many republish actions led to the message.
        payload: As published; empty where nobody will ask for it.
        output: What the actions send.
        error_action: The error action as JSON, templates replaced, or None.
        failures: The rule's actions that have failed already.
    """

    rule: str
    topic: str
    client_id: str | None
    trace_id: str
    depth: int
    payload: bytes
    output: bytes
    error_action: str | None
    failures: tuple[Failure, ...] = ()

    @property
    def size_bytes(self) -> int:
        """What it weighs."""
        told = sum(len(failure.message) + len(failure.resource) for failure in self.failures)
        return len(self.payload) + len(self.output) + len(self.error_action or "") + told


@final
class Job:
    """A job of which at least one action is in memory.

    Attributes:
        job: Its number.
        new: What it was taken on with; its failures apart.
        failures: The actions that have failed for good.
        pending: How many of its actions are not yet at an end.
        held: How many of its entries are in memory.
    """

    __slots__ = ("failures", "held", "job", "new", "pending")

    def __init__(self, job: int, new: NewJob, pending: int) -> None:
        self.job = job
        self.new = new
        self.failures = list(new.failures)
        self.pending = pending
        self.held = 0


@final
class Entry:
    """One action of a job, in memory.

    Attributes:
        entry: Its number in the outbox.
        job: Its job.
        number: The action's place in its rule, from 0.
        parameters: The action's parameters, templates replaced.
        size_bytes: What it weighs.
        attempt: Which try is next, from 1.
    """

    __slots__ = ("attempt", "entry", "job", "number", "parameters", "size_bytes")

    def __init__(
        self,
        entry: int,
        job: Job,
        number: int,
        parameters: Mapping[str, object],
        size_bytes: int,
    ) -> None:
        self.entry = entry
        self.job = job
        self.number = number
        self.parameters = parameters
        self.size_bytes = size_bytes
        self.attempt = 1


class SlowAction(Protocol):
    """A kind of action that the outbox runs. No base class: it need only look like this."""

    @property
    def concurrency(self) -> int:
        """How many actions with the same target run at once."""
        ...

    def target(self, parameters: Mapping[str, object]) -> str:
        """Return who or what an action is for: those of one target share a lane.

        Raises:
            ActionFailed: It can never run.
        """
        ...

    async def run(
        self, parameters: Mapping[str, object], payload: bytes, attempt: int, job: NewJob
    ) -> None:
        """Run one action; it may have run before.

        Args:
            parameters: What stands under the action's key, templates replaced.
            payload: What it sends.
            attempt: Which try this is, from 1.
            job: What it is a part of.

        Raises:
            ActionFailed: It failed for good.
            TryAgain: It failed this time.
        """
        ...
