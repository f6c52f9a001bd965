"""Files that are either the old one or the new one, whatever happens in between.

Owns atomic replacement and preallocation; nothing else in the gateway writes state files. Every
call blocks for an fsync: from the event loop, call it on a thread.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["preallocate", "replace_atomically", "sync_directory"]


def replace_atomically(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put `data` at `path`, so that a crash leaves the old content or the new, never a mixture.

    Temporary file beside it, fsync, rename, fsync of the folder. The temporary file has its mode
    from the moment it exists.

    Args:
        path: The file to replace or create; its folder must exist.
        data: The whole new content.
        mode: Permission bits of the new file, whatever the process's umask.

    Raises:
        OSError: The file system refused; the old content is untouched.
    """
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        os.fchmod(descriptor, mode)
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        os.fsync(descriptor)
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    sync_directory(path.parent)


def preallocate(path: Path, size_bytes: int) -> None:
    """Create `path` with exactly `size_bytes` that the disk has really set aside.

    Raises:
        OSError: There is no room; nothing is left behind.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size_bytes)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Make the names in this folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
