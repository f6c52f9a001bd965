"""Fixtures of the SQS engine's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway.services.sqs.bench import Bench
from tests.rig.fake_time import FakeTime


@pytest.fixture
def bench(tmp_path: Path, fake_time: FakeTime) -> Bench:
    return Bench(tmp_path, fake_time)
