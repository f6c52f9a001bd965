"""Lines of styled text: put into columns, cut to a terminal's width, numbers in units for people.

Owns the form only; what a line says is its maker's. A line is a list of pieces, each a text and a
style of `gateway.cli.output`, so that cutting never cuts a style.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from gateway.cli.output import style

__all__ = ["GAP", "Line", "columns", "counted", "render", "size", "span"]

Piece: TypeAlias = tuple[str, str]
Line: TypeAlias = list[Piece]

GAP: Final = "  "


def columns(rows: Sequence[Line]) -> list[Line]:
    """Return rows of cells as lines, each column as wide as its widest cell."""
    count = max((len(row) for row in rows), default=0)
    widths = [max(len(row[at][0]) for row in rows if at < len(row)) for at in range(count)]
    lines = []
    for row in rows:
        line: Line = []
        for column, (text, name) in enumerate(row):
            is_last = column == len(row) - 1
            line += [(GAP, ""), (text if is_last else text.ljust(widths[column]), name)]
        lines.append(line)
    return lines


def render(lines: Sequence[Line], *, width: int, height: int | None, colour: bool) -> list[str]:
    """Return lines as text, cut to a terminal of this size.

    Args:
        lines: What to show.
        width: Characters in a line.
        height: The most lines; None for any number.
        colour: Whether to use styles.
    """
    if height is not None and len(lines) > height:
        left_out = len(lines) - height + 1
        lines = [*lines[: height - 1], [(f"… and {left_out} more lines", "dim")]]
    return [_cut(line, width, colour=colour) for line in lines]


def counted(count: int, what: str) -> str:
    """Return a number with the thing it counts."""
    return f"1 {what}" if count == 1 else f"{count} {what}s"


def size(size_bytes: float) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit in ("B", "KiB", "MiB"):
        if size_bytes < 1024:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} GiB"


def span(seconds: float) -> str:
    """Return a time as days, hours, minutes and seconds."""
    minutes, whole_s = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days} d " * (days > 0) + f"{hours:02}:{minutes:02}:{whole_s:02}"


def _cut(line: Line, width: int, *, colour: bool) -> str:
    text = ""
    room = width
    for piece, name in line:
        if len(piece) > room and name == "wave":
            piece = piece[len(piece) - room :]  # its newest end is on the right
        elif len(piece) > room:
            piece = piece[: max(room - 1, 0)] + "…" if room > 0 else ""
        text += style(piece, name, colour=colour)
        room -= len(piece)
    return text
