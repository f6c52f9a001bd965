"""A rule of each action from a client's publish to where the action leads, through a real gateway.

Each test has its own topics and rules in one gateway. Failing actions are in
`test_rule_error_actions`.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator

import paho.mqtt.client as paho
import pytest

from tests.rig.gateway_process import GatewayProcess, wait_until
from tests.rig.rules_at_work import (
    FUNCTION_ARN,
    ROLE,
    Client,
    WebServer,
    bodies,
    boto,
    bucket,
    function,
    put_rules,
    queues,
    rule,
    secrets,
    status_of,
    table,
    to_bucket,
    to_function,
    to_queue,
    to_server,
    to_topic,
    weir_json,
)

pytestmark = pytest.mark.xdist_group("rule-actions")

# As it is written for AWS, boto3 at the top included.
ON_AWS = """
    import json
    import os

    import boto3

    sqs = boto3.client("sqs")


    def lambda_handler(event, context):
        url = sqs.get_queue_url(QueueName=os.environ["QUEUE"])["QueueUrl"]
        answer = {"event": event, "function": context.function_name, "id": context.aws_request_id}
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(answer))
        return {"statusCode": 200}
"""
GRADE = """
    def lambda_handler(event, context):
        return {"grade": "hot" if event["celsius"] > 30 else "mild", "asked": event}
