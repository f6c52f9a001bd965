"""Lines of the log: one for a message, whatever is in it, and its traceback below."""

from __future__ import annotations

import logging
import sys

import pytest

from gateway.cli.log_lines import journal_lines, plain_lines

FORGED = "a\n2026-01-01 00:00:00,000 CRITICAL gateway.app: forged\x1b[31m\u2028\u202e"
HARMLESS = r"a\n2026-01-01 00:00:00,000 CRITICAL gateway.app: forged\x1b[31m\u2028\u202e"


def record(level: int = logging.WARNING, *, faulty: bool = False) -> logging.LogRecord:
    fault = None
    if faulty:
        try:
            raise ValueError("first\nsecond")
        except ValueError:
            fault = sys.exc_info()
    return logging.LogRecord("weir", level, "", 0, "it failed: %s", (FORGED,), fault)


def test_a_message_is_one_line() -> None:
    text = plain_lines().format(record())
    assert text.endswith(f" WARNING weir: it failed: {HARMLESS}")
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, 7), (logging.INFO, 6), (logging.WARNING, 4), (logging.ERROR, 3)],
)
def test_the_journal_gets_its_priority_on_every_line(level: int, priority: int) -> None:
    assert journal_lines().format(record(level)) == f"<{priority}>weir: it failed: {HARMLESS}"
    lines = journal_lines().format(record(level, faulty=True)).splitlines()
    assert lines[1] == f"<{priority}>Traceback (most recent call last):"
    assert lines[-2:] == [f"<{priority}>ValueError: first", f"<{priority}>second"]
