from __future__ import annotations

import pytest

import rules
from rules.parser import parse
from rules.printer import print_expression, print_query
from rules.syntax import Attribute, Star


def condition(sql: str) -> str:
    where = parse(f"SELECT * WHERE {sql}").where
    assert where is not None
    return print_expression(where)


@pytest.mark.parametrize(
    ("written", "grouped"),
    [
        ("a = 1 OR b = 2 AND c = 3", "a = 1 OR (b = 2 AND c = 3)"),
        ("NOT a = 1", "NOT (a = 1)"),
        ("NOT a AND b", "(NOT a) AND b"),
        ("a + b * c", "a + (b * c)"),
        ("a - b - c", "(a - b) - c"),
        ("a / b * c % d", "((a / b) * c) % d"),
        ("a + 1 > b - 1", "(a + 1) > (b - 1)"),
        ("-a.b + 1", "(-(a.b)) + 1"),
        ("a.b.c", "(a.b).c"),
        ("f(a).b", "(f(a)).b"),
    ],
)
def test_precedence(written: str, grouped: str) -> None:
    assert parse(f"SELECT * WHERE {written}") == parse(f"SELECT * WHERE {grouped}")


def test_grouping_to_the_right_needs_parentheses() -> None:
    assert condition("a - (b - c)") == "a - (b - c)"
    assert condition("(a - b) - c") == "a - b - c"
    assert condition("(a = b) = c") == "(a = b) = c"
    assert condition("NOT (NOT a)") == "NOT (NOT a)"
    assert condition("-(-a)") == "-(-a)"


def test_keywords_and_functions_are_not_case_sensitive_but_names_are() -> None:
    assert parse("select A as x from 't' where a And b") == parse(
        "SELECT A AS x FROM 't' WHERE a AND b"
    )
    assert parse("SELECT A") != parse("SELECT a")


@pytest.mark.parametrize(
    ("sql", "is_value"),
    [
        ("SELECT VALUE a", True),
        ("select value state.reported FROM 't'", True),
        ("SELECT VALUE 'x'", True),
        ("SELECT VALUE (a + 1)", True),
        ("SELECT VALUE NOT a", True),
        ("SELECT value", False),
        ("SELECT value FROM 't'", False),
        ("SELECT value, a", False),
        ("SELECT value AS v", False),
        ("SELECT value.x", False),
        ("SELECT value - 1 AS v", False),
        ("SELECT value * 2 AS v", False),
    ],
)
def test_value_is_a_keyword_only_where_it_makes_sense(sql: str, is_value: bool) -> None:
    assert parse(sql).is_value is is_value


@pytest.mark.parametrize("name", ["value", "set", "case", "in", "exists", "end", "item2", "_x"])
def test_other_keywords_are_attributes_in_an_attributes_place(name: str) -> None:
    query = parse(f"SELECT a, {name} FROM 't' WHERE {name} = 1")
    item = query.items[1].expression
    assert isinstance(item, Attribute)
    assert item.name == name


def test_members_may_have_any_keyword_for_a_name() -> None:
    query = parse("SELECT a.from, a.value.and FROM 't'")
    assert print_query(query) == "SELECT a.from, a.value.and FROM 't'"


def test_both_quote_styles_make_strings_and_a_doubled_quote_is_one() -> None:
    assert parse("""SELECT * WHERE a = "it's" """) == parse("SELECT * WHERE a = 'it''s'")
    assert parse('SELECT * FROM "a/b"').topic_filter == "a/b"


def test_from_and_where_are_optional() -> None:
    query = parse("SELECT *")
    assert query.topic_filter is None
    assert query.where is None
    assert isinstance(query.items[0].expression, Star)


