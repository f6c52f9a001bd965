"""What an enemy may send: deep, long, endless. Nothing escapes, nothing takes long."""

from __future__ import annotations

import base64
import json
import time

import pytest

import rules
from rules.bounds import MAX_ADDED_DEPTH, MAX_COPIES
from rules.payload import MAX_DEPTH, decode
from rules.values import MAX_TEXT_CHARACTERS, UNDEFINED

KB = 1024
STALL_S = 1.0  # of processor time: twenty times what it takes when nothing else runs


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
    eight = ", ".join(["s"] * 8)
    assert run(environment, f"SELECT VALUE length(concat({eight}))", payload) == b"1048576"
    assert run(environment, f"SELECT VALUE length(concat({eight}, 'x'))", payload) == b""
    assert run(environment, f"SELECT VALUE concat({eight.removesuffix(', s')})", payload) == (
        b'"%s"' % (b"x" * (MAX_TEXT_CHARACTERS - 128 * KB))
    )


def test_long_arrays_are_compared_and_searched_whole(environment: rules.Environment) -> None:
    payload = b'{"a":[' + b"1," * 60_000 + b"2]}"
    assert run(environment, "SELECT VALUE [a = a, 2 IN a, 3 IN a]", payload) == b"[true,true,false]"


def test_repeating_the_payload_ends_at_a_bound(environment: rules.Environment) -> None:
    text = "x" * 60 * KB
    payload = f'{{"info": "{text}", "e": [{", ".join(["1"] * 20_000)}], "few": [1, 2]}}'.encode()
    per_item = "SET @i = info SELECT (SELECT VALUE @i FROM {0}) AS x, 1 AS y"
    with pytest.raises(rules.BudgetSpent):
        run(environment, per_item.format("e"), payload)
    few = run(environment, per_item.format("few"), payload)
    assert few == f'{{"x":["{text}","{text}"],"y":1}}'.encode()
    twenty = ", ".join(f"info AS i{n}" for n in range(20))
    with pytest.raises(rules.EvaluationFailed, match="more than 1048576 characters"):
        run(environment, f"SELECT {twenty}", payload)
    small = run(environment, f"SELECT {twenty}", b'{"info": "x"}')
    assert small is not None
    assert small.count(b"x") == 20
    assert run(environment, f"SELECT '' + [{', '.join(['info'] * 20)}] AS x", payload) == b"{}"


def test_a_statement_may_not_make_much_of_its_own_texts(environment: rules.Environment) -> None:
    text = "x" * 50_000
    copies = ", ".join(["@k"] * 900)
    with pytest.raises(rules.EvaluationFailed, match="more than 1048576 characters"):
        run(environment, f"SET @k = '{text}' SELECT [{copies}] AS x", b"{}")


def test_a_statement_that_repeats_what_it_reads_without_end_is_refused() -> None:
    doubled = ", ".join(f"@v{n + 1} = [@v{n}, @v{n}]" for n in range(20))
    with pytest.raises(rules.SqlError, match=f"more than {MAX_COPIES} times"):
        rules.compile(f"SET @v0 = a, {doubled} SELECT @v20 AS x", "2016-03-23")


LIST = b'{"l": [' + b",".join([b"1"] * 60_000) + b'], "a": "' + b"a" * 1000 + b'"}'
OBJECTS = b'{"l": [' + b",".join([b"{}"] * 43_000) + b"]}"


