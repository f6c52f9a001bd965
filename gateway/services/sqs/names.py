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
    "FIFO_SUFFIX",
    "SEQUENCE_BITS",
    "check_name",
    "is_fifo_name",
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

FIFO_SUFFIX: Final = ".fifo"
"""What the names of FIFO queues end in, and no others."""

_MAX_NAME: Final = 80
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")


def is_fifo_name(name: str) -> bool:
    """Tell whether a queue of this name is a FIFO queue."""
    return name.endswith(FIFO_SUFFIX)


def name_problem(name: str, *, fifo: bool) -> str:
    """Return why this cannot be the name of such a queue; empty where it can."""
    stem = name.removesuffix(FIFO_SUFFIX) if fifo else name
    if len(name) <= _MAX_NAME and _NAME.fullmatch(stem) and is_fifo_name(name) == fifo:
        return ""
    if fifo:
        return (
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or "
            "underscores, must end with .fifo suffix and be 1 to 80 in length."
        )
    return "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"


def check_name(name: str, *, fifo: bool) -> None:
    """Refuse what cannot be the name of such a queue.

    Raises:
        InvalidParameterValue: It has other characters than AWS allows, is too long, or ends in
            `.fifo` though it is no FIFO queue's, or the other way round.
    """
    problem = name_problem(name, fifo=fifo)
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
