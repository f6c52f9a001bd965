"""Each text of each action: whether it takes templates."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import rules
from rules.actions.shapes import Flag, Items, Map, Record, Shape, Text, Whole
from rules.actions.table import ACTIONS
from rules.message import Context
from tests.rules.actions.samples import ROLE, VALID, value_at, with_value

One = Callable[[object], rules.Action]

_SITEWISE = "putAssetPropertyValueEntries/0"

TAKES_TEMPLATES = """
cloudwatchAlarm    alarmName stateReason stateValue
cloudwatchLogs     logGroupName
cloudwatchMetric   metricNamespace metricName metricValue metricUnit metricTimestamp
dynamoDB           tableName hashKeyField hashKeyValue hashKeyType rangeKeyField rangeKeyValue
dynamoDB           rangeKeyType payloadField operation
dynamoDBv2         putItem/tableName
elasticsearch      endpoint index type id
firehose           deliveryStreamName
http               url confirmationUrl headers/0/value
influxDB           tableName tags/site
iotAnalytics       channelName
iotEvents          inputName messageId
iotSiteWise        {e}/entryId {e}/assetId {e}/propertyId {e}/propertyAlias
iotSiteWise        {e}/propertyValues/0/value/stringValue {e}/propertyValues/0/value/integerValue
iotSiteWise        {e}/propertyValues/0/value/doubleValue {e}/propertyValues/0/value/booleanValue
iotSiteWise        {e}/propertyValues/0/timestamp/timeInSeconds
iotSiteWise        {e}/propertyValues/0/timestamp/offsetInNanos {e}/propertyValues/0/quality
kafka              topic key partition headers/0/key headers/0/value
kafka              clientProperties/ssl.truststore clientProperties/ssl.truststore.password
kafka              clientProperties/ssl.keystore clientProperties/ssl.keystore.password
kafka              clientProperties/ssl.key.password clientProperties/sasl.kerberos.keytab
kafka              clientProperties/sasl.plain.username clientProperties/sasl.plain.password
kafka              clientProperties/sasl.scram.username clientProperties/sasl.scram.password
kinesis            streamName partitionKey
lambda             functionArn
location           trackerName deviceId latitude longitude timestamp/value timestamp/unit
openSearch         endpoint index type id
republish          topic headers/payloadFormatIndicator headers/contentType headers/responseTopic
republish          headers/correlationData headers/messageExpiry headers/userProperties/0/key
republish          headers/userProperties/0/value
s3                 bucketName key
sns                targetArn
sqs                queueUrl
stepFunctions      stateMachineName executionNamePrefix
timestream         databaseName tableName dimensions/0/value timestamp/value timestamp/unit
"""
IS_PLAIN = """
cloudwatchAlarm    roleArn
cloudwatchLogs     roleArn
cloudwatchMetric   roleArn
dynamoDB           roleArn
dynamoDBv2         roleArn
elasticsearch      roleArn
firehose           roleArn separator
http               headers/0/key auth/sigv4/signingRegion auth/sigv4/serviceName auth/sigv4/roleArn
influxDB           destinationArn databaseName organization timestampUnit roleArn
iotAnalytics       channelArn roleArn
iotEvents          roleArn
iotSiteWise        roleArn
kafka              destinationArn clientProperties/bootstrap.servers clientProperties/acks
kafka              clientProperties/compression.type clientProperties/security.protocol
kafka              clientProperties/key.serializer clientProperties/value.serializer
kafka              clientProperties/sasl.mechanism clientProperties/sasl.kerberos.service.name
kafka              clientProperties/sasl.kerberos.krb5.kdc clientProperties/sasl.kerberos.krb5.realm
kafka              clientProperties/sasl.kerberos.principal
kinesis            roleArn
location           roleArn
openSearch         roleArn
republish          roleArn
s3                 cannedAcl roleArn
salesforce         url token
sns                messageFormat roleArn
sqs                roleArn
stepFunctions      roleArn
timestream         dimensions/0/name roleArn
"""
IS_NO_TEXT = """
cloudwatchLogs     batchMode
firehose           batchMode
http               enableBatching batchConfig/maxBatchOpenMs batchConfig/maxBatchSize
http               batchConfig/maxBatchSizeBytes batchConfig/batchAcrossTopics
influxDB           batchConfig/maxBatchOpenMs batchConfig/maxBatchSize
influxDB           batchConfig/maxBatchSizeBytes batchConfig/batchAcrossTopics
iotAnalytics       batchMode
iotEvents          batchMode
republish          qos
sqs                useBase64
"""


def _rows(table: str) -> list[tuple[str, str]]:
    rows = []
    for line in table.strip().splitlines():
        kind, *paths = line.split()
        rows += [(kind, path.replace("{e}", _SITEWISE)) for path in paths]
    return rows


def _leaves(shape: Shape, value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Give the path of each leaf of a valid action, walked by its shape."""
    match shape:
        case Record():
            assert isinstance(value, dict)
            assert value.keys() == shape.members().keys()
            for key, member in shape.members().items():
                yield from _leaves(member, value[key], (*path, key))
        case Items():
            assert isinstance(value, list)
            yield from _leaves(shape.item, value[0], (*path, "0"))
        case Map():
            assert isinstance(value, dict)
            for key, member in value.items():
                yield from _leaves(shape.value, member, (*path, key))
        case Text() | Flag() | Whole():
            yield path


