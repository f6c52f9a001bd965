"""A batch: the rows and operations that share one transaction, and who waits for it.

Owns what gathers and how it is executed; knows nothing of when, nor of threads.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, final

from gateway.errors import StoreError

__all__ = ["Batch", "Insert", "Receipt"]

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Receipt = Callable[[StoreError | None], None]

# What says something about the disk or the file, not about the one operation that met it.
_FATAL_TO_BATCH = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_NOMEM,
}


@final
class Insert:
    """One INSERT statement and the rows that wait for it in the open batch."""

    __slots__ = ("rows", "sql")

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.rows: list[tuple[object, ...]] = []


@final
class _Rows:
    """Rows of one statement, in the order they were added."""

    __slots__ = ("rows", "sql")

    def __init__(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        self.sql = sql
        self.rows = rows


@final
class _Operation(Generic[Result]):
    """A callable that runs inside the batch's transaction, and who waits for its result."""

    __slots__ = ("error", "future", "result", "run")

    def __init__(
        self, run: Callable[[sqlite3.Connection], Result], future: asyncio.Future[Result]
    ) -> None:
        self.run = run
        self.future = future
        self.result: Result | None = None
        self.error: Exception | None = None

    def execute(self, connection: sqlite3.Connection) -> None:
        connection.execute("SAVEPOINT operation")
        try:
            self.result = self.run(connection)
        except Exception as error:
            code = getattr(error, "sqlite_errorcode", 0)
            if isinstance(error, sqlite3.Error) and code & 0xFF in _FATAL_TO_BATCH:
                raise
            # Its own fault stays its own: the others of this batch go on.
            self.error = error
            connection.execute("ROLLBACK TO operation")
        connection.execute("RELEASE operation")

    def settle(self, failure: StoreError | None) -> None:
        if self.future.done():  # the caller has gone
            return
        error = failure or self.error
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type] # execute() has set it


@final
class Batch:
    """What is gathered for one transaction.

    Attributes:
        size_bytes: What it weighs against the admission limit.
        expected: Somebody will add rows to it when it begins, so that it is not empty.
        receipts: Called with None once it is on disk, or with what went wrong.
    """

    __slots__ = ("_dirty", "_steps", "expected", "receipts", "size_bytes")

    def __init__(self) -> None:
        self.size_bytes = 0
        self.expected = False
        self.receipts: list[Receipt] = []
        self._dirty: list[Insert] = []
        self._steps: list[_Rows | _Operation[Any]] = []

    def __bool__(self) -> bool:
        return bool(self._dirty or self._steps or self.receipts or self.expected)

    def add_row(self, insert: Insert, row: tuple[object, ...], size_bytes: int) -> None:
        """Add a row; rows of one statement are executed together, in order."""
        rows = insert.rows
        if not rows:
            self._dirty.append(insert)
        rows.append(row)
        self.size_bytes += size_bytes

    def add_operation(
        self,
        run: Callable[[sqlite3.Connection], Result],
        future: asyncio.Future[Result],
        size_bytes: int,
    ) -> None:
        """Add an operation, which runs after all that was added before it."""
        self.seal()
        self._steps.append(_Operation(run, future))
        self.size_bytes += size_bytes

    def add_statement(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Add a statement to be executed for each row, after all that was added before it."""
        self.seal()
        self._steps.append(_Rows(sql, rows))

    def seal(self) -> None:
        """Fix the place of the rows added so far: what follows runs after them."""
        for insert in self._dirty:
            self._steps.append(_Rows(insert.sql, insert.rows))
            insert.rows = []
        self._dirty.clear()

    def execute(self, connection: sqlite3.Connection) -> int:
        """Run everything inside the open transaction; return how many rows were added.

        Raises:
            Exception: The batch as a whole cannot be executed.
        """
        count = 0
        for step in self._steps:
            if isinstance(step, _Rows):
                connection.executemany(step.sql, step.rows)
                count += len(step.rows)
            else:
                step.execute(connection)
        return count

    def settle(self, failure: StoreError | None) -> None:
        """Tell everyone what became of it; one who fails at that keeps nobody waiting."""
        for receipt in self.receipts:
            try:
                receipt(failure)
            except Exception:
                log.exception("a receipt failed")
        for step in self._steps:
            if isinstance(step, _Operation):
                step.settle(failure)
