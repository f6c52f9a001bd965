"""Group commit: everything durable that arrives meanwhile shares one transaction and one fsync.

Owns the open batch, receipts and admission; knows nothing of what the rows mean. Rows are executed
on the event loop, only COMMIT and checkpoints run on the store's thread: executing row by row over
there hands the interpreter lock back and forth once per row.

The life of a batch: rows and operations *gather*; when no commit is under way they are *executed*
in one go; the thread *commits*; then *receipts* tell those who wait. If anything fails, nothing of
the batch has happened, nor of what gathered behind it (it may have built on what failed): all
receipts get the error, and those who remember stored state re-read it (`after_failure`).
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from gateway.clock import Clock
from gateway.errors import SchemaError, StoreClosed, StoreError, StoreFailed, StoreFull
from gateway.metrics import Metrics
from gateway.store.batch import Batch, Insert, Receipt
from gateway.store.clock_row import load_clock, save_clock
from gateway.store.committer import Committer
from gateway.store.database import migrate, open_database, unusable
from gateway.store.pacing import Pace
from gateway.store.settings import StoreSettings
from gateway.store.space import Space

__all__ = ["Store"]

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# How often a full store looks whether somebody else has made room on the disk.
FULL_CHECK_S = 1.0


class Store:
    """The gateway's one database.

    All methods are called on the event loop's thread.

    Args:
        path: The database file; its folder must exist.
        settings: Limits and commit interval.
        clock: Resumed from the database here, and saved with every commit.
        metrics: Where commits, rows and failures are counted.

    Attributes:
        batch: The number of the open batch: what is added now is committed with it.
        joined: How many rows and operations were ever added. Who compares it before and after
            a call knows whether anything durable hangs on that call.
        before_batch: Called when the open batch is about to be executed: who has `join`ed it calls
            `write` now.
        after_commit: Called after every commit, receipts first.
        after_failure: Called after a failed batch, before its receipts: re-read what you remember.
        after_room: Called when the store takes new things again after it was full.

    Raises:
        SchemaError: The database cannot be used.
    """

    def __init__(self, path: Path, settings: StoreSettings, clock: Clock, metrics: Metrics) -> None:
        self.path = path
        self._settings = settings
        self._clock = clock
        self._writer = open_database(path, synchronous=settings.synchronous)
        try:
            migrate(self._writer)
            clock.resume(load_clock(self._writer))
            self.reader = open_database(path, synchronous=settings.synchronous, read_only=True)
        except (SchemaError, sqlite3.DatabaseError) as error:
            self._writer.close()
            if isinstance(error, SchemaError):
                raise
            raise unusable(path, error) from error
        self._writer.execute(f"PRAGMA journal_size_limit = {2 * settings.checkpoint_bytes}")
        (self._page_bytes,) = self._writer.execute("PRAGMA page_size").fetchone()
        self._space = Space(settings, path)
        self._space.prepare()

        self.batch = 1
        self.joined = 0
        self.before_batch: list[Callable[[], None]] = []
        self.after_commit: list[Callable[[], None]] = []
        self.after_failure: list[Callable[[], None]] = []
        self.after_room: list[Callable[[], None]] = []
        self._open = Batch()
        self._in_flight: Batch | None = None
        self._busy = False  # the connection is the thread's
        self._closed = False
        self._full_timer: asyncio.TimerHandle | None = None
        self._became_idle: asyncio.Future[None] | None = None

        self.commits = metrics.counter("store.commits", "transactions committed")
        self.rows = metrics.counter("store.rows", "rows added through the batch")
        self.failures = metrics.counter("store.failures", "batches that could not be committed")
        self.refused = metrics.counter(
            "store.refused", "additions refused while the store was full"
        )
        metrics.gauge("store.live_bytes", lambda: self._space.live_bytes)
        metrics.gauge("store.gathered_bytes", self._uncommitted_bytes)
        metrics.gauge("store.full", lambda: 0.0 if self._space.full_because is None else 1.0)

        self._loop = asyncio.get_running_loop()
        self._pace = Pace(self._loop, settings.commit_interval_ms / 1000, self._begin)
        self._committer = Committer(
            self._writer, path, settings.checkpoint_bytes, self._loop.call_soon_threadsafe
        )
        self._assess()

    # --- adding --------------------------------------------------------------------------------

    def add(self, insert: Insert, row: tuple[object, ...], size_bytes: int) -> None:
        """Add one row to the open batch.

        Args:
            insert: The statement; its rows of one batch are executed together, in order.
            row: Its parameters.
            size_bytes: What it weighs against the admission limit.

        Raises:
            StoreFull: Nothing new is taken just now.
            StoreClosed: The gateway is stopping.
        """
        if self._space.full_because is not None or self._closed:
            self._refuse()
        self._open.add_row(insert, row, size_bytes)
        self.joined += 1
        if self.joined >= self._pace.begin_at:
            self._pace.begin_or_wait(self.joined)

    def join(self, adds_bytes: int = 0) -> None:
        """Make the open batch wait for rows that its owner hands over in `before_batch`.

        What is gathered like this can still be taken back until the batch begins.

        Args:
            adds_bytes: What will be added; 0 for what changes or deletes: always admitted.

        Raises:
            StoreFull: It adds something, and nothing new is taken just now.
            StoreClosed: The gateway is stopping.
        """
        if self._closed or (adds_bytes and self._space.full_because is not None):
            self._refuse()
        self._open.expected = True
        self._open.size_bytes += adds_bytes
        self.joined += 1
        if self.joined >= self._pace.begin_at:
            self._pace.begin_or_wait(self.joined)

    def write(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Execute a statement for each of these rows; for use inside `before_batch` only."""
        self._open.add_statement(sql, rows)

    def execute(
        self, operation: Callable[[sqlite3.Connection], Result], *, adds_bytes: int = 0
    ) -> asyncio.Future[Result]:
        """Run `operation` inside the open batch's transaction; its result comes after the commit.

        It runs on the event loop's thread, after all that was added before it, and must be quick.
        What it raises undoes its own changes only and reaches only the one who awaits.

        Args:
            operation: Gets the writing connection; must not commit.
            adds_bytes: What it adds; 0 for what reads, changes or deletes: always admitted.

        Raises:
            StoreFull: It adds something, and nothing new is taken just now.
            StoreClosed: The gateway is stopping.
        """
        if self._closed or (adds_bytes and self._space.full_because is not None):
            self._refuse()
        future: asyncio.Future[Result] = self._loop.create_future()
        self._open.add_operation(operation, future, adds_bytes)
        self.joined += 1
        if self.joined >= self._pace.begin_at:
            self._pace.begin_or_wait(self.joined)
        return future

    def on_commit(self, receipt: Receipt) -> None:
        """Call `receipt(None)` once the open batch is on disk, or `receipt(error)` if it failed."""
        self._open.receipts.append(receipt)
        if self._pace.begin_at == 0:
            self._pace.begin_or_wait(self.joined)

    @property
    def accepting(self) -> bool:
        """Whether anything new is taken: there is room, and the gateway is not stopping."""
        return self._space.full_because is None and not self._closed

    @property
    def closing(self) -> bool:
        """Whether the gateway is stopping: nothing more is taken."""
        return self._closed

    @property
    def full_because(self) -> str | None:
        """Why nothing new is taken, for people; None while it is."""
        return self._space.full_because

    @property
    def live_bytes(self) -> int:
        """What the database holds, free pages not counted."""
        return self._space.live_bytes

    @property
    def congested(self) -> bool:
        """Whether so much waits for its commit that sources must pause (`after_commit` resumes)."""
        return self._uncommitted_bytes() >= self._settings.admission_bytes

    def _uncommitted_bytes(self) -> int:
        in_flight = self._in_flight
        return self._open.size_bytes + (0 if in_flight is None else in_flight.size_bytes)

    # --- the batch -----------------------------------------------------------------------------

    def _refuse(self) -> None:
        if self._closed:
            raise StoreClosed("the gateway is stopping")
        self.refused.value += 1
        raise StoreFull(
            f"nothing new is taken: {self._space.full_because}",
            hint="Receive and delete messages, or give the gateway more room.",
        )

    def _begin(self) -> None:
        """Execute what has gathered and hand the commit to the thread."""
        if self._busy or self._in_flight is not None:
            return
        self._pace.begun(self.joined)
        broken: Exception | None = None
        try:
            for hook in self.before_batch:
                hook()
        except Exception as error:
            broken = error  # half of what a hook had to write would be worse than nothing
        batch, self._open = self._open, Batch()
        batch.seal()
        self._in_flight = batch
        self.batch += 1
        connection = self._writer
        try:
            if broken is not None:
                raise broken
            connection.execute("BEGIN IMMEDIATE")
            self.rows.value += batch.execute(connection)
            for _ in range(self._space.vacuum_pages()):
                # One page a statement: Python's sqlite3 takes a single step of a statement without
                # columns, so that incremental_vacuum(64) would also give back one page only.
                connection.execute("PRAGMA incremental_vacuum(1)")
            save_clock(connection, self._clock.state())
        except Exception as error:
            # Whatever went wrong, the connection must not be left inside a transaction.
            self._fail(error)
            return
        self._busy = True
        self._committer.commit(self._committed, self._idle)

    def _committed(self, error: sqlite3.Error | None) -> None:
        if error is not None:
            self._fail(error)
            return
        batch = self._in_flight
        assert batch is not None  # noqa: S101 - the thread reports what we gave it
        self._in_flight = None
        self.commits.value += 1
        batch.settle(None)
        _call_each(self.after_commit, "after a commit")

    def _idle(self) -> None:
        """The connection is the loop's again: look at the sizes, go on with what has gathered."""
        self._busy = False
        self._assess()
        if self._open or (self._space.vacuum_pages() and not self._closed):
            self._pace.begin_or_wait(self.joined)
            return
        self._pace.begin_at = 0  # with whatever comes next
        if self._became_idle is not None:
            self._became_idle.set_result(None)
            self._became_idle = None

    def _assess(self) -> None:
        was_full = self._space.full_because is not None
        (pages,) = self._writer.execute("PRAGMA page_count").fetchone()
        (free_pages,) = self._writer.execute("PRAGMA freelist_count").fetchone()
        if self._space.assess(pages, free_pages, self._page_bytes):
            if was_full:
                _call_each(self.after_room, "after the store had room again")
        elif self._full_timer is None and not self._closed:
            self._full_timer = self._loop.call_later(FULL_CHECK_S, self._look_for_room)

    def _look_for_room(self) -> None:
        self._full_timer = None
        if self._closed:
            return
        if self._busy or self._in_flight is not None:
            self._full_timer = self._loop.call_later(FULL_CHECK_S, self._look_for_room)
        else:
            self._assess()
            if self._space.vacuum_pages():
                self._pace.begin_or_wait(self.joined)

    def _fail(self, error: Exception) -> None:
        """Undo the batch and what gathered behind it, tell everyone, and get ready to go on."""
        self.failures.value += 1
        self._busy = True
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        failure: StoreError
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            log.error("a batch could not be written: %s", error)
            self._space.disk_refused()
            failure = StoreFull(
                f"the disk refused the write: {error}",
                hint="Receive and delete messages, or give the gateway more room.",
            )
        else:
            log.error("a batch failed: %s", error)
            failure = StoreFailed(f"the database refused the batch: {error}")
        failed, self._in_flight = self._in_flight, None
        self._committer.recover(lambda: self._recovered(failed, failure))

    def _recovered(self, failed: Batch | None, failure: StoreError) -> None:
        # What gathered meanwhile built on the same lost state: it fails, too.
        behind, self._open = self._open, Batch()
        behind.seal()
        self.batch += 1
        _call_each(self.after_failure, "after a failed batch")
        if failed is not None:
            failed.settle(failure)
        behind.settle(failure)
        _call_each(self.after_commit, "after a failed batch")
        self._idle()

    # --- the end ---------------------------------------------------------------------------------

    async def flush(self) -> None:
        """Wait until all that was added so far is on disk, whatever the commit interval says."""
        flushed = self.execute(lambda connection: None)
        self._pace.hurry()
        await flushed

    async def close(self) -> None:
        """Commit what has gathered, then close; nothing more is taken from the first moment on."""
        if self._closed:
            return
        self._closed = True
        self._became_idle = self._loop.create_future()
        self._pace.hurry()
        if not (self._busy or self._pace.waiting):
            self._begin()  # if only for the clock's row
        await self._became_idle
        if self._full_timer is not None:
            self._full_timer.cancel()
        await asyncio.to_thread(self._committer.close)
        self.reader.close()
        self._writer.close()


def _call_each(hooks: list[Callable[[], None]], when: str) -> None:
    for hook in hooks:
        try:
            hook()
        except Exception:
            # One who fails must not keep the others, or the store, from going on.
            log.exception("a hook %s failed", when)
