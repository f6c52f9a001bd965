"""Message move tasks as text: how far one is, and a bar of any two numbers.

Owns the drawing; pure: the gateway's document in, lines out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from gateway.cli.lines import Line, columns, counted
from gateway.cli.output import harmless

if TYPE_CHECKING:
    from gateway.control.queue_documents import MoveTaskLine

__all__ = ["BAR", "UNDER_WAY", "bar", "draw_task", "progress", "told"]

BAR: Final = 30
"""Characters of a bar."""

UNDER_WAY: Final = ("RUNNING", "CANCELLING")

_STYLES: Final = {"RUNNING": "good", "COMPLETED": "good", "FAILED": "bad"}

_REASONS: Final = {
    "CouldNotDetermineMessageSource": "a message was sent to the queue itself, so nothing says "
    "where it belongs: name a queue with --to",
}


def bar(part: int, whole: int, width: int) -> str:
    """Return a part of a whole as a bar; what there is at all is seen."""
    filled = min(round(width * part / whole), width) if whole > 0 else 0
    if part > 0:
        filled = max(filled, 1)
    return "█" * filled + "░" * (width - filled)


def draw_task(task: MoveTaskLine) -> list[Line]:
    """Return a task in full.

    Args:
        task: What the gateway answered.
    """
    status = task["status"]
    pace = task["max_per_s"]
    at = datetime.fromtimestamp(task["started_ms"] / 1000, UTC)
    rows: list[Line] = [
        [("status", "dim"), (status, _STYLES.get(status, ""))],
        [("moved", "dim"), (_share(task), "bold"), (bar(task["moved"], _whole(task), BAR), "wave")],
        [("to", "dim"), (_destination(task), "")],
        [("pace", "dim"), ("as fast as it goes" if pace is None else f"{pace} a second", "")],
        [("started", "dim"), (f"{at:%Y-%m-%d %H:%M:%S} UTC", "")],
    ]
    if task["failure"] is not None:
        rows.append([("failure", "dim"), (_reason(task["failure"]), "bad")])
    # Each by itself: what stands beside the bar need not be as wide as the longest sentence.
    width = max(len(row[0][0]) for row in rows)
    aligned: list[Line] = [[(row[0][0].ljust(width), row[0][1]), *row[1:]] for row in rows]
    return [line for row in aligned for line in columns([row])]


def progress(task: MoveTaskLine) -> Line:
    """Return how far a task is, as one line."""
    return [
        (f"{harmless(task['source'])} to {_destination(task)}", ""),
        ("  ", ""),
        (bar(task["moved"], _whole(task), BAR), "wave"),
        ("  ", ""),
        (_share(task), "bold"),
        ("  ", ""),
        (task["status"], _STYLES.get(task["status"], "")),
    ]


def told(task: MoveTaskLine) -> str:
    """Return what has come of a task, or is about to, as a sentence."""
    source, count = harmless(task["source"]), counted(task["moved"], "message")
    match task["status"]:
        case "RUNNING":
            held = counted(task["to_move"], "message")
            return f"{held} of {source} are being moved to {_destination(task)}."
        case "COMPLETED":
            return f"{count} of {source} moved."
        case "FAILED":
            return f"{count} of {source} moved, then it failed: {_reason(task['failure'] or '')}."
        case _:
            return f"It is cancelled; {count} of {source} moved."


def _destination(task: MoveTaskLine) -> str:
    destination = task["destination"]
    return "where each came from" if destination is None else harmless(destination)


def _share(task: MoveTaskLine) -> str:
    return f"{task['moved']} of {_whole(task)}"


def _whole(task: MoveTaskLine) -> int:
    # What arrived since is moved as well.
    return max(task["to_move"], task["moved"])


def _reason(failure: str) -> str:
    return _REASONS.get(failure, harmless(failure.rstrip(".")))
