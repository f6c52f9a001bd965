"""Local access keys: what AWS clients of this gateway sign with.

Owns `data_dir/credentials.json`, which is the secret itself: mode 0600 from its first moment, and
refused if somebody else could read it. Secrets appear in no log and no `repr`. Knows nothing of
signatures or requests.
"""

from __future__ import annotations

import os
import secrets
import stat
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast, final

import orjson

from gateway.errors import GatewayError
from gateway.store.files import replace_atomically

__all__ = ["AccessKey", "Credentials", "CredentialsError"]

_FILE_NAME: Final = "credentials.json"
_FORMAT: Final = 1
_MAX_FILE_BYTES: Final = 1024 * 1024

# The shapes of AWS's own, which some clients check: AKIA and 16 of base 32; 40 of base 64.
_ID_ALPHABET: Final = string.ascii_uppercase + "234567"
_SECRET_ALPHABET: Final = string.ascii_letters + string.digits + "+/"


class CredentialsError(GatewayError):
    """The credentials file cannot be used."""

    code = "credentials"


@final
@dataclass(frozen=True, slots=True)
class AccessKey:
    """One access key.

    Attributes:
        access_key_id: Its public name, 20 characters.
        secret_access_key: What signatures are made with, 40 characters.
        name: What a person calls it.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    name: str = "default"

    @classmethod
    def generate(cls, name: str = "default") -> AccessKey:
        """Return a new key from the system's source of randomness."""
        access_key_id = "AKIA" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(16))
        return cls(access_key_id, _new_secret(), name)


@final
class Credentials:
    """The access keys of one gateway, looked up by id.

    Args:
        keys: At least one key.
    """

    def __init__(self, keys: tuple[AccessKey, ...]) -> None:
        self._keys = {key.access_key_id: key for key in keys}

    def __repr__(self) -> str:
        return f"Credentials({', '.join(self._keys)})"

    @property
    def default(self) -> AccessKey:
        """The key that `weir env` gives: the one named `default`, or else the first."""
        for key in self._keys.values():
            if key.name == "default":
                return key
        return next(iter(self._keys.values()))

    def secret(self, access_key_id: str) -> str | None:
        """Return the secret of an access key, or None where there is no such key."""
        key = self._keys.get(access_key_id)
        return None if key is None else key.secret_access_key

    @classmethod
    def open(cls, data_dir: Path) -> Credentials:
        """Load the keys of a data directory, making a first one where there are none.

        It blocks for an fsync when it makes one: call it at start, not while serving.

        Args:
            data_dir: The folder, which exists; the file in it is `credentials.json`.

        Raises:
            CredentialsError: Others may read the file, or it is damaged or can't be written.
        """
        path = data_dir / _FILE_NAME
        data = _read_private(path)
        if data is not None:
            return cls(_decode(path, data))
        credentials = cls((AccessKey.generate(),))
        try:
            replace_atomically(path, credentials._encode(), 0o600)
        except OSError as error:
            raise CredentialsError(
                f"cannot write {path}: {error.strerror}",
                hint=f"let the gateway's user own {data_dir}",
            ) from error
        return credentials

    def _encode(self) -> bytes:
        keys = [
            {
                "name": key.name,
                "access_key_id": key.access_key_id,
                "secret_access_key": key.secret_access_key,
            }
            for key in self._keys.values()
        ]
        document = {"format": _FORMAT, "access_keys": keys}
        return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _new_secret() -> str:
    return "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(40))


def _read_private(path: Path) -> bytes | None:
    """Return the file's content, or None where there is no file.

    The permissions are those of the file that was opened, not of what the name meant before.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CredentialsError(
            f"cannot open {path}: {error.strerror}",
            hint="it must be a plain file that the gateway's user owns",
        ) from error
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise CredentialsError(f"{path} is not a plain file", hint="move it away")
        if found.st_uid not in (os.geteuid(), 0):
            raise CredentialsError(
                f"{path} belongs to user {found.st_uid}, who could change it",
                hint=f"Run sudo chown {os.geteuid()} {path}",
            )
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise CredentialsError(
                f"{path} has mode {stat.S_IMODE(found.st_mode):04o}: others may read the secrets",
                hint=f"Run chmod 600 {path}; if others may have read it, remove it, and the next "
                "start makes new keys",
            )
        if found.st_size > _MAX_FILE_BYTES:
            raise CredentialsError(f"{path} is larger than {_MAX_FILE_BYTES} bytes: it is damaged")
        return file.read(_MAX_FILE_BYTES)


def _decode(path: Path, data: bytes) -> tuple[AccessKey, ...]:
    # What the file says never goes into a message: it may be a secret.
    def damaged(why: str) -> CredentialsError:
        return CredentialsError(
            f"{path} is damaged: {why}",
            hint="restore it from a backup, or remove it, and the next start makes new keys",
        )

    try:
        document: object = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise damaged(f"no JSON at line {error.lineno}, column {error.colno}") from None
    if not isinstance(document, dict):
        raise damaged("no JSON object")
    if document.get("format") != _FORMAT:
        raise damaged(f"its format is not {_FORMAT}; a newer gateway may have written it")
    entries = document.get("access_keys")
    if not isinstance(entries, list) or not entries:
        raise damaged("no list of access_keys")
    keys: list[AccessKey] = []
    for number, entry in enumerate(entries):
        fields = (
            [entry.get(name) for name in ("access_key_id", "secret_access_key", "name")]
            if isinstance(entry, dict)
            else []
        )
        if len(fields) != 3 or not all(isinstance(text, str) and text for text in fields):
            raise damaged(f"access_keys[{number}] lacks access_key_id, secret_access_key or name")
        keys.append(AccessKey(*cast("list[str]", fields)))
    if len({key.access_key_id for key in keys}) != len(keys):
        raise damaged("an access_key_id comes twice")
    return tuple(keys)
