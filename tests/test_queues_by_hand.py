"""Queues of a whole gateway by hand: what `weir queue` does, boto3 sees, and the other way."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rig.gateway_process import WEIR, GatewayProcess

QUEUES = """
[[sqs.queues]]
name = "alarms.fifo"
fifo = true
dead_letter_queue = "dead.fifo"
max_receive_count = 1
[[sqs.queues]]
name = "dead.fifo"
fifo = true
"""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path, rules=[], extra=QUEUES) as running:
        yield running
        assert "Traceback" not in running.log_tail()


def weir(gateway: GatewayProcess, *arguments: str) -> Any:
    done = subprocess.run(
        [WEIR, "queue", *arguments, "--config", str(gateway.config), "--json"],
        capture_output=True,
        check=True,
        text=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_by_hand_and_by_the_api_it_is_the_same_queue(gateway: GatewayProcess) -> None:
    sqs = gateway.sqs()
    url = sqs.get_queue_url(QueueName="readings")["QueueUrl"]
    (sent,) = weir(gateway, "send", "readings", "grüße", "--attribute", "site=north")
    asked = {"MessageAttributeNames": ["All"], "AttributeNames": ["All"], "VisibilityTimeout": 0}
    (by_api,) = sqs.receive_message(QueueUrl=url, **asked)["Messages"]
    assert by_api["MessageId"] == sent["message_id"]
    (answer,) = weir(gateway, "receive", "readings", "--delete")
    (by_hand,) = answer["messages"]
    differs = {"ReceiptHandle", "Attributes"}  # it has been received twice by now
    assert by_hand.keys() == by_api.keys() - {"ResponseMetadata"}
    assert all(by_hand[key] == by_api[key] for key in by_hand.keys() - differs)
    assert by_hand["Attributes"].keys() == by_api["Attributes"].keys()
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_dead_letters_are_moved_back_after_a_kill(gateway: GatewayProcess) -> None:
    sqs = gateway.sqs()
    url = sqs.get_queue_url(QueueName="alarms.fifo")["QueueUrl"]
    for number in range(4):
        weir(gateway, "send", "alarms.fifo", str(number), "--group", "g", "--dedup", f"d{number}")
    for _ in range(6):
        sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    every = {queue["name"]: queue for queue in weir(gateway, "list")[0]["queues"]}
    assert every["dead.fifo"]["visible"] == 4
    weir(gateway, "redrive", "dead.fifo", "--rate", "2")
    gateway.kill()
    gateway.start()  # and it goes on by itself
    last = weir(gateway, "redrive", "dead.fifo", "--watch")[-1]
    assert last["status"] == "COMPLETED"
    shown = weir(gateway, "show", "dead.fifo")[0]
    assert sum(task["moved"] for task in shown["move_tasks"]) == 4
    (answer,) = weir(gateway, "receive", "alarms.fifo", "--max", "10")
    assert [message["Body"] for message in answer["messages"]] == ["0", "1", "2", "3"]
