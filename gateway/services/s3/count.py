"""Counting what a bucket's folder holds, while objects may come into it.

Owns the walk and what is added to it by those who write meanwhile. Symbolic links are not followed.
"""

from __future__ import annotations

import os
import stat
import threading
from typing import Final, final

from gateway.services.s3.keys import TEMPORARY_FOLDER

__all__ = ["FolderCount", "weight"]

_BLOCK_BYTES: Final = 4096


def weight(size_bytes: int) -> int:
    """Return what a file of this size, or a folder, takes of a disk: whole blocks, one at least."""
    return max(-(-size_bytes // _BLOCK_BYTES), 1) * _BLOCK_BYTES


@final
class FolderCount:
    """One count.

    An object that was there before and is replaced after the walk has passed it, or a folder made
    before the walk comes to it, counts twice until the next count: too much, never too little.

    Args:
        stopping: Set to end the walk early.

    Attributes:
        objects: Files found or added.
        used_bytes: What they and their folders weigh.
        problem: What could not be read; empty where everything could.
    """

    __slots__ = ("_left_out", "_stopping", "objects", "problem", "used_bytes")

    def __init__(self, stopping: threading.Event) -> None:
        self.objects = 0
        self.used_bytes = 0
        self.problem = ""
        self._left_out: set[int] = set()
        self._stopping = stopping

    def leave_out(self, inode: int) -> None:
        """Do not count this file when the walk meets it: its writer does."""
        self._left_out.add(inode)

    def note(self, before: os.stat_result | None, after: os.stat_result) -> None:
        """Count a file that was written during the walk."""
        self.objects += 1
        self.used_bytes += weight(after.st_size)
        if before is not None and before.st_ino in self._left_out:  # counted here as well
            self.objects -= 1
            self.used_bytes -= weight(before.st_size)

    def walk(self, root: bytes) -> bool:
        """Count everything below `root`; False where it was stopped before the end."""
        folders = [root]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if self._stopping.is_set():
                            return False
                        self._entry(entry, folder == root, folders)
            except FileNotFoundError:
                continue
            except OSError as error:
                shown = os.fsdecode(folder)
                self.problem = f"cannot count the files in {shown!r}: {error.strerror}"
        return True

    def _entry(self, entry: os.DirEntry[bytes], at_root: bool, folders: list[bytes]) -> None:
        if entry.is_dir(follow_symlinks=False):
            if not (at_root and entry.name == TEMPORARY_FOLDER):
                folders.append(entry.path)
                self.used_bytes += weight(0)
            return
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        if stat.S_ISREG(found.st_mode) and found.st_ino not in self._left_out:
            self.objects += 1
            self.used_bytes += weight(found.st_size)
