"""What is wrong with an action's parameters: problems of those that run, warnings of the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import rules
from rules.message import Context
from tests.rules.actions.samples import ROLE, VALID, value_at, with_value

Load = Callable[..., rules.RuleDocument]
One = Callable[[object], rules.Action]


def warnings(document: rules.RuleDocument) -> list[tuple[str, str]]:
    return [(each.path, f"{each.message}|{each.remedy}") for each in document.warnings]


def problems(load: Load, *actions: object, **more: object) -> list[tuple[str, str]]:
    with pytest.raises(rules.RuleDocumentError) as caught:
        load(*actions, **more)
    return [(each.path, f"{each.message}|{each.remedy}") for each in caught.value.problems]


def without(kind: str, key: str) -> dict[str, Any]:
    return {kind: {each: value for each, value in VALID[kind].items() if each != key}}


SERVICES = (
    "cloudwatchLogs", "cloudwatchMetric", "dynamoDB", "dynamoDBv2", "http", "lambda", "s3",
)  # fmt: skip
UNSUPPORTED = [kind for kind in VALID if kind not in (*SERVICES, "republish", "sqs")]


@pytest.mark.parametrize("kind", UNSUPPORTED)
def test_a_good_one_that_does_not_run_has_one_warning(kind: str, load: Load) -> None:
    problem = f"the action '{kind}' has no meaning on this gateway"
    if kind in ("kinesis", "sns"):
        own = {"kinesis": "Kinesis", "sns": "SNS"}[kind]
        problem = f"the action '{kind}' is not there yet: it comes with the gateway's own {own}"
    document = load({kind: VALID[kind]})
    (action,) = document.actions
    assert isinstance(action, rules.UnsupportedAction)
    assert (action.kind, action.problem) == (kind, problem)
    assert action.parameters == VALID[kind]
    assert warnings(document) == [
        (f"$.actions[0].{kind}", f"{problem}|the rule's other actions run")
    ]


@pytest.mark.parametrize("kind", SERVICES)
def test_a_good_one_of_a_service_has_no_warning(kind: str, load: Load) -> None:
    parameters = {key: value for key, value in VALID[kind].items() if key != "auth"}
    document = load({kind: parameters})
    (action,) = document.actions
    assert isinstance(action, rules.ServiceAction)
    assert (action.kind, action.reaches_out) == (kind, False)
    assert action.parameters == parameters
    assert warnings(document) == []


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("lambda", "functionArn"),
        ("http", "headers/0/value"),
        ("dynamoDBv2", "putItem/tableName"),
        ("republish", "headers/userProperties/0/value"),
    ],
)
def test_a_template_that_reaches_out_makes_the_action_reach_out(
    kind: str, path: str, load: Load
) -> None:
    reaching = f"${{get_thing_shadow(clientid(), '{ROLE}').state.reported.x}}"
    document = load(with_value(kind, path, reaching))
    assert document.actions[0].reaches_out
    assert document.reaches_out
    document = load(with_value(kind, path, "${clientid()}"))
    assert not document.actions[0].reaches_out
    assert not document.reaches_out


# What is wrong with the form of an action: path below it, and words. It is a problem of one that
# is carried out, a warning of any other.
ODD: list[tuple[dict[str, Any], str, str]] = [
    (without("sns", "roleArn"), ".roleArn", "'roleArn' is missing|add 'roleArn', a string"),
    (without("dynamoDBv2", "putItem"), ".putItem", "|add 'putItem', an object"),
    (without("timestream", "dimensions"), ".dimensions", "|add 'dimensions', an array"),
    (with_value("sns", "targetARN", "x"), ".targetARN", "unknown key|did you mean 'targetArn'?"),
    (with_value("kafka", "clientProperties/linger.ms", "5"), ".clientProperties.linger.ms",
     "unknown key 'linger.ms'|known keys: bootstrap.servers, acks"),
    (with_value("http", "headers/0/name", "x"), ".headers[0].name", "|known keys: key, value"),
    (with_value("sns", "targetArn", 5), ".targetArn", "'targetArn' must be a string, is a number"),
    (with_value("sns", "targetArn", None), ".targetArn", "must be a string, is null"),
    (with_value("kinesis", "partitionKey", ["k"]), ".partitionKey", "a string, is an array"),
    (with_value("firehose", "batchMode", "yes"), ".batchMode", "must be true or false, is a str"),
    (with_value("firehose", "batchMode", 1), ".batchMode", "must be true or false, is a number"),
    (with_value("dynamoDBv2", "putItem", "t"), ".putItem", "must be an object, is a string"),
    (with_value("dynamoDBv2", "putItem", {}), ".putItem.tableName", "'tableName' is missing"),
    (with_value("http", "headers", {}), ".headers", "must be an array, is an object"),
    (with_value("http", "headers/0", "k: v"), ".headers[0]", "'headers[0]' must be an object"),
    (with_value("http", "headers", VALID["http"]["headers"] * 101), ".headers",
     "'headers' has 101 items; at most 100"),
    (with_value("http", "headers/0/key", ""), ".headers[0].key", "'key' is empty"),
    (with_value("http", "headers/0/key", "k" * 257), ".headers[0].key",
     "'key' has 257 characters; at most 256"),
    (with_value("http", "url", "https://h/" + "x" * 1991), ".url", "2001 characters; at most 2000"),
    (with_value("http", "batchConfig/maxBatchOpenMs", 4), ".batchConfig.maxBatchOpenMs",
     "must be a whole number from 5 to 200, is 4|"),
    (with_value("http", "batchConfig/maxBatchSize", 11), ".batchConfig.maxBatchSize",
     "must be a whole number from 2 to 10, is 11"),
    (with_value("http", "batchConfig/maxBatchSize", 2.5), ".batchConfig.maxBatchSize", "is 2.5"),
    (with_value("http", "batchConfig/maxBatchSize", True), ".batchConfig.maxBatchSize", "is True"),
    (with_value("http", "batchConfig/maxBatchSize", []), ".batchConfig.maxBatchSize", "is an arr"),
    (with_value("http", "batchConfig/maxBatchSizeBytes", "9000"), ".batchConfig.maxBatchSizeBytes",
     "is '9000'|write the number without quotes"),
    (with_value("http", "auth/sigv4", {"serviceName": "s", "roleArn": ROLE}),
     ".auth.sigv4.signingRegion", "is missing"),
    (with_value("timestream", "dimensions", []), ".dimensions", "has 0 items; at least 1"),
    (with_value("timestream", "dimensions", VALID["timestream"]["dimensions"] * 129),
     ".dimensions", "has 129 items; at most 128"),
    (with_value("timestream", "timestamp/unit", "SECOND"), ".timestamp.unit",
     "'MICROSECONDS' or 'NANOSECONDS', is 'SECOND'|did you mean 'SECONDS'?"),
    (with_value("s3", "cannedAcl", "world"), ".cannedAcl", "must be 'private', 'public-read', "),
    (with_value("firehose", "separator", ";"), ".separator", r"must be '\n', '\t', '\r\n' or ','"),
    (with_value("dynamoDB", "operation", "${'UPSERT'}"), ".operation", "is 'UPSERT'"),
    (with_value("dynamoDB", "operation", "upsert"), ".operation", "is 'upsert'"),
    (with_value("dynamoDB", "hashKeyType", "BINARY"), ".hashKeyType", "'STRING' or 'NUMBER', is"),
    (with_value("dynamoDB", "tableName", ""), ".tableName", "'tableName' is empty"),
    (without("s3", "key"), ".key", "'key' is missing|add 'key', a string"),
    (with_value("s3", "key", ""), ".key", "'key' is empty"),
    (without("lambda", "functionArn"), ".functionArn", "'functionArn' is missing"),
    (with_value("lambda", "functionArn", "my function"), ".functionArn",
     "'my function' is no function's name or ARN|arn:aws:lambda:REGION:ACCOUNT:function:NAME"),
    (with_value("lambda", "functionArn", "arn:aws:sqs:r:1:q"), ".functionArn", "or ARN"),
    (with_value("lambda", "functionArn", "arn:aws:lambda:r:1:function:f:a:b"), ".functionArn", ""),
    (with_value("lambda", "functionArn", "${'f!'}"), ".functionArn", "'f!' is no function's"),
    (with_value("cloudwatchLogs", "logGroupName", ""), ".logGroupName", "is empty"),
    (with_value("cloudwatchLogs", "batchMode", "true"), ".batchMode", "must be true or false"),
    (without("cloudwatchMetric", "metricUnit"), ".metricUnit", "'metricUnit' is missing"),
    (with_value("cloudwatchMetric", "metricValue", 1), ".metricValue", "a string, is a number"),
    (with_value("http", "url", "h/x"), ".url", "'h/x' is no address of an HTTP endpoint|write it "),
    (with_value("http", "url", "ftp://h/x"), ".url", "is no address of an HTTP endpoint"),
    (with_value("http", "url", "https:///x"), ".url", "is no address of an HTTP endpoint"),
    (with_value("http", "url", "https://h/x y"), ".url", "is no address of an HTTP endpoint"),
    (with_value("http", "confirmationUrl", "h"), ".confirmationUrl", "is no address of an HTTP"),
    (with_value("cloudwatchAlarm", "stateValue", "ok"), ".stateValue", "is 'ok'|did you mean 'OK'"),
    (with_value("openSearch", "endpoint", "e"), ".endpoint", "'e' is no address that begins with"),
    (with_value("influxDB", "databaseName", "_x"), ".databaseName", "'_x' is no database's name"),
    (with_value("influxDB", "tableName", "_x"), ".tableName", "'_x' is no table's name"),
    (with_value("influxDB", "organization", "o" * 65), ".organization", "at most 64"),
    (with_value("influxDB", "tags", {str(each): "" for each in range(499)}), ".tags",
     "'tags' has 499 members; at most 498"),
    (with_value("influxDB", "tags", []), ".tags", "'tags' must be an object, is an array"),
    (with_value("influxDB", "tags", {"site": 5}), ".tags.site", "'site' must be a string, is a nu"),
    (with_value("influxDB", "batchConfig/maxBatchSize", 0), ".batchConfig.maxBatchSize",
     "must be a whole number from 1 to 500, is 0"),
    (with_value("iotEvents", "inputName", ""), ".inputName", "'inputName' is empty"),
    (with_value("iotEvents", "messageId", "m" * 129), ".messageId", "at most 128"),
    (with_value("salesforce", "token", "short"), ".token", "has 5 characters; at least 40"),
    (with_value("sns", "roleArn", "me"), ".roleArn", "'me' does not have the form of a role's ARN"),
    ({"iotAnalytics": {"roleArn": ROLE}}, "", "'channelName' or 'channelArn' is missing"),
    (with_value("iotSiteWise", "putAssetPropertyValueEntries/0",
                {"assetId": "a",
                 "propertyValues": VALID["iotSiteWise"]["putAssetPropertyValueEntries"][0]
                 ["propertyValues"]}),
     ".putAssetPropertyValueEntries[0]", "'propertyAlias' or 'assetId' with 'propertyId' is miss"),
    (with_value("iotSiteWise", "putAssetPropertyValueEntries/0/propertyValues/0/value", {}),
     ".putAssetPropertyValueEntries[0].propertyValues[0].value", "'stringValue', 'integerValue', "),
    (with_value("iotSiteWise", "putAssetPropertyValueEntries/0/propertyValues/0/quality", "good"),
     ".putAssetPropertyValueEntries[0].propertyValues[0].quality", "|did you mean 'GOOD'?"),
    (with_value("kafka", "headers", []), ".headers", "'headers' has 0 items; at least 1"),
    (with_value("kafka", "headers/0/value", "v" * 16385), ".headers[0].value", "at most 16384"),
    (with_value("kafka", "clientProperties/acks", "all"), ".clientProperties.acks", "'0' or '1'"),
    (with_value("kafka", "clientProperties/sasl.mechanism", "SCRAM-SHA-256"),
     ".clientProperties.sasl.mechanism", "did you mean 'SCRAM-SHA-512'?"),
    (with_value("kafka", "clientProperties", {"acks": "1"}),
     ".clientProperties.bootstrap.servers", "'bootstrap.servers' is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "path", "says"), ODD)
def test_a_wrong_form_is_a_problem_where_it_runs_and_a_warning_elsewhere(
    action: dict[str, Any], path: str, says: str, load: Load, context: Context
) -> None:
    ((kind, parameters),) = action.items()
    if kind not in UNSUPPORTED:
        ((where, message),) = problems(load, action)
        assert where == f"$.actions[0].{kind}{path}"
        for part in says.split("|"):
            assert part in message
        return
    document = load(action)
    (_, *found) = warnings(document)
    assert [each for each, _ in found] == [f"$.actions[0].{kind}{path}"]
    for part in says.split("|"):
        assert part in found[0][1]
    (read,) = document.actions
    rendered = read.render(context)[kind]
    if "${" not in json.dumps(parameters):
        assert rendered == parameters


def test_plaintext_is_good_enough_inside_a_site(load: Load) -> None:
    local = with_value("kafka", "clientProperties/security.protocol", "PLAINTEXT")
    assert len(load(local).warnings) == 1


def test_a_bad_template_is_a_problem_of_any_known_action(load: Load) -> None:
    found = problems(load, with_value("timestream", "dimensions/0/value", "a\n${b +}"))
    ((path, message),) = found
    assert path == "$.actions[0].timestream.dimensions[0].value"
    assert message.startswith("in the template: line 2, column 6: ")


def test_what_the_compiler_warns_of_is_a_warning(load: Load) -> None:
    found = warnings(load(with_value("sqs", "queueUrl", "q${abs()}")))
    assert [path for path, _ in found] == ["$.actions[0].sqs.queueUrl"]
    assert "always Undefined" in found[0][1]


def test_a_key_of_tags_with_a_bad_template(load: Load) -> None:
    ((path, message),) = problems(load, with_value("influxDB", "tags", {"${": "x"}))
    assert path == "$.actions[0].influxDB.tags.${"
    assert "has no closing" in message


# What is wrong with the headers of a republish action.
HEADERS: list[tuple[str, object, str, str]] = [
    ("headers", [], "headers", "'headers' must be an object, is an array"),
    ("headers/contentTyp", "x", "headers.contentTyp", "|did you mean 'contentType'?"),
    ("headers/payloadFormatIndicator", "1", "headers.payloadFormatIndicator",
     "must be 'UNSPECIFIED_BYTES' or 'UTF8_DATA', is '1'"),
    ("headers/payloadFormatIndicator", 1, "headers.payloadFormatIndicator", "must be a string"),
    ("headers/contentType", "c" * 1025, "headers.contentType", "1025 characters; at most 1024"),
    ("headers/responseTopic", "a/+", "headers.responseTopic", "wildcards"),
    ("headers/responseTopic", "a/${'#'}", "headers.responseTopic", "wildcards"),
    ("headers/correlationData", "not base64", "headers.correlationData",
     "'not base64' is not base64|encode the data: ${encode(correlation, 'base64')}"),
    ("headers/correlationData", "aGk", "headers.correlationData", "is not base64"),
    ("headers/messageExpiry", "soon", "headers.messageExpiry", "no whole number of seconds"),
    ("headers/messageExpiry", "-1", "headers.messageExpiry", "no whole number of seconds"),
    ("headers/messageExpiry", 60, "headers.messageExpiry", "must be a string, is a number"),
    ("headers/userProperties", [], "headers.userProperties", "has 0 items; at least 1"),
    ("headers/userProperties", [{"key": "k", "value": "v"}] * 101, "headers.userProperties",
     "has 101 items; at most 100"),
    ("headers/userProperties/0", {"key": "k"}, "headers.userProperties[0].value", "is missing"),
    ("headers/userProperties/0", {"key": "k", "value": "v", "x": "y"},
     "headers.userProperties[0].x", "unknown key 'x'"),
    ("headers/userProperties/0/key", "k" * 1025, "headers.userProperties[0].key", "at most 1024"),
    ("headers/userProperties/0/value", "v" * 1025, "headers.userProperties[0].value", "most 1024"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "where", "says"), HEADERS)
def test_problems_of_headers(path: str, value: object, where: str, says: str, load: Load) -> None:
    ((found, message),) = problems(load, with_value("republish", path, value))
    assert found == f"$.actions[0].republish.{where}"
    for part in says.split("|"):
        assert part in message


def test_headers_as_templates(one: One, context: Context) -> None:
    headers = {"contentType": "c/${n}", "userProperties": [{"key": "k", "value": "${site}"}] * 100}
    action = one(with_value("republish", "headers", headers))
    assert isinstance(action, rules.RepublishAction)
    assert action.headers is not None
    assert action.headers.content_type is not None
    assert action.headers.content_type.text == "c/${n}"
    assert action.headers.message_expiry is None
    assert action.headers.render(context) == {
        "contentType": "c/7",
        "userProperties": [{"key": "k", "value": "north"}] * 100,
    }


def test_empty_headers(one: One, context: Context) -> None:
    action = one(with_value("republish", "headers", {}))
    assert isinstance(action, rules.RepublishAction)
    assert action.headers is not None
    assert action.headers.render(context) == {}


SET = {"sql": "SET @where = topic(2), @half = n / 2 SELECT * FROM 'a/#'"}


@pytest.mark.parametrize(("kind", "path"), [("sns", "targetArn"), ("sqs", "queueUrl")])
def test_templates_know_the_variables(
    kind: str, path: str, load: Load, environment: rules.Environment
) -> None:
    action = with_value(kind, path, "${@where}-${@half}")
    document = load(action, **SET, errorAction=action)
    context = Context(rules.Message("a/b/c", b'{"n": 7}'), environment)
    assert document.statement.evaluate_in(context) == b'{"n": 7}'
    for read in (*document.actions, document.error_action):
        assert read is not None
        assert value_at(read.render(context), path) == "b-3.5"


@pytest.mark.parametrize("kind", ["sns", "sqs"])
def test_a_variable_that_set_does_not_give(kind: str, load: Load) -> None:
    key = {"sns": "targetArn", "sqs": "queueUrl"}[kind]
    ((path, message),) = problems(load, with_value(kind, key, "x${@whre}"), **SET)
    assert path == f"$.actions[0].{kind}.{key}"
    assert "@whre" in message


def test_a_statement_that_fails_is_the_only_problem(load: Load) -> None:
    action = with_value("sqs", "queueUrl", "${@a}-${@b}")
    found = problems(load, action, sql="SET @a = SELECT * FROM 'a/#'", errorAction=action)
    assert [path for path, _ in found] == ["$.sql"]


@pytest.mark.parametrize(
    ("kind", "path"),
    [("sqs", "queueUrl"), ("sns", "targetArn"), ("republish", "headers/contentType")],
)
def test_an_error_action_must_not_reach_out(kind: str, path: str, load: Load) -> None:
    reaching = f"${{get_thing_shadow(clientid(), '{ROLE}').state.reported.x}}"
    action = with_value(kind, path, reaching)
    load(action)
    ((found, message),) = problems(load, errorAction=action)
    assert found == f"$.errorAction.{kind}.{path.replace('/', '.')}"
    assert "get_thing_shadow" in message


def test_an_error_action_stands_alone(load: Load) -> None:
    action = {"sqs": VALID["sqs"]}
    ((path, message),) = problems(load, action, errorAction=[action])
    assert path == "$.errorAction"
    assert message.endswith(
        "|a rule has one error action: write it as an object, without the array"
    )
    document = load(action, errorAction={"sqz": {}})
    (warning,) = warnings(document)
    assert warning == (
        "$.errorAction.sqz",
        "unknown action 'sqz', did you mean 'sqs'?|the rule's actions run",
    )


def test_an_error_action_may_use_everything_else(load: Load, context: Context) -> None:
    document = load(errorAction=with_value("sqs", "queueUrl", "${topic(1)}-${n}"))
    assert document.error_action is not None
    assert document.error_action.render(context)["sqs"] == {
        **VALID["sqs"],
        "queueUrl": "a-7",
    }


@pytest.mark.parametrize(
    "parameters",
    [
        {f"key{number}": 1 for number in range(15_000)},
        {"headers": [{f"key{number}": 1} for number in range(10_000)]},
        {"headers": ["x"] * 50_000},
        {"k" * 200_000: "v"},
        {"url": "${" + "(" * 200_000},
    ],
)
def test_a_document_full_of_mistakes_is_read_soon(parameters: dict[str, Any], load: Load) -> None:
    """The time limit of the test run is the bound; each takes well below a second."""
    found = problems(load, {"http": parameters})
    assert len(found) > 1 or "in the template" in found[0][1]
    document = load({"iotEvents": parameters})
    assert len(document.warnings) > 1
