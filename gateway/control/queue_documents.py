"""The shape of the documents about queues: what `/v1/queues` answers and the command draws.

Owns names and types only, so that whoever fills a document and whoever reads it agree. Keys may be
added; none changes its meaning.
"""

from __future__ import annotations

from typing import TypedDict

__all__ = [
    "DeletedMessages",
    "MoveTaskLine",
    "MoveTaskList",
    "QueueLine",
    "QueueList",
    "ReceivedMessages",
    "SentMessage",
    "ShownQueue",
]


class QueueLine(TypedDict):
    """One queue, in messages and seconds.

    `encryption` is `SSE-SQS`, `SSE-KMS` or empty; `encryption_problem` says why the queue can take
    nothing, empty where it can. `dead_letter_queue` is where messages go that
    have been received `max_receive_count` times, both null without one; `dead_letter_queue_missing`
    says that it is not there. `dead_letter_sources` are the queues whose dead-letter queue this is.
    """

    name: str
    fifo: bool
    visible: int
    in_flight: int
    delayed: int
    oldest_age_s: float | None
    encryption: str
    encryption_problem: str
    dead_letter_queue: str | None
    dead_letter_queue_missing: bool
    max_receive_count: int | None
    dead_letter_sources: list[str]


class QueueList(TypedDict):
    """All queues, by name."""

    queues: list[QueueLine]


class MoveTaskLine(TypedDict):
    """One message move task; `destination` null: each message goes to where it came from.

    `status` is as AWS names it; `max_per_s` is null where it goes as fast as it can.
    """

    source: str
    destination: str | None
    status: str
    moved: int
    to_move: int
    max_per_s: int | None
    started_ms: int
    failure: str | None


class MoveTaskList(TypedDict):
    """The latest message move tasks of a dead-letter queue, the last one first."""

    move_tasks: list[MoveTaskLine]


class ShownQueue(QueueLine):
    """One queue in full; `attributes` under AWS's names, times in milliseconds since 1970."""

    arn: str
    created_ms: int
    modified_ms: int
    attributes: dict[str, str]
    tags: dict[str, str]
    move_tasks: list[MoveTaskLine]


class SentMessage(TypedDict):
    """What came of sending; `sequence_number` is null for a standard queue."""

    message_id: str
    sequence_number: str | None


class ReceivedMessages(TypedDict):
    """Messages as AWS's ReceiveMessage gives them, with all their attributes.

    They are visible again in `visible_again_in_s` seconds, unless they are deleted.
    """

    messages: list[dict[str, object]]
    visible_again_in_s: int


class DeletedMessages(TypedDict):
    """How many receipt handles were used, and what was wrong with the others, a sentence each."""

    deleted: int
    failed: list[str]
