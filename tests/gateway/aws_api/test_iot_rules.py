"""IoT's operations on rules, as boto3 and the AWS CLI call them; rules take effect at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from tests.gateway.aws_api.iot_serving import KEY, NOW_MS, REGION, RULE_ARN, IotServing, refusal
from tests.gateway.engine.running import ROLE, rule, sqs

TO_ALARMS = sqs("alarms")
NO_SUCH_RULE = (
    "UnauthorizedException",
    "Access to topic rule 'nothing' was denied: there is no such rule.",
    401,
)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IotServing]:
    folder = tmp_path_factory.mktemp("iot")
    (folder / "rules.d").mkdir()
    text = json.dumps(rule("SELECT a AS filed FROM 'in/file'", TO_ALARMS))
    (folder / "rules.d" / "filed.json").write_text(text)
    with IotServing(folder) as serving:
        yield serving


@pytest.fixture(autouse=True)
def _only_the_file(serving: IotServing) -> Iterator[None]:
    yield
    for entry in serving.call(serving.catalogue.all):
        if entry.file is None:
            serving.call(serving.catalogue.delete, entry.name)


def payload_of(serving: IotServing, name: str) -> dict[str, Any]:
    got: dict[str, Any] = serving.client().get_topic_rule(ruleName=name)["rule"]
    return got


def test_a_rule_is_created_and_runs_at_once(serving: IotServing) -> None:
    client = serving.client()
    payload = rule("SELECT a FROM 'in/+'", TO_ALARMS, awsIotSqlVersion="2016-03-23")
    answer = client.create_topic_rule(ruleName="r_1", topicRulePayload=payload)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert serving.bodies_after("in/x", b'{"a":1,"b":2}') == [b'{"a":1}']


def test_a_rule_is_read_back_as_it_was_written(serving: IotServing) -> None:
    client = serving.client()
    payload = rule(
        "SELECT * FROM 'in/+'",
        TO_ALARMS,
        description="says why",
        awsIotSqlVersion="2016-03-23",
        errorAction=sqs("errors"),
        ruleDisabled=True,
    )
    client.create_topic_rule(ruleName="r1", topicRulePayload=payload)
    answer = client.get_topic_rule(ruleName="r1")
    assert answer["ruleArn"] == RULE_ARN + "r1"
    got = answer["rule"]
    assert got.pop("createdAt").timestamp() * 1000 == NOW_MS
    assert got.pop("ruleName") == "r1"
    assert got == payload


def test_what_was_left_out_is_told_as_it_is_meant(serving: IotServing) -> None:
    client = serving.client()
    client.create_topic_rule(ruleName="r1", topicRulePayload=rule("SELECT * FROM 'a'", TO_ALARMS))
    got = payload_of(serving, "r1")
    assert got["ruleDisabled"] is False
    assert got["awsIotSqlVersion"] == "2015-10-08"
    assert "description" not in got
    assert "errorAction" not in got


def test_a_rule_is_replaced_whole_and_the_new_one_runs_at_once(serving: IotServing) -> None:
    client = serving.client()
    first = rule("SELECT a AS one FROM 'in/x'", TO_ALARMS, description="first")
    client.create_topic_rule(ruleName="r1", topicRulePayload=first)
    second = rule("SELECT a AS two FROM 'in/y'", TO_ALARMS)
    client.replace_topic_rule(ruleName="r1", topicRulePayload=second)
    assert "description" not in payload_of(serving, "r1")
    assert serving.bodies_after("in/x") == []
    assert serving.bodies_after("in/y") == [b'{"two":1}']


def test_a_rule_is_disabled_and_enabled_at_once(serving: IotServing) -> None:
    client = serving.client()
    payload = rule("SELECT a FROM 'in/x'", TO_ALARMS)
    client.create_topic_rule(ruleName="r1", topicRulePayload=payload)
    client.disable_topic_rule(ruleName="r1")
    assert payload_of(serving, "r1")["ruleDisabled"] is True
    assert serving.bodies_after("in/x") == []
    client.enable_topic_rule(ruleName="r1")
    client.enable_topic_rule(ruleName="r1")
    assert payload_of(serving, "r1")["ruleDisabled"] is False
    assert serving.bodies_after("in/x") == [b'{"a":1}']


def test_a_rule_is_deleted_at_once_and_once_more_does_no_harm(serving: IotServing) -> None:
    client = serving.client()
    payload = rule("SELECT a FROM 'in/x'", TO_ALARMS)
    client.create_topic_rule(ruleName="r1", topicRulePayload=payload)
    client.delete_topic_rule(ruleName="r1")
    assert serving.bodies_after("in/x") == []
    client.delete_topic_rule(ruleName="r1")
    assert refusal(client.get_topic_rule, ruleName="r1")[0] == "UnauthorizedException"


def test_what_is_not_there_is_denied_as_the_service_does_it(serving: IotServing) -> None:
    client = serving.client()
    payload = rule("SELECT a FROM 'in/x'", TO_ALARMS)
    assert refusal(client.get_topic_rule, ruleName="nothing") == NO_SUCH_RULE
    assert refusal(client.enable_topic_rule, ruleName="nothing") == NO_SUCH_RULE
    assert refusal(client.disable_topic_rule, ruleName="nothing") == NO_SUCH_RULE
    assert (
        refusal(client.replace_topic_rule, ruleName="nothing", topicRulePayload=payload)
        == NO_SUCH_RULE
    )
    with pytest.raises(client.exceptions.UnauthorizedException):
        client.get_topic_rule(ruleName="nothing")


def test_a_name_is_given_once(serving: IotServing) -> None:
    client = serving.client()
    payload = rule("SELECT a FROM 'in/x'", TO_ALARMS)
    client.create_topic_rule(ruleName="r1", topicRulePayload=payload)
    with pytest.raises(client.exceptions.ResourceAlreadyExistsException) as caught:
        client.create_topic_rule(ruleName="r1", topicRulePayload=payload)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert caught.value.response["resourceId"] == "r1"
    assert caught.value.response["resourceArn"] == RULE_ARN + "r1"


def test_of_many_that_create_one_name_at_once_one_succeeds(serving: IotServing) -> None:
    client = serving.client()

    def create(number: int) -> str:
        payload = rule(f"SELECT {number} AS n FROM 'in/x'", TO_ALARMS)
        try:
            client.create_topic_rule(ruleName="r1", topicRulePayload=payload)
        except botocore.exceptions.ClientError as error:
            return str(error.response["Error"]["Code"])
        return "created"

    with ThreadPoolExecutor(8) as threads:
        outcomes = sorted(threads.map(create, range(8)))
    assert outcomes == ["ResourceAlreadyExistsException"] * 7 + ["created"]
    assert len(serving.bodies_after("in/x")) == 1


# --- what is no rule -----------------------------------------------------------------------------


def test_sql_that_cannot_be_parsed_says_where(serving: IotServing) -> None:
    client = serving.client()
    for operation in (client.create_topic_rule, client.replace_topic_rule):
        payload = rule("SELECT FORM 'a'", TO_ALARMS)
        if operation == client.replace_topic_rule:
            good = rule("SELECT * FROM 'a'", TO_ALARMS)
            client.create_topic_rule(ruleName="r1", topicRulePayload=good)
        code, message, status = refusal(operation, ruleName="r1", topicRulePayload=payload)
        assert (code, status) == ("SqlParseException", 400)
        assert "line 1, column 13 of the SQL" in message
    assert payload_of(serving, "r1")["sql"] == "SELECT * FROM 'a'"


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"actions": []}, "'topicRulePayload.sql'"),
        ({"sql": "SELECT * FROM 'a'"}, "'topicRulePayload.actions'"),
        (rule("SELECT * FROM 'a'", *[TO_ALARMS] * 11), "'topicRulePayload.actions'"),
        (rule("SELECT * FROM 'a'", {"sqs": {"roleArn": ROLE}}), "queueUrl"),
        (rule("SELECT * FROM 'a'", TO_ALARMS, awsIotSqlVersion="1999-01-01"), "2016-03-23"),
        (rule("SELECT FROM 'a'", {}), "actions[0]"),
        (rule("SELECT * FROM 'a'", {"sqs": sqs("a")["sqs"], "s3": {}}), "s3"),
        (rule("SELECT * FROM 'a'", sqs("${topic(")), "actions[0].sqs.queueUrl"),
        (rule("SELECT * FROM 'a'", TO_ALARMS, description="d" * 262_144), "262144 bytes"),
    ],
)
def test_what_is_no_rule_is_an_invalid_request(
    serving: IotServing, payload: dict[str, Any], said: str
) -> None:
    client = serving.client()
    code, message, status = refusal(
        client.create_topic_rule, ruleName="r1", topicRulePayload=payload
    )
    assert (code, status) == ("InvalidRequestException", 400)
    assert said in message
    assert len(message) < 2000
    assert refusal(client.get_topic_rule, ruleName="r1")[0] == "UnauthorizedException"


@pytest.mark.parametrize("name", ["a-b", "a b", "ä", "a" * 129, "a%", "a/b"])
def test_a_name_of_another_form_is_an_invalid_request(serving: IotServing, name: str) -> None:
    payload = rule("SELECT * FROM 'a'", TO_ALARMS)
    code, message, status = refusal(
        serving.client().create_topic_rule, ruleName=name, topicRulePayload=payload
    )
    assert (code, status) == ("InvalidRequestException", 400)
    assert "'ruleName' failed to satisfy constraint" in message


def test_many_problems_are_told_up_to_a_bound(serving: IotServing) -> None:
    payload = {**rule("SELECT * FROM 'a'"), **{f"unknown{number}": 1 for number in range(500)}}
    status, answer = serving.signed("POST", "/rules/r1", payload)
    assert status == 400
    assert "'unknown0'" in answer["message"]
    assert answer["message"].endswith("and 490 more")


def test_tags_are_refused_and_empty_ones_are_none(serving: IotServing) -> None:
    client = serving.client()
    payload = rule("SELECT * FROM 'a'", TO_ALARMS)
    code, message, status = refusal(
        client.create_topic_rule, ruleName="r1", topicRulePayload=payload, tags="a=b"
    )
    assert (code, status) == ("InvalidRequestException", 400)
    assert "Tags" in message
    client.create_topic_rule(ruleName="r1", topicRulePayload=payload, tags="")


def test_a_null_stands_for_nothing_at_every_level(serving: IotServing) -> None:
    action = {"republish": {"topic": "out/x", "roleArn": ROLE, "qos": None, "headers": None}}
    payload = {**rule("SELECT a FROM 'in/x'", {**TO_ALARMS, "sns": None}, action), "sql": None}
    assert serving.signed("POST", "/rules/r1", payload)[0] == 400
    payload["sql"] = "SELECT a FROM 'in/x'"
    assert serving.signed("POST", "/rules/r1", payload) == (200, None)
    _, answer = serving.signed("GET", "/rules/r1")
    assert answer["rule"]["actions"] == [
        TO_ALARMS,
        {"republish": {"topic": "out/x", "roleArn": ROLE}},
    ]


def test_what_only_a_newer_sdk_knows_reaches_the_rule(serving: IotServing) -> None:
    action = {"newAction": {"arn": "x", "deep": [{"more": 1}]}}
    known = {"sqs": {**TO_ALARMS["sqs"], "newParameter": 1}}
    payload = {**rule("SELECT a FROM 'in/x'", TO_ALARMS, action), "description": None}
    assert serving.signed("POST", "/rules/r1", payload) == (200, None)
    _, answer = serving.signed("GET", "/rules/r1")
    assert answer["rule"]["actions"] == [TO_ALARMS, action]
    assert "description" not in answer["rule"]
    assert serving.bodies_after("in/x") == [b'{"a":1}']
    status, answer = serving.signed("PATCH", "/rules/r1", rule("SELECT a FROM 'in/x'", known))
    assert status == 400  # an sqs action with a member that nobody knows is a mistake
    assert "newParameter" in answer["message"]


# --- lists ---------------------------------------------------------------------------------------


@pytest.fixture
def five(serving: IotServing) -> None:
    for name, sql, disabled in (
        ("e", "SELECT * FROM 'in/x'", False),
        ("b", "SELECT * FROM 'in/+'", True),
        ("d", "SELECT * FROM 'in/#'", False),
        ("c", "SELECT * FROM 'other'", True),
    ):
        text = json.dumps({"ruleName": name, "topicRulePayload": rule(sql, ruleDisabled=disabled)})
        serving.call(serving.catalogue.apply, [(name, text)])


def names(answer: dict[str, Any]) -> list[str]:
    return [entry["ruleName"] for entry in answer["rules"]]


def test_all_rules_are_listed_by_name(serving: IotServing, five: None) -> None:
    answer = serving.client().list_topic_rules()
    assert names(answer) == ["b", "c", "d", "e", "filed"]
    assert "nextToken" not in answer
    first = answer["rules"][0]
    assert first.pop("createdAt").timestamp() * 1000 == NOW_MS
    assert first == {
        "ruleArn": RULE_ARN + "b",
        "ruleName": "b",
        "topicPattern": "in/+",
        "ruleDisabled": True,
    }


def test_a_list_of_rules_is_filtered(serving: IotServing, five: None) -> None:
    client = serving.client()
    assert names(client.list_topic_rules(topic="in/x")) == ["b", "d", "e"]
    assert names(client.list_topic_rules(topic="in/+")) == ["b", "d"]
    assert names(client.list_topic_rules(topic="in")) == []
    assert names(client.list_topic_rules(ruleDisabled=True)) == ["b", "c"]
    assert names(client.list_topic_rules(ruleDisabled=False, topic="in/x")) == ["d", "e"]


def test_a_list_of_rules_comes_in_pages(serving: IotServing, five: None) -> None:
    client = serving.client()
    pages = client.get_paginator("list_topic_rules").paginate(
        topic="in/x", PaginationConfig={"PageSize": 2}
    )
    assert [names(page) for page in pages] == [["b", "d"], ["e"]]
    assert names(client.list_topic_rules(maxResults=5)) == ["b", "c", "d", "e", "filed"]
    token = client.list_topic_rules(maxResults=2)["nextToken"]
    client.delete_topic_rule(ruleName="c")
    assert names(client.list_topic_rules(nextToken=token)) == ["d", "e", "filed"]


def test_a_list_without_from_has_no_pattern_and_answers_no_topic(serving: IotServing) -> None:
    client = serving.client()
    client.create_topic_rule(ruleName="r1", topicRulePayload=rule("SELECT 1 AS one", TO_ALARMS))
    (entry,) = [one for one in client.list_topic_rules()["rules"] if one["ruleName"] == "r1"]
    assert "topicPattern" not in entry
    assert names(client.list_topic_rules(topic="in/x")) == []


@pytest.mark.parametrize("token", ["", "%", "=", "_w==", "ä", "Y%Q==", "A" * 4000])
def test_a_token_that_was_not_given_out_is_refused(serving: IotServing, token: str) -> None:
    code, message, status = refusal(serving.client().list_topic_rules, nextToken=token)
    assert (code, status) == ("InvalidRequestException", 400)
    assert "nextToken" in message


def test_a_page_has_a_size(serving: IotServing) -> None:
    for most in (0, 10_001):
        code, _, status = refusal(serving.client().list_topic_rules, maxResults=most)
        assert (code, status) == ("InvalidRequestException", 400)


# --- files, disks, and what is not served --------------------------------------------------------


def test_a_rule_of_a_file_is_told_and_the_file_is_named_to_who_would_change_it(
    serving: IotServing,
) -> None:
    client = serving.client()
    file = str(serving.rules_dir / "filed.json")
    got = payload_of(serving, "filed")
    assert got["sql"] == "SELECT a AS filed FROM 'in/file'"
    payload = rule("SELECT a AS api FROM 'in/file'", TO_ALARMS)
    code, message, status = refusal(
        client.create_topic_rule, ruleName="filed", topicRulePayload=payload
    )
    assert (code, status) == ("ResourceAlreadyExistsException", 409)
    assert file in message
    for operation, more in (
        (client.replace_topic_rule, {"topicRulePayload": payload}),
        (client.delete_topic_rule, {}),
        (client.enable_topic_rule, {}),
        (client.disable_topic_rule, {}),
    ):
        code, message, status = refusal(operation, ruleName="filed", **more)
        assert (code, status) == ("InvalidRequestException", 400)
        assert file in message
        assert "Change the file" in message or "ruleDisabled" in message
    assert serving.bodies_after("in/file") == [b'{"filed":1}']


def test_a_disk_that_refuses_is_a_retry_and_nothing_has_changed(serving: IotServing) -> None:
    client = serving.client()
    payload = rule("SELECT a FROM 'in/x'", TO_ALARMS)
    away = serving.folder / "away"
    serving.registry_folder.rename(away)
    try:
        code, message, status = refusal(
            client.create_topic_rule, ruleName="r1", topicRulePayload=payload
        )
    finally:
        away.rename(serving.registry_folder)
    assert (code, status) == ("ServiceUnavailableException", 503)
    assert "registry" in message
    assert serving.bodies_after("in/x") == []
    client.create_topic_rule(ruleName="r1", topicRulePayload=payload)
    assert serving.bodies_after("in/x") == [b'{"a":1}']


def test_there_is_a_bound_on_what_rules_may_take(serving: IotServing) -> None:
    client = serving.client()
    payload = rule("SELECT * FROM 'a'", TO_ALARMS, description="d" * 260_000)
    for number in range(16):
        client.create_topic_rule(ruleName=f"r{number}", topicRulePayload=payload)
    code, message, status = refusal(
        client.create_topic_rule, ruleName="one_more", topicRulePayload=payload
    )
    assert (code, status) == ("InvalidRequestException", 400)
    assert "Delete rules" in message


def test_other_operations_of_iot_are_refused_by_name(serving: IotServing) -> None:
    client = serving.client()
    assert refusal(client.create_thing, thingName="t") == (
        "UnsupportedOperation",
        "Weir does not serve CreateThing yet.",
        400,
    )
    assert refusal(client.describe_endpoint)[0] == "UnsupportedOperation"


def test_the_aws_cli_creates_a_rule_from_a_rule_file(serving: IotServing, tmp_path: Path) -> None:
    document = {"ruleName": "cli", "topicRulePayload": rule("SELECT a FROM 'in/x'", TO_ALARMS)}
    file = tmp_path / "cli.json"
    file.write_text(json.dumps(document))
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": KEY.access_key_id,
        "AWS_SECRET_ACCESS_KEY": KEY.secret_access_key,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    done = subprocess.run(
        [
            Path(sys.executable).with_name("aws"),
            f"--endpoint-url=http://{serving.address}",
            *("iot", "create-topic-rule", "--cli-input-json", f"file://{file}"),
        ],
        env=environment,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert serving.bodies_after("in/x") == [b'{"a":1}']
