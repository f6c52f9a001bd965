"""The functions that reach out: what they ask, what an answer becomes, when the rule ends."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest

import rules
from rules.functions import FUNCTIONS
from rules.outside import Outside, Secret
from rules.values import MAX_TEXT_CHARACTERS, Value

PAYLOAD = b"""{"i": 7, "d": 2.50, "s": "pump", "t": true, "nul": null, "arr": [1, "x"],
    "obj": {"whole": 10.0}, "number": 5}"""
ROLE = "'arn:aws:iam::123456789012:role/any'"


class World(Outside):
    """Everything there is, in dicts; it notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.shadows: dict[tuple[str, str | None], bytes] = {
            ("pump", None): b'{"state":{"reported":{"on":true,"bar":2.0}},"version":3}',
            ("pump", "valve"): b'{"state":{"reported":{"open":12345678901234567890}}}',
            ("pump", ""): b'{"empty":true}',
            ("broken", None): b"{",
        }
        self.functions = {
            "echo": None, "text": b'"done"', "number": b"10.0", "object": b'{"a":{"b":[1,2]}}',
            "null": b"null", "not-json": b"<html>", "long": b" " * MAX_TEXT_CHARACTERS + b"1",
        }  # fmt: skip
        self.tables: dict[tuple[str, tuple[tuple[str, Value], ...]], bytes] = {
            ("things", (("id", "pump"),)): b'{"id":"pump","limit":2.0}',
            ("things", (("id", 7),)): b'{"id":7}',
            ("things", (("id", Decimal("2.5")),)): b'{"id":2.5}',
            ("things", (("id", "pump"), ("at", 5))): b'{"id":"pump","at":5}',
            ("things", (("id", "big"),)): b'{"x":"' + b"x" * (8192 - 8) + b'"}',
            ("things", (("id", "too-big"),)): b'{"x":"' + b"x" * (8192 - 7) + b'"}',
        }
        self.secrets = {
            "plain": Secret(string="s3cret"), "digits": Secret(string="0123"),
            "json": Secret(string='{"user": "u", "port": 10.0, "nul": null}'),
            "list": Secret(string="[1]"), "number": Secret(string="12"),
            "binary": Secret(binary=b"\x00\xff"), "void": Secret(),
            "half": Secret(string="\ud800"),
        }  # fmt: skip
        self.registry = {
            ("DescribeThing", "pump"): b'{"thingName":"pump","attributes":{"site":"a"}}',
            ("ListThingGroupsForThing", "pump"): b'{"thingGroups":[{"groupName":"g"}]}',
        }

    def thing_shadow(self, thing_name: str, shadow_name: str | None) -> bytes | None:
        self.asked.append((thing_name, shadow_name))
        return self.shadows.get((thing_name, shadow_name))

    def invoke_lambda(self, function_arn: str, payload: bytes) -> bytes | None:
        self.asked.append((function_arn, payload))
        return payload if function_arn == "echo" else self.functions.get(function_arn)

    def dynamodb_item(self, table_name: str, key: Mapping[str, Value]) -> bytes | None:
        self.asked.append((table_name, dict(key)))
        return self.tables.get((table_name, tuple(key.items())))

    def secret(self, secret_id: str) -> Secret | None:
        self.asked.append((secret_id,))
        return self.secrets.get(secret_id)

    def registry_data(self, api: str, thing_name: str) -> bytes | None:
        self.asked.append((api, thing_name))
        return self.registry.get((api, thing_name))


def evaluate(
    sql: str, world: Outside, payload: bytes = PAYLOAD, version: str = "2016-03-23"
) -> str:
    environment = rules.Environment(now_ms=lambda: 0, outside=world)
    outgoing = rules.compile(sql, version).evaluate(rules.Message("t", payload), environment)
    assert outgoing is not None
    return outgoing.decode()