@pytest.mark.parametrize(
    ("sql", "line", "column", "says"),
    [
        ("", 1, 1, "expected SELECT, found the end of the text"),
        ("UPDATE x", 1, 1, "expected SELECT, found 'UPDATE'"),
        ("SELECT", 1, 7, "expected an expression, found the end"),
        ("SELECT FROM 't'", 1, 8, "expected an expression, found 'FROM'"),
        ("SELECT a,\n  FROM 't'", 2, 3, "expected an expression"),
        ("SELECT a b FROM 't'", 1, 10, "expected an operator, AS, ',', FROM or WHERE, found 'b'"),
        ("SELECT * FROM t", 1, 15, "expected a topic filter in quotes, found 't'"),
        ("SELECT * FROM 't", 1, 15, "no closing '"),
        ("SELECT * FROM 't' AND a", 1, 19, "expected WHERE or the end of the statement"),
        ("SELECT * FROM 't' WHERE", 1, 24, "expected an expression"),
        ("SELECT * FROM 't' WHERE a = 1 b", 1, 31, "expected an operator or the end"),
        ("SELECT * FROM 't' WHERE a == 1", 1, 28, "expected an expression, found '='"),
        ("SELECT * FROM 't' WHERE a != 1", 1, 27, "unexpected character '!'"),
        ("SELECT * FROM 't' WHERE a < b < c", 1, 31, "expected AND, OR or the end"),
        ("SELECT * FROM 't' WHERE (a = 1", 1, 31, "expected an operator or ')'"),
        ("SELECT * FROM 't' WHERE a = NOT b", 1, 29, "expected an expression, found 'NOT'"),
        ("SELECT a AS 'x'", 1, 13, "expected a name after AS, found the string 'x'"),
        ("SELECT a AS FROM 't'", 1, 13, "expected a name after AS"),
        ("SELECT f(a FROM 't'", 1, 12, "expected an operator, ',' or ')'"),
        ("SELECT a.1 FROM 't'", 1, 10, "expected the name of a member"),
        ("SELECT a[0] FROM 't'", 1, 9, "expected an operator, found '['"),
        ("SELECT 1. AS x", 1, 8, "malformed number '1.'"),
        ("SELECT 1E+5 AS x", 1, 8, "malformed number '1E'"),
        ("SELECT 12abc AS x", 1, 8, "malformed number '12a'"),
        ("SELECT 1.2.3 AS x", 1, 8, "malformed number"),
        ("SELECT .5 AS x", 1, 8, "expected an expression, found '.'"),
        ("SELECT 1E1000 AS x", 1, 8, "outside the range"),
        ("SELECT --1 AS x", 1, 9, "expected an expression"),
        ("SELECT VALUE -a", 1, 8, "VALUE is an attribute here"),
        ("SELECT VALUE * 2", 1, 8, "VALUE is an attribute here"),
        ("SELECT 1E-1000 AS x", 1, 8, "outside the range"),
        ("SELECT 1E-5000 AS x", 1, 8, "outside the range"),
        ("SELECT CAST(a) AS x", 1, 14, "expected an operator or AS"),
        ("SELECT CAST(a AS Strin) AS x", 1, 18, "unknown type 'Strin'"),
        ("SELECT uper(a) AS x", 1, 8, "unknown function 'uper'"),
        ("SELECT CAST(a AS 5) AS x", 1, 18, "expected the name of a type, found '5'"),
        ("SELECT $a AS x", 1, 8, "unexpected character '$'"),
        ("SELECT (*) AS x", 1, 9, "expected an expression, found '*'"),
        ("SELECT a AS x.", 1, 15, "expected a name after AS, found the end"),
        ("SELECT '\ud800' AS x", 1, 8, "half of a surrogate pair"),
    ],
)
def test_an_error_says_where_and_what_was_expected(
    sql: str, line: int, column: int, says: str
) -> None:
    with pytest.raises(rules.SqlError) as caught:
        rules.compile(sql, "2016-03-23")
    assert says in str(caught.value)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value).startswith(f"line {line}, column {column}: ")


def test_an_error_carries_what_was_expected_and_found_and_a_hint() -> None:
    with pytest.raises(rules.SqlError) as caught:
        rules.compile("SELECT * FROM topic")
    assert caught.value.expected == "a topic filter in quotes"
    assert caught.value.found == "'topic'"
    with pytest.raises(rules.SqlError) as caught:
        rules.compile("SELECT uper(a)")
    assert caught.value.hint == "did you mean upper?"


