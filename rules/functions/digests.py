"""The hash functions: lower-case hexadecimal digests of a String in UTF-8.

Owns what each gives; MD2 is in `md2`.

Source: AWS IoT Core Developer Guide, "Functions", "Hashing functions".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from rules.conversions import to_text
from rules.functions.md2 import md2
from rules.functions.table import Build, Function, of_one
from rules.values import UNDEFINED, V2015, Dialect, Value

__all__ = ["TABLE"]

# MD2 takes about 25 µs for 16 bytes here, a hundred times more than the others: longer Strings are
# Undefined, so that no call takes more than some milliseconds.
_MAX_MD2_BYTES: Final = 4096


def _of_bytes(digest: Callable[[bytes], str], limit: int | None = None) -> Build:
    """Return the build of a hash function of one value converted to String."""

    def apply(value: Value, dialect: Dialect) -> Value:
        text = to_text(value, dialect)
        if text is UNDEFINED:
            return UNDEFINED
        data = text.encode()
        return digest(data) if limit is None or len(data) <= limit else UNDEFINED

    return of_one(apply)


def _md2(data: bytes) -> str:
    return md2(data).hex()


# Fingerprints, as far as this package knows: a system that forbids weak hashes for security must
# not make a rule fail.
def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def _sha224(data: bytes) -> str:
    return hashlib.sha224(data).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sha384(data: bytes) -> str:
    return hashlib.sha384(data).hexdigest()


def _sha512(data: bytes) -> str:
    return hashlib.sha512(data).hexdigest()


TABLE: Final = (
    Function("md2", V2015, (1,), _of_bytes(_md2, _MAX_MD2_BYTES)),
    Function("md5", V2015, (1,), _of_bytes(_md5)),
    Function("sha1", V2015, (1,), _of_bytes(_sha1)),
    Function("sha224", V2015, (1,), _of_bytes(_sha224)),
    Function("sha256", V2015, (1,), _of_bytes(_sha256)),
    Function("sha384", V2015, (1,), _of_bytes(_sha384)),
    Function("sha512", V2015, (1,), _of_bytes(_sha512)),
)
