"""Access keys as text: a table of all without secrets, and a new one with its own.

Owns the drawing; pure: the gateway's documents in, lines out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.cli.lines import Line, columns, counted
from gateway.cli.output import harmless

if TYPE_CHECKING:
    from gateway.control.credential_documents import (
        CredentialLine,
        CredentialList,
        NewCredential,
    )

__all__ = ["draw_credentials", "draw_new"]

_HEADINGS: Final = ("Name", "Access key id", "State", "Policy", "")


def draw_credentials(document: CredentialList) -> list[Line]:
    """Return all keys as a table.

    Args:
        document: What the gateway answered.
    """
    every = document["credentials"]
    rows: list[Line] = [[(heading, "heading") for heading in _HEADINGS]]
    rows += [_row(each) for each in every]
    lines: list[Line] = [[(counted(len(every), "credential"), "bold")], [], *columns(rows)]
    if document["auth"] == "none":
        said = 'aws.auth is "none": nobody is asked for a key, and no policy is checked'
        lines += [[], [(said, "bad")]]
    return lines


def draw_new(made: NewCredential) -> list[Line]:
    """Return one key with its secret.

    Args:
        made: What the gateway answered.
    """
    facts = (
        ("access key id", made["access_key_id"]),
        ("secret access key", made["secret_access_key"]),
        ("policy", made["policy"]),
    )
    return [
        [(harmless(made["name"]), "bold")],
        *columns([[(name, "dim"), (harmless(value), "")] for name, value in facts]),
        [],
        [("The secret is shown this once: put it where its user finds it.", "")],
    ]


def _row(each: CredentialLine) -> Line:
    state = ("active", "good") if each["active"] else ("disabled", "dim")
    return [
        (harmless(each["name"]), ""),
        (harmless(each["access_key_id"]), ""),
        state,
        (harmless(each["policy"]), ""),
        ("weir env gives this one" if each["default"] else "", "dim"),
    ]