@pytest.mark.parametrize(
    ("sql", "column", "hint"),
    [
        # misspelt keywords
        ("SELEC a", 1, "did you mean SELECT?"),
        ("SETT @a = 1 SELECT @a", 1, "did you mean SET?"),
        ("SET @a = 1 SELCT @a", 12, "did you mean SELECT?"),
        ("SELECT a FORM 't'", 10, "did you mean FROM?"),
        ("SELECT * frm 't'", 10, "did you mean FROM?"),
        ("SELECT VALUE a FRM 't'", 16, "did you mean FROM?"),
        ("SELECT a AS b FRM 't'", 15, "did you mean FROM?"),
        ("SELECT a WHER b", 10, "did you mean WHERE?"),
        ("SELECT * FROM 't' WHER a", 19, "did you mean WHERE?"),
        ("SELECT * WHERE a AN b", 18, "did you mean AND?"),
        ("SELECT * WHERE a ADN b", 18, "did you mean AND?"),
        ("SELECT * WHERE 'a' ADN 'b'", 20, "did you mean AND?"),
        ("SELECT * WHERE (a ODER b)", 19, "did you mean OR?"),
        ("SELECT (SELECT a FORM b)", 18, "did you mean FROM?"),
        ("SELECT (SELECT a FROM b WEHRE c)", 25, "did you mean WHERE?"),
        ("SELECT * WHERE EXISTS(SELET a FROM b)", 23, "did you mean SELECT?"),
        # what is like no keyword, too short, too long or a keyword itself gets no such hint
        ("SELECT a temperature FROM 't'", 10, ""),
        ("SELECT a o FROM 't'", 10, ""),
        ("SELECT a FROMMMMMMMM 't'", 10, ""),
        ("SELECT a END", 10, ""),
        # operators of other languages
        ("SELECT * WHERE a == 1", 19, "equality is one ="),
        ("SELECT * WHERE a => 1", 19, "write >="),
        ("SELECT * WHERE a =< 1", 19, "write <="),
        ("SELECT a ** 2", 11, "write power(a, b)"),
        ("SELECT - -a", 10, "write -(-a)"),
        ("SELECT .5", 8, "numbers begin with a digit: 0.5"),
        ("SELECT * WHERE a != 1", 18,
         "write <>; operators are = <> < <= > >= IN AND OR NOT + - * / %"),
        ("SELECT * WHERE !a", 16, "write NOT; operators are"),
        ("SELECT a || b", 10, "concat(a, b) or a + b; conditions with OR"),
        ("SELECT a | b", 10, "write bitor(a, b)"),
        ("SELECT * WHERE a && b", 18, "write AND; operators are"),
        ("SELECT a & b", 10, "write bitand(a, b)"),
        ("SELECT a ^ b", 10, "write power(a, b), or bitxor(a, b)"),
        ("SELECT * WHERE a LIKE 'x'", 18, "write regexp_matches"),
        ("SELECT * WHERE a IS NULL", 18, "write isNull(a), or isUndefined(a)"),
        ("SELECT * WHERE a BETWEEN 1 AND 2", 18, "write a >= 1 AND a <= 2"),
        ("SELECT * WHERE a NOT IN b", 18, "NOT (a IN b)"),
        ("SELECT * WHERE a NOT LIKE b", 18, "NOT comes before all of it"),
        ("SELECT * WHERE a IN 1, 2", 22, "a list is an array: a IN [1, 2]"),
        ("SELECT * WHERE a IN (1, 2)", 23, "a list is an array"),
        ("SELECT a[0]", 9, "an item of an array is get(array, 0)"),
        # comments, quotes, the end
        ("SELECT a -- b", 11, "there are no comments; minus a negative is written with a blank"),
        ("SELECT a -- it isn't", 11, "there are no comments"),
        ("SELECT a FROM 't' --", 20, "there are no comments"),
        ("SELECT /* a */ b", 9, "there are no comments"),
        ("SELECT a // b", 11, "there are no comments"),
        ("SELECT a # b", 10, "there are no comments"),
        ("SELECT a FROM 't';", 18, "without a semicolon"),
        ("SELECT \u201ca\u201d AS b", 8, "quotes are straight: ' or \""),
        ("SELECT \u201ea\u201c AS b", 8, "quotes are straight"),
        ("SELECT \u2018a\u2019 AS b", 8, "quotes are straight"),
        ("SELECT `a`", 8, "only strings in quotes"),
        ("SELECT größe", 10, "names are made of the letters A to Z, digits and _"),
        ("SELECT 'a", 8, "a ' within the string is written twice"),
        ("SELECT parse_time('yyyy'T'HH', 0)", 25, "a quote within a string is written twice"),
        # the order of the parts, and names
        ("SELECT a WHERE b FROM 't'", 18, "FROM comes before WHERE"),
        ("SELECT (SELECT a WHERE b FROM c)", 18, "FROM comes before WHERE"),
        ("SELECT a AS my-key", 15, "SELECT VALUE {'my-key': a}"),
        ("SELECT (SELECT a AS my-key FROM b)", 23, "SELECT VALUE {'my-key': a}"),
        ("SELECT a AS 'my-key'", 13, "SELECT VALUE {'my-key': a}"),
        ("SELECT a AS b = c", 15, ""),
    ],
)  # fmt: skip
def test_an_error_says_what_to_do(sql: str, column: int, hint: str) -> None:
    with pytest.raises(rules.SqlError) as caught:
        rules.compile(sql, "2016-03-23")
    assert caught.value.column == column
    assert hint in caught.value.hint
    assert bool(hint) == bool(caught.value.hint)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a b", "an operator, AS, ',', FROM or WHERE"),
        ("SELECT * b", "AS, ',', FROM or WHERE"),
        ("SELECT a AS b c", "',', FROM or WHERE"),
        ("SELECT VALUE a AS b", "an operator, FROM or WHERE"),
        ("SELECT VALUE a, b", "an operator, FROM or WHERE"),
        ("SELECT (SELECT a b FROM c)", "an operator, AS, ',' or FROM"),
        ("SELECT (SELECT * b FROM c)", "AS, ',' or FROM"),
        ("SELECT (SELECT a AS b c FROM d)", "',' or FROM"),
        ("SELECT (SELECT VALUE a, b FROM d)", "an operator or FROM"),
    ],
)
def test_what_may_follow_an_item_depends_on_it(sql: str, expected: str) -> None:
    with pytest.raises(rules.SqlError) as caught:
        rules.compile(sql, "2016-03-23")
    assert caught.value.expected == expected


