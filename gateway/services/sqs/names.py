"""Names of queues, and what identifies a queue and a message.

Owns how a queue is found from a URL or an ARN, and how the identifiers of rows become the texts
that clients see. Touches nothing.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final

from gateway.services.sqs.errors import InvalidParameterValue

__all__ = [
    "DELAYED_RANGE",
    "SEQUENCE_BITS",
    "check_name",
    "message_id",
    "name_problem",
    "queue_of_row",
    "resolve_name",
]

SEQUENCE_BITS: Final = 40
"""A message's row id is its queue's number, shifted by this, and its sequence number."""

DELAYED_RANGE: Final = 1 << 39
"""Messages sent with a delay have this bit too: a range of their own, so that a reader of fresh
messages never walks over delayed ones."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")
_NOT_YET_FIFO: Final = "FIFO queues are not there yet"


def name_problem(name: str) -> str:
    """Return why this cannot be a queue's name; empty where it can."""
    if name.endswith(".fifo"):
        return f"{_NOT_YET_FIFO}; use a name without .fifo"
    if _NAME.fullmatch(name) is None:
        return (
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )
    return ""


def check_name(name: str) -> None:
    """Refuse what cannot be a standard queue's name.

    Raises:
        InvalidParameterValue: It has other characters than AWS allows, or is too long.
    """
    problem = name_problem(name)
    if problem:
        raise InvalidParameterValue(problem)


def resolve_name(url_or_arn: str) -> str:
    """Return the queue's name: the last part, whatever host, region and account come before."""
    return re.split("[/:]", url_or_arn.rstrip("/"))[-1]


def queue_of_row(row_id: int) -> int:
    """Return the number of the queue that a message's row belongs to."""
    return row_id >> SEQUENCE_BITS


def message_id(uid: bytes, row_id: int) -> str:
    """Return the message id that clients see: a UUID that follows from queue and row.

    Nothing is drawn or kept per message, yet ids differ between queues and gateways.

    Args:
        uid: The queue's own random bytes.
        row_id: The message's row.
    """
    digest = blake2b(row_id.to_bytes(8, "big"), digest_size=16, key=uid).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:]}"
