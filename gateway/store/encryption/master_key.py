"""The master key: what wraps the file of keys, and is kept somewhere else.

Owns the environment variables that give it, and their form. It appears in no log, no `repr` and no
error. Knows nothing of the keys it wraps.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

from gateway.store.encryption.errors import KeyFileError
from gateway.store.private_files import read_private

__all__ = ["MASTER_KEY", "PREVIOUS_MASTER_KEY", "MasterKey"]

MASTER_KEY: Final = "WEIR_MASTER_KEY"
PREVIOUS_MASTER_KEY: Final = "WEIR_PREVIOUS_MASTER_KEY"

_KEY_BYTES: Final = 32
_MAX_FILE_BYTES: Final = 4096
_MAKE_ONE: Final = "It is 32 random bytes in base64: make one with openssl rand -base64 32"

# The service manager gives a service its credentials as root's files with an access list, whose
# mask shows as the group's right to read (systemd.exec(5), "LoadCredential=").
_FORBIDDEN: Final = 0o037


@final
@dataclass(frozen=True, slots=True)
class MasterKey:
    """A master key.

    Attributes:
        material: 32 bytes.
        variable: The environment variable that gave it.
    """

    material: bytes = field(repr=False)
    variable: str

    @classmethod
    def given(cls, environment: Mapping[str, str], name: str) -> MasterKey | None:
        """Return the master key of a process's environment; None where none is given.

        It blocks for reading a file.

        Args:
            environment: The variables.
            name: The variable with the key itself; with `_FILE` behind it, that of a file's path.

        Raises:
            KeyFileError: What is given is no master key, or both are given.
        """
        text, path = environment.get(name), environment.get(f"{name}_FILE")
        if text is not None and path is not None:
            raise KeyFileError(
                f"{name} and {name}_FILE are both set", hint="Set the one that is meant alone."
            )
        if path == "":
            raise KeyFileError(f"{name}_FILE is empty", hint="Name a file, or do not set it.")
        if path is not None:
            return cls(_decode(_read(Path(path), f"{name}_FILE"), f"{name}_FILE"), f"{name}_FILE")
        if text is not None:
            return cls(_decode(text.encode("utf-8", "surrogateescape"), name), name)
        return None


def _read(path: Path, variable: str) -> bytes:
    data = read_private(
        path,
        _MAX_FILE_BYTES,
        KeyFileError,
        remedy="if others may have read it, make a new master key",
        forbidden=_FORBIDDEN,
    )
    if data is None:
        raise KeyFileError(
            f"{variable} names {path}, which is not there", hint="Restore it, or correct the path."
        )
    return data


def _decode(text: bytes, variable: str) -> bytes:
    # What was given never goes into a message, nor into a chained exception.
    try:
        material = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        raise KeyFileError(f"{variable} gives no base64", hint=_MAKE_ONE) from None
    if len(material) != _KEY_BYTES:
        raise KeyFileError(
            f"{variable} gives {len(material)} bytes instead of {_KEY_BYTES}", hint=_MAKE_ONE
        )
    return material