@pytest.mark.parametrize(
    ("expression", "payload", "topic"),
    [
        ("(SELECT v, topic() AS t FROM l)", LIST, "t" * 60_000),
        ("(SELECT VALUE topic() FROM l)", LIST, "t" * 2000),
        ("(SELECT VALUE topic(2) FROM l)", LIST, "/" * 60_000),
        ("(SELECT VALUE lpad(x, 1000) FROM l AS x)", LIST, "t"),
        ("(SELECT VALUE (SELECT VALUE (SELECT VALUE lpad(x, 1000) FROM [x, x, x] AS x) "
         "FROM [x, x, x] AS x) FROM l AS x)", LIST, "t"),
        ("(SELECT VALUE md2(x) FROM l AS x)", LIST, "t"),
        ("(SELECT VALUE parse_time('yyyy-MM-dd', x) FROM l AS x)", LIST, "t"),
        ("(SELECT VALUE time_to_epoch(x, 'yyyy') FROM l AS x)", LIST, "t"),
        ("(SELECT 1 AS a_name_that_is_much_longer_than_what_is_behind_it_and_is_there_each_time, "
         "2 AS another_name_of_which_there_is_one_for_each_item_whatever_is_in_it_or_is_not "
         "FROM l)", LIST, "t"),
        # an expression without a single call can be long, too
        (f"(SELECT VALUE 1 FROM l WHERE {' OR '.join(['b = 0'] * 60)})", OBJECTS, "t"),
        (f"(SELECT VALUE {' + '.join(['a'] * 200)} FROM l)", OBJECTS, "t"),
        (f"(SELECT {', '.join(f'a AS c{n}' for n in range(200))} FROM l)", LIST, "t"),
        ("(SELECT VALUE {'reading': x, 'source': 'a text that is longer than a number'} "
         "FROM l AS x)", LIST, "t"),
        (f"(SELECT x AS {'.'.join(['a'] * 40)} FROM l AS x)", LIST, "t"),
        ("(SELECT VALUE [[[[[[[[[[x]]]]]]]]]] FROM l AS x)", LIST, "t"),
        (f"(SELECT VALUE {' - '.join(['x'] * 13)} FROM l AS x)", LIST, "t"),
        (f"(SELECT VALUE x FROM l AS x WHERE x IN [{', '.join(['[1]'] * 20)}])", LIST, "t"),
        ("(SELECT VALUE time_to_epoch('2026', concat('[z][z][z][z]', x)) FROM l AS x)", LIST, "t"),
    ],
)  # fmt: skip
def test_what_each_item_costs_is_bounded(
    environment: rules.Environment, expression: str, payload: bytes, topic: str
) -> None:
    statement = rules.compile(f"SELECT {expression} AS x, 1 AS y", "2016-03-23")
    message = rules.Message(topic, payload)
    message.read()
    began = time.thread_time()
    with pytest.raises(rules.BudgetSpent):
        statement.evaluate(message, environment)
    assert time.thread_time() - began < STALL_S
    # and with few items it is there
    few = rules.Message("t/u", b'{"l": [1, {}], "a": "a"}')
    outgoing = statement.evaluate(few, environment)
    assert outgoing is not None
    assert outgoing.startswith(b'{"x":[')


READINGS = b'{"r": [' + b",".join(
    b'{"id":"s%04d","v":%d.5,"ok":true}' % (n, n % 90) for n in range(3500)
) + b'], "known": [%s], "cfg": {"max": 80, "names": [%s]}}' % (
    b",".join(b'"s%04d"' % n for n in range(200)), b",".join([b'"a name"'] * 500),
)  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "starts"),
    [
        ("SELECT (SELECT id, v, topic(2) AS house FROM r) AS x", '{"x":[{"id":"s0000","v":0.5,'),
        ("SELECT (SELECT id, clientid() AS who, v > 50 AS high FROM r) AS x", '{"x":[{"id":"s00'),
        ("SET @max = cfg.max SELECT (SELECT id FROM r WHERE v > @max) AS x", '{"x":[{"id":"s0080"'),
        ("SET @cfg = cfg SELECT (SELECT id FROM r WHERE v > @cfg.max) AS x", '{"x":[{"id":"s0080"'),
        ("SET @known = known SELECT (SELECT id FROM r WHERE id IN @known) AS x", '{"x":[{"id":"s'),
        ("SET @names = cfg.names SELECT (SELECT id, get(@names, v) AS name FROM r) AS x",
         '{"x":[{"id":"s0000","name":"a name"}'),
        ("SELECT (SELECT id, v * 1.8 + 32 AS f FROM r) AS x", '{"x":[{"id":"s0000","f":32.9}'),
        ("SELECT (SELECT id AS sensor.id, v AS sensor.value FROM r) AS x",
         '{"x":[{"sensor":{"id":"s0000","value":0.5}}'),
        ("SELECT (SELECT upper(id) AS id, round(v) AS v, abs(v) AS a, CAST(v AS Int) AS i, "
         "concat(id, '/', v) AS k, isUndefined(w) AS u, length(id) AS n, floor(v) AS f "
         "FROM r) AS x",
         '{"x":[{"id":"S0000","v":1,"a":0.5,"i":0,"k":"s0000/0.5","u":true,"n":5,"f":0}'),
        ("SELECT (SELECT id, encode(id, 'base64') AS e FROM r) AS x", '{"x":[{"id":"s0000","e":"'),
        ("SELECT (SELECT VALUE id FROM r WHERE regexp_matches(id, '^s00[0-9]+$')) AS x",
         '{"x":["s0000","s0001"'),
    ],
)  # fmt: skip
def test_what_an_honest_rule_does_with_a_full_payload_is_done(
    environment: rules.Environment, sql: str, starts: str
) -> None:
    assert 120_000 < len(READINGS) <= 128 * KB
    message = rules.Message("site/north", READINGS, "client")
    outgoing = rules.compile(sql, "2016-03-23").evaluate(message, environment)
    assert outgoing is not None
    assert outgoing.decode().startswith(starts)


