"""Actions that fail, through a real gateway: each is told to the error action, once per message.

The error message is the one that AWS documents. What a failing rule does to other rules is in
`test_rules_beside_bad_ones`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.rig.gateway_process import GatewayProcess, wait_until
from tests.rig.rules_at_work import (
    FUNCTION_ARN,
    ROLE,
    Client,
    WebServer,
    bodies,
    bucket,
    function,
    put_rules,
    queues,
    rule,
    status_of,
    table,
    to_bucket,
    to_function,
    to_queue,
    to_server,
    to_topic,
    weir,
)

pytestmark = pytest.mark.xdist_group("rule-error-actions")

MODES = """
    def lambda_handler(event, context):
        if event.get("mode") == "raise":
            raise ValueError("no such thing")
        return {}
"""
DEVICE = {"tableName": "devices", "hashKeyField": "device", "hashKeyValue": "d", "roleArn": ROLE}
NOBODY = "http://127.0.0.1:1"  # a port where nobody listens
METRIC = {"metricNamespace": "Site", "metricName": "m", "metricUnit": "None", "roleArn": ROLE}

# Of each kind: the action, what of it failed, and a part of what is told.
FAILING: dict[str, tuple[dict[str, Any], str, str]] = {
    "sqs without the queue": (
        to_queue("nowhere"),
        "https://sqs.eu-west-1.amazonaws.com/123456789012/nowhere",
        "there is no queue 'nowhere'",
    ),
    "republish to a filter": (to_topic("a/${wild}"), "a/#", "cannot republish to 'a/#'"),
    "republish without a value": (to_topic("a/${nope}"), "a/${nope}", "nope"),
    "republish with a wrong header": (
        to_topic("a", headers={"messageExpiry": "${wild}"}),
        "a",
        "messageExpiry",
    ),
    "lambda without the function": (
        to_function("nobody"),
        f"{FUNCTION_ARN}nobody",
        "[[lambda.functions]]",
    ),
    "http where nobody listens": (to_server(f"{NOBODY}/x"), f"{NOBODY}/x", "refuses"),
    "http without an address": (
        to_server(f"{NOBODY}/${{up}}/", confirmationUrl=NOBODY),
        f"{NOBODY}/../",
        "cannot be used",
    ),
    "s3 without the bucket": (to_bucket("no-bucket", "a"), "no-bucket", "[[s3.buckets]]"),
    "s3 with a name too long": (to_bucket("here", f"${{topic()}}{'n' * 260}"), "here", "255"),
    "dynamoDB without the table": (
        {"dynamoDB": {**DEVICE, "tableName": "nowhere"}},
        "nowhere",
        "[[dynamodb.tables]]",
    ),
    "dynamoDB with another key": (
        {"dynamoDB": {**DEVICE, "hashKeyField": "other"}},
        "devices",
        "that of the table 'devices' is",
    ),
    "dynamoDBv2 without the key": (
        {"dynamoDBv2": {"putItem": {"tableName": "devices"}, "roleArn": ROLE}},
        "devices",
        "device",
    ),
    "cloudwatchLogs of no group": (
        {"cloudwatchLogs": {"logGroupName": "${topic()} x", "roleArn": ROLE}},
        "fail/all x",
        "no log group can have the name",
    ),
    "cloudwatchMetric of no number": (
        {"cloudwatchMetric": {**METRIC, "metricValue": "${wild}"}},
        "m",
        "is no number",
    ),
    "sns": ({"sns": {"targetArn": "arn:aws:sns:a:1:t", "roleArn": ROLE}}, "arn:aws:sns:a:1:t", ""),
    "kinesis": ({"kinesis": {"streamName": "s", "roleArn": ROLE}}, "s", "kinesis"),
    "firehose": (
        {"firehose": {"deliveryStreamName": "f", "roleArn": ROLE}},
        "f",
        "no meaning on this gateway",
    ),
    "an action that AWS has not yet": ({"quantum": {"qubits": 3}}, "", "quantum"),
}
NAMES = {kind: f"rule_{number}" for number, kind in enumerate(FAILING)}
MESSAGE = {"wild": "#", "up": "..", "n": 1}


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[int, WebServer]]:
    """Servers by the status that they answer with."""
    with WebServer() as good, WebServer(lambda posted: 503) as busy:
        yield {200: good, 503: busy}


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, servers: dict[int, WebServer]
) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("errors")
    urls = [NOBODY, *(server.url for server in servers.values())]
    settings = [
        queues("errors", "one", "two", "three", "four", "good"),
        function(folder, "modes", MODES),
        bucket(folder, "here"),
        bucket(folder, "told"),
        table("devices", "device"),
        *(f'[[rules.destinations]]\nurl = "{url}"\n' for url in urls),
    ]
    with GatewayProcess(folder, rules=[], extra="".join(settings)) as process:
        yield process
        assert process.stop() == 0


@pytest.fixture
def client(gateway: GatewayProcess) -> Iterator[Client]:
    with Client(gateway, "device-1") as connected:
        yield connected


@pytest.fixture(scope="module")
def told(gateway: GatewayProcess) -> dict[str, list[dict[str, Any]]]:
    """The error messages of one message, by rule, when every kind of action has failed."""
    put_rules(
        gateway,
        *(
            rule(
                NAMES[kind],
                "SELECT * FROM 'fail/all'",
                failing[0],
                to_queue("good"),
                error=to_queue("errors"),
            )
            for kind, failing in FAILING.items()
        ),
    )
    with Client(gateway, "device-1") as client:
        client.publish("fail/all", MESSAGE)
    found: dict[str, list[dict[str, Any]]] = {}
    for body in bodies(gateway, "errors", len(FAILING)):
        found.setdefault(body["ruleName"], []).append(body)
    return found


@pytest.mark.parametrize("kind", FAILING)
def test_each_kind_of_action_tells_how_it_failed(
    kind: str, gateway: GatewayProcess, told: dict[str, list[dict[str, Any]]]
) -> None:
    name = NAMES[kind]
    action, resource, part = FAILING[kind]
    (key,) = action
    (message,) = told[name]
    (failure,) = message.pop("failures")
    told_by = status_of(gateway, name)
    assert failure == {
        "failedAction": f"{key[0].upper()}{key[1:]}Action",
        "failedResource": resource,
        "errorMessage": told_by["actions"][0]["last_failure"],
    }
    assert part in failure["errorMessage"]
    assert len(message.pop("cloudwatchTraceId")) == 36
    assert json.loads(base64.b64decode(message.pop("base64OriginalPayload"))) == MESSAGE
    assert message == {"ruleName": name, "topic": "fail/all", "clientId": "device-1"}
    assert (told_by["evaluated"], told_by["matched"], told_by["failed"]) == (1, 1, 1)
    assert told_by["problem"] == failure["errorMessage"]
    assert [each["done"] for each in told_by["actions"]] == [0, 1]
    assert (told_by["error_action"]["done"], told_by["error_action"]["failed"]) == (1, 0)


def test_the_other_actions_ran(
    gateway: GatewayProcess, told: dict[str, list[dict[str, Any]]]
) -> None:
    assert bodies(gateway, "good", len(FAILING)) == [MESSAGE] * len(FAILING)
    table_of_rules = weir(gateway, "rule", "list")
    assert all(name in table_of_rules for name in told)
    assert f"{len(FAILING)} rules" in table_of_rules


def test_slow_and_fast_failures_of_a_message_make_one_error_message(
    gateway: GatewayProcess, client: Client, servers: dict[int, WebServer]
) -> None:
    document = rule(
        "slow_and_fast",
        "SELECT * FROM 'both/+'",
        to_server(f"{servers[503].url}/in"),  # three tries
        to_queue("nowhere"),  # at once
        to_server(f"{servers[200].url}/in"),
        to_bucket("no-bucket", "a"),
        to_function("modes"),
        error=to_queue("one"),
    )
    put_rules(gateway, document)
    before = len(servers[503].got)
    for number in range(3):
        client.publish("both/a", {"n": number})
    found = bodies(gateway, "one", 3)
    assert sorted(
        json.loads(base64.b64decode(each["base64OriginalPayload"]))["n"] for each in found
    ) == [0, 1, 2]
    for message in found:
        failed = [failure["failedAction"] for failure in message["failures"]]
        assert failed == ["HttpAction", "SqsAction", "S3Action"]
        assert "503" in message["failures"][0]["errorMessage"]
        assert "3 tries" in message["failures"][0]["errorMessage"]
    assert len(servers[503].got) - before == 9
    assert sorted(posted.json["n"] for posted in servers[200].got) == [0, 1, 2]
    status = status_of(gateway, "slow_and_fast")
    assert [(each["done"], each["failed"]) for each in status["actions"]] == [
        (0, 3),
        (0, 3),
        (3, 0),
        (0, 3),
        (3, 0),
    ]
    assert status["error_action"]["done"] == 3


def test_a_function_is_tried_three_times(gateway: GatewayProcess, client: Client) -> None:
    sql = "SELECT * FROM 'raise/+'"
    put_rules(gateway, rule("raises", sql, to_function("modes"), error=to_queue("two")))
    client.publish("raise/a", {"mode": "raise"})
    client.publish("raise/a", {"mode": "well"})  # overtakes it while it rests
    wait_until(lambda: status_of(gateway, "raises")["actions"][0]["done"] == 1)
    (message,) = bodies(gateway, "two", 1)
    (failure,) = message["failures"]
    assert failure["failedAction"] == "LambdaAction"
    assert failure["failedResource"] == f"{FUNCTION_ARN}modes"
    assert "ValueError" in failure["errorMessage"] and "no such thing" in failure["errorMessage"]
    (told,) = (each for each in gateway.status()["functions"] if each["name"] == "modes")
    assert told["failed"] == 3


def test_a_statement_without_a_result_is_told_too(gateway: GatewayProcess, client: Client) -> None:
    sql = f"SELECT aws_lambda('{FUNCTION_ARN}nobody', *) AS a FROM 'statement/+'"
    put_rules(gateway, rule("no_result", sql, to_queue("good"), error=to_queue("three")))
    client.publish("statement/a", {"n": 1})
    (message,) = bodies(gateway, "three", 1)
    (failure,) = message["failures"]
    assert failure["failedAction"] == "RuleEvaluation"
    assert failure["failedResource"] == "no_result"
    assert "nobody" in failure["errorMessage"] and "no action ran" in failure["errorMessage"]
    status = status_of(gateway, "no_result")
    assert (status["evaluated"], status["matched"], status["failed"]) == (1, 0, 1)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(to_topic("errors/${topic(2)}", 1), id="republish"),
        pytest.param(to_bucket("told", "error/${topic(2)}"), id="s3"),
        pytest.param("http", id="http"),
    ],
)
def test_any_action_can_be_the_error_action(
    error: Any, gateway: GatewayProcess, client: Client, servers: dict[int, WebServer]
) -> None:
    if error == "http":
        error = to_server(
            f"{servers[200].url}/errors/${{topic(2)}}", confirmationUrl=servers[200].url
        )
    put_rules(gateway, rule("any", "SELECT * FROM 'any/+'", to_queue("nowhere"), error=error))
    client.subscribe("errors/#")
    client.publish("any/x", {"n": 1})
    wait_until(lambda: status_of(gateway, "any")["error_action"]["done"] == 1)
    if "republish" in error:
        (message,) = client.wait(1)
        assert message.topic == "errors/x"
        found = json.loads(message.payload)
    elif "s3" in error:
        found = json.loads((gateway.folder / "told/error/x").read_bytes())
    else:
        (posted,) = (each for each in servers[200].got if each.path == "/errors/x")
        found = posted.json
    (failure,) = found["failures"]
    assert (found["ruleName"], failure["failedAction"]) == ("any", "SqsAction")


def test_an_error_action_that_fails_is_counted_and_told_to_people(
    gateway: GatewayProcess, client: Client
) -> None:
    sql = "SELECT * FROM 'hopeless/+'"
    put_rules(gateway, rule("hopeless", sql, to_queue("nowhere"), error=to_queue("nowhere2")))
    client.publish("hopeless/x", {"n": 1})
    status = status_of(gateway, "hopeless")
    assert (status["error_action"]["done"], status["error_action"]["failed"]) == (0, 1)
    assert "nowhere2" in status["error_action"]["last_failure"]
    shown = weir(gateway, "rule", "show", "hopeless")
    assert "'nowhere'" in shown and "'nowhere2'" in shown


def test_a_rule_that_is_gone_by_then_is_told_of_all_the_same(
    gateway: GatewayProcess, client: Client, servers: dict[int, WebServer]
) -> None:
    action = to_server(f"{servers[503].url}/gone")
    put_rules(gateway, rule("leaves", "SELECT * FROM 'gone/+'", action, error=to_queue("four")))
    client.publish("gone/x", {"n": 1})
    (gateway.folder / "rules.d" / "leaves.json").unlink()
    put_rules(gateway)
    assert "leaves" not in {each["name"] for each in gateway.status()["rules"]}
    (message,) = bodies(gateway, "four", 1)
    assert (message["ruleName"], message["clientId"]) == ("leaves", "device-1")
    assert "503" in message["failures"][0]["errorMessage"]
