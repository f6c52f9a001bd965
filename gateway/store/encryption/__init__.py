"""Encryption at rest: named keys with versions, and what they seal.

`key_ring` has the keys and is what services use; `key_file` keeps them in `data_dir/keys.json`,
wrapped by the `master_key` where there is one; `sealing` is the form of sealed bytes, `key` the
values and names, `errors` what can go wrong. Nothing here knows what is sealed. The library
`cryptography` is imported by the first key that is used.
"""

from gateway.store.encryption.errors import (
    Damaged,
    EncryptionError,
    KeyDisabled,
    KeyFileError,
    KeyNotFound,
)
from gateway.store.encryption.key import AWS_SQS, SQS_MANAGED, KeyInfo, VersionInfo
from gateway.store.encryption.key_ring import KeyRing
from gateway.store.encryption.sealing import OVERHEAD_BYTES, Sealer

__all__ = [
    "AWS_SQS",
    "OVERHEAD_BYTES",
    "SQS_MANAGED",
    "Damaged",
    "EncryptionError",
    "KeyDisabled",
    "KeyFileError",
    "KeyInfo",
    "KeyNotFound",
    "KeyRing",
    "Sealer",
    "VersionInfo",
]