@pytest.mark.parametrize(
    ("expression", "payload"),
    [
        ("'a text that is there once for every item, although none is in it'", OBJECTS),
    ],
)
def test_what_is_larger_than_a_result_may_be_is_none(
    environment: rules.Environment, expression: str, payload: bytes
) -> None:
    with pytest.raises(rules.EvaluationFailed, match="more than 1048576 characters"):
        run(environment, f"SELECT (SELECT VALUE {expression} FROM l AS x) AS x", payload)


def test_a_search_within_each_item_is_bounded(environment: rules.Environment) -> None:
    search = "SET @l = l SELECT (SELECT VALUE x FROM l AS x WHERE x IN @l) AS x, 1 AS y"
    arrays = b'{"l": [' + b",".join(b"[%d]" % n for n in range(15_000)) + b"]}"
    began = time.thread_time()
    with pytest.raises(rules.BudgetSpent):
        run(environment, search, arrays)
    assert time.thread_time() - began < STALL_S
    assert run(environment, search, b'{"l": [[1], 2]}') == b'{"x":[[1],2],"y":1}'
    # texts and numbers are found at once, however many there are
    outgoing = run(environment, search, LIST)
    assert outgoing is not None
    assert outgoing.count(b"1") == 60_000 + 1  # and that of y


@pytest.mark.parametrize(
    "search",
    [
        "startswith(@v, x)",
        "x > decode(@b, 'base64').max",
        "x > length(@v)",
        "regexp_matches(@v, '[a-z][a-z][a-z]9')",
        "x IN get_or_default(@v, [])",
    ],
)
def test_what_each_item_is_looked_at_with_is_paid_for(
    environment: rules.Environment, search: str
) -> None:
    sql = f"SET @v = v, @b = b SELECT (SELECT VALUE x FROM l AS x WHERE {search}) AS x"
    many = ",".join(["1"] * 20_000)
    encoded = base64.b64encode(b"[%s1]" % (b"1e99," * 8000)).decode()
    payload = f'{{"v": {{"{"k" * 40_000}": 1}}, "b": "{encoded}", "l": [{many}]}}'.encode()
    began = time.thread_time()
    with pytest.raises(rules.BudgetSpent):
        run(environment, sql, payload)
    assert time.thread_time() - began < STALL_S
    few = b'{"v": {"k": 1}, "b": "e30=", "l": [1, 2]}'
    assert run(environment, sql, few) is not None
    empty = f'{{"v": {{"{"k" * 40_000}": 1}}, "b": "{encoded}", "l": []}}'.encode()
    assert run(environment, sql, empty) == b'{"x":[]}'


@pytest.mark.parametrize("part", ["get(@v, 'k')", "@v.k", "substring(@v.k, 0)", "trim(@v.k)"])
def test_parts_of_variables_are_weighed_for_every_item(
    environment: rules.Environment, part: str
) -> None:
    sql = f"SET @v = v SELECT (SELECT VALUE {part} FROM l) AS x"
    many = ",".join(["1"] * 20_000)
    with pytest.raises(rules.BudgetSpent):
        run(environment, sql, f'{{"v": {{"k": "{"k" * 60_000}"}}, "l": [{many}]}}'.encode())
    assert run(environment, sql, b'{"v": {"k": "k"}, "l": [1, 2]}') == b'{"x":["k","k"]}'


