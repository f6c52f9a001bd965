"""Long lines, broken at words instead of cut.

Owns where a line is broken: a table's last cell goes on below itself, or below its row where there
is little room beside the others; what does not fit in any other way goes on with a line of its own.
Knows nothing of what a line says.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from gateway.cli.lines import GAP, Line

__all__ = ["INDENT", "wrap", "wrapped"]

INDENT: Final = "    "
"""What stands before a line that goes on with another."""

# A text that is longer than this is not read in a table.
MAX_LINES: Final = 6

# A line of ten actions that failed, each with its reason, is no longer than this.
MAX_FLOWING_LINES: Final = 40

# In less room than this, words stand one below the other.
_LEAST_CHARACTERS: Final = 40

_LEAST_WRAPPED: Final = 20

_WORD: Final = re.compile(r"\S+|\s+")


def wrap(lines: Sequence[Line], width: int) -> list[Line]:
    """Return lines that fit into a width, unless there is hardly any.

    Args:
        lines: What to show.
        width: Characters in a line.
    """
    return [part for line in lines for part in _wrap(line, width)]


def wrapped(text: str, width: int) -> list[str]:
    """Return a text in lines of about this width, which may be too small for any."""
    return textwrap.wrap(text, max(width, _LEAST_WRAPPED), break_on_hyphens=False)


def _wrap(line: Line, width: int) -> list[Line]:
    if _characters(line) <= width or line[-1][1] == "wave":
        return [line]  # a wave shows its newest end where it is cut
    *before, (last, style) = line
    if style == "heading":
        while _characters(before) > width:
            before = _trimmed(before)[:-1]
        return [_trimmed(before)]  # what the others stand above goes on below
    column = _characters(before)
    if width - column >= _LEAST_CHARACTERS:
        return _below(before, " " * column, last, style, width)
    # At a line's beginning there is nothing to go below.
    if column <= len(INDENT) or width - len(INDENT) < _LEAST_CHARACTERS:
        return [line]
    is_cell = before[-1] == (GAP, "")
    before = _trimmed(before)
    if _characters(before) > width and not is_cell:
        return _flowing(line, width)
    rest = _below([(INDENT, "")], INDENT, last.strip(), style, width)
    return [*_flowing(before, width), *rest]


def _below(first: Line, indent: str, text: str, style: str, width: int) -> list[Line]:
    """Return a text whose first line goes on with another's, and whose others are indented."""
    texts = textwrap.wrap(
        text, width - len(indent), max_lines=MAX_LINES, placeholder=" …", break_on_hyphens=False
    )
    rest: list[Line] = [[(indent, ""), (text, style)] for text in texts[1:]]
    return [[*first, (texts[0], style)], *rest] if texts else []


def _flowing(line: Line, width: int) -> list[Line]:
    """Return a line that goes on below itself, whichever of its pieces do not fit."""
    lines: list[Line] = []
    current: Line = []
    room = width
    for text, style in _words(line, width - len(INDENT)):
        if len(text) > room:
            if not text.strip():
                continue
            if len(lines) == MAX_FLOWING_LINES - 1:
                current.append((" …", style))
                break
            lines.append(_trimmed(current))
            current, room = [(INDENT, "")], width - len(INDENT)
        current.append((text, style))
        room -= len(text)
    return [*lines, _trimmed(current)]


def _words(line: Line, width: int) -> Iterator[tuple[str, str]]:
    """Give words and what is between them; none is longer than a line."""
    for text, style in line:
        for word in _WORD.findall(text):
            for at in range(0, len(word), width):
                yield word[at : at + width], style


def _characters(line: Line) -> int:
    return sum(len(text) for text, _ in line)


def _trimmed(line: Line) -> Line:
    while line and not line[-1][0].strip():
        line = line[:-1]
    if line:
        text, style = line[-1]
        line = [*line[:-1], (text.rstrip(), style)]
    return line
