"""JSON text laid out over several lines, every value as it was written.

Owns the layout. Nothing is read into numbers and written anew: `10.0` stays `10.0`, and a key that
stands twice stands twice.
"""

from __future__ import annotations

import json
import re
from typing import Final

__all__ = ["laid_out"]

_PART: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)
_INDENT: Final = "  "


def laid_out(text: str) -> list[str] | None:
    """Return a JSON object or array over several lines; None where the text is no such thing."""
    try:
        if not isinstance(json.loads(text, parse_int=str, parse_float=str), dict | list):
            return None
    except (ValueError, RecursionError):
        return None
    lines: list[str] = []
    depth, line, before = 0, "", ""
    for part in _PART.findall(text):
        if part in "]}":
            depth -= 1
            if before not in "[{":
                lines.append(line)
                line = _INDENT * depth
        elif before and before in "[{,":
            lines.append(line)
            line = _INDENT * depth
        line += f"{part} " if part == ":" else part
        depth += part in "[{"
        before = part
    return [*lines, line]
