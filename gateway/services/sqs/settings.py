"""The settings of a queue, each default named once, with its unit and reason."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.services.sqs.attributes import (
    DEFAULT_RETENTION_S,
    DEFAULT_VISIBILITY_TIMEOUT_S,
    MAX_MESSAGE_BYTES,
    RANGES,
    QueueAttributes,
)
from gateway.services.sqs.names import name_problem

__all__ = ["QueueSettings"]


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """One `[[sqs.queues]]` section: a queue that is there whenever the gateway runs.

    Attributes are documented by their metadata, from which the settings reference is made.
    """

    name: str = field(
        metadata={
            "unit": "text",
            "doc": "The queue's name: 1 to 80 letters, digits, hyphens and underscores. Rules and "
            "clients name it by the last part of its URL or ARN.",
        },
    )
    visibility_timeout_s: int = field(
        default=DEFAULT_VISIBILITY_TIMEOUT_S,
        metadata={
            "unit": "seconds",
            "doc": "How long a received message stays hidden from other receivers, unless it is "
            "deleted first. AWS's VisibilityTimeout, 0 to 43200.",
        },
    )
    message_retention_s: int = field(
        default=DEFAULT_RETENTION_S,
        metadata={
            "unit": "seconds",
            "doc": "How long a message is kept if nobody deletes it. AWS's "
            "MessageRetentionPeriod, 60 to 1209600. Counted in gateway time: setting the clock "
            "expires nothing.",
        },
    )
    delay_s: int = field(
        default=0,
        metadata={
            "unit": "seconds",
            "doc": "How long a new message stays hidden. AWS's DelaySeconds, 0 to 900. Messages "
            "of a queue with a delay cost two rows each instead of one.",
        },
    )
    receive_wait_time_s: int = field(
        default=0,
        metadata={
            "unit": "seconds",
            "doc": "How long a receive waits for a message where it does not say so itself. AWS's "
            "ReceiveMessageWaitTimeSeconds, 0 to 20.",
        },
    )
    max_message_bytes: int = field(
        default=MAX_MESSAGE_BYTES,
        metadata={
            "unit": "bytes",
            "doc": "Largest message, its attributes included. AWS's MaximumMessageSize, 1024 to "
            "1048576.",
        },
    )

    def problems(self) -> list[str]:
        """Return what cannot be used in these settings, a sentence each."""
        found = []
        problem = name_problem(self.name)
        if problem:
            found.append(f'the queue\'s name "{self.name}" cannot be used: {problem}')
        for key, attribute in _ATTRIBUTE_OF_KEY.items():
            low, high = RANGES[attribute]
            if not low <= getattr(self, key) <= high:
                found.append(
                    f"{key} is {getattr(self, key)}; it must be between {low} and {high} (AWS's "
                    f"{attribute})"
                )
        return found

    @property
    def attributes(self) -> QueueAttributes:
        """The queue's attributes as the engine has them."""
        return QueueAttributes(
            visibility_timeout_s=self.visibility_timeout_s,
            message_retention_s=self.message_retention_s,
            delay_s=self.delay_s,
            receive_wait_time_s=self.receive_wait_time_s,
            max_message_bytes=self.max_message_bytes,
        )


_ATTRIBUTE_OF_KEY = {
    "visibility_timeout_s": "VisibilityTimeout",
    "message_retention_s": "MessageRetentionPeriod",
    "delay_s": "DelaySeconds",
    "receive_wait_time_s": "ReceiveMessageWaitTimeSeconds",
    "max_message_bytes": "MaximumMessageSize",
}
