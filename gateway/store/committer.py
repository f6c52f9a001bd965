"""The store's thread: COMMIT, its fsync and checkpoints, and nothing else.

Owns the blocking calls. While a job runs here the writing connection belongs to this thread; the
loop does not touch it until it is told that the job is done.
"""

from __future__ import annotations

import logging
import os
import queue
import sqlite3
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

__all__ = ["Committer"]

log = logging.getLogger(__name__)

# Where the wal-index keeps the number of the log's last valid frame
# (SQLite, "WAL-mode File Format", section 2.1).
_MAX_FRAME = struct.Struct("=I")
_MAX_FRAME_OFFSET = 16


class Committer:
    """Runs commits and checkpoints of one connection on one thread.

    Args:
        connection: The writing connection.
        database: Its file.
        checkpoint_bytes: Size of the write-ahead log at which it is copied into the database.
        call: Hands a callable to the event loop (`loop.call_soon_threadsafe`).
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        database: Path,
        checkpoint_bytes: int,
        call: Callable[..., object],
    ) -> None:
        self._connection = connection
        self._database = database
        self._identity = _identity(database)
        self._call = call
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        self._checkpoint_frames = max(checkpoint_bytes // (page_bytes + 24), 1)
        self._wal_index = os.open(
            database.with_name(database.name + "-shm"), os.O_RDONLY | os.O_CLOEXEC
        )
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="weir-store", daemon=True)
        self._thread.start()

    def commit(
        self, committed: Callable[[sqlite3.Error | None], None], idle: Callable[[], None]
    ) -> None:
        """Commit the open transaction.

        Args:
            committed: Called on the loop as soon as it is on disk, or with what went wrong.
            idle: Called on the loop when the connection is the loop's again.
        """
        self._jobs.put(lambda: self._commit(committed, idle))

    def recover(self, idle: Callable[[], None]) -> None:
        """Undo the open transaction and fold the log into the database, as far as it goes."""
        self._jobs.put(lambda: self._recover(idle))

    def close(self) -> None:
        """Finish what was given, then end the thread."""
        self._jobs.put(None)
        self._thread.join()
        os.close(self._wal_index)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:
                # Without this thread nothing would ever be committed or acknowledged again, and
                # nobody would see why. What was acknowledged is on disk: start anew.
                log.critical("the store's thread failed; the gateway ends", exc_info=True)
                os._exit(1)

    def _commit(
        self, committed: Callable[[sqlite3.Error | None], None], idle: Callable[[], None]
    ) -> None:
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._call(committed, error)
            return
        if _identity(self._database) != self._identity:
            # An fsync of a deleted file promises nothing: not one acknowledgement may leave.
            log.critical(
                "%s was deleted or replaced while the gateway ran, so nothing can be kept any "
                "more; the gateway ends",
                self._database,
            )
            os._exit(1)
        self._call(committed, None)
        (frames,) = _MAX_FRAME.unpack(os.pread(self._wal_index, 4, _MAX_FRAME_OFFSET))
        if frames >= self._checkpoint_frames:
            self._checkpoint("PASSIVE")
        self._call(idle)

    def _recover(self, idle: Callable[[], None]) -> None:
        if self._connection.in_transaction:
            # After SQLITE_FULL or SQLITE_IOERR, SQLite may have rolled back by itself meanwhile;
            # if it has not, the next BEGIN says so.
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
        self._checkpoint("TRUNCATE")
        self._call(idle)

    def _checkpoint(self, mode: str) -> None:
        try:
            self._connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
        except sqlite3.Error:
            # The log keeps what could not be copied; the next checkpoint takes it up again, and
            # a disk that is full shows itself at the next write.
            return


def _identity(path: Path) -> tuple[int, int] | None:
    """Return which file a name stands for now; None for no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
