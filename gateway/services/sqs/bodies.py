"""Message bodies: what AWS lets a body contain.

Owns the check; it runs for every message sent, so the common case (plain ASCII) is one pass at the
speed of memory.

Source: SendMessage in the Amazon SQS API reference, the characters allowed.
"""

from __future__ import annotations

from typing import Final

from gateway.services.sqs.errors import (
    InvalidMessageContents,
    InvalidParameterValue,
    MissingParameter,
)

__all__ = ["PLAIN", "check_body", "too_large"]

PLAIN: Final = bytes([0x09, 0x0A, 0x0D, *range(0x20, 0x80)])
"""The bytes that are allowed wherever they stand: a body of these alone needs no closer look."""

_ASCII_AND_PARTS: Final = PLAIN + bytes(range(0x80, 0x100))
_NOT_CHARACTERS: Final = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")  # U+FFFE and U+FFFF


def check_body(body: bytes, max_bytes: int) -> None:
    """Refuse a body that AWS would refuse.

    Args:
        body: The body, UTF-8.
        max_bytes: The queue's largest message.

    Raises:
        MissingParameter: It is empty.
        InvalidParameterValue: It is too large.
        InvalidMessageContents: It is no UTF-8, or has characters that XML 1.0 does not allow.
    """
    if not body:
        raise MissingParameter("The request must contain the parameter MessageBody.")
    if len(body) > max_bytes:
        raise too_large(max_bytes)
    if not body.translate(None, PLAIN):
        return
    try:
        body.decode("utf-8")  # surrogates are no valid UTF-8
    except UnicodeDecodeError as error:
        raise InvalidMessageContents(
            f"The message body is not valid UTF-8 at byte {error.start}."
        ) from None
    if body.translate(None, _ASCII_AND_PARTS) or any(code in body for code in _NOT_CHARACTERS):
        raise InvalidMessageContents(
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | "
            "#x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
        )


def too_large(max_bytes: int) -> InvalidParameterValue:
    """Return the error for a message over the queue's limit."""
    return InvalidParameterValue(
        "One or more parameters are invalid. Reason: Message must be shorter than "
        f"{max_bytes} bytes."
    )
