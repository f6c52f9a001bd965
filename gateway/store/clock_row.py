"""The clock's one row: gateway time as it was at the last commit.

Owns its two statements; what the numbers mean is gateway.clock's.
"""

from __future__ import annotations

import sqlite3

from gateway.clock import ClockState

__all__ = ["load_clock", "save_clock"]

_LOAD = "SELECT gateway_ms, boot_ms, boot_id, wall_ms, wall_gateway_ms, off_time_owed FROM clock"
_SAVE = (
    "INSERT INTO clock VALUES (1, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
    " gateway_ms = excluded.gateway_ms, boot_ms = excluded.boot_ms, boot_id = excluded.boot_id,"
    " wall_ms = excluded.wall_ms, wall_gateway_ms = excluded.wall_gateway_ms,"
    " off_time_owed = excluded.off_time_owed"
)


def load_clock(connection: sqlite3.Connection) -> ClockState | None:
    """Return what was saved last, or None in a new database."""
    row = connection.execute(_LOAD).fetchone()
    if row is None:
        return None
    gateway_ms, boot_ms, boot_id, wall_ms, wall_gateway_ms, owed = row
    return ClockState(gateway_ms, boot_ms, boot_id, wall_ms, wall_gateway_ms, bool(owed))


def save_clock(connection: sqlite3.Connection, state: ClockState) -> None:
    """Save the state in the open transaction."""
    connection.execute(
        _SAVE,
        (
            state.gateway_ms,
            state.boot_ms,
            state.boot_id,
            state.wall_ms,
            state.wall_gateway_ms,
            state.off_time_owed,
        ),
    )
