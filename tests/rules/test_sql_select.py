from __future__ import annotations

import pytest

import rules

NEW = "2016-03-23"
OLD = "2015-10-08"


def run(
    environment: rules.Environment, sql: str, payload: str | bytes, version: str = NEW
) -> str | None:
    raw = payload.encode() if isinstance(payload, str) else payload
    outgoing = rules.compile(sql, version).evaluate(rules.Message("a/b", raw), environment)
    return None if outgoing is None else outgoing.decode()


@pytest.mark.parametrize(
    ("sql", "payload", "expected"),
    [
        ("SELECT a FROM 't'", '{"a": 1, "b": 2}', '{"a":1}'),
        ("SELECT a, b AS c FROM 't'", '{"a": 1, "b": "x"}', '{"a":1,"c":"x"}'),
        ("SELECT a.b AS x FROM 't'", '{"a": {"b": [1, 2]}}', '{"x":[1,2]}'),
        ("SELECT a.b FROM 't'", '{"a": {"b": true}}', '{"b":true}'),
        ("SELECT a.b.c.d AS x FROM 't'", '{"a":{"b":{"c":{"d":4}}}}', '{"x":4}'),
        ("SELECT a.b AS x FROM 't'", '{"a": 5}', "{}"),
        ("SELECT topic() FROM 't'", "{}", '{"topic":"a/b"}'),
        ("SELECT CAST(a AS Int), upper(b) FROM 't'", '{"a":"5","b":"x"}', '{"cast":5,"upper":"X"}'),
        ("SELECT *, topic() AS t FROM 't'", '{"a": 1}', '{"a":1,"t":"a/b"}'),
        ("SELECT *, 5 AS a FROM 't'", '{"a": 1, "b": 2}', '{"a":5,"b":2}'),
        ("SELECT 5 AS a, * FROM 't'", '{"a": 1}', '{"a":1}'),
        ("SELECT * AS all FROM 't'", '{"a": 1}', '{"all":{"a":1}}'),
        ("SELECT * AS all FROM 't'", "[1, 2]", '{"all":[1,2]}'),
        ("SELECT * AS all FROM 't'", "no json", "{}"),
        ("SELECT *, 1 AS k FROM 't'", "no json", '{"k":1}'),
        ("SELECT *, 1 AS k FROM 't'", "[1]", '{"k":1}'),
        ("SELECT VALUE a FROM 't'", '{"a": {"b": 1}}', '{"b":1}'),
        ("SELECT VALUE a FROM 't'", '{"a": "x"}', '"x"'),
        ("SELECT VALUE a FROM 't'", '{"a": [1.0, null]}', "[1,null]"),
        ("SELECT VALUE a FROM 't'", '{"a": null}', "null"),
        ("SELECT VALUE nope FROM 't'", "{}", ""),
        ("SELECT nope AS k FROM 't'", '{"a": 1}', "{}"),
        ("SELECT b AS k FROM 't'", '{"b": null}', '{"k":null}'),
        (
            "SELECT get(*, 'my-key') AS k, get(*, 'from') AS f FROM 't'",
            '{"my-key": 1, "from": 2}',
            '{"k":1,"f":2}',
        ),
        ("SELECT get(*, 1) AS k FROM 't'", "[5, 6]", '{"k":6}'),
        (
            "SELECT length(*) AS n, upper(*) AS u FROM 't'",
            '{ "a": "x" }',
            '{"n":9,"u":"{\\"A\\":\\"X\\"}"}',
        ),
        (
            "SELECT transform('enrichArray', *, b) AS x FROM 't'",
            '{"a": 1, "b": [{}]}',
            '{"x":[{"a":1,"b":[{}]}]}',
        ),
        ("SELECT isUndefined(*) AS u FROM 't'", "no json", '{"u":true}'),
        ("SELECT a FROM 't'", "[1, 2]", "{}"),
        ("SELECT a FROM 't'", "17", "{}"),
        ("SELECT a FROM 't'", b"\xff\x00", "{}"),
        # the worked examples of the reference
        (
            "SELECT (temperature - 32) * 5 / 9 AS celsius, upper(color) AS c FROM 't'",
            '{"color":"red","temperature":50}',
            '{"celsius":10,"c":"RED"}',
        ),
        ("SELECT a = 5 AS eq, a > 4 AS gt FROM 't'", '{"a":"5"}', '{"eq":false,"gt":true}'),
        ("SELECT a > 3 AS r, a AS k FROM 't'", '{"a":"x"}', '{"k":"x"}'),
        ("SELECT v, cast(v AS String) AS s FROM 't'", '{"v":10.0}', '{"v":10,"s":"10"}'),
    ],
)
def test_select(
    environment: rules.Environment, sql: str, payload: str | bytes, expected: str
) -> None:
    assert run(environment, sql, payload) == expected


