"""Chapters "Nested SELECT" and EXISTS, over arrays and objects."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import rules
from rules.message import MAX_STEPS

Result = Callable[..., str]

PAYLOAD = """{"e": [{"n": "temperature", "u": "Cel", "t": 1234, "v": 22.5},
                    {"n": "light", "u": "lm", "t": 1235, "v": 135},
                    {"n": "acidity", "u": "pH", "t": 1235, "v": 7}],
    "data1": {"list": [{"a": 1}, {"a": 2, "b": [{"c": 3}, {"c": 4}]}]},
    "data2": {"a": 1, "b": "x", "c": {"d": [5]}},
    "arr": [1, "x", null, [2], {"k": 3}, 3], "empty": [], "none": {}, "v": 99, "s": "text",
    "nul": null, "rows": [[1, 2], [3]], "withnull": [{"v": null}, {"v": 1}, {}]}"""


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # the documented samples
        ("(SELECT VALUE n FROM e)", '["temperature","light","acidity"]'),
        ("(SELECT v FROM e WHERE n = 'temperature')", '[{"v":22.5}]'),
        ("get((SELECT v FROM e WHERE n = 'temperature'), 0).v", "22.5"),
        ("(SELECT a, b FROM data2)", '{"a":1,"b":"x"}'),
        ("(SELECT VALUE c FROM data2)", '{"d":[5]}'),
        # arrays
        ("(SELECT n, v AS value FROM e WHERE v > 100)", '[{"n":"light","value":135}]'),
        ("(SELECT n FROM e WHERE v > 1000)", "[]"),
        ("(SELECT n FROM empty)", "[]"),
        ("(SELECT * FROM e WHERE v = 7)", '[{"n":"acidity","u":"pH","t":1235,"v":7}]'),
        ("(SELECT *, 1 AS one FROM withnull)", '[{"v":null,"one":1},{"v":1,"one":1},{"one":1}]'),
        ("(SELECT nope FROM e WHERE v = 7)", "[{}]"),
        ("(SELECT VALUE v FROM withnull)", "[null,1]"),
        ("(SELECT VALUE v * 2 FROM e)", "[45,270,14]"),
        ("(SELECT VALUE {'name': n} FROM e WHERE v = 7)", '[{"name":"acidity"}]'),
        ("(SELECT upper(u) FROM e WHERE v = 7)", '[{"upper":"PH"}]'),
        ("(SELECT n AS x.y, v AS x.z FROM e WHERE v = 7)", '[{"x":{"y":"acidity","z":7}}]'),
        # names inside are the item's; the payload's are out of sight
        ("(SELECT VALUE s FROM e)", "[]"),
        ("(SELECT VALUE v FROM e WHERE v = 99)", "[]"),
        # what is no object has no members, but may have a name
        ("(SELECT VALUE k FROM arr)", "[3]"),
        ("(SELECT * FROM arr)", '[1,"x",null,[2],{"k":3},3]'),
        ("(SELECT * AS item FROM arr WHERE k = 3)", '[{"item":{"k":3}}]'),
        ("(SELECT VALUE a FROM arr AS a WHERE a > 1)", "[3]"),
        ("(SELECT a FROM arr AS a WHERE a = 3)", '[{"a":3}]'),
        ("(SELECT VALUE a.k FROM arr AS a)", "[3]"),
        ("(SELECT VALUE i.v FROM e AS i WHERE i.n = 'light')", "[135]"),
        ("(SELECT VALUE v FROM e AS i WHERE i.n = 'light')", "[135]"),
        ("(SELECT VALUE v FROM e AS v WHERE v.n = 'light')",
         '[{"n":"light","u":"lm","t":1235,"v":135}]'),
        ("(SELECT VALUE get(r, 0) FROM rows AS r)", "[1,3]"),
        # objects
        ("(SELECT * FROM data2)", '{"a":1,"b":"x","c":{"d":[5]}}'),
        ("(SELECT a FROM data2 WHERE b = 'x')", '{"a":1}'),
        ("(SELECT a FROM data2 WHERE b = 'y')", "U"),
        ("(SELECT VALUE nope FROM data2)", "U"),
        ("(SELECT nope FROM data2)", "{}"),
        ("(SELECT VALUE o.a FROM data2 AS o)", "1"),
        ("(SELECT * FROM none)", "{}"),
        # anything else
        ("(SELECT a FROM v)", "U"), ("(SELECT a FROM s)", "U"), ("(SELECT a FROM nul)", "U"),
        ("(SELECT a FROM nope)", "U"), ("(SELECT VALUE a FROM nope)", "U"),
        # sources that are not plain names
        ("(SELECT VALUE a FROM data1.list)", "[1,2]"),
        ("(SELECT VALUE d FROM data2.c)", "[5]"),
        ("(SELECT VALUE c FROM get(data1.list, 1).b)", "[3,4]"),
        ("(SELECT VALUE x FROM [{'x': 1}, {'x': v}])", "[1,99]"),
        ("(SELECT VALUE x FROM (SELECT v AS x FROM e))", "[22.5,135,7]"),
        # queries in queries
        ("(SELECT a, (SELECT VALUE c FROM b) AS cs FROM data1.list)",
         '[{"a":1},{"a":2,"cs":[3,4]}]'),
        ("(SELECT VALUE a FROM data1.list WHERE EXISTS (SELECT c FROM b WHERE c = 4))", "[2]"),
        ("(SELECT VALUE (SELECT VALUE x FROM r AS x WHERE x > 1) FROM rows AS r)", "[[2],[3]]"),
        # `*` as an argument is the item
        ("(SELECT VALUE get(*, 'u') FROM e WHERE get(*, 'n') = 'light')", '["lm"]'),
        ("(SELECT VALUE concat(*, 9) FROM rows)", "[[1,2,9],[3,9]]"),
        ("(SELECT VALUE get(*, 'a') FROM data2)", "1"),
        ("(SELECT VALUE length(*) FROM ['ab', 'c'])", "[2,1]"),
        ("(SELECT get(*, 0) AS x, r FROM rows AS r WHERE get(*, 1) = 2)", '[{"x":1,"r":[1,2]}]'),
        ("(SELECT VALUE (SELECT VALUE get(*, 'c') FROM b) FROM data1.list WHERE get(*, 'a') = 2)",
         "[[3,4]]"),
        ("(SELECT VALUE encode(*, 'base64') FROM ['a'])", '["YQ=="]'),
        # an expression without a name has its text for a key
        ("(SELECT v + 1 FROM e WHERE v = 7)", '[{"v + 1":8}]'),
        # functions of the message work inside
        ("(SELECT VALUE topic(1) FROM e)", '["a","a","a"]'),
    ],
)  # fmt: skip
def test_nested_select(result: Result, expression: str, expected: str) -> None:
    assert result(expression, PAYLOAD) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("EXISTS (SELECT * FROM arr AS a WHERE a = 3)", "true"),
        ("EXISTS (SELECT * FROM arr AS a WHERE a = 4)", "false"),
        ("exists (select v from e where n = 'light')", "true"),
        ("EXISTS (SELECT v FROM empty)", "false"),
        ("EXISTS (SELECT v FROM nope)", "false"),
        ("EXISTS (SELECT v FROM s)", "false"),
        ("EXISTS (SELECT a FROM data2)", "true"),
        ("EXISTS (SELECT a FROM data2 WHERE a = 2)", "false"),
        ("EXISTS (SELECT VALUE v FROM withnull)", "true"),
        ("EXISTS (SELECT VALUE nope FROM e)", "false"),
        ("NOT EXISTS (SELECT v FROM empty)", "true"),
        ("EXISTS (SELECT v FROM e) AND EXISTS (SELECT v FROM empty)", "false"),
    ],
)
def test_exists(result: Result, expression: str, expected: str) -> None:
    assert result(expression, PAYLOAD) == expected


@pytest.mark.parametrize("where", ["EXISTS (SELECT v FROM e WHERE v > 100)", "3 IN arr"])
def test_conditions_on_arrays_in_where(environment: rules.Environment, where: str) -> None:
    statement = rules.compile(f"SELECT v FROM 't' WHERE {where}", "2016-03-23")
    assert statement.evaluate(rules.Message("t", PAYLOAD.encode()), environment) == b'{"v":99}'
    assert statement.evaluate(rules.Message("t", b'{"e": []}'), environment) is None


@pytest.mark.parametrize(
    ("sql", "column", "says"),
    [
        ("SELECT (SELECT a) AS x", 17, "expected an operator, AS, ',' or FROM, found ')'"),
        ("SELECT (SELECT a FROM 'e') AS x", 23, "expected an attribute, found the string 'e'"),
        ("SELECT (SELECT a FROM e WHERE) AS x", 30, "expected an expression"),
        ("SELECT (SELECT a FROM e AS) AS x", 27, "expected a name after AS"),
        ("SELECT (SELECT a FROM e b) AS x", 25, "expected AS, WHERE or ')'"),
        ("SELECT (SELECT a FROM e WHERE a b) AS x", 33, "expected an operator or ')'"),
        ("SELECT (SELECT a FROM e", 24, "expected AS, WHERE or ')', found the end"),
        ("SELECT SELECT a FROM e AS x", 8, "expected an expression, found 'SELECT'"),
        ("SELECT * WHERE EXISTS (a)", 24, "expected SELECT, found 'a'"),
        ("SELECT * WHERE EXISTS SELECT a FROM b", 23, "expected an operator or the end"),
        ("SELECT (SET @a = 1 SELECT a FROM e) AS x", 13, "expected an operator or ')'"),
    ],
)
def test_wrong_queries(sql: str, column: int, says: str) -> None:
    with pytest.raises(rules.SqlError) as caught:
        rules.compile(sql, "2016-03-23")
    assert says in str(caught.value)
    assert caught.value.column == column


def test_the_old_version_has_none() -> None:
    for expression in ("(SELECT a FROM e)", "EXISTS (SELECT a FROM e)"):
        with pytest.raises(rules.SqlError, match="nested SELECT is not part of version 2015"):
            rules.compile(f"SELECT {expression} AS x")


def test_what_a_query_may_visit_is_bounded(environment: rules.Environment) -> None:
    # every item visits every item
    payload = b'{"e":[' + b",".join([b"1"] * 1000) + b"]}"
    squared = "SET @e = e SELECT (SELECT VALUE (SELECT VALUE 1 FROM @e) FROM @e) AS x, 1 AS y"
    statement = rules.compile(squared, "2016-03-23")
    with pytest.raises(rules.BudgetSpent, match=f"more than {MAX_STEPS} steps"):
        statement.evaluate(rules.Message("t", payload), environment)
    assert statement.evaluate(rules.Message("t", b'{"e":[1,2]}'), environment) == (
        b'{"x":[[1,1],[1,1]],"y":1}'
    )


def test_a_search_that_is_given_up_has_no_result(environment: rules.Environment) -> None:
    # half a search would let the message through, although what is looked for is there
    sql = (
        "SELECT 1 AS x WHERE NOT EXISTS "
        "(SELECT VALUE x FROM e AS x WHERE startswith(lower(trim(x)), 'bad'))"
    )
    statement = rules.compile(sql, "2016-03-23")
    for count, fails in ((3000, False), (60_000, True)):
        items = ",".join(['"a"'] * (count - 1) + ['" BAD"'])
        message = rules.Message("t", f'{{"e":[{items}]}}'.encode())
        if fails:
            with pytest.raises(rules.BudgetSpent):
                statement.evaluate(message, environment)
        else:
            assert statement.evaluate(message, environment) is None


def test_no_default_stands_in_for_what_was_given_up(environment: rules.Environment) -> None:
    sql = "SET @e = e SELECT get_or_default((SELECT VALUE concat(@e, 1) FROM @e), 0) AS x"
    message = rules.Message("t", b'{"e":[' + b",".join([b"2"] * 3000) + b"]}")
    with pytest.raises(rules.BudgetSpent):
        rules.compile(sql, "2016-03-23").evaluate(message, environment)


def test_a_query_does_not_change_the_payload(environment: rules.Environment) -> None:
    message = rules.Message("t", b'{"o": {"a": {"b": 1}}, "e": [{"a": {"b": 1}}]}')
    for sql in (
        "SELECT *, 2 AS o.a.b, 3 AS o.c",
        "SELECT (SELECT *, 2 AS a.b FROM e AS i) AS x, (SELECT *, 2 AS a.b FROM o) AS y",
    ):
        rules.compile(sql, "2016-03-23").evaluate(message, environment)
    assert message.members == {"o": {"a": {"b": 1}}, "e": [{"a": {"b": 1}}]}
