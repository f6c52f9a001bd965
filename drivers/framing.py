"""Bytes from a line-speaking device into complete lines: bounded, counted, without I/O.

Owns where a line ends and whether it is JSON. Knows no port: bytes in, lines out. A device
that sends nonsense costs at most one line's memory, and everything not handed out is counted.
"""

from __future__ import annotations

from typing import final

import orjson

__all__ = ["MAX_LINE_BYTES", "JsonLines", "LineSplitter"]

# A reading is some tens of bytes; a board that dumps its whole state stays under this.
MAX_LINE_BYTES = 8192

# How much of a rejected line is kept to show to a person.
EXCERPT_BYTES = 60


@final
class LineSplitter:
    r"""Splits a byte stream at `\n`; a `\r` before it is not part of the line.

    Args:
        max_line_bytes: The longest line handed out, without its line end. A longer one is discarded
            up to its newline.

    Attributes:
        overlong: Lines discarded for their length.
        overlong_excerpt: The beginning of the last of them.
    """

    __slots__ = ("_discarding", "_max_line_bytes", "_tail", "overlong", "overlong_excerpt")

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        if max_line_bytes < 1:
            raise ValueError(f"max_line_bytes is {max_line_bytes}; a line needs at least one byte")
        self._max_line_bytes = max_line_bytes
        self._tail = bytearray()
        self._discarding = False
        self.overlong = 0
        self.overlong_excerpt = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was read and return the lines it completes, empty ones included.

        Args:
            data: Any bytes, split anywhere.

        Returns:
            Lines in order, without their line ends.
        """
        lines: list[bytes] = []
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            self._take(data, start, end)
            if self._discarding:
                self._discarding = False
            else:
                # The limit leaves room for the \r, which belongs to the line end.
                if self._tail.endswith(b"\r"):
                    self._tail.pop()
                if len(self._tail) > self._max_line_bytes:
                    self._count_overlong()
                else:
                    lines.append(bytes(self._tail))
            self._tail.clear()
            start = end + 1
        self._take(data, start, len(data))
        return lines

    def reset(self) -> None:
        """Forget an unfinished line, as after the port was opened anew."""
        self._tail.clear()
        self._discarding = False

    @property
    def pending_bytes(self) -> int:
        """How many bytes of an unfinished line are held: never more than the limit and one."""
        return len(self._tail)

    def _take(self, data: bytes, start: int, end: int) -> None:
        """Add a piece of a line, or start to discard the line it makes too long."""
        if self._discarding:
            return
        if len(self._tail) + end - start > self._max_line_bytes + 1:
            if not self._tail:
                self._tail += data[start : start + EXCERPT_BYTES]
            self._count_overlong()
            self._tail.clear()
            self._discarding = True
        else:
            self._tail += data[start:end]

    def _count_overlong(self) -> None:
        self.overlong += 1
        self.overlong_excerpt = bytes(self._tail[:EXCERPT_BYTES])


@final
class JsonLines:
    """One JSON value per line; hands out the lines as they came, once they are known to be JSON.

    The first line after opening may be the tail of one whose beginning was never read. A proper
    tail of an object or array is never an object or array itself (a bracket or a quote is left
    over), but the tail of `21.5` is `1.5`: so until the first line end, only those are believed.

    Args:
        max_line_bytes: The longest line accepted.

    Attributes:
        rejected: Lines that are not JSON or are too long; blank lines are neither.
        rejected_excerpt: The beginning of the last of them.
    """

    __slots__ = ("_first", "_splitter", "rejected", "rejected_excerpt")

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._splitter = LineSplitter(max_line_bytes)
        self._first = True
        self.rejected = 0
        self.rejected_excerpt = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was read and return the JSON lines it completes.

        Args:
            data: Any bytes, split anywhere.

        Returns:
            Lines in order, without surrounding white space, each a JSON text (RFC 8259).
        """
        splitter = self._splitter
        overlong_before = splitter.overlong
        lines: list[bytes] = []
        for raw in splitter.feed(data):
            line = raw.strip(b" \t\r")
            first, self._first = self._first, False
            if not line:
                continue
            if _is_json(line) and (not first or line[:1] in (b"{", b"[")):
                lines.append(line)
            else:
                self.rejected += 1
                self.rejected_excerpt = line[:EXCERPT_BYTES]
        if splitter.overlong != overlong_before:
            self._first = False
            self.rejected += splitter.overlong - overlong_before
            self.rejected_excerpt = splitter.overlong_excerpt
        return lines

    def reset(self) -> None:
        """Forget an unfinished line, as after the port was opened anew; counters go on."""
        self._splitter.reset()
        self._first = True


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True
