"""Keys of the running gateway as text: a table of all, and what came of a change.

Owns the drawing; pure: the gateway's documents in, lines and sentences out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from gateway.cli.lines import Line, columns, counted
from gateway.cli.output import harmless

if TYPE_CHECKING:
    from gateway.control.keys import KeyLine, KeyList

__all__ = ["draw_keys", "told"]

_HEADINGS: Final = ("Key", "State", "Version", "Since (UTC)", "Old versions", "Id")


def draw_keys(document: KeyList) -> list[Line]:
    """Return all keys as a table, and how their file is protected.

    Args:
        document: What the gateway answered.
    """
    keys = document["keys"]
    if not keys:
        return [[("no keys", "dim")]]
    rows: list[Line] = [[(heading, "heading") for heading in _HEADINGS]]
    rows += [_row(key) for key in keys]
    kept = (
        "keys.json is wrapped by a master key."
        if document["wrapped"]
        else "keys.json is not wrapped by a master key: who takes the card can read it."
    )
    return [[(counted(len(keys), "key"), "bold")], [], *columns(rows), [], [(kept, "dim")]]


def told(action: str, key: KeyLine) -> str:
    """Return what came of a change.

    Args:
        action: `create`, `rotate`, `enable` or `disable`.
        key: The key after it.
    """
    name = harmless(key["name"])
    if action == "create":
        return f"{name} is there, with the id {key['id']}."
    if action == "rotate":
        return (
            f"{name} has the new version {key['versions'][-1]['id']}. New messages use it at "
            "once; what is stored is sealed anew in the background, and after that the old "
            "version is dropped."
        )
    return f"{name} is {action}d."


def _row(key: KeyLine) -> Line:
    newest = key["versions"][-1]
    since = datetime.fromtimestamp(newest["created_ms"] / 1000, UTC)
    return [
        (harmless(key["name"]), ""),
        (key["state"], "good" if key["state"] == "enabled" else "bad"),
        (newest["id"], ""),
        (f"{since:%Y-%m-%d %H:%M:%S}", ""),
        (str(len(key["versions"]) - 1), ""),
        (key["id"], "dim"),
    ]
