"""Properties: the parser's errors, the printer, arithmetic, and the fast paths."""

from __future__ import annotations

import json
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

import rules
from rules.closures import compare_attribute, native_number
from rules.message import Context
from rules.operators import BINARY
from rules.parser import parse
from rules.payload import decode
from rules.printer import print_query
from rules.syntax import (
    ArrayLiteral,
    Assignment,
    Attribute,
    Binary,
    Boolean,
    Call,
    Case,
    Cast,
    Exists,
    Member,
    Node,
    Null,
    Number,
    ObjectLiteral,
    Position,
    Query,
    SelectItem,
    Star,
    Subquery,
    Text,
    Unary,
    Variable,
)
from rules.values import CONTEXT, DIALECTS, UNDEFINED, V2016, number_text

HERE = Position(1, 1)
ENVIRONMENT = rules.Environment(now_ms=lambda: 1)
FEW = settings(max_examples=150, derandomize=True, deadline=None, database=None)

VALID = (
    "SELECT a, b.c AS d FROM 'x/+/#' WHERE a > 3 AND NOT (b = 'x' OR c <> 1.5E-3)",
    'SELECT VALUE CAST(a AS String) FROM "t" WHERE isUndefined(b) = FALSE',
    "SELECT *, timestamp() AS ts, get(a, 'it''s') AS i, -x % 2 AS m FROM 't'",
    "SELECT upper(concat(topic(1), '-', clientid())) AS k WHERE (a - 1) * 2 <= round(b / 3)",
    "SET @v = a, @w = {'k': [@v, b]} SELECT @w.k AS x.y, (SELECT VALUE d FROM c AS i WHERE i <> 1)"
    " AS n FROM 't' WHERE @v IN [1, 'x'] AND EXISTS (SELECT * FROM a AS i WHERE i = 1)",
    "SELECT CASE a WHEN b THEN 'x' WHEN 2 THEN {'y': [a, {}]} ELSE get(a, 0) END AS z FROM 't'",
)
PIECES = ("SELECT", "FROM", "WHERE", " AS ", "VALUE", "NOT", "(", ")", "'", '"', ",", ".", "*", "-",
          "=", "<>", "1", "1e", "a", "@v", "[", "]", "{", "{'k':", "}", ":", "CASE", "WHEN", "THEN",
          "ELSE", "END", "IN", "EXISTS", "(SELECT", "SET", "@v =", "CAST(", "NULL", " ", "\n", "é",
          "\0", "$")  # fmt: skip

mutations = st.lists(
    st.tuples(st.integers(0, 120), st.integers(0, 6), st.sampled_from(PIECES)),
    min_size=1,
    max_size=6,
)


def compiles_or_refuses(sql: str, version: str) -> None:
    try:
        statement = rules.compile(sql, version)
    except rules.SqlError as error:
        assert error.line >= 1
        assert error.column >= 1
        return
    statement.evaluate(rules.Message("a/b", b'{"a": [1], "b": "2", "c": {"d": 0.5}}'), ENVIRONMENT)


@FEW
@given(st.text(max_size=60), st.sampled_from(tuple(DIALECTS)))
def test_any_text_compiles_or_is_an_sql_error(text: str, version: str) -> None:
    compiles_or_refuses(text, version)
    compiles_or_refuses("SELECT " + text, version)


@FEW
@given(st.lists(st.sampled_from(PIECES), max_size=25), st.sampled_from(tuple(DIALECTS)))
def test_any_row_of_tokens_compiles_or_is_an_sql_error(pieces: list[str], version: str) -> None:
    compiles_or_refuses("SELECT " + " ".join(pieces), version)
    compiles_or_refuses("".join(pieces), version)


@FEW
@given(st.sampled_from(VALID), mutations, st.sampled_from(tuple(DIALECTS)))
def test_mutated_sql_compiles_or_is_an_sql_error(
    sql: str, changes: list[tuple[int, int, str]], version: str
) -> None:
    for at, length, piece in changes:
        at = min(at, len(sql))
        sql = sql[:at] + piece + sql[at + length :]
    compiles_or_refuses(sql, version)


