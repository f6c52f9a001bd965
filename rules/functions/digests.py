"""The hash functions: lower-case hexadecimal digests of a String in UTF-8.

Owns what each gives; MD2 is in `md2`.

Source: AWS IoT Core Developer Guide, "Functions", "Hashing functions".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from rules.conversions import to_text
from rules.expression import Expression
from rules.functions.md2 import md2
from rules.functions.table import Build, CallSite, Function, of_one
from rules.message import Context
from rules.values import UNDEFINED, V2015, Dialect, Value

__all__ = ["TABLE"]

# MD2 takes some 30 µs for each 16 bytes here, a hundred times as long as the others. So its bytes
# count as steps, and longer Strings are Undefined.
_MAX_MD2_BYTES: Final = 4096
_STEPS_PER_MD2_BYTE: Final = 40


def _of_bytes(digest: Callable[[bytes], str]) -> Build:
    """Return the build of a hash function of one value converted to String."""

    def apply(value: Value, dialect: Dialect) -> Value:
        text = to_text(value, dialect)
        return UNDEFINED if text is UNDEFINED else digest(text.encode(errors="replace"))

    return of_one(apply)


def _md2(call: CallSite) -> Expression:
    argument, dialect = call.arguments[0].run, call.dialect

    def run(members: dict[str, Value], context: Context) -> Value:
        text = to_text(argument(members, context), dialect)
        if text is UNDEFINED:
            return UNDEFINED
        data = text.encode(errors="replace")
        if len(data) > _MAX_MD2_BYTES:
            return UNDEFINED
        context.spend_steps((len(data) + 16) * _STEPS_PER_MD2_BYTE)
        return md2(data).hex()

    return run


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
    Function("md2", V2015, (1,), _md2, is_pure=False),
    Function("md5", V2015, (1,), _of_bytes(_md5), steps=20),
    Function("sha1", V2015, (1,), _of_bytes(_sha1), steps=20),
    Function("sha224", V2015, (1,), _of_bytes(_sha224), steps=20),
    Function("sha256", V2015, (1,), _of_bytes(_sha256), steps=20),
    Function("sha384", V2015, (1,), _of_bytes(_sha384), steps=20),
    Function("sha512", V2015, (1,), _of_bytes(_sha512), steps=20),
)
