"""The gateway's own errors: what is wrong, where, and what to do about it.

The tree (protocol packages that could be libraries of their own, such as `gateway.mqtt` and
`rules`, have roots of their own; they import nothing of the gateway)::

    GatewayError
    ├── SettingsError        the settings file cannot be used            fatal
    ├── DataDirLocked        another gateway runs on this data directory  fatal
    ├── StoreError
    │   ├── StoreFull        no room for anything new just now           retry
    │   ├── StoreFailed      a batch could not be committed              retry
    │   ├── StoreClosed      the gateway is stopping                     retry
    │   └── SchemaError      the database is newer, or not a database    fatal
    ├── RegistryError        the registry file cannot be used            fatal
    ├── CredentialsError     the local keys cannot be used (gateway.identity)  fatal
    ├── PolicyError          a document is no policy (gateway.identity)  fatal
    ├── EncryptionError      see gateway.store.encryption.errors
    └── DeviceError          a driver cannot do what its settings ask    retry

Every error carries a stable `code`, a sentence for a person (`str(error)`), a `hint` that says
what to do, and a `disposition` that tells callers whether trying again can help.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

__all__ = [
    "DataDirLocked",
    "DeviceError",
    "Disposition",
    "GatewayError",
    "RegistryError",
    "SchemaError",
    "SettingsError",
    "StoreClosed",
    "StoreError",
    "StoreFailed",
    "StoreFull",
    "fault_told",
]


class Disposition(Enum):
    """What a caller may do after an error."""

    RETRY = "retry"
    QUARANTINE = "quarantine"
    FATAL = "fatal"


class GatewayError(Exception):
    """The root of the gateway's errors.

    Args:
        message: What is wrong and where, in one sentence.
        hint: What a person can do about it; empty where the message says it all.
    """

    code: ClassVar[str] = "gateway"
    disposition: ClassVar[Disposition] = Disposition.FATAL

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def told(self) -> str:
        """Return what a person reads: the sentence and its remedy."""
        hint = self.hint
        return f"{self}. {hint[0].upper()}{hint[1:]}" if hint else str(self)


class SettingsError(GatewayError):
    """The settings cannot be used; `problems` lists every one of them, a sentence each."""

    code = "settings"

    def __init__(self, message: str, *, problems: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class DataDirLocked(GatewayError):  # noqa: N818 - named after the state, like StoreFull
    """Another gateway process holds the lock of this data directory."""

    code = "data-dir-locked"


class StoreError(GatewayError):
    """The root of what the store raises."""

    code = "store"
    disposition = Disposition.RETRY


class StoreFull(StoreError):  # noqa: N818 - a state, not a mistake
    """Nothing new is taken just now: a limit in bytes is reached, or the disk is full."""

    code = "store-full"


class StoreFailed(StoreError):  # noqa: N818
    """The batch that held this operation could not be committed; nothing of it happened."""

    code = "store-failed"


class StoreClosed(StoreError):  # noqa: N818
    """The store is closing; nothing more is taken."""

    code = "store-closed"


class SchemaError(StoreError):
    """The database file is damaged, is no database, or was written by a newer version."""

    code = "schema"
    disposition = Disposition.FATAL


class RegistryError(GatewayError):
    """The registry file cannot be read or written."""

    code = "registry"


class DeviceError(GatewayError):
    """A driver cannot do what its settings ask of it, now."""

    code = "device"
    disposition = Disposition.RETRY


def fault_told(error: Exception) -> str:
    """Return what a person reads of an error that no part of the gateway expects, with a bound."""
    return f"this is a fault of Weir's: {error!r:.200}"
