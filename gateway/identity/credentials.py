"""Local access keys: what AWS clients of this gateway sign with, and what each may do.

Owns which keys there are, by id and by name, and how they change: a change is on disk before it
holds. Secrets appear in no log and no `repr`. Knows nothing of signatures or requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Final, cast, final

from gateway.identity.access_key import DEFAULT_NAME, AccessKey, name_problem
from gateway.identity.credentials_file import CredentialsError, CredentialsFile
from gateway.identity.policy import Policy

__all__ = [
    "MAX_KEYS",
    "AccessKey",
    "Credentials",
    "CredentialsError",
    "KeyNameTaken",
    "KeyNotFound",
    "LastAdministrator",
    "TooManyKeys",
    "WrongKeyName",
]

MAX_KEYS: Final = 100
"""One for each program of a site, and room; every change writes all of them."""

_Change = Callable[[], tuple[tuple[AccessKey, ...], AccessKey]]
"""Returns all keys as they are to be, and the one it is about."""


class KeyNotFound(CredentialsError):  # noqa: N818 - a state, not a mistake
    """There is no such key."""

    code = "no-such-credential"


class WrongKeyName(CredentialsError):  # noqa: N818
    """A key cannot be called this."""

    code = "bad-credential-name"


class KeyNameTaken(CredentialsError):  # noqa: N818
    """Another key is called this."""

    code = "credential-exists"


class TooManyKeys(CredentialsError):  # noqa: N818
    """There are as many keys as there may be."""

    code = "too-many-credentials"


class LastAdministrator(CredentialsError):  # noqa: N818
    """It is the last key that may do everything."""

    code = "last-full-credential"


@final
class Credentials:
    """The access keys of one gateway, looked up by id.

    Args:
        keys: At least one key.
        file: Where changes are kept; None: in memory only.
    """

    def __init__(self, keys: tuple[AccessKey, ...], file: CredentialsFile | None = None) -> None:
        self._keys = {key.access_key_id: key for key in keys}
        self._file = file
        self._lock = asyncio.Lock()
        self._changes: set[asyncio.Task[AccessKey]] = set()

    def __repr__(self) -> str:
        return f"Credentials({', '.join(self._keys)})"

    @classmethod
    def open(cls, data_dir: Path) -> Credentials:
        """Load the keys of a data directory, making a first one where there are none.

        It blocks for an fsync when it makes one: call it at start, not while serving.

        Args:
            data_dir: The folder, which exists; the file in it is `credentials.json`.

        Raises:
            CredentialsError: Others may read the file, or it is damaged or can't be written.
        """
        file = CredentialsFile(data_dir)
        keys = file.read()
        if keys is None:
            keys = (AccessKey.generate(),)
            file.write(keys)
        return cls(keys, file)

    # --- looking ---------------------------------------------------------------------------------

    @property
    def default(self) -> AccessKey:
        """The key that `weir env` gives: of those that may be used, the one named `default`.

        If there is none, it is the first that may do everything, or else the first.
        """
        active = [key for key in self._keys.values() if key.active] or list(self._keys.values())
        named = (key for key in active if key.name == DEFAULT_NAME)
        full = (key for key in active if key.policy.unrestricted)
        return next(named, None) or next(full, None) or active[0]

    def all(self) -> list[AccessKey]:
        """Return every key, the oldest first."""
        return list(self._keys.values())

    def find(self, id_or_name: str) -> AccessKey:
        """Return the key with this id, or else of this name.

        Raises:
            KeyNotFound: There is none, or a file written by hand has several of this name.
        """
        key = self._keys.get(id_or_name)
        if key is not None:
            return key
        named = [key for key in self._keys.values() if key.name == id_or_name]
        if len(named) == 1:
            return named[0]
        said = f"{len(named)} credentials are" if named else "no credential is"
        hint = "name one by its id" if named else "see which there are with weir credentials list"
        raise KeyNotFound(f"{said} called {id_or_name!r:.100}", hint=hint)

    def secret(self, access_key_id: str) -> str | None:
        """Return the secret of an access key, or None where no such key may be used."""
        key = self._keys.get(access_key_id)
        return key.secret_access_key if key is not None and key.active else None

    def policy(self, access_key_id: str) -> Policy | None:
        """Return what an access key may do, or None where no such key may be used."""
        key = self._keys.get(access_key_id)
        return key.policy if key is not None and key.active else None

    def name(self, access_key_id: str) -> str | None:
        """Return what an access key is called, or None where there is no such key."""
        key = self._keys.get(access_key_id)
        return None if key is None else key.name

    # --- changing --------------------------------------------------------------------------------

    async def create(self, name: str, policy: Policy) -> AccessKey:
        """Make a key; on disk when this returns.

        Raises:
            WrongKeyName: It cannot be called this.
            KeyNameTaken: Another key is.
            TooManyKeys: There are as many as there may be.
            CredentialsError: It could not be written; the keys are as before.
        """

        def change() -> tuple[tuple[AccessKey, ...], AccessKey]:
            problem = name_problem(name)
            if problem:
                raise WrongKeyName(f"a credential cannot be called {name!r:.100}", hint=problem)
            if any(key.name == name for key in self._keys.values()):
                raise KeyNameTaken(
                    f"there is a credential {name} already",
                    hint=f"give it a new secret with weir credentials rotate {name}, or choose "
                    "another name",
                )
            if len(self._keys) >= MAX_KEYS:
                raise TooManyKeys(
                    f"there are {MAX_KEYS} credentials already",
                    hint="delete what is not used any more with weir credentials delete",
                )
            key = AccessKey.generate(name, policy)
            return (*self._keys.values(), key), key

        return await self._change(change)

    async def rotate(self, id_or_name: str) -> AccessKey:
        """Give a key a new secret; the one before is of no use once this returns.

        Raises:
            KeyNotFound: There is no such key.
            CredentialsError: It could not be written; the keys are as before.
        """
        return await self._change(lambda: self._with(self.find(id_or_name).with_new_secret()))

    async def set_active(self, id_or_name: str, active: bool) -> AccessKey:
        """Let a key be used, or not; on disk when this returns.

        Raises:
            KeyNotFound: There is no such key.
            LastAdministrator: Nothing could be administered without it.
            CredentialsError: It could not be written; the keys are as before.
        """

        def change() -> tuple[tuple[AccessKey, ...], AccessKey]:
            key = self.find(id_or_name)
            if not active:
                self._check_another(key, "disabled")
            return self._with(replace(key, active=active))

        return await self._change(change)

    async def delete(self, id_or_name: str) -> AccessKey:
        """Remove a key for good; returns it as it was.

        Raises:
            KeyNotFound: There is no such key.
            LastAdministrator: Nothing could be administered without it.
            CredentialsError: It could not be written; the keys are as before.
        """

        def change() -> tuple[tuple[AccessKey, ...], AccessKey]:
            key = self.find(id_or_name)
            self._check_another(key, "deleted")
            return tuple(other for other in self._keys.values() if other is not key), key

        return await self._change(change)

    async def close(self) -> None:
        """Wait for the changes under way."""
        while self._changes:
            await asyncio.wait(self._changes)

    def _with(self, changed: AccessKey) -> tuple[tuple[AccessKey, ...], AccessKey]:
        keys = {**self._keys, changed.access_key_id: changed}
        return tuple(keys.values()), changed

    def _check_another(self, key: AccessKey, how: str) -> None:
        others = (other for other in self._keys.values() if other is not key)
        if key.is_administrators and not any(other.is_administrators for other in others):
            raise LastAdministrator(
                f"{key.name} cannot be {how}: it is the last active credential that may do "
                "everything",
                hint="create another first with weir credentials create NAME",
            )

    async def _change(self, change: _Change) -> AccessKey:
        # Shielded: a caller that gives up does not leave the next one beside a running thread.
        task = asyncio.ensure_future(self._in_turn(change))
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        return await asyncio.shield(cast("Coroutine[None, None, AccessKey]", task))

    async def _in_turn(self, change: _Change) -> AccessKey:
        async with self._lock:
            keys, key = change()
            if self._file is not None:
                await asyncio.to_thread(self._file.write, keys)
            self._keys = {each.access_key_id: each for each in keys}
            return key