def test_numbers_whose_hashes_meet_are_found_at_once(environment: rules.Environment) -> None:
    prime = 2**61 - 1
    numbers = ",".join(str(prime * n) for n in range(1, 4000))
    sql = "SET @l = l SELECT VALUE [5 IN @l, 2305843009213693951 IN @l]"
    began = time.thread_time()
    assert run(environment, sql, f'{{"l": [{numbers}]}}'.encode()) == b"[false,true]"
    assert time.thread_time() - began < STALL_S


def test_long_numbers_count_as_they_are_written(environment: rules.Environment) -> None:
    payload = b'{"l": [%s]}' % b",".join([b"1e33"] * 25_000)
    many = ", ".join(f"l AS l{n}" for n in range(7))
    with pytest.raises(rules.EvaluationFailed, match="more than 4194304 bytes"):
        run(environment, f"SELECT {many}", payload)
    outgoing = run(environment, "SELECT l AS a", payload)
    assert outgoing is not None
    assert outgoing.count(b"1" + b"0" * 33) == 25_000


def test_a_variable_repeated_in_two_levels_is_bounded(environment: rules.Environment) -> None:
    items = ", ".join([f'{{"b": [{", ".join(["1"] * 200)}]}}'] * 200)
    payload = f'{{"info": "{"x" * 4000}", "l": [{items}]}}'.encode()
    squared = "SET @i = info SELECT (SELECT VALUE (SELECT VALUE @i FROM b) FROM l) AS x, 1 AS y"
    numbers = b'{"info": [%s], "l": [%s]}' % (
        b",".join([b"1.234567890123456789012345678901234"] * 1000), b",".join([b"1"] * 10_000),
    )  # fmt: skip
    each = "SET @i = info SELECT (SELECT VALUE @i FROM l) AS x, 1 AS y"
    for sql, too_much in ((squared, payload), (each, numbers)):
        with pytest.raises(rules.BudgetSpent):
            run(environment, sql, too_much)


def test_what_functions_make_of_little_is_bounded_in_all(environment: rules.Environment) -> None:
    payload = b'{"a": "%s", "b": "%s"}' % (b"a" * 1000, b"b" * 1000)
    once = "replace(a, 'a', b)"
    assert run(environment, f"SELECT VALUE length({once})", payload) == b"1000000"
    with pytest.raises(rules.EvaluationFailed, match="more than 1048576 characters"):
        run(environment, f"SELECT {once} AS x, {once} AS y", payload)
    many = ", ".join(f"length({once}) AS x{n}" for n in range(10))
    with pytest.raises(rules.BudgetSpent, match="more than 4194304 characters"):
        run(environment, f"SELECT {many}", payload)
    cast = "CAST(a AS String)"
    for _ in range(4):
        cast = f"CAST([{cast}, {cast}] AS String)"
    quoted = b'{"a": "%s"}' % (b'\\"' * 40_000)
    with pytest.raises(rules.BudgetSpent):
        run(environment, f"SELECT VALUE length({cast})", quoted)


def test_md2_is_slow_and_so_is_bounded_in_all(environment: rules.Environment) -> None:
    payload = b'{"a": "%s"}' % (b"a" * 4000)
    with pytest.raises(rules.BudgetSpent):
        run(environment, f"SELECT {', '.join(f'md2(a) AS x{n}' for n in range(31))}", payload)
    assert run(environment, "SELECT VALUE length(md2(a) + md2(a))", payload) == b"64"


@pytest.mark.parametrize(
    "expression",
    [
        r"regexp_matches(x, '(a|aa)+\1b$')",
        "regexp_matches(x, '(?<!b)(a|a)*$')",
        "regexp_replace(x, '(?=a)a|b', 'c')",
        "regexp_matches('x', concat('(?=', x, ')y'))",
    ],
)
def test_regular_expressions_are_slow_and_so_are_bounded_in_all(
    environment: rules.Environment, expression: str
) -> None:
    texts = ",".join(f'"{"a" * 30}{n}"' for n in range(3000))
    sql = f"SELECT (SELECT VALUE {expression} FROM l AS x) AS x"
    began = time.thread_time()
    with pytest.raises(rules.BudgetSpent):
        run(environment, sql, f'{{"l": [{texts}]}}'.encode())
    assert time.thread_time() - began < STALL_S
    outgoing = run(environment, sql, b'{"l": ["a", "b"]}')
    assert outgoing is not None
    assert outgoing.startswith(b'{"x":[')


