"""A DynamoDB table as a person writes it down to test with, and the item in it with a key.

Owns the shapes of a table (a list of items, an answer to Query, one item, items by key) and of an
item (plain JSON, or DynamoDB's own, in which each value has its type). Knows nothing of where the
text stands: a fault is a ValueError that says what is wrong with it.

Source: the DynamoDB API reference: AttributeValue, Query.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final, TypeVar

from gateway.cli import raw_json
from rules.operators import equal
from rules.payload import decode
from rules.values import V2016, Value, number_text

__all__ = ["item_of"]

_Read = TypeVar("_Read")
_Item = dict[str, Value]

# DynamoDB's answer to Query and Scan has the items under this name, and the others beside them.
_LISTS_OF_ITEMS: Final = frozenset({"items", "Items"})
_BESIDE_ITEMS: Final = frozenset({"Count", "ScannedCount", "ConsumedCapacity", "LastEvaluatedKey"})
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_ATTRIBUTE_TYPES: Final = frozenset({"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"})
# DynamoDB itself nests 32 levels.
_MAX_ATTRIBUTE_DEPTH: Final = 64


def item_of(table: str, key: Mapping[str, Value]) -> bytes | None:
    """Return the first item of a table that has a key, as plain JSON; None where there is none.

    Args:
        table: JSON: a list of items, alone or as Query answers it; one item; or an object of items
            by the value of their partition key.
        key: The partition key's name and value, and behind it the sort key's, if there is one.

    Raises:
        ValueError: The table, or an item up to the one that is found, is not understood.
    """
    if table[0] == "[":
        return _first(_items(raw_json.items(table)), key)
    if table[0] != "{":
        raise ValueError("a table is a list of items, one item, or an object of items")
    members = raw_json.members(table)
    for name in members.keys() & _LISTS_OF_ITEMS:
        if members[name][0] == "[" and members.keys() <= {name} | _BESIDE_ITEMS:
            return _first(_items(raw_json.items(members[name])), key)
    partition, *sort = key
    if _is_typed(members) or members.get(partition, "{")[0] not in "{[":
        return _first([_item(table)], key, needs=key)
    name = _key_text(key[partition])
    if name in members:
        text, item = _within(name, _item, members[name])
        if partition in item and _key_text(item[partition]) != name:
            raise ValueError(f"{name}: its {partition!r} is another")
        # it may leave out the key it stands under
        return _first([(text, {partition: key[partition], **item})], key, needs=sort)
    if odd := [each for each, member in members.items() if member[0] != "{"]:
        raise ValueError(f"one item needs {partition!r}; among many, {odd[0]!r} is no object")
    return None


def _key_text(value: Value) -> str:
    """Return the text of a key's value; empty, as no key is, where it can be none."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return ""
    return number_text(value, V2016)


def _first(
    items: Iterable[tuple[bytes, _Item]], key: Mapping[str, Value], needs: Iterable[str] = ()
) -> bytes | None:
    """Return the first item with a key; an item without an attribute it needs is an error."""
    for text, item in items:
        for name in needs:
            if name not in item:
                raise ValueError(f"an item has no key attribute {name!r}")
        for name in key.keys() & item.keys():
            if not _key_text(item[name]):
                raise ValueError(f"the key attribute {name!r} of an item is no text or number")
        if all(name in item and equal(item[name], wanted) for name, wanted in key.items()):
            return text
    return None


def _within(place: str, read: Callable[[str], _Read], text: str) -> _Read:
    try:
        return read(text)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def _items(texts: list[str]) -> Iterator[tuple[bytes, _Item]]:
    for number, text in enumerate(texts, start=1):
        yield _within(f"item {number}", _item, text)


def _item(text: str) -> tuple[bytes, _Item]:
    """Return an item as plain JSON and as a value; DynamoDB's own form of JSON is converted."""
    if text[0] != "{":
        raise ValueError("it is no JSON object")
    members = raw_json.members(text)
    if _is_typed(members):
        text = _object(
            (name, _attribute(raw_json.value(member), name, _MAX_ATTRIBUTE_DEPTH))
            for name, member in members.items()
        )
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        raise ValueError("it cannot be written in UTF-8") from None
    item = decode(encoded)
    if not isinstance(item, dict):
        raise ValueError("an item is nested too deep or has a number out of range")
    return encoded, item


def _is_typed(members: Mapping[str, str]) -> bool:
    """Whether each attribute is an object with a type as its only key, such as `{"S": "x"}`."""
    for text in members.values():
        if text[0] != "{":
            return False
        attribute = raw_json.members(text)
        if len(attribute) != 1 or not attribute.keys() <= _ATTRIBUTE_TYPES:
            return False
    return bool(members)


def _attribute(value: object, name: str, room: int) -> str:
    """Return the plain JSON text of an attribute's value, such as `{"N": "5"}`."""
    if room == 0:
        raise ValueError(f"the attribute {name!r} is nested too deep")
    kind, content = "a value", None
    if isinstance(value, dict) and len(value) == 1:
        kind, content = next(iter(value.items()))
    match kind, content:
        case "S" | "B", str():
            return _quoted(content)
        case "N", str() if _NUMBER.fullmatch(content):
            return content
        case "BOOL", bool():
            return "true" if content else "false"
        case "NULL", bool():
            return "null"
        case "SS" | "BS" | "NS", list():
            return _list(_attribute({kind[0]: each}, name, room - 1) for each in content)
        case "L", list():
            return _list(_attribute(each, name, room - 1) for each in content)
        case "M", dict():
            return _object((key, _attribute(each, name, room - 1)) for key, each in content.items())
        case _:
            raise ValueError(f"the attribute {name!r} is not as DynamoDB writes {kind}")


def _list(texts: Iterable[str]) -> str:
    return f"[{','.join(texts)}]"


def _object(members: Iterable[tuple[str, str]]) -> str:
    return f"{{{','.join(f'{_quoted(name)}:{text}' for name, text in members)}}}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