def test_minus_a_negative_needs_a_blank(environment: rules.Environment) -> None:
    message = rules.Message("t", b'{"a": 5, "b": 2}')
    for sql in ("SELECT VALUE (a - -b)", "SELECT VALUE (a -(-b))", "SELECT VALUE (a -\n-b)"):
        assert rules.compile(sql, "2016-03-23").evaluate(message, environment) == b"7"
    assert condition("a - -b") == "a - -b"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT {}(a)",
        "SELECT CAST(a AS {})",
        "SELECT * FROM {}",
        "SELECT a {}",
        "SELECT * FROM 't'{}",
    ],
)
def test_a_long_name_does_not_make_a_long_error(sql: str) -> None:
    with pytest.raises(rules.SqlError) as caught:
        rules.compile(sql.format("f" * 200_000))
    assert len(caught.value.problem) <= 500
    assert len(str(caught.value)) < 550
    assert max(map(len, (caught.value.expected, caught.value.found, caught.value.hint))) <= 300


def test_an_error_keeps_short_texts_and_cuts_long_ones() -> None:
    error = rules.SqlError("p" * 500, 1, 2, expected="e" * 300, found="f" * 300, hint="h" * 300)
    assert str(error) == "line 1, column 2: " + "p" * 500
    assert (error.expected, error.found, error.hint) == ("e" * 300, "f" * 300, "h" * 300)
    error = rules.SqlError("p" * 501, 1, 2, expected="e" * 301, found="f" * 301, hint="h" * 301)
    assert error.problem == "p" * 499 + "…"
    assert str(error).endswith("p…")
    assert (error.expected, error.found, error.hint) == ("e" * 299 + "…", "f" * 299 + "…",
                                                         "h" * 299 + "…")  # fmt: skip


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * WHERE " + "(" * 1000 + "a" + ")" * 1000,
        "SELECT * WHERE " + "abs(" * 1000 + "a" + ")" * 1000,
        "SELECT * WHERE " + "NOT (" * 1000 + "a" + ")" * 1000,
        "SELECT * WHERE " + "-(" * 1000 + "a" + ")" * 1000,
        "SELECT * WHERE " + "(" * 40_000,
        "SELECT * WHERE a" + " + 1" * 1000,
        "SELECT a" + ".b" * 1000,
        "SELECT * WHERE a = 1" + " OR a = 2" * 10_000,
        "SELECT " + "[" * 1000 + "]" * 1000,
        "SELECT " + "{'a':" * 1000 + "1" + "}" * 1000,
        "SELECT " + "(SELECT a FROM " * 1000 + "e" + ")" * 1000,
        "SELECT " + "(SELECT (" * 1000,
        "SELECT " + "CASE a WHEN " * 1000,
        "SET @a = " + "CASE " * 1000,
        "SELECT * WHERE " + "EXISTS (SELECT a FROM e WHERE " * 1000,
    ],
    ids=[
        *("parens", "calls", "not", "minus", "open", "sum", "path", "or", "arrays", "objects"),
        *("sources", "selects", "when", "case", "exists"),
    ],
)
def test_deep_nesting_is_an_error_of_the_statement(sql: str) -> None:
    with pytest.raises(rules.SqlError, match="levels deep"):
        rules.compile(sql)


