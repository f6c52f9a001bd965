"""The file of keys: `data_dir/keys.json`, in the clear or wrapped by the master key.

Owns its form, its permissions, and which master key opens it. Mode 0600 from its first moment,
replaced as a whole, refused if somebody else could read it. Never makes a key, and never takes
another file than the one that is there for an empty one.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, cast, final

import orjson

from gateway.store.encryption.errors import Damaged, KeyFileError
from gateway.store.encryption.key import (
    BUILT_IN,
    MATERIAL_BYTES,
    VERSION_ID_BYTES,
    Key,
    KeyVersion,
    is_alias,
    is_key_id,
)
from gateway.store.encryption.master_key import MASTER_KEY, PREVIOUS_MASTER_KEY, MasterKey
from gateway.store.encryption.sealing import Ciphers, version_id
from gateway.store.files import replace_atomically
from gateway.store.private_files import read_private

__all__ = ["FILE_NAME", "KeyFile"]

log = logging.getLogger(__name__)

FILE_NAME: Final = "keys.json"
_FORMAT: Final = 1
_MAX_FILE_BYTES: Final = 4 * 1024 * 1024
_MAX_WALL_MS: Final = 253_402_300_799_999  # the end of the year 9999, after which dates end

# No version of a key has this id: the master key stands outside the ring.
MASTER_ID: Final = bytes(VERSION_ID_BYTES)
_CONTEXT: Final = b"keys.json"
_BOUND_TO: Final = b""

_READABLE: Final = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
_RESTORE: Final = (
    "restore it from a backup: what was sealed with its keys cannot be read without; "
    "the file was left as it is"
)


@final
class KeyFile:
    """The keys of one data directory, on disk.

    Args:
        path: The file; its folder exists.
        master: What to wrap it by; None to keep it in the clear.
        previous: What it may be wrapped by still.
    """

    def __init__(self, path: Path, master: MasterKey | None, previous: MasterKey | None) -> None:
        self.path = path
        self.wrapped = master is not None
        self._master = master
        self._previous = previous

    @classmethod
    def open(cls, data_dir: Path, environment: Mapping[str, str]) -> KeyFile:
        """Return the file of a data directory, with the master keys of a process's environment.

        Raises:
            KeyFileError: A variable gives no master key.
        """
        return cls(
            data_dir / FILE_NAME,
            MasterKey.given(environment, MASTER_KEY),
            MasterKey.given(environment, PREVIOUS_MASTER_KEY),
        )

    def read(self) -> list[Key] | None:
        """Return the keys; None where there is no file.

        A file that is not wrapped as it should be is written anew. It blocks, for an fsync then.

        Raises:
            KeyFileError: The file cannot be used, or is wrapped by a master key that is not given.
        """
        data = read_private(
            self.path,
            _MAX_FILE_BYTES,
            KeyFileError,
            remedy="if others may have read it, run weir keys rotate for each key afterwards",
        )
        if data is None:
            return None
        document = _object(self.path, data)
        if "wrapped" not in document:
            keys = _keys(self.path, document)
            if self._master is not None:
                self.write(keys)
                log.warning(
                    "%s was in the clear, and is wrapped by %s from now on. A card may keep what "
                    "it held before: run weir keys rotate for each key",
                    self.path,
                    self._master.variable,
                )
            return keys
        opened_by, inner = self._unwrap(document["wrapped"])
        keys = _keys(self.path, _object(self.path, inner))
        if self._master is None or opened_by.material != self._master.material:
            self.write(keys)
            log.warning(
                "%s is no longer wrapped by %s, but %s",
                self.path,
                opened_by.variable,
                "in the clear" if self._master is None else f"by {self._master.variable}",
            )
        return keys

    def write(self, keys: Iterable[Key]) -> None:
        """Put these keys in the file's place; returns when they are on disk.

        Raises:
            KeyFileError: The disk refused, or it would be too large; the old file stays.
        """
        data = _encode(keys)
        if self._master is not None:
            wrapped = Ciphers().seal(_version(self._master), data, _CONTEXT, _BOUND_TO)
            text = base64.b64encode(wrapped).decode()
            data = orjson.dumps({"format": _FORMAT, "wrapped": text}, option=_READABLE)
        if len(data) > _MAX_FILE_BYTES:
            raise KeyFileError(f"{self.path} would be larger than {_MAX_FILE_BYTES} bytes")
        try:
            replace_atomically(self.path, data, 0o600)
        except OSError as error:
            raise KeyFileError(
                f"cannot write {self.path}: {error.strerror}",
                hint=f"look at the disk's free space, and let the gateway's user own "
                f"{self.path.parent}",
            ) from error

    def _unwrap(self, text: object) -> tuple[MasterKey, bytes]:
        """Return which master key opened the file, and what is in it."""
        masters = [master for master in (self._master, self._previous) if master is not None]
        if not masters:
            raise KeyFileError(
                f"{self.path} is wrapped by a master key, and none is given",
                hint=f"set {MASTER_KEY} or {MASTER_KEY}_FILE to the one it was wrapped by",
            )
        try:
            wrapped = base64.b64decode(text if isinstance(text, str) else "", validate=True)
            named = version_id(wrapped)
        except (binascii.Error, ValueError, Damaged):
            raise _damaged(self.path, "what is wrapped has no sealed form") from None
        ciphers = Ciphers()
        for master in masters:
            try:
                if named == MASTER_ID:
                    opened = ciphers.unseal(_version(master), wrapped, _CONTEXT, _BOUND_TO)
                    return master, opened
            except Damaged:
                ciphers.forget(MASTER_ID)
        given = " nor ".join(master.variable for master in masters)
        raise KeyFileError(
            f"{self.path} does not open with the master key: {'neither ' * (len(masters) > 1)}"
            f"{given} gives the one it was wrapped by, or the file is damaged",
            hint=f"set {MASTER_KEY} or {MASTER_KEY}_FILE to the one it was wrapped by, or restore "
            "the file from a backup",
        )


def _version(master: MasterKey) -> KeyVersion:
    return KeyVersion(MASTER_ID, 0, master.material)


def _encode(keys: Iterable[Key]) -> bytes:
    entries = [
        {
            "name": key.name,
            "id": key.id,
            "state": "enabled" if key.enabled else "disabled",
            "created_ms": key.created_ms,
            "versions": [
                {
                    "id": version.id.hex(),
                    "created_ms": version.created_ms,
                    "material": base64.b64encode(version.material).decode(),
                }
                for version in key.versions
            ],
        }
        for key in keys
    ]
    return orjson.dumps({"format": _FORMAT, "keys": entries}, option=_READABLE)


def _damaged(path: Path, why: str) -> KeyFileError:
    # What the file says never goes into a message: it may be a secret.
    return KeyFileError(f"{path} is damaged: {why}", hint=_RESTORE)


def _object(path: Path, data: bytes) -> dict[str, object]:
    try:
        document: object = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise _damaged(path, f"no JSON at line {error.lineno}, column {error.colno}") from None
    if not isinstance(document, dict):
        raise _damaged(path, "no JSON object")
    if document.get("format") != _FORMAT:
        raise _damaged(path, f"its format is not {_FORMAT}; a newer gateway may have written it")
    return cast("dict[str, object]", document)


def _keys(path: Path, document: Mapping[str, object]) -> list[Key]:
    entries = document.get("keys")
    if not isinstance(entries, list):
        raise _damaged(path, "no list of keys")
    keys: list[Key] = []
    for number, entry in enumerate(entries):
        try:
            keys.append(_key(entry))
        except (KeyError, TypeError, ValueError):
            raise _damaged(path, f"keys[{number}] is no key") from None
    versions = [version.id for key in keys for version in key.versions]
    for what, found in (
        ("name", [key.name for key in keys]),
        ("id", [key.id for key in keys]),
        ("version id", versions),
    ):
        if len(set(found)) != len(found):
            raise _damaged(path, f"a {what} comes twice")
    return keys


def _key(entry: dict[str, object]) -> Key:
    """Return a key; any of three errors where it is none."""
    name, key_id, state, versions = (entry[it] for it in ("name", "id", "state", "versions"))
    if not isinstance(name, str) or not (name in BUILT_IN or is_alias(name)):
        raise ValueError("the name")
    if not isinstance(key_id, str) or not is_key_id(key_id):
        raise ValueError("the id")
    if state not in ("enabled", "disabled"):
        raise ValueError("the state")
    if not isinstance(versions, list) or not versions:
        raise ValueError("the versions")
    return Key(
        name,
        key_id,
        state == "enabled",
        _milliseconds(entry["created_ms"]),
        tuple(_key_version(version) for version in versions),
    )


def _key_version(entry: dict[str, str]) -> KeyVersion:
    version = KeyVersion(
        bytes.fromhex(entry["id"]),
        _milliseconds(entry["created_ms"]),
        base64.b64decode(entry["material"], validate=True),
    )
    if len(version.id) != VERSION_ID_BYTES or version.id == MASTER_ID:
        raise ValueError("the version's id")
    if len(version.material) != MATERIAL_BYTES:
        raise ValueError("the material")
    return version


def _milliseconds(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("the time")
    if not 0 <= value <= _MAX_WALL_MS:
        raise ValueError("the time")
    return value
