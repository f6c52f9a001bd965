"""Rule JSON that is half right: the same exact problems in a file, in `weir check`, from the API.

Nothing of it takes effect, and the rules beside it go on.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from tests.rig.gateway_process import GatewayProcess
from tests.rig.rules_at_work import (
    ROLE,
    Client,
    bodies,
    payload,
    rule,
    status_of,
    to_queue,
    to_server,
    to_topic,
    weir,
    weir_json,
)

pytestmark = pytest.mark.xdist_group("rule-bad-input")

SQL = "SELECT * FROM 'half/right'"
GOOD = to_queue("readings")
RULE, PAYLOAD = "$.topicRulePayload", "topicRulePayload"
ACTION = f"{RULE}.actions[0]"
CODES = {"InvalidRequestException", "SerializationException", "SqlParseException"}
ONE_KEY = "an action is an object with exactly one key, the action's name; found"
TOO_DEEP = "one_nested_too_deep"
OWN_OBJECT = "(write each action as an object of its own)"


@dataclass(frozen=True)
class Half:
    """A payload that is half right.

    Attributes:
        payload: It.
        problems: What a file of it is told.
        answer: What the API says, where the service model of AWS finds something first.
        code: The API's code.
    """

    payload: Any
    problems: list[str]
    answer: str = ""
    code: str = "InvalidRequestException"


def null_at(place: str) -> str:
    return (
        f"1 validation error detected: Value null at '{PAYLOAD}.{place}' failed to satisfy "
        "constraint: Member must not be null"
    )


CASES = {
    "no_sql": Half(
        {"actions": [GOOD]},
        [f"{RULE}.sql: 'sql' is missing (add 'sql', a string)"],
        null_at("sql"),
    ),
    "no_actions": Half(
        {"sql": SQL},
        [f"{RULE}.actions: 'actions' is missing (add 'actions', an array)"],
        null_at("actions"),
    ),
    "sql_that_is_wrong": Half(
        payload("SELECT *\nFORM 'a'", GOOD),
        [
            f"{RULE}.sql: line 2, column 1 of the SQL: expected AS, ',', FROM or WHERE, found "
            "'FORM' (did you mean FROM?)"
        ],
        code="SqlParseException",
    ),
    "a_filter_that_is_none": Half(
        payload("SELECT * FROM 'a/#/b'", GOOD),
        [
            f"{RULE}.sql: line 1, column 18 of the SQL: '#' must be the last level of a topic "
            "filter, alone"
        ],
        code="SqlParseException",
    ),
    "a_version_that_is_none": Half(
        payload(SQL, GOOD, awsIotSqlVersion="2020-01-01"),
        [
            f"{RULE}.awsIotSqlVersion: unknown SQL version '2020-01-01' (known: 2015-10-08, "
            "2016-03-23, beta)"
        ],
    ),
    "two_actions_in_one": Half(
        payload(SQL, {**GOOD, **to_topic("a")}), [f"{ACTION}: {ONE_KEY} 2 keys {OWN_OBJECT}"]
    ),
    "an_error_action_that_is_empty": Half(
        payload(SQL, GOOD, error={}), [f"{RULE}.errorAction: {ONE_KEY} 0 keys {OWN_OBJECT}"]
    ),
    "a_role_that_is_none": Half(
        payload(SQL, {"sqs": {"queueUrl": "q", "roleArn": "any"}}),
        [
            f"{ACTION}.sqs.roleArn: 'any' does not have the form of a role's ARN (any will do "
            "here, for example arn:aws:iam::000000000000:role/gateway)"
        ],
    ),
    "a_filter_to_publish_to": Half(
        payload(SQL, to_topic("a/#")),
        [
            f"{ACTION}.republish.topic: 'a/#' is no topic to publish to: the wildcards '#' and "
            "'+' name many"
        ],
    ),
    "a_template_that_is_open": Half(
        payload(SQL, {"s3": {"bucketName": "b", "key": "${topic(}", "roleArn": ROLE}}),
        [
            f"{ACTION}.s3.key: in the template: line 1, column 9: expected an expression, found "
            "the end of the text"
        ],
    ),
    "an_address_to_confirm": Half(
        payload(SQL, to_server("http://h/${a}")),
        [
            f"{ACTION}.http.confirmationUrl: 'confirmationUrl' is missing, and 'url' is another "
            "for each message (add the beginning that they have in common, which is confirmed "
            "once)"
        ],
    ),
    "half_a_key": Half(
        payload(
            SQL,
            {
                "dynamoDB": {
                    "tableName": "t",
                    "hashKeyField": "a",
                    "hashKeyValue": "b",
                    "rangeKeyField": "r",
                    "roleArn": ROLE,
                }
            },
        ),
        [
            f"{ACTION}.dynamoDB.rangeKeyValue: 'rangeKeyField' is there without 'rangeKeyValue' "
            "(add 'rangeKeyValue', or leave both out for a table without a sort key)"
        ],
    ),
    "a_qos_too_high": Half(
        payload(SQL, to_topic("a", 2)),
        [f"{ACTION}.republish.qos: 'qos' must be 0 or 1, is 2"],
        "1 validation error detected: Value '2' at 'topicRulePayload.actions.1.republish.qos' "
        "failed to satisfy constraint: Member must have value less than or equal to 1",
    ),
    "a_switch_that_is_text": Half(
        payload(SQL, GOOD, ruleDisabled="no"),
        [f"{RULE}.ruleDisabled: 'ruleDisabled' must be true or false, is a string"],
        "STRING_VALUE can not be converted to a Boolean (topicRulePayload.ruleDisabled)",
        "SerializationException",
    ),
    "a_name_misspelt": Half(
        payload(SQL, {"sqs": {"queueURL": "q", "queueUrl": "q", "roleArn": ROLE}}),
        [f"{ACTION}.sqs.queueURL: unknown key 'queueURL' (did you mean 'queueUrl'?)"],
    ),
    "a_member_too_many": Half(
        payload(SQL, GOOD, colour="red"),
        [
            f"{RULE}.colour: unknown key 'colour' (known keys: sql, actions, description, "
            "ruleDisabled, awsIotSqlVersion, errorAction)"
        ],
    ),
    "a_function_that_is_none": Half(
        payload(SQL, {"lambda": {"functionArn": "a b"}}),
        [
            f"{ACTION}.lambda.functionArn: 'a b' is no function's name or ARN (write its name, or "
            "arn:aws:lambda:REGION:ACCOUNT:function:NAME)"
        ],
    ),
    TOO_DEEP: Half(
        payload(SQL, {"quantum": {"qubits": json.loads("[" * 70 + "]" * 70)}}),
        ["$: it is nested deeper than 64 levels (write it flatter)"],
    ),
    "many_at_once": Half(
        payload(
            "SELECT * FORM 'a'",
            {"sqs": {"queueUrl": "q", "roleArn": "any"}},
            {"republish": {"topic": "a/+", "roleArn": ROLE}},
            error={"sqs": {"queueUrl": "${", "roleArn": ROLE}},
        ),
        [
            f"{RULE}.sql: line 1, column 10 of the SQL: expected AS, ',', FROM or WHERE, found "
            "'FORM' (did you mean FROM?)",
            f"{ACTION}.sqs.roleArn: 'any' does not have the form of a role's ARN (any will do "
            "here, for example arn:aws:iam::000000000000:role/gateway)",
            f"{RULE}.actions[1].republish.topic: 'a/+' is no topic to publish to: the wildcards "
            "'#' and '+' name many",
            f"{RULE}.errorAction.sqs.queueUrl: in the template: line 1, column 1: the '${{' that "
            "begins here has no closing '}'",
        ],
    ),
}

# What is no rule document at all: its bytes, and what a file of them is told, a part of it.
NO_DOCUMENTS = {
    "not_json": (b'{"topicRulePayload": oops}', "line 1, column 22"),
    "cut_off": (b'{"topicRulePayload": {"sql": "SELECT', "line 1"),
    "a_list": (b"[]", "a rule is a JSON object, this is an array"),
    "empty": (b"", "line 1"),
    "not_utf8": (b'{"topicRulePayload": "\xff"}', "UTF-8"),
    "too_deep": (b'{"topicRulePayload": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "depth"),
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway that started with all of it in its folder of rules, and one good rule."""
    folder = tmp_path_factory.mktemp("bad-input")
    process = GatewayProcess(folder, rules=[rule("good", "SELECT n FROM 'half/right'", GOOD)])
    for name, half in CASES.items():
        document = {"ruleName": name, PAYLOAD: half.payload}
        (folder / "rules.d" / f"{name}.json").write_text(json.dumps(document))
    for name, (text, _) in NO_DOCUMENTS.items():
        (folder / "rules.d" / f"{name}.json").write_bytes(text)
    with process:
        yield process
        assert process.stop() == 0


