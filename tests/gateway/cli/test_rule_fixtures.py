"""Fixtures: every form of an entry that is taken, and the sentence for the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli.main import main
from gateway.cli.rule_cases import answer
from gateway.cli.rule_fixtures import Fixtures
from gateway.cli.rule_input import WrongInput
from rules.outside import Secret

DIGITS = "1234567890123456789012345678901234"
ROLE = "arn:aws:iam::000000000000:role/r"
LAMBDA = "arn:aws:lambda:us-east-1:000000000000:function:double"
SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:db/login-a1B2c3"


def ask(expression: str, context: object) -> str:
    """Evaluate an expression as a case does; gives the text of the answer behind the id."""
    text = json.dumps({"id": 1, "sql": f"SELECT ({expression}) AS r", "sql_version": "2016-03-23"})[
        :-1
    ]
    context_text = context if isinstance(context, str) else json.dumps(context)
    return answer(f'{text},"context":{context_text}}}', 1).removeprefix('{"id":1,')[:-1]


@pytest.mark.parametrize(
    ("expression", "fixtures", "out"),
    [
        # shadows, one a thing or many
        (f"get_thing_shadow('t', '{ROLE}').state.v", '{"shadows":{"t":{"state":{"v":10.50}}}}',
         '{"r":10.5}'),
        (f"get_thing_shadow('t', 'n', '{ROLE}').v", '{"shadows":{"t":{"v":1},"t/n":{"v":2}}}',
         '{"r":2}'),
        (f"get_thing_shadow('u', '{ROLE}').v", '{"shadows":{"t":{"v":1}}}', "{}"),
        (f"get_thing_shadow('t', '{ROLE}').v", '{"shadows":{"t":null}}', "{}"),
        (f"get_thing_shadow('t', 'n', '{ROLE}')", '{"shadows":{"t":{"state":{"n":{}}}}}', "{}"),
        (f"get_thing_shadow('t', 'n', '{ROLE}').state.v",
         '{"shadows":{"t":{"n":{"state":{"v":2}},"m":{"state":{"v":3}}}}}', '{"r":2}'),
        (f"get_thing_shadow('t', 'o', '{ROLE}').state.v",
         '{"shadows":{"t":{"n":{"state":{"v":2}}}}}', "{}"),
        (f"get_thing_shadow('t', '{ROLE}')", '{"shadows":{"t":{"n":{"state":{}}}}}', "{}"),
        (f"get_thing_shadow('t', '{ROLE}').state.v",
         '{"shadows":{"t":{"n":{"state":{}},"":{"state":{"v":4.0}}}}}', '{"r":4}'),
        (f"get_thing_shadow('t', '{ROLE}').state.v",
         '{"shadows":{"t":{"classic":{"state":{"v":5}}}}}', '{"r":5}'),
        (f"get_thing_shadow('t', 'classic', '{ROLE}')",
         '{"shadows":{"t":{"classic":{"state":{"v":5}}}}}', "{}"),
        (f"get_thing_shadow('t', 'n', '{ROLE}').state.v",
         '{"shadows":{"t/n":{"state":{"v":1}},"t":{"n":{"state":{"v":2}}}}}', '{"r":1}'),
        # functions, by ARN or name on either side
        (f"aws_lambda('{LAMBDA}', 1).x", f'{{"lambda":{{"{LAMBDA}":{{"x":1}}}}}}', '{"r":1}'),
        (f"aws_lambda('{LAMBDA}:live', 1)", '{"lambda":{"double":"y"}}', '{"r":"y"}'),
        ("aws_lambda('double', 1)", f'{{"lambda":{{"{LAMBDA}":null}}}}', '{"r":null}'),
        (f"aws_lambda('{LAMBDA}', 1)", '{"lambda":{"other":1}}', "{}"),
        # tables
        (f"get_dynamodb('t', 'k', 2, '{ROLE}').v",
         '{"dynamodb":{"t":[{"k":1,"v":"a"},{"k":2.0,"v":"b"}]}}', '{"r":"b"}'),
        (f"get_dynamodb('t', 'k', 'a', 's', 1, '{ROLE}').v",
         '{"dynamodb":{"t":[{"k":"a","s":0,"v":1},{"k":"a","s":1,"v":2}]}}', '{"r":2}'),
        (f"get_dynamodb('t', 'k', 2.0, '{ROLE}')",
         f'{{"dynamodb":{{"t":{{"2":{{"n":{{"N":"{DIGITS}"}}}}}}}}}}', f'{{"r":{{"n":{DIGITS}}}}}'),
        (f"get_dynamodb('u', 'k', 1, '{ROLE}')", '{"dynamodb":{"t":[{"k":1}]}}', "{}"),
        (f"get_dynamodb('t', 'k', 1, '{ROLE}')", '{"dynamodb":{"t":null}}', "{}"),
        # secrets
        (f"get_secret('s', 'SecretString', '{ROLE}')", '{"secrets":{"s":"x"}}', '{"r":"x"}'),
        (f"get_secret('s', 'SecretString', '{ROLE}')",
         '{"secrets":{"s":{"SecretString":"plain"}}}', '{"r":"plain"}'),
        (f"get_secret('s', 'SecretBinary', '{ROLE}')",
         '{"secrets":{"s":{"SecretBinary":"//8="}}}', '{"r":"//8="}'),
        (f"get_secret('s', 'SecretString', 'user', '{ROLE}')",
         '{"secrets":{"s":{"user":"u"}}}', '{"r":"u"}'),
        (f"get_secret('s', 'SecretString', '{ROLE}')",
         '{"secrets":{"s":{"ARN":"a","Name":"s","VersionId":"1","SecretString":"x"}}}',
         '{"r":"x"}'),
        (f"get_secret('s', 'SecretString', 'user', '{ROLE}')",
         '{"secrets":{"s":{"Name":"s","SecretString":"{\\"user\\":\\"u\\"}"}}}', '{"r":"u"}'),
        (f"get_secret('s', 'SecretString', 'n', '{ROLE}')",
         f'{{"secrets":{{"s":{{"SecretString":{{"n":{DIGITS}}}}}}}}}', f'{{"r":{DIGITS}}}'),
        (f"get_secret('s', 'SecretString', '{ROLE}')",
         '{"secrets":{"s":{"SecretString":"x","SecretBinary":"//8="}}}', '{"r":"x"}'),
        (f"get_secret('s', 'SecretBinary', '{ROLE}')",
         '{"secrets":{"s":{"SecretString":"x","SecretBinary":"//8="}}}', "{}"),
        (f"get_secret('s', 'SecretBinary', '{ROLE}')",
         '{"secrets":{"s":{"Name":"s","SecretString":null,"SecretBinary":"//8="}}}',
         '{"r":"//8="}'),
        (f"get_secret('s', 'SecretString', '{ROLE}')", '{"secrets":{"s":null}}', "{}"),
        (f"get_secret('{SECRET}', 'SecretString', '{ROLE}')",
         '{"secrets":{"db/login":"x"}}', '{"r":"x"}'),
        # the registry
        (f"get_registry_data('DescribeThing', 't', '{ROLE}').thingTypeName",
         '{"registry":{"DescribeThing":{"t":{"thingTypeName":"pump"}}}}', '{"r":"pump"}'),
        (f"get_registry_data('ListThingGroupsForThing', 't', '{ROLE}')",
         '{"registry":{"DescribeThing":{}}}', "{}"),
        (f"get_registry_data('DescribeThing', 't', '{ROLE}').thingTypeName",
         '{"registry":{"t":{"DescribeThing":{"thingTypeName":"pump"}}}}', '{"r":"pump"}'),
        (f"get_registry_data('DescribeThing', 't', '{ROLE}').v",
         '{"registry":{"DescribeThing":{"u":{"v":1}},"t":{"DescribeThing":{"v":2}}}}', '{"r":2}'),
        (f"get_registry_data('ListThingGroupsForThing', 't', '{ROLE}')",
         '{"registry":{"t":{"DescribeThing":{}}}}', "{}"),
        (f"get_registry_data('DescribeThing', 't', '{ROLE}')",
         '{"registry":{"DescribeThing":{"t":null}}}', "{}"),
        # an odd entry is nobody's but who asks for it
        (f"get_secret('s', 'SecretString', '{ROLE}')",
         '{"secrets":{"s":"x","odd":1},"shadows":{"odd":1},"dynamodb":{"odd":1},'
         '"registry":{"odd":1},"descriptors":{"odd":1}}', '{"r":"x"}'),
    ],
)  # fmt: skip
def test_functions_that_reach_out_are_told_the_fixture(
    expression: str, fixtures: str, out: str
) -> None:
    assert ask(expression, f'{{"fixtures":{fixtures}}}') == f'"output":{out}'


@pytest.mark.parametrize("context", ["{}", '{"fixtures":{}}', '{"fixtures":{"shadows":null}}'])
@pytest.mark.parametrize(
    "expression",
    [
        f"get_thing_shadow('t', '{ROLE}')",
        f"aws_lambda('{LAMBDA}', 1)",
        f"get_dynamodb('t', 'k', 1, '{ROLE}')",
        f"get_secret('s', 'SecretString', '{ROLE}')",
        f"get_registry_data('DescribeThing', 't', '{ROLE}')",
    ],
)
def test_without_its_section_a_function_fails(expression: str, context: str) -> None:
    assert ask(expression, context).startswith(f'"error":"{expression.partition("(")[0]}: there ')


def test_secrets_and_descriptors_are_as_they_were_written() -> None:
    fixtures = Fixtures.read(
        '{"secrets":{"a":{"x":1.0}, "b":{"SecretString":{ "y":1.0}}},'
        '"descriptors":{"bucket/k/x":"AQI="}}'
    )
    assert fixtures.secret("a") == Secret(string='{"x":1.0}')
    assert fixtures.secret("b") == Secret(string='{ "y":1.0}')
    assert fixtures.secret("nope") is None
    assert fixtures.descriptor_set("bucket", "k/x") == b"\x01\x02"
    assert fixtures.descriptor_set("bucket", "nope") is None


def error_of(expression: str, fixtures: str) -> str:
    found = json.loads("{" + ask(expression, f'{{"fixtures":{fixtures}}}') + "}")
    assert found.keys() == {"error"}
    return str(found["error"])


@pytest.mark.parametrize(
    ("fixtures", "sentence"),
    [
        ("1", "fixtures: it does not begin with '{'"),
        ('{"shadow":{}}', "fixtures: unknown section 'shadow' (did you mean 'shadows'?); known "),
        ('{"x":{}}', "fixtures: unknown section 'x'; known sections: shadows, lambda, "),
        ('{"shadows":[]}', "fixtures.shadows: it is no JSON object"),
        ('{"lambda":"x"}', "fixtures.lambda: it is no JSON object"),
    ],
)
def test_fixtures_of_a_wrong_form_are_told_at_once(fixtures: str, sentence: str) -> None:
    assert error_of("1", fixtures).startswith(sentence)


SHADOW = f"get_thing_shadow('t', '{ROLE}')"
NAMED = f"get_thing_shadow('t', 'n', '{ROLE}')"
ITEM = f"get_dynamodb('t', 'k', 'a', '{ROLE}')"
SORTED = f"get_dynamodb('t', 'k', 'a', 's', 1, '{ROLE}')"
LOGIN = f"get_secret('s', 'SecretString', '{ROLE}')"
THING = f"get_registry_data('DescribeThing', 't', '{ROLE}')"


@pytest.mark.parametrize(
    ("expression", "fixtures", "sentence"),
    [
        (SHADOW, '{"shadows":{"t":[]}}', "fixtures.shadows.t: it is no JSON object"),
        (NAMED, '{"shadows":{"t/n":"x"}}', "fixtures.shadows.t/n: it is no JSON object"),
        (SHADOW, '{"shadows":{"t":{"n":{"state":{}},"m":{}}}}',
         "fixtures.shadows.t: 'm' has no state"),
        (NAMED, '{"shadows":{"t":{"n":{"reported":{}}}}}', "fixtures.shadows.t: 'n' has no state"),
        (SHADOW, '{"shadows":{"t":{"":{"state":{}},"classic":{"state":{}}}}}',
         "fixtures.shadows.t: it has the classic shadow twice"),
        # tables
        (ITEM, '{"dynamodb":{"t":1}}', "fixtures.dynamodb.t: a table is a list of items, one "),
        (ITEM, '{"dynamodb":{"t":[1]}}', "fixtures.dynamodb.t: item 1: it is no JSON object"),
        (SORTED, '{"dynamodb":{"t":{"k":"a"}}}',
         "fixtures.dynamodb.t: an item has no key attribute 's'"),
        # secrets
        (LOGIN, '{"secrets":{"s":1}}', "fixtures.secrets.s: a secret is a string or a JSON object"),
        (LOGIN, '{"secrets":{"s":"\\ud800"}}', "fixtures.secrets.s: it cannot be written in UTF-8"),
        (LOGIN, '{"secrets":{"s":{"SecretBinary":"*"}}}',
         "fixtures.secrets.s: SecretBinary is no base64"),
        (LOGIN, '{"secrets":{"s":{"SecretBinary":1}}}',
         "fixtures.secrets.s: SecretBinary is no string"),
        (LOGIN, '{"secrets":{"s":{"SecretString":[1]}}}',
         "fixtures.secrets.s: SecretString is neither a string nor an object"),
        # the registry
        (THING, '{"registry":{"DescribeThing":1}}',
         "fixtures.registry.DescribeThing: it is no JSON object"),
        (THING, '{"registry":{"DescribeThing":{"t":"x"}}}',
         "fixtures.registry.DescribeThing.t: it is no JSON object"),
        (THING, '{"registry":{"t":{"thingTypeName":"pump"}}}',
         "fixtures.registry.t: it has neither DescribeThing nor ListThingGroupsForThing"),
        (THING, '{"registry":{"t":{"DescribeThing":"x"}}}',
         "fixtures.registry.t.DescribeThing: it is no JSON object"),
    ],
)  # fmt: skip
def test_an_entry_that_is_not_understood_is_told_when_it_is_asked(
    expression: str, fixtures: str, sentence: str
) -> None:
    assert error_of(expression, fixtures).startswith(sentence)
    assert ask("1", f'{{"fixtures":{fixtures}}}') == '"output":{"r":1}'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [('"*"', "it is no base64"), ("1", "it is no string")],
)
def test_a_descriptor_that_is_none_is_told(text: str, sentence: str) -> None:
    fixtures = Fixtures.read(f'{{"descriptors":{{"b/k":{text}}}}}')
    with pytest.raises(WrongInput, match=rf"^fixtures\.descriptors\.b/k: {sentence}$"):
        fixtures.descriptor_set("b", "k")


@pytest.mark.parametrize("where", ["WHERE a", "WHERE TRUE OR a"])
def test_a_wrong_entry_gives_no_verdict_on_a_rule(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "fixtures.json"
    file.write_text('{"secrets":{"s":1}}')
    sql = f"SET @s = {LOGIN} SELECT @s AS s {where}"
    options = ["--sql", sql, "--sql-version", "2016-03-23", "--topic", "t", "--payload", '{"a":1}']
    assert main(["rule", "test", *options, "--fixtures", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("weir: fixtures.secrets.s: a secret is a string or a JSON object")


# --- hostile contexts -----------------------------------------------------------------------------

WORDS = st.sampled_from(
    ["t", "k", "a", "n", "", "state", "SecretString", "SecretBinary", "DescribeThing", "items"]
    + ["S", "N", "M", "L", "NS", "key", "value", "\ud800"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
SECTIONS = st.sampled_from(["shadows", "dynamodb", "secrets", "registry"])
NAMES = st.sampled_from(["content_type", "correlationData", "userProperties", "format_indicator"])


@settings(derandomize=True, deadline=None, database=None)
@given(
    st.sampled_from([SHADOW, NAMED, ITEM, SORTED, LOGIN, THING, "get_user_properties()"]),
    st.fixed_dictionaries(
        {
            "fixtures": st.dictionaries(SECTIONS, st.dictionaries(WORDS, VALUES)),
            "mqtt5": st.none() | st.dictionaries(NAMES, VALUES),
            "timestamp": st.none() | VALUES,
            "account": st.none() | VALUES,
        }
    ),
)
def test_any_context_has_an_answer(expression: str, context: dict[str, object]) -> None:
    found = json.loads("{" + ask(expression, context) + "}")
    assert len(found) == 1
    assert found.keys() <= {"output", "error"}
    assert "fault of Weir's" not in found.get("error", "")
