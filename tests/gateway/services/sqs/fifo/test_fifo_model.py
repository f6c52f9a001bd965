"""A FIFO queue against a model: groups in order, deduplication, time, dead letters, restarts."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from dataclasses import dataclass
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
from gateway.services.sqs.errors import InvalidParameterValue, MessageNotInflight
from tests.gateway.services.sqs.bench import Bench

RETENTION_S = 600
MAX_RECEIVES = 3
GROUPS = ["a", "b", "c", "d"]
INTERVAL_MS = 300_000


@dataclass
class Expected:
    """One message as it should be."""

    body: bytes
    row: int
    group: str
    sent_ms: int
    visible_ms: int
    count: int = 0
    held_by: object = None

    def is_in_flight(self, now_ms: int) -> bool:
        return self.count > 0 and self.visible_ms > now_ms


class FifoMachine(RuleBasedStateMachine):
    """Every message is named by its body, a number that never comes twice."""

    received = Bundle("received")
    ids = Bundle("ids")
    attempts = Bundle("attempts")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.bench = Bench(Path(self.folder.name))
        self.runner.run(self.bench.open())
        self.runner.run(self.bench.queue("dead.fifo", FifoQueue="true"))
        redrive = '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead.fifo",'
        self.runner.run(
            self.bench.queue(
                "q.fifo",
                FifoQueue="true",
                MessageRetentionPeriod=str(RETENTION_S),
                RedrivePolicy=redrive + f'"maxReceiveCount":{MAX_RECEIVES}}}',
            )
        )
        self.numbers = itertools.count()
        self.model: list[Expected] = []  # in the order of sending
        self.dead: dict[str, list[bytes]] = {group: [] for group in GROUPS}
        self.sent: dict[str, tuple[int, int]] = {}  # deduplication id -> when, row

    def teardown(self) -> None:
        self.runner.run(self.bench.close())
        self.runner.close()
        self.folder.cleanup()

    @property
    def queue(self) -> Queue:
        return self.bench.service.find("q.fifo")

    @property
    def now_ms(self) -> int:
        return self.bench.time.boot_ms

    def of_group(self, group: str) -> list[Expected]:
        return [e for e in self.model if e.group == group]

    @rule(target=ids, groups=st.lists(st.sampled_from(GROUPS), min_size=1, max_size=10))
    def send(self, groups: list[str]) -> object:
        messages = []
        for group in groups:
            body = b"%d" % next(self.numbers)
            messages.append(NewMessage(body, group_id=group, deduplication_id=body.decode()))
        rows = self.runner.run(self.queue.send_all(messages))
        assert rows == sorted(rows)
        for message, row in zip(messages, rows, strict=True):
            group = message.group_id
            self.model.append(Expected(message.body, row, group, self.now_ms, self.now_ms))
            self.sent[message.body.decode()] = (self.now_ms, row)
        return multiple(*(m.body.decode() for m in messages))

    @rule(deduplication_id=ids, group=st.sampled_from(GROUPS))
    def send_again(self, deduplication_id: str, group: str) -> None:
        body = b"%d" % next(self.numbers)
        message = NewMessage(body, group_id=group, deduplication_id=deduplication_id)
        (row,) = self.runner.run(self.queue.send_all([message]))
        sent_ms, first_row = self.sent[deduplication_id]
        if self.now_ms - sent_ms < INTERVAL_MS:
            assert row == first_row
            return
        assert row > first_row
        self.model.append(Expected(body, row, group, self.now_ms, self.now_ms))
        self.sent[deduplication_id] = (self.now_ms, row)

    @rule(target=received, most=st.integers(1, 10), timeout_s=st.sampled_from([0, 1, 5, 60]))
    def receive(self, most: int, timeout_s: int) -> object:
        got = self.runner.run(self.queue.receive(most=most, visibility_timeout_s=timeout_s))
        buried = self.bury({message.body for message in got})
        free = {
            group: [
                e.body
                for e in itertools.takewhile(
                    lambda e: e.visible_ms <= self.now_ms, self.of_group(group)
                )
            ]
            for group in GROUPS
        }
        for group in GROUPS:
            taken = [m.body for m in got if self.find(m.body).group == group]
            assert taken == free.get(group, [])[: len(taken)]
        there = min(most, sum(map(len, free.values())))
        # What has gone to the dead-letter queue leaves its place in an answer empty.
        assert len(got) == there or (buried and 0 < len(got) < there)
        for message in got:
            expected = self.find(message.body)
            expected.count += 1
            expected.visible_ms = self.now_ms + timeout_s * 1000
            expected.held_by = message
            assert message.receive_count == expected.count
        return multiple(*got)

    def bury(self, taken: set[bytes]) -> int:
        """Let those go that the receive has moved to the dead-letter queue; return how many.

        How far a receive looks depends on how much it asks for, so the gateway is believed which
        it was; that they had to be there, and in their order, is checked.
        """
        count = 0
        dead = self.bench.service.find("dead.fifo")
        while got := self.runner.run(dead.receive(most=10)):
            count += len(got)
            for message in got:
                expected = self.find(message.body)
                assert expected.count >= MAX_RECEIVES
                assert not expected.is_in_flight(self.now_ms)
                assert message.receive_count == expected.count + 1
                assert message.moved_from == "q.fifo"
                assert message.message_id == self.queue.message_id(expected.row)
                group = self.of_group(expected.group)
                assert group[0] is expected or all(
                    e.count >= MAX_RECEIVES or e.body in taken
                    for e in group[: group.index(expected)]
                )
                self.model.remove(expected)
            handles = [dead.receipt_handle(message) for message in got]
            assert self.runner.run(dead.delete_all(handles)) == [None] * len(handles)
        return count

    def find(self, body: bytes) -> Expected:
        (found,) = [e for e in self.model if e.body == body]
        return found

    def held(self, message: Received) -> Expected | None:
        found = [e for e in self.model if e.body == message.body]
        return found[0] if found and found[0].held_by is message else None

    @rule(message=consumes(received))
    def delete(self, message: Received) -> None:
        handle = self.queue.receipt_handle(message)
        (error,) = self.runner.run(self.queue.delete_all([handle]))
        expected = self.held(message)
        if expected is None:
            assert error is None
        elif expected.visible_ms <= self.now_ms:
            assert isinstance(error, InvalidParameterValue)
        else:
            assert error is None
            self.model.remove(expected)

    @rule(message=received, timeout_s=st.sampled_from([0, 2, 30]))
    def change_visibility(self, message: Received, timeout_s: int) -> None:
        expected = self.held(message)
        handle = self.queue.receipt_handle(message)
        try:
            self.runner.run(self.queue.change_visibility(handle, timeout_s))
        except InvalidParameterValue:
            assert expected is None
        except MessageNotInflight:
            assert expected is not None and expected.visible_ms <= self.now_ms
        else:
            assert expected is not None and expected.visible_ms > self.now_ms
            expected.visible_ms = self.now_ms + timeout_s * 1000

    @rule(message=received)
    def release(self, message: Received) -> None:
        self.queue.release([message])
        self.runner.run(self.bench.settle())
        expected = self.held(message)
        if expected is not None:
            expected.count -= 1
            expected.visible_ms = message.visible_since_ms
            expected.held_by = None

    @rule(ms=st.sampled_from([1, 999, 1000, 5000, 60_000, 299_000]))
    def pass_time(self, ms: int) -> None:
        self.bench.time.pass_ms(ms)
        self.runner.run(self.bench.service.expire())
        self.model = [e for e in self.model if e.sent_ms + RETENTION_S * 1000 > self.now_ms]

    @rule(hours=st.integers(-100_000, 100_000))
    def step_the_wall_clock(self, hours: int) -> None:
        self.bench.time.step_wall(hours * 3_600_000)

    @rule()
    def restart(self) -> None:
        self.runner.run(self.bench.reopen())

    @invariant()
    def depths_agree(self) -> None:
        depths = self.queue.depths()
        in_flight = sum(e.is_in_flight(self.now_ms) for e in self.model)
        assert (depths.visible, depths.in_flight, depths.delayed) == (
            len(self.model) - in_flight,
            in_flight,
            0,
        )
        assert self.bench.rows("sqs_message") == self.bench.rows("sqs_ordered") == len(self.model)
        assert self.bench.rows("sqs_group") == len({e.group for e in self.model})


FifoMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=40, derandomize=True, deadline=None
)
test_a_fifo_queue_behaves_like_its_model = FifoMachine.TestCase
