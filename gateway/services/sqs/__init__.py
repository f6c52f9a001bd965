"""Amazon SQS's queues as an engine: plain typed calls, messages on disk."""

from gateway.services.sqs.attributes import QueueAttributes
from gateway.services.sqs.errors import SqsError
from gateway.services.sqs.messages import NewMessage, Received
from gateway.services.sqs.queue import Queue
from gateway.services.sqs.service import QueueStatus, SqsService
from gateway.services.sqs.settings import QueueSettings
from gateway.services.sqs.state import Depths

__all__ = [
    "Depths",
    "NewMessage",
    "Queue",
    "QueueAttributes",
    "QueueSettings",
    "QueueStatus",
    "Received",
    "SqsError",
    "SqsService",
]
