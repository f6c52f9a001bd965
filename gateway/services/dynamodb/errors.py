"""What a local table refuses, and what to do about it.

Owns the tree and the bound on what of a payload goes into a sentence. Knows no table.
"""

from __future__ import annotations

from typing import Final

from gateway.errors import Disposition, GatewayError

__all__ = [
    "ItemRefused",
    "NoSuchTable",
    "TableError",
    "TableFull",
    "TableUnusable",
    "shown",
]

_SHOWN_CHARACTERS: Final = 80


def shown(text: str) -> str:
    """Return a text that may be a payload's as a sentence can hold it."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…")


class TableError(GatewayError):
    """The root of what a table refuses."""

    code = "table"
    disposition = Disposition.QUARANTINE


class NoSuchTable(TableError):  # noqa: N818 - named after the state
    """No table of this name is declared."""

    code = "no-such-table"


class TableUnusable(TableError):  # noqa: N818
    """The table's items were written with other key fields than the settings declare now."""

    code = "table-unusable"


class ItemRefused(TableError):  # noqa: N818
    """An item, or a key, is none that the table can hold."""

    code = "item-refused"


class TableFull(TableError):  # noqa: N818
    """The table holds as much as its settings allow."""

    code = "table-full"
    disposition = Disposition.RETRY
