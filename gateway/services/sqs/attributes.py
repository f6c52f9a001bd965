"""Queue attributes: AWS's names and ranges on one side, typed values on the other.

Owns what may be set and within which limits; knows nothing of queues. What is not served yet is
refused, never kept and ignored.

Source: the attributes of CreateQueue in the Amazon SQS API reference.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.services.sqs.errors import (
    InvalidAttributeName,
    InvalidAttributeValue,
    UnsupportedOperation,
)

__all__ = [
    "DEFAULT_RETENTION_S",
    "DEFAULT_VISIBILITY_TIMEOUT_S",
    "MAX_DELAY_S",
    "MAX_MESSAGE_BYTES",
    "MAX_VISIBILITY_TIMEOUT_S",
    "MAX_WAIT_TIME_S",
    "RANGES",
    "QueueAttributes",
    "parse_attributes",
]

MAX_VISIBILITY_TIMEOUT_S: Final = 43_200
MAX_WAIT_TIME_S: Final = 20
MAX_DELAY_S: Final = 900
MAX_MESSAGE_BYTES: Final = 1_048_576
DEFAULT_VISIBILITY_TIMEOUT_S: Final = 30
DEFAULT_RETENTION_S: Final = 345_600

RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "VisibilityTimeout": (0, MAX_VISIBILITY_TIMEOUT_S),
    "MessageRetentionPeriod": (60, 1_209_600),
    "DelaySeconds": (0, MAX_DELAY_S),
    "ReceiveMessageWaitTimeSeconds": (0, MAX_WAIT_TIME_S),
    "MaximumMessageSize": (1024, MAX_MESSAGE_BYTES),
}
"""Lowest and highest value of each attribute that can be set."""

_FIELDS: Final[Mapping[str, str]] = {
    "VisibilityTimeout": "visibility_timeout_s",
    "MessageRetentionPeriod": "message_retention_s",
    "DelaySeconds": "delay_s",
    "ReceiveMessageWaitTimeSeconds": "receive_wait_time_s",
    "MaximumMessageSize": "max_message_bytes",
}

_READ_ONLY: Final = frozenset(
    {
        "All",
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesDelayed",
        "ApproximateNumberOfMessagesNotVisible",
        "CreatedTimestamp",
        "LastModifiedTimestamp",
        "QueueArn",
    }
)

_NOT_YET: Final[Mapping[str, str]] = {
    "FifoQueue": "FIFO queues",
    "ContentBasedDeduplication": "FIFO queues",
    "DeduplicationScope": "FIFO queues",
    "FifoThroughputLimit": "FIFO queues",
    "RedrivePolicy": "Dead-letter queues",
    "RedriveAllowPolicy": "Dead-letter queues",
    "KmsMasterKeyId": "Queues encrypted at rest",
    "KmsDataKeyReusePeriodSeconds": "Queues encrypted at rest",
    "SqsManagedSseEnabled": "Queues encrypted at rest",
    "Policy": "Queue policies",
}


@dataclass(frozen=True, slots=True)
class QueueAttributes:
    """What can be set of a queue.

    Attributes:
        visibility_timeout_s: How long a received message stays hidden.
        message_retention_s: How long a message is kept.
        delay_s: How long a new message stays hidden.
        receive_wait_time_s: How long a receive waits that does not say so itself.
        max_message_bytes: Largest message, its message attributes included.
    """

    visibility_timeout_s: int = DEFAULT_VISIBILITY_TIMEOUT_S
    message_retention_s: int = DEFAULT_RETENTION_S
    delay_s: int = 0
    receive_wait_time_s: int = 0
    max_message_bytes: int = MAX_MESSAGE_BYTES

    def texts(self) -> dict[str, str]:
        """Return the attributes under AWS's names, as AWS writes them."""
        texts = {name: str(getattr(self, field)) for name, field in _FIELDS.items()}
        texts["SqsManagedSseEnabled"] = "false"  # it is so: bodies are not encrypted at rest yet
        return texts

    def agrees_with(self, texts: Mapping[str, str]) -> bool:
        """Tell whether a CreateQueue with these attributes means a queue like this.

        Raises:
            SqsError: An attribute cannot be set, or not to this value.
        """
        return parse_attributes(texts, self) == self


def parse_attributes(
    texts: Mapping[str, str], base: QueueAttributes = QueueAttributes()
) -> QueueAttributes:
    """Return `base` with the attributes that a request names.

    Args:
        texts: Values under AWS's names.
        base: Where the others come from.

    Raises:
        InvalidAttributeName: An attribute does not exist or cannot be set.
        InvalidAttributeValue: A value is no number or out of its range.
        UnsupportedOperation: AWS has the attribute, this gateway does not yet.
    """
    values: dict[str, int] = {}
    for name, text in texts.items():
        field = _FIELDS.get(name)
        if field is not None:
            values[field] = _number(name, text)
        elif name == "SqsManagedSseEnabled" and text.lower() == "false":
            continue  # what is asked for is how it is
        elif name in _NOT_YET:
            raise UnsupportedOperation(
                f"{_NOT_YET[name]} are not there yet: the attribute {name} cannot be set."
            )
        elif name in _READ_ONLY:
            raise InvalidAttributeName(f"The attribute {name} cannot be set.")
        else:
            raise InvalidAttributeName(f"Unknown Attribute {name[:80]}.")
    return dataclasses.replace(base, **values)


def _number(name: str, text: str) -> int:
    low, high = RANGES[name]
    # Nine digits hold every range; int() of a very long text would take long.
    if text.isascii() and text.isdigit() and len(text) <= 9 and low <= int(text) <= high:
        return int(text)
    raise InvalidAttributeValue(
        f"Invalid value for the parameter {name}: must be between {low} and {high}."
    )
