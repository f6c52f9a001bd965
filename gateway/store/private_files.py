"""Reading files that hold secrets: only plain ones that nobody else may change or read.

Owns who may touch such a file and how it is opened. Knows nothing of what is in it; nothing of that
goes into an error.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gateway.errors import GatewayError

__all__ = ["read_private"]


def read_private(
    path: Path,
    max_bytes: int,
    error: type[GatewayError],
    *,
    remedy: str,
    forbidden: int = 0o077,
) -> bytes | None:
    """Return the file's content, or None where there is no file.

    The permissions are those of the file that was opened, not of what the name meant before.

    Args:
        path: The file. A link is not followed.
        max_bytes: The most it may have.
        error: What is raised where it cannot be used.
        remedy: What to do besides `chmod` where others may have read it, after a semicolon.
        forbidden: Permission bits that it must not have.

    Raises:
        GatewayError: As `error` says: it is no plain file, others may touch it, or it is too large.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as failed:
        raise error(
            f"cannot open {path}: {failed.strerror}",
            hint="it must be a plain file that the gateway's user owns",
        ) from failed
    try:
        # Looked at before it is opened for reading: a folder cannot be.
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise error(f"{path} is not a plain file", hint="move it away")
        if found.st_uid not in (os.geteuid(), 0):
            raise error(
                f"{path} belongs to user {found.st_uid}, who could change it",
                hint=f"Run sudo chown {os.geteuid()} {path}",
            )
        if stat.S_IMODE(found.st_mode) & forbidden:
            raise error(
                f"{path} has mode {stat.S_IMODE(found.st_mode):04o}: others may read the secrets",
                hint=f"Run chmod 600 {path}; {remedy}",
            )
        if found.st_size > max_bytes:
            raise error(f"{path} is larger than {max_bytes} bytes: it is damaged")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(max_bytes)
    finally:
        os.close(descriptor)
