"""TinyDB's storage on a file that is always either the old one or the new one.

Owns reading, checking and replacing `registry.json`; knows nothing of what the tables mean. What
was last written stays in memory and is what TinyDB reads: a write that the disk refused has
happened nowhere.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, final

import orjson
from tinydb.storages import Storage

from gateway.errors import RegistryError
from gateway.store.files import replace_atomically

__all__ = ["Json", "RegistryFile", "Tables"]

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""What a document is made of."""

Tables = dict[str, dict[str, dict[str, Json]]]
"""Documents by table and key."""

# A person's configuration is a few hundred documents; more than this is some other file.
MAX_FILE_BYTES: Final = 16 * 1024 * 1024

_READABLE: Final = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE

_REMEDY: Final = "Put a copy of it in its place, or correct it by hand; it was left as it is."


@final
class RegistryFile(Storage):
    """One `registry.json`: indented by 2, sorted, mode 0600.

    Args:
        path: The file; its folder must exist.

    Attributes:
        existed: Whether the file was there when it was opened.

    Raises:
        RegistryError: It cannot be read, or is not a registry.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.existed = path.exists()
        self._text = _load(path) if self.existed else b"{}"
        self._tables = _check(path, self._text)

    def read(self) -> Tables:
        """Return what was last written, as a copy that may be changed."""
        tables: Tables = orjson.loads(self._text)
        return tables

    def write(self, data: Tables) -> None:
        """Put `data` in the file's place; returns when it is on disk.

        Raises:
            RegistryError: The disk refused; the old content stays, here and there.
        """
        # Empty tables say nothing; TinyDB keeps those whose last document has gone.
        tables = {name: table for name, table in data.items() if table}
        try:
            text = orjson.dumps(tables, option=_READABLE)
        except TypeError as error:  # such as a number of more than 64 bits, written by hand
            raise RegistryError(f"{self._path} cannot be written: {error}", hint=_REMEDY) from error
        if len(text) > MAX_FILE_BYTES:
            raise RegistryError(
                f"{self._path} would be larger than {MAX_FILE_BYTES} bytes",
                hint="Remove what is not needed any more.",
            )
        try:
            replace_atomically(self._path, text, 0o600)
        except OSError as error:
            raise RegistryError(
                f"{self._path} cannot be written: {error.strerror or error}",
                hint="Look at the disk's free space and the folder's permissions.",
            ) from error
        self._text = text
        self._tables = orjson.loads(text)  # a copy: what was given may be changed afterwards

    def table(self, name: str) -> dict[str, dict[str, Json]]:
        """Return a table's documents by key; not to be changed."""
        return self._tables.get(name, {})


def _load(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise RegistryError(
            f"{path} cannot be read: {error.strerror or error}",
            hint="Let the gateway's user read it.",
        ) from error
    if len(text) > MAX_FILE_BYTES:
        raise RegistryError(f"{path} is larger than {MAX_FILE_BYTES} bytes", hint=_REMEDY)
    return text


def _check(path: Path, text: bytes) -> Tables:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"{path} is damaged: {error}", hint=_REMEDY) from error
    if not isinstance(data, dict):
        raise RegistryError(f"{path} is damaged: it holds no tables", hint=_REMEDY)
    for name, table in data.items():
        if not isinstance(table, dict) or not all(isinstance(d, dict) for d in table.values()):
            raise RegistryError(
                f'{path} is damaged: "{name}" is no table of documents', hint=_REMEDY
            )
    return data
