"""Local DynamoDB tables: items by their keys, in the gateway's store."""

from gateway.services.dynamodb.errors import (
    ItemRefused,
    NoSuchTable,
    TableError,
    TableFull,
    TableUnusable,
)
from gateway.services.dynamodb.items import Attribute, NotJson, read_json
from gateway.services.dynamodb.keys import KeySchema, read_number
from gateway.services.dynamodb.settings import TableSettings, resolve_name
from gateway.services.dynamodb.tables import Tables, TableStatus

__all__ = [
    "Attribute",
    "ItemRefused",
    "KeySchema",
    "NoSuchTable",
    "NotJson",
    "TableError",
    "TableFull",
    "TableSettings",
    "TableStatus",
    "TableUnusable",
    "Tables",
    "read_json",
    "read_number",
    "resolve_name",
]
