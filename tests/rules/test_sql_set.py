"""Chapter "SET": variables, in every place they may be used."""

from __future__ import annotations

import pytest

import rules


def run(environment: rules.Environment, sql: str, payload: str, version: str = "2016-03-23") -> str:
    outgoing = rules.compile(sql, version).evaluate(
        rules.Message("a/b", payload.encode()), environment
    )
    return "no match" if outgoing is None else outgoing.decode()


SENSORS = """{"device1": {"deviceId": "w", "deviceData": {"sensors": {"f": 75, "humidity": 60},
    "location": [47.606, -122.332]}}}"""


@pytest.mark.parametrize(
    ("sql", "payload", "expected"),
    [
        ("SET @c = (f - 32) * 5 / 9 SELECT @c AS celsius, humidity FROM 't'",
         '{"f": 50, "humidity": 60}', '{"celsius":10,"humidity":60}'),
        ("SET @a = 1, @b = @a + 1, @c = @b * @b SELECT @a AS a, @b AS b, @c AS c", "{}",
         '{"a":1,"b":2,"c":4}'),
        ("set @A = a select @A as x", '{"a": 5}', '{"x":5}'),
        ("SET @a = a, @A = b SELECT @a AS x, @A AS y", '{"a": 1, "b": 2}', '{"x":1,"y":2}'),
        ("SET @s = device1.deviceData.sensors SELECT @s.f AS f, @s.humidity AS h", SENSORS,
         '{"f":75,"h":60}'),
        ("SET @loc = device1.deviceData.location SELECT get(@loc, 1) AS long", SENSORS,
         '{"long":-122.332}'),
        ("SET @d = device1 SELECT @d.deviceData.sensors.f AS f, @d.nope.x AS g", SENSORS,
         '{"f":75}'),
        ("SET @v = a SELECT * WHERE @v > 3", '{"a": 4}', '{"a": 4}'),
        ("SET @v = a SELECT * WHERE @v > 3", '{"a": 3}', "no match"),
        ("SET @v = nope SELECT * WHERE @v <> 3", '{"a": 3}', "no match"),
        ("SET @v = nope SELECT @v AS x, isUndefined(@v) AS y", "{}", '{"y":true}'),
        ("SET @v = nul SELECT @v AS x", '{"nul": null}', '{"x":null}'),
        ("SET @v = a SELECT @v", '{"a": 1}', '{"v":1}'),
        ("SET @v = a SELECT VALUE @v", '{"a": [1, 2]}', "[1,2]"),
        ("SET @v = a SELECT @v.b", '{"a": {"b": 1}}', '{"b":1}'),
        ("SET @min = min SELECT (SELECT VALUE n FROM e WHERE n > @min) AS big",
         '{"min": 2, "e": [{"n": 1}, {"n": 2}, {"n": 3}]}', '{"big":[3]}'),
        ("SET @e = e SELECT (SELECT VALUE n FROM @e) AS n", '{"e": [{"n": 1}]}', '{"n":[1]}'),
        ("SET @q = (SELECT VALUE n FROM e) SELECT get(@q, 0) AS first", '{"e": [{"n": 1}]}',
         '{"first":1}'),
        ("SET @k = CASE a WHEN 1 THEN 'one' ELSE 'many' END SELECT upper(@k) AS k", '{"a": 1}',
         '{"k":"ONE"}'),
        ("SET @o = {'a': a, 'b': [a]} SELECT @o.b AS b, @o", '{"a": 1}',
         '{"b":[1],"o":{"a":1,"b":[1]}}'),
        ("SET @x = a = 1 SELECT @x AS x", '{"a": 1}', '{"x":true}'),
        ("SET @t = topic(2) SELECT @t + '!' AS t FROM 'a/+'", "no json", '{"t":"b!"}'),
        ("SET @v = a SELECT *", '{"a":  1}', '{"a":  1}'),
        ("SET @l = l SELECT 1 IN @l AS a, '1' IN @l AS b, 0.10 IN @l AS c, [2] IN @l AS d, "
         "TRUE IN @l AS e, {'k': 1} IN @l AS f, nope IN @l AS g, 1 IN @nope AS h, NULL IN @l AS i"
         .replace("@nope", "@l.x"), '{"l": [1.0, "x", 0.1, [2.0], null, {"k": 1}]}',
         '{"a":true,"b":false,"c":true,"d":true,"e":false,"f":true,"i":true}'),
        ("SET @1 = 1, @_x = 2 SELECT @1 + @_x AS y", "{}", '{"y":3}'),
        (f"SET @{'v' * 64} = 1 SELECT @{'v' * 64} AS x", "{}", '{"x":1}'),
    ],
)  # fmt: skip
def test_variables(environment: rules.Environment, sql: str, payload: str, expected: str) -> None:
    assert run(environment, sql, payload) == expected


