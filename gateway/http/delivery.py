"""Whether an answer reaches its caller: who has gone, and who does not read.

Owns what the kernel is asked, and the patience with a slow reader. Knows nothing of HTTP.
"""

from __future__ import annotations

import asyncio
import select
import sys
from typing import final

__all__ = ["WriteGuard", "has_hung_up"]


def has_hung_up(transport: asyncio.Transport) -> bool:
    """Ask the kernel whether the caller has closed or reset the connection.

    The loop learns that at its next turn only, and until then a write seems to succeed.
    """
    sock = transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLRDHUP)  # a reset and an error are told unasked
    return bool(poll.poll(0))


@final
class WriteGuard:
    """Cuts off a caller that asks and doesn't read: it must not hold its answer for ever.

    Args:
        transport: The caller's connection.
        timeout_s: How long it may take not a single byte.
    """

    __slots__ = ("_left_bytes", "_timeout_s", "_timer", "_transport")

    def __init__(self, transport: asyncio.Transport, timeout_s: float) -> None:
        self._transport = transport
        self._timeout_s = timeout_s
        self._left_bytes = sys.maxsize
        self._timer = asyncio.get_running_loop().call_later(timeout_s, self._check)

    def cancel(self) -> None:
        """Stop watching: the answer is written."""
        self._timer.cancel()

    def _check(self) -> None:
        left_bytes = self._transport.get_write_buffer_size()
        if left_bytes >= self._left_bytes:
            self._transport.abort()
            return
        self._left_bytes = left_bytes
        self._timer = asyncio.get_running_loop().call_later(self._timeout_s, self._check)