def test_properties_of_a_message_are_not_made_for_every_item() -> None:
    properties = rules.MqttProperties(user_properties=(("k", "v"),) * 13_000)
    message = rules.Message("t", b'{"l": [%s]}' % b",".join([b"1"] * 500), properties=properties)
    statement = rules.compile("SELECT (SELECT VALUE get_user_properties('k') FROM l) AS x",
                              "2016-03-23")  # fmt: skip
    with pytest.raises(rules.BudgetSpent):
        statement.evaluate(message, rules.Environment(now_ms=lambda: 0))


def test_what_a_function_is_called_with_is_bounded() -> None:
    class Calling(rules.Outside):
        def invoke_lambda(self, function_arn: str, payload: bytes) -> bytes | None:
            return b"1"

    environment = rules.Environment(now_ms=lambda: 0, outside=Calling())
    sql = f"SELECT aws_lambda('f', [{', '.join(['a'] * 900)}]) AS x"
    assert run(environment, sql, b'{"a": 1}') == b'{"x":1}'
    with pytest.raises(rules.EvaluationFailed, match="the input has more than"):
        run(environment, sql, b'{"a": "%s"}' % (b"x" * 100_000))


def test_what_a_template_makes_too_deep_is_none(environment: rules.Environment) -> None:
    levels = 49
    statement = rules.compile(f"SET @v = {'[' * levels}a{']' * levels} SELECT 1 AS x", "2016-03-23")
    template = rules.compile_template(
        f"${{{'[' * levels}@v{']' * levels}}}", "2016-03-23", variables=statement.variables
    )
    payload = b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}"
    context = rules.Context(rules.Message("t", payload), environment)
    statement.evaluate_in(context)
    with pytest.raises(rules.EvaluationFailed, match="cannot be written as JSON"):
        template.render_in(context)


def test_a_template_has_a_bound(environment: rules.Environment) -> None:
    message = rules.Message("t", b'{"a": "%s"}' % (b"a" * 100 * KB))
    assert len(rules.compile_template("${a}" * 10).render(message, environment)) == 1000 * KB
    with pytest.raises(rules.EvaluationFailed, match="more than 1048576 characters"):
        rules.compile_template("${a}" * 11).render(message, environment)


def test_what_is_said_of_a_failure_is_short(environment: rules.Environment) -> None:
    with pytest.raises(rules.TemplateUndefined) as caught:
        rules.compile_template("x" * 200_000 + "${nope}").render(
            rules.Message("t", b"{}"), environment
        )
    assert len(str(caught.value)) < 1000
    document = {"sql": "SELECT *", "actions": [1] * 80_000}
    with pytest.raises(rules.RuleDocumentError) as refused:
        rules.parse_rule(json.dumps(document), source="r", default_name="r")
    assert len(refused.value.problems) < 20


def test_constants_that_grow_are_not_computed_when_compiling() -> None:
    grown = "replace(lpad('', 999), ' ', lpad('', 999))"
    many = ", ".join(f"{grown} AS x{n}" for n in range(1500))
    statement = rules.compile(f"SELECT {many}", "2016-03-23")
    with pytest.raises(rules.EvaluationFailed):
        statement.evaluate(rules.Message("t", b"{}"), rules.Environment(now_ms=lambda: 0))


def test_many_variables_are_compiled_in_linear_time(environment: rules.Environment) -> None:
    names = [f"v{n}" for n in range(12_000)]
    sql = f"SET {', '.join(f'@{name}=1' for name in names)} SELECT @{names[-1]} AS x"
    assert run(environment, sql, b"{}") == b'{"x":1}'


def test_a_statement_has_so_many_words_at_most() -> None:
    with pytest.raises(rules.SqlError, match="at most 50000 words"):
        rules.compile("SELECT " + "a," * 30_000 + "a")


def test_halves_of_surrogate_pairs_from_outside_do_no_harm() -> None:
    class Leaking(rules.Outside):
        def secret(self, secret_id: str) -> rules.Secret | None:
            return rules.Secret(string="x\ud800")

    environment = rules.Environment(now_ms=lambda: 0, outside=Leaking())
    secret = "get_secret('a', 'SecretString', 'r')"
    sql = f"SELECT {secret} AS s, md5({secret}) AS m"
    outgoing = run(environment, sql, b"{}")
    assert outgoing is not None
    assert outgoing.startswith(b'{"s":"x?","m":"')
