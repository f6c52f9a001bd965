"""Fixtures: what the functions that reach out are told while a rule is tested.

Owns their forms and how an entry is found. Answers are handed on as they are written, so that their
numbers stay exact. A section that is missing is not there at all: its function fails. An entry is
read when it is asked for, so that an odd one spoils no test but its own; what is not understood is
an error then, never an answer.

Source of the forms: the AWS API references: GetThingShadow, GetSecretValue, DescribeThing, and
DynamoDB's AttributeValue.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final, TypeVar, final

from gateway.cli import raw_json
from gateway.errors import GatewayError
from rules.fields import nearest
from rules.operators import equal
from rules.outside import Outside, Secret
from rules.payload import decode
from rules.values import V2016, Value, number_text

__all__ = ["Fixtures", "WrongInput"]

_Answer = TypeVar("_Answer")
_Item = dict[str, Value]

_SECTIONS: Final = ("shadows", "lambda", "dynamodb", "secrets", "registry", "descriptors")

# Secrets Manager puts a hyphen and six characters behind the name in a secret's ARN.
_SECRET_ARN: Final = re.compile(r"arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:(.+?)(?:-\w{6})?")
_FUNCTION_ARN: Final = re.compile(r"arn:[^:]*:lambda:[^:]*:[^:]*:function:([^:]+)(?::.*)?")

_CLASSIC: Final = frozenset({"", "classic"})
_APIS: Final = ("DescribeThing", "ListThingGroupsForThing")

# DynamoDB's answer to Query and Scan has the items under this name, and the others beside them.
_LISTS_OF_ITEMS: Final = frozenset({"items", "Items"})
_BESIDE_ITEMS: Final = frozenset({"Count", "ScannedCount", "ConsumedCapacity", "LastEvaluatedKey"})
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_ATTRIBUTE_TYPES: Final = frozenset({"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"})
# DynamoDB itself nests 32 levels.
_MAX_ATTRIBUTE_DEPTH: Final = 64


class WrongInput(GatewayError):  # noqa: N818 - named after what it reports
    """What a person gave to test with cannot be used."""

    code = "wrong-input"


@final
class Fixtures(Outside):
    """Answers from what a person wrote down.

    A method raises WrongInput where the entry that is asked for is not understood. That is no
    EvaluationFailed: not the rule is at fault, and no verdict on it must come out.

    Args:
        sections: Of each section that is there, the JSON text of each entry.
    """

    def __init__(self, sections: Mapping[str, Mapping[str, str]]) -> None:
        self._shadows = sections.get("shadows")
        self._functions = sections.get("lambda")
        self._tables = sections.get("dynamodb")
        self._secrets = sections.get("secrets")
        self._registry = sections.get("registry")
        self._descriptors = sections.get("descriptors")

    @classmethod
    def read(cls, text: str) -> Fixtures:
        """Read fixtures, a JSON object of sections.

        Raises:
            WrongInput: They, or a section, are no JSON object; or a section is unknown.
        """
        sections: dict[str, Mapping[str, str]] = {}
        for name, section in _read("fixtures", raw_json.members, text).items():
            if name not in _SECTIONS:
                near = nearest(name, _SECTIONS)
                remedy = f" (did you mean {near!r}?)" if near else ""
                known = ", ".join(_SECTIONS)
                raise WrongInput(
                    f"fixtures: unknown section {name!r}{remedy}; known sections: {known}"
                )
            if section != "null":
                sections[name] = _read(f"fixtures.{name}", _object, section)
        return cls(sections)

    def thing_shadow(self, thing_name: str, shadow_name: str | None) -> bytes | None:
        """Return the entry `thing` or `thing/shadow`, or the shadow of that name under `thing`."""
        if self._shadows is None:
            return super().thing_shadow(thing_name, shadow_name)
        if shadow_name is not None:
            name = f"{thing_name}/{shadow_name}"
            if name in self._shadows:
                return _ask("shadows", self._shadows, name, _document)
        found = _ask("shadows", self._shadows, thing_name, lambda text: _shadows(text, shadow_name))
        return None if found is None else found.get(shadow_name)

    def invoke_lambda(self, function_arn: str, payload: bytes) -> bytes | None:
        """Return the entry with the function's ARN, or else its name."""
        if self._functions is None:
            return super().invoke_lambda(function_arn, payload)
        name = _find(self._functions, function_arn, _FUNCTION_ARN)
        return None if name is None else self._functions[name].encode()

    def dynamodb_item(self, table_name: str, key: Mapping[str, Value]) -> bytes | None:
        """Return the first item of the table that has these members."""
        if self._tables is None:
            return super().dynamodb_item(table_name, key)
        return _ask("dynamodb", self._tables, table_name, lambda text: _item_of(text, key))

    def secret(self, secret_id: str) -> Secret | None:
        """Return the entry with the secret's id, or else the name in its ARN."""
        if self._secrets is None:
            return super().secret(secret_id)
        name = _find(self._secrets, secret_id, _SECRET_ARN)
        return None if name is None else _ask("secrets", self._secrets, name, _secret)

    def registry_data(self, api: str, thing_name: str) -> bytes | None:
        """Return the thing's entry under the API's name, or the other way about."""
        if self._registry is None:
            return super().registry_data(api, thing_name)
        by_thing = _ask("registry", self._registry, api, _object) or {}
        if thing_name in by_thing:
            return _ask(f"registry.{api}", by_thing, thing_name, _document)
        by_api = _ask("registry", self._registry, thing_name, _answers) or {}
        return _ask(f"registry.{thing_name}", by_api, api, _document)

    def descriptor_set(self, bucket: str, key: str) -> bytes | None:
        """Return the entry `bucket/key`."""
        if self._descriptors is None:
            return super().descriptor_set(bucket, key)
        return _ask("descriptors", self._descriptors, f"{bucket}/{key}", _bytes)