def test_the_valid_statements_are_valid() -> None:
    message = rules.Message("a/b", b'{"a": [1], "b": "2", "c": {"d": 0.5}}')
    for sql in VALID:
        statement = rules.compile(sql, "2016-03-23")
        assert statement.warnings == ()
        statement.evaluate(message, ENVIRONMENT)


# --- parse → print → parse -----------------------------------------------------------------------

names = st.sampled_from(("a", "b2", "_c", "value", "case", "end", "in", "set", "exists"))
variables = st.sampled_from(("v", "_1", "set"))
keys = st.text(st.characters(exclude_categories=("Cs",)), max_size=4)
aliases = st.sampled_from(((), ("x",), ("value",), ("end", "a", "in")))
numbers = st.integers(0, 10**34 - 1) | st.decimals(
    min_value=0, max_value=Decimal("1E30"), allow_nan=False, allow_infinity=False, places=4
).map(CONTEXT.create_decimal)
leaves: st.SearchStrategy[Node] = st.one_of(
    numbers.map(lambda value: Number(value, HERE)),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=6).map(lambda v: Text(v, HERE)),
    st.booleans().map(lambda value: Boolean(value, HERE)),
    st.just(Null(HERE)),
    names.map(lambda name: Attribute(name, HERE)),
    variables.map(lambda name: Variable(name, HERE)),
)


def grow(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    operators = st.sampled_from(tuple(BINARY))
    return st.one_of(
        st.builds(lambda o, a, b: Binary(o, a, b, HERE), operators, nodes, nodes),
        st.builds(lambda o, a: Unary(o, a, HERE), st.sampled_from(("-", "NOT")), nodes),
        st.builds(lambda a, name: Member(a, name, HERE), nodes, names),
        st.builds(
            lambda name, each: Call(name, tuple(each), HERE),
            st.sampled_from(("upper", "f", "get")),
            st.lists(nodes | st.just(Star(HERE)), max_size=3),
        ),
        st.builds(lambda a: Cast(a, "String", HERE, HERE), nodes),
        st.builds(lambda each: ArrayLiteral(tuple(each), HERE), st.lists(nodes, max_size=3)),
        st.builds(
            lambda each: ObjectLiteral(tuple(each), HERE),
            st.lists(st.tuples(keys, nodes), max_size=3),
        ),
        st.builds(
            lambda operand, branches, otherwise: Case(operand, tuple(branches), otherwise, HERE),
            nodes,
            st.lists(st.tuples(nodes, nodes), min_size=1, max_size=2),
            st.none() | nodes,
        ),
        subqueries(nodes),
        st.builds(lambda query: Exists(query, HERE), subqueries(nodes)),
    )


def subqueries(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Subquery]:
    def build(
        selection: tuple[bool, tuple[SelectItem, ...]],
        source: Node,
        alias: str | None,
        where: Node | None,
    ) -> Subquery:
        is_value, items = selection
        return Subquery(items, is_value, source, alias, where, HERE)

    # FROM takes what needs no parentheses to stand before a dot, or parentheses
    sources = st.one_of(
        names.map(lambda name: Attribute(name, HERE)),
        st.builds(lambda a, name: Member(a, name, HERE), nodes, names),
        st.builds(lambda each: ArrayLiteral(tuple(each), HERE), st.lists(nodes, max_size=2)),
        nodes,
    )
    return st.builds(build, selections(nodes), sources, st.none() | names, st.none() | nodes)


def selections(
    nodes: st.SearchStrategy[Node],
) -> st.SearchStrategy[tuple[bool, tuple[SelectItem, ...]]]:
    listed = st.builds(SelectItem, nodes | st.just(Star(HERE)), aliases)
    return st.one_of(
        st.lists(listed, min_size=1, max_size=3).map(lambda each: (False, tuple(each))),
        nodes.map(lambda node: (True, (SelectItem(node),))),
    )


nodes = st.recursive(leaves, grow, max_leaves=12)
queries = st.builds(
    lambda selection, topic_filter, where, assigned: Query(
        selection[1], selection[0], topic_filter, where, tuple(assigned)
    ),
    selections(nodes),
    st.none() | st.sampled_from(("a/b", "it's/#")),
    st.none() | nodes,
    st.lists(
        st.builds(lambda name, node: Assignment(name, node, HERE), variables, nodes), max_size=2
    ),
)


@FEW
@given(queries)
def test_printing_and_parsing_again_gives_the_same_tree(query: Query) -> None:
    printed = print_query(query)
    assert parse(printed) == query
    assert print_query(parse(printed)) == printed


# --- numbers -------------------------------------------------------------------------------------

decimals = st.decimals(
    min_value=Decimal("-1E18"), max_value=Decimal("1E18"), allow_nan=False, allow_infinity=False
).map(CONTEXT.create_decimal)
values = st.integers(-(10**17), 10**17) | decimals
ARITHMETIC = {"+": CONTEXT.add, "-": CONTEXT.subtract, "*": CONTEXT.multiply, "/": CONTEXT.divide}


@FEW
@given(values, values, st.sampled_from(tuple(ARITHMETIC)))
def test_arithmetic_agrees_with_decimal(a: int | Decimal, b: int | Decimal, operator: str) -> None:
    statement = rules.compile(f"SELECT VALUE a {operator} b", "2016-03-23")
    payload = f'{{"a": {a}, "b": {b}}}'.encode()
    outgoing = statement.evaluate(rules.Message("t", payload), ENVIRONMENT)
    if operator == "/" and not b:
        assert outgoing == b""
        return
    assert outgoing is not None
    result = Decimal(outgoing.decode())
    assert result == ARITHMETIC[operator](Decimal(a), Decimal(b))


short = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places),
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.integers(0, 14),
)


