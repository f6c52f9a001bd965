"""The errors of encryption at rest.

The tree::

    EncryptionError
    ├── KeyFileError       keys.json or the master key cannot be used   fatal
    ├── KeyNotFound        no key, or no version of one, is called that
    ├── KeyDisabled        a person has switched the key off
    ├── KeyExists          the name is taken
    ├── KeyNameInvalid     no key can be called that
    ├── KeyReserved        the key is the gateway's own
    ├── KeyVersionInUse    it is the version that new messages are sealed with
    ├── TooManyKeys        a limit of the ring is reached
    └── Damaged            what was sealed is not what was kept
"""

from __future__ import annotations

from gateway.errors import Disposition, GatewayError

__all__ = [
    "Damaged",
    "EncryptionError",
    "KeyDisabled",
    "KeyExists",
    "KeyFileError",
    "KeyNameInvalid",
    "KeyNotFound",
    "KeyReserved",
    "KeyVersionInUse",
    "TooManyKeys",
]


class EncryptionError(GatewayError):
    """The root of what keys and sealing raise. No message holds a key or what was sealed."""

    code = "encryption"
    disposition = Disposition.QUARANTINE


class KeyFileError(EncryptionError):
    """The file of keys, or the master key that opens it, cannot be used."""

    code = "key-file"
    disposition = Disposition.FATAL


class KeyNotFound(EncryptionError):  # noqa: N818 - a state, not a mistake
    """There is no such key, or no such version of one."""

    code = "key-not-found"


class KeyDisabled(EncryptionError):  # noqa: N818
    """The key is disabled: nothing is sealed or opened with it."""

    code = "key-disabled"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the key {name} is disabled",
            hint=f"Run weir keys enable {name.removeprefix('alias/')}",
        )


class KeyExists(EncryptionError):  # noqa: N818
    """A key of this name is there already."""

    code = "key-exists"


class KeyNameInvalid(EncryptionError):  # noqa: N818
    """No key can have this name."""

    code = "key-name"


class KeyReserved(EncryptionError):  # noqa: N818
    """The key is one that the gateway makes and keeps itself."""

    code = "key-reserved"


class KeyVersionInUse(EncryptionError):  # noqa: N818
    """The version is the newest of its key."""

    code = "key-version-in-use"


class TooManyKeys(EncryptionError):  # noqa: N818
    """The ring, or one of its keys, has as much as it may."""

    code = "too-many-keys"


class Damaged(EncryptionError):  # noqa: N818
    """Sealed bytes do not open: they were changed, or belong to another place."""

    code = "sealed-damaged"
