"""The settings of a queue, each default named once, with its unit and reason."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.services.sqs.attributes import (
    DEDUPLICATION_SCOPES,
    DEFAULT_ATTRIBUTES,
    DEFAULT_RETENTION_S,
    DEFAULT_VISIBILITY_TIMEOUT_S,
    FIFO_THROUGHPUT_LIMITS,
    MAX_MESSAGE_BYTES,
    RANGES,
    QueueAttributes,
)
from gateway.services.sqs.names import is_fifo_name, name_problem
from gateway.services.sqs.redrive_policy import MAX_RECEIVE_COUNT, RedrivePolicy

__all__ = ["QueueSettings", "queue_problems"]

# AWS's console proposes it.
DEFAULT_MAX_RECEIVE_COUNT: Final = 10


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """One `[[sqs.queues]]` section: a queue that is there whenever the gateway runs.

    Attributes are documented by their metadata, from which the settings reference is made.
    """

    name: str = field(
        metadata={
            "unit": "text",
            "doc": "The queue's name: 1 to 80 letters, digits, hyphens and underscores, and "
            "`.fifo` at the end of a FIFO queue's. Rules and clients name it by the last part of "
            "its URL or ARN.",
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

    fifo: bool = field(
        default=False,
        metadata={
            "unit": "true or false",
            "doc": "Whether it is a FIFO queue: messages of one group come out in the order in "
            "which they were sent, and a message that is sent twice is kept once. AWS's FifoQueue; "
            "it goes with a name that ends in `.fifo`, and never changes.",
        },
    )
    content_based_deduplication: bool = field(
        default=False,
        metadata={
            "unit": "true or false",
            "doc": "FIFO queues: whether the digest of the body stands in for a deduplication id "
            "that a sender leaves out. AWS's ContentBasedDeduplication.",
        },
    )
    deduplication_scope: str = field(
        default="queue",
        metadata={
            "unit": "queue or messageGroup",
            "doc": "FIFO queues: within what a deduplication id tells messages apart. AWS's "
            "DeduplicationScope.",
        },
    )
    fifo_throughput_limit: str = field(
        default="perQueue",
        metadata={
            "unit": "perQueue or perMessageGroupId",
            "doc": "FIFO queues: AWS's FifoThroughputLimit, kept and given back; Weir limits "
            "neither. `perMessageGroupId` needs `deduplication_scope` `messageGroup`.",
        },
    )
    dead_letter_queue: str | None = field(
        default=None,
        metadata={
            "unit": "text",
            "doc": "The name of another queue in this file, of the same kind, to which messages go "
            "that have been received `max_receive_count` times without being deleted.",
        },
    )
    max_receive_count: int = field(
        default=DEFAULT_MAX_RECEIVE_COUNT,
        metadata={
            "unit": "receives",
            "doc": "How often a message may be received before it goes to `dead_letter_queue`. The "
            "maxReceiveCount of AWS's RedrivePolicy, 1 to 1000.",
        },
    )
    managed_sse: bool = field(
        default=False,
        metadata={
            "unit": "true or false",
            "doc": "Whether message bodies are encrypted on disk with a key of the gateway's own. "
            "AWS's SqsManagedSseEnabled.",
        },
    )
    kms_master_key_id: str | None = field(
        default=None,
        metadata={
            "unit": "text",
            "doc": "Encrypts message bodies on disk with one of the gateway's own keys, which "
            "`weir keys` makes: its alias, such as `alias/greenhouse`, its id, or an ARN that ends "
            "in one. AWS's KmsMasterKeyId. Not beside `managed_sse`.",
        },
    )

    def problems(self) -> list[str]:
        """Return what cannot be used in these settings, a sentence each."""
        found = []
        problem = name_problem(self.name, fifo=is_fifo_name(self.name))
        if problem:
            found.append(f'the queue\'s name "{self.name}" cannot be used: {problem}')
        for key, attribute in _NUMBERS.items():
            low, high = RANGES.get(attribute, (1, MAX_RECEIVE_COUNT))
            if not low <= getattr(self, key) <= high:
                found.append(
                    f"{key} is {getattr(self, key)}; it must be between {low} and {high} (AWS's "
                    f"{attribute})"
                )
        asks = self.max_receive_count != DEFAULT_MAX_RECEIVE_COUNT
        if asks and not found and self.dead_letter_queue is None:
            found.append("max_receive_count does nothing without dead_letter_queue; add that")
        return found + self._fifo_problems() + self._key_problems()

    def _fifo_problems(self) -> list[str]:
        if is_fifo_name(self.name) and not self.fifo:
            return [
                f'name is "{self.name}", which is a FIFO queue\'s; set fifo = true, or use a name '
                "without .fifo"
            ]
        if self.fifo and not is_fifo_name(self.name):
            return [f'fifo is true; the name "{self.name}" must end in .fifo then']
        found = []
        for key, allowed in _FIFO_KEYS.items():
            value, default = getattr(self, key), allowed[0]
            if not self.fifo and value != default:
                found.append(f"{key} is for FIFO queues; remove it, or set fifo = true")
            elif value not in allowed:
                found.append(f'{key} is "{value}"; use "{allowed[0]}" or "{allowed[1]}"')
        if found or self.fifo_throughput_limit != "perMessageGroupId":
            return found
        if self.deduplication_scope != "messageGroup":
            found.append(
                'fifo_throughput_limit is "perMessageGroupId"; deduplication_scope must be '
                '"messageGroup" then'
            )
        return found

    def _key_problems(self) -> list[str]:
        if self.managed_sse and self.kms_master_key_id is not None:
            return ["kms_master_key_id and managed_sse exclude each other; remove one of them"]
        if self.kms_master_key_id == "":
            return ["kms_master_key_id is empty; remove it, or name a key"]
        return []

    def attributes(
        self, base: QueueAttributes = DEFAULT_ATTRIBUTES, dead_letter_target_arn: str = ""
    ) -> QueueAttributes:
        """Return the queue's attributes as the engine has them.

        Args:
            base: Where those come from that settings have no key for.
            dead_letter_target_arn: The ARN of `dead_letter_queue`; empty where there is none.
        """
        redrive = None
        if dead_letter_target_arn:
            redrive = RedrivePolicy(dead_letter_target_arn, self.max_receive_count)
        return dataclasses.replace(
            base,
            visibility_timeout_s=self.visibility_timeout_s,
            message_retention_s=self.message_retention_s,
            delay_s=self.delay_s,
            receive_wait_time_s=self.receive_wait_time_s,
            max_message_bytes=self.max_message_bytes,
            fifo=self.fifo,
            content_based_deduplication=self.content_based_deduplication,
            deduplication_scope=self.deduplication_scope,
            fifo_throughput_limit=self.fifo_throughput_limit,
            redrive=redrive,
            managed_sse=self.managed_sse,
            kms_master_key_id=self.kms_master_key_id or "",
        )


def queue_problems(queues: Sequence[QueueSettings]) -> list[tuple[int, str]]:
    """Return what is wrong between queues: the index of one, and a sentence on `dead_letter_queue`.

    Their order makes no difference.
    """
    names = {queue.name for queue in queues}
    found = []
    for index, queue in enumerate(queues):
        target = queue.dead_letter_queue
        if target is None:
            continue
        problem = ""
        if target == queue.name:
            problem = "which is the queue itself; name another"
        elif target not in names:
            problem = "but no queue in this file is named so; add it, or correct the name"
        elif is_fifo_name(target) != is_fifo_name(queue.name):
            problem = "but both must be FIFO queues, or neither; name another"
        if problem:
            found.append((index, f'dead_letter_queue is "{target}", {problem}'))
    return found


_NUMBERS: Final[Mapping[str, str]] = {
    "visibility_timeout_s": "VisibilityTimeout",
    "message_retention_s": "MessageRetentionPeriod",
    "delay_s": "DelaySeconds",
    "receive_wait_time_s": "ReceiveMessageWaitTimeSeconds",
    "max_message_bytes": "MaximumMessageSize",
    "max_receive_count": "maxReceiveCount",
}

# The default of each first.
_FIFO_KEYS: Final[Mapping[str, tuple[object, ...]]] = {
    "content_based_deduplication": (False, True),
    "deduplication_scope": DEDUPLICATION_SCOPES,
    "fifo_throughput_limit": FIFO_THROUGHPUT_LIMITS,
}
