"""Lines of the gateway's log: one for each message, whatever a device put into it.

Owns the form of a line, for a terminal or a file and for systemd's journal. A line break or an
escape sequence in a message would forge lines, or reach a terminal; tracebacks, which are the
gateway's own, keep their lines.
"""

from __future__ import annotations

import logging

from gateway.cli.output import harmless

__all__ = ["journal_lines", "plain_lines"]


class _Lines(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        return harmless(super().formatMessage(record))


class _JournalLines(_Lines):
    def format(self, record: logging.LogRecord) -> str:
        priority = 3 if record.levelno >= logging.ERROR else 4
        if record.levelno < logging.WARNING:
            priority = 6 if record.levelno >= logging.INFO else 7
        text = super().format(record)
        return "\n".join(f"<{priority}>{line}" for line in text.splitlines())


def plain_lines() -> logging.Formatter:
    """Return the form for a terminal or a file."""
    return _Lines("%(asctime)s %(levelname)s %(name)s: %(message)s")


def journal_lines() -> logging.Formatter:
    """Return the form systemd's journal reads: a priority in front, no time (it has its own)."""
    return _JournalLines("%(name)s: %(message)s")