@FEW
@given(short, short | values, st.sampled_from(("=", "<>", "<", "<=", ">", ">=")))
def test_comparing_natively_agrees_with_decimal(
    number: Decimal, other: int | Decimal, symbol: str
) -> None:
    read = decode(f'{{"a": {number:f}}}'.encode())
    assert isinstance(read, dict)
    context = Context(rules.Message("t", b""), ENVIRONMENT)
    for constant in (other, number, number.next_plus(CONTEXT)):
        fast = compare_attribute("a", symbol, constant, V2016)(read, context)
        assert fast is BINARY[symbol](number, constant, V2016)


def test_constants_of_more_than_fifteen_digits_are_not_compared_natively() -> None:
    assert native_number(Decimal("0.5")) == 0.5
    assert native_number(Decimal("0.1000000000000001")) is None
    assert native_number(Decimal("1E-300")) is None
    assert native_number(Decimal("1E15")) is None
    assert native_number("5") is None
    assert native_number(UNDEFINED) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats(
        allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=3), below),
    max_leaves=8,
)  # fmt: skip


@FEW
@given(st.dictionaries(st.sampled_from(("a", "b", "c")), json_values, min_size=1))
def test_what_passes_through_select_keeps_its_numbers(members: dict[str, object]) -> None:
    payload = json.dumps(members).encode()
    statement = rules.compile("SELECT *, 1 AS added", "2016-03-23")
    outgoing = statement.evaluate(rules.Message("t", payload), ENVIRONMENT)
    assert outgoing is not None

    def rounded(text: str) -> Decimal:
        return CONTEXT.create_decimal(text)

    sent = json.loads(payload, parse_float=rounded, parse_int=rounded)
    got = json.loads(outgoing, parse_float=rounded, parse_int=rounded)
    assert got == sent | {"added": 1}


@FEW
@given(decimals)
def test_a_number_as_text_is_the_same_number(number: Decimal) -> None:
    for each in DIALECTS.values():
        assert Decimal(number_text(number, each)) == number
