from __future__ import annotations

import pytest

import rules

MESSAGE = rules.Message(
    "site/7/data", b'{"a": {"b": "x"}, "n": 10.0, "nul": null, "q": "}", "l": [1, 2.50]}', "bench-7"
)


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("", ""),
        ("plain $ text { } $x", "plain $ text { } $x"),
        ("${topic()}", "site/7/data"),
        ("alarms/${topic(2)}/${a.b}", "alarms/7/x"),
        ("${ a . b }-${clientid()}", "x-bench-7"),
        ("${a.b + '-' + timestamp()}", "x-1700000000123"),
        ("${floor(timestamp() / 1E3)}", "1700000000"),
        ("${'}'}", "}"),
        ("${q + \"}${\" + '{'}!", "}}${{!"),
        ("${n}", "10"),
        ("${l}", "[1,2.5]"),
        ("${n = 10}", "true"),
        ("${1 + 1}${'a'}", "2a"),
        ("${'it''s'}", "it's"),
        ("$${topic(1)}", "$site"),
        ("${{'k': {'l': a.b}}.k.l}/${[1, 2]}", "x/[1,2]"),
        ("${CASE n WHEN 10 THEN 'ten' END}", "ten"),
        ("${get((SELECT VALUE i FROM l AS i WHERE i > 1), 0)}", "2.5"),
        ("${replace(topic(), '/', '-') + '-' + timestamp()}", "site-7-data-1700000000123"),
        ("${parse_time('yyyy', timestamp(), 'UTC')}", "2023"),
    ],
)
def test_templates(environment: rules.Environment, text: str, rendered: str) -> None:
    template = rules.compile_template(text, "2016-03-23")
    assert template.render(MESSAGE, environment) == rendered


@pytest.mark.parametrize(
    ("text", "constant"),
    [("", ""), ("x", "x"), ("${1 + 1}", "2"), ("a${'b'}c", "abc"), ("${a}", None), ("x${a}", None),
     ("${1 / 0}", None)],
)  # fmt: skip
def test_constants_are_known_when_compiling(text: str, constant: str | None) -> None:
    assert rules.compile_template(text).constant == constant


def test_the_version_decides_how_numbers_are_written(environment: rules.Environment) -> None:
    assert rules.compile_template("${n}").render(MESSAGE, environment) == "10.0"
    assert rules.compile_template("${n}", "beta").render(MESSAGE, environment) == "10"


@pytest.mark.parametrize("expression", ["nope", "nul", "a.b.c", "1 / 0", "topic(9)"])
def test_no_value_fails_and_says_which(environment: rules.Environment, expression: str) -> None:
    template = rules.compile_template(f"x/${{{expression}}}/y")
    with pytest.raises(rules.TemplateUndefined) as caught:
        template.render(MESSAGE, environment)
    assert caught.value.expression == expression
    assert caught.value.template == f"x/${{{expression}}}/y"
    assert f"${{{expression}}}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("ab${", 1, 3, "no closing '}'"),
        ("ab${'}", 1, 5, "the string that begins here has no closing '"),
        ("ab${a{}", 1, 3, "no closing '}'"),
        ("ab${}", 1, 5, "expected an expression, found the end"),
        ("ab\n${a +}", 2, 6, "expected an expression"),
        ("${a b}", 1, 5, "expected an operator or the end of the expression"),
        ("${a}${uper(b)}", 1, 7, "unknown function"),
        ("${@v}", 1, 3, "unknown variable '@v'"),
        ("${{'a': 1}}", 1, 3, "an object literal is not part of version 2015-10-08"),
        ("${{'a': 1}", 1, 1, "no closing '}'"),
        ("${SELECT a}", 1, 3, "expected an expression, found 'SELECT'"),
    ],
)
def test_errors_have_their_place_in_the_template(
    text: str, line: int, column: int, says: str
) -> None:
    with pytest.raises(rules.SqlError, match=says) as caught:
        rules.compile_template(text)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_many_openings_are_scanned_in_linear_time() -> None:
    with pytest.raises(rules.SqlError):
        rules.compile_template("${'" * 50_000)
    with pytest.raises(rules.SqlError):
        rules.compile_template("${" * 50_000)
