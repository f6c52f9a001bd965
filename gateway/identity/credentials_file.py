"""`data_dir/credentials.json`: the access keys of one gateway, which are secrets, on disk.

Owns the file's form, that nobody else can read it (mode 0600 from its first moment, refused where
it is not), and that it is the old one or the new one, whatever happens in between. Every call
blocks: from the event loop, call it on a thread.

Format 2 has each key's policy and whether it is active. Format 1 had neither: its keys are active
and may do everything. A file of format 1 is left as it is until a key changes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, cast, final

import orjson

from gateway.errors import GatewayError
from gateway.identity.access_key import AccessKey
from gateway.identity.policy import BUILT_IN, CUSTOM, Policy
from gateway.identity.policy_document import PolicyDocument, PolicyError
from gateway.store.files import replace_atomically
from gateway.store.private_files import read_private

__all__ = ["CredentialsError", "CredentialsFile"]

FILE_NAME: Final = "credentials.json"

_FORMATS: Final = (1, 2)

# A hundred keys with the longest policies, of which indentation makes several times their length.
_MAX_FILE_BYTES: Final = 8 * 1024 * 1024

_READABLE: Final = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


class CredentialsError(GatewayError):
    """The credentials file cannot be used."""

    code = "credentials"


@final
class CredentialsFile:
    """The file of one data directory.

    Args:
        data_dir: The folder, which exists.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE_NAME

    def read(self) -> tuple[AccessKey, ...] | None:
        """Return the keys, at least one; None where there is no file.

        Raises:
            CredentialsError: Others may read the file, or it is damaged.
        """
        data = read_private(
            self._path,
            _MAX_FILE_BYTES,
            CredentialsError,
            remedy="if others may have read it, remove it, and the next start makes new keys",
        )
        return None if data is None else _decode(self._path, data)

    def write(self, keys: tuple[AccessKey, ...]) -> None:
        """Put these keys in the place of those before; returns when they are on disk.

        Raises:
            CredentialsError: The disk refused, and the file is as before.
        """
        data = _encode(keys)
        if len(data) > _MAX_FILE_BYTES:
            raise CredentialsError(
                f"{self._path} would be larger than {_MAX_FILE_BYTES} bytes",
                hint="use shorter policies",
            )
        try:
            replace_atomically(self._path, data, 0o600)
        except OSError as error:
            raise CredentialsError(
                f"cannot write {self._path}: {error.strerror or error}",
                hint=f"let the gateway's user own {self._path.parent}, and look at the disk's "
                "free space",
            ) from error


def _encode(keys: tuple[AccessKey, ...]) -> bytes:
    entries = [
        {
            "name": key.name,
            "access_key_id": key.access_key_id,
            "secret_access_key": key.secret_access_key,
            "active": key.active,
            "policy": key.policy.name if key.policy.name in BUILT_IN else key.policy.document,
        }
        for key in keys
    ]
    return orjson.dumps({"format": _FORMATS[-1], "access_keys": entries}, option=_READABLE)


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
    written_as = document.get("format")
    if isinstance(written_as, bool) or written_as not in _FORMATS:
        raise damaged(f"its format is none of {_FORMATS}; a newer gateway may have written it")
    entries = document.get("access_keys")
    if not isinstance(entries, list) or not entries:
        raise damaged("no list of access_keys")
    keys = tuple(
        _key(entry, written_as == 1, f"access_keys[{number}]", damaged)
        for number, entry in enumerate(cast("list[object]", entries))
    )
    if len({key.access_key_id for key in keys}) != len(keys):
        raise damaged("an access_key_id comes twice")
    return keys


def _key(
    entry: object, without_policies: bool, where: str, damaged: Callable[[str], CredentialsError]
) -> AccessKey:
    parts = cast("dict[str, object]", entry) if isinstance(entry, dict) else {}
    texts = [parts.get(name) for name in ("access_key_id", "secret_access_key", "name")]
    if not all(isinstance(text, str) and text for text in texts):
        raise damaged(f"{where} lacks access_key_id, secret_access_key or name")
    access_key_id, secret_access_key, name = cast("list[str]", texts)
    if without_policies:
        return AccessKey(access_key_id, secret_access_key, name)
    active, policy = parts.get("active"), parts.get("policy")
    if not isinstance(active, bool):
        raise damaged(f"{where}.active is neither true nor false")
    if isinstance(policy, str) and policy in BUILT_IN:
        held = BUILT_IN[policy]
    elif isinstance(policy, dict):
        try:
            held = Policy(CUSTOM, cast(PolicyDocument, policy))
        except PolicyError:
            raise damaged(f"{where}.policy is no policy that can be held to") from None
    else:
        raise damaged(f"{where}.policy is neither {' nor '.join(BUILT_IN)} nor a document")
    return AccessKey(access_key_id, secret_access_key, name, held, active)
