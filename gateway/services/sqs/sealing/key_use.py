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
from gateway.store.encryption import SQS_MANAGED, KeyFileError, KeyNotFound, KeyRing

__all__ = ["check_keys", "ensure_key"]

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


def check_keys(reader: sqlite3.Connection, keys: KeyRing, records: Iterable[QueueRecord]) -> None:
    """Refuse to go on where messages are sealed and there is no file of keys.

    A new key would be made, and what was sealed before be lost for good, with nobody noticing.

    Raises:
        KeyFileError: It is so.
    """
    if keys.existed:
        return
    for record in records:
        first = record.number << SEQUENCE_BITS
        span = (first, first + (1 << SEQUENCE_BITS), _LOOKED_AT)
        for order in ("ASC", "DESC"):
            flags = reader.execute(_FLAGS.format(order), span)
            if any(found & SEALED for (found,) in flags):
                raise KeyFileError(
                    f"the queue {record.name} holds encrypted messages, but there is no file of "
                    "keys",
                    hint="Put keys.json back into the data folder from a backup; without it these "
                    "messages cannot be read.",
                )