@pytest.fixture(scope="module")
def checked(gateway: GatewayProcess) -> list[str]:
    """What `weir check` has to say."""
    verdict = json.loads(weir(gateway, "check", "--json", code=2))
    assert verdict["rules"] == 1
    problems: list[str] = verdict["problems"]
    return problems


def call(gateway: GatewayProcess, method: str, path: str, body: bytes) -> tuple[int, str, str]:
    """Call without an SDK, which refuses what it does not know: status, code and message."""
    env, url = gateway.credentials(), gateway.aws_endpoint
    request = botocore.awsrequest.AWSRequest(method, f"{url}{path}", {}, body)
    keys = botocore.credentials.Credentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"])
    botocore.auth.SigV4Auth(keys, "iot", env["AWS_REGION"]).add_auth(request)
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
    try:
        connection.request(method, path, body, dict(request.headers.items()))
        answer = connection.getresponse()
        said = json.loads(answer.read() or b"{}")
    finally:
        connection.close()
    return answer.status, answer.headers.get("x-amzn-ErrorType", ""), said.get("message", "")


@pytest.fixture(scope="module")
def broken(gateway: GatewayProcess) -> dict[str, str]:
    """What the gateway has to say of files that give no rule, by their names."""
    found = weir_json(gateway, "rule", "list")["broken"]
    return {
        each["file"].rpartition("/")[2].removesuffix(".json"): each["problem"] for each in found
    }


