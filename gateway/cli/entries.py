"""Entries with details, such as actions and their parameters: beside each other, or below.

Owns which of both there is room for. Knows nothing of what they say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from gateway.cli.lines import GAP, Line, columns
from gateway.cli.wrapping import INDENT, wrapped

__all__ = ["Entry", "draw_entries"]

Entry: TypeAlias = tuple[Line, Sequence[Line]]
"""The cells of its head; its details, each the cells of a row. Only the last cell may be long."""

# Sentences are hard to read in a narrower column.
_LEAST_CHARACTERS: Final = 40


def draw_entries(entries: Sequence[Entry], width: int) -> list[Line]:
    """Return entries as a table.

    Details stand beside the heads, in one table. Where a word would have to be broken there, or
    sentences would have too little room, they stand below them, each with what the line has.

    Args:
        entries: What to show; the heads have the same number of cells, and so have the details.
        width: Characters in a line.
    """
    rows: list[Line] = []
    for head, details in entries:
        first = head
        for detail in details:
            rows.append([*first, *detail])
            first = [("", "")] * len(head)
        if not details:
            rows.append(head)
    heads = max((len(head) for head, _ in entries), default=0)
    details_of_all = [row[heads:] for row in rows if len(row) > heads]
    beside = width - _before_last(rows)
    if _fits([detail[-1][0] for detail in details_of_all], beside):
        return columns(_broken(rows, heads, beside))
    return _below(entries, details_of_all, width)


def _below(entries: Sequence[Entry], every_detail: Sequence[Line], width: int) -> list[Line]:
    # Aligned over all entries, as they are beside them.
    cells = max(map(len, every_detail))
    widths = [max(len(detail[at][0]) for detail in every_detail) for at in range(cells - 1)]
    indent = INDENT.removesuffix(GAP)
    room = width - len(indent) - sum(map(len, [GAP] * cells)) - sum(widths)
    lines: list[Line] = []
    for head, (_, details) in zip(columns([head for head, _ in entries]), entries, strict=True):
        lines.append(head)
        padded: list[Line] = [
            [*((text.ljust(widths[at]), look) for at, (text, look) in enumerate(cells)), last]
            for *cells, last in details
        ]
        lines += [[(indent, ""), *line] for line in columns(_broken(padded, 0, room))]
    return lines


def _fits(texts: Sequence[str], room: int) -> bool:
    if all(len(text) <= room for text in texts):
        return True
    words = (word for text in texts for word in text.split())
    return room >= _LEAST_CHARACTERS and all(len(word) <= room for word in words)


def _broken(rows: Sequence[Line], heads: int, room: int) -> list[Line]:
    """Return rows whose last cell, if it is a detail's, takes as many rows as it needs."""
    broken: list[Line] = []
    for row in rows:
        if len(row) <= heads:
            broken.append(row)
            continue
        *before, (text, look) = row
        for part in wrapped(text, room) or [""]:
            broken.append([*before, (part, look)])
            before = [(" " * len(cell), "") for cell, _ in before]
    return broken


def _before_last(rows: Sequence[Line]) -> int:
    """Return where the last column of the longest rows begins."""
    cells = max(map(len, rows), default=0)
    widths = [max(len(row[at][0]) for row in rows if at < len(row)) for at in range(cells - 1)]
    return len(GAP) * cells + sum(widths)
