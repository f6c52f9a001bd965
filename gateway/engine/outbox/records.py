"""The outbox's rows: what is written, and read back.

Owns the tables `rules_job` and `rules_outbox`. Knows nothing of when an action runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import astuple
from typing import Final, final

import orjson

from gateway.engine.outbox.job import Entry, Failure, Job, NewJob
from gateway.store import Insert, Store

__all__ = ["Records"]

# What an entry weighs beside its texts.
_ENTRY_BYTES: Final = 256

_NEXT: Final = "SELECT id FROM rules_outbox WHERE target = ? AND id > ? ORDER BY id LIMIT ?"

_READ: Final = """
    SELECT rules_outbox.job, number, parameters, size_bytes,
           rule, topic, client_id, trace_id, depth, payload, output, error_action, failures, pending
    FROM rules_outbox JOIN rules_job USING (job)
    WHERE id = ?
"""


@final
class Records:
    """Reads and writes the outbox's rows; everything joins the store's open batch.

    Reads see what is committed.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._jobs = Insert("INSERT INTO rules_job VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        self._entries = Insert("INSERT INTO rules_outbox VALUES (?, ?, ?, ?, ?, ?)")
        self._next_job, self._next_entry = self._first_numbers()

    def _first_numbers(self) -> tuple[int, int]:
        reader = self._store.reader
        (job,) = reader.execute("SELECT coalesce(max(job), 0) FROM rules_job").fetchone()
        (entry,) = reader.execute("SELECT coalesce(max(id), 0) FROM rules_outbox").fetchone()
        return job + 1, entry + 1

    @staticmethod
    def weight_bytes(new: NewJob, parameters: bytes) -> int:
        """Return what an entry weighs against the outbox's limits."""
        return new.size_bytes + len(parameters) + _ENTRY_BYTES

    def add(self, new: NewJob, entries: Iterable[tuple[str, int, bytes, int]]) -> None:
        """Write a job and its entries.

        Args:
            new: The job.
            entries: Of each its target, the action's number, its parameters as JSON, its weight.

        Raises:
            StoreError: Nothing new is taken just now.
        """
        store = self._store
        job = self._next_job
        rows = list(entries)
        failures = orjson.dumps([astuple(failure) for failure in new.failures]).decode()
        store.add(
            self._jobs,
            (
                job, new.rule, new.topic, new.client_id, new.trace_id, new.depth, new.payload,
                new.output, new.error_action, failures, len(rows),
            ),
            new.size_bytes + _ENTRY_BYTES,
        )  # fmt: skip
        self._next_job += 1
        for target, number, parameters, size_bytes in rows:
            # The job's row was taken in this turn of the loop, so its batch takes these.
            store.add(
                self._entries,
                (self._next_entry, target, job, number, parameters.decode(), size_bytes),
                len(parameters) + _ENTRY_BYTES,
            )
            self._next_entry += 1

    def next(self, target: str, after: int, most: int) -> list[int]:
        """Return the numbers of a target's next entries, in their order.

        Args:
            target: The target.
            after: The number of the entry before them.
            most: How many, at most.
        """
        rows = self._store.reader.execute(_NEXT, (target, after, most))
        return [entry for (entry,) in rows]

    def read(self, entry: int, job_of: Callable[[int], Job | None]) -> Entry | None:
        """Return an entry; None if there is none of this number.

        Args:
            entry: Its number.
            job_of: Gives a job that is in memory.
        """
        row = self._store.reader.execute(_READ, (entry,)).fetchone()
        if row is None:
            return None
        number_of_job, number, parameters, size_bytes, *rest = row
        job = job_of(number_of_job) or _job(number_of_job, *rest)
        return Entry(entry, job, number, orjson.loads(parameters), size_bytes)

    def refresh(self, job: Job) -> None:
        """Set what a job in memory has come to back to what is committed."""
        row = self._store.reader.execute(
            "SELECT failures, pending FROM rules_job WHERE job = ?", (job.job,)
        ).fetchone()
        if row is not None:
            job.failures = [Failure(*failure) for failure in orjson.loads(row[0])]
            job.pending = row[1]

    def targets(self) -> list[tuple[str, int, int]]:
        """Return every target that something waits for: its name, its entries, their bytes."""
        return self._store.reader.execute(
            "SELECT target, count(*), sum(size_bytes) FROM rules_outbox GROUP BY target"
        ).fetchall()

    def waiting(self) -> list[tuple[str, int, int]]:
        """Return every rule's actions with something in the outbox: rule, number, how many."""
        return self._store.reader.execute(
            "SELECT rule, number, count(*) FROM rules_outbox JOIN rules_job USING (job) "
            "GROUP BY rule, number"
        ).fetchall()

    def write_ends(self, entries: Iterable[int], jobs: dict[int, Job]) -> None:
        """Remove entries that are at an end; for use in `before_batch` only.

        Args:
            entries: Their numbers.
            jobs: The jobs they belong to, as they are now.
        """
        self._store.write("DELETE FROM rules_outbox WHERE id = ?", [(entry,) for entry in entries])
        over = [(job.job,) for job in jobs.values() if not job.pending]
        if over:
            self._store.write("DELETE FROM rules_job WHERE job = ?", over)
        changed = [
            (orjson.dumps([astuple(failure) for failure in job.failures]).decode(), job.pending, n)
            for n, job in jobs.items()
            if job.pending
        ]
        if changed:
            self._store.write(
                "UPDATE rules_job SET failures = ?, pending = ? WHERE job = ?", changed
            )


def _job(
    job: int,
    rule: str,
    topic: str,
    client_id: str | None,
    trace_id: str,
    depth: int,
    payload: bytes,
    output: bytes,
    error_action: str | None,
    failures: str,
    pending: int,
) -> Job:
    return Job(
        job,
        NewJob(
            rule, topic, client_id, trace_id, depth, payload, output, error_action,
            tuple(Failure(*failure) for failure in orjson.loads(failures)),
        ),
        pending,
    )  # fmt: skip
