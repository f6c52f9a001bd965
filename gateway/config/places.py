"""Where in a TOML text each table and key stands: what tomllib does not tell.

Owns a scanner that finds line numbers; knows nothing of settings. The text has been parsed by
tomllib before, so it is valid TOML, and the scanner need not judge it: it only skips values.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias, final

__all__ = ["KeyPath", "Places", "find_places"]

KeyPath: TypeAlias = tuple[str | int, ...]
"""Table names and keys from the document's root; an int is an index in an array of tables."""

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)+")
_KEY_PART: Final = re.compile(r"""[ \t]*(?:([A-Za-z0-9_-]+)|"((?:[^"\\]|\\.)*)"|'([^']*)')[ \t]*""")
# Strings whole, so that nothing inside them counts; then what opens, closes or ends a value.
_VALUE_PART: Final = re.compile(
    r'"""(?:\\.|(?!""").)*"{3,5}'
    r"|'''(?:(?!''').)*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*|[\[\]{}\n]",
    re.DOTALL,
)


@final
class Places:
    """The lines of a document's tables and keys.

    Args:
        lines: Line numbers, from 1, by path.
    """

    def __init__(self, lines: dict[KeyPath, int]) -> None:
        self._lines = lines

    def line(self, path: KeyPath) -> int | None:
        """Return the line of a table or key, or of the nearest table around it; None for none."""
        for end in range(len(path), 0, -1):
            line = self._lines.get(path[:end])
            if line is not None:
                return line
        return None

    def line_of_key(self, path: KeyPath) -> int | None:
        """Return the line of exactly this key; None where the document does not have it."""
        return self._lines.get(path)


def find_places(text: str) -> Places:
    """Return where the tables and keys of a valid TOML document stand."""
    text = text.replace("\r\n", "\n")
    lines: dict[KeyPath, int] = {}
    implied: dict[KeyPath, int] = {}  # tables that have no header but those of tables in them
    entries: dict[KeyPath, int] = {}  # arrays of tables, and how many entries were seen
    table: KeyPath = ()
    at, line = 0, 1
    while at < len(text):
        blank = _BLANK.match(text, at)
        if blank is not None:
            line += blank.group().count("\n")
            at = blank.end()
            continue
        start = at
        if text[at] == "[":
            is_entry = text.startswith("[[", at)
            names, at = _dotted_key(text, at + (2 if is_entry else 1))
            table = _resolve((), names, entries)
            if is_entry:
                if table and isinstance(table[-1], int):
                    table = table[:-1]  # the array itself, not its last entry so far
                entries[table] = entries.get(table, -1) + 1
                lines.setdefault(table, line)
                table = (*table, entries[table])
            lines.setdefault(table, line)
            for end in range(1, len(table)):
                implied.setdefault(table[:end], line)
            at += 2 if is_entry else 1
        else:
            names, at = _dotted_key(text, at)
            for end in range(1, len(names) + 1):
                lines.setdefault((*table, *names[:end]), line)
            at = _end_of_value(text, at + 1)
        if at <= start:
            break  # not TOML after all: tell no more than what is known
        line += text.count("\n", start, at)
    return Places(implied | lines)


def _dotted_key(text: str, at: int) -> tuple[list[str], int]:
    names: list[str] = []
    while (part := _KEY_PART.match(text, at)) is not None:
        names.append(next(group for group in part.groups() if group is not None))
        at = part.end()
        if not text.startswith(".", at):
            break
        at += 1
    return names, at


def _resolve(table: KeyPath, names: list[str], entries: dict[KeyPath, int]) -> KeyPath:
    """Return the path of a header; a name of an array of tables means its latest entry."""
    path = table
    for name in names:
        path = (*path, name)
        if path in entries:
            path = (*path, entries[path])
    return path


def _end_of_value(text: str, at: int) -> int:
    depth = 0
    while (part := _VALUE_PART.search(text, at)) is not None:
        at = part.end()
        found = part.group()
        if found in ("[", "{"):
            depth += 1
        elif found in ("]", "}"):
            depth -= 1
        elif found == "\n" and depth <= 0:
            return at - 1
    return len(text)
