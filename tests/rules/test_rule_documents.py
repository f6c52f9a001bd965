from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rules
from rules.json_faults import json_fault

ROLE = "arn:aws:iam::123456789012:role/any"
SQS: dict[str, Any] = {"sqs": {"queueUrl": "https://host/1/alarms", "roleArn": ROLE}}
REPUBLISH: dict[str, Any] = {"republish": {"topic": "alarms/${topic(2)}", "roleArn": ROLE}}
PAYLOAD: dict[str, Any] = {"sql": "SELECT * FROM 'a/#'", "actions": [SQS]}


def parse(document: object, default_name: str | None = "from_file") -> rules.RuleDocument:
    return rules.parse_rule(json.dumps(document), source="r.json", default_name=default_name)


def problems(document: object, default_name: str | None = "from_file") -> list[tuple[str, str]]:
    with pytest.raises(rules.RuleDocumentError) as caught:
        parse(document, default_name)
    assert caught.value.source == "r.json"
    for problem in caught.value.problems:
        assert f"r.json: {problem.path}: {problem.message}" in str(caught.value)
    return [(problem.path, f"{problem.message}|{problem.remedy}") for problem in
            caught.value.problems]  # fmt: skip


def test_the_document_of_create_topic_rule() -> None:
    document = parse(
        {
            "ruleName": "Hot_1",
            "topicRulePayload": {
                "sql": "SELECT celsius FROM 'bench/+' WHERE celsius > 30",
                "awsIotSqlVersion": "2016-03-23",
                "description": "too warm",
                "ruleDisabled": True,
                "actions": [SQS, REPUBLISH],
                "errorAction": {"republish": {"topic": "errors", "roleArn": ROLE, "qos": 1}},
            },
        }
    )
    assert document.name == "Hot_1"
    assert document.version == "2016-03-23"
    assert document.description == "too warm"
    assert document.disabled
    assert document.statement.topic_filter == "bench/+"
    sqs, republish = document.actions
    assert isinstance(sqs, rules.SqsAction)
    assert sqs.queue_url.constant == "https://host/1/alarms"
    assert not sqs.use_base64
    assert isinstance(republish, rules.RepublishAction)
    assert (republish.topic.text, republish.qos) == ("alarms/${topic(2)}", 0)
    assert isinstance(document.error_action, rules.RepublishAction)
    assert document.error_action.qos == 1
    assert document.warnings == ()


def test_a_bare_payload_gets_the_callers_name() -> None:
    document = parse(PAYLOAD)
    assert document.name == "from_file"
    assert document.version == "2015-10-08"
    assert not document.disabled
    assert parse({**PAYLOAD, "ruleName": "own"}).name == "own"


def test_the_answer_of_get_topic_rule() -> None:
    answer = {"ruleArn": "arn", "rule": {**PAYLOAD, "ruleName": "R", "createdAt": 1.5}}
    assert parse(answer).name == "R"


def test_bytes_are_read_too() -> None:
    text = json.dumps(PAYLOAD).encode()
    assert rules.parse_rule(text, source="x", default_name="n").name == "n"


def test_no_actions_are_allowed() -> None:
    assert parse({**PAYLOAD, "actions": []}).actions == ()


@pytest.mark.parametrize(
    ("topic", "constant"),
    [
        ("$$aws/things/t/shadow/update", "$aws/things/t/shadow/update"),
        ("$aws/x", "$aws/x"),
        ("$${1 + 1}", "$2"),
    ],
)
def test_doubled_dollars_stand_for_a_reserved_topic(topic: str, constant: str) -> None:
    document = parse({**PAYLOAD, "actions": [{"republish": {"topic": topic, "roleArn": ROLE}}]})
    (action,) = document.actions
    assert isinstance(action, rules.RepublishAction)
    assert action.topic.constant == constant


