"""Endpoints about recent messages: which there are, why rules fired, and one rule as it runs.

Owns the paths, their parameters and the stream; what the answers are made of is
`gateway.engine.traces.tracing`'s.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Final, final

import orjson

from gateway.control.routing import NDJSON, Endpoints, Refused, json_response, query
from gateway.engine.traces.ring import Traced
from gateway.engine.traces.tracing import (
    AmbiguousMessage,
    MessageNotFound,
    RuleNotInForce,
    Tracing,
)
from gateway.http.message import Request, Response, StreamingResponse

__all__ = ["MessageEndpoints"]

MAX_FOLLOWERS: Final = 16

# How many messages are listed, and how many a trace begins with.
MAX_LISTED: Final = 1000
DEFAULT_LISTED: Final = 50

# Of what came between two looks; the rest is counted, and looked at by nobody.
MAX_AT_ONCE: Final = 500

# Messages with actions under way that a follower waits for.
MAX_UNSETTLED: Final = 100

POLL_S: Final = 0.25


@final
class MessageEndpoints:
    """The endpoints.

    Args:
        tracing: What answers.
        poll_s: How long a follower's stream rests between two looks.
    """

    def __init__(self, tracing: Tracing, *, poll_s: float = POLL_S) -> None:
        self._tracing = tracing
        self._poll_s = poll_s
        self.followers = 0

    @property
    def endpoints(self) -> Endpoints:
        """The endpoints by path."""
        return {
            "/v1/messages": ("GET", self._get_messages),
            "/v1/messages/{id}": ("GET", self._get_message),
            "/v1/rules/{name}/trace": ("GET", self._get_trace),
        }

    async def _get_messages(self, request: Request) -> Response:
        most = _number(query(request, {"last"}), DEFAULT_LISTED)
        return json_response({"messages": self._tracing.recent(most)})

    async def _get_message(self, request: Request, given: str) -> Response:
        only = query(request, {"rule"}).get("rule")
        try:
            traced = self._tracing.find(given)
            return json_response(await self._tracing.message(traced, only))
        except AmbiguousMessage as error:
            raise Refused(409, error.code, str(error), error.hint) from None
        except (MessageNotFound, RuleNotInForce) as error:
            raise Refused(404, error.code, str(error), error.hint) from None

    async def _get_trace(self, request: Request, name: str) -> StreamingResponse:
        parameters = query(request, {"follow", "last"})
        most = _number(parameters, DEFAULT_LISTED)
        try:
            self._tracing.rule(name)
        except RuleNotInForce as error:
            raise Refused(404, error.code, str(error), error.hint) from None
        trace = _Trace(self._tracing, name)
        if "follow" not in parameters:
            return StreamingResponse(200, trace.past(most), NDJSON)
        if self.followers >= MAX_FOLLOWERS:
            raise Refused(
                503,
                "too-many-followers",
                f"{MAX_FOLLOWERS} traces are being followed already",
                "Close one of them.",
            )
        return StreamingResponse(200, self._follow(trace, most), NDJSON)

    async def _follow(self, trace: _Trace, most: int) -> AsyncIterator[bytes]:
        # Counted here and not before: a stream that never starts is never cleaned up either.
        self.followers += 1
        try:
            async for line in trace.past(most):
                yield line
            while not trace.is_gone:
                await asyncio.sleep(self._poll_s)
                async for line in trace.news():
                    yield line
        finally:
            self.followers -= 1


@final
class _Trace:
    """One rule as somebody watches it: lines of JSON.

    Attributes:
        is_gone: The rule is there no longer, and the last line says so.
    """

    def __init__(self, tracing: Tracing, name: str) -> None:
        self.is_gone = False
        self._tracing = tracing
        self._name = name
        self._seen = 0
        self._unsettled: deque[Traced] = deque(maxlen=MAX_UNSETTLED)

    async def past(self, most: int) -> AsyncIterator[bytes]:
        """Yield what is traced, then the latest `most` messages that came to the rule."""
        try:
            document = self._tracing.rule(self._name).document
            recent = self._take()
            concerned = self._concerned(recent)
        except RuleNotInForce:
            yield self._gone()
            return
        topic_filter = document.statement.topic_filter
        yield _line({"tracing": self._name, "from": topic_filter, "disabled": document.disabled})
        async for line in self._told(concerned[-most:]):
            yield line
        if not concerned:
            yield _line({"topics": self._tracing.topics()})

    async def news(self) -> AsyncIterator[bytes]:
        """Yield what came since; and again each message of which actions waited, once they end."""
        for _ in range(len(self._unsettled)):
            traced = self._unsettled.popleft()
            if _waits(traced, self._name):
                self._unsettled.append(traced)
            else:
                async for line in self._told([traced], settled=True):
                    yield line
        if self.is_gone:
            return
        seen = self._seen
        arrived = self._take()
        missed = self._seen - seen - min(len(arrived), MAX_AT_ONCE)
        if missed:
            yield _line({"missed": missed})
        try:
            concerned = self._concerned(arrived[-MAX_AT_ONCE:])
        except RuleNotInForce:
            yield self._gone()
            return
        async for line in self._told(concerned):
            yield line

    def _take(self) -> list[Traced]:
        taken = self._tracing.after(self._seen)
        self._seen = self._tracing.last_sequence
        return taken

    def _concerned(self, messages: Sequence[Traced]) -> list[Traced]:
        return self._tracing.concerned(messages, self._name)

    async def _told(
        self, messages: Sequence[Traced], *, settled: bool = False
    ) -> AsyncIterator[bytes]:
        for traced in messages:
            try:
                document = self._tracing.of_rule(traced, self._name)
            except RuleNotInForce:
                yield self._gone()
                return
            if settled:
                document["settled"] = True
            elif _waits(traced, self._name):
                self._unsettled.append(traced)
            yield _line(document)
            await asyncio.sleep(0)  # messages go on between two evaluations

    def _gone(self) -> bytes:
        self.is_gone = True
        return _line({"gone": self._name})


def _waits(traced: Traced, name: str) -> bool:
    return any(outcome.rule == name and outcome.waiting for outcome in traced.outcomes)


def _line(document: dict[str, object]) -> bytes:
    return orjson.dumps(document) + b"\n"


def _number(parameters: dict[str, str], default: int) -> int:
    text = parameters.get("last")
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) <= MAX_LISTED:
        raise Refused(
            400,
            "bad-parameter",
            f"last is {text[:20]!r}",
            f"Give a whole number from 1 to {MAX_LISTED}.",
        )
    return int(text)
