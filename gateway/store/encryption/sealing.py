"""Sealed bytes: their form, and how they are made and opened.

Owns the form, the subkeys, the nonces and the use of the library `cryptography`, which is imported
when the first `Ciphers` is made (8 MB resident, 6 to 15 ms on a desktop-class core). Knows nothing
of names, files or states of keys.

A sealed form is, in this order: a byte that says the form (1), the id of the key's version (4
bytes), the nonce (12), the ciphertext (as long as the plain bytes), the tag (16). The cipher is
ChaCha20-Poly1305; what it authenticates besides is the first five bytes and what the caller binds.

Source: RFC 8439 (ChaCha20-Poly1305), RFC 5869 (HKDF).
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, final

from gateway.store.encryption.errors import Damaged
from gateway.store.encryption.key import VERSION_ID_BYTES, KeyVersion

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

__all__ = ["NONCE_BYTES", "OVERHEAD_BYTES", "Ciphers", "Sealer", "load_library", "version_id"]

_FORM: Final = b"\x01"
_HEADER_BYTES: Final = len(_FORM) + VERSION_ID_BYTES
NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_NONCE_END: Final = _HEADER_BYTES + NONCE_BYTES

OVERHEAD_BYTES: Final = _NONCE_END + _TAG_BYTES
"""By how much a sealed form is longer than what is in it."""

_SUBKEY_BYTES: Final = 32
_INFO: Final = b"weir sealing 1\0"

# 2.2 KB each, and 3 µs to make one anew.
MAX_CIPHERS: Final = 256

# One call of the system for so many: a call costs more than the bytes.
_NONCES_AT_ONCE: Final = 256


def load_library() -> None:
    """Import the library, on a thread where the event loop should not wait for it."""
    import cryptography.exceptions
    import cryptography.hazmat.primitives.ciphers.aead
    import cryptography.hazmat.primitives.kdf.hkdf  # noqa: F401 - imported to have it


def version_id(sealed: bytes) -> bytes:
    """Return which key version sealed these bytes.

    Raises:
        Damaged: They have no sealed form.
    """
    if len(sealed) < OVERHEAD_BYTES or sealed[:1] != _FORM:
        raise Damaged("these bytes have no sealed form")
    return sealed[1:_HEADER_BYTES]


@final
class Nonces:
    """Random nonces, drawn many at once.

    Args:
        random_bytes: Returns so many bytes that nobody can foresee.
    """

    __slots__ = ("_at", "_pool", "_random_bytes")

    def __init__(self, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._random_bytes = random_bytes
        self._pool = b""
        self._at = 0

    def take(self) -> bytes:
        """Return one that was not returned before."""
        at = self._at
        if at == len(self._pool):
            self._pool = self._random_bytes(_NONCES_AT_ONCE * NONCE_BYTES)
            at = 0
        self._at = at + NONCE_BYTES
        return self._pool[at : self._at]


@final
class Ciphers:
    """Seals and opens with subkeys of key versions; the latest used are kept.

    A subkey is derived from a version's material and the caller's context. Nonces are random, so no
    context may seal more than 2^24 times with one version: then two nonces are the same with a
    probability below 2^-48. A caller with more puts a part of a sequence number into the context.

    Args:
        nonces: Where nonces come from.
    """

    __slots__ = ("_aead", "_by_use", "_invalid_tag", "_nonces")

    def __init__(self, nonces: Nonces | None = None) -> None:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        self._aead = ChaCha20Poly1305
        self._invalid_tag = InvalidTag
        self._nonces = nonces or Nonces()
        self._by_use: OrderedDict[tuple[bytes, bytes], ChaCha20Poly1305] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_use)

    def seal(self, version: KeyVersion, plain: bytes, context: bytes, bound_to: bytes) -> bytes:
        """Return the sealed form of `plain`; it opens with the same context and binding alone.

        Args:
            version: What to seal with.
            plain: At most 2^31 bytes.
            context: What the subkey is for.
            bound_to: What the sealed form belongs to, such as its row; it is not kept.
        """
        header = _FORM + version.id
        nonce = self._nonces.take()
        sealed = self._cipher(version, context).encrypt(nonce, plain, header + bound_to)
        return header + nonce + sealed

    def unseal(self, version: KeyVersion, sealed: bytes, context: bytes, bound_to: bytes) -> bytes:
        """Return what is in a sealed form.

        Args:
            version: The one that `version_id(sealed)` names.
            sealed: The sealed form, which `version_id` took for one.
            context: As it was sealed.
            bound_to: As it was sealed.

        Raises:
            Damaged: It was changed, or sealed for another context or binding.
        """
        try:
            return self._cipher(version, context).decrypt(
                sealed[_HEADER_BYTES:_NONCE_END],
                sealed[_NONCE_END:],
                sealed[:_HEADER_BYTES] + bound_to,
            )
        except self._invalid_tag:
            raise Damaged(
                "sealed bytes do not open: they were changed, or moved to another place",
                hint="Restore the database from a backup.",
            ) from None

    def forget(self, version_id: bytes) -> None:
        """Drop what is kept of a key version."""
        for used in [used for used in self._by_use if used[0] == version_id]:
            del self._by_use[used]

    def _cipher(self, version: KeyVersion, context: bytes) -> ChaCha20Poly1305:
        used = (version.id, context)
        cipher = self._by_use.get(used)
        if cipher is not None:
            self._by_use.move_to_end(used)
            return cipher
        cipher = self._aead(_subkey(version.material, context))
        self._by_use[used] = cipher
        if len(self._by_use) > MAX_CIPHERS:
            self._by_use.popitem(last=False)
        return cipher


@final
class Sealer:
    """Seals with the newest version of one key, whichever that is by now.

    Args:
        ciphers: What seals.
        current: Returns the newest version, or raises `KeyDisabled`.
    """

    __slots__ = ("_ciphers", "_current")

    def __init__(self, ciphers: Ciphers, current: Callable[[], KeyVersion]) -> None:
        self._ciphers = ciphers
        self._current = current

    def seal(self, plain: bytes, context: bytes, bound_to: bytes) -> bytes:
        """Return the sealed form of `plain`, `OVERHEAD_BYTES` longer.

        Args:
            plain: At most 2^31 bytes.
            context: What the subkey is for; at most 2^24 calls with the same one between rotations.
            bound_to: What the sealed form belongs to, such as its row; it is not kept.

        Raises:
            KeyDisabled: A person has switched the key off.
        """
        return self._ciphers.seal(self._current(), plain, context, bound_to)


def _subkey(material: bytes, context: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), _SUBKEY_BYTES, salt=None, info=_INFO + context).derive(material)
