"""The `http` action as a rule runs it, with the destinations that allow it to post."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.engine.actions.http import HttpAction
from gateway.engine.destinations.destinations import Destinations
from gateway.engine.failures import ActionFailed
from gateway.http.client import HttpClient
from gateway.metrics import Metrics
from gateway.registry import Registry
from tests.gateway.engine.actions.a_job import a_job
from tests.gateway.engine.actions.endpoint import Answer, Got
from tests.rig.fake_time import FakeTime


class Acting:
    """An action, and the client below it."""

    def __init__(self, action: HttpAction, client: HttpClient, destinations: Destinations) -> None:
        self.action, self.client, self.destinations = action, client, destinations

    async def run(self, url: str, payload: bytes = b"{}", **parameters: Any) -> None:
        await self.action.run({"url": url, **parameters}, payload, 1, a_job())

    async def failure(self, url: str, payload: bytes = b"{}", **parameters: Any) -> ActionFailed:
        with pytest.raises(ActionFailed) as failed:
            await self.run(url, payload, **parameters)
        return failed.value


@asynccontextmanager
async def acting(tmp_path: Path, *urls: str, **options: Any) -> AsyncIterator[Acting]:
    """An action that may post to these addresses."""
    registry = await Registry.open(tmp_path / "registry.json")
    client = HttpClient()
    time = FakeTime()
    destinations = Destinations(
        registry,
        client,
        urls,
        region="us-east-1",
        account="000000000000",
        enable_base=lambda: "http://127.0.0.1:4566",
        now_ms=lambda: time.wall_ms,
        gateway_ms=lambda: time.boot_ms,
        metrics=Metrics(),
        retry_after_s=(),
    )
    destinations.start()
    options = {"retry_after_s": (0.0, 0.0), "total_s": 5.0} | options
    try:
        yield Acting(HttpAction(client, destinations, **options), client, destinations)
    finally:
        await destinations.close()
        await client.close()


def answering(*answers: Answer) -> Any:
    """A server that gives one answer after the other, the last one for ever."""
    left: Iterator[Answer] = iter(answers[:-1])

    async def answer(got: Got) -> Answer:
        return next(left, answers[-1])

    return answer


def headers(**fields: str) -> list[dict[str, str]]:
    return [{"key": name.replace("_", "-"), "value": value} for name, value in fields.items()]