@pytest.mark.parametrize("kind", ACTIONS)
def test_the_rows_below_are_all_there_are(kind: str) -> None:
    rows = _rows(TAKES_TEMPLATES) + _rows(IS_PLAIN) + _rows(IS_NO_TEXT)
    leaves = ["/".join(path) for path in _leaves(ACTIONS[kind], VALID[kind])]
    assert sorted(path for row_kind, path in rows if row_kind == kind) == sorted(leaves)


@pytest.mark.parametrize("kind", ACTIONS)
def test_an_action_with_everything(kind: str, one: One, context: Context) -> None:
    assert one({kind: VALID[kind]}).render(context) == {kind: VALID[kind]}


@pytest.mark.parametrize(("kind", "path"), _rows(TAKES_TEMPLATES))
def test_this_text_takes_templates(kind: str, path: str, one: One, context: Context) -> None:
    action = one(with_value(kind, path, "${site}-${n + 1}/${topic(2)}"))
    assert value_at(action.render(context), path) == "north-8/b"
    if isinstance(action, rules.UnsupportedAction | rules.ServiceAction):
        template = value_at({kind: action.parameters}, path)
        assert isinstance(template, rules.Template)
        assert template.text == "${site}-${n + 1}/${topic(2)}"


@pytest.mark.parametrize(("kind", "path"), _rows(TAKES_TEMPLATES))
def test_a_template_that_does_not_compile_is_a_problem(kind: str, path: str, one: One) -> None:
    with pytest.raises(rules.RuleDocumentError) as caught:
        one(with_value(kind, path, "x-${1 +}"))
    (problem,) = caught.value.problems
    dotted = path.replace("/0", "[0]").replace("/", ".")
    assert problem.path == f"$.actions[0].{kind}.{dotted}"
    assert problem.message.startswith("in the template: line 1, column ")


@pytest.mark.parametrize(("kind", "path"), _rows(IS_PLAIN))
def test_this_text_is_plain(kind: str, path: str, one: One, context: Context) -> None:
    text = "${1 +}"
    if path.endswith("roleArn"):
        text = ROLE + text.replace(" ", "")
    if (kind, path) == ("s3", "cannedAcl"):
        with pytest.raises(rules.RuleDocumentError, match=r"is '\$\{1 \+\}'"):
            one(with_value(kind, path, text))
        return
    action = one(with_value(kind, path, text))
    assert value_at(action.render(context), path) == text


@pytest.mark.parametrize(("kind", "path"), _rows(IS_NO_TEXT))
def test_this_is_no_text_at_all(kind: str, path: str, one: One, context: Context) -> None:
    changed = with_value(kind, path, "${1}")
    if kind in ("cloudwatchLogs", "http", "republish", "sqs"):
        says = r"must be (true or false|0 or 1|a whole number from \d+ to \d+), is "
        with pytest.raises(rules.RuleDocumentError, match=says):
            one(changed)
    else:
        assert value_at(one(changed).render(context), path) == "${1}"


def test_the_keys_of_tags_take_templates(one: One, context: Context) -> None:
    tags = {"${site}": "x", "plain": "${n}", "n": "y"}
    action = one(with_value("influxDB", "tags", tags))
    rendered = action.render(context)
    assert value_at(rendered, "tags") == {"north": "x", "plain": "7", "n": "y"}


def test_an_expression_without_a_value_is_reported(one: One, context: Context) -> None:
    for kind, path in (("sns", "targetArn"), ("sqs", "queueUrl"), ("republish", "topic")):
        action = one(with_value(kind, path, "x-${missing}"))
        with pytest.raises(rules.TemplateUndefined) as caught:
            action.render(context)
        assert caught.value.expression == "missing"


def test_of_an_unknown_action_all_is_as_written(one: One, context: Context) -> None:
    parameters = {"queueUrl": "${1 +}", "deep": [{"x": "${2}"}]}
    action = one({"sqss": parameters})
    assert action.render(context) == {"sqss": parameters}


@pytest.mark.parametrize(
    ("topic", "rendered"),
    [
        ("$$aws/things/${topic(2)}/shadow/update", "$aws/things/b/shadow/update"),
        ("$$aws/things/t/shadow/update", "$aws/things/t/shadow/update"),
        ("$aws/things/t", "$aws/things/t"),
        ("$${n}", "$7"),
        ("$$$x", "$$x"),
        ("x/$$aws", "x/$$aws"),
    ],
)
def test_a_republished_topic(topic: str, rendered: str, one: One, context: Context) -> None:
    action = one(with_value("republish", "topic", topic))
    assert value_at(action.render(context), "topic") == rendered


def test_what_is_left_out_of_an_action_is_shown_by_its_default(one: One, context: Context) -> None:
    sqs = one({"sqs": {"queueUrl": "q", "roleArn": ROLE}})
    assert sqs.render(context) == {"sqs": {"queueUrl": "q", "roleArn": ROLE, "useBase64": False}}
    republish = one({"republish": {"topic": "t", "roleArn": ROLE}})
    assert republish.render(context) == {"republish": {"topic": "t", "roleArn": ROLE, "qos": 0}}


def test_deep_nesting_where_nothing_is_expected(one: One, context: Context) -> None:
    deep: object = "${1 +}"
    for _ in range(900):
        deep = [deep]
    action = one(with_value("sns", "extra", deep))
    assert value_at(action.render(context), "extra") == deep