"""
SECRETS = {"key": "s3cret", "database": {"user": "u", "password": "p"}}
HTTP_MORE = {
    "headers": [
        {"key": "X-Place", "value": "${topic(2)}"},
        {
            "key": "Authorization",
            "value": f"Bearer ${{get_secret('key', 'SecretString', '{ROLE}')}}",
        },
    ]
}


@pytest.fixture(scope="module")
def declared() -> Iterator[WebServer]:
    """A server that the settings name."""
    with WebServer() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, declared: WebServer
) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("actions")
    settings = [
        queues("from-function", "graded", "looked-up", "known", "with-secret", "after-http"),
        function(folder, "on_aws", ON_AWS, timeout_s="20s", environment=["QUEUE=from-function"]),
        function(folder, "grade", GRADE),
        bucket(folder, "readings-bucket"),
        table("latest", "device", sort_key="at", sort_key_type="NUMBER"),
        table("devices", "device"),
        secrets(folder, SECRETS),
        f'[[rules.destinations]]\nurl = "{declared.url}/in"\n',
    ]
    with GatewayProcess(folder, rules=[], extra="".join(settings)) as process:
        yield process
        assert process.stop() == 0


@pytest.fixture
def client(gateway: GatewayProcess, request: pytest.FixtureRequest) -> Iterator[Client]:
    with Client(gateway, str(request.node.name)[:60]) as connected:
        yield connected


def test_sqs(gateway: GatewayProcess, client: Client) -> None:
    sql = "SELECT celsius, topic(2) AS house FROM 'sqs/+' WHERE celsius > 30"
    put_rules(gateway, rule("to_queue", sql, to_queue("readings")))
    client.publish("sqs/north", {"celsius": 21})
    client.publish("sqs/north", {"celsius": 31})
    client.publish("sqs/south", {"celsius": 32}, qos=0)
    assert bodies(gateway, "readings", 2) == [
        {"celsius": 31, "house": "north"},
        {"celsius": 32, "house": "south"},
    ]
    status = status_of(gateway, "to_queue")
    assert (status["evaluated"], status["matched"], status["failed"]) == (3, 2, 0)
    assert status["actions"][0]["done"] == 2


@pytest.mark.parametrize("qos", [0, 1])
def test_republish(gateway: GatewayProcess, client: Client, qos: int) -> None:
    sql = f"SELECT celsius AS c FROM 'republish/{qos}/+'"
    put_rules(gateway, rule(f"again_{qos}", sql, to_topic("again/${topic(2)}/${topic(3)}", qos)))
    with Client(gateway, f"old-{qos}", level=paho.MQTTv311) as old:
        old.subscribe(f"again/{qos}/#")
        client.subscribe(f"again/{qos}/#")
        client.publish(f"republish/{qos}/a", {"celsius": 5})
        for listener in (client, old):
            (message,) = listener.wait(1)
            assert (message.topic, message.qos) == (f"again/{qos}/a", qos)
            assert json.loads(message.payload) == {"c": 5}


def test_republish_with_headers(gateway: GatewayProcess, client: Client) -> None:
    headers = {
        "payloadFormatIndicator": "UTF8_DATA",
        "contentType": "application/json",
        "responseTopic": "answers/${topic(2)}",
        "correlationData": "${encode(id, 'base64')}",
        "messageExpiry": "60",
        "userProperties": [
            {"key": "house", "value": "${topic(2)}"},
            {"key": "${id}", "value": "constant"},
        ],
    }
    action = to_topic("with/headers", 1, headers=headers)
    put_rules(gateway, rule("headers", "SELECT * FROM 'headers/+'", action))
    client.subscribe("with/headers")
    client.publish("headers/north", {"id": "r-1"})
    (message,) = client.wait(1)
    found = message.properties
    assert found is not None
    assert found.PayloadFormatIndicator == 1
    assert found.ContentType == "application/json"
    assert found.ResponseTopic == "answers/north"
    assert found.CorrelationData == b"r-1"
    assert 50 <= found.MessageExpiryInterval <= 60
    assert found.UserProperty == [("house", "north"), ("r-1", "constant")]


def test_lambda_of_a_file_as_on_aws(gateway: GatewayProcess, client: Client) -> None:
    sql = "SELECT *, traceid() AS trace FROM 'lambda/+'"
    put_rules(gateway, rule("to_function", sql, to_function("on_aws:PROD")))
    for number in range(3):
        client.publish("lambda/a", {"n": number})
    found = bodies(gateway, "from-function", 3)
    assert [each["event"]["n"] for each in found] == [0, 1, 2]
    assert all(each["function"] == "on_aws" for each in found)
    assert [each["id"] for each in found] == [each["event"]["trace"] for each in found]
    wait_until(lambda: status_of(gateway, "to_function")["actions"][0]["done"] == 3)
    (told,) = (each for each in gateway.status()["functions"] if each["name"] == "on_aws")
    assert (told["calls"], told["failed"]) == (3, 0)


def test_aws_lambda_in_a_select(gateway: GatewayProcess, client: Client) -> None:
    ask = f"aws_lambda('{FUNCTION_ARN}grade', {{'celsius': celsius}})"
    sql = f"SELECT {ask} AS answer FROM 'grade/+' WHERE {ask}.grade = 'hot'"
    put_rules(gateway, rule("graded", sql, to_queue("graded")))
    for celsius in (20, 40, 30, 50):
        client.publish("grade/a", {"celsius": celsius})
    assert bodies(gateway, "graded", 2) == [
        {"answer": {"grade": "hot", "asked": {"celsius": celsius}}} for celsius in (40, 50)
    ]
    wait_until(lambda: status_of(gateway, "graded")["evaluated"] == 4)
    assert status_of(gateway, "graded")["matched"] == 2


def test_http_once_the_server_has_confirmed(gateway: GatewayProcess, client: Client) -> None:
    with WebServer() as server:
        action = to_server(f"{server.url}/in/${{topic(2)}}", confirmationUrl=f"{server.url}/in")
        error = to_queue("after-http")
        document = rule("to_server", "SELECT * FROM 'http/+'", action, error=error)
        put_rules(gateway, document)
        (asked,) = server.wait(1)
        assert asked.path.startswith("/in/?confirmationToken=")
        kind = asked.headers["x-amz-rules-engine-message-type"]
        assert (kind, asked.json["messageType"]) == ("DestinationConfirmation",) * 2

        client.publish("http/early", {"n": 0})
        (told,) = bodies(gateway, "after-http", 1)
        (failure,) = told["failures"]
        assert failure["failedAction"] == "HttpAction"
        assert "IN_PROGRESS" in failure["errorMessage"]

        with urllib.request.urlopen(asked.json["enableUrl"], timeout=10) as answer:
            assert answer.status == 200
        with boto(gateway, "iot") as iot:
            summaries = iot.list_topic_rule_destinations()["destinationSummaries"]
            states = {
                each["httpUrlSummary"]["confirmationUrl"]: each["status"] for each in summaries
            }
        assert states[f"{server.url}/in"] == "ENABLED"
        client.publish("http/north", {"n": 1})
        posted = server.wait(2)[1]
        assert (posted.path, posted.json) == ("/in/north", {"n": 1})
        assert posted.headers["Content-Type"] == "application/json"
        wait_until(lambda: status_of(gateway, "to_server")["actions"][0]["done"] == 1)
        assert len(server.got) == 2


def test_http_to_a_server_that_the_settings_name(
    gateway: GatewayProcess, client: Client, declared: WebServer
) -> None:
    url = f"{declared.url}/in/${{topic(2)}}?id=${{id}}"
    action = to_server(url, confirmationUrl=f"{declared.url}/in", **HTTP_MORE)
    put_rules(gateway, rule("declared", "SELECT id FROM 'declared/+'", action))
    client.publish("declared/north", {"id": 7, "more": "not selected"})
    (posted,) = declared.wait(1)  # nobody was asked to confirm
    assert (posted.path, posted.json) == ("/in/north?id=7", {"id": 7})
    assert posted.headers["X-Place"] == "north"
    assert posted.headers["Authorization"] == "Bearer s3cret"


def test_http_in_batches(gateway: GatewayProcess, client: Client, declared: WebServer) -> None:
    batches = {"enableBatching": True, "batchConfig": {"maxBatchOpenMs": 200, "maxBatchSize": 3}}
    action = to_server(f"{declared.url}/in", confirmationUrl=f"{declared.url}/in", **batches)
    put_rules(gateway, rule("batched", "SELECT n FROM 'batched/+'", action))
    before = len(declared.got)
    for n in range(3):
        client.publish("batched/a", {"n": n})
    client.publish("batched/b", {"n": 3})  # another topic goes by itself
    wait_until(lambda: sum(len(post.json) for post in declared.got[before:]) == 4)
    bodies = [post.json for post in declared.got[before:]]
    assert [{"n": 3}] in bodies
    assert sorted(item["n"] for body in bodies for item in body) == [0, 1, 2, 3]


def test_s3(gateway: GatewayProcess, client: Client) -> None:
    key = "${topic(2)}/${timestamp()}.json"
    put_rules(gateway, rule("to_bucket", "SELECT * FROM 's3/+'", to_bucket("readings-bucket", key)))
    client.publish("s3/north", {"celsius": 21.5})
    wait_until(lambda: status_of(gateway, "to_bucket")["actions"][0]["done"] == 1)
    (file,) = (gateway.folder / "readings-bucket").rglob("*.json")
    assert file.parent.name == "north" and file.stem.isdigit()
    assert json.loads(file.read_bytes()) == {"celsius": 21.5}
    (told,) = gateway.status()["buckets"]
    assert told["name"] == "readings-bucket"


def test_binary_payloads_stay_as_they_are(gateway: GatewayProcess, client: Client) -> None:
    action = to_bucket("readings-bucket", "binary/${topic(2)}")
    put_rules(gateway, rule("binary", "SELECT * FROM 'binary/+'", action))
    client.publish("binary/a", b"\x00\xff\x01 no JSON")
    file = gateway.folder / "readings-bucket" / "binary" / "a"
    wait_until(file.exists)
    assert file.read_bytes() == b"\x00\xff\x01 no JSON"


def test_dynamodb_tables_and_looking_them_up(gateway: GatewayProcess, client: Client) -> None:
    by_payload = {
        "dynamoDB": {
            "tableName": "latest",
            "hashKeyField": "device",
            "hashKeyValue": "${topic(2)}",
            "rangeKeyField": "at",
            "rangeKeyType": "NUMBER",
            "rangeKeyValue": "${at}",
            "payloadField": "reading",
            "roleArn": ROLE,
        }
    }
    by_column = {"dynamoDBv2": {"putItem": {"tableName": "devices"}, "roleArn": ROLE}}
    described = "SELECT topic(2) AS device, place, floor FROM 'describe/+'"
    latest = f"get_dynamodb('latest', 'device', topic(2), 'at', at, '{ROLE}').reading.celsius"
    device = f"get_dynamodb('devices', 'device', topic(2), '{ROLE}')"
    put_rules(
        gateway,
        rule("into_table", "SELECT celsius FROM 'dynamo/+'", by_payload),
        rule("into_columns", described, by_column),
        rule("latest", f"SELECT {latest} AS c FROM 'look/+'", to_queue("looked-up")),
        rule("device", f"SELECT {device} AS device FROM 'who/+'", to_queue("known")),
    )
    client.publish("dynamo/d1", {"celsius": 20.5, "at": 16})
    client.publish("dynamo/d1", {"celsius": 21.50, "at": 17})
    client.publish("describe/d1", {"place": "roof", "floor": 3})
    for at in (16, 17.0, 18):
        client.publish("look/d1", {"at": at})
    assert bodies(gateway, "looked-up", 3) == [{"c": 20.5}, {"c": 21.5}, {}]
    for name in ("d1", "nobody"):
        client.publish(f"who/{name}", {})
    known = {"device": {"device": "d1", "place": "roof", "floor": 3}}
    assert bodies(gateway, "known", 2) == [known, {}]
    assert {each["name"]: each["items"] for each in gateway.status()["tables"]} == {
        "latest": 2,
        "devices": 1,
    }


def test_get_secret(gateway: GatewayProcess, client: Client) -> None:
    whole = f"get_secret('database', 'SecretString', '{ROLE}').password"
    user = f"get_secret('database', 'SecretString', 'user', '{ROLE}')"
    sql = f"SELECT {user} AS user, n FROM 'secret/+' WHERE {whole} = 'p'"
    put_rules(gateway, rule("secret", sql, to_queue("with-secret")))
    client.publish("secret/a", {"n": 1})
    assert bodies(gateway, "with-secret", 1) == [{"user": "u", "n": 1}]


def test_cloudwatch_logs(gateway: GatewayProcess, client: Client) -> None:
    action = {"cloudwatchLogs": {"logGroupName": "/site/readings", "roleArn": ROLE}}
    put_rules(gateway, rule("to_log", "SELECT * FROM 'log/+'", action))
    client.publish("log/a", {"told": "a line of the log"})
    expected = '/site/readings: {"told": "a line of the log"}'
    wait_until(lambda: expected in gateway.log.read_text(), what=expected)


def test_cloudwatch_metric(gateway: GatewayProcess, client: Client) -> None:
    action = {
        "cloudwatchMetric": {
            "metricNamespace": "Site",
            "metricName": "celsius-${topic(2)}",
            "metricValue": "${celsius}",
            "metricUnit": "None",
            "metricTimestamp": "1700000000",
            "roleArn": ROLE,
        }
    }
    put_rules(gateway, rule("to_metric", "SELECT * FROM 'metric/+'", action))
    for celsius in (20, 24.5, 22):
        client.publish("metric/north", {"celsius": celsius})
    status = weir_json(gateway, "status")
    (metric,) = status["cloudwatch_metrics"]
    assert (metric["namespace"], metric["name"]) == ("Site", "celsius-north")
    assert (metric["count"], metric["latest"], metric["total"]) == (3, 22, 66.5)
    assert (metric["minimum"], metric["maximum"]) == (20, 24.5)
    assert metric["timestamp_s"] == 1_700_000_000
    assert status["metrics"]["cloudwatch.Site/celsius-north (None)"] == 22


@pytest.mark.parametrize("level", [paho.MQTTv311, paho.MQTTv5], ids=["MQTT 3.1.1", "MQTT 5"])
def test_basic_ingest(gateway: GatewayProcess, level: int) -> None:
    put_rules(
        gateway,
        rule("ingest", "SELECT topic() AS topic, n FROM 'plant/+'", to_topic("ingested/a", 1)),
        rule("no_from", "SELECT topic(2) AS two, n", to_topic("ingested/b", 1)),
    )
    with Client(gateway, f"ingest-{level}", level=level) as client:
        client.subscribe("#")
        client.subscribe("$aws/rules/#")
        client.publish("$aws/rules/ingest/plant/1", {"n": 1})
        client.publish("$aws/rules/no_from/x/y", {"n": 2})
        client.publish("$aws/rules/nobody/x", {"n": 3})
        client.publish("last", {})
        got = {message.topic: json.loads(message.payload) for message in client.wait(3)}
    assert got == {
        "ingested/a": {"topic": "plant/1", "n": 1},
        "ingested/b": {"two": "y", "n": 2},
        "last": {},
    }
