"""The `dynamoDB` and `dynamoDBv2` actions: a rule's result into a local table.

Owns what the actions' parameters mean for a table. What they write joins the open batch, so it is
part of the publish's transaction: StoreError passes through and refuses the publish.

Source: AWS IoT Core Developer Guide, "DynamoDB" and "DynamoDBv2" rule actions; AWS IoT API
Reference, DynamoDBAction and PutItemInput.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final, final

from gateway.engine.actions.templates import text_of
from gateway.engine.failures import ActionFailed
from gateway.services.dynamodb import (
    Attribute,
    ItemRefused,
    KeySchema,
    NotJson,
    TableError,
    Tables,
    read_json,
    read_number,
    resolve_name,
)

__all__ = ["DynamoDbActions"]

_OPERATIONS: Final = ("INSERT", "UPDATE", "DELETE")
_DEFAULT_PAYLOAD_FIELD: Final = "payload"
_SHOWN_CHARACTERS: Final = 80


@final
class DynamoDbActions:
    """Carries out both actions; called on the event loop.

    Args:
        tables: The local tables.
    """

    __slots__ = ("_tables",)

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def put_payload(self, parameters: Mapping[str, object], payload: bytes) -> None:
        """Carry out `dynamoDB`: the whole result in one attribute beside the key.

        A result that is no JSON is kept as its base64.

        Args:
            parameters: What stands under the action's key, templates rendered.
            payload: The rule's result.

        Raises:
            ActionFailed: The table is missing or full, or cannot hold this.
            StoreError: Nothing new is taken just now.
        """
        operation = text_of(parameters, "operation") or "INSERT"
        if operation not in _OPERATIONS:
            raise ActionFailed(
                f"the operation {_shown(operation)} is none; there are INSERT, UPDATE and DELETE"
            )
        table = resolve_name(text_of(parameters, "tableName"))
        attribute = text_of(parameters, "payloadField") or _DEFAULT_PAYLOAD_FIELD
        try:
            key = self._key(table, parameters)
            if operation == "DELETE":
                self._tables.delete(table, key)
                return
            if attribute in key:
                raise ActionFailed(
                    f"payloadField is {_shown(attribute)}, which is part of the table's key",
                    hint="Give the payload an attribute of its own.",
                )
            value = _payload_value(payload)
            if operation == "UPDATE":
                self._tables.update(table, key, attribute, value)
            else:
                self._tables.put(table, {**key, attribute: value})
        except TableError as error:
            raise _failed(table, error) from error

    def put_item(self, parameters: Mapping[str, object], payload: bytes) -> None:
        """Carry out `dynamoDBv2`: each member of the result an attribute of its own.

        Args:
            parameters: What stands under the action's key, templates rendered.
            payload: The rule's result: a JSON object with the table's key in it.

        Raises:
            ActionFailed: The table is missing or full, or cannot hold this.
            StoreError: Nothing new is taken just now.
        """
        put = parameters.get("putItem")
        table = resolve_name(text_of(put, "tableName") if isinstance(put, Mapping) else "")
        try:
            item = read_json(payload)
            if not isinstance(item, dict):
                raise _no_object()
            self._tables.put(table, item)
        except NotJson:
            raise _no_object() from None
        except TableError as error:
            raise _failed(table, error) from error

    def _key(self, table: str, parameters: Mapping[str, object]) -> dict[str, Attribute]:
        """Return the item's key, once it is the one that the table has."""
        schema = self._tables.schema(table)
        key: dict[str, Attribute] = {}
        given: list[tuple[str, str]] = []
        for prefix in ("hash", "range"):
            name = text_of(parameters, f"{prefix}KeyField")
            if not name:
                continue
            kind = text_of(parameters, f"{prefix}KeyType") or "STRING"
            given.append((name, kind))
            value = text_of(parameters, f"{prefix}KeyValue")
            key[name] = read_number(value) if kind == "NUMBER" else value
        if tuple(given) != schema.fields:
            raise _other_key(table, schema, given)
        return key


def _other_key(table: str, schema: KeySchema, given: list[tuple[str, str]]) -> ActionFailed:
    named = " and ".join(f"{_shown(name)} ({_shown(kind)[1:-1]})" for name, kind in given)
    return ActionFailed(
        f"the action's key is {named}; that of the table {_shown(table)} is {schema}",
        hint="Let hashKeyField, hashKeyType, rangeKeyField and rangeKeyType name the table's key; "
        "without a type it is STRING.",
    )


def _payload_value(payload: bytes) -> Attribute:
    try:
        return read_json(payload)
    except NotJson:
        return base64.b64encode(payload).decode()


def _no_object() -> ActionFailed:
    return ActionFailed(
        "the result is no JSON object, and dynamoDBv2 makes each of its members an attribute",
        hint="Select named members, or use the action dynamoDB.",
    )


def _failed(table: str, error: TableError) -> ActionFailed:
    if isinstance(error, ItemRefused):  # the others name the table
        return ActionFailed(f"table {_shown(table)} refused the item: {error}", hint=error.hint)
    return ActionFailed(str(error), hint=error.hint)


def _shown(text: str) -> str:
    return repr(text[:_SHOWN_CHARACTERS])
