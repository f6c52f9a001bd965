"""Two hundred callers at once send to a few queues, receive and delete.

Nothing is lost, nothing comes twice, the order of each message group holds, and the queues are
empty afterwards. `WEIR_MESSAGES_EACH=200` has each caller send more. The control lets groups give
out messages while others of theirs are in flight, and must be caught.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.rig.broken_gateway import broken
from tests.rig.gateway_process import GatewayProcess

ROOT = Path(__file__).parents[2]
CLIENTS = 200
MESSAGES = int(os.environ.get("WEIR_MESSAGES_EACH", "20"))
QUEUES = ["one", "two", "one.fifo", "two.fifo"]
SETTINGS = "".join(
    f'[[sqs.queues]]\nname = "{name}"\nfifo = {str(name.endswith(".fifo")).lower()}\n'
    for name in QUEUES
)


@pytest.mark.timeout(300)
def test_two_hundred_callers_lose_nothing_and_get_nothing_twice(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, extra=SETTINGS) as gateway:
        result = _crowd(gateway, QUEUES, CLIENTS, MESSAGES)
    print(result)
    for name, found in result["queues"].items():
        assert not found["faults"], f"{name}: {found['faults'][:10]}"
        assert found["arrivals"] == CLIENTS // len(QUEUES) * MESSAGES
        assert set(found["depths"].values()) == {0}, f"{name}: {found['depths']}"


@pytest.mark.timeout(300)
def test_a_queue_that_does_not_keep_groups_in_order_is_caught(tmp_path: Path) -> None:
    control = broken("sqs-groups-unblocked")
    with GatewayProcess(tmp_path, extra=SETTINGS, prefix=control) as gateway:
        result = _crowd(gateway, ["one.fifo"], 50, 20)
    assert any("came before" in fault for fault in result["queues"]["one.fifo"]["faults"])


def _crowd(gateway: GatewayProcess, queues: list[str], clients: int, messages: int) -> Any:
    asked = {
        "endpoint": gateway.aws_endpoint,
        "keys": gateway.credentials(),
        "queues": queues,
        "clients": clients,
        "messages": messages,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.rig.sqs_crowd"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
