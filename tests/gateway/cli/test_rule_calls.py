"""Which calls that reach out are found in a rule, and what of their arguments is known."""

from __future__ import annotations

import json
from typing import Any

import pytest

import rules
from gateway.cli.rule_calls import outside_calls

ROLE = "arn:aws:iam::000000000000:role/any"


def document(sql: str, *actions: dict[str, Any]) -> rules.RuleDocument:
    payload = {"sql": sql, "awsIotSqlVersion": "2016-03-23", "actions": list(actions)}
    return rules.parse_rule(json.dumps(payload), source="a", default_name="a")


def secrets(*actions: dict[str, Any], sql: str = "SELECT * FROM 'a'") -> list[tuple[Any, ...]]:
    found = outside_calls(document(sql, *actions), "get_secret")
    return sorted(call.arguments[:2] for call in found)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT GET_SECRET('s', 'SecretString', 'r') AS x FROM 'a'",
        "SELECT VALUE get_secret('s', 'SecretString', 'k', 'r') FROM 'a'",
        "SELECT * FROM 'a' WHERE get_secret('s', 'SecretString', 'r') = 1",
        "SET @x = get_secret('s', 'SecretString', 'r') SELECT @x AS x FROM 'a'",
        "SELECT (SELECT get_secret('s', 'SecretString', 'r') AS k FROM b) AS x FROM 'a'",
        "SELECT [{'k': CASE a WHEN 1 THEN -get_secret('s', 'SecretString', 'r') END}] AS x"
        " FROM 'a'",
    ],
)
def test_wherever_it_stands_in_a_statement(sql: str) -> None:
    assert secrets(sql=sql) == [("s", "SecretString")]


def test_what_is_no_literal_is_not_known() -> None:
    calls = outside_calls(
        document("SELECT get_dynamodb(t, 'k', 7, 'sort', upper('v'), 'r') AS x FROM 'a'"),
        "get_dynamodb",
    )
    (call,) = calls
    assert call.arguments == (None, "k", None, "sort", None, "r")


def test_only_calls_that_ask() -> None:
    sql = "SELECT decode(a, 'base64') AS x, decode(a, 'proto', 'b', 'k', 'p', 't') AS y FROM 'a'"
    (call,) = outside_calls(document(sql), "decode")
    assert call.arguments[2] == "b"
    assert list(outside_calls(document("SELECT get_secret('s') AS x FROM 'a'"), "get_secret")) == []


SECRET = "get_secret('{}', 'SecretString', 'r')"


def test_templates_of_every_kind_of_action() -> None:
    def ask(name: str) -> str:
        return "${" + SECRET.format(name) + "}"

    headers = {"contentType": ask("r2"), "userProperties": [{"key": ask("r3"), "value": "v"}]}
    found = secrets(
        {"sqs": {"queueUrl": ask("q"), "roleArn": ROLE}},
        {"republish": {"topic": ask("r1"), "roleArn": ROLE, "headers": headers}},
        {"http": {"url": "https://x", "headers": [{"key": "a", "value": ask("h")}]}},
        {"dynamoDBv2": {"putItem": {"tableName": ask("d")}, "roleArn": ROLE}},
    )
    assert [name for name, _ in found] == ["d", "h", "q", "r1", "r2", "r3"]


@pytest.mark.parametrize(
    "key",
    [
        "${" + SECRET.format("s") + "}",
        "a }/${topic()}/${'}'}${" + SECRET.format("s") + "}/}",
        "${get({'}': {'b': " + SECRET.format("s") + '}}, "}")}',
    ],
)
def test_braces_within_quotes_and_objects_end_no_template(key: str) -> None:
    s3 = {"s3": {"bucketName": "b", "key": key, "roleArn": ROLE}}
    assert secrets(s3) == [("s", "SecretString")]


def test_braces_within_texts_end_nothing() -> None:
    key = "${get({'k': " + SECRET.format("s") + ", 'v': '" + "}" * 20_000 + "'}, 'k')}"
    found = secrets({"s3": {"bucketName": "b", "key": key, "roleArn": ROLE}})
    assert found == [("s", "SecretString")]
