"""Memory stays flat while tens of thousands of messages go through a queue.

What the process holds at the end is what it held after the first tenth: no message leaves anything
behind in memory. `WEIR_MESSAGES=100000` sends more. The controls keep what was received, and must
be caught.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.rig.broken_gateway import broken
from tests.rig.gateway_process import GatewayProcess, resident_bytes
from tests.rig.sqs_wire import Signer, SqsSocket

MESSAGES = {
    "work": int(os.environ.get("WEIR_MESSAGES", "20000")),
    "work.fifo": int(os.environ.get("WEIR_MESSAGES", "12000")),
}
BODY = "b" * 200
# What was sent in five minutes to a FIFO queue fills the store's page cache (4 MiB), once.
LIMITS_BYTES = {"work": 2 * 1024 * 1024, "work.fifo": 6 * 1024 * 1024}
QUEUES = """
[[sqs.queues]]
name = "work"
[[sqs.queues]]
name = "work.fifo"
fifo = true
"""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("queue", ["work", "work.fifo"])
def test_nothing_is_left_in_memory(tmp_path: Path, queue: str) -> None:
    with GatewayProcess(tmp_path, extra=QUEUES) as gateway:
        assert _growth_bytes(gateway, queue, MESSAGES[queue]) < LIMITS_BYTES[queue]


@pytest.mark.parametrize("queue", ["work", "work.fifo"])
def test_messages_that_are_left_are_caught(tmp_path: Path, queue: str) -> None:
    control = broken("sqs-messages-remembered")
    with GatewayProcess(tmp_path, extra=QUEUES, prefix=control) as gateway:
        assert _growth_bytes(gateway, queue, 12_000) > LIMITS_BYTES[queue]


def _growth_bytes(gateway: GatewayProcess, queue: str, count: int) -> int:
    signer, pid = Signer(gateway.aws_endpoint, gateway.credentials()), gateway.pid
    with SqsSocket(signer) as caller:
        _through(caller, queue, 0, count // 10)
        first = resident_bytes(pid)
        _through(caller, queue, count // 10, count)
        last = resident_bytes(pid)
    assert gateway.status()["metrics"]["sqs.deleted"] == count
    print(f"{count} messages: {first >> 10} KiB after a tenth, {last >> 10} KiB at the end")
    return last - first


def _through(caller: SqsSocket, queue: str, first: int, end: int) -> None:
    """Send, receive and delete messages, ten at a time, a hundred in the queue at once."""
    url = f"http://localhost/000000000000/{queue}"
    for number in range(first, end, 100):
        for start in range(number, min(number + 100, end), 10):
            entries: list[dict[str, Any]] = [
                {"Id": str(n), "MessageBody": f"{n} {BODY}"} for n in range(start, start + 10)
            ]
            if queue.endswith(".fifo"):
                for entry in entries:
                    entry["MessageGroupId"] = f"g{start // 10 % 50}"
                    entry["MessageDeduplicationId"] = entry["Id"]
            caller.call("SendMessageBatch", QueueUrl=url, Entries=entries)
        while found := caller.call("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            caller.call(
                "DeleteMessageBatch",
                QueueUrl=url,
                Entries=[
                    {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
                    for n, message in enumerate(found)
                ],
            )