def answered(expression: str, payload: bytes = PAYLOAD, version: str = "2016-03-23") -> str:
    text = evaluate(f"SELECT {expression} AS r FROM 't'", World(), payload, version)
    return "U" if text == "{}" else text.removeprefix('{"r":').removesuffix("}")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("aws_lambda('text', obj)", '"done"'),
        ("aws_lambda('number', obj)", "10"),
        ("aws_lambda('object', obj).a.b", "[1,2]"),
        ("get(aws_lambda('object', obj).a.b, 0)", "1"),
        ("aws_lambda('null', obj)", "null"),
        ("aws_lambda('not-json', obj)", "U"), ("aws_lambda('long', obj)", "U"),
        ("aws_lambda('nowhere', obj)", "U"),
        ("aws_lambda('echo', *).arr", '[1,"x"]'),
        ("aws_lambda('echo', arr)", '[1,"x"]'), ("aws_lambda('echo', s)", '"pump"'),
        ("aws_lambda('echo', d)", "2.5"), ("aws_lambda('echo', nul)", "null"),
        ("aws_lambda('echo', t)", "true"), ("aws_lambda('echo', obj)", '{"whole":10}'),
        ("aws_lambda('echo', {'x': i, 'y': [s]})", '{"x":7,"y":["pump"]}'),
        ("aws_lambda('echo', (SELECT VALUE whole FROM obj))", "10"),
        ("aws_lambda('echo', nope)", "U"),
        ("aws_lambda(nope, obj)", "U"), ("aws_lambda(i, obj)", "U"), ("aws_lambda(nul, obj)", "U"),
        ("aws_lambda('echo')", "U"), ("aws_lambda('echo', obj, obj)", "U"),

        (f"get_thing_shadow('pump', {ROLE}).state.reported.on", "true"),
        (f"get_thing_shadow('pump', {ROLE}).state.reported.bar", "2"),
        (f"get_thing_shadow(s, {ROLE}).version", "3"),
        (f"get_thing_shadow('pump', 'valve', {ROLE}).state.reported.open", "12345678901234567890"),
        (f"get_thing_shadow('pump', '', {ROLE})", '{"empty":true}'),
        (f"get_thing_shadow('pump', 'other', {ROLE})", "U"),
        (f"get_thing_shadow('other', {ROLE})", "U"), (f"get_thing_shadow('broken', {ROLE})", "U"),
        (f"get_thing_shadow(nope, {ROLE})", "U"), (f"get_thing_shadow(i, {ROLE})", "U"),
        (f"get_thing_shadow(nul, {ROLE})", "U"), (f"get_thing_shadow('pump', nope, {ROLE})", "U"),
        (f"get_thing_shadow('pump', nul, {ROLE})", "U"),
        (f"get_thing_shadow('pump', 7, {ROLE})", "U"),
        ("get_thing_shadow('pump')", "U"),
        ("get_thing_shadow('pump', nope).version", "3"),  # a role is not looked at
        ("get_thing_shadow('pump', 7).version", "3"),

        (f"get_dynamodb('things', 'id', s, {ROLE})", '{"id":"pump","limit":2}'),
        (f"get_dynamodb('things', 'id', 'pump', {ROLE}).limit", "2"),
        (f"get_dynamodb('things', 'id', i, {ROLE})", '{"id":7}'),
        (f"get_dynamodb('things', 'id', d, {ROLE})", '{"id":2.5}'),
        (f"get_dynamodb('things', 'id', s, 'at', number, {ROLE}).at", "5"),
        (f"get_dynamodb('things', 'id', 'other', {ROLE})", "U"),
        (f"get_dynamodb('other', 'id', s, {ROLE})", "U"),
        (f"get_dynamodb(nope, 'id', s, {ROLE})", "U"), (f"get_dynamodb(i, 'id', s, {ROLE})", "U"),
        (f"get_dynamodb('things', nope, s, {ROLE})", "U"),
        (f"get_dynamodb('things', 7, s, {ROLE})", "U"),
        (f"get_dynamodb('things', 'id', nope, {ROLE})", "U"),
        (f"get_dynamodb('things', 'id', nul, {ROLE})", "U"),
        (f"get_dynamodb('things', 'id', t, {ROLE})", "U"),
        (f"get_dynamodb('things', 'id', arr, {ROLE})", "U"),
        (f"get_dynamodb('things', 'id', obj, {ROLE})", "U"),
        (f"get_dynamodb('things', 'id', s, nul, 5, {ROLE})", "U"),
        (f"get_dynamodb('things', 'id', s, 'at', nope, {ROLE})", "U"),
        ("get_dynamodb('things', 'id', s)", "U"),
        (f"get_dynamodb('things', 'id', s, 'at', {ROLE})", "U"),
        ("length(get_dynamodb('things', 'id', 'big', nope).x)", "8184"),

        (f"get_secret('plain', 'SecretString', {ROLE})", '"s3cret"'),
        (f"get_secret('digits', 'SecretString', {ROLE})", '"0123"'),
        (f"get_secret('number', 'SecretString', {ROLE})", '"12"'),
        (f"get_secret('list', 'SecretString', {ROLE})", '"[1]"'),
        (f"get_secret('json', 'SecretString', {ROLE})", '{"user":"u","port":10,"nul":null}'),
        (f"get_secret('json', 'SecretString', {ROLE}).user", '"u"'),
        (f"get_secret('json', 'SecretString', 'user', {ROLE})", '"u"'),
        (f"get_secret('json', 'SecretString', 'port', {ROLE})", "10"),
        (f"get_secret('json', 'SecretString', 'nul', {ROLE})", "null"),
        (f"get_secret('json', 'SecretString', 'other', {ROLE})", "U"),
        (f"get_secret('json', 'SecretString', nope, {ROLE})", "U"),
        (f"get_secret('json', 'SecretString', 7, {ROLE})", "U"),
        (f"get_secret('binary', 'SecretBinary', {ROLE})", '"AP8="'),
        (f"get_secret('binary', 'SecretString', {ROLE})", "U"),
        (f"get_secret('plain', 'SecretBinary', {ROLE})", "U"),
        (f"get_secret('void', 'SecretString', {ROLE})", "U"),
        (f"get_secret('other', 'SecretString', {ROLE})", "U"),
        (f"get_secret('other', 'SecretString', 'k', {ROLE})", "U"),
        (f"get_secret(nope, 'SecretString', {ROLE})", "U"),
        (f"get_secret(i, 'SecretString', {ROLE})", "U"),
        (f"get_secret('plain', nope, {ROLE})", "U"), (f"get_secret('plain', arr, {ROLE})", "U"),
        (f"get_secret('plain', 'secretstring', {ROLE})", "U"),
        ("get_secret('plain', 'SecretString')", "U"),
        ("get_secret('plain', 'SecretString', nope)", '"s3cret"'),

        (f"get_registry_data('DescribeThing', 'pump', {ROLE}).attributes.site", '"a"'),
        (f"get_registry_data('DescribeThing', s, {ROLE}).thingName", '"pump"'),
        (f"get_registry_data('ListThingGroupsForThing', 'pump', {ROLE})",
         '{"thingGroups":[{"groupName":"g"}]}'),
        (f"get_registry_data('DescribeThing', 'other', {ROLE})", "U"),
        (f"get_registry_data('describething', 'pump', {ROLE})", "U"),
        (f"get_registry_data('DeleteThing', 'pump', {ROLE})", "U"),
        (f"get_registry_data(s, 'pump', {ROLE})", "U"),
        (f"get_registry_data(nope, 'pump', {ROLE})", "U"),
        (f"get_registry_data(arr, 'pump', {ROLE})", "U"),
        (f"get_registry_data('DescribeThing', nope, {ROLE})", "U"),
        (f"get_registry_data('DescribeThing', i, {ROLE})", "U"),
        ("get_registry_data('DescribeThing', 'pump')", "U"),

        (f"machinelearning_predict('ml-1', {ROLE}, obj)", "U"),
        (f"machinelearning_predict('ml-1', {ROLE}, *)", "U"),
        ("machinelearning_predict('ml-1')", "U"),
    ],
)  # fmt: skip
def test_answers(expression: str, expected: str) -> None:
    assert answered(expression) == expected