def test_what_a_person_writes_is_not_too_deep(environment: rules.Environment) -> None:
    deep = "(" * 50 + "a" + ")" * 50
    chain = " OR ".join(f"a = {number}" for number in range(200))
    message = rules.Message("t", b'{"a": 199}')
    for sql in (f"SELECT * WHERE {deep} = 199", f"SELECT * WHERE {chain}"):
        assert rules.compile(sql).evaluate(message, environment) == message.payload


def test_a_statement_has_a_limit() -> None:
    with pytest.raises(rules.SqlError, match="a statement has at most"):
        rules.compile("SELECT *" + " " * 300_000)


@pytest.mark.parametrize(
    ("sql", "version"),
    [
        ("SELECT isUndefined(a) AS x", "2015-10-08"),
        ("SELECT CAST(a AS Decimal) AS x", "2015-10-08"),
        ("SELECT CAST(a AS Boolean) AS x", "2015-10-08"),
    ],
)
def test_later_features_are_refused_in_the_old_version(sql: str, version: str) -> None:
    with pytest.raises(rules.SqlError, match=f"not part of version {version}") as caught:
        rules.compile(sql, version)
    assert "awsIotSqlVersion" in caught.value.hint
    assert rules.compile(sql, "2016-03-23").version == "2016-03-23"
    assert rules.compile(sql, "beta").version == "beta"


def test_unknown_versions_are_refused_and_the_default_is_the_oldest() -> None:
    with pytest.raises(rules.SqlError, match="unknown SQL version '2017-01-01'"):
        rules.compile("SELECT *", "2017-01-01")
    assert rules.compile("SELECT *").version == "2015-10-08"


def test_a_wrong_number_of_arguments_is_a_warning(environment: rules.Environment) -> None:
    statement = rules.compile("SELECT abs(1, 2) AS x FROM 't'")
    assert statement.warnings == (
        "line 1, column 8: abs takes 1 argument, not 2: the result is always Undefined",
    )
    assert statement.evaluate(rules.Message("t", b""), environment) == b"{}"
    (warning,) = rules.compile("SELECT topic(1, 2) AS x").warnings
    assert "topic takes 0 or 1 arguments, not 2" in warning


@pytest.mark.parametrize(
    ("item", "column", "key"),
    [
        ("a + 1", 10, "a + 1"),
        ("'x'", 8, "'x'"),
        ("1", 8, "1"),
        ("[a]", 8, "[a]"),
        ("(SELECT b FROM a)", 9, "(SELECT b FROM a)"),
        ("CASE a WHEN 1 THEN 2 ELSE 3 END", 8, "CASE (a) WHEN 1 THEN 2 ELSE 3 END"),
    ],
)
def test_an_item_without_a_name_has_its_text_for_a_key_and_a_warning(
    environment: rules.Environment, item: str, column: int, key: str
) -> None:
    statement = rules.compile(f"SELECT {item} FROM 't'", "2016-03-23")
    assert statement.warnings == (
        f"line 1, column {column}: this expression has no name, so its key is {key!r}; "
        "give it one with AS",
    )
    outgoing = statement.evaluate(rules.Message("t", b'{"a":[]}'), environment)
    expected = {"'x'": '"x"', "1": "1", "[a]": "[[]]", "(SELECT b FROM a)": "[]"}.get(key)
    if expected is not None:
        assert outgoing == f'{{"{key}":{expected}}}'.encode()
