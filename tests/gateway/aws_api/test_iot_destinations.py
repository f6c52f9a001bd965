"""IoT's operations on topic rule destinations, as boto3 calls them, up to the confirming link."""

from __future__ import annotations

import http.client
import json
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.gateway.aws_api.iot_serving import NOW_MS, REGION, IotServing, refusal
from tests.gateway.engine.running import ACCOUNT

ARN = f"arn:aws:iot:{REGION}:{ACCOUNT}:ruledestination/http/"
DECLARED = "https://declared.example/hooks"


class Endpoint:
    """A server that notes what is posted to it and answers as it is told."""

    def __init__(self) -> None:
        self.posted: queue.Queue[dict[str, Any]] = queue.Queue()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.posted.put(json.loads(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Endpoint:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IotServing]:
    with IotServing(tmp_path_factory.mktemp("iot"), [DECLARED]) as serving:
        yield serving


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as endpoint:
        yield endpoint


@pytest.fixture(autouse=True)
def _only_the_declared(serving: IotServing) -> Iterator[None]:
    yield
    for arn in arns(serving):
        if status(serving, arn)["httpUrlProperties"]["confirmationUrl"] != DECLARED:
            serving.client().delete_topic_rule_destination(arn=arn)


def create(serving: IotServing, url: str) -> dict[str, Any]:
    configuration = {"httpUrlConfiguration": {"confirmationUrl": url}}
    answer = serving.client().create_topic_rule_destination(destinationConfiguration=configuration)
    created: dict[str, Any] = answer["topicRuleDestination"]
    return created


def status(serving: IotServing, arn: str) -> dict[str, Any]:
    answer = serving.client().get_topic_rule_destination(arn=arn)
    got: dict[str, Any] = answer["topicRuleDestination"]
    return got


def arns(serving: IotServing) -> list[str]:
    answer = serving.client().list_topic_rule_destinations()
    return [entry["arn"] for entry in answer["destinationSummaries"]]


def test_a_destination_is_created_asked_and_confirmed_by_the_link_alone(
    serving: IotServing, endpoint: Endpoint
) -> None:
    created = create(serving, f"{endpoint.url}/hooks")
    arn = created["arn"]
    assert arn.startswith(ARN)
    assert created["status"] == "IN_PROGRESS"
    assert created["httpUrlProperties"] == {"confirmationUrl": f"{endpoint.url}/hooks"}
    assert created["createdAt"].timestamp() * 1000 == NOW_MS
    assert created["lastUpdatedAt"].timestamp() * 1000 == NOW_MS
    asked = endpoint.posted.get(timeout=20)
    assert (asked["arn"], asked["messageType"]) == (arn, "DestinationConfirmation")
    link = urlsplit(asked["enableUrl"])
    assert link.netloc == serving.address
    assert serving.plain("GET", link.path + "x")[0] == 400
    assert status(serving, arn)["status"] == "IN_PROGRESS"
    assert serving.plain("GET", link.path) == (200, None)
    assert status(serving, arn)["status"] == "ENABLED"


def test_a_destination_is_confirmed_through_the_sdk(
    serving: IotServing, endpoint: Endpoint
) -> None:
    arn = create(serving, endpoint.url)["arn"]
    token = endpoint.posted.get(timeout=20)["confirmationToken"]
    serving.client().confirm_topic_rule_destination(confirmationToken=token)
    assert status(serving, arn)["status"] == "ENABLED"


@pytest.mark.parametrize("token", ["no-such-thing", "ä/ö", "a b", "x" * 2048])
def test_a_wrong_token_confirms_nothing(serving: IotServing, token: str) -> None:
    client = serving.client()
    code, message, http_status = refusal(
        client.confirm_topic_rule_destination, confirmationToken=token
    )
    assert (code, http_status) == ("InvalidRequestException", 400)
    assert "token" in message
    assert token not in message


def test_an_endless_token_is_refused(serving: IotServing) -> None:
    http_status, answer = serving.plain("GET", "/confirmdestination/" + "x" * 2049)
    assert http_status == 400
    assert "'confirmationToken'" in answer["message"]


def test_a_status_is_set_and_a_new_token_asked_for(serving: IotServing, endpoint: Endpoint) -> None:
    client = serving.client()
    arn = create(serving, endpoint.url)["arn"]
    first = endpoint.posted.get(timeout=20)["confirmationToken"]
    code, message, _ = refusal(client.update_topic_rule_destination, arn=arn, status="ENABLED")
    assert code == "InvalidRequestException"
    assert "not confirmed" in message
    client.update_topic_rule_destination(arn=arn, status="IN_PROGRESS")
    second = endpoint.posted.get(timeout=20)["confirmationToken"]
    assert refusal(client.confirm_topic_rule_destination, confirmationToken=first)
    client.confirm_topic_rule_destination(confirmationToken=second)
    client.update_topic_rule_destination(arn=arn, status="DISABLED")
    assert status(serving, arn)["status"] == "DISABLED"
    client.update_topic_rule_destination(arn=arn, status="ENABLED")
    assert status(serving, arn)["status"] == "ENABLED"
    for wrong in ("ERROR", "DELETING", "enabled", ""):
        code, _, http_status = refusal(client.update_topic_rule_destination, arn=arn, status=wrong)
        assert (code, http_status) == ("InvalidRequestException", 400)


def test_what_is_not_there_is_denied_as_the_service_does_it(serving: IotServing) -> None:
    client, arn = serving.client(), ARN + "00000000-0000-0000-0000-000000000000"
    denied = (
        "UnauthorizedException",
        f"Access to TopicRuleDestination '{arn}' was denied: there is no such destination.",
        401,
    )
    assert refusal(client.get_topic_rule_destination, arn=arn) == denied
    assert refusal(client.delete_topic_rule_destination, arn=arn) == denied
    assert refusal(client.update_topic_rule_destination, arn=arn, status="DISABLED") == denied
    assert refusal(client.get_topic_rule_destination, arn="ä b")[0] == "UnauthorizedException"


def test_an_address_is_given_once(serving: IotServing, endpoint: Endpoint) -> None:
    client = serving.client()
    arn = create(serving, endpoint.url)["arn"]
    with pytest.raises(client.exceptions.ResourceAlreadyExistsException) as caught:
        create(serving, endpoint.url)
    assert caught.value.response["resourceArn"] == arn
    client.delete_topic_rule_destination(arn=arn)
    assert create(serving, endpoint.url)["arn"] != arn


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ({}, "httpUrlConfiguration only"),
        (
            {"vpcConfiguration": {"subnetIds": [], "vpcId": "v", "roleArn": "r"}},
            "vpcConfiguration",
        ),
        ({"httpUrlConfiguration": {}}, "confirmationUrl'"),
        ({"httpUrlConfiguration": {"confirmationUrl": "ftp://a"}}, "http"),
        ({"httpUrlConfiguration": {"confirmationUrl": "https://user:word@a/"}}, ""),
        ({"httpUrlConfiguration": {"confirmationUrl": "https://${topic()}"}}, ""),
    ],
)
def test_what_is_no_destination_is_an_invalid_request(
    serving: IotServing, configuration: dict[str, Any], said: str
) -> None:
    client = serving.client()
    code, message, http_status = refusal(
        client.create_topic_rule_destination, destinationConfiguration=configuration
    )
    assert (code, http_status) == ("InvalidRequestException", 400)
    assert said in message
    assert len(arns(serving)) == 1