@pytest.mark.parametrize(
    ("expression", "asked"),
    [
        ("aws_lambda('echo', *)", [("echo", PAYLOAD)]),
        ("aws_lambda('echo', obj)", [("echo", b'{"whole":10}')]),
        (f"get_thing_shadow('pump', {ROLE})", [("pump", None)]),
        (f"get_thing_shadow('pump', 'valve', {ROLE})", [("pump", "valve")]),
        (f"get_dynamodb('things', 'id', d, 'at', s, {ROLE})",
         [("things", {"id": Decimal("2.5"), "at": "pump"})]),
        (f"get_secret('json', 'SecretString', 'user', {ROLE})", [("json",)]),
        (f"get_registry_data('DescribeThing', 'pump', {ROLE})", [("DescribeThing", "pump")]),
        # nobody is asked what can have no answer
        ("aws_lambda('echo', nope)", []), ("aws_lambda(i, obj)", []),
        (f"get_thing_shadow(i, {ROLE})", []), (f"get_thing_shadow('pump', nul, {ROLE})", []),
        (f"get_dynamodb('things', 'id', t, {ROLE})", []),
        (f"get_dynamodb(nul, 'id', 'x', {ROLE})", []),
        (f"get_secret('json', 'Secret', {ROLE})", []),
        (f"get_secret('json', 'SecretString', nope, {ROLE})", []),
        (f"get_registry_data('DeleteThing', 'pump', {ROLE})", []),
        (f"machinelearning_predict('ml-1', {ROLE}, obj)", []),
    ],
)  # fmt: skip
def test_what_is_asked(expression: str, asked: list[tuple[object, ...]]) -> None:
    world = World()
    evaluate(f"SELECT {expression} AS r FROM 't'", world)
    assert world.asked == asked
    numbers = [v for q in world.asked if isinstance(q[-1], dict) for v in q[-1].values()]
    assert not any(isinstance(number, float) for number in numbers)


