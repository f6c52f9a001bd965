"""The `http` action: posts a rule's result to a server, a few times within a few seconds.

Owns the tries, the time they may take and what an answer means. Run from the outbox, after the
commit. Knows nothing of rules or messages.

Source: AWS IoT Core Developer Guide, "HTTP" (retry logic); AWS IoT Core quotas, "HTTP action".
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final, final

from gateway.engine.actions.http_batches import HttpBatches
from gateway.engine.actions.http_request import (
    HttpActionRequest,
    content_type,
    read_request,
    read_url,
)
from gateway.engine.destinations.destinations import Destinations
from gateway.engine.failures import ActionFailed, TryAgain
from gateway.engine.outbox import NewJob
from gateway.http.client import HttpClient, HttpFailed

__all__ = ["HttpAction"]

_MAX_ANSWER_BYTES: Final = 16384
"""After a longer answer there is no other try, as AWS has it."""

_NOT_REACHED: Final = frozenset({"dns", "refused", "unreachable"})
"""Nobody has seen the request. Of a connection that closes AWS says: no other try."""


@final
class HttpAction:
    """Posts what SELECT gave; a slow action of the outbox.

    Args:
        client: What sends the requests.
        destinations: Where may be posted to.
        total_s: How long all tries of one request may take.
        retry_after_s: The waits before the second try, and the third.
        max_parallel: How many requests one server gets at once.
    """

    concurrency: Final = 32
    """More than are posted at once, so that batches can fill up."""

    def __init__(
        self,
        client: HttpClient,
        destinations: Destinations,
        *,
        total_s: float = 3.0,
        retry_after_s: Sequence[float] = (0.5, 1.5),
        max_parallel: int = 8,
    ) -> None:
        self._client = client
        self._destinations = destinations
        self._total_s = total_s
        self._retry_after_s = tuple(retry_after_s)
        self._gates = _Gates(max_parallel)
        self._batches = HttpBatches(self._post)

    def target(self, parameters: Mapping[str, object]) -> str:
        """Return the server that a message goes to: scheme, host and port.

        Raises:
            ActionFailed: The parameters cannot be used.
        """
        return read_url(parameters).origin

    async def run(
        self, parameters: Mapping[str, object], payload: bytes, attempt: int, job: NewJob
    ) -> None:
        """Post one message.

        Args:
            parameters: What stands under the action's key, its templates replaced.
            payload: The body.
            attempt: Not used: tries are made here, within the time that AWS allows for them.
            job: Messages of other rules, or topics, are not gathered with this one.

        Raises:
            ActionFailed: No destination covers the address, or the server did not take it.
            TryAgain: The gateway is stopping.
        """
        request = read_request(parameters)
        why_not = self._destinations.covers(request.url)
        if why_not:
            raise ActionFailed(why_not)
        if request.batch is not None:
            topic = "" if request.batch.across_topics else job.topic
            await self._batches.post(request, request.batch, payload, (job.rule, topic))
        else:
            await self._post(request, payload)

    async def _post(self, request: HttpActionRequest, body: bytes) -> None:
        headers = request.headers
        if not any(name.lower() == "content-type" for name, _ in headers):
            kind = "application/json" if request.batch is not None else content_type(body)
            headers = (*headers, ("Content-Type", kind))
        async with self._gates.through(request.url.origin) as gate:
            await self._try(request, headers, body, gate)

    async def _try(
        self,
        request: HttpActionRequest,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        gate: _Gate,
    ) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self._total_s
        waits_s = list(self._retry_after_s)
        tries = 1
        while True:
            failure, again = await self._post_once(
                request, headers, body, max(deadline_s - loop.time(), 0.001), gate
            )
            if failure is None:
                return
            if not again or not waits_s or loop.time() + waits_s[0] >= deadline_s:
                break
            await asyncio.sleep(waits_s.pop(0))
            tries += 1
        made = "" if tries == 1 else f" ({tries} tries)"
        raise ActionFailed(f"{failure}{made}", hint=failure.hint) from failure

    async def _post_once(
        self,
        request: HttpActionRequest,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        timeout_s: float,
        gate: _Gate,
    ) -> tuple[ActionFailed | None, bool]:
        """Return what went wrong, and whether another try may help."""
        try:
            answer = await self._client.post(
                request.url,
                headers,
                body,
                timeout_s=timeout_s,
                max_answer_bytes=_MAX_ANSWER_BYTES,
            )
        except HttpFailed as error:
            gate.is_silent = error.reason == "timeout"
            if error.reason == "stopped":
                raise TryAgain(str(error), after_s=1.0) from None
            failure = ActionFailed(str(error), hint=error.hint)
            return failure, error.reason in _NOT_REACHED
        gate.is_silent = False
        if 200 <= answer.status < 300:
            return None, False
        told = f"{request.url.shown} answered {_status_words(answer.status)}"
        hint = (
            "redirects are not followed: name the address itself"
            if (300 <= answer.status < 400)
            else ""
        )
        may_help = answer.status == 429 or 500 <= answer.status <= 599
        return ActionFailed(told, hint=hint), may_help and answer.complete


@final
class _Gate:
    """The way to one server.

    Attributes:
        running: Requests under way.
        users: Those that wait for their turn as well.
        is_silent: Whether the last request found no answer in its time.
    """

    __slots__ = ("_max_parallel", "_waiting", "is_silent", "running", "users")

    def __init__(self, max_parallel: int) -> None:
        self._max_parallel = max_parallel
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.is_silent = False
        self.running = 0
        self.users = 0

    async def enter(self) -> None:
        """Wait for a turn. One that does not answer gets one request at a time."""
        while self.running >= self._limit:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._let_in()  # its turn is another's
                raise
            finally:
                if turn in self._waiting:
                    self._waiting.remove(turn)
        self.running += 1

    def leave(self) -> None:
        """End a turn."""
        self.running -= 1
        self._let_in()

    @property
    def _limit(self) -> int:
        return 1 if self.is_silent else self._max_parallel

    def _let_in(self) -> None:
        for _ in range(self._limit - self.running):
            if not self._waiting:
                break
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)


@final
class _Gates:
    """Lets a few requests at a time through to each server; waiting costs none of their time.

    A server that does not answer holds a connection for as long as a request may take; many such
    servers would hold all there are.
    """

    def __init__(self, max_parallel: int) -> None:
        self._max_parallel = max_parallel
        self._gates: dict[str, _Gate] = {}

    @asynccontextmanager
    async def through(self, origin: str) -> AsyncIterator[_Gate]:
        gate = self._gates.get(origin)
        if gate is None:
            gate = self._gates[origin] = _Gate(self._max_parallel)
        gate.users += 1
        try:
            await gate.enter()
            try:
                yield gate
            finally:
                gate.leave()
        finally:
            gate.users -= 1
            if not gate.users:
                del self._gates[origin]


def _status_words(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
