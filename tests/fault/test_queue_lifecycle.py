"""kill -9 between the steps of creating and deleting a queue: record and rows go together.

strace kills the gateway at the n-th call of one kind while it creates or deletes a queue, for every
n that occurs. After the restart a queue is either there, whole and usable, or gone without a trace.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.rig.gateway_process import GatewayProcess, wait_until

CALLS = ["fdatasync", "fsync", "rename", "openat", "pwrite64", "fchmod"]
MOST = 12


@pytest.mark.system
@pytest.mark.timeout(300)
@pytest.mark.parametrize("deleting", [False, True], ids=["create", "delete"])
@pytest.mark.parametrize("call", CALLS)
def test_killed_between_the_steps(tmp_path: Path, call: str, deleting: bool) -> None:
    gateway = GatewayProcess(tmp_path)
    kills = 0
    with gateway:
        for n in range(1, MOST + 1):
            if not gateway.alive:
                gateway.start()
            name = f"q{n}"
            if deleting:
                gateway.sqs().create_queue(QueueName=name)
            if not _killed_at(gateway, call, n, name, deleting):
                break  # the work is done before its n-th such call
            kills += 1
            gateway.start()
            _assert_consistent(gateway, name)
            gateway.kill()
    print(f"{kills} kills at {call}")
    if call in ("fdatasync", "fsync", "rename"):
        assert kills, f"no {call} while a queue was made: nothing was tested"


def _killed_at(gateway: GatewayProcess, call: str, n: int, name: str, deleting: bool) -> bool:
    """Create or delete the queue while strace waits for its n-th call; tell whether it struck."""
    sqs = gateway.sqs()
    assert gateway.process is not None
    tracer = subprocess.Popen(
        ["strace", "-f", "-p", str(gateway.process.pid), "-o", str(gateway.folder / "trace")]
        + ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={n}"],
        stderr=subprocess.PIPE,
    )
    assert tracer.stderr is not None
    line = tracer.stderr.readline()  # "Process 123 attached with 3 threads"
    assert b" attached" in line, f"{line!r}: strace could not attach; run `make test-setup` as root"
    try:
        if deleting:
            sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])
        else:
            sqs.create_queue(QueueName=name)
    except (BotoCoreError, ClientError):
        pass
    died = True
    try:
        gateway.process.wait(0.3)
    except subprocess.TimeoutExpired:
        died = False
    tracer.terminate()
    tracer.communicate(timeout=10)
    return died


def _assert_consistent(gateway: GatewayProcess, name: str) -> None:
    sqs = gateway.sqs()
    wait_until(lambda: _numbers_agree(gateway), what="the sweep at start")
    if any(url.endswith(f"/{name}") for url in sqs.list_queues().get("QueueUrls", [])):
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="still works")
        (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
        assert message["Body"] == "still works"
    else:
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        assert "Messages" not in sqs.receive_message(QueueUrl=url), "an old queue's messages"


def _numbers_agree(gateway: GatewayProcess) -> bool:
    """Compare the queues of the registry with those of the database, both read from disk."""
    registry = json.loads((gateway.data_dir / "registry.json").read_text())
    recorded = {document["number"] for document in registry.get("queues", {}).values()}
    connection = sqlite3.connect(f"file:{gateway.data_dir / 'weir.db'}?mode=ro", uri=True)
    try:
        stored = {number for (number,) in connection.execute("SELECT queue FROM sqs_queue")}
    finally:
        connection.close()
    return recorded == stored
