"""Reading an object from a bucket's folder, without following links out of it.

Owns one small read. Knows nothing of the bucket's counts.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from gateway.services.s3.errors import DiskRefused, shown
from gateway.services.s3.folders import deepest, open_root
from gateway.services.s3.keys import file_names

__all__ = ["read_object"]

_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read_object(folder: Path, key: str, max_bytes: int) -> bytes | None:
    """Return the first `max_bytes` of an object and one more; None where there is none.

    Raises:
        KeyRefused: No object can have this key.
        DiskRefused: The file system refused.
    """
    *outer, name = file_names(key)
    at = -1
    try:
        root = open_root(folder)
        try:
            at, depth = deepest(root, tuple(outer))
        finally:
            os.close(root)
        if depth < len(outer):
            return None
        descriptor = os.open(name, _FILE, dir_fd=at)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            return file.read(max_bytes + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DiskRefused(
            f"the object {shown(key)} cannot be read: {error.strerror}",
            hint=f"Let the gateway's user read {folder}.",
        ) from error
    finally:
        if at >= 0:
            os.close(at)
