"""Live views of what is published: a bounded buffer per follower, and the latest by topic.

Owns two in-process subscribers of the router. Each has a limit and a policy: a tail drops its
oldest messages and says so in its place; the latest values keep the topics heard last. Knows
nothing of HTTP.
"""

from __future__ import annotations

import asyncio
import base64
import codecs
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final, final

import orjson

from gateway.broker import LocalSubscriber, Router
from gateway.message import Message

__all__ = ["Latest", "Tail"]

# About what a burst of 4,000 readings takes; a terminal that falls further behind loses some.
MAX_TAIL_BYTES: Final = 1024 * 1024

# What a message takes besides topic and payload.
_MESSAGE_BYTES: Final = 200

_LINES_PER_CHUNK: Final = 256

MAX_LATEST_TOPICS: Final = 100
MAX_SHOWN_BYTES: Final = 512

_Utf8 = codecs.getincrementaldecoder("utf-8")

_Kept = tuple[str, bytes, int, bool]


@final
class Tail:
    """Follows a topic filter; iterating gives NDJSON, one or more whole lines at a time.

    The first line is `{"following": FILTER}`: from then on nothing is missed. Each message is
    `{"topic", "payload", "encoding", "qos", "retain"}`, where `encoding` is `utf-8` or `base64`.
    Where messages were dropped stands `{"dropped": COUNT}`.

    Args:
        router: Where messages come from.
        topic_filter: What to follow.
        max_bytes: Room for messages that wait to be read.

    Raises:
        InvalidTopic: The filter is not allowed.
    """

    def __init__(
        self, router: Router, topic_filter: str, *, max_bytes: int = MAX_TAIL_BYTES
    ) -> None:
        self._router = router
        self._max_bytes = max_bytes
        self._kept: deque[_Kept] = deque()
        self._kept_bytes = 0
        self._dropped = 0
        self._arrived = asyncio.Event()
        self._subscriber: LocalSubscriber | None = router.subscribe_local(
            topic_filter, self._deliver
        )

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield what is published, for as long as someone asks; closing it ends the following."""
        try:
            assert self._subscriber is not None  # noqa: S101 - iterated once
            yield orjson.dumps({"following": self._subscriber.topic_filter}) + b"\n"
            while True:
                await self._arrived.wait()
                yield self._take()
        finally:
            self.close()

    def close(self) -> None:
        """Follow no longer."""
        if self._subscriber is not None:
            self._router.unsubscribe_local(self._subscriber)
            self._subscriber = None
        self._kept.clear()

    def _deliver(self, message: Message) -> None:
        self._kept.append((message.topic, message.payload, message.qos, message.retain))
        self._kept_bytes += _size_bytes(message.topic, message.payload)
        while self._kept_bytes > self._max_bytes and self._kept:
            topic, payload, _, _ = self._kept.popleft()
            self._kept_bytes -= _size_bytes(topic, payload)
            self._dropped += 1
        self._arrived.set()

    def _take(self) -> bytes:
        lines: list[bytes] = []
        if self._dropped:
            lines.append(orjson.dumps({"dropped": self._dropped}))
            self._dropped = 0
        while self._kept and len(lines) < _LINES_PER_CHUNK:
            topic, payload, qos, retain = self._kept.popleft()
            self._kept_bytes -= _size_bytes(topic, payload)
            text, encoding = _text(payload)
            lines.append(
                orjson.dumps(
                    {
                        "topic": topic,
                        "payload": text,
                        "encoding": encoding,
                        "qos": qos,
                        "retain": retain,
                    }
                )
            )
        if not self._kept:
            self._arrived.clear()
        return b"\n".join(lines) + b"\n"


@final
class _Last:
    """The last message of one topic."""

    __slots__ = ("at_s", "count", "shown", "size_bytes")

    def __init__(self) -> None:
        self.shown = b""  # no more of the payload than is shown: a hundred whole ones are too much
        self.size_bytes = 0
        self.at_s = 0.0
        self.count = 0


@final
class Latest:
    """The latest message of each topic, kept only while somebody looks.

    The first look subscribes; without another one for `idle_s` the subscription ends, so that a
    gateway nobody watches pays nothing.

    Args:
        router: Where messages come from.
        monotonic_s: The clock.
        idle_s: How long it goes on after the last look.
    """

    def __init__(
        self, router: Router, monotonic_s: Callable[[], float], *, idle_s: float = 10.0
    ) -> None:
        self._router = router
        self._monotonic_s = monotonic_s
        self._idle_s = idle_s
        self._by_topic: dict[str, _Last] = {}
        self._subscribers: list[LocalSubscriber] = []
        self._looked_s = 0.0

    def look(self) -> list[dict[str, object]]:
        """Return the topics heard since the first look, the one heard last at the end.

        Each is `{"topic", "payload", "encoding", "size_bytes", "age_s", "count"}`; a payload longer
        than 512 bytes is cut, and `size_bytes` is its length before that. Topics that begin
        with `$` are left out.
        """
        now_s = self._looked_s = self._monotonic_s()
        if not self._subscribers:
            self._subscribers.append(self._router.subscribe_local("#", self._deliver))
        found: list[dict[str, object]] = []
        for topic, last in self._by_topic.items():
            text, encoding = _text(last.shown, is_cut=last.size_bytes > len(last.shown))
            found.append(
                {
                    "topic": topic,
                    "payload": text,
                    "encoding": encoding,
                    "size_bytes": last.size_bytes,
                    "age_s": round(now_s - last.at_s, 3),
                    "count": last.count,
                }
            )
        return found

    def close(self) -> None:
        """Stop listening, and forget."""
        for subscriber in self._subscribers:
            self._router.unsubscribe_local(subscriber)
        self._subscribers.clear()
        self._by_topic.clear()

    def _deliver(self, message: Message) -> None:
        now_s = self._monotonic_s()
        if now_s - self._looked_s > self._idle_s:
            # The router is in the middle of a route: leave it to the next turn of the loop.
            asyncio.get_running_loop().call_soon(self._close_if_idle)
            return
        last = self._by_topic.pop(message.topic, None)
        if last is None:
            last = _Last()
            if len(self._by_topic) >= MAX_LATEST_TOPICS:
                del self._by_topic[next(iter(self._by_topic))]
        self._by_topic[message.topic] = last  # at the end: it was heard last
        last.shown = message.payload[:MAX_SHOWN_BYTES]
        last.size_bytes = len(message.payload)
        last.at_s = now_s
        last.count += 1

    def _close_if_idle(self) -> None:
        if self._monotonic_s() - self._looked_s > self._idle_s:
            self.close()


def _size_bytes(topic: str, payload: bytes) -> int:
    return len(topic) + len(payload) + _MESSAGE_BYTES


def _text(payload: bytes, *, is_cut: bool = False) -> tuple[str, str]:
    """Return the payload as text, and how it was made: `utf-8` or `base64`.

    Where it was cut, a character cut in two at its end is left out.
    """
    try:
        return _Utf8().decode(payload, not is_cut), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(payload).decode("ascii"), "base64"