def test_the_first_version_calls_functions() -> None:
    assert answered("aws_lambda('number', obj)", version="2015-10-08") == "10.0"
    assert answered("aws_lambda('echo', obj)", version="2015-10-08") == '{"whole":10.0}'
    assert answered("aws_lambda('echo', *).i", version="2015-10-08") == "7"
    with pytest.raises(rules.SqlError):
        answered("aws_lambda('echo', {'x': i})", version="2015-10-08")
    with pytest.raises(rules.SqlError):
        answered("aws_lambda('echo', (SELECT whole FROM obj))", version="2015-10-08")


@pytest.mark.parametrize(
    "call", ["get_thing_shadow('a', 'r')", "get_dynamodb('t', 'k', 'v', 'r')",
             "get_secret('a', 'SecretString', 'r')", "get_registry_data('DescribeThing', 'a', 'r')"]
)  # fmt: skip
def test_the_first_version_has_no_others(call: str) -> None:
    with pytest.raises(rules.SqlError, match="is not part of version 2015-10-08"):
        answered(call, version="2015-10-08")


@pytest.mark.parametrize("payload", [b"\x00\xff", b"", b"plain text"])
def test_a_payload_that_is_not_json_is_no_input(payload: bytes) -> None:
    world = World()
    assert evaluate("SELECT aws_lambda('echo', *) AS r FROM 't'", world, payload) == "{}"
    assert world.asked == []


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        (f"get_secret('plain', 'SecretString', 'k', {ROLE})", "'plain' is no JSON object"),
        (f"get_secret('list', 'SecretString', 'k', {ROLE})", "'list' is no JSON object"),
        (f"get_secret('half', 'SecretString', 'k', {ROLE})", "'half' is no JSON object"),
        (f"get_secret('binary', 'SecretBinary', 'k', {ROLE})", "'binary' has no key 'k'"),
        (f"get_dynamodb('things', 'id', 'too-big', {ROLE})", "8193 bytes of JSON, more than 8192"),
    ],
)  # fmt: skip
def test_what_ends_the_rule(expression: str, reason: str) -> None:
    with pytest.raises(rules.EvaluationFailed, match=reason):
        answered(expression)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT get_dynamodb('a', 'k', s, 'r') AS x, get_dynamodb('b', 'k', s, 'r') AS y FROM 't'",
        "SELECT * FROM 't' WHERE isUndefined(get_dynamodb('a', 'k', s, 'r')) "
        "AND isUndefined(get_dynamodb('a', 'k', s, 'r'))",
        "SELECT get_dynamodb('things', 'id', get_dynamodb('things', 'id', s, 'r').id, 'r') AS x "
        "FROM 't'",
    ],
)
def test_a_second_call_of_get_dynamodb_ends_the_rule(sql: str) -> None:
    world = World()
    with pytest.raises(rules.EvaluationFailed, match="may be called once"):
        evaluate(sql, world)
    assert len(world.asked) == 1