@pytest.mark.parametrize("name", CASES)
def test_half_a_rule_is_told_alike_everywhere(
    gateway: GatewayProcess, checked: list[str], broken: dict[str, str], name: str
) -> None:
    half = CASES[name]
    assert [
        each.partition(f"/{name}.json: ")[2] for each in checked if f"/{name}.json" in each
    ] == [f"{problem}." for problem in half.problems]
    assert broken[name] == "; ".join(half.problems)
    document = json.dumps(half.payload).encode()  # the call's body is the payload alone
    status, code, message = call(gateway, "POST", f"/rules/{name}_of_api", document)
    assert (status, code) == (400, half.code)
    assert message == (half.answer or "; ".join(half.problems))


@pytest.mark.parametrize("name", NO_DOCUMENTS)
def test_what_is_no_document_is_refused_everywhere(
    gateway: GatewayProcess, checked: list[str], broken: dict[str, str], name: str
) -> None:
    text, part = NO_DOCUMENTS[name]
    (told,) = (each for each in checked if f"/{name}.json" in each)
    assert part in told
    assert part in broken[name]
    status, code, _ = call(gateway, "POST", f"/rules/{name}_of_api", text)
    assert (status, code in CODES) == (400, True), code


def test_the_names_of_rules(gateway: GatewayProcess) -> None:
    document = json.dumps(payload(SQL, GOOD)).encode()
    for name in ("with-hyphen", "with.point", "n" * 129, "%2e%2e", "%00", "a%2Fb", "%C3%A4"):
        status, code, _ = call(gateway, "POST", f"/rules/{name}", document)
        assert (status, code) == (400, "InvalidRequestException"), name


def test_nothing_of_it_is_there_and_the_good_rule_goes_on(
    gateway: GatewayProcess, broken: dict[str, str]
) -> None:
    listed = weir_json(gateway, "rule", "list")
    assert [each["name"] for each in listed["rules"]] == ["good"]
    assert set(broken) == {*CASES, *NO_DOCUMENTS}
    with Client(gateway, "device-1") as client:
        client.publish("half/right", {"n": 1})
    assert bodies(gateway, "readings", 1) == [{"n": 1}]
    assert status_of(gateway, "good")["failed"] == 0
    text = weir(gateway, "rule", "list")
    assert all(f"{name}.json" in text for name in (*CASES, *NO_DOCUMENTS))


def test_applying_the_folder_changes_nothing_while_one_file_is_wrong(
    gateway: GatewayProcess,
) -> None:
    folder = gateway.folder / "rules.d"
    (folder / "new.json").write_text(json.dumps(rule("new", "SELECT * FROM 'b'", GOOD)))
    said = weir(gateway, "rule", "apply", str(folder), code=2)
    assert "nothing was changed" in said
    for name, half in CASES.items():
        if name == TOO_DEEP:
            continue  # it has a test of its own
        assert all(f"{name}.json: {problem}." in said for problem in half.problems), name
    assert [each["name"] for each in weir_json(gateway, "rule", "list")["rules"]] == ["good"]


def test_applying_refuses_all_for_one_that_is_nested_too_deep(tmp_path: Path) -> None:
    """`weir` judges a file as the gateway does: else the rest would be in force without it."""
    with GatewayProcess(tmp_path, rules=[rule("good", SQL, GOOD)]) as gateway:
        deep = {"ruleName": TOO_DEEP, PAYLOAD: CASES[TOO_DEEP].payload}
        folder = tmp_path / "rules.d"
        for document in (deep, rule("beside", SQL, GOOD)):
            (folder / f"{document['ruleName']}.json").write_text(json.dumps(document))
        said = weir(gateway, "rule", "apply", str(folder), code=2)
        assert "nothing was changed" in said
        assert f"{TOO_DEEP}.json: {CASES[TOO_DEEP].problems[0]}." in said
        assert [each["name"] for each in weir_json(gateway, "rule", "list")["rules"]] == ["good"]
