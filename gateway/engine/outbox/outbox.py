"""The outbox: takes slow actions on with a message's transaction, runs them after its commit.

Owns the order of an entry's life: taken on, committed, read, run, and its end, which joins a batch
of its own together with whatever it causes. A process that dies in between runs it again; so does a
batch that could not be written. Knows nothing of rules or of what an action does.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, final

import orjson

from gateway.engine.failures import ActionFailed, TryAgain
from gateway.engine.outbox.job import Entry, Failure, Job, NewJob, SlowAction
from gateway.engine.outbox.lane import Lane, LaneStatus
from gateway.engine.outbox.records import Records
from gateway.errors import StoreError, fault_told
from gateway.metrics import Metrics
from gateway.store import Store

__all__ = ["Outbox"]

log = logging.getLogger(__name__)

# Numbers of entries that are read at once.
READ_AHEAD: Final = 64

# How long an entry waits whose end the store could not take.
STORE_RETRY_S: Final = 1.0


@final
class Outbox:
    """All slow actions that are not at an end.

    Args:
        store: Where they are kept.
        actions: What runs each kind.
        ended: Called when an action is at an end: its job, the action's number, and why it failed
            or an empty text. In the same turn of the loop as the end joins the batch.
        failed: Called when the last action of a job has ended and any of them failed; it
            carries out the error action. A StoreError puts the end off.
        describe: Gives the failure of an action: its kind, number, parameters, and why.
        word: Gives what may be told of why an action failed: its job, number, and why.
        max_bytes: What all entries may weigh.
        max_target_bytes: What the entries of one target may weigh.
        metrics: Where counters live.
    """

    def __init__(
        self,
        store: Store,
        actions: Mapping[str, SlowAction],
        *,
        ended: Callable[[Job, int, str], None],
        failed: Callable[[Job], None],
        describe: Callable[[str, int, Mapping[str, object], str], Failure],
        word: Callable[[Job, int, str], str],
        max_bytes: int,
        max_target_bytes: int,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._actions = actions
        self._ended = ended
        self._failed = failed
        self._describe = describe
        self._word = word
        self._max_bytes = max_bytes
        self._max_target_bytes = max_target_bytes
        self._records = Records(store)
        self._lanes: dict[str, Lane] = {}
        self._bytes = 0
        self._jobs: dict[int, Job] = {}
        # What is in the open batch: lanes with new entries, entries at an end, and their jobs.
        self._added: set[str] = set()
        self._ends: set[int] = set()
        self._changed: dict[int, Job] = {}
        # What is in the batch that is being committed.
        self._adding: set[str] = set()
        self._ending: set[int] = set()
        self._changing: dict[int, Job] = {}
        self._may_run = False
        self.waiting: Counter[tuple[str, int]] = Counter()
        self._done = metrics.counter("rules.outbox.done", "actions of the outbox that succeeded")
        self._failures = metrics.counter("rules.outbox.failed", "actions of the outbox that failed")
        self._retries = metrics.counter("rules.outbox.retries", "tries after the first")
        self._full = metrics.counter("rules.outbox.refused", "actions that found the outbox full")
        # From here on everything is followed, so that `start` finds the counts right.
        self._count()
        store.before_batch.append(self._begin_batch)
        store.after_commit.append(self._committed)
        store.after_failure.append(self._undone)
        store.after_room.append(self._run_all)
        metrics.gauge("rules.outbox.bytes", lambda: self._bytes)
        metrics.gauge(
            "rules.outbox.waiting", lambda: sum(lane.waiting for lane in self._lanes.values())
        )

    # --- beginning and end -----------------------------------------------------------------------

    def start(self) -> None:
        """Run what waits: what the last process left, and what was taken on since."""
        self._may_run = True
        waiting = sum(lane.waiting for lane in self._lanes.values())
        if waiting:
            log.info("%d action(s) of rules wait from before and run now", waiting)
        self._run_all()

    async def stop(self) -> None:
        """Stop what runs; all that is not at an end runs again after the next start."""
        self._may_run = False
        running = []
        for lane in self._lanes.values():
            for timer in lane.aside.values():
                timer.cancel()
            for task in lane.running:
                task.cancel()
                running.append(task)
        if running:
            await asyncio.wait(running)

    # --- taking on -------------------------------------------------------------------------------

    def admit(self, kind: str, parameters: Mapping[str, object], size_bytes: int) -> str:
        """Return the target of an action that may be taken on.

        Args:
            kind: The action's key.
            parameters: What stands under it, templates replaced.
            size_bytes: What its payloads weigh.

        Raises:
            ActionFailed: It can never run, or too much waits already.
        """
        target = f"{kind} {self._actions[kind].target(parameters)}"
        lane = self._lanes.get(target)
        # A target may take as much as it leaves to others: however many take nothing, there is
        # room for one that does.
        free_bytes = self._max_bytes - self._bytes
        if lane is not None and lane.size_bytes + size_bytes > min(
            self._max_target_bytes, free_bytes - size_bytes
        ):
            self._full.value += 1
            raise ActionFailed(
                f"too much waits for {target} already: {lane.waiting} messages with "
                f"{lane.size_bytes:,} bytes",
                hint=lane.last_failure
                or "Raise rules.outbox_target_bytes and rules.outbox_max_bytes, or send less.",
            )
        if size_bytes > free_bytes:
            self._full.value += 1
            raise ActionFailed(
                f"too much waits in the outbox already: {self._bytes:,} bytes",
                hint="See what it waits for with weir status, or raise rules.outbox_max_bytes.",
            )
        return target

    def add(self, new: NewJob, actions: Sequence[tuple[str, int, Mapping[str, object]]]) -> None:
        """Take on the actions of one message and rule, in the open batch.

        Args:
            new: What they share.
            actions: Of each its target as `admit` gave it, its number in the rule, its parameters.

        Raises:
            StoreError: Nothing new is taken just now.
        """
        entries = []
        for target, number, parameters in actions:
            text = orjson.dumps(parameters)
            entries.append((target, number, text, Records.weight_bytes(new, text)))
        self._records.add(new, entries)
        for target, number, _, size_bytes in entries:
            lane = self._lane(target)
            lane.waiting += 1
            lane.size_bytes += size_bytes
            self._bytes += size_bytes
            self._added.add(target)
            self.waiting[new.rule, number] += 1

    def status(self) -> list[LaneStatus]:
        """Return every target that something waits for."""
        return [lane.status() for lane in self._lanes.values()]

    # --- the store -------------------------------------------------------------------------------

    def _begin_batch(self) -> None:
        self._adding, self._added = self._added, set()
        self._changing, self._changed = self._changed, {}
        self._ending, self._ends = self._ends, set()
        if self._ending:
            self._records.write_ends(self._ending, self._changing)

    def _committed(self) -> None:
        for job in self._changing.values():
            if not job.held and job.job not in self._changed:
                self._jobs.pop(job.job, None)
        self._changing = {}
        self._ending = set()
        adding, self._adding = self._adding, set()
        for target in adding:
            lane = self._lanes.get(target)
            if lane is not None:
                self._run(lane)

    def _undone(self) -> None:
        """A batch failed: what was taken on is refused, and what was at an end is not."""
        self._ends, self._ending = set(), set()
        self._changed, self._changing = {}, {}
        self._added, self._adding = set(), set()
        for lane in self._lanes.values():
            lane.queue_again()
        for job in list(self._jobs.values()):
            if job.held:
                self._records.refresh(job)
            else:
                del self._jobs[job.job]
        self._count()
        self._run_all()

    def _count(self) -> None:
        for lane in self._lanes.values():
            lane.waiting = lane.size_bytes = 0
        self._bytes = 0
        for target, entries, size_bytes in self._records.targets():
            lane = self._lane(target)
            lane.waiting = entries
            lane.size_bytes = size_bytes
            self._bytes += size_bytes
        self.waiting = Counter(
            {(rule, number): count for rule, number, count in self._records.waiting()}
        )

    # --- running ---------------------------------------------------------------------------------

    def _lane(self, target: str) -> Lane:
        lane = self._lanes.get(target)
        if lane is None:
            lane = self._lanes[target] = Lane(target, self._actions[target.partition(" ")[0]])
        return lane

    def _run_all(self) -> None:
        for lane in list(self._lanes.values()):
            self._run(lane)

    def _run(self, lane: Lane) -> None:
        """Begin as many entries of a lane as may run."""
        while self._may_run and lane.may_run:
            entry = self._next(lane)
            if entry is None:
                break
            task = asyncio.create_task(self._run_one(lane, entry), name=f"outbox {lane.target}")
            lane.begin(entry, task)
        if not lane.waiting and not lane.running:
            self._lanes.pop(lane.target, None)

    def _next(self, lane: Lane) -> Entry | None:
        """Read the entry that is next into memory."""
        if lane.ready:
            number = lane.ready.popleft()
        else:
            if not lane.queued and lane.unread > 0:
                # Rows whose end is not committed are still there; so are those that have begun.
                known = lane.held | self._ends | self._ending
                for number in self._records.next(
                    lane.target, lane.position, READ_AHEAD + len(known)
                ):
                    lane.position = number
                    if number not in known:
                        lane.queued.append(number)
            if not lane.queued:
                return None
            number = lane.queued.popleft()
        entry = self._records.read(number, self._jobs.get)
        assert entry is not None  # noqa: S101 - only this class removes rows
        entry.attempt = lane.attempts.pop(number, 1)
        entry.job.held += 1
        self._jobs[entry.job.job] = entry.job
        return entry

    async def _run_one(self, lane: Lane, entry: Entry) -> None:
        failure = ""
        after_s: float | None = None
        no_room = False
        new = entry.job.new
        try:
            await lane.action.run(entry.parameters, new.output, entry.attempt, new)
        except TryAgain as error:
            lane.last_failure = self._word(entry.job, entry.number, error.told())
            after_s = error.after_s
            entry.attempt += 1
            self._retries.value += 1
        except ActionFailed as error:
            failure = lane.last_failure = self._word(entry.job, entry.number, error.told())
        except StoreError:
            no_room = True  # what it did could not be kept
        except asyncio.CancelledError:
            if not self._may_run:
                raise
            after_s = STORE_RETRY_S  # by something of its own, not by us
        except Exception as error:
            # The outermost frame of an action: a fault of the gateway's own stays with it.
            log.exception("an action for %s failed by a fault of Weir's", lane.target)
            failure = lane.last_failure = fault_told(error)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is one
        lane.pause(entry, task)
        if no_room:
            lane.attempts[entry.entry] = entry.attempt
            lane.ready.appendleft(entry.entry)
            self._let_go(entry.job)
            self._rest(lane, entry.entry)
        elif after_s is None:
            self._end(lane, entry, failure)
        else:
            lane.attempts[entry.entry] = entry.attempt
            self._let_go(entry.job)
            number = entry.entry
            self._later(lane, number, after_s, lambda: lane.ready.append(number))
        self._run(lane)

    def _let_go(self, job: Job) -> None:
        """Take note that one entry less of a job is in memory."""
        job.held -= 1
        if not job.held and job.job not in self._changed and job.job not in self._changing:
            del self._jobs[job.job]

    def _later(self, lane: Lane, number: int, after_s: float, then: Callable[[], None]) -> None:
        def now() -> None:
            del lane.aside[number]
            then()
            self._run(lane)

        lane.aside[number] = asyncio.get_running_loop().call_later(after_s, now)

    def _rest(self, lane: Lane, number: int, then: Callable[[], None] = lambda: None) -> None:
        """Let a lane begin nothing for a while: the store takes nothing."""

        def wake() -> None:
            lane.resting = False
            then()

        lane.resting = True
        self._later(lane, number, STORE_RETRY_S, wake)

    def _end(self, lane: Lane, entry: Entry, failure: str) -> None:
        """Let the end of an entry, and what it causes, join the open batch."""
        job = entry.job
        if failure:
            job.failures.append(self._describe(lane.kind, entry.number, entry.parameters, failure))
        try:
            self._store.join()
            if job.pending == 1 and job.failures:
                self._failed(job)
        except StoreError:
            if failure:
                job.failures.pop()
            self._rest(lane, entry.entry, lambda: self._end(lane, entry, failure))
            return
        job.pending -= 1
        lane.held.discard(entry.entry)
        lane.waiting -= 1
        lane.size_bytes -= entry.size_bytes
        self._bytes -= entry.size_bytes
        self._ends.add(entry.entry)
        self._changed[job.job] = job
        self._let_go(job)
        counted = job.new.rule, entry.number
        self.waiting[counted] -= 1
        if not self.waiting[counted]:
            del self.waiting[counted]
        counter = self._failures if failure else self._done
        counter.value += 1
        self._ended(job, entry.number, failure)
