"""What a function prints: read as it comes, written to the gateway's log within bounds.

Owns the reading end of a function's stdout and stderr. A function that prints without end costs
the event loop next to nothing and is only slowed: what is beyond the bounds is read, counted and
thrown away.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
from collections.abc import Callable
from typing import Final, final

from gateway.metrics import Counter

__all__ = ["OutputLog"]

log = logging.getLogger(__name__)

_LINES_PER_SECOND: Final = 50
_BURST_LINES: Final = 200
# So long nothing is logged once there was too much: one notice for all of it, not one per line.
_SILENCE_S: Final = 1.0
_MAX_LINE_BYTES: Final = 2000
_READ_BYTES: Final = 1024 * 1024
# At most so often a full pipe is emptied: 100 MB/s, which takes a few percent of the loop's time.
_PAUSE_S: Final = 0.01

# Escape sequences and line ends of a function's text do not get into the log as such.
_CONTROL: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {
    ord("\t"): "\t"
}


@final
class OutputLog:
    """Reads a pipe until it ends or is closed, and logs its lines.

    Args:
        name: The function's name, put before each line.
        fd: The pipe's reading end; owned from here on.
        monotonic_s: The clock.
        left_out: Counts the lines that were thrown away.
    """

    __slots__ = (
        "_fd",
        "_left_out",
        "_loop",
        "_monotonic_s",
        "_name",
        "_pause",
        "_rest",
        "_silent",
        "_silent_until_s",
        "_stamp_s",
        "_tokens",
    )

    def __init__(
        self, name: str, fd: int, *, monotonic_s: Callable[[], float], left_out: Counter
    ) -> None:
        self._name = name
        self._fd = fd
        self._monotonic_s = monotonic_s
        self._left_out = left_out
        self._rest = b""  # the beginning of a line whose end is not there yet
        self._silent = 0  # lines left out since the last one that was logged
        self._silent_until_s = float("-inf")
        self._tokens = float(_BURST_LINES)
        self._stamp_s = monotonic_s()
        self._pause: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        os.set_blocking(fd, False)
        with contextlib.suppress(OSError):  # a user may own only so many pages of pipes
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _READ_BYTES)
        self._loop.add_reader(fd, self._read)

    def close(self) -> None:
        """Take what is in the pipe and close it. May be called twice."""
        if self._fd < 0:
            return
        with contextlib.suppress(BlockingIOError):
            self._take(os.read(self._fd, _READ_BYTES))
        self._end()

    def _read(self) -> None:
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._end()
            return
        self._take(data)
        self._loop.remove_reader(self._fd)
        self._pause = self._loop.call_later(_PAUSE_S, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        self._loop.add_reader(self._fd, self._read)

    def _end(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self._fd = -1
        if self._rest:
            self._line(self._rest)
            self._rest = b""
        self._tell_left_out()

    def _take(self, data: bytes) -> None:
        at = 0
        self._refill()
        while (end := data.find(b"\n", at)) >= 0:
            if self._tokens < 1 or self._stamp_s < self._silent_until_s:
                break
            self._line(self._rest + data[at : min(end, at + _MAX_LINE_BYTES + 1)])
            self._rest = b""
            at = end + 1
        else:
            if len(self._rest) <= _MAX_LINE_BYTES:
                self._rest += data[at : at + _MAX_LINE_BYTES + 1]
            return
        # Too many: what is in `data` is left out, but for the unfinished line at its end.
        if self._stamp_s >= self._silent_until_s:
            self._silent_until_s = self._stamp_s + _SILENCE_S
        lines = data.count(b"\n", at)
        self._silent += lines
        self._left_out.value += lines
        last = data.rfind(b"\n") + 1
        self._rest = data[last : last + _MAX_LINE_BYTES + 1]

    def _refill(self) -> None:
        now_s = self._monotonic_s()
        self._tokens = min(_BURST_LINES, self._tokens + (now_s - self._stamp_s) * _LINES_PER_SECOND)
        self._stamp_s = now_s

    def _line(self, line: bytes) -> None:
        self._tell_left_out()
        self._tokens -= 1
        text = line[:_MAX_LINE_BYTES].decode("utf-8", "backslashreplace").rstrip("\r")
        cut = " … (cut)" if len(line) > _MAX_LINE_BYTES else ""
        log.info("%s: %s%s", self._name, text.translate(_CONTROL), cut)

    def _tell_left_out(self) -> None:
        if self._silent:
            log.warning(
                "%s: %d lines left out; at most %d a second are logged",
                self._name,
                self._silent,
                _LINES_PER_SECOND,
            )
            self._silent = 0
