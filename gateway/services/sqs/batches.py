"""Batch requests: what holds for the entries of any of them.

Source: SendMessageBatch, DeleteMessageBatch and ChangeMessageVisibilityBatch in the Amazon SQS API
reference.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from gateway.services.sqs.errors import (
    BatchEntryIdsNotDistinct,
    EmptyBatchRequest,
    InvalidBatchEntryId,
    TooManyEntriesInBatchRequest,
)

__all__ = ["MAX_ENTRIES", "check_batch"]

MAX_ENTRIES: Final = 10

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")


def check_batch(ids: Sequence[str], shape: str) -> None:
    """Refuse a batch as a whole.

    Args:
        ids: The entries' ids.
        shape: What an entry is called in the error.

    Raises:
        EmptyBatchRequest: There are none.
        TooManyEntriesInBatchRequest: There are more than ten.
        InvalidBatchEntryId: An id has other characters than AWS allows, or is too long.
        BatchEntryIdsNotDistinct: An id occurs twice.
    """
    if not ids:
        raise EmptyBatchRequest(f"There should be at least one {shape} in the request.")
    if len(ids) > MAX_ENTRIES:
        raise TooManyEntriesInBatchRequest(
            f"Maximum number of entries per request are {MAX_ENTRIES}. You have sent {len(ids)}."
        )
    seen: set[str] = set()
    for entry_id in ids:
        if _ID.fullmatch(entry_id) is None:
            raise InvalidBatchEntryId(
                "A batch entry id can only contain alphanumeric characters, hyphens and "
                "underscores. It can be at most 80 letters long."
            )
        if entry_id in seen:
            raise BatchEntryIdsNotDistinct(f"Id {entry_id} repeated.")
        seen.add(entry_id)