def test_variables_are_part_of_every_version(environment: rules.Environment) -> None:
    for version in ("2015-10-08", "2016-03-23", "beta"):
        assert run(environment, "SET @v = a + 1 SELECT @v AS x", '{"a": 1}', version) == '{"x":2}'


@pytest.mark.parametrize(
    ("sql", "column", "says"),
    [
        ("SET @a = 1, @a = 2 SELECT 1 AS x", 13, "'@a' has a value already"),
        ("SET @a = @b, @b = 1 SELECT 1 AS x", 10, "unknown variable '@b'"),
        ("SET @a = @a SELECT 1 AS x", 10, "unknown variable '@a'"),
        ("SELECT @a AS x", 8, "unknown variable '@a'"),
        ("SET @a = 1 SELECT * WHERE @b", 27, "unknown variable '@b'"),
        ("SET @a = 1 SET @b = 2 SELECT 1 AS x", 12, "expected an operator, ',' or SELECT"),
        ("SET a = 1 SELECT 1 AS x", 5, "expected a variable, found 'a'"),
        ("SET @a 1 SELECT 1 AS x", 8, "expected '=' and the variable's value"),
        ("SET @a = SELECT 1 AS x", 10, "expected an expression, found 'SELECT'"),
        ("SET SELECT 1 AS x", 5, "expected a variable"),
        ("SET @a = 1", 11, "expected an operator, ',' or SELECT, found the end"),
        (f"SET @{'v' * 65} = 1 SELECT 1 AS x", 5, "at most 64 characters, this one has 65"),
        ("SELECT a SET @a = 1", 10, "expected an operator, AS"),
    ],
)
def test_wrong_uses(sql: str, column: int, says: str) -> None:
    with pytest.raises(rules.SqlError) as caught:
        rules.compile(sql, "2016-03-23")
    assert says in str(caught.value)
    assert (caught.value.line, caught.value.column) == (1, column)


def test_an_unknown_variable_comes_with_a_hint() -> None:
    for sql, hint in (
        ("SELECT @a AS x", "give it a value before SELECT: SET @a = …"),
        ("SET @celsius = 1 SELECT @celsuis AS x", "did you mean @celsius?"),
        ("SET @a = 1, @b = 2 SELECT @zzz AS x", "known here: @a, @b"),
    ):
        with pytest.raises(rules.SqlError) as caught:
            rules.compile(sql)
        assert caught.value.hint == hint


def test_a_variable_is_computed_once(environment: rules.Environment) -> None:
    given = iter(range(10))
    once = rules.Environment(now_ms=lambda: next(given))
    statement = rules.compile("SET @now = timestamp() SELECT @now AS a, @now AS b WHERE @now >= 0")
    assert statement.evaluate(rules.Message("t", b"{}"), once) == b'{"a":0,"b":0}'
    assert statement.evaluate(rules.Message("t", b"{}"), once) == b'{"a":1,"b":1}'


def test_templates_see_what_the_statement_computed(environment: rules.Environment) -> None:
    given = iter(range(10))
    clock = rules.Environment(now_ms=lambda: next(given))
    statement = rules.compile("SET @now = timestamp(), @o = {'k': a} SELECT *", "2016-03-23")
    assert statement.variables == ("now", "o")
    template = rules.compile_template(
        "at/${@now}/${@o.k}", "2016-03-23", variables=statement.variables
    )
    context = rules.Context(rules.Message("t", b'{"a": "x"}'), clock)
    statement.evaluate_in(context)
    assert template.render_in(context) == "at/0/x"
    assert template.render_in(context) == "at/0/x"


def test_a_template_knows_the_variables_of_its_rule_only() -> None:
    with pytest.raises(rules.SqlError, match="unknown variable '@b'"):
        rules.compile_template("${@b}", variables=("a",))
    template = rules.compile_template("${@b}", variables=None)
    environment = rules.Environment(now_ms=lambda: 0)
    with pytest.raises(rules.TemplateUndefined):
        template.render(rules.Message("t", b"{}"), environment)


def test_a_variable_has_no_value_in_a_context_without_an_evaluation() -> None:
    template = rules.compile_template("${@a}", variables=("a",))
    with pytest.raises(rules.TemplateUndefined):
        template.render(rules.Message("t", b"{}"), rules.Environment(now_ms=lambda: 0))
