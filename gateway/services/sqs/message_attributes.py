"""Message attributes: checked, kept in one blob, and digested as AWS's SDKs expect.

Owns the form on disk, which is the input of AWS's digest (names in order; each name, type and value
behind its length), so that the digest of all attributes needs no encoding anew.

Source: "Calculating the MD5 message digest for message attributes", Amazon SQS Developer Guide.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import md5
from typing import Final

from gateway.services.sqs.errors import InvalidParameterValue

__all__ = [
    "AttributeValue",
    "check_attributes",
    "decode",
    "digest",
    "encode",
    "group_of",
    "selected",
    "size_bytes",
]

MAX_ATTRIBUTES: Final = 10
TRACE_HEADER: Final = "AWSTraceHeader"
GROUP_ID: Final = "MessageGroupId"
DEDUPLICATION_ID: Final = "MessageDeduplicationId"
"""System attributes that the sender gives."""

_LENGTH: Final = struct.Struct(">I")
# AWS takes letters with accents, too, though it documents none.
_WORD: Final = "[A-Za-z0-9_\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u017f-]+"
_NAME: Final = re.compile(rf"{_WORD}(\.{_WORD})*")
_TYPE: Final = re.compile(r"(String|Number|Binary)(\..+)?", re.DOTALL)
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_MAX_NAME: Final = 256
_EVERY: Final = frozenset(("All", "*", ".*"))
_STRING, _BINARY = 1, 2


@dataclass(frozen=True, slots=True)
class AttributeValue:
    """One attribute's value.

    Attributes:
        data_type: `String`, `Number` or `Binary`, with a label after a dot or without.
        value: Text, or bytes where the type is Binary.
    """

    data_type: str
    value: str | bytes

    @property
    def value_bytes(self) -> bytes:
        """The value as it is weighed and digested."""
        return self.value.encode() if isinstance(self.value, str) else self.value


def check_attributes(attributes: Mapping[str, AttributeValue]) -> None:
    """Refuse message attributes that AWS would refuse.

    Raises:
        InvalidParameterValue: A name, type or value is not allowed, or there are too many.
    """
    if len(attributes) > MAX_ATTRIBUTES:
        raise InvalidParameterValue(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum "
            f"[{MAX_ATTRIBUTES}]."
        )
    for name, attribute in attributes.items():
        _check_name(name)
        _check_value(name, attribute)


def _check_name(name: str) -> None:
    problem = ""
    if len(name) > _MAX_NAME:
        problem = f"it is longer than {_MAX_NAME} characters"
    elif name.lower().startswith(("aws.", "amazon.")):
        problem = "names must not start with AWS. or Amazon"
    elif _NAME.fullmatch(name) is None:
        problem = (
            "names contain letters, 0-9, underscore, hyphen and single periods that are neither "
            "first nor last"
        )
    if problem:
        raise InvalidParameterValue(f"Invalid message attribute name {name[:80]!r}: {problem}.")


def _check_value(name: str, attribute: AttributeValue) -> None:
    data_type = attribute.data_type
    form = _TYPE.fullmatch(data_type)
    if form is None or len(data_type) > _MAX_NAME:
        raise InvalidParameterValue(
            f"The type of message (user) attribute '{name}' is invalid. You must use only the "
            "following supported type prefixes: Binary, Number, String."
        )
    kind = form[1]
    if isinstance(attribute.value, str) == (kind == "Binary"):
        raise InvalidParameterValue(
            f"The message (user) attribute '{name}' with type '{data_type}' must use field "
            f"'{'Binary' if kind == 'Binary' else 'String'}'."
        )
    if not attribute.value:
        raise InvalidParameterValue(
            f"Message (user) attribute '{name}' must contain a non-empty value of type "
            f"'{data_type}'."
        )
    if isinstance(attribute.value, str):
        if kind == "Number" and not (
            len(attribute.value) <= _MAX_NAME and _NUMBER.fullmatch(attribute.value)
        ):
            raise InvalidParameterValue(
                f"Can't cast the value of message (user) attribute '{name}' to a number."
            )
        if any(map(_is_forbidden, attribute.value)):
            raise InvalidParameterValue(
                f"Invalid binary character was found in the message attribute '{name}', the set "
                "of allowed characters is #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | "
                "#x10000 to #x10FFFF"
            )


def _is_forbidden(character: str) -> bool:
    code = ord(character)
    return (code < 0x20 and character not in "\t\n\r") or code in (0xFFFE, 0xFFFF)


def size_bytes(attributes: Mapping[str, AttributeValue]) -> int:
    """Return what the attributes weigh against the largest message: names, types and values."""
    return sum(
        len(name.encode()) + len(a.data_type.encode()) + len(a.value_bytes)
        for name, a in attributes.items()
    )


def encode(
    attributes: Mapping[str, AttributeValue], system: Mapping[str, AttributeValue]
) -> bytes | None:
    """Return the blob that keeps both kinds of attributes; None where there are none."""
    if not attributes and not system:
        return None
    own = _canonical(attributes)
    return _LENGTH.pack(len(own)) + own + _canonical(system)


def decode(
    blob: bytes | None,
) -> tuple[dict[str, AttributeValue], dict[str, AttributeValue]]:
    """Return message attributes and system attributes from a blob that `encode` made."""
    if blob is None:
        return {}, {}
    (length,) = _LENGTH.unpack_from(blob)
    end = _LENGTH.size + length
    return _read(blob[_LENGTH.size : end]), _read(blob[end:])


def group_of(blob: bytes | None) -> str:
    """Return the message group id in a blob that `encode` made; empty where there is none."""
    found = decode(blob)[1].get(GROUP_ID)
    return "" if found is None else str(found.value)


def digest(attributes: Mapping[str, AttributeValue]) -> str | None:
    """Return AWS's MD5 over these attributes in hexadecimal; None where there are none."""
    if not attributes:
        return None
    return md5(_canonical(attributes), usedforsecurity=False).hexdigest()


def selected(
    attributes: Mapping[str, AttributeValue], names: Iterable[str]
) -> dict[str, AttributeValue]:
    """Return the attributes that a receive asks for.

    Args:
        attributes: All of a message's.
        names: Names; `All`, `*` and `.*` mean all of them, `prefix.*` all that start with `prefix`.
    """
    wanted = set(names)
    if not wanted.isdisjoint(_EVERY):
        return dict(attributes)
    prefixes = tuple(name[:-2] for name in wanted if name.endswith(".*"))
    return {
        name: value
        for name, value in attributes.items()
        if name in wanted or (prefixes and name.startswith(prefixes))
    }


def _canonical(attributes: Mapping[str, AttributeValue]) -> bytes:
    parts: list[bytes] = []
    for name in sorted(attributes):
        attribute = attributes[name]
        for text in (name, attribute.data_type):
            data = text.encode()
            parts += (_LENGTH.pack(len(data)), data)
        value = attribute.value_bytes
        kind = _STRING if isinstance(attribute.value, str) else _BINARY
        parts += (bytes([kind]), _LENGTH.pack(len(value)), value)
    return b"".join(parts)


def _read(data: bytes) -> dict[str, AttributeValue]:
    found: dict[str, AttributeValue] = {}
    at = 0

    def piece() -> bytes:
        nonlocal at
        (length,) = _LENGTH.unpack_from(data, at)
        start = at + _LENGTH.size
        at = start + length
        return data[start:at]

    while at < len(data):
        name, data_type = piece().decode(), piece().decode()
        kind = data[at]
        at += 1
        value = piece()
        found[name] = AttributeValue(data_type, value.decode() if kind == _STRING else value)
    return found
