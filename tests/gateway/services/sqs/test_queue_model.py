"""A queue against a model of one: sends, receives, deletes, moved visibility, time, restarts."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from gateway.services.sqs import NewMessage, Queue, Received
from gateway.services.sqs.errors import InvalidParameterValue
from tests.gateway.services.sqs.bench import Bench

RETENTION_S = 600


@dataclass
class Expected:
    """One message as it should be."""

    sent_ms: int
    visible_ms: int
    count: int = 0
    held_by: object = field(default=None)


class QueueMachine(RuleBasedStateMachine):
    """Every message is named by its body, a number that never comes twice."""

    received = Bundle("received")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.bench = Bench(Path(self.folder.name))
        self.runner.run(self.bench.open())
        self.runner.run(self.bench.queue(MessageRetentionPeriod=str(RETENTION_S)))
        self.numbers = itertools.count()
        self.model: dict[bytes, Expected] = {}

    def teardown(self) -> None:
        self.runner.run(self.bench.close())
        self.runner.close()
        self.folder.cleanup()

    @property
    def queue(self) -> Queue:
        return self.bench.service.find("q")

    @property
    def now_ms(self) -> int:
        return self.bench.time.boot_ms

    @rule(count=st.integers(1, 12), delay_s=st.sampled_from([0, 0, 1, 7]))
    def send(self, count: int, delay_s: int) -> None:
        bodies = [b"%d" % next(self.numbers) for _ in range(count)]
        self.runner.run(self.queue.send_all([NewMessage(b, delay_s=delay_s) for b in bodies]))
        for body in bodies:
            self.model[body] = Expected(self.now_ms, self.now_ms + delay_s * 1000)

    @rule(target=received, most=st.integers(1, 10), timeout_s=st.sampled_from([0, 1, 5, 60]))
    def receive(self, most: int, timeout_s: int) -> object:
        got = self.runner.run(self.queue.receive(most=most, visibility_timeout_s=timeout_s))
        visible = sorted(e.visible_ms for e in self.model.values() if e.visible_ms <= self.now_ms)
        assert [self.model[m.body].visible_ms for m in got] == visible[:most]
        assert len({m.body for m in got}) == len(got)
        for message in got:
            expected = self.model[message.body]
            expected.count += 1
            expected.visible_ms = self.now_ms + timeout_s * 1000
            expected.held_by = message
            assert message.receive_count == expected.count
        return multiple(*got)

    def _holds(self, message: Received) -> Expected | None:
        expected = self.model.get(message.body)
        return expected if expected is not None and expected.held_by is message else None

    @rule(message=consumes(received))
    def delete(self, message: Received) -> None:
        self.runner.run(self.queue.delete_all([self.queue.receipt_handle(message)]))
        if self._holds(message):
            del self.model[message.body]

    @rule(message=received, timeout_s=st.sampled_from([0, 2, 30]))
    def change_visibility(self, message: Received, timeout_s: int) -> None:
        expected = self._holds(message)
        handle = self.queue.receipt_handle(message)
        try:
            self.runner.run(self.queue.change_visibility(handle, timeout_s))
        except InvalidParameterValue:
            assert expected is None
        else:
            assert expected is not None
            expected.visible_ms = self.now_ms + timeout_s * 1000

    @rule(message=received)
    def release(self, message: Received) -> None:
        self.queue.release([message])
        self.runner.run(self.bench.settle())
        expected = self._holds(message)
        if expected is not None:
            expected.count -= 1
            expected.visible_ms = message.visible_since_ms
            expected.held_by = None

    @rule(ms=st.sampled_from([1, 999, 1000, 5000, 60_000]))
    def pass_time(self, ms: int) -> None:
        self.bench.time.pass_ms(ms)
        self.runner.run(self.bench.service.expire())
        for body, expected in list(self.model.items()):
            if expected.sent_ms + RETENTION_S * 1000 <= self.now_ms:
                del self.model[body]

    @rule(hours=st.integers(-100_000, 100_000))
    def step_the_wall_clock(self, hours: int) -> None:
        self.bench.time.step_wall(hours * 3_600_000)

    @rule()
    def restart(self) -> None:
        self.runner.run(self.bench.reopen())

    @invariant()
    def depths_agree(self) -> None:
        depths = self.queue.depths()
        later = [e for e in self.model.values() if e.visible_ms > self.now_ms]
        in_flight = sum(e.count > 0 for e in later)
        assert (depths.visible, depths.in_flight, depths.delayed) == (
            len(self.model) - len(later),
            in_flight,
            len(later) - in_flight,
        )
        assert self.bench.rows("sqs_message") == len(self.model)


QueueMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=40, derandomize=True, deadline=None
)
test_a_queue_behaves_like_its_model = QueueMachine.TestCase