def test_a_template_behind_doubled_dollars(environment: rules.Environment) -> None:
    topic = "$$aws/things/${topic(2)}/shadow/update"
    document = parse({**PAYLOAD, "actions": [{"republish": {"topic": topic, "roleArn": ROLE}}]})
    (action,) = document.actions
    assert isinstance(action, rules.RepublishAction)
    rendered = action.topic.render(rules.Message("a/b", b""), environment)
    assert rendered == "$aws/things/b/shadow/update"


def test_unsupported_actions_load_and_are_reported() -> None:
    actions = [{"sns": {"targetArn": "x"}}, {"sqss": {"queueUrl": "x"}}, {"zzz": {}}, SQS]
    document = parse({**PAYLOAD, "actions": actions})
    sns, misspelt, unknown, sqs = document.actions
    assert isinstance(sns, rules.UnsupportedAction)
    assert sns.kind == "sns"
    assert sns.parameters == {"targetArn": "x"}
    assert sns.problem == ("the action 'sns' is not there yet: it comes with the gateway's own SNS")
    assert isinstance(misspelt, rules.UnsupportedAction)
    assert misspelt.problem == "unknown action 'sqss', did you mean 'sqs'?"
    assert isinstance(unknown, rules.UnsupportedAction)
    assert unknown.problem == "unknown action 'zzz'"
    assert isinstance(sqs, rules.SqsAction)
    assert [warning.path for warning in document.warnings] == [
        "$.actions[0].sns",
        "$.actions[0].sns.roleArn",
        "$.actions[1].sqss",
        "$.actions[2].zzz",
    ]


def test_what_is_odd_but_usable_is_a_warning() -> None:
    document = parse({"sql": "SELECT abs() AS x FROM 't'", "actions": [{"sns": SQS["sqs"]}]})
    assert [warning.path for warning in document.warnings] == [
        "$.sql",
        "$.actions[0].sns",
        "$.actions[0].sns.queueUrl",
        "$.actions[0].sns.targetArn",
    ]


@pytest.mark.parametrize(
    ("change", "path", "says"),
    [
        ({"sql": "SELECT FROM 't'"}, "$.sql", "line 1, column 8: expected an expression"),
        ({"sql": 5}, "$.sql", "'sql' must be a string, is a number"),
        ({"actions": {}}, "$.actions", "'actions' must be an array, is an object"),
        ({"actions": [SQS] * 11}, "$.actions", "11 actions; a rule has at most 10"),
        ({"actions": [5]}, "$.actions[0]", "exactly one key, the action's name; found a number"),
        ({"actions": [SQS, {**SQS, **REPUBLISH}]}, "$.actions[1]", "found 2 keys"),
        ({"actions": [{}]}, "$.actions[0]", "found 0 keys"),
        ({"actions": [{"sqs": []}]}, "$.actions[0].sqs", "'sqs' must be an object, is an array"),
        ({"actions": [{"sns": None}]}, "$.actions[0].sns", "must be an object, is null"),
        (
            {"awsIotSqlVersion": "2020"},
            "$.awsIotSqlVersion",
            "unknown SQL version '2020'|known: 20",
        ),
        ({"awsIotSqlVersion": 2016}, "$.awsIotSqlVersion", "must be a string, is a number"),
        ({"ruleDisabled": "no"}, "$.ruleDisabled", "must be true or false, is a string"),
        ({"sql": True}, "$.sql", "must be a string, is a Boolean"),
        ({"description": []}, "$.description", "must be a string, is an array"),
        ({"ruleDisable": True}, "$.ruleDisable", "|did you mean 'ruleDisabled'?"),
        ({"Zebra": 1}, "$.Zebra", "unknown key 'Zebra'|known keys: sql, actions"),
        ({"ruleName": "a b"}, "$.ruleName", "'a b' is not a rule's name|a rule's name has 1 to"),
        ({"errorAction": SQS["sqs"]}, "$.errorAction", "found 2 keys"),
    ],
)
def test_a_problem_has_path_and_remedy(change: dict[str, Any], path: str, says: str) -> None:
    ((found_path, message),) = problems({**PAYLOAD, **change})
    assert found_path == path
    assert says in message


