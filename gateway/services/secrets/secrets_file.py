"""The secrets file: read when it changes, and only if nobody else may read it.

Owns its form, its permissions, and how a secret is found by name or ARN. What a secret is appears
in no log, no `repr` and no error. Knows nothing of rules.

Source: AWS Secrets Manager API Reference, GetSecretValue; User Guide, "Secrets Manager quotas".
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import stat
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias, final

import orjson

from gateway.errors import Disposition, GatewayError

__all__ = ["Secret", "Secrets", "SecretsError"]

_MAX_FILE_BYTES: Final = 4 * 1024 * 1024
_MAX_SECRET_BYTES: Final = 65536
_SHOWN_CHARACTERS: Final = 80
_EXAMPLE: Final = '{"sensor-key": "text", "database": {"user": "…"}, "key": {"SecretBinary": "…"}}'

_ARN_NAME: Final = re.compile(r"arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:(.+)", re.DOTALL)
_ARN_SUFFIX: Final = re.compile(r"-[A-Za-z0-9]{6}\Z")

# Which content of which file this is: anything that changes it changes one of these.
_Version: TypeAlias = tuple[int, int, int, int, int, int, int]


class SecretsError(GatewayError):
    """The secrets file, or one secret of it, cannot be used."""

    code = "secrets"
    disposition = Disposition.QUARANTINE


@final
@dataclass(frozen=True, slots=True)
class Secret:
    """A secret's value: exactly one of the two is there.

    Attributes:
        string: A text; JSON where the file has an object.
        binary: Bytes.
    """

    string: str | None = field(default=None, repr=False)
    binary: bytes | None = field(default=None, repr=False)


@final
class Secrets:
    """The secrets of one file. May be called on any thread; a call reads the file if it changed.

    Args:
        path: The file; None for no secrets at all.
    """

    __slots__ = ("_by_name", "_lock", "_path", "_version")

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._version: _Version | None = None
        self._by_name: dict[str, Secret | str] = {}  # a text: why there is no secret

    def __repr__(self) -> str:
        return f"Secrets({str(self._path)!r})"

    def get(self, secret_id: str) -> Secret | None:
        """Return a secret; None where there is none of this name.

        Args:
            secret_id: Its name, or an ARN, with or without the six characters at its end.

        Raises:
            SecretsError: There is no secrets file, it cannot be used, or this secret cannot.
        """
        if self._path is None:
            raise SecretsError(
                "there is no secrets file", hint='Add to the settings: [secrets] file = "…"'
            )
        with self._lock:
            self._refresh(self._path)
            by_name = self._by_name
        for name in _names(secret_id):
            found = by_name.get(name)
            if isinstance(found, str):
                raise SecretsError(
                    f"the secret {name[:_SHOWN_CHARACTERS]!r} of {self._path} {found}",
                    hint=f"Write it as here: {_EXAMPLE}",
                )
            if found is not None:
                return found
        return None

    def check(self) -> None:
        """Read the file as `get` would, for `weir check` and at start.

        Raises:
            SecretsError: It cannot be used, or a secret in it cannot.
        """
        if self._path is None:
            return
        with self._lock:
            self._refresh(self._path)
            by_name = self._by_name
        for name, found in by_name.items():
            if isinstance(found, str):
                self.get(name)

    def _refresh(self, path: Path) -> None:
        try:
            # NOFOLLOW: a link could lead to a file that somebody else may change.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            self._forget()
            raise SecretsError(
                f"cannot open the secrets file {path}: {error.strerror}",
                hint="It must be a plain file that the gateway's user may read.",
            ) from error
        try:
            found = os.fstat(descriptor)
            _check_private(path, found)
            version = (
                found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns,
                found.st_size, found.st_mode, found.st_uid,
            )  # fmt: skip
            if version != self._version:
                with open(descriptor, "rb", closefd=False) as file:
                    self._by_name = _read(path, file.read(_MAX_FILE_BYTES + 1))
                self._version = version
        except SecretsError:
            self._forget()
            raise
        finally:
            os.close(descriptor)

    def _forget(self) -> None:
        self._version = None
        self._by_name = {}


def _names(secret_id: str) -> tuple[str, ...]:
    """Return the names that may be meant, the likeliest first."""
    arn = _ARN_NAME.fullmatch(secret_id)
    if arn is None:
        return (secret_id,)
    return arn[1], _ARN_SUFFIX.sub("", arn[1])


def _check_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise SecretsError(f"the secrets file {path} is not a plain file", hint="Name another.")
    if found.st_uid not in (os.geteuid(), 0):
        raise SecretsError(
            f"the secrets file {path} belongs to user {found.st_uid}, who could change it",
            hint=f"Run sudo chown {os.geteuid()} {path}",
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise SecretsError(
            f"the secrets file {path} has mode {stat.S_IMODE(found.st_mode):04o}: others may read "
            "or change the secrets, so it is not read",
            hint=f"Run chmod 600 {path}",
        )


def _read(path: Path, data: bytes) -> dict[str, Secret | str]:
    # What the file says never goes into a message, nor into a chained exception.
    if len(data) > _MAX_FILE_BYTES:
        raise SecretsError(f"the secrets file {path} is larger than {_MAX_FILE_BYTES} bytes")
    try:
        # Numbers stay as they are written: a Fragment is written as it was read.
        document: Any = json.loads(
            data.decode(), parse_int=orjson.Fragment, parse_float=orjson.Fragment
        )
    except json.JSONDecodeError as error:
        line, column = error.lineno, error.colno
        raise _damaged(path, f"no JSON at line {line}, column {column}") from None
    except (ValueError, RecursionError):
        raise _damaged(path, "no JSON in UTF-8") from None
    if not isinstance(document, dict):
        raise _damaged(path, "no JSON object")
    return {name: _secret(value) for name, value in document.items()}


def _damaged(path: Path, why: str) -> SecretsError:
    return SecretsError(
        f"the secrets file {path} cannot be used: {why}", hint=f"Write it as here: {_EXAMPLE}"
    )


def _secret(value: object) -> Secret | str:
    """Return a secret, or why this is none."""
    if isinstance(value, str):
        return _string(value)
    if not isinstance(value, dict):
        return "is neither a text nor an object"
    if set(value) == {"SecretBinary"}:
        return _binary(value["SecretBinary"])
    try:
        return _string(orjson.dumps(value).decode())
    except orjson.JSONEncodeError:
        return "cannot be written as JSON"


def _string(text: str) -> Secret | str:
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError:
        return "holds half of a surrogate pair"
    return Secret(string=text) if size_bytes <= _MAX_SECRET_BYTES else _too_large(size_bytes)


def _binary(encoded: object) -> Secret | str:
    if not isinstance(encoded, str):
        return "has a SecretBinary that is no text"
    try:
        binary = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return "has a SecretBinary that is no base64"
    return Secret(binary=binary) if len(binary) <= _MAX_SECRET_BYTES else _too_large(len(binary))


def _too_large(size_bytes: int) -> str:
    return f"has {size_bytes} bytes; {_MAX_SECRET_BYTES} is the most"
