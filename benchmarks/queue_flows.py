"""What clients do to one queue: send, receive and delete, with every message in a ledger.

Owns the operations' requests, the reading of their answers, and that each message that was
acknowledged comes out once, and in the order of its group. Knows no sockets and no clock but the
one that says when to end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import md5
from typing import Any, final

import orjson

from benchmarks.queue_load import Flow
from benchmarks.queue_requests import Signer

BATCH = 10
BODY_BYTES = 200
GROUPS = 16
"""Message groups that each connection sends to; no other connection does."""

EMPTY_MOST = 5
_NUMBERS = 10**8
"""More than a connection ever sends: a message's label is connection * _NUMBERS + number."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request to send messages, made beforehand.

    Attributes:
        request: The whole request.
        labels: Its messages' labels.
        digests: What the answer must contain: the MD5 of each body.
    """

    request: bytes
    labels: list[int]
    digests: list[bytes]


@final
class Ledger:
    """One queue, what was sent to it, and what came out.

    Args:
        signer: Makes the requests.
        url: The queue's URL.
        is_fifo: Whether its messages have groups.
        is_strict: Whether each message must come out once and in its group's order. Every server
            must lose none; moto's threads now and then give a message to two receivers at once.

    Attributes:
        sent: The labels of what was acknowledged.
        received: The labels of what came out.
        deleted: How many deletions were acknowledged.
        deleted_at_s: When the last of them was, by `time.perf_counter`.
    """

    __slots__ = (
        "_is_fifo",
        "_is_strict",
        "_latest",
        "_receive",
        "_signer",
        "_url",
        "deleted",
        "deleted_at_s",
        "received",
        "sent",
    )

    def __init__(self, signer: Signer, url: str, *, is_fifo: bool, is_strict: bool = True) -> None:
        self._signer = signer
        self._url = url
        self._is_fifo = is_fifo
        self._is_strict = is_strict
        self._latest: dict[tuple[int, int], int] = {}
        self.sent: list[int] = []
        self.received: set[int] = set()
        self.deleted = 0
        self.deleted_at_s = 0.0
        wanted = {"QueueUrl": url, "MaxNumberOfMessages": BATCH, "WaitTimeSeconds": 1}
        self._receive = signer.request("ReceiveMessage", wanted)

    # --- sending ---------------------------------------------------------------------------------

    def prepare_single(self, connection: int, first: int, count: int) -> list[Prepared]:
        """Make SendMessage requests for the messages of one connection from this number on."""
        return [self._single(connection, number) for number in range(first, first + count)]

    def prepare_batches(self, connection: int, first: int, count: int) -> list[Prepared]:
        """Make as many SendMessageBatch requests with ten messages each."""
        return [self._batch(connection, first + BATCH * n) for n in range(count)]

    def send(self, prepared: list[Prepared], until_s: float) -> Flow:
        """Send until that time, or until nothing is left."""
        for one in prepared:
            answer = yield one.request
            if b'"Failed":[{' in answer or not all(digest in answer for digest in one.digests):
                raise RuntimeError(f"a message was not taken as it was sent: {answer[:300]!r}")
            self.sent += one.labels
            if time.perf_counter() >= until_s:
                return

    def _single(self, connection: int, number: int) -> Prepared:
        entry, label, digest = self._message(connection, number)
        request = self._signer.request("SendMessage", {"QueueUrl": self._url, **entry})
        return Prepared(request, [label], [digest])

    def _batch(self, connection: int, first: int) -> Prepared:
        messages = [self._message(connection, first + n) for n in range(BATCH)]
        entries = [{"Id": str(n), **entry} for n, (entry, _, _) in enumerate(messages)]
        request = self._signer.request(
            "SendMessageBatch", {"QueueUrl": self._url, "Entries": entries}
        )
        return Prepared(request, [it[1] for it in messages], [it[2] for it in messages])

    def _message(self, connection: int, number: int) -> tuple[dict[str, Any], int, bytes]:
        label = connection * _NUMBERS + number
        body = f"{label:012d} ".ljust(BODY_BYTES, ".")
        entry: dict[str, Any] = {"MessageBody": body}
        if self._is_fifo:
            entry["MessageGroupId"] = f"{connection}-{number % GROUPS}"
            entry["MessageDeduplicationId"] = str(label)
        return entry, label, md5(body.encode(), usedforsecurity=False).hexdigest().encode()

    # --- receiving and deleting ------------------------------------------------------------------

    def drain(self) -> Flow:
        """Receive ten at a time and delete them, until everything sent has come out."""
        empty = 0
        while len(self.received) < len(self.sent):
            messages = orjson.loads((yield self._receive)).get("Messages")
            if not messages:
                empty += 1
                if empty == EMPTY_MOST:
                    missing = len(self.sent) - len(self.received)
                    raise RuntimeError(f"the queue is empty, and {missing} messages are missing")
                continue
            empty = 0
            self._note(message["Body"] for message in messages)
            entries = [
                {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
                for n, message in enumerate(messages)
            ]
            answer = yield self._signer.request(
                "DeleteMessageBatch", {"QueueUrl": self._url, "Entries": entries}
            )
            self.deleted += len(orjson.loads(answer).get("Successful", ()))
            self.deleted_at_s = time.perf_counter()

    def _note(self, bodies: Iterator[str]) -> None:
        for body in bodies:
            label = int(body[:12])
            if self._is_strict and label in self.received:
                raise RuntimeError(f"message {label} came twice")
            self.received.add(label)
            if self._is_fifo and self._is_strict:
                connection, number = divmod(label, _NUMBERS)
                group = connection, number % GROUPS
                if self._latest.get(group, -1) >= number:
                    raise RuntimeError(f"message {number} of group {group} is out of order")
                self._latest[group] = number

    def check(self) -> None:
        """Make sure that what was acknowledged came out, once, and was deleted.

        Raises:
            RuntimeError: It did not, or something else came out.
        """
        if self.received != set(self.sent) or len(set(self.sent)) != len(self.sent):
            raise RuntimeError(
                f"{len(self.sent)} messages were acknowledged, {len(self.received)} came out"
            )
        if self._is_strict and self.deleted != len(self.sent):
            raise RuntimeError(f"{len(self.sent)} messages came out, {self.deleted} were deleted")
