"""The tables that rules name, and whether their keys are those that the settings declare.

Owns what is known beforehand of the keys that an action or `get_dynamodb()` gives. Values are known
for messages only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import rules
from gateway.cli.naming import (
    Kind,
    Naming,
    Rules,
    actions_of,
    constant,
    fault_of,
    parameters_of,
    quoted,
)
from gateway.cli.output import sentence
from gateway.cli.rule_calls import OutsideCall, outside_calls
from rules.syntax import Attribute, Call, Cast, Member, SelectItem, Variable

if TYPE_CHECKING:
    from gateway.cli.verdict import Verdict
    from gateway.config import Settings
    from gateway.services.dynamodb import KeySchema
    from rules.syntax import Query

__all__ = ["judge_tables"]

Fields = tuple[tuple[str, str], ...]
"""Names and types of a key's attributes; a type that is not told is empty."""

# What an error action sends; see `gateway.engine.error_action`.
_ERROR_MEMBERS: Final = frozenset(
    (
        "ruleName",
        "topic",
        "cloudwatchTraceId",
        "clientId",
        "base64OriginalPayload",
        "failures",
    )
)


@dataclass(frozen=True, slots=True)
class _Use:
    """One use of a table by a rule.

    Attributes:
        table: Its name.
        key: The key that is given; None where it is not known beforehand.
        attributes: What an item has; None where it is not known, or no item is written.
        payload_field: The attribute that gets the payload beside the key, if there is one.
    """

    table: str
    key: Fields | None = None
    attributes: frozenset[str] | None = None
    payload_field: str | None = None


def judge_tables(found: Rules, settings: Settings, verdict: Verdict) -> None:
    """Warn of tables that are not declared, and of keys that a declared one does not have.

    Args:
        found: The rules.
        settings: What they may name.
        verdict: Where warnings and lines to add go.
    """
    from gateway.services.dynamodb import KeySchema
    from gateway.services.dynamodb.settings import name_problem

    declared = {table.name: KeySchema(table) for table in settings.tables}
    tables = Naming()
    keys: dict[str, Fields] = {}
    for file, document in found:
        for use in _uses(document):
            tables.add(use.table, file, document)
            if use.key is not None and len(use.key) > len(keys.get(use.table, ())):
                keys[use.table] = use.key
            if use.table in declared:
                for fault in _faults(use, declared[use.table]):
                    told = f"{file}: the rule {document.name} {fault}"
                    verdict.warnings.append(sentence(told))

    kind = Kind("table", ("uses", "use"), fault_of("table", name_problem))
    for name in tables.undeclared(kind, declared, verdict):
        verdict.lines_to_add += _lines(name, keys.get(name))


def _uses(document: rules.RuleDocument) -> Iterator[_Use]:
    from gateway.services.dynamodb import resolve_name

    for action in parameters_of(document, "dynamoDB"):
        table = constant(action.get("tableName"))
        if table is not None:
            payload_field = constant(action.get("payloadField", "payload")) or None
            if constant(action.get("operation", "")) == "DELETE":
                payload_field = None
            yield _Use(resolve_name(table), _key(action), payload_field=payload_field)
    attributes = _attributes(document.statement.query)
    for item in actions_of(document):
        if isinstance(item, rules.ServiceAction) and item.kind == "dynamoDBv2":
            put = item.parameters.get("putItem")
            table = constant(put.get("tableName")) if isinstance(put, Mapping) else None
            if table is not None:
                written = _ERROR_MEMBERS if item is document.error_action else attributes
                yield _Use(resolve_name(table), attributes=written)
    for call in outside_calls(document, "get_dynamodb"):
        table = call.arguments[0]
        if table is not None:
            yield _Use(resolve_name(table), _asked_key(call))


def _key(action: Mapping[str, object]) -> Fields | None:
    """Return the key of a `dynamoDB` action; None where a part differs from message to message."""
    fields = []
    for prefix in ("hash", "range"):
        name = constant(action.get(f"{prefix}KeyField", ""))
        kind = constant(action.get(f"{prefix}KeyType", "STRING"))
        if name is None or kind is None:
            return None
        if name:
            fields.append((name, kind or "STRING"))
    return tuple(fields)


def _asked_key(call: OutsideCall) -> Fields | None:
    names = call.arguments[1:-1:2]
    known = tuple((name, "") for name in names if name is not None)
    return known if len(known) == len(names) else None


def _attributes(query: Query) -> frozenset[str] | None:
    """Return the members that a statement's result can have; None where that is not known."""
    names = [None if query.is_value else _key_of(item) for item in query.items]
    known = frozenset(name for name in names if name is not None)
    return None if None in names else known


def _key_of(item: SelectItem) -> str | None:
    if item.alias:
        return item.alias[0]
    match item.expression:
        case Attribute(name=name) | Member(name=name) | Call(name=name) | Variable(name=name):
            return name
        case Cast():
            return "cast"
    return None


def _faults(use: _Use, schema: KeySchema) -> Iterator[str]:
    """Give why a use can work for no message, for the rest of a sentence about the rule."""
    table = f"the table {quoted(use.table)}"
    if use.key is not None and not _agree(use.key, schema.fields):
        yield (
            f"gives {table} the key {_told(use.key)}, but the settings declare it with "
            f"{_told(schema.fields)}: correct one of them"
        )
    elif use.payload_field in [name for name, _ in schema.fields]:
        yield (
            f"puts its payload into {quoted(str(use.payload_field))}, which is part of the key of "
            f"{table}; name another payloadField"
        )
    if use.attributes is not None:
        missing = [name for name, _ in schema.fields if name not in use.attributes]
        if missing:
            yield (
                f"writes items into {table} without {' and '.join(map(quoted, missing))}, which "
                "is part of its key"
            )


def _agree(given: Fields, declared: Fields) -> bool:
    if any(not kind for _, kind in given):  # get_dynamodb: in any order, and values have the type
        return sorted(name for name, _ in given) == sorted(name for name, _ in declared)
    return given == declared


def _told(fields: Fields) -> str:
    return " and ".join(quoted(name) + (f" ({kind})" if kind else "") for name, kind in fields)


def _lines(name: str, key: Fields | None) -> list[str]:
    lines = ["[[dynamodb.tables]]", f"name = {quoted(name)}"]
    if not key:
        return [*lines, 'partition_key = "id"  # the attribute that is its key in AWS']
    for part, (attribute, kind) in zip(("partition_key", "sort_key"), key, strict=False):
        lines.append(f"{part} = {quoted(attribute)}")
        if kind == "NUMBER":
            lines.append(f'{part}_type = "NUMBER"')
    return lines
