"""Chapter "Binary and odd payloads"."""

from __future__ import annotations

import pytest

import rules

NOW_MS = 1_700_000_000_123


@pytest.mark.parametrize(
    ("sql", "payload", "expected"),
    [
        ("SELECT * FROM 't'", b"\x00\xff", b"\x00\xff"),
        ("SELECT * FROM 't' WHERE timestamp() % 123 = 0 OR TRUE", b"\x00\xff", b"\x00\xff"),
        ("SELECT encode(*, 'base64') AS data, timestamp() AS ts FROM 't'", b"\x00\xff",
         b'{"data":"AP8=","ts":1700000000123}'),
        ("SELECT encode(*, 'base64') AS data FROM 't'", b'{"a": 1.0}',
         b'{"data":"eyJhIjogMS4wfQ=="}'),
        ("SELECT decode(encode(*, 'base64'), 'base64') AS payload FROM 't'", b"80",
         b'{"payload":80}'),
        ("SELECT decode(encode(*, 'base64'), 'base64') AS payload FROM 't'", b"plain text",
         b'{"payload":"plain text"}'),
        ("SELECT decode(encode(*, 'base64'), 'base64') AS p FROM 't'", b'{"v": 1.0, "w": 1e2}',
         b'{"p":{"v":1,"w":100}}'),
        ("SELECT * FROM 't' WHERE device_type = 'thermostat'", b"\x00\xff", None),
        ("SELECT *, principal() AS p, timestamp() AS t FROM 't'", b"", b'{"t":1700000000123}'),
        ("SELECT *, timestamp() AS time FROM 't'", b"\x00", b'{"time":1700000000123}'),
        ("SELECT *, timestamp() AS time FROM 't'", b'{"a": 1}', b'{"a":1,"time":1700000000123}'),
    ],
)  # fmt: skip
def test_binary_payloads(
    environment: rules.Environment, sql: str, payload: bytes, expected: bytes | None
) -> None:
    statement = rules.compile(sql, "2016-03-23")
    assert statement.evaluate(rules.Message("t", payload), environment) == expected


def test_json_from_elsewhere_keeps_its_numbers(environment: rules.Environment) -> None:
    # floats that orjson would print otherwise do not stand in the payload's own text
    inner = "eyJ2IjogWzEuMCwgMC4wMDAwMV19"  # {"v": [1.0, 0.00001]}
    sql = f"SELECT decode('{inner}', 'base64') AS x FROM 't'"
    new = rules.compile(sql, "2016-03-23")
    assert new.evaluate(rules.Message("t", b"{}"), environment) == b'{"x":{"v":[1,0.00001]}}'
    value = rules.compile(f"SELECT VALUE decode('{inner}', 'base64') FROM 't'", "2016-03-23")
    assert value.evaluate(rules.Message("t", b"{}"), environment) == b'{"v":[1,0.00001]}'
