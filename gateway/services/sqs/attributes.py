"""Queue attributes: typed values, and how they read under AWS's names.

Owns what a queue can be told and within which ranges. Knows nothing of queues, and nothing of
requests: what a text means is `attribute_parsing`'s business.

Source: the attributes of CreateQueue in the Amazon SQS API reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.services.sqs.redrive_policy import RedrivePolicy

__all__ = [
    "DEDUPLICATION_SCOPES",
    "DEFAULT_ATTRIBUTES",
    "DEFAULT_KEY_REUSE_S",
    "DEFAULT_RETENTION_S",
    "DEFAULT_VISIBILITY_TIMEOUT_S",
    "FIFO_THROUGHPUT_LIMITS",
    "MAX_DELAY_S",
    "MAX_MESSAGE_BYTES",
    "MAX_VISIBILITY_TIMEOUT_S",
    "MAX_WAIT_TIME_S",
    "NUMBERS",
    "RANGES",
    "QueueAttributes",
]

MAX_VISIBILITY_TIMEOUT_S: Final = 43_200
MAX_WAIT_TIME_S: Final = 20
MAX_DELAY_S: Final = 900
MAX_MESSAGE_BYTES: Final = 1_048_576
DEFAULT_VISIBILITY_TIMEOUT_S: Final = 30
DEFAULT_RETENTION_S: Final = 345_600
DEFAULT_KEY_REUSE_S: Final = 300

DEDUPLICATION_SCOPES: Final = ("queue", "messageGroup")
FIFO_THROUGHPUT_LIMITS: Final = ("perQueue", "perMessageGroupId")

RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "VisibilityTimeout": (0, MAX_VISIBILITY_TIMEOUT_S),
    "MessageRetentionPeriod": (60, 1_209_600),
    "DelaySeconds": (0, MAX_DELAY_S),
    "ReceiveMessageWaitTimeSeconds": (0, MAX_WAIT_TIME_S),
    "MaximumMessageSize": (1024, MAX_MESSAGE_BYTES),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
}
"""Lowest and highest value of each attribute that is a number."""

NUMBERS: Final[Mapping[str, str]] = {
    "VisibilityTimeout": "visibility_timeout_s",
    "MessageRetentionPeriod": "message_retention_s",
    "DelaySeconds": "delay_s",
    "ReceiveMessageWaitTimeSeconds": "receive_wait_time_s",
    "MaximumMessageSize": "max_message_bytes",
    "KmsDataKeyReusePeriodSeconds": "kms_data_key_reuse_s",
}
"""Where each of them is kept."""


@dataclass(frozen=True, slots=True)
class QueueAttributes:
    """What can be told a queue.

    Attributes:
        visibility_timeout_s: How long a received message stays hidden.
        message_retention_s: How long a message is kept.
        delay_s: How long a new message stays hidden.
        receive_wait_time_s: How long a receive waits that does not say so itself.
        max_message_bytes: Largest message, its message attributes included.
        fifo: Whether it is a FIFO queue; its name ends in `.fifo` then, and that never changes.
        content_based_deduplication: Whether a body's digest stands in for a deduplication id.
        deduplication_scope: `queue` or `messageGroup`: within what ids are told apart.
        fifo_throughput_limit: `perQueue` or `perMessageGroupId`.
        redrive: Where messages go that have been received too often; None for nowhere.
        redrive_allow_policy: Whose dead-letter queue this may be, as JSON; empty for anybody's.
        policy: The queue's policy, as JSON; empty for none.
        kms_master_key_id: The key that bodies are encrypted with; empty for none.
        kms_data_key_reuse_s: How long a data key is used; told of only beside a key.
        managed_sse: Whether bodies are encrypted with a key of the gateway's own.
    """

    visibility_timeout_s: int = DEFAULT_VISIBILITY_TIMEOUT_S
    message_retention_s: int = DEFAULT_RETENTION_S
    delay_s: int = 0
    receive_wait_time_s: int = 0
    max_message_bytes: int = MAX_MESSAGE_BYTES
    fifo: bool = False
    content_based_deduplication: bool = False
    deduplication_scope: str = "queue"
    fifo_throughput_limit: str = "perQueue"
    redrive: RedrivePolicy | None = None
    redrive_allow_policy: str = ""
    policy: str = ""
    kms_master_key_id: str = ""
    kms_data_key_reuse_s: int = DEFAULT_KEY_REUSE_S
    managed_sse: bool = False

    @property
    def encrypted(self) -> bool:
        """Whether bodies are encrypted on disk."""
        return self.managed_sse or bool(self.kms_master_key_id)

    def texts(self) -> dict[str, str]:
        """Return the attributes under AWS's names, as AWS writes them.

        What has not been set is absent, as are FIFO queues' attributes on standard queues.
        """
        texts = {name: str(getattr(self, field)) for name, field in NUMBERS.items()}
        texts["SqsManagedSseEnabled"] = _text(self.managed_sse)
        if self.kms_master_key_id:
            texts["KmsMasterKeyId"] = self.kms_master_key_id
        else:
            del texts["KmsDataKeyReusePeriodSeconds"]
        if self.fifo:
            texts["FifoQueue"] = "true"
            texts["ContentBasedDeduplication"] = _text(self.content_based_deduplication)
            texts["DeduplicationScope"] = self.deduplication_scope
            texts["FifoThroughputLimit"] = self.fifo_throughput_limit
        if self.redrive is not None:
            texts["RedrivePolicy"] = self.redrive.text()
        if self.redrive_allow_policy:
            texts["RedriveAllowPolicy"] = self.redrive_allow_policy
        if self.policy:
            texts["Policy"] = self.policy
        return texts


DEFAULT_ATTRIBUTES: Final = QueueAttributes()
"""What a queue is told that nobody tells anything."""


def _text(value: bool) -> str:
    return "true" if value else "false"
