"""From an object's key to the names of the folders and the file that it is.

Owns the mapping: pure, and no two keys share a file. A part of a key between slashes is a name as
it stands, unless a folder cannot have it:

    what                                        becomes
    an empty part (`a//b`, `/a`, `a/`)          %
    `.` and `..`                                %2E and %2E%2E
    a percent sign, a control character         %25, %0A, …

So no name ever leads out of the bucket's folder. A key that is too long, or has a part that is, is
refused.

Source: Amazon S3 User Guide, "Naming Amazon S3 objects"; POSIX.1-2017, 3.170 and 3.271 (names).
"""

from __future__ import annotations

import re
from typing import Final

from gateway.services.s3.errors import KeyRefused, shown

__all__ = ["TEMPORARY_FOLDER", "file_names"]

TEMPORARY_FOLDER: Final = b".%new"
"""Where files are written before they get their name; no part of a key becomes this."""

_MAX_KEY_BYTES: Final = 1024
_MAX_NAME_BYTES: Final = 255

_ESCAPED: Final = re.compile(r"[%\x00-\x1f\x7f]")


def file_names(key: str) -> tuple[bytes, ...]:
    """Return the names of the folders below the bucket's, and the file's last.

    Raises:
        KeyRefused: The key is empty or too long, or one of its parts is.
    """
    try:
        size_bytes = len(key.encode())
    except UnicodeEncodeError:
        raise KeyRefused(f"the key {shown(key)} holds half of a surrogate pair") from None
    if not key:
        raise KeyRefused("the key is empty", hint="Give the object a key.")
    if size_bytes > _MAX_KEY_BYTES:
        raise KeyRefused(
            f"the key {shown(key)} has {size_bytes} bytes; {_MAX_KEY_BYTES} is the most"
        )
    names = tuple(_name(part) for part in key.split("/"))
    for name in names:
        if len(name) > _MAX_NAME_BYTES:
            raise KeyRefused(
                f"a part of the key {shown(key)} is a file name of {len(name)} bytes; "
                f"{_MAX_NAME_BYTES} is the most",
                hint="Put slashes into the key.",
            )
    return names


def _name(part: str) -> bytes:
    if part in ("", ".", ".."):
        return part.replace(".", "%2E").encode() or b"%"
    return _ESCAPED.sub(lambda found: f"%{ord(found[0]):02X}", part).encode()
