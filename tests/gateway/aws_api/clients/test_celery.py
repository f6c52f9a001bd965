"""Celery with its SQS transport: real workers, one of them killed in the middle of a task."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from celery import Celery

from tests.gateway.aws_api.clients.endpoint import Endpoint
from tests.rig.gateway_process import GatewayProcess, wait_until

ROOT = Path(__file__).parents[4]
QUEUE, SLOW = "celery-work", "celery-slow"
VISIBILITY_TIMEOUT_S = 3


def broker(endpoint: Endpoint, **options: Any) -> dict[str, Any]:
    """Return a Celery application's settings; only these differ from one for AWS."""
    keys = f"{quote(endpoint.access_key, safe='')}:{quote(endpoint.secret_key, safe='')}"
    return {
        "broker_url": f"sqs://{keys}@{endpoint.url.removeprefix('http://')}",
        "broker_transport_options": {
            "region": endpoint.region,
            "is_secure": False,
            "wait_time_seconds": 5,
            **options,
        },
    }


class Worker:
    """A Celery worker in a process of its own."""

    def __init__(
        self, folder: Path, name: str, settings: dict[str, Any], queues: str = QUEUE
    ) -> None:
        self.record = folder / "record"
        self.record.touch()
        self.log = folder / f"{name}.log"
        command = "celery -A tests.gateway.aws_api.clients.celery_app worker --pool=solo"
        options = "--without-gossip --without-mingle --without-heartbeat --loglevel=INFO"
        where = [f"--hostname={name}@h", f"--queues={queues}"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command.split(), *options.split(), *where],
                cwd=ROOT,
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "RECORD": str(self.record),
                    "BROKER": repr(settings),
                },
                stdout=log,
                stderr=log,
            )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)

    def done(self, task: str) -> list[dict[str, Any]]:
        """Return what was noted of a task, by whichever worker."""
        lines = [json.loads(line) for line in self.record.read_text().splitlines()]
        return [line for line in lines if line["task"] == task]

    def wait_for(self, task: str, count: int) -> list[dict[str, Any]]:
        def there() -> bool:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            return len(self.done(task)) >= count

        try:
            wait_until(there, 40, f"{task}, {count} times")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log.read_text()[-3000:]}") from error
        return self.done(task)


def test_tasks_retries_and_a_worker_that_is_killed(
    endpoint: Endpoint, gateway: GatewayProcess, tmp_path: Path
) -> None:
    settings = broker(endpoint, visibility_timeout=VISIBILITY_TIMEOUT_S)
    app = Celery("caller")
    app.conf.update(task_default_queue=QUEUE, task_ignore_result=True, **settings)
    sqs = gateway.sqs()

    # The queue is made by who needs it first.
    with Worker(tmp_path, "first", settings) as first:
        for n in range(5):
            app.send_task("add", args=(n, 100))
        added = first.wait_for("add", 5)
        assert sorted(line["sum"] for line in added) == [100, 101, 102, 103, 104]
        url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert told["VisibilityTimeout"] == str(VISIBILITY_TIMEOUT_S)
        app.send_task("flaky")
        tries = first.wait_for("flaky", 3)
        assert [line["retries"] for line in tries] == [0, 1, 2]
        # Celery acknowledges a little after a task; what hangs too early would keep it from that.
        wait_until(lambda: left(sqs, url) == (0, 0), 20, "acknowledging")
        app.send_task("hangs_once")
        (started,) = first.wait_for("hangs_once", 1)
        assert not started["finishes"]
        os.kill(first.process.pid, signal.SIGKILL)

    # The second is told where the queue is, and may not make or look for any.
    slow = sqs.create_queue(QueueName=SLOW, Attributes={"VisibilityTimeout": "900"})["QueueUrl"]
    policy = {"backoff_policy": {1: 1}, "backoff_tasks": ["stumbles"]}
    known = {QUEUE: {"url": url}, SLOW: {"url": slow, **policy}}
    predefined = broker(endpoint, predefined_queues=known)
    with Worker(tmp_path, "second", predefined, f"{QUEUE},{SLOW}") as second:
        _, finished = second.wait_for("hangs_once", 2)
        assert finished["finishes"]
        assert finished["pid"] != started["pid"]
        # It would come again after 900 s, if Celery did not change that to what the policy says.
        app.send_task("stumbles", queue=SLOW)
        assert [line["finishes"] for line in second.wait_for("stumbles", 2)] == [False, True]
        wait_until(lambda: left(sqs, url) == left(sqs, slow) == (0, 0), 20, "acknowledging")
        second.process.send_signal(signal.SIGTERM)
        assert second.process.wait(20) == 0, second.log.read_text()[-3000:]
    assert len(first.done("add")) == 5
    assert len(first.done("flaky")) == 3
    app.close()


def left(sqs: Any, url: str) -> tuple[int, int]:
    """Return how many messages wait, and how many are in flight."""
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    waiting, in_flight = (int(told[name]) for name in names)
    return waiting, in_flight


def test_a_wrong_key_ends_the_worker(endpoint: Endpoint, tmp_path: Path) -> None:
    settings = broker(Endpoint(endpoint.url, endpoint.region, endpoint.access_key, "w" * 40))
    with Worker(tmp_path, "stranger", settings) as stranger:
        assert stranger.process.wait(40) != 0
        said = stranger.log.read_text()
    assert "SignatureDoesNotMatch" in said or "InvalidSignatureException" in said
