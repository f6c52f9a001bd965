"""`weir check`: tables that rules name, and keys that the declared ones do not have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.engine.error_action import Cause, error_message
from tests.rig.judged import Site, action

DECLARED = (
    "[[dynamodb.tables]]",
    'name = "readings"',
    'partition_key = "device"',
    'sort_key = "at"',
    'sort_key_type = "NUMBER"',
)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def put(table: str = "readings", **more: Any) -> dict[str, Any]:
    """A `dynamoDB` action with the key that is declared, and what else is given."""
    key = {
        "hashKeyField": "device",
        "hashKeyValue": "${clientid()}",
        "rangeKeyField": "at",
        "rangeKeyValue": "${timestamp()}",
        "rangeKeyType": "NUMBER",
    }
    parameters = {key: value for key, value in (key | more).items() if value is not None}
    return action("dynamoDB", tableName=table, **parameters)


def test_lines_that_declare_a_table_have_the_key_that_a_rule_gives(site: Site) -> None:
    site.rule("one", put())
    verdict = site.judge()
    (warning,) = verdict.warnings
    assert 'the rule one uses the table "readings", which the settings do not declare' in warning
    assert verdict.lines_to_add == list(DECLARED)
    after = site.take(verdict)
    assert (after.problems, after.warnings) == ([], [])


def test_lines_for_a_table_whose_key_no_rule_tells(site: Site) -> None:
    site.rule("one", action("dynamoDBv2", putItem={"tableName": "items"}))
    verdict = site.judge()
    assert verdict.lines_to_add[-1].startswith('partition_key = "id"  # ')
    after = site.take(verdict)
    assert (after.problems, after.warnings) == ([], [])


def test_the_fullest_key_of_several_rules_is_declared(site: Site) -> None:
    sql = "SELECT get_dynamodb('readings', 'device', 'a', 'at', 7, 'r') AS x FROM 'a'"
    site.rule("a", action("dynamoDBv2", putItem={"tableName": "readings"}))
    site.rule("b", sql=sql)
    verdict = site.judge()
    assert "the rules a and b use the table" in verdict.warnings[0]
    assert verdict.lines_to_add[2:] == ['partition_key = "device"', 'sort_key = "at"']


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"hashKeyField": "thing"}, 'the key "thing" (STRING) and "at" (NUMBER), but'),
        ({"hashKeyType": "NUMBER"}, 'the key "device" (NUMBER) and "at" (NUMBER), but'),
        ({"rangeKeyType": None}, 'the key "device" (STRING) and "at" (STRING), but'),
        ({"rangeKeyField": None, "rangeKeyValue": None}, 'the key "device" (STRING), but'),
        ({"payloadField": "at"}, 'puts its payload into "at", which is part of the key'),
    ],
)
def test_a_key_that_the_declared_table_does_not_have(
    site: Site, more: dict[str, str | None], told: str
) -> None:
    site.add(*DECLARED)
    site.rule("one", put(**more))
    site.rule("two", put(hashKeyField="${field}"))  # known for a message only
    site.rule("three", put(operation="DELETE", payloadField="at"))
    (warning,) = site.judge().warnings
    assert "one.json: the rule one " in warning and told in warning


@pytest.mark.parametrize(
    ("key", "is_told"),
    [
        ("'device', 'a', 'at', 7", False),
        ("'at', 7, 'device', 'a'", False),
        ("field, 'a', 'at', 7", False),
        ("'device', 'a'", True),
        ("'device', 'a', 'when', 7", True),
    ],
)
def test_a_key_that_is_asked_for(site: Site, key: str, is_told: bool) -> None:
    site.add(*DECLARED)
    site.rule("one", sql=f"SELECT get_dynamodb('readings', {key}, 'r') AS x FROM 'a'")
    assert len(site.judge().warnings) == int(is_told)


@pytest.mark.parametrize(
    ("select", "missing"),
    [
        ("*", ""),
        ("device, at, celsius", ""),
        ("*, 1 AS x", ""),
        ("VALUE a", ""),
        ("clientid() AS device, a.at", ""),
        ("device, 1 + 2", ""),  # its key is the expression, as text
        ("device, celsius", '"at"'),
        ("clientid(), celsius AS c", '"device" and "at"'),
    ],
)
def test_an_item_without_its_key(site: Site, select: str, missing: str) -> None:
    site.add(*DECLARED)
    sql = f"SELECT {select} FROM 'a'"
    site.rule("one", action("dynamoDBv2", putItem={"tableName": "readings"}), sql=sql)
    found = [each for each in site.judge().warnings if "has no name" not in each]
    assert len(found) == int(bool(missing))
    assert all(f'items into the table "readings" without {missing}, ' in each for each in found)


def test_a_failure_that_is_told_to_a_table_has_no_member_of_select(site: Site) -> None:
    site.add(*DECLARED)
    error = action("dynamoDBv2", putItem={"tableName": "readings"})
    site.rule("one", sql="SELECT device, at FROM 'a'", error=error)
    (warning,) = site.judge().warnings
    assert 'without "device" and "at"' in warning


def test_a_failure_can_be_kept_by_each_of_its_members(site: Site) -> None:
    message: dict[str, object] = json.loads(
        error_message("one", Cause("a", None, "id", 0, b""), [])
    )
    assert len(message) == 6
    for number, member in enumerate(message):
        table = f"table{number}"
        site.add("[[dynamodb.tables]]", f'name = "{table}"', f'partition_key = "{member}"')
        site.rule(
            table, error=action("dynamoDBv2", putItem={"tableName": table}), sql="SELECT 1 AS a"
        )
    assert site.judge().warnings == []
