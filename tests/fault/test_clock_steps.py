"""The wall clock jumps ten years forth and back under load: nothing stalls, bursts or reorders.

libfaketime moves the gateway's wall clock while it runs; its monotonic clocks stay true, as on a
board whose clock is set by the network after boot.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.rig.gateway_process import GatewayProcess, drain
from tests.rig.mqtt_client import BarePublisher

STEPS = ["+0", "+10y", "+0", "-10y", "+0", "+10y", "-10y", "+0"]
MESSAGES_PER_STEP = 400
HIDDEN_S = 8


@pytest.mark.system
@pytest.mark.timeout(120)
def test_ten_year_steps_change_nothing(tmp_path: Path) -> None:
    offset = tmp_path / "offset"
    offset.write_text("+0")
    gateway = GatewayProcess(
        tmp_path,
        env={
            "LD_PRELOAD": _libfaketime(),
            "FAKETIME_TIMESTAMP_FILE": str(offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        },
        extra='[[sqs.queues]]\nname = "later"\n',
    )
    with gateway:
        sqs = gateway.sqs()
        later = sqs.get_queue_url(QueueName="later")["QueueUrl"]
        # One message delayed, one received and so hidden: neither may come out early.
        sqs.send_message(QueueUrl=later, MessageBody="delayed", DelaySeconds=HIDDEN_S)
        sqs.send_message(QueueUrl=later, MessageBody="hidden")
        hidden_at = time.monotonic()
        first = sqs.receive_message(QueueUrl=later, VisibilityTimeout=HIDDEN_S)["Messages"]
        assert [message["Body"] for message in first] == ["hidden"]

        slowest_s = 0.0
        seen_years = set()
        with BarePublisher(gateway.mqtt_port) as publisher:
            for step in STEPS:
                offset.write_text(step)
                for _ in range(MESSAGES_PER_STEP // 20):
                    began = time.monotonic()
                    for _ in range(20):
                        publisher.publish("bench/t", b'{"n":%d}' % publisher.sent)
                    publisher.wait_for_acks()
                    slowest_s = max(slowest_s, time.monotonic() - began)
                wall_ms = gateway.status()["time"]["wall_ms"]
                seen_years.add(time.gmtime(wall_ms / 1000).tm_year)
                if time.monotonic() - hidden_at < HIDDEN_S - 2:
                    early = sqs.receive_message(QueueUrl=later, MaxNumberOfMessages=10)
                    assert "Messages" not in early, f"visible early after {step}"
        # A test whose clock did not move would prove nothing.
        assert max(seen_years) - min(seen_years) >= 9, f"the clock did not move: {seen_years}"

        answer = sqs.receive_message(QueueUrl=later, MaxNumberOfMessages=10, WaitTimeSeconds=12)
        waited_s = time.monotonic() - hidden_at
        bodies = {message["Body"] for message in answer["Messages"]}
        assert bodies <= {"delayed", "hidden"}
        assert HIDDEN_S - 0.5 <= waited_s < HIDDEN_S + 3, f"came out after {waited_s:.1f} s"

        numbers = [json.loads(body)["n"] for body in drain(sqs)]
        assert numbers == list(range(len(STEPS) * MESSAGES_PER_STEP)), "lost or out of order"
        assert slowest_s < 3, f"20 messages took {slowest_s:.1f} s: something stalled"
        assert gateway.stop() == 0


def _libfaketime() -> str:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    assert found, "libfaketime is missing: run `make test-setup`"
    return str(found[0])
