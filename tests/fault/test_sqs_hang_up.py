"""Callers that hang up while their receive waits, is committed, or is being answered.

Whoever has not got the answer has not received anything: the messages are visible again at once,
their receive is not counted, and a FIFO queue's group is available again. To know for certain
whether the answer came, a caller closes its side and reads on; or it looks and vanishes with a
reset while the gateway stands still. `WEIR_SEEDS=100` tries more often. The control undoes nothing
and must be caught.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import socket
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.rig.broken_gateway import broken
from tests.rig.gateway_process import GatewayProcess, wait_until
from tests.rig.sqs_wire import HungUpError, Signer, SqsSocket, answer_in

SEEDS = list(range(1, 1 + int(os.environ.get("WEIR_SEEDS", "3"))))
TRIES = 30
LONG_S = 43_200
AT_ONCE_S = 3
QUEUES = """
[[sqs.queues]]
name = "work"
[[sqs.queues]]
name = "work.fifo"
fifo = true
"""


class Quitter:
    """Receives from a queue, hangs up at a random moment, and looks what became of the messages.

    Args:
        gateway: What it talks to.
        queue: The queue's name; it must be empty.
        waits: Whether the queue is empty when the receive comes, so that it waits.
        resets: Whether it vanishes with a reset, or closes its side and reads on.
        seed: Of the moments.

    Attributes:
        outcomes: How often an answer came, and how often it did not.
    """

    def __init__(
        self, gateway: GatewayProcess, queue: str, *, waits: bool, resets: bool, seed: int
    ) -> None:
        self.outcomes: Counter[str] = Counter()
        self._gateway = gateway
        self._queue = queue
        self._signer = Signer(gateway.aws_endpoint, gateway.credentials())
        self._caller = SqsSocket(self._signer)
        self._waits = waits
        self._resets = resets
        self._seed = seed
        self._rng = random.Random(seed)
        self._fifo = queue.endswith(".fifo")
        self._names = itertools.count()
        self._usual_s = statistics.median(self._whole_s() for _ in range(15))

    @property
    def _url(self) -> str:
        return f"http://localhost/000000000000/{self._queue}"

    def close(self) -> None:
        self._caller.sock.close()

    def hang_up(self) -> str:
        """Hang up once; return what is wrong afterwards, nothing where all is right."""
        quitter, bodies = SqsSocket(self._signer), self._bodies()
        with quitter:
            quitter.call("GetQueueUrl", QueueName=self._queue)  # so that the connection is accepted
            if self._waits:
                self._ask(quitter)
                wait_until(lambda: self._waiting() == 1, what="a receive that waits")
                self._ask_to_send(bodies)
            else:
                self._send(bodies)
                self._ask(quitter)
            # Where it waits, a send comes first.
            longest_s = (5 if self._waits else 2.5) * self._usual_s
            moment_s = time.perf_counter() + self._rng.uniform(0, longest_s)
            while time.perf_counter() < moment_s:
                pass
            got = self._vanish(quitter) if self._resets else self._close_and_read(quitter)
        if self._waits:
            self._caller.answer()
        if got is None:
            self.outcomes["undone"] += 1
            return self._compare(bodies, self._take(len(bodies)), 1)
        self.outcomes["answered"] += 1
        received = got.get("Messages", [])
        # The last of a group first, which stays blocked until its first is visible.
        for message in reversed(received) if self._fifo else received:
            self._caller.call(
                "ChangeMessageVisibility",
                QueueUrl=self._url,
                ReceiptHandle=message["ReceiptHandle"],
                VisibilityTimeout=0,
            )
        return self._compare(bodies, self._take(len(bodies)), 2 if received else 1)

    def _compare(self, bodies: list[str], found: list[dict[str, Any]], count: int) -> str:
        told = [(m["Body"], m["Attributes"]["ApproximateReceiveCount"]) for m in found]
        due = [(body, str(count)) for body in bodies]
        return "" if told == due else f"{told} instead of {due}"

    def _close_and_read(self, quitter: SqsSocket) -> dict[str, Any] | None:
        quitter.sock.shutdown(socket.SHUT_WR)
        try:
            return quitter.answer()
        except (HungUpError, ConnectionResetError):
            return None

    def _vanish(self, quitter: SqsSocket) -> dict[str, Any] | None:
        """Take what has come by a moment at which the gateway stands still, and reset."""
        process = self._gateway.process
        assert process is not None
        os.kill(process.pid, signal.SIGSTOP)
        try:
            os.waitpid(process.pid, os.WUNTRACED)  # all its threads stand still
            quitter.sock.setblocking(False)
            try:
                data = quitter.sock.recv(1 << 20)
            except BlockingIOError:
                data = b""
            quitter.reset()
        finally:
            os.kill(process.pid, signal.SIGCONT)
        found = answer_in(data)
        return None if found is None else found[0]

    # --- its other connection ---------------------------------------------------------------------

    def _whole_s(self) -> float:
        """Send, receive and delete; return how long the receive took."""
        bodies = self._bodies()
        self._send(bodies)
        began_s = time.perf_counter()
        self._ask(self._caller)
        found = self._caller.answer()["Messages"]
        took_s = time.perf_counter() - began_s
        assert [message["Body"] for message in found] == bodies
        self._delete(found)
        return took_s

    def _bodies(self) -> list[str]:
        # No two quitters of a queue send the same: that would be one message.
        number = f"{self._waits:d}{self._resets:d}-{self._seed}-{next(self._names)}"
        return [f"{number}-{n}" for n in range(2)]

    def _send(self, bodies: list[str]) -> None:
        self._ask_to_send(bodies)
        self._caller.answer()

    def _ask_to_send(self, bodies: list[str]) -> None:
        entries: list[dict[str, str]] = [{"Id": body, "MessageBody": body} for body in bodies]
        if self._fifo:
            for entry in entries:
                entry |= {"MessageGroupId": "g", "MessageDeduplicationId": entry["Id"]}
        self._caller.ask("SendMessageBatch", QueueUrl=self._url, Entries=entries)

    def _ask(self, caller: SqsSocket) -> None:
        caller.ask(
            "ReceiveMessage",
            QueueUrl=self._url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=LONG_S,
            WaitTimeSeconds=20 if self._waits else 0,
        )

    def _take(self, count: int) -> list[dict[str, Any]]:
        """Receive so many, who become visible at once, and delete them."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            new = self._caller.call(
                "ReceiveMessage",
                QueueUrl=self._url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=LONG_S,
                WaitTimeSeconds=AT_ONCE_S,
                AttributeNames=["ApproximateReceiveCount"],
            ).get("Messages", [])
            if not new:
                break
            found += new
            self._delete(new)
        return found

    def _delete(self, found: list[dict[str, Any]]) -> None:
        entries = [
            {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
            for n, message in enumerate(found)
        ]
        self._caller.call("DeleteMessageBatch", QueueUrl=self._url, Entries=entries)

    def _waiting(self) -> int:
        return int(self._gateway.status()["metrics"]["sqs.waiting_receives"])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("queue", ["work", "work.fifo"])
def test_who_hangs_up_swallows_nothing(tmp_path: Path, queue: str, loop: str) -> None:
    total: Counter[str] = Counter()
    with GatewayProcess(tmp_path, extra=QUEUES, loop=loop) as gateway:
        for seed in SEEDS:
            for waits in (False, True):
                for is_reset in (False, True):
                    quitter = Quitter(gateway, queue, waits=waits, resets=is_reset, seed=seed)
                    for number in range(TRIES):
                        fault = quitter.hang_up()
                        assert not fault, (
                            f"seed {seed}, {waits=}, {is_reset=}, try {number}: {fault}"
                        )
                    quitter.close()
                    total.update(quitter.outcomes)
        released = gateway.status()["metrics"]["sqs.released"]
    print(f"seeds {SEEDS}: {dict(total)}, {released} messages were released")
    assert released > TRIES / 4, "hardly ever was there anything to undo"


@pytest.mark.parametrize("queue", ["work", "work.fifo"])
def test_a_gateway_that_undoes_nothing_is_caught(tmp_path: Path, queue: str) -> None:
    control = broken("sqs-receives-kept")
    with GatewayProcess(tmp_path, extra=QUEUES, prefix=control) as gateway:
        quitter = Quitter(gateway, queue, waits=False, resets=False, seed=1)
        faults = (quitter.hang_up() for _ in range(200))
        caught = next(filter(None, faults), "")
        quitter.close()
    print(caught)
    assert caught.startswith("[] instead of")


def test_a_repeated_receive_that_hangs_up_takes_nothing_from_who_got_the_answer(
    tmp_path: Path,
) -> None:
    with GatewayProcess(tmp_path, extra=QUEUES) as gateway:
        signer = Signer(gateway.aws_endpoint, gateway.credentials())
        url = "http://localhost/000000000000/work.fifo"
        receive = {
            "QueueUrl": url,
            "VisibilityTimeout": LONG_S,
            "AttributeNames": ["ApproximateReceiveCount"],
        }
        with SqsSocket(signer) as caller:
            ids = {"MessageGroupId": "g", "MessageDeduplicationId": "1"}
            caller.call("SendMessage", QueueUrl=url, MessageBody="held", **ids)
            (held,) = caller.call("ReceiveMessage", ReceiveRequestAttemptId="a", **receive)[
                "Messages"
            ]
            unanswered = 0
            while unanswered < 5:
                with SqsSocket(signer) as quitter:
                    quitter.ask("ReceiveMessage", ReceiveRequestAttemptId="a", **receive)
                    quitter.sock.shutdown(socket.SHUT_WR)
                    try:
                        quitter.answer()
                    except (HungUpError, ConnectionResetError):
                        unanswered += 1
            assert "Messages" not in caller.call("ReceiveMessage", **receive)
            again = caller.call("ReceiveMessage", ReceiveRequestAttemptId="a", **receive)
            assert again["Messages"] == [held]
            handle = held["ReceiptHandle"]
            caller.call("DeleteMessage", QueueUrl=url, ReceiptHandle=handle)
            empty = caller.call("GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])
            depths = {n: v for n, v in empty["Attributes"].items() if "ApproximateNumber" in n}
            assert set(depths.values()) == {"0"}, depths