@pytest.mark.parametrize(
    ("where", "payload", "matches"),
    [
        ("a > 3", '{"a": 4}', True),
        ("a > 3", '{"a": 3}', False),
        ("a > 3", "{}", False),
        ("a", '{"a": true}', True),
        ("a", '{"a": "true"}', False),
        ("a", '{"a": 1}', False),
        ("a", '{"a": {}}', False),
        ("a", '{"a": null}', False),
        ("b <> 5", '{"a": 1}', False),
        ("b <> 5", '{"b": null}', True),
        ("a = 'x'", "not json", False),
        ("topic(1) = 'a'", "not json", True),
        ("c > 1", '{"a": 5}', False),
    ],
)
def test_where_lets_only_true_through(
    environment: rules.Environment, where: str, payload: str, matches: bool
) -> None:
    outgoing = run(environment, f"SELECT * FROM 't' WHERE {where}", payload)
    assert (outgoing is not None) is matches


def test_where_does_not_see_the_aliases_of_select(environment: rules.Environment) -> None:
    assert run(environment, "SELECT a AS c FROM 't' WHERE c = 1", '{"a": 1}') is None


@pytest.mark.parametrize("payload", [b"\x00\xff", b"", b' { "a" : 1.0 } ', b"[" * 1000])
def test_star_alone_forwards_the_very_bytes(environment: rules.Environment, payload: bytes) -> None:
    for sql in ("SELECT * FROM 't'", "SELECT * FROM 't' WHERE topic(2) = 'b'"):
        message = rules.Message("a/b", payload)
        assert rules.compile(sql).evaluate(message, environment) is payload


@pytest.mark.parametrize(
    ("sql", "payload", "old", "new"),
    [
        ("SELECT v FROM 't'", '{"v": 10.0}', '{"v":10.0}', '{"v":10}'),
        ("SELECT v FROM 't'", '{"v": 10.00}', '{"v":10.0}', '{"v":10}'),
        ("SELECT v FROM 't'", '{"v": 10.00000000000000000}', '{"v":10.0}', '{"v":10}'),
        ("SELECT v * 4 AS v FROM 't'", '{"v": 2.5}', '{"v":10.0}', '{"v":10}'),
        ("SELECT *, 1 AS k FROM 't'", '{"v": [{"w": 1.0}]}', '{"v":[{"w":1.0}],"k":1}',
         '{"v":[{"w":1}],"k":1}'),
        ("SELECT v FROM 't'", '{"v": 1e3}', '{"v":1000.0}', '{"v":1000}'),
        ("SELECT v FROM 't'", '{"v": 1}', '{"v":1}', '{"v":1}'),
        ("SELECT v + '' AS v FROM 't'", '{"v": 10.0}', '{"v":"10.0"}', '{"v":"10"}'),
        ("SELECT VALUE v FROM 't'", '{"v": [1]}', "", "[1]"),
    ],
)  # fmt: skip
def test_versions_differ(
    environment: rules.Environment, sql: str, payload: str, old: str, new: str
) -> None:
    assert run(environment, sql, payload, OLD) == old
    assert run(environment, sql, payload, NEW) == new
    assert run(environment, sql, payload, "beta") == new


def test_a_payload_is_read_once_and_only_if_needed(environment: rules.Environment) -> None:
    message = rules.Message("a/b", b'{"a": 1}')
    rules.compile("SELECT *").evaluate(message, environment)
    assert message.members is None
    rules.compile("SELECT a").evaluate(message, environment)
    members = message.members
    assert members == {"a": 1}
    rules.compile("SELECT *, 2 AS a").evaluate(message, environment)
    assert message.members is members
    assert members == {"a": 1}


def test_the_documented_example_of_the_package(environment: rules.Environment) -> None:
    statement = rules.compile(
        "SELECT celsius, topic(2) AS bench, timestamp() AS ts FROM 'site/+' WHERE celsius > 30"
    )
    assert statement.topic_filter == "site/+"
    warm = rules.Message("site/7", b'{"celsius": 31.5}')
    cold = rules.Message("site/7", b'{"celsius": 29.5}')
    assert statement.evaluate(warm, environment) == (
        b'{"celsius":31.5,"bench":"7","ts":1700000000123}'
    )
    assert statement.evaluate(cold, environment) is None
