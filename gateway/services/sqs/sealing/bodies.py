"""The bodies of one queue, sealed and opened.

Owns what a sealed body is bound to: the queue that has its row, and the row, so that one put in
another's place does not open. Whether a body is sealed stands in its row's flags; a queue that is
no longer encrypted opens what was sealed before. As at AWS, attributes and all else stay readable.

Source: "Encryption at rest in Amazon SQS", Amazon SQS Developer Guide.
"""

from __future__ import annotations

import logging
from typing import Final, final

from gateway.services.sqs.attributes import QueueAttributes
from gateway.services.sqs.errors import KmsDisabled, KmsNotFound, SqsError
from gateway.services.sqs.names import DELAYED_RANGE
from gateway.store.encryption import (
    SQS_MANAGED,
    Damaged,
    EncryptionError,
    KeyDisabled,
    KeyNotFound,
    KeyRing,
    Sealer,
)

__all__ = ["SEALED", "QueueBodies", "in_aws_terms"]

log = logging.getLogger(__name__)

SEALED: Final = 2
"""The bit of a message's flags that says that its body is sealed."""

# So many messages of a queue share a subkey: far fewer than random nonces allow.
_SUBKEY_BITS: Final = 24


@final
class QueueBodies:
    """Seals and opens the bodies of one queue.

    Args:
        keys: The gateway's keys.
        uid: The queue's own random bytes.

    Attributes:
        sealed: Whether new bodies are sealed.
    """

    __slots__ = ("_key_id", "_keys", "_prefix", "_sealer", "_told", "_told_lost", "sealed")

    def __init__(self, keys: KeyRing, uid: bytes) -> None:
        self._keys = keys
        self._prefix = b"sqs-body" + uid
        self._key_id: str | None = None
        self._sealer: Sealer | None = None
        self._told = False
        self._told_lost = False
        self.sealed = False

    def configure(self, attributes: QueueAttributes) -> None:
        """Seal new bodies as the queue's attributes say."""
        self._key_id = attributes.kms_master_key_id or None
        self._sealer = None
        self.sealed = attributes.encrypted

    def can_seal(self) -> bool:
        """Tell whether new bodies can be kept as the queue's attributes say; where not, log why."""
        problem = self.problem()
        if problem and not self._told:
            log.warning("nothing can be moved to an encrypted queue: %s", problem)
        self._told = bool(problem)
        return not problem

    def problem(self) -> str:
        """Return why new bodies cannot be kept as the queue's attributes say; empty if they can."""
        if not self.sealed:
            return ""
        try:
            self._keys.sealer(self._key())
        except (KeyNotFound, KeyDisabled) as error:
            return error.told()
        return ""

    def seal(self, row_id: int, body: bytes) -> bytes:
        """Return a body as it is kept.

        Raises:
            KmsNotFound: There is no such key.
            KmsDisabled: It is disabled.
        """
        return self._seal(self, row_id, body)

    def keep(self, row_id: int, body: bytes, came_from: QueueBodies) -> tuple[bytes, int]:
        """Return the body of a message that comes from another queue as it is kept, and its flag.

        What comes from an encrypted queue stays encrypted where this one is not.

        Raises:
            KmsNotFound: There is no such key.
            KmsDisabled: It is disabled.
        """
        if self.sealed:
            return self.seal(row_id, body), SEALED
        if came_from.sealed:
            return self._seal(came_from, row_id, body), SEALED
        return body, 0

    def open(self, row_id: int, flags: int, body: bytes) -> bytes | None:
        """Return a body as it was sent; None, logged once, where it cannot be opened any more.

        So it is where it was changed on the disk, or its key was lost: the others must not wait
        for it.

        Raises:
            KmsDisabled: The key is disabled.
        """
        if not flags & SEALED:
            return body
        try:
            return self._keys.unseal(body, self._context(row_id), _bound_to(row_id))
        except (Damaged, KeyNotFound) as error:
            if not self._told_lost:
                log.error("messages that cannot be opened are passed over: %s", error.told())
            self._told_lost = True
            return None
        except KeyDisabled as error:
            raise in_aws_terms(error) from error

    def seal_anew(self, row_id: int, body: bytes) -> bytes | None:
        """Return a sealed body as the newest version of the same key seals it.

        None where that has sealed it already, or where it cannot be opened.

        Raises:
            KmsDisabled: The key is disabled.
        """
        try:
            if self._keys.is_current(body):
                return None
            opened = self.open(row_id, SEALED, body)
            if opened is None:
                return None
            sealer = self._keys.sealer(self._keys.sealed_with(body))
            return sealer.seal(opened, self._context(row_id), _bound_to(row_id))
        except (Damaged, KeyNotFound):
            return None
        except KeyDisabled as error:
            raise in_aws_terms(error) from error

    def _seal(self, keyed: QueueBodies, row_id: int, body: bytes) -> bytes:
        """Return a body sealed for this queue with the key of `keyed`."""
        try:
            if keyed._sealer is None:
                keyed._sealer = self._keys.sealer(keyed._key())
            return keyed._sealer.seal(body, self._context(row_id), _bound_to(row_id))
        except (KeyNotFound, KeyDisabled) as error:
            raise in_aws_terms(error) from error

    def _key(self) -> str:
        return SQS_MANAGED if self._key_id is None else self._keys.resolve(self._key_id)

    def _context(self, row_id: int) -> bytes:
        share = (row_id & (DELAYED_RANGE - 1)) >> _SUBKEY_BITS
        return self._prefix + share.to_bytes(2, "big")


def _bound_to(row_id: int) -> bytes:
    return row_id.to_bytes(8, "big")


def in_aws_terms(error: EncryptionError) -> SqsError:
    """Return what SQS says where a key cannot be used."""
    kind = KmsDisabled if isinstance(error, KeyDisabled) else KmsNotFound
    return kind(str(error), hint=error.hint)
