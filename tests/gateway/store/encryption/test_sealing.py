"""Sealed bytes: what opens, what does not, and how often a nonce comes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.store.encryption.errors import Damaged, EncryptionError
from gateway.store.encryption.key import KeyVersion
from gateway.store.encryption.sealing import (
    MAX_CIPHERS,
    NONCE_BYTES,
    OVERHEAD_BYTES,
    Ciphers,
    Nonces,
    version_id,
)

ROOT = Path(__file__).parents[4]
VERSION = KeyVersion(b"\x01\x02\x03\x04", 0, bytes(range(32)))
OTHER = KeyVersion(b"\x05\x06\x07\x08", 0, bytes(32))
CONTEXT, ROW = b"sqs-body 7 0", b"queue 7 row 12"

Seal = Callable[[bytes, bytes, bytes], bytes]
Unseal = Callable[[bytes, bytes, bytes], bytes]


@pytest.fixture
def ciphers() -> Ciphers:
    return Ciphers()


@pytest.mark.parametrize("size_bytes", [0, 1, 200, 2048, 256 * 1024, 1024 * 1024])
def test_what_is_sealed_opens_and_has_the_form_it_says(ciphers: Ciphers, size_bytes: int) -> None:
    plain = os.urandom(size_bytes)
    sealed = ciphers.seal(VERSION, plain, CONTEXT, ROW)
    assert len(sealed) == size_bytes + OVERHEAD_BYTES == size_bytes + 33
    assert sealed[:5] == b"\x01" + VERSION.id
    assert version_id(sealed) == VERSION.id
    assert size_bytes < 32 or plain not in sealed
    assert ciphers.unseal(VERSION, sealed, CONTEXT, ROW) == plain
    # What another program makes of the documented form.
    subkey = HKDF(SHA256(), 32, None, b"weir sealing 1\0" + CONTEXT).derive(VERSION.material)
    assert ChaCha20Poly1305(subkey).decrypt(sealed[5:17], sealed[17:], sealed[:5] + ROW) == plain


def binding_problems(seal: Seal, unseal: Unseal) -> list[str]:
    """Say what opens though it must not: every byte changed, cut, and moved elsewhere."""
    plain = b"the plain body"
    sealed = seal(plain, CONTEXT, ROW)
    if unseal(sealed, CONTEXT, ROW) != plain:
        return ["it does not open at all"]
    tries = {
        f"byte {at} changed": (
            sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :],
            CONTEXT,
            ROW,
        )
        for at in range(len(sealed))
    }
    tries |= {f"cut to {size}": (sealed[:size], CONTEXT, ROW) for size in range(len(sealed))}
    tries |= {
        "a byte more": (sealed + b"\0", CONTEXT, ROW),
        "another context": (sealed, CONTEXT + b"1", ROW),
        "no context": (sealed, b"", ROW),
        "another row": (sealed, CONTEXT, b"queue 7 row 13"),
        "no row": (sealed, CONTEXT, b""),
        "the border between both moved": (sealed, CONTEXT + ROW[:1], ROW[1:]),
    }
    found = []
    for name, given in tries.items():
        try:
            unseal(*given)
        except EncryptionError:
            continue
        found.append(name)
    return found


def opened(ciphers: Ciphers) -> Unseal:
    """Unseal as a ring does: the form is looked at first."""

    def unseal(sealed: bytes, context: bytes, bound_to: bytes) -> bytes:
        if version_id(sealed) != VERSION.id:
            raise EncryptionError("another version")
        return ciphers.unseal(VERSION, sealed, context, bound_to)

    return unseal


def test_nothing_opens_that_was_changed_or_moved(ciphers: Ciphers) -> None:
    def seal(plain: bytes, context: bytes, bound_to: bytes) -> bytes:
        return ciphers.seal(VERSION, plain, context, bound_to)

    assert binding_problems(seal, opened(ciphers)) == []


def test_a_cipher_that_binds_nothing_is_caught(ciphers: Ciphers) -> None:
    def seal(plain: bytes, context: bytes, bound_to: bytes) -> bytes:
        return ciphers.seal(VERSION, plain, context, b"")

    def unseal(sealed: bytes, context: bytes, bound_to: bytes) -> bytes:
        return opened(ciphers)(sealed, context, b"")

    assert binding_problems(seal, unseal) == ["another row", "no row"]


def test_another_version_opens_nothing(ciphers: Ciphers) -> None:
    sealed = ciphers.seal(VERSION, b"plain", CONTEXT, ROW)
    with pytest.raises(Damaged):
        ciphers.unseal(OTHER, sealed, CONTEXT, ROW)


def repeated(ciphers: Ciphers, count: int) -> int:
    """Seal the same so often; return how many nonces came before."""
    sealed = {ciphers.seal(VERSION, b"", CONTEXT, ROW) for _ in range(count)}
    return count - len({each[5 : 5 + NONCE_BYTES] for each in sealed})


def test_no_nonce_comes_twice(ciphers: Ciphers) -> None:
    assert repeated(ciphers, 100_000) == 0


def test_nonces_that_come_again_are_caught() -> None:
    pool = os.urandom(1 << 16)
    assert repeated(Ciphers(Nonces(lambda size: pool[:size])), 1000) > 0


@pytest.mark.parametrize("sealed", [b"", b"\x01", bytes(33), b"\x02" + bytes(32), b"\x01" * 32])
def test_bytes_without_a_sealed_form_are_told(sealed: bytes) -> None:
    with pytest.raises(Damaged, match="no sealed form"):
        version_id(sealed)


def test_the_subkeys_that_are_kept_are_bounded_and_those_in_use_stay(ciphers: Ciphers) -> None:
    sealed = ciphers.seal(VERSION, b"plain", CONTEXT, ROW)
    for number in range(3 * MAX_CIPHERS):
        ciphers.seal(OTHER, b"", b"%d" % number, b"")
        assert ciphers.unseal(VERSION, sealed, CONTEXT, ROW) == b"plain"
    assert len(ciphers) == MAX_CIPHERS
    ciphers.forget(OTHER.id)
    assert len(ciphers) == 1


def test_the_library_is_imported_by_the_first_use_alone() -> None:
    script = (
        "import asyncio, pathlib, sys, tempfile\n"
        "from gateway.store.encryption import KeyRing\n"
        "ring = KeyRing.open(pathlib.Path(tempfile.mkdtemp()), {})\n"
        "print('cryptography' in sys.modules)\n"
        "asyncio.run(ring.ensure('sqs-managed'))\n"
        "print('cryptography' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == ["False", "True"]
