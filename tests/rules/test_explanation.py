"""What a person is told about one evaluation."""

from __future__ import annotations

import pytest

import rules

PAYLOAD = b'{"a": 4, "b": "x", "c": {"d": 1.0}}'


def explained(
    environment: rules.Environment, sql: str, payload: bytes = PAYLOAD
) -> rules.Explanation:
    statement = rules.compile(sql, "2016-03-23")
    found = rules.explain(statement, rules.Context(rules.Message("t/u", payload), environment))
    assert found.output == statement.evaluate(rules.Message("t/u", payload), environment)
    return found


def shown(clauses: tuple[rules.Clause, ...]) -> list[tuple[str, str, str]]:
    return [(clause.name, clause.text, rules.show(clause.value)) for clause in clauses]


def test_each_clause_has_its_value(environment: rules.Environment) -> None:
    found = explained(
        environment,
        "SET @k = a + 1, @n = nope SELECT *, c.d, upper(b) AS x.y, @n AS n, (@k * 2) AS k "
        "FROM 't/#' WHERE @k > 3 AND NOT (b = 'y' OR nope = 1) AND topic(1) = 't'",
    )
    assert shown(found.variables) == [("@k", "a + 1", "5"), ("@n", "nope", "Undefined")]
    assert found.where is not None
    assert rules.show(found.where.value) == "Undefined"
    assert shown(found.conditions) == [
        ("", "@k > 3", "true"),
        ("", "NOT (b = 'y' OR nope = 1)", "Undefined"),
        ("", "b = 'y'", "false"),
        ("", "nope = 1", "Undefined"),
        ("", "topic(1) = 't'", "true"),
    ]
    assert found.items == ()
    assert found.output is None


def test_items_come_with_their_keys(environment: rules.Environment) -> None:
    found = explained(
        environment, "SELECT *, c.d, upper(b) AS x.y, nope, a + 1 AS k WHERE NOT b = 'y'"
    )
    assert shown(found.items) == [
        ("", "*", '{"a":4,"b":"x","c":{"d":1}}'),
        ("d", "c.d", "1"),
        ("x.y", "upper(b)", '"X"'),
        ("nope", "nope", "Undefined"),
        ("k", "a + 1", "5"),
    ]
    assert found.conditions == ()
    assert found.output == b'{"a":4,"b":"x","c":{"d":1},"d":1,"x":{"y":"X"},"k":5}'


@pytest.mark.parametrize(
    ("sql", "payload", "items", "output"),
    [
        ("SELECT *", b" {} ", [("", "*", "{}")], b" {} "),
        ("SELECT *", b"\xff", [("", "*", "Undefined")], b"\xff"),
        ("SELECT VALUE a", PAYLOAD, [("", "a", "4")], b"4"),
        ("SELECT VALUE nope", PAYLOAD, [("", "nope", "Undefined")], b""),
        ("SELECT a WHERE a = 4", PAYLOAD, [("a", "a", "4")], b'{"a":4}'),
        ("SELECT a WHERE 'true'", PAYLOAD, [], None),
    ],
)
def test_forms_of_select(
    environment: rules.Environment,
    sql: str,
    payload: bytes,
    items: list[tuple[str, str, str]],
    output: bytes | None,
) -> None:
    found = explained(environment, sql, payload)
    assert shown(found.items) == items
    assert found.output == output
    assert found.conditions == ()


def test_templates_can_be_rendered_afterwards(environment: rules.Environment) -> None:
    statement = rules.compile("SET @k = a + 1 SELECT * WHERE @k > 1 AND @k < 9", "2016-03-23")
    context = rules.Context(rules.Message("t", PAYLOAD), environment)
    rules.explain(statement, context)
    template = rules.compile_template("n/${@k}", variables=statement.variables)
    assert template.render_in(context) == "n/5"


class _OneItem(rules.Outside):
    def dynamodb_item(self, table_name: str, key: object) -> bytes | None:
        return b'{"on": true}'


def test_parts_of_where_are_evaluated_once(environment: rules.Environment) -> None:
    asking = rules.Environment(now_ms=lambda: 0, outside=_OneItem())
    statement = rules.compile(
        "SELECT a WHERE get_dynamodb('t', 'k', b, 'arn').on = TRUE AND a > 1", "2016-03-23"
    )
    assert statement.reaches_out
    found = rules.explain(statement, rules.Context(rules.Message("t", PAYLOAD), asking))
    assert [rules.show(clause.value) for clause in found.conditions] == ["true", "true"]
    assert found.output == b'{"a":4}'
    with pytest.raises(rules.EvaluationFailed):
        rules.explain(statement, rules.Context(rules.Message("t", PAYLOAD), environment))
