"""What the tests of the actions share: reading a rule with some actions, and a message."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

import rules
from rules.message import Context

Load = Callable[..., rules.RuleDocument]
One = Callable[[object], rules.Action]


@pytest.fixture(scope="session")
def load() -> Load:
    """Read a rule with these actions; more members of the rule by name."""

    def load(*actions: object, **more: object) -> rules.RuleDocument:
        document = {
            "sql": "SELECT * FROM 'a/#'", "awsIotSqlVersion": "2016-03-23",
            "actions": list(actions), **more,
        }  # fmt: skip
        return rules.parse_rule(json.dumps(document), source="r.json", default_name="r")

    return load


@pytest.fixture(scope="session")
def context(environment: rules.Environment) -> Context:
    return Context(rules.Message("a/b/c", b'{"n": 7, "site": "north"}'), environment)


@pytest.fixture(scope="session")
def one(load: Load) -> One:
    """Read a rule with one action, and return that."""

    def one(action: object) -> rules.Action:
        (read,) = load(action).actions
        return read

    return one
