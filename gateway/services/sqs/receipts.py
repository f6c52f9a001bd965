"""Receipt handles: which message a receiver holds, and the proof that it was given it.

Owns the text's form. A handle names the message's row and carries a nonce, drawn anew at each
receive and kept in the row: it cannot be guessed, works after a restart, and a later receive makes
it worthless.
"""

from __future__ import annotations

import binascii
import os
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from gateway.services.sqs.errors import ReceiptHandleIsInvalid
from gateway.services.sqs.names import queue_of_row

__all__ = ["NONCE_BYTES", "draw_nonces", "make_handle", "read_handle"]

NONCE_BYTES: Final = 12

_FORMAT: Final = struct.Struct(f">Bq{NONCE_BYTES}s")
_VERSION: Final = 1
_TEXT_LENGTH: Final = -(-_FORMAT.size // 3) * 4


def draw_nonces(count: int) -> list[bytes]:
    """Return nonces for this many messages, with one call to the system."""
    drawn = os.urandom(NONCE_BYTES * count)
    return [drawn[at : at + NONCE_BYTES] for at in range(0, len(drawn), NONCE_BYTES)]


def make_handle(row_id: int, nonce: bytes) -> str:
    """Return the receipt handle of one receive."""
    return urlsafe_b64encode(_FORMAT.pack(_VERSION, row_id, nonce)).decode("ascii")


def read_handle(handle: str, queue: int) -> tuple[int, bytes]:
    """Return row and nonce of a handle that this queue gave out.

    Raises:
        ReceiptHandleIsInvalid: It is no handle, or another queue's.
    """
    if len(handle) != _TEXT_LENGTH or not handle.isascii():
        raise ReceiptHandleIsInvalid(handle)
    try:
        version, row_id, nonce = _FORMAT.unpack(urlsafe_b64decode(handle))
    except (binascii.Error, struct.error):
        raise ReceiptHandleIsInvalid(handle) from None
    if version != _VERSION or queue_of_row(row_id) != queue:
        raise ReceiptHandleIsInvalid(handle)
    return row_id, nonce
