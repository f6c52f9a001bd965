"""One bucket: a folder, and how an object gets into it without a crash ever showing half of one.

Owns the file system calls, which block, so that everything here is called on a thread.

A new object is written to a file in `.%new`, fsynced, renamed to its place, and the folder fsynced.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, final

from gateway.services.s3.count import FolderCount, weight
from gateway.services.s3.errors import BucketFull, DiskRefused, KeyRefused, shown
from gateway.services.s3.folders import FOLDER_MODE, deepest, open_or_make, open_root
from gateway.services.s3.keys import TEMPORARY_FOLDER, file_names
from gateway.services.s3.settings import BucketSettings

__all__ = ["Bucket"]

_FILE_MODE: Final = 0o640
_OPEN_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

# What a name can meet that another key would not.
_NAME_ERRORS: Final = frozenset((errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ))
_NO_FOLDER: Final = frozenset((errno.ENOTDIR, errno.ELOOP))
_NO_ROOM: Final = frozenset((errno.ENOSPC, errno.EDQUOT))

# People move objects away behind our back: a full bucket is counted anew, but not all the time.
RECOUNT_S: Final = 30.0


@final
class Bucket:
    """One bucket's folder.

    Args:
        settings: Its settings.
        monotonic_s: Tells when it may be counted again.

    Attributes:
        settings: Its settings.
        objects: Files in it, as far as they are counted.
        used_bytes: What they and their folders take of the disk, by whole blocks.
        counted: Whether everything was counted since the start.
        refused: Objects refused since the start, for whatever reason.
        last_error: What went wrong last; empty where nothing did.
    """

    __slots__ = (
        "_count",
        "_lock",
        "_monotonic_s",
        "_numbers",
        "_recount_at_s",
        "_stopping",
        "counted",
        "last_error",
        "objects",
        "refused",
        "settings",
        "used_bytes",
    )

    def __init__(
        self, settings: BucketSettings, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings
        self.objects = 0
        self.used_bytes = 0
        self.counted = False
        self.refused = 0
        self.last_error = ""
        self._monotonic_s = monotonic_s
        self._recount_at_s = monotonic_s()
        self._lock = threading.Lock()  # one writer at a time
        self._numbers = itertools.count(1)
        self._count: FolderCount | None = None
        self._stopping = threading.Event()

    def begin_count(self) -> None:
        """Take note of every write from now on, for the `count` that follows."""
        self._count = FolderCount(self._stopping)

    def count(self) -> None:
        """Sweep what a crash left unfinished, and count what is there; ends early when stopped.

        Objects may come in meanwhile. The folder is made where it is missing.

        Raises:
            DiskRefused: The folder cannot be made or read.
        """
        count = self._count or FolderCount(self._stopping)
        done = False
        try:
            with self._lock, self._told("prepare its folder"), self._root() as root:
                _sweep(root)
            done = count.walk(os.fsencode(self.settings.dir))
        finally:
            with self._lock:
                self._count = None
                if done:
                    self._take(count)

    def stop(self) -> None:
        """Let a count end."""
        self._stopping.set()

    def put(self, key: str, body: bytes) -> None:
        """Write an object, in place of the one with the same key. It is on disk on return.

        Raises:
            KeyRefused: The folder cannot hold an object of this key.
            BucketFull: The bucket or its disk has no room for it.
            DiskRefused: The file system refused.
        """
        try:
            names = file_names(key)
            with self._lock, self._told(f"write {shown(key)}"), self._root() as root:
                try:
                    self._put(root, names, key, body)
                except OSError as error:
                    if error.errno in _NO_FOLDER:
                        raise _clash(key) from error
                    raise
        except (KeyRefused, BucketFull) as error:
            self.last_error = str(error)
            self.refused += 1
            raise
        except DiskRefused:
            self.refused += 1
            raise

    def _put(self, root: int, names: tuple[bytes, ...], key: str, body: bytes) -> None:
        folder, depth = deepest(root, names[:-1])
        try:
            missing = names[depth:-1]
            before = None if missing else self._object(folder, names[-1], key)
            growth = weight(len(body)) + weight(0) * len(missing)
            self._check_room(root, growth - (0 if before is None else weight(before.st_size)))
            for name in missing:
                inner, made = open_or_make(folder, name)
                os.close(folder)
                folder = inner
                self._note(weight(0) if made else 0)
            written = self._write(root, folder, names[-1], body)
        finally:
            os.close(folder)
        self._note_object(before, written)

    def _object(self, folder: int, name: bytes, key: str) -> os.stat_result | None:
        """Look at what has this name already."""
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if stat.S_ISDIR(found.st_mode):
            raise KeyRefused(
                f"the key {shown(key)} is a folder already, for other keys begin with it and a "
                "slash",
                hint="A folder cannot be an object too: choose other keys.",
            )
        return found if stat.S_ISREG(found.st_mode) else None

    def _write(self, root: int, folder: int, name: bytes, body: bytes) -> os.stat_result:
        news, _ = open_or_make(root, TEMPORARY_FOLDER)
        new = b"%d-%d" % (os.getpid(), next(self._numbers))
        try:
            descriptor = os.open(new, _OPEN_NEW, _FILE_MODE, dir_fd=news)
            try:
                with open(descriptor, "wb", closefd=False) as file:
                    file.write(body)
                os.fsync(descriptor)
                written = os.fstat(descriptor)
                if self._count is not None:  # before it can be found by the name
                    self._count.leave_out(written.st_ino)
                os.rename(new, name, src_dir_fd=news, dst_dir_fd=folder)
            except OSError:
                with suppress(OSError):
                    os.unlink(new, dir_fd=news)
                raise
            finally:
                os.close(descriptor)
        finally:
            os.close(news)
        os.fsync(folder)
        return written

    def _check_room(self, root: int, growth_bytes: int) -> None:
        if growth_bytes <= 0:
            return
        settings = self.settings
        if self.used_bytes + growth_bytes > settings.max_bytes:
            self._recount()
        if self.used_bytes + growth_bytes > settings.max_bytes:
            raise BucketFull(
                f"bucket {settings.name!r} is full: {self.used_bytes} of "
                f"{settings.max_bytes} bytes are used",
                hint=f"Move or delete files in {settings.dir}, or raise its max_bytes.",
            )
        disk = os.fstatvfs(root)
        if disk.f_bavail * disk.f_frsize - growth_bytes < settings.min_free_bytes:
            raise BucketFull(
                f"bucket {settings.name!r} has no room for {growth_bytes} bytes: its disk has "
                f"{disk.f_bavail * disk.f_frsize} free, and min_free_bytes is "
                f"{settings.min_free_bytes}",
                hint=f"Make room on the disk of {settings.dir}.",
            )

    def _recount(self) -> None:
        """Count while everybody else waits, if the last time is long ago."""
        now_s = self._monotonic_s()
        if self._count is not None or now_s < self._recount_at_s:
            return
        count = FolderCount(self._stopping)
        if count.walk(os.fsencode(self.settings.dir)):
            self._take(count)

    def _take(self, count: FolderCount) -> None:
        self.objects = count.objects
        self.used_bytes = count.used_bytes
        self.counted = True
        if count.problem:
            self.last_error = count.problem
        self._recount_at_s = self._monotonic_s() + RECOUNT_S

    def _note(self, size_bytes: int) -> None:
        self.used_bytes += size_bytes
        if self._count is not None:
            self._count.used_bytes += size_bytes

    def _note_object(self, before: os.stat_result | None, after: os.stat_result) -> None:
        grown = weight(after.st_size) - (0 if before is None else weight(before.st_size))
        self.used_bytes += grown
        self.objects += before is None
        if self._count is not None:
            self._count.note(before, after)

    @contextmanager
    def _root(self) -> Iterator[int]:
        """Open the bucket's folder, made where it is missing. It may be a link, unlike the rest."""
        path = self.settings.dir
        if not path.is_dir():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.mkdir(FOLDER_MODE, exist_ok=True)
            except FileExistsError as error:  # a file, on the way to it or in its place
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from error
        root = open_root(path)
        try:
            yield root
        finally:
            os.close(root)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Turn the system's errors into the bucket's, and remember the last."""
        try:
            yield
        except OSError as error:
            name, folder = self.settings.name, self.settings.dir
            sentence = f"bucket {name!r} cannot {what}: {error.strerror}"
            self.last_error = sentence
            if error.errno in _NO_ROOM:
                raise DiskRefused(sentence, hint=f"Make room on the disk of {folder}.") from error
            if error.errno in _NAME_ERRORS:
                raise KeyRefused(
                    sentence, hint=f"The file system of {folder} cannot have this name."
                ) from error
            raise DiskRefused(
                sentence, hint=f"Let the gateway's user write in {folder}, and look at its disk."
            ) from error


def _sweep(root: int) -> None:
    folder, _ = open_or_make(root, TEMPORARY_FOLDER)
    try:
        for name in os.listdir(folder):
            with suppress(OSError):  # what is no file of ours may stay
                os.unlink(name, dir_fd=folder)
    finally:
        os.close(folder)


def _clash(key: str) -> KeyRefused:
    return KeyRefused(
        f"a part of the key {shown(key)} is an object already, or a symbolic link",
        hint="An object cannot be a folder too: choose other keys.",
    )
