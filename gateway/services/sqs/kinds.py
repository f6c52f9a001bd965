"""Which kind of queue a record describes."""

from __future__ import annotations

from gateway.services.sqs.batch import SharedParts
from gateway.services.sqs.fifo.queue import FifoQueue
from gateway.services.sqs.queue import Queue
from gateway.services.sqs.record import QueueRecord
from gateway.services.sqs.standard import StandardQueue
from gateway.services.sqs.state import QueueState

__all__ = ["make_queue"]


def make_queue(record: QueueRecord, state: QueueState, parts: SharedParts) -> Queue:
    """Return the queue of a record, with the counters it was committed with."""
    if not record.attributes.fifo:
        return StandardQueue(record, state, parts)
    queue = FifoQueue(record, state, parts)
    queue.reload()
    return queue