def test_get_dynamodb_may_be_called_once_for_every_message() -> None:
    world = World()
    sql = "SELECT get_dynamodb('things', 'id', s, 'r').limit AS x FROM 't'"
    assert [evaluate(sql, world) for _ in range(2)] == ['{"x":2}'] * 2
    # a call that cannot ask does not count
    sql = sql.replace(" FROM", ", get_dynamodb('things', 'id', nope, 'r') AS y FROM")
    assert evaluate(sql, world) == '{"x":2}'


def test_what_the_outside_raises_ends_the_rule() -> None:
    class Crashing(World):
        def invoke_lambda(self, function_arn: str, payload: bytes) -> bytes | None:
            raise rules.EvaluationFailed(f"aws_lambda: {function_arn} crashed")

    with pytest.raises(rules.EvaluationFailed, match="f crashed"):
        evaluate("SELECT aws_lambda('f', *) AS r FROM 't'", Crashing())


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("aws_lambda('f', *)", "aws_lambda: there are no functions"),
        ("get_thing_shadow('a', 'r')", "get_thing_shadow: there are no device shadows"),
        ("get_dynamodb('t', 'k', 'v', 'r')", "get_dynamodb: there are no tables"),
        ("get_secret('a', 'SecretString', 'r')", "get_secret: there are no secrets"),
        ("get_registry_data('DescribeThing', 'a', 'r')", "get_registry_data: there is no registry"),
    ],
)  # fmt: skip
def test_without_an_outside_the_rule_ends(call: str, reason: str) -> None:
    statement = rules.compile(f"SELECT {call} AS r FROM 't'", "2016-03-23")
    with pytest.raises(rules.EvaluationFailed, match=reason):
        statement.evaluate(rules.Message("t", b"{}"), rules.Environment(now_ms=lambda: 0))


@pytest.mark.parametrize(
    ("expression", "warning"),
    [
        (f"machinelearning_predict('ml-1', {ROLE}, obj)", "Machine Learning has been retired"),
        (f"get_secret('a', 'secretString', {ROLE})", "'SecretString' or 'SecretBinary'"),
        (f"get_secret('a', 7, {ROLE})", "get_secret knows 'SecretString' or"),
        (f"get_registry_data('DeleteThing', 'a', {ROLE})",
         "'DescribeThing' or 'ListThingGroupsForThing'"),
        ("get_dynamodb('t', 'k', 'v')", "get_dynamodb takes 4 or 6 arguments, not 3"),
        ("get_thing_shadow('a')", "get_thing_shadow takes 2 or 3 arguments, not 1"),
        ("get_secret('a', 'SecretString')", "get_secret takes 3 or 4 arguments, not 2"),
        ("aws_lambda('f')", "aws_lambda takes 2 arguments, not 1"),
        ("get_registry_data('DescribeThing', 'a')", "takes 3 arguments, not 2"),
    ],
)  # fmt: skip
def test_what_can_only_be_undefined_is_warned_of(expression: str, warning: str) -> None:
    [given] = rules.compile(f"SELECT {expression} AS r FROM 't'", "2016-03-23").warnings
    assert warning in given


def test_nothing_that_reaches_out_is_folded() -> None:
    for name in ("aws_lambda", "get_thing_shadow", "get_dynamodb", "get_secret",
                 "get_registry_data", "machinelearning_predict"):  # fmt: skip
        assert (name == "machinelearning_predict") is not bool(FUNCTIONS[name].asks_outside)
        assert not FUNCTIONS[name].is_pure
    rules.compile("SELECT get_secret('a', 'SecretString', 'r') AS r FROM 't'", "2016-03-23")
