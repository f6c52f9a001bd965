"""Keys and their versions as values, and what they may be called.

Owns the form of names, key ids and version ids. Knows no file and no cipher.

Source: AWS KMS API Reference, CreateAlias (AliasName); SQS API Reference, SetQueueAttributes
    (`KmsMasterKeyId` takes a key id, a key ARN, an alias name or an alias ARN).
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import Final, final

from gateway.store.encryption.errors import KeyNameInvalid

__all__ = [
    "ALIAS",
    "AWS_SQS",
    "BUILT_IN",
    "MATERIAL_BYTES",
    "SQS_MANAGED",
    "VERSION_ID_BYTES",
    "Key",
    "KeyInfo",
    "KeyVersion",
    "VersionInfo",
    "alias_of",
    "is_alias",
    "is_key_id",
    "last_part",
]

ALIAS: Final = "alias/"

SQS_MANAGED: Final = "sqs-managed"
"""What `SqsManagedSseEnabled` encrypts with. No KMS key: `KmsMasterKeyId` cannot name it."""

AWS_SQS: Final = "alias/aws/sqs"
"""What AWS calls the KMS key that it makes for SQS."""

BUILT_IN: Final = frozenset({SQS_MANAGED, AWS_SQS})
"""Keys that the gateway makes when they are first needed."""

MATERIAL_BYTES: Final = 32
VERSION_ID_BYTES: Final = 4

_RESERVED: Final = f"{ALIAS}aws/"
_ALIAS_NAME: Final = re.compile(rf"{ALIAS}[a-zA-Z0-9/_-]{{1,250}}")
_ARN: Final = re.compile(r"arn:[^:]*:kms:[^:]*:[^:]*:(?:key/([^:]+)|(alias/[^:]+))")


@final
@dataclass(frozen=True, slots=True)
class KeyVersion:
    """What a key seals with between two rotations.

    Attributes:
        id: 4 bytes, unique in the ring.
        created_ms: Wall time, in milliseconds since 1970.
        material: The secret, 32 bytes.
    """

    id: bytes
    created_ms: int
    material: bytes = field(repr=False)


@final
@dataclass(frozen=True, slots=True)
class Key:
    """One named key.

    Attributes:
        name: `alias/NAME`, or `sqs-managed`.
        id: A UUID, as KMS has it.
        enabled: Whether it seals and opens.
        created_ms: Wall time, in milliseconds since 1970.
        versions: At least one; the newest is the last.
    """

    name: str
    id: str
    enabled: bool
    created_ms: int
    versions: tuple[KeyVersion, ...]

    def info(self) -> KeyInfo:
        """Return what may be told of it."""
        return KeyInfo(
            self.name,
            self.id,
            "enabled" if self.enabled else "disabled",
            self.name in BUILT_IN,
            self.created_ms,
            tuple(VersionInfo(version.id.hex(), version.created_ms) for version in self.versions),
        )


@final
@dataclass(frozen=True, slots=True)
class VersionInfo:
    """One version of a key, without its secret.

    Attributes:
        id: 8 hexadecimal digits.
        created_ms: Wall time, in milliseconds since 1970.
    """

    id: str
    created_ms: int


@final
@dataclass(frozen=True, slots=True)
class KeyInfo:
    """One key, without its secrets.

    Attributes:
        name: `alias/NAME`, or `sqs-managed`.
        id: A UUID.
        state: `enabled` or `disabled`.
        built_in: Whether the gateway made it by itself.
        created_ms: Wall time, in milliseconds since 1970.
        versions: The newest is the last, and what new messages are sealed with.
    """

    name: str
    id: str
    state: str
    built_in: bool
    created_ms: int
    versions: tuple[VersionInfo, ...]


def alias_of(name: str) -> str:
    """Return the alias of a key that a person wants to make.

    Args:
        name: With or without `alias/`.

    Raises:
        KeyNameInvalid: No key of a person can be called that.
    """
    alias = name if name.startswith(ALIAS) else ALIAS + name
    if not is_alias(alias):
        raise KeyNameInvalid(
            f"{name[:80]!r} is no name of a key",
            hint="Use letters, digits and the characters / _ - and at most 250 of them.",
        )
    if alias.startswith(_RESERVED) or alias == ALIAS + SQS_MANAGED:
        raise KeyNameInvalid(
            f"{name[:80]!r} is a name for the gateway's own keys", hint="Choose another name."
        )
    if is_key_id(alias.removeprefix(ALIAS)):
        raise KeyNameInvalid(
            f"{name!r} has the form of a key id", hint="Choose a name that says what it is for."
        )
    return alias


def is_alias(text: str) -> bool:
    """Tell whether a text has the form of an alias."""
    return _ALIAS_NAME.fullmatch(text) is not None


def is_key_id(text: str) -> bool:
    """Tell whether a text has the form of a key's id."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def last_part(text: str) -> str:
    """Return the key id or `alias/NAME` that an ARN ends in; what is no ARN, as it is."""
    arn = _ARN.fullmatch(text)
    if arn is None:
        return text
    return arn[1] or arn[2]