@pytest.mark.parametrize(
    ("kind", "parameters", "path", "says"),
    [
        ("sqs", {"queueURL": "x", "roleArn": ROLE}, "queueURL", "|did you mean 'queueUrl'?"),
        ("sqs", {"roleArn": ROLE}, "queueUrl", "'queueUrl' is missing|add 'queueUrl', a string"),
        ("sqs", {"queueUrl": "x"}, "roleArn", "'roleArn' is missing"),
        ("sqs", {"queueUrl": "", "roleArn": ROLE}, "queueUrl", "'queueUrl' is empty"),
        ("sqs", {"queueUrl": "x", "roleArn": "me"}, "roleArn", "not have the form of a role's ARN"),
        ("sqs", {"queueUrl": "${", "roleArn": ROLE}, "queueUrl", "line 1, column 1: the '${'"),
        ("sqs", {"queueUrl": "x", "roleArn": ROLE, "useBase64": 1}, "useBase64", "true or false"),
        ("republish", {"topic": "a/#", "roleArn": ROLE}, "topic", "wildcards"),
        ("republish", {"topic": "$$aws/${", "roleArn": ROLE}, "topic", "column 7"),
        ("republish", {"topic": "t", "roleArn": ROLE, "qos": 2}, "qos", "must be 0 or 1, is 2"),
        ("republish", {"topic": "t", "roleArn": ROLE, "qos": "1"}, "qos", "0 or 1, is '1'"),
        ("republish", {"topic": "t", "roleArn": ROLE, "qos": True}, "qos", "0 or 1, is True"),
    ],
)
def test_problems_of_actions(kind: str, parameters: dict[str, Any], path: str, says: str) -> None:
    found = problems({**PAYLOAD, "actions": [{kind: parameters}]})
    assert f"$.actions[0].{kind}.{path}" in [each[0] for each in found]
    assert any(says in message for _, message in found)


def test_every_problem_is_listed_at_once() -> None:
    document = {
        "ruleName": "no good",
        "topicRulePaylod": {},
        "topicRulePayload": {
            "sql": "SELEC",
            "awsIotSqlVersion": "x",
            "actions": [{"sqs": {}}, 7],
            "errorAction": {},
        },
    }
    assert [path for path, _ in problems(document)] == [
        "$.topicRulePaylod",
        "$.ruleName",
        "$.topicRulePayload.awsIotSqlVersion",
        "$.topicRulePayload.sql",
        "$.topicRulePayload.actions[0].sqs.queueUrl",
        "$.topicRulePayload.actions[0].sqs.roleArn",
        "$.topicRulePayload.actions[1]",
        "$.topicRulePayload.errorAction",
    ]


@pytest.mark.parametrize(
    ("document", "path", "says"),
    [
        ({}, "$.topicRulePayload", "is missing"),
        ({"ruleName": "a"}, "$.topicRulePayload", "is missing"),
        ({"topicRulePayload": 1}, "$.topicRulePayload", "must be an object"),
        ({"rule": []}, "$.rule", "must be an object"),
        ({"actions": []}, "$.sql", "'sql' is missing"),
        ({"sql": "SELECT *"}, "$.actions", "'actions' is missing"),
        ([], "$", "a rule is a JSON object, this is an array"),
        ("x", "$", "this is a string"),
    ],
)
def test_documents_of_another_form(document: object, path: str, says: str) -> None:
    found = problems(document)
    assert path in [each[0] for each in found]
    assert any(says in message for _, message in found)


