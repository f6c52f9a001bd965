"""All keys of a ring at one moment: found by name, id, ARN or version.

Owns how a key is found. A value: a change makes a new one. Knows no file and no cipher.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import final

from gateway.store.encryption.errors import KeyDisabled, KeyNotFound
from gateway.store.encryption.key import (
    ALIAS,
    BUILT_IN,
    SQS_MANAGED,
    Key,
    KeyVersion,
    last_part,
)

__all__ = ["KeyTable", "no_such_version"]


@final
class KeyTable:
    """Keys, none of which changes.

    Args:
        keys: Each with a name and version ids of its own.
    """

    __slots__ = ("_by_name", "_by_version")

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._by_name = {key.name: key for key in keys}
        self._by_version = {
            version.id: (key, version) for key in self._by_name.values() for version in key.versions
        }

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Key:
        return self._by_name[name]

    @property
    def version_ids(self) -> Set[bytes]:
        """The ids of all versions of all keys."""
        return self._by_version.keys()

    def all(self) -> list[Key]:
        """Return the keys by name."""
        return [self._by_name[name] for name in sorted(self._by_name)]

    def having(self, key: Key) -> KeyTable:
        """Return a table with this key, in the place of one of the same name."""
        return KeyTable({**self._by_name, key.name: key}.values())

    def current(self, name: str) -> KeyVersion:
        """Return what a key seals with now.

        Raises:
            KeyDisabled: It is disabled.
        """
        key = self._by_name[name]
        if not key.enabled:
            raise KeyDisabled(name)
        return key.versions[-1]

    def version(self, version_id: bytes) -> tuple[Key, KeyVersion]:
        """Return a version with its key.

        Raises:
            KeyNotFound: There is no such version.
        """
        try:
            return self._by_version[version_id]
        except KeyError:
            raise no_such_version(version_id.hex()) from None

    def is_current(self, version_id: bytes) -> bool:
        """Tell whether a version is there and the newest of its key."""
        found = self._by_version.get(version_id)
        return found is not None and found[0].versions[-1] is found[1]

    def resolve(self, text: str) -> str:
        """Return the name of the key that a `KmsMasterKeyId` means; see `KeyRing.resolve`."""
        part = last_part(text)
        if part.startswith(ALIAS):
            if part in self._by_name or part in BUILT_IN:  # these are made when they are needed
                return part
        else:
            key = self._with_id(part)
            if key is not None and key.name != SQS_MANAGED:
                return key.name
        raise _no_such_key(text)

    def find(self, text: str) -> Key:
        """Return the key that a person means: by its bare name too.

        Raises:
            KeyNotFound: There is no such key.
        """
        part = last_part(text)
        key = self._by_name.get(part) or self._by_name.get(ALIAS + part) or self._with_id(part)
        if key is None:
            raise _no_such_key(text)
        return key

    def _with_id(self, key_id: str) -> Key | None:
        return next((key for key in self._by_name.values() if key.id == key_id), None)


def no_such_version(version: str) -> KeyNotFound:
    """Return the error for a version that is not there; given in hexadecimal digits."""
    return KeyNotFound(
        f"the key version {version[:80]!r} is not in the ring",
        hint="Restore keys.json from a backup: without it what was sealed cannot be read.",
    )


def _no_such_key(text: str) -> KeyNotFound:
    return KeyNotFound(
        f"there is no key {text[:300]!r}", hint="See which there are with weir keys list."
    )