def test_a_declared_destination_is_told_and_cannot_be_changed(serving: IotServing) -> None:
    client = serving.client()
    (entry,) = client.list_topic_rule_destinations()["destinationSummaries"]
    assert entry["status"] == "ENABLED"
    assert entry["httpUrlSummary"] == {"confirmationUrl": DECLARED}
    code, message, _ = refusal(client.delete_topic_rule_destination, arn=entry["arn"])
    assert code == "InvalidRequestException"
    assert "settings" in message


def test_a_list_of_destinations_comes_in_pages(serving: IotServing, endpoint: Endpoint) -> None:
    client = serving.client()
    made = [create(serving, f"{endpoint.url}/{number}")["arn"] for number in range(3)]
    pages = list(
        client.get_paginator("list_topic_rule_destinations").paginate(
            PaginationConfig={"PageSize": 3}
        )
    )
    listed = [[entry["arn"] for entry in page["destinationSummaries"]] for page in pages]
    assert [len(page) for page in listed] == [3, 1]
    flat = [arn for page in listed for arn in page]
    assert flat == sorted(flat)
    assert set(made) < set(flat)
    assert refusal(client.list_topic_rule_destinations, nextToken="?")[0] == (
        "InvalidRequestException"
    )


def test_a_disk_that_refuses_is_a_retry(serving: IotServing, endpoint: Endpoint) -> None:
    away = serving.folder / "away"
    serving.registry_folder.rename(away)
    try:
        code, _, http_status = refusal(
            serving.client().create_topic_rule_destination,
            destinationConfiguration={"httpUrlConfiguration": {"confirmationUrl": endpoint.url}},
        )
    finally:
        away.rename(serving.registry_folder)
    assert (code, http_status) == ("ServiceUnavailableException", 503)
    assert len(arns(serving)) == 1


def test_without_an_endpoint_to_confirm_at_the_destination_says_so(tmp_path: Path) -> None:
    with IotServing(tmp_path, has_base=False) as serving:
        created = create(serving, "https://unreachable.example/")
        assert created["status"] == "ERROR"
        assert "[aws]" in created["statusReason"]


def test_the_link_answers_a_person_who_has_no_keys(serving: IotServing) -> None:
    connection = http.client.HTTPConnection(serving.address, timeout=20)
    try:
        connection.request("GET", "/confirmdestination/wrong", headers={"Accept": "text/html"})
        response = connection.getresponse()
        said = response.read()
    finally:
        connection.close()
    assert response.status == 400
    assert response.headers["x-amzn-ErrorType"] == "InvalidRequestException"
    assert b"no destination waits for this confirmation token" in said
