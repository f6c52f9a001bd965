"""SQL and rule documents that are wrong: what to say, with a caret below each place.

Owns the drawing; pure: what was found and the text in, lines out.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import orjson

import rules
from gateway.cli.output import harmless, sentence

__all__ = ["draw_problems", "draw_sql_error", "place_of"]

# How much of a long line is shown on either side of the caret.
_AROUND: Final = 60

_PLACE: Final = re.compile(r"line (\d+), column (\d+)(?: of the SQL)?: ")
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_VERSION_KEY: Final = re.compile(r'set "awsIotSqlVersion" to "([^"]*)"(?: or later)?')


def draw_sql_error(error: rules.SqlError, sql: str) -> list[str]:
    """Return what is wrong with SQL that was given with `--sql`, and what to do.

    Args:
        error: What was found.
        sql: The SQL.
    """
    lines = [f"weir: {harmless(sentence(str(error)))}", *_caret(sql, error.line, error.column)]
    # There is no document to name a version in.
    hint = _VERSION_KEY.sub(r"say --sql-version \1", error.hint)
    return lines + ([_hint(hint)] if hint else [])


def draw_problems(error: rules.RuleDocumentError, document: bytes) -> list[str]:
    """Return what is wrong with a rule document, and what to do.

    Args:
        error: What was found.
        document: The document.
    """
    lines = [f"weir: {harmless(error.source)} cannot be used:"]
    for problem in error.problems:
        lines.append(f"  {harmless(sentence(f'{problem.path}: {problem.message}'))}")
        lines += place_of(problem, document)
        if problem.remedy:
            lines.append(_hint(problem.remedy))
    return lines


def place_of(problem: rules.Problem, document: bytes) -> list[str]:
    """Return the line that a problem of a document names, and a caret below the place.

    Args:
        problem: What was found.
        document: The document.

    Returns:
        Two lines; none where the problem names no place, or it cannot be shown.
    """
    place = _PLACE.search(problem.message)
    if place is None:
        return []
    text = _text_at(document, problem.path)
    return [] if text is None else _caret(text, int(place[1]), int(place[2]))


def _hint(text: str) -> str:
    return f"  {harmless(sentence(text[:1].upper() + text[1:]))}"


def _text_at(document: bytes, path: str) -> str | None:
    """Return the string at a path of a document, or the document; None if there is none."""
    try:
        text = document.decode()
        value: object = text if path == "$" else orjson.loads(text)
    except ValueError:
        return None
    for name, index in _STEP.findall(path):
        if isinstance(value, dict) and name:
            value = value.get(name)
        elif isinstance(value, list) and index:
            value = value[int(index)] if int(index) < len(value) else None
        else:
            return None
    return value if isinstance(value, str) else None


def _caret(text: str, number: int, column: int) -> list[str]:
    """Return a line of a text, and below it a caret under a column from 1."""
    lines = text.split("\n")
    line = lines[number - 1] if number <= len(lines) else ""
    start = max(column - 1 - _AROUND, 0)
    # One character for one, so that the caret stays under its column.
    shown = "".join(c if c.isprintable() else " " for c in line[start : column - 1 + _AROUND])
    before = shown[: column - 1 - start].ljust(column - 1 - start)
    left = "…" if start else ""
    right = "…" if len(line) > column - 1 + _AROUND else ""
    width = len(left) + sum(_width(character) for character in before)
    return [f"    {left}{shown}{right}", f"    {' ' * width}^"]


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
