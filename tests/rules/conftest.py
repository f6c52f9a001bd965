"""What the tests of the rules share: evaluating one expression."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import rules

NOW_MS = 1_700_000_000_123

Result = Callable[..., str]


@pytest.fixture(scope="session")
def environment() -> rules.Environment:
    return rules.Environment(now_ms=lambda: NOW_MS)


@pytest.fixture(scope="session")
def result(environment: rules.Environment) -> Result:
    """Evaluate an expression; gives the JSON text of its value, or "U" if it is Undefined.

    The text and not the value, because `10` and `10.0` differ in IoT SQL.
    """

    def evaluate(
        expression: str,
        payload: str | bytes = b"{}",
        version: str = "2016-03-23",
        topic: str = "a/b/c",
        client_id: str | None = None,
    ) -> str:
        statement = rules.compile(f"SELECT ({expression}) AS r FROM 'a/#'", version)
        raw = payload.encode() if isinstance(payload, str) else payload
        message = rules.Message(topic, raw, client_id)
        outgoing = statement.evaluate(message, environment)
        assert outgoing is not None
        text = outgoing.decode()
        return "U" if text == "{}" else text.removeprefix('{"r":').removesuffix("}")

    return evaluate
