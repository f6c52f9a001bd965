"""What a local bucket refuses, and what to do about it.

Owns the tree and the bound on what of a payload goes into a sentence. Knows no bucket.
"""

from __future__ import annotations

from typing import Final

from gateway.errors import Disposition, GatewayError

__all__ = ["BucketError", "BucketFull", "DiskRefused", "KeyRefused", "NoSuchBucket", "shown"]

_SHOWN_CHARACTERS: Final = 120


def shown(text: str) -> str:
    """Return a text that may be a payload's as a sentence can hold it."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…")


class BucketError(GatewayError):
    """The root of what a bucket refuses."""

    code = "bucket"
    disposition = Disposition.QUARANTINE


class NoSuchBucket(BucketError):  # noqa: N818 - named after the state
    """No bucket of this name is declared."""

    code = "no-such-bucket"


class KeyRefused(BucketError):  # noqa: N818
    """The folder cannot hold an object of this key."""

    code = "key-refused"


class BucketFull(BucketError):  # noqa: N818
    """The bucket, or its disk, holds as much as the settings allow."""

    code = "bucket-full"
    disposition = Disposition.RETRY


class DiskRefused(BucketError):  # noqa: N818
    """The file system refused: no room, no permission, an error of the device."""

    code = "disk-refused"
    disposition = Disposition.RETRY
