"""Fixtures: what the functions that reach out are told while a rule is tested.

Owns their sections, how an entry is found, and the forms of an entry; those of a DynamoDB table are
`rule_tables`'s. Answers are handed on as they are written, so that their numbers stay exact. A
section that is missing is not there at all: its function fails. An entry is read when it is asked
for, so that an odd one spoils no test but its own; what is not understood is an error then, never
an answer.

Source of the forms: the AWS API references: GetThingShadow, GetSecretValue, DescribeThing.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar, final

from gateway.cli import raw_json
from gateway.cli.rule_input import WrongInput, understood
from gateway.cli.rule_tables import item_of
from rules.fields import nearest
from rules.outside import Outside, Secret
from rules.values import Value

__all__ = ["Fixtures"]

_Answer = TypeVar("_Answer")

_SECTIONS: Final = ("shadows", "lambda", "dynamodb", "secrets", "registry", "descriptors")

# Secrets Manager puts a hyphen and six characters behind the name in a secret's ARN.
_SECRET_ARN: Final = re.compile(r"arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:(.+?)(?:-\w{6})?")
_FUNCTION_ARN: Final = re.compile(r"arn:[^:]*:lambda:[^:]*:[^:]*:function:([^:]+)(?::.*)?")

_CLASSIC: Final = frozenset({"", "classic"})
_APIS: Final = ("DescribeThing", "ListThingGroupsForThing")


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
        for name, section in understood("fixtures", raw_json.members, text).items():
            if name not in _SECTIONS:
                near = nearest(name, _SECTIONS)
                remedy = f" (did you mean {near!r}?)" if near else ""
                known = ", ".join(_SECTIONS)
                raise WrongInput(
                    f"fixtures: unknown section {name!r}{remedy}; known sections: {known}"
                )
            if section != "null":
                sections[name] = understood(f"fixtures.{name}", _object, section)
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
        return _ask("dynamodb", self._tables, table_name, lambda text: item_of(text, key))

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
    return None if text == "null" else understood(f"fixtures.{section}.{name}", read, text)


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
    try:
        given.encode()
    except UnicodeEncodeError:
        raise ValueError("it cannot be written in UTF-8") from None
    return given


def _decoded(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError(f"{what} is no base64") from None
