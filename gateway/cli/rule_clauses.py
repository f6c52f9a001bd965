"""The clauses of a rule's statement as text: one row each, with what it gave for a message.

Owns the table and the outgoing payload below it; pure. Whether the clauses come from a test or from
a running gateway is the caller's.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.cli.lines import GAP, Line, columns, counted
from gateway.cli.output import harmless
from gateway.cli.raw_json import is_json

__all__ = ["ClauseText", "Clauses", "draw_clauses", "draw_output", "from_row"]

# Of SQL at least this much is shown, however long its value is.
_LEAST_SQL: Final = 20

_UNDEFINED: Final = "Undefined"


@dataclass(frozen=True, slots=True)
class ClauseText:
    """One part of a statement and what it gave.

    Attributes:
        name: `@name` of a variable, the key of an item of SELECT, empty for others and for `*`.
        sql: The part as SQL.
        text: The JSON text of what it gave, or `Undefined`.
    """

    name: str
    sql: str
    text: str


@dataclass(frozen=True, slots=True)
class Clauses:
    """What `rules.Explanation` holds, as text."""

    variables: Sequence[ClauseText] = ()
    where: ClauseText | None = None
    conditions: Sequence[ClauseText] = ()
    items: Sequence[ClauseText] = ()


def draw_clauses(arrival: Sequence[Line], clauses: Clauses, width: int) -> list[Line]:
    """Return the table.

    Args:
        arrival: The rows about FROM, made by `from_row`.
        clauses: The others.
        width: Characters in a line; where there is too little room for SQL and values, SQL is
            shortened.
    """
    rows = [*arrival]
    rows += [_row("SET", each.name, each.sql, _value(each)) for each in clauses.variables]
    if clauses.where is not None:
        rows.append(_row("WHERE", "", clauses.where.sql, _value(clauses.where)))
        rows += [_row("", "", f"  {part.sql}", _value(part)) for part in clauses.conditions]
    rows += [_item(each, is_alone=len(clauses.items) == 1) for each in clauses.items]
    room = _room_for_sql(rows, width)
    return columns([_shortened(row, room) for row in _titled_once(rows)])


def from_row(topic_filter: str | None, verdict: str, look: str) -> Line:
    """Return the row of FROM.

    Args:
        topic_filter: What it names; None without FROM.
        verdict: What to say of the topic.
        look: A style of `gateway.cli.output`.
    """
    shown = "none" if topic_filter is None else f"'{topic_filter}'"
    return _row("FROM", "", shown, (harmless(verdict), look))


def draw_output(output: bytes, width: int) -> list[Line]:
    """Return the outgoing payload, broken into lines of this width."""
    try:
        text = output.decode()
        kind = "" if is_json(text) else ", no JSON"
    except UnicodeDecodeError:
        text = base64.b64encode(output).decode()
        kind = ", no text: shown in base64"
    shown = harmless(text)
    room = max(width - len(GAP), 1)
    return [
        [("Output", "bold"), (f"{GAP}{counted(len(output), 'byte')}{kind}", "dim")],
        *([(GAP, ""), (shown[at : at + room], "")] for at in range(0, len(shown), room)),
    ]


def _item(clause: ClauseText, *, is_alone: bool) -> Line:
    text, look = _value(clause)
    is_star = clause.sql == "*" and not clause.name
    is_left_out = clause.text == _UNDEFINED and clause.name != ""
    if is_star:
        # Alone it is the very bytes, whatever they are; beside others only members are merged in.
        is_left_out = not is_alone and not clause.text.startswith("{")
        if is_alone and clause.text == _UNDEFINED:
            text, look = "the payload as it came", ""
    if is_left_out:
        text += ": left out"
    return _row("SELECT", clause.name, clause.sql, (text, look))


def _titled_once(rows: Sequence[Line]) -> Iterator[Line]:
    last = ""
    for (title, look), *rest in rows:
        yield [("" if title == last else title, look), *rest]
        last = title or last


def _room_for_sql(rows: Sequence[Line], width: int) -> int:
    """Return what values leave of a line, and not less than half of what both have."""
    title, name, _, value = (max(len(row[at][0]) for row in rows) for at in range(4))
    room = width - 4 * len(GAP) - title - name
    return max(room - value, room // 2, _LEAST_SQL)


def _shortened(row: Line, room: int) -> Line:
    title, name, (sql, look), value = row
    return [title, name, (sql if len(sql) <= room else f"{sql[: room - 1]}…", look), value]


def _row(title: str, name: str, sql: str, value: tuple[str, str]) -> Line:
    return [(title, "bold"), (harmless(name), ""), (harmless(sql), "dim"), value]


def _value(clause: ClauseText) -> tuple[str, str]:
    text = clause.text
    look = "good" if text == "true" else "bad" if text in ("false", _UNDEFINED) else ""
    return harmless(text), look
