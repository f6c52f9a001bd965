"""The folders of a bucket: the way to an object, one folder after the other.

Owns opening and making them. Symbolic links are not followed, so nothing is read or written outside
the bucket's own folder. Knows nothing of objects, nor of room.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["FOLDER_MODE", "deepest", "open_or_make", "open_root"]

FOLDER_MODE: Final = 0o750

_OPEN_ROOT: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_OPEN_FOLDER: Final = _OPEN_ROOT | os.O_NOFOLLOW


def open_root(path: Path) -> int:
    """Open the bucket's own folder, which may be a link, unlike the rest."""
    return os.open(path, _OPEN_ROOT)


def deepest(root: int, names: tuple[bytes, ...]) -> tuple[int, int]:
    """Open the folders of a key as deep as there are any; return the last, and how many."""
    folder = os.dup(root)
    for depth, name in enumerate(names):
        try:
            inner = os.open(name, _OPEN_FOLDER, dir_fd=folder)
        except FileNotFoundError:
            return folder, depth
        except BaseException:
            os.close(folder)
            raise
        os.close(folder)
        folder = inner
    return folder, len(names)


def open_or_make(outer: int, name: bytes) -> tuple[int, bool]:
    """Open a folder in a folder; return it, and whether it had to be made."""
    try:
        return os.open(name, _OPEN_FOLDER, dir_fd=outer), False
    except FileNotFoundError:
        with suppress(FileExistsError):
            os.mkdir(name, FOLDER_MODE, dir_fd=outer)
        os.fsync(outer)
        return os.open(name, _OPEN_FOLDER, dir_fd=outer), True
