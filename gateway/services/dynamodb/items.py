"""Items as JSON: read and written with every number exact, within DynamoDB's limits.

Owns the limits of an item that do not depend on its table: size, depth, numbers. Knows nothing of
keys or of where items are kept.

Source: Amazon DynamoDB Developer Guide, "Quotas" (items, attributes, data types).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NoReturn, TypeAlias

import orjson

from gateway.services.dynamodb.errors import ItemRefused

__all__ = ["MAX_ITEM_BYTES", "Attribute", "NotJson", "check_number", "encode_item", "read_json"]

Attribute: TypeAlias = "str | int | Decimal | bool | list[Attribute] | dict[str, Attribute] | None"
"""A value of an attribute. Numbers are int or Decimal, never float."""

MAX_ITEM_BYTES: Final = 400 * 1024
"""Largest item, as JSON."""

MAX_DEPTH: Final = 32
_MAX_DIGITS: Final = 38
_MIN_EXPONENT: Final = -130
_MAX_EXPONENT: Final = 125

# Numbers of so few characters have no more digits than an int64 holds.
_SHORT_CHARACTERS: Final = 18


class NotJson(ValueError):  # noqa: N818 - named after the state
    """The bytes are no JSON text in UTF-8."""


def read_json(data: bytes) -> Attribute:
    """Read a JSON text; numbers keep every digit.

    Raises:
        NotJson: It is none.
        ItemRefused: It is one, but holds what no item can: a number of more than 38 digits or out
            of range, or hundreds of levels.
    """
    try:
        value: Attribute = json.loads(
            data.decode(), parse_int=_whole, parse_float=_decimal, parse_constant=_not_json
        )
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise NotJson(str(error)) from None
    return value


def encode_item(item: Mapping[str, Attribute]) -> bytes:
    """Write an item as compact JSON.

    Raises:
        ItemRefused: It is too large or too deep, or holds a text that UTF-8 cannot say.
    """
    if "" in item:
        raise ItemRefused("an item's attribute has no name", hint="Give every attribute a name.")
    try:
        data = orjson.dumps(item, _decimal_text)
    except orjson.JSONEncodeError as error:
        raise ItemRefused(f"the item cannot be written as JSON: {error}") from None
    if len(data) > MAX_ITEM_BYTES:
        raise ItemRefused(
            f"the item has {len(data)} bytes of JSON; {MAX_ITEM_BYTES} is the most",
            hint="Select less of the message.",
        )
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH:
        _check_depth(item)
    return data


def check_number(number: Decimal) -> None:
    """Refuse a number that DynamoDB does not keep exactly.

    Raises:
        ItemRefused: It has more than 38 digits, or is out of range.
    """
    if not number.is_finite():
        raise ItemRefused("a number of the item is infinite, or none")
    if not number:
        return
    digits = bytes(number.as_tuple().digits).strip(b"\0")
    if len(digits) > _MAX_DIGITS:
        raise ItemRefused(
            f"a number of the item has {len(digits)} digits; {_MAX_DIGITS} is the most"
        )
    if not _MIN_EXPONENT <= number.adjusted() <= _MAX_EXPONENT:
        raise ItemRefused(
            f"a number of the item is out of range: 1E{_MIN_EXPONENT} to 1E{_MAX_EXPONENT}"
        )


def _whole(text: str) -> int | Decimal:
    return int(text) if len(text) <= _SHORT_CHARACTERS else _decimal(text)


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except ArithmeticError:  # an exponent that not even Decimal has
        raise ItemRefused("a number of the item is out of range") from None
    if len(text) > _SHORT_CHARACTERS or "e" in text or "E" in text:
        check_number(number)
    return number


def _not_json(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _decimal_text(value: object) -> object:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} is no attribute's type")


def _check_depth(item: Mapping[str, Attribute]) -> None:
    level = list(item.values())
    for _ in range(MAX_DEPTH):
        below: list[Attribute] = []
        for value in level:
            if isinstance(value, dict):
                below += value.values()
            elif isinstance(value, list):
                below += value
        level = below
    if any(isinstance(value, dict | list) for value in level):
        raise _too_deep()


def _too_deep() -> ItemRefused:
    return ItemRefused(f"the item is nested more than {MAX_DEPTH} levels deep")