def test_the_name_must_come_from_somewhere() -> None:
    assert problems(PAYLOAD, None)[0][0] == "$.ruleName"
    ((path, message),) = problems(PAYLOAD, "my-rule.v2")
    assert path == "$.ruleName"
    assert "'my-rule.v2' cannot stand in" in message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"sql": }', "not valid JSON"),
        ('{\n "sql": x}', "line 2"),
        ("", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        ("\ud800", "half of a surrogate pair"),
        ("[" * 5000, "not valid JSON"),
        ('"' + "x" * 300_000 + '"', "at most 262144 bytes"),
    ],
)
def test_text_that_is_no_json(text: str | bytes, says: str) -> None:
    with pytest.raises(rules.RuleDocumentError, match=says):
        rules.parse_rule(text, source="r.json", default_name="n")


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        (
            '{"sql": "SELECT "a" FROM b"}',
            "line 1, column 18: a string ends before this place",
            r"""inside a string write \" or use '…'""",
        ),
        ('{"sql": "WHERE a = "x", "b": 1}', "line 1, column 21: a string ends", "inside a string"),
        ('{"a": "b" "c": 1}', "line 1, column 11: a string ends", "put a comma between two"),
        ('{"a": "b"\n "c": 1}', "line 2, column 2: unexpected", "put a comma before it"),
        ('{"a": 1 2}', "line 1, column 9: unexpected", ""),
        ('{\n // why\n "a": 1}', "line 2, column 2: a comment", 'remarks into "description"'),
        ('{"a": 1} /* why */', "line 1, column 10: a comment", "put remarks"),
        ('{"a": 1 # why\n}', "line 1, column 9: a comment", "put remarks"),
        ('{"sql": "SELECT a\nFROM b"}', "line 1, column 18: a line ends inside", r"as \n"),
        ('{"sql": "a\tb"}', "line 1, column 11: unexpected control", r"write a tab as \t"),
        ('{"sql": "a\x01b"}', "line 1, column 11: unexpected control", ""),
        (r'{"sql": "\d"}', "line 1, column 10: invalid escaped", r"write a backslash as \\"),
        ('{"a": 1,}', "line 1, column 8: trailing comma", "remove the comma"),
        ("{'a': 1}", "line 1, column 2: a single quote", "double quotes"),
        ("{\u201ca\u201d: 1}", "line 1, column 2: a typographic quote", "straight quotes"),
        ("{a: 1}", "line 1, column 2: a text without quotes", "double quotes"),
        ('{"a": True}', "line 1, column 7: a word with capitals", "write true or false"),
        ('{"a": None}', "line 1, column 7: a word that JSON has not", "write null"),
        ('{"a" 1}', "line 1, column 6: unexpected character, expected ':'", ""),
        ('{"a": 1} x', "line 1, column 10: unexpected content", ""),
        ('{"a": "b', "line 1, column 9: unexpected end", ""),
        (" \n", "line 1, column 1: it is empty", ""),
        (b"\xef\xbb\xbf{}", "byte 1: it begins with a byte order mark", "UTF-8 without BOM"),
        (b"\xff\xfe{\x00}\x00", "byte 1: it begins with the mark of UTF-16", "without BOM"),
        (b'{"a": "Gr\xfcn"}', "byte 10: it is no UTF-8: the byte 0xFC", "save it as UTF-8"),
    ],
)
def test_json_mistakes_have_place_and_remedy(text: str | bytes, message: str, remedy: str) -> None:
    with pytest.raises(rules.RuleDocumentError) as caught:
        rules.parse_rule(text, source="r.json", default_name="n")
    (problem,) = caught.value.problems
    assert problem.path == "$"
    assert problem.message.startswith(f"not valid JSON at {message}")
    assert remedy in problem.remedy
    assert bool(remedy) == bool(problem.remedy)


_PIECES = st.sampled_from(['"', "'", "{", "}", "[", ",", ":", "\\", "\n", "//", "a", "1", " ", "ä"])


@settings(derandomize=True, deadline=None, database=None)
@given(st.lists(_PIECES, max_size=12).map("".join) | st.binary(max_size=12))
def test_a_fault_is_told_exactly_where_json_is_wrong(text: str | bytes) -> None:
    data = text.encode() if isinstance(text, str) else text
    fault = json_fault(data)
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        assert fault is not None and fault.problem
    else:
        assert fault is None