def _ask(
    section: str, entries: Mapping[str, str], name: str, read: Callable[[str], _Answer]
) -> _Answer | None:
    """Read an entry; None where it is missing or null."""
    text = entries.get(name, "null")
    return None if text == "null" else _read(f"fixtures.{section}.{name}", read, text)


def _read(place: str, read: Callable[[str], _Answer], text: str) -> _Answer:
    try:
        return read(text)
    except ValueError as error:
        raise WrongInput(f"{place}: {error}") from None


def _find(entries: Mapping[str, str], wanted: str, arn: re.Pattern[str]) -> str | None:
    """Return the key of a name or ARN; one may be asked for and the other written down."""
    if wanted in entries:
        return wanted
    name = _short(wanted, arn)
    return next((key for key in entries if _short(key, arn) == name), None)


def _short(name: str, arn: re.Pattern[str]) -> str:
    match = arn.fullmatch(name)
    return name if match is None else match.group(1)


def _object(text: str) -> dict[str, str]:
    if text[0] != "{":
        raise ValueError("it is no JSON object")
    return raw_json.members(text)


def _document(text: str) -> bytes:
    _object(text)
    return text.encode()


def _shadows(text: str, asked: str | None) -> dict[str | None, bytes]:
    """Return the shadows of a thing by name, the classic one under None.

    The entry is the classic shadow's document, or an object of documents by name: then it has no
    `state` itself, and all documents in it have one. (A document may lack it where it cannot be
    taken for the other form.)
    """
    members = _object(text)
    by_name = {name for name, member in members.items() if _has_state(member)}
    if "state" in members or not (by_name or asked in members):
        return {None: text.encode()}
    if odd := members.keys() - by_name:
        raise ValueError(f"{min(odd)!r} has no state, so it is no shadow's document")
    if members.keys() >= _CLASSIC:
        raise ValueError("it has the classic shadow twice, as '' and as 'classic'")
    return {None if name in _CLASSIC else name: each.encode() for name, each in members.items()}


def _has_state(text: str) -> bool:
    return text[0] == "{" and "state" in raw_json.members(text)


def _answers(text: str) -> dict[str, str]:
    answers = _object(text)
    if answers.keys().isdisjoint(_APIS):
        raise ValueError(f"it has neither {' nor '.join(_APIS)}")
    return answers


def _secret(text: str) -> Secret:
    if text[0] == '"':
        return Secret(string=_string(text, "it"))
    if text[0] != "{":
        raise ValueError("a secret is a string or a JSON object")
    members = raw_json.members(text)
    if members.keys().isdisjoint({"SecretString", "SecretBinary"}):
        return Secret(string=text)
    string = members.get("SecretString", "null")
    if string[0] == "{":
        return Secret(string=string)
    if string != "null":
        return Secret(string=_string(string, "SecretString", "neither a string nor an object"))
    binary = _string(members.get("SecretBinary", "null"), "SecretBinary")
    return Secret(binary=_decoded(binary, "SecretBinary"))


def _bytes(text: str) -> bytes:
    return _decoded(_string(text, "it"), "it")


def _string(text: str, what: str, otherwise: str = "no string") -> str:
    given = raw_json.value(text)
    if not isinstance(given, str):
        raise ValueError(f"{what} is {otherwise}")
    _utf8(given)
    return given


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError("it cannot be written in UTF-8") from None


def _decoded(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError(f"{what} is no base64") from None


# --- tables ---------------------------------------------------------------------------------------


def _item_of(table: str, key: Mapping[str, Value]) -> bytes | None:
    """Return the item with a key out of a table: a list of items, one, or items by key value."""
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


def _within(place: str, read: Callable[[str], _Answer], text: str) -> _Answer:
    try:
        return read(text)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


def _items(texts: list[str]) -> Iterator[tuple[bytes, _Item]]:
    for number, text in enumerate(texts, start=1):
        yield _within(f"item {number}", _item, text)


def _item(text: str) -> tuple[bytes, _Item]:
    """Return an item as plain JSON and as a value; DynamoDB's own form of JSON is converted."""
    members = _object(text)
    if _is_typed(members):
        plain = (
            f"{_quoted(name)}:{_attribute(raw_json.value(member), name, _MAX_ATTRIBUTE_DEPTH)}"
            for name, member in members.items()
        )
        text = f"{{{','.join(plain)}}}"
    encoded = _utf8(text)
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
            return _list([_attribute({kind[0]: each}, name, room - 1) for each in content])
        case "L", list():
            return _list([_attribute(each, name, room - 1) for each in content])
        case "M", dict():
            pairs = (
                f"{_quoted(key)}:{_attribute(each, name, room - 1)}"
                for key, each in content.items()
            )
            return f"{{{','.join(pairs)}}}"
        case _:
            raise ValueError(f"the attribute {name!r} is not as DynamoDB writes {kind}")


def _list(texts: list[str]) -> str:
    return f"[{','.join(texts)}]"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
