"""What an enemy may send: deep, long, endless. Nothing escapes, nothing takes long."""

from __future__ import annotations

import pytest

import rules
from rules.bounds import MAX_ADDED_DEPTH, MAX_COPIES
from rules.payload import MAX_DEPTH, decode
from rules.values import MAX_TEXT_CHARACTERS, UNDEFINED

KB = 1024


def run(environment: rules.Environment, sql: str, payload: bytes) -> bytes | None:
    return rules.compile(sql, "2016-03-23").evaluate(rules.Message("t", payload), environment)


@pytest.mark.parametrize(
    "payload",
    [
        b"[" * 128 * KB,
        b'{"a":' * 20 * KB,
        b"[" * 60 * KB + b"]" * 60 * KB,
        b"[1e5," * 20 * KB,
        b'{"a":1e5,"b":' * 8 * KB,
        b'"' * 128 * KB,
        b"1" * 128 * KB,
        b"-" * 128 * KB,
        b"0." + b"3" * 128 * KB,
        b'{"a": 1E1000}',
        b'{"a": -1E-5000}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": NaN}',
        b'{"a": Infinity, "b": 1e2}',
        b"\xff\xfe{}",
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\\ud800", "b": 1e2}',
        b"",
        b"   ",
        b"{",
        b'{"a": 1}}',
    ],
    ids=range(21),
)
def test_odd_payloads_are_no_json_and_stay_what_they_are(
    environment: rules.Environment, payload: bytes
) -> None:
    assert run(environment, "SELECT *", payload) is payload
    assert run(environment, "SELECT a AS x, a.b AS y, a > 1 AS z", payload) in (
        b"{}",
        b'{"x":0,"z":false}',
    )
    assert run(environment, "SELECT * WHERE a = 1", payload) is None


def test_the_deepest_payload_can_be_wrapped_as_deep_as_allowed(
    environment: rules.Environment,
) -> None:
    payload = b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}"
    levels = MAX_ADDED_DEPTH - 1
    wrapped = "[" * levels + "a" + "]" * levels
    assert decode(payload) is not UNDEFINED
    outgoing = run(environment, f"SELECT {wrapped} AS x, {wrapped} = {wrapped} AS y", payload)
    assert outgoing is not None
    assert outgoing.startswith(b'{"x":' + b"[" * (levels + MAX_DEPTH - 1))
    assert outgoing.endswith(b'"y":true}')
    text = run(environment, f"SELECT VALUE '' + {wrapped}", payload)
    assert text is not None
    assert text.count(b"[") == levels + MAX_DEPTH - 1


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT {'[' * MAX_ADDED_DEPTH}a{']' * MAX_ADDED_DEPTH} AS x",
        "SET @a = [[[[[[a]]]]]]"
        + "".join(f", @b{n} = [[[[[[@{f'b{n - 1}' if n else 'a'}]]]]]]" for n in range(10))
        + " SELECT @b9 AS x",
        "SELECT a AS " + ".".join("x" * (MAX_ADDED_DEPTH + 1)),
        "SELECT " + "(SELECT " * 20 + "a FROM a) AS x" * 20,
    ],
    ids=["literal", "variables", "alias", "queries"],
)
def test_what_would_get_too_deep_is_refused(sql: str) -> None:
    with pytest.raises(rules.SqlError, match=r"levels deeper|nested more than"):
        rules.compile(sql, "2016-03-23")


@pytest.mark.parametrize("double", ["@{0} + @{0}", "concat(@{0}, @{0})"])
@pytest.mark.parametrize("start", ["text", "array"])
def test_doubling_ends_at_undefined(
    environment: rules.Environment, double: str, start: str
) -> None:
    doubled = ", ".join(f"@v{n + 1} = " + double.format(f"v{n}") for n in range(9))
    payload = b'{"text":"%s","array":[%s1]}' % (b"x" * 4 * KB, b"1," * 4 * KB)
    sql = f"SET @v0 = {start}, {doubled} SELECT isUndefined(@v9) AS gone, isUndefined(@v1) AS one"
    outgoing = run(environment, sql, payload)
    both_arrays = start == "array" and "+" in double
    assert outgoing == (
        b'{"gone":true,"one":true}' if both_arrays else b'{"gone":true,"one":false}'
    )


def test_a_text_may_be_as_long_as_eight_payloads(environment: rules.Environment) -> None:
    text = "x" * 128 * KB
    payload = f'{{"s": "{text}"}}'.encode()
    eight = " + ".join(["s"] * 8)
    assert run(environment, f"SELECT VALUE {eight} + ''", payload) == b'"%s"' % (
        b"x" * MAX_TEXT_CHARACTERS
    )
    assert run(environment, f"SELECT VALUE {eight} + 'x'", payload) == b""


def test_long_arrays_are_compared_and_searched_whole(environment: rules.Environment) -> None:
    payload = b'{"a":[' + b"1," * 60_000 + b"2]}"
    assert run(environment, "SELECT VALUE [a = a, 2 IN a, 3 IN a]", payload) == b"[true,true,false]"


def test_repeating_the_payload_ends_at_a_bound(environment: rules.Environment) -> None:
    text = "x" * 60 * KB
    payload = f'{{"info": "{text}", "e": [{", ".join(["1"] * 20_000)}], "few": [1, 2]}}'.encode()
    per_item = "SET @i = info SELECT (SELECT VALUE @i FROM {0}) AS x, 1 AS y"
    assert run(environment, per_item.format("e"), payload) == b'{"y":1}'
    few = run(environment, per_item.format("few"), payload)
    assert few == f'{{"x":["{text}","{text}"],"y":1}}'.encode()
    twenty = ", ".join(f"info AS i{n}" for n in range(20))
    with pytest.raises(rules.EvaluationFailed, match="more than 1048576 characters"):
        run(environment, f"SELECT {twenty}", payload)
    small = run(environment, f"SELECT {twenty}", b'{"info": "x"}')
    assert small is not None
    assert small.count(b"x") == 20
    assert run(environment, f"SELECT '' + [{', '.join(['info'] * 20)}] AS x", payload) == b"{}"


def test_a_statement_that_repeats_what_it_reads_without_end_is_refused() -> None:
    doubled = ", ".join(f"@v{n + 1} = [@v{n}, @v{n}]" for n in range(20))
    with pytest.raises(rules.SqlError, match=f"more than {MAX_COPIES} times"):
        rules.compile(f"SET @v0 = a, {doubled} SELECT @v20 AS x", "2016-03-23")
