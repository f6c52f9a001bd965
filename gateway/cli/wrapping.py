"""Long texts at the end of a line, broken at words instead of cut.

Owns where a line is broken: a table's last cell goes on below itself, or below its row where there
is little room beside the others. Knows nothing of what a line says.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

from gateway.cli.lines import Line

__all__ = ["wrap"]

# A text that is longer than this is not read in a table.
MAX_LINES: Final = 6

# In less room than this, words stand one below the other.
_LEAST_CHARACTERS: Final = 40

_INDENT: Final = "    "


def wrap(lines: Sequence[Line], width: int) -> list[Line]:
    """Return lines that fit into a width as far as their last text alone is too long.

    Args:
        lines: What to show.
        width: Characters in a line.
    """
    wrapped: list[Line] = []
    for line in lines:
        wrapped += _wrap(line, width)
    return wrapped


def _wrap(line: Line, width: int) -> list[Line]:
    if sum(len(text) for text, _ in line) <= width or line[-1][1] == "wave":
        return [line]  # a wave shows its newest end where it is cut
    *before, (last, style) = line
    column = sum(len(text) for text, _ in before)
    first = before
    indent = " " * column
    if width - column < _LEAST_CHARACTERS:
        # At a line's beginning there is nothing to go below.
        first, indent, last = [(_INDENT, "")], _INDENT, last.strip()
        if column <= len(_INDENT) or width - len(_INDENT) < _LEAST_CHARACTERS:
            return [line]
    texts = textwrap.wrap(
        last, width - len(indent), max_lines=MAX_LINES, placeholder=" …", break_on_hyphens=False
    )
    rest: list[Line] = [[(indent, ""), (text, style)] for text in texts[1:]]
    broken: list[Line] = [[*first, (texts[0], style)], *rest] if texts else []
    return broken if first is before else [_trimmed(before), *broken]


def _trimmed(line: Line) -> Line:
    while line and not line[-1][0].strip():
        line = line[:-1]
    return line
