"""A table's key: which attributes it is, and its values as bytes that sort as the values do.

Owns what a key's value may be. Text becomes its UTF-8; numbers are compared by value, so that
1, 1.0 and 1e0 are one key.

Source: Amazon DynamoDB Developer Guide, "Quotas" (partition keys and sort keys, data types).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, final

from gateway.services.dynamodb.errors import ItemRefused, shown
from gateway.services.dynamodb.items import check_number
from gateway.services.dynamodb.settings import TableSettings

__all__ = ["KeySchema", "read_number"]

_MAX_PARTITION_BYTES: Final = 2048
_MAX_SORT_BYTES: Final = 1024

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_MAX_NUMBER_CHARACTERS: Final = 400

# Exponents in a key begin here, so that none is negative.
_EXPONENT_OFFSET: Final = 1000
_INVERTED: Final = bytes(255 - byte for byte in range(256))


def read_number(text: str) -> int | Decimal:
    """Return the number that a text stands for.

    Raises:
        ItemRefused: It is no number, or none that a table can hold.
    """
    if len(text) > _MAX_NUMBER_CHARACTERS or _NUMBER.fullmatch(text) is None:
        raise ItemRefused(f"{shown(text)} is no number")
    number = Decimal(text)
    check_number(number)
    whole = number.as_tuple().exponent == 0 and number.adjusted() < 18
    return int(number) if whole else number


def _number_bytes(number: Decimal) -> bytes:
    """Return bytes that sort as numbers do, the same for all that are equal."""
    if not number:
        return b"\x01"
    sign, digits, _ = number.as_tuple()
    mantissa = bytes(digits).lstrip(b"\0").rstrip(b"\0")
    exponent = number.adjusted() + _EXPONENT_OFFSET
    positive = exponent.to_bytes(2, "big") + bytes(digit + 1 for digit in mantissa) + b"\0"
    return b"\0" + positive.translate(_INVERTED) if sign else b"\x02" + positive


@dataclass(frozen=True, slots=True)
class _KeyField:
    """One attribute of a key."""

    what: str
    name: str
    type: str
    max_bytes: int

    def encode(self, value: object) -> bytes:
        if self.type == "STRING" and isinstance(value, str):
            return self._text(value)
        if (
            self.type == "NUMBER"
            and isinstance(value, int | Decimal)
            and not isinstance(value, bool)
        ):
            number = Decimal(value)
            check_number(number)
            return _number_bytes(number)
        raise ItemRefused(
            f"the {self.what} {shown(self.name)} is {_kind(value)}; the table's is a {self.type}"
        )

    def _text(self, value: str) -> bytes:
        try:
            encoded = value.encode()
        except UnicodeEncodeError:
            raise ItemRefused(
                f"the {self.what} {shown(self.name)} holds half of a surrogate pair"
            ) from None
        if not encoded:
            raise ItemRefused(f"the {self.what} {shown(self.name)} is empty text")
        if len(encoded) > self.max_bytes:
            raise ItemRefused(
                f"the {self.what} {shown(self.name)} has {len(encoded)} bytes; {self.max_bytes} "
                "is the most"
            )
        return encoded


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | Decimal):
        return "a number"
    return "null" if value is None else "an array or object"


@final
class KeySchema:
    """The key of one table.

    Args:
        settings: The table's settings.

    Attributes:
        fields: The names and types of its attributes, in order: one, or two with a sort key.
    """

    __slots__ = ("_partition", "_sort", "fields")

    def __init__(self, settings: TableSettings) -> None:
        self._partition = _KeyField(
            "partition key", settings.partition_key, settings.partition_key_type,
            _MAX_PARTITION_BYTES,
        )  # fmt: skip
        self._sort: _KeyField | None = None
        self.fields: tuple[tuple[str, str], ...] = (
            (settings.partition_key, settings.partition_key_type),
        )
        if settings.sort_key is not None:
            self._sort = _KeyField(
                "sort key", settings.sort_key, settings.sort_key_type, _MAX_SORT_BYTES
            )
            self.fields += ((settings.sort_key, settings.sort_key_type),)

    def __str__(self) -> str:
        return " and ".join(f"{shown(name)} ({kind})" for name, kind in self.fields)

    def of_item(self, item: Mapping[str, object]) -> tuple[bytes, bytes]:
        """Return the encoded key of an item, the second part empty without a sort key.

        Raises:
            ItemRefused: A key's attribute is missing, of another type, empty or too long.
        """
        return self._encode(self._partition, item), (
            b"" if self._sort is None else self._encode(self._sort, item)
        )

    def of_key(self, key: Mapping[str, object]) -> tuple[bytes, bytes]:
        """Return the encoded key that these attributes are, and no others.

        Raises:
            ItemRefused: As `of_item`; or another attribute is named, too.
        """
        encoded = self.of_item(key)
        if len(key) > len(self.fields):
            names = [name for name, _ in self.fields]
            (extra, *_) = (name for name in key if name not in names)
            raise ItemRefused(f"{shown(extra)} is no part of the table's key, which is {self}")
        return encoded

    def _encode(self, field: _KeyField, item: Mapping[str, object]) -> bytes:
        if field.name not in item:
            raise ItemRefused(
                f"the table's {field.what} {shown(field.name)} is missing",
                hint=f"Select it in the rule's SQL: … AS {field.name}",
            )
        return field.encode(item[field.name])
