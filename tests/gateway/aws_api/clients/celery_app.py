"""A Celery application as its users write it: tasks, and a broker whose address is in its settings.

What the tasks do is written to the file `RECORD`, a JSON object a line. `BROKER` has
the settings as Python writes them: a backoff policy's keys are numbers.
"""

from __future__ import annotations

import ast
import json
import os
import threading
from pathlib import Path
from typing import Any

from celery import Celery

RECORD = Path(os.environ.get("RECORD", os.devnull))

app = Celery("weir-tests")
app.conf.update(
    task_default_queue="celery-work",
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,  # SQS has no fanout
    broker_connection_retry_on_startup=False,
    **ast.literal_eval(os.environ.get("BROKER", "{}")),
)


def note(**what: Any) -> None:
    with RECORD.open("a") as record:
        record.write(json.dumps({"pid": os.getpid(), **what}) + "\n")


@app.task(name="add")
def add(x: int, y: int) -> None:
    note(task="add", sum=x + y)


@app.task(name="flaky", bind=True, max_retries=2)
def flaky(self: Any) -> None:
    note(task="flaky", retries=self.request.retries)
    if self.request.retries < 2:
        raise self.retry(countdown=1)


@app.task(name="hangs_once")
def hangs_once() -> None:
    """Hang in the first worker that takes it; another one finishes it."""
    before = "hangs_once" in RECORD.read_text()
    note(task="hangs_once", finishes=before)
    if not before:
        threading.Event().wait()


@app.task(name="stumbles", acks_on_failure_or_timeout=False)
def stumbles() -> None:
    """Fail at first; what comes of it is left to the queue's backoff policy."""
    before = "stumbles" in RECORD.read_text()
    note(task="stumbles", finishes=before)
    if not before:
        raise RuntimeError("at first")
