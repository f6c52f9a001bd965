"""Asking endpoints to confirm: requests sent in the background, again where nobody answered.

Owns the tasks, the waits and what an answer means. Keeps nothing: who asks is told how it went, and
says whether the matter still stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from enum import Enum
from typing import Final, final

from gateway.engine.destinations.confirmation import ConfirmationRequest
from gateway.http.client import HttpClient, HttpFailed
from gateway.metrics import Metrics

__all__ = ["Asked", "Asking", "Report"]

_PARALLEL: Final = 4
_MAX_ANSWER_BYTES: Final = 16384


class Asked(Enum):
    """How one request went."""

    ANSWERED = "the endpoint has the token"
    AGAIN = "it failed, and another follows"
    IN_VAIN = "it failed, and no other follows"


Report = Callable[[Asked, str], Awaitable[bool]]
"""Told how a request went, and why if not well; returns whether to go on asking."""


@final
class Asking:
    """Asks endpoints, one task for each.

    Args:
        client: What sends the requests.
        metrics: Where `rules.destinations.asked` lives.
        retry_after_s: The waits before an endpoint that could not be reached is asked again.
        timeout_s: How long an endpoint may take to answer.
    """

    def __init__(
        self,
        client: HttpClient,
        metrics: Metrics,
        *,
        retry_after_s: Sequence[float],
        timeout_s: float,
    ) -> None:
        self._client = client
        self._retry_after_s = tuple(retry_after_s)
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(_PARALLEL)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closed = False
        self._asked = metrics.counter(
            "rules.destinations.asked", "confirmation requests that a server answered"
        )

    def __len__(self) -> int:
        return len(self._tasks)

    def is_busy(self, key: str) -> bool:
        """Tell whether something runs under a key."""
        return key in self._tasks

    def ask(self, key: str, request: ConfirmationRequest, report: Report) -> None:
        """Send a request in the background until somebody has answered it."""
        self.run(key, self._ask(request, report))

    def run(self, key: str, work: Coroutine[object, object, None]) -> None:
        """Run something in the background, in place of what runs under this key."""
        self.stop(key)
        if self._closed:
            work.close()
            return
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[key] = task

        def done(finished: asyncio.Task[None]) -> None:
            if self._tasks.get(key) is finished:
                del self._tasks[key]

        task.add_done_callback(done)

    def stop(self, key: str) -> None:
        """Stop what runs under a key, unless it is the caller itself, which ends by itself."""
        task = self._tasks.pop(key, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    async def close(self) -> None:
        """Stop everything; nothing runs any more afterwards."""
        self._closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, request: ConfirmationRequest, report: Report) -> None:
        waits_s = [0.0, *self._retry_after_s]
        while waits_s:
            await asyncio.sleep(waits_s.pop(0))
            went, reason = await self._post(request)
            if went is Asked.AGAIN and not waits_s:
                went = Asked.IN_VAIN
            if not await report(went, reason) or went is not Asked.AGAIN:
                return

    async def _post(self, request: ConfirmationRequest) -> tuple[Asked, str]:
        try:
            async with self._slots:
                answer = await self._client.post(
                    request.url,
                    request.headers,
                    request.body,
                    timeout_s=self._timeout_s,
                    max_answer_bytes=_MAX_ANSWER_BYTES,
                )
        except HttpFailed as error:
            hopeless = error.reason in ("invalid-url", "invalid-header")
            told = f"{error} ({error.hint})" if error.hint else str(error)
            return (Asked.IN_VAIN if hopeless else Asked.AGAIN), told
        self._asked.value += 1
        if 200 <= answer.status < 300:
            return Asked.ANSWERED, ""
        again = answer.status == 429 or answer.status >= 500
        return (
            Asked.AGAIN if again else Asked.ANSWERED,
            f"it answered {answer.status} to the confirmation request",
        )
