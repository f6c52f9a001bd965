"""The key ring: named keys, found by what AWS's clients call them, and changed on disk first.

Owns which keys there are, their states and rotation. Knows nothing of what is sealed: a caller
whose data carries an old version seals it anew after a rotation, and then retires the version.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, final

from gateway.store.encryption.errors import (
    KeyDisabled,
    KeyExists,
    KeyReserved,
    KeyVersionInUse,
    TooManyKeys,
)
from gateway.store.encryption.key import (
    ALIAS,
    BUILT_IN,
    MATERIAL_BYTES,
    VERSION_ID_BYTES,
    Key,
    KeyInfo,
    KeyVersion,
    alias_of,
)
from gateway.store.encryption.key_file import MASTER_ID, KeyFile
from gateway.store.encryption.key_table import KeyTable, no_such_version
from gateway.store.encryption.sealing import Ciphers, Sealer, load_library, version_id

__all__ = ["MAX_KEYS", "MAX_VERSIONS", "KeyRing"]

MAX_KEYS: Final = 256

MAX_VERSIONS: Final = 16
"""Of one key: each rotation adds one, which goes once nothing is sealed with it any more."""


def _system_wall_ms() -> int:
    return time.time_ns() // 1_000_000


@final
class KeyRing:
    """The keys of one gateway.

    Sealing and opening are synchronous, on the event loop. Changes are written on a thread, one
    after the other, and hold when they are on disk.

    Attributes:
        existed: Whether there was a file of keys when the ring was opened. Where there was none,
            nothing that is sealed can be opened.
        wrapped: Whether the file is wrapped by a master key.
        on_rotated: Called on the loop with a key's name once a new version of it is in force.
        on_enabled: The same once a key can be used again.
    """

    def __init__(self, file: KeyFile, keys: list[Key] | None, wall_ms: Callable[[], int]) -> None:
        self.existed = keys is not None
        self.wrapped = file.wrapped
        self.on_rotated: list[Callable[[str], None]] = []
        self.on_enabled: list[Callable[[str], None]] = []
        self._file = file
        self._wall_ms = wall_ms
        self._table = KeyTable(keys or ())
        self._ciphers_made: Ciphers | None = None
        self._lock = asyncio.Lock()
        self._writes: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(key.name for key in self._table.all())})"

    @classmethod
    def open(
        cls,
        data_dir: Path,
        environment: Mapping[str, str],
        *,
        wall_ms: Callable[[], int] = _system_wall_ms,
    ) -> KeyRing:
        """Read the keys of a data directory; without a file there are none.

        It blocks, and for an fsync where the master key has changed: call it at start.

        Args:
            data_dir: The folder, which exists; the file in it is `keys.json`.
            environment: Where `WEIR_MASTER_KEY` and its kin are looked for.
            wall_ms: Wall time in milliseconds since 1970, for people to read.

        Raises:
            KeyFileError: The file or the master key cannot be used; the file is left as it is.
        """
        file = KeyFile.open(data_dir, environment)
        return cls(file, file.read(), wall_ms)

    # --- sealing ---------------------------------------------------------------------------------

    def sealer(self, key_name_or_id: str) -> Sealer:
        """Return what seals with a key, now and after its rotations.

        The first one imports the library, unless `ensure` or `create` has.

        Raises:
            KeyNotFound: There is no such key yet.
            KeyDisabled: It is disabled.
        """
        name = self._table.find(key_name_or_id).name
        self._current(name)
        return Sealer(self._ciphers(), partial(self._current, name))

    def unseal(self, sealed: bytes, context: bytes, bound_to: bytes) -> bytes:
        """Return what a sealer of this ring has sealed.

        Args:
            sealed: What it returned.
            context: As it was given to the sealer.
            bound_to: As it was given to the sealer.

        Raises:
            KeyNotFound: The key's version is not in the ring.
            KeyDisabled: The key is disabled.
            Damaged: The bytes were changed, or sealed for another context or binding.
        """
        key, version = self._table.version(version_id(sealed))
        if not key.enabled:
            raise KeyDisabled(key.name)
        return self._ciphers().unseal(version, sealed, context, bound_to)

    def is_current(self, sealed: bytes) -> bool:
        """Tell whether these bytes were sealed by the newest version of their key.

        Raises:
            Damaged: They have no sealed form.
        """
        return self._table.is_current(version_id(sealed))

    def sealed_with(self, sealed: bytes) -> str:
        """Return the name of the key that these bytes were sealed with.

        Raises:
            KeyNotFound: The key's version is not in the ring.
            Damaged: They have no sealed form.
        """
        key, _ = self._table.version(version_id(sealed))
        return key.name

    # --- names -----------------------------------------------------------------------------------

    def resolve(self, text: str) -> str:
        """Return the name, `alias/NAME`, of the key that a `KmsMasterKeyId` means.

        Args:
            text: A key id, a key ARN, an alias name or an alias ARN of whatever region and account.

        Raises:
            KeyNotFound: There is no such key.
        """
        return self._table.resolve(text)

    def all(self) -> list[KeyInfo]:
        """Return what may be told of the keys, by name."""
        return [key.info() for key in self._table.all()]

    def info(self, key_name_or_id: str) -> KeyInfo:
        """Return what may be told of one key.

        Raises:
            KeyNotFound: There is no such key.
        """
        return self._table.find(key_name_or_id).info()

    # --- changes ---------------------------------------------------------------------------------

    async def create(self, name: str) -> KeyInfo:
        """Make a key; returns when it is on disk.

        Args:
            name: With or without `alias/`.

        Raises:
            KeyNameInvalid: No key can be called that.
            KeyExists: There is one already.
            TooManyKeys: There are `MAX_KEYS` already.
            KeyFileError: It could not be written.
        """
        alias = alias_of(name)

        def change(table: KeyTable) -> KeyTable:
            if alias in table:
                raise KeyExists(
                    f"there is a key {alias} already", hint="Rotate it, or choose another name."
                )
            return table.having(self._new_key(alias))

        await self._change(change)
        return self._table[alias].info()

    async def ensure(self, name: str) -> str:
        """Make a built-in key if it is not there yet, and let the library be imported.

        Args:
            name: `sqs-managed`, or whatever means a key.

        Returns:
            The key's name.

        Raises:
            KeyNotFound: There is no such key, and it is none that the gateway makes.
            KeyFileError: It could not be written.
        """
        await asyncio.to_thread(load_library)
        if name not in BUILT_IN:
            return self._table.find(name).name
        await self._change(
            lambda table: table if name in table else table.having(self._new_key(name))
        )
        return name

    async def rotate(self, key_name_or_id: str) -> str:
        """Give a key a new version, which seals from now on; returns when it is on disk.

        Returns:
            The new version's id, 8 hexadecimal digits.

        Raises:
            KeyNotFound: There is no such key.
            KeyDisabled: It is disabled.
            TooManyKeys: It has `MAX_VERSIONS` already.
            KeyFileError: It could not be written.
        """
        name = self._table.find(key_name_or_id).name
        new = self._new_version()

        def change(table: KeyTable) -> KeyTable:
            key = table[name]
            if not key.enabled:
                raise KeyDisabled(name)
            if len(key.versions) >= MAX_VERSIONS:
                raise TooManyKeys(
                    f"the key {name} has {MAX_VERSIONS} versions, and something is sealed with "
                    "the oldest of them still",
                    hint="Rotate it again once what is stored has been sealed anew.",
                )
            return table.having(replace(key, versions=(*key.versions, new)))

        await self._change(change, rotated=name)
        return new.id.hex()

    async def disable(self, key_name_or_id: str) -> None:
        """Let nothing be sealed or opened with a key; returns when that is on disk.

        Raises:
            KeyNotFound: There is no such key.
            KeyReserved: It is the gateway's own.
            KeyFileError: It could not be written.
        """
        await self._switch(key_name_or_id, False)

    async def enable(self, key_name_or_id: str) -> None:
        """Let a key seal and open again; returns when that is on disk.

        Raises:
            KeyNotFound: There is no such key.
            KeyReserved: It is the gateway's own.
            KeyFileError: It could not be written.
        """
        await self._switch(key_name_or_id, True)

    async def retire(self, version: str) -> None:
        """Drop an old version for ever: whoever calls knows that nothing is sealed with it.

        Args:
            version: Its id, 8 hexadecimal digits.

        Raises:
            KeyNotFound: There is no such version.
            KeyVersionInUse: It is the newest of its key.
            KeyFileError: It could not be written.
        """

        def change(table: KeyTable) -> KeyTable:
            for key in table.all():
                if key.versions[-1].id.hex() == version:
                    raise KeyVersionInUse(
                        f"{version} is the newest version of the key {key.name}",
                        hint=f"Run weir keys rotate {key.name.removeprefix(ALIAS)} first.",
                    )
                kept = tuple(old for old in key.versions if old.id.hex() != version)
                if len(kept) < len(key.versions):
                    return table.having(replace(key, versions=kept))
            raise no_such_version(version)

        await self._change(change)

    async def close(self) -> None:
        """Wait for the writes under way."""
        while self._writes:
            await asyncio.wait(self._writes)

    # --- inside ----------------------------------------------------------------------------------

    def _current(self, name: str) -> KeyVersion:
        return self._table.current(name)

    def _ciphers(self) -> Ciphers:
        ciphers = self._ciphers_made
        if ciphers is None:
            ciphers = self._ciphers_made = Ciphers()
        return ciphers

    def _new_key(self, name: str) -> Key:
        return Key(name, str(uuid.uuid4()), True, self._wall_ms(), (self._new_version(),))

    def _new_version(self) -> KeyVersion:
        while True:
            # Random, not counted: after the file was lost, no new version has an old one's id.
            drawn = os.urandom(VERSION_ID_BYTES)
            if drawn != MASTER_ID and drawn not in self._table.version_ids:
                return KeyVersion(drawn, self._wall_ms(), os.urandom(MATERIAL_BYTES))

    async def _switch(self, key_name_or_id: str, enabled: bool) -> None:
        name = self._table.find(key_name_or_id).name
        if name in BUILT_IN:
            raise KeyReserved(
                f"{name} is the gateway's own key, which is always enabled",
                hint="Use a key of your own where you want to switch it off: weir keys create NAME",
            )

        def change(table: KeyTable) -> KeyTable:
            key = table[name]
            return table if key.enabled is enabled else table.having(replace(key, enabled=enabled))

        await self._change(change)
        if enabled:
            for told in self.on_enabled:
                told(name)

    async def _change(
        self, change: Callable[[KeyTable], KeyTable], rotated: str | None = None
    ) -> None:
        # Shielded: where a caller gives up, memory still follows the disk.
        task = asyncio.ensure_future(self._write(change, rotated))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        await asyncio.shield(task)

    async def _write(self, change: Callable[[KeyTable], KeyTable], rotated: str | None) -> None:
        async with self._lock:
            before, after = self._table, change(self._table)
            if after is before:
                return
            if len(after) > MAX_KEYS:
                raise TooManyKeys(f"there are {MAX_KEYS} keys already; no more are possible")
            await asyncio.to_thread(self._file.write, after.all())
            self._table = after
            if self._ciphers_made is not None:
                for gone in before.version_ids - after.version_ids:
                    self._ciphers_made.forget(gone)
        if rotated is not None:
            for told in self.on_rotated:
                told(rotated)
