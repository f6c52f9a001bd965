"""What a message move task may be: which queues it may name, and at which pace it may go.

Owns the refusals; starts nothing.

Source: StartMessageMoveTask in the Amazon SQS API reference.
"""

from __future__ import annotations

from typing import Final

from gateway.services.sqs.errors import InvalidParameterValue, ResourceNotFound
from gateway.services.sqs.queue import Queue

__all__ = ["MAX_PER_S", "check_pace", "check_queues", "no_queue"]

MAX_PER_S: Final = 500
"""The fastest pace that may be asked for."""


def no_queue(parameter: str) -> ResourceNotFound:
    """Return the error for a parameter that names a queue which is not there."""
    return ResourceNotFound(
        f"The resource that you specified for the {parameter} parameter doesn't exist."
    )


def check_queues(source: Queue, target: Queue | None, *, is_dead_letter_queue: bool) -> None:
    """Refuse to move messages between these queues.

    Args:
        source: Where they are.
        target: Where they are to go; None: each to the queue that it came from.
        is_dead_letter_queue: Whether a queue's redrive policy names the source.

    Raises:
        InvalidParameterValue: The source is no dead-letter queue, or both are the same or of
            different kinds.
    """
    if not is_dead_letter_queue:
        raise InvalidParameterValue("Source queue must be configured as a Dead Letter Queue.")
    if target is source:
        raise InvalidParameterValue("Source queue and destination queue must be different queues.")
    if target is not None and target.attributes.fifo != source.attributes.fifo:
        raise InvalidParameterValue(
            "Source queue and destination queue must be of the same type: both FIFO or both "
            "standard."
        )


def check_pace(max_per_s: int | None) -> None:
    """Refuse a pace that is out of range; None is as fast as it goes.

    Raises:
        InvalidParameterValue: It is.
    """
    if max_per_s is not None and not 1 <= max_per_s <= MAX_PER_S:
        raise InvalidParameterValue(
            f"Value {max_per_s} for parameter MaxNumberOfMessagesPerSecond is invalid. "
            f"Reason: Must be between 1 and {MAX_PER_S}."
        )
