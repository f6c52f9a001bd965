"""Keys and queues: that a queue's key is there before it is needed, and that none has been lost.

Owns both checks; seals nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from gateway.services.sqs.attributes import QueueAttributes
from gateway.services.sqs.names import SEQUENCE_BITS
from gateway.services.sqs.record import QueueRecord
from gateway.services.sqs.sealing.bodies import SEALED
from gateway.store.encryption import SQS_MANAGED, KeyNotFound, KeyRing

__all__ = ["ensure_key", "lost_keys"]

# How many messages at either end of a queue are looked at; all of them would take long.
_LOOKED_AT: Final = 100

_FLAGS: Final = "SELECT flags FROM sqs_message WHERE id >= ? AND id < ? ORDER BY id {} LIMIT ?"


async def ensure_key(keys: KeyRing, attributes: QueueAttributes) -> None:
    """Have the key made that a queue's attributes ask for, where it is one of the gateway's own.

    A key that a person has to make may be missing: AWS takes such attributes, and refuses to send.

    Raises:
        KeyFileError: It could not be written.
    """
    if not attributes.encrypted:
        return
    key_id = attributes.kms_master_key_id
    try:
        await keys.ensure(keys.resolve(key_id) if key_id else SQS_MANAGED)
    except KeyNotFound:
        return


def lost_keys(
    reader: sqlite3.Connection, keys: KeyRing, records: Iterable[QueueRecord]
) -> list[str]:
    """Return the names of queues that hold sealed messages though there is no file of keys.

    Where there are any, no key may be made: a new file would stand in the way of the old one, and
    nobody would notice what has been lost.
    """
    if keys.existed:
        return []
    return [record.name for record in records if _holds_sealed(reader, record)]


def _holds_sealed(reader: sqlite3.Connection, record: QueueRecord) -> bool:
    first = record.number << SEQUENCE_BITS
    span = (first, first + (1 << SEQUENCE_BITS), _LOOKED_AT)
    return any(
        found & SEALED
        for order in ("ASC", "DESC")
        for (found,) in reader.execute(_FLAGS.format(order), span)
    )
