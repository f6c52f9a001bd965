"""The front with a REST-JSON service beside one in AWS JSON: dispatch, signatures, errors."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Mapping

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from gateway.aws_api.errors import AwsError
from gateway.aws_api.front import Front
from gateway.aws_api.model import Metadata, ServiceModel, load_model
from gateway.aws_api.service import Call, Service
from gateway.aws_api.sigv4 import SignatureVerifier
from gateway.aws_api.violations import CommonViolations, SqsViolations
from gateway.errors import StoreFull
from gateway.http.message import Headers, Refusal, Request, Response
from gateway.identity.credentials import AccessKey, Credentials
from gateway.metrics import Metrics

KEY = AccessKey.generate()
RULE = b'{"sql": "SELECT * FROM \'a\'", "actions": [], "description": "d", "more": 1}'


class Toy:
    """A service with IoT's model: it remembers what it was called with and does as it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, object], Call]] = []
        self.failure: Exception | None = None
        self.answer: Mapping[str, object] = {}

    async def handle(self, parameters: dict[str, object], call: Call) -> Mapping[str, object]:
        self.calls.append((call.operation, parameters, call))
        if self.failure is not None:
            raise self.failure
        return self.answer

    def services(self) -> list[Service]:
        served = (
            "ConfirmTopicRuleDestination",
            "CreateTopicRule",
            "GetTopicRule",
            "GetTopicRuleDestination",
            "ListTopicRules",
        )
        rest = Service(
            "iot",
            load_model("iot"),
            dict.fromkeys(served, self.handle),
            violations=CommonViolations("InvalidRequestException", namespace=None),
            common_errors={
                "InternalFailure": "InternalException",
                "ServiceUnavailable": "ServiceUnavailableException",
            },
            unsigned=("ConfirmTopicRuleDestination",),
        )
        sqs = Service(
            "sqs",
            load_model("sqs"),
            {"DeleteMessage": self.handle},
            violations=SqsViolations(),
            namespace="com.amazonaws.sqs",
        )
        return [sqs, rest]


def a_front(toy: Toy, *, auth: bool = False, metrics: Metrics | None = None) -> Front:
    return Front(
        toy.services(),
        region="us-east-1",
        verifier=SignatureVerifier(Credentials((KEY,)).secret) if auth else None,
        wall_s=time.time,
        wall_is_trusted=lambda: True,
        metrics=metrics or Metrics(),
    )


def ask(
    front: Front,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Iterable[tuple[str, str]] = (),
) -> Response:
    path, _, query = path.partition("?")
    fields = Headers([("Host", "127.0.0.1:4566"), *headers])
    return asyncio.run(front.handle(Request(method, path, query, fields, body)))


def signed(
    method: str, path: str, body: bytes = b"", service: str = "iot"
) -> list[tuple[str, str]]:
    request = botocore.awsrequest.AWSRequest(method, f"http://127.0.0.1:4566{path}", {}, body)
    credentials = botocore.credentials.Credentials(KEY.access_key_id, KEY.secret_access_key)
    botocore.auth.SigV4Auth(credentials, service, "us-east-1").add_auth(request)
    return list(request.headers.items())


def error_of(response: Response) -> tuple[int, str, str]:
    headers = dict(response.headers)
    assert headers["x-amzn-RequestId"]
    return response.status, headers["x-amzn-ErrorType"], json.loads(response.body)["message"]


def test_an_operation_is_found_by_method_and_path_and_answered_in_json() -> None:
    toy = Toy()
    toy.answer = {"ruleArn": "arn", "rule": {"createdAt": 1.5, "sql": "s"}, "absent": None}
    response = ask(a_front(toy), "GET", "/rules/r1")
    assert response.status == 200
    assert json.loads(response.body) == {"ruleArn": "arn", "rule": {"createdAt": 1.5, "sql": "s"}}
    headers = dict(response.headers)
    operation, parameters, call = toy.calls[0]
    assert headers == {
        "x-amzn-RequestId": call.request_id,
        "Content-Type": "application/json",
    }
    assert (operation, parameters) == ("GetTopicRule", {"ruleName": "r1"})
    assert (call.document, call.region, call.host) == (None, "us-east-1", "127.0.0.1:4566")


def test_a_body_reaches_the_handler_checked_and_as_it_was_written() -> None:
    toy = Toy()
    response = ask(a_front(toy), "POST", "/rules/r1", RULE, [("x-amz-tagging", "a=b")])
    assert (response.status, response.body) == (200, b"")
    _, parameters, call = toy.calls[0]
    assert parameters == {
        "ruleName": "r1",
        "tags": "a=b",
        "topicRulePayload": {"sql": "SELECT * FROM 'a'", "actions": [], "description": "d"},
    }
    assert call.document == json.loads(RULE)


def test_a_query_reaches_the_handler() -> None:
    toy = Toy()
    assert ask(a_front(toy), "GET", "/rules?topic=a%2Fb&maxResults=2").status == 200
    assert toy.calls[0][1] == {"topic": "a/b", "maxResults": 2}


def test_an_answer_whose_shape_has_no_members_has_no_body() -> None:
    response = ask(a_front(Toy()), "GET", "/confirmdestination/t")
    assert (response.status, response.body) == (200, b"")


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (AwsError("SqlParseException", "no"), (400, "SqlParseException", "no")),
        (AwsError("UnauthorizedException", "no"), (401, "UnauthorizedException", "no")),
        (
            AwsError("ConflictingResourceUpdateException", "no"),
            (409, "ConflictingResourceUpdateException", "no"),
        ),
        (AwsError("ServiceUnavailableException", "n"), (503, "ServiceUnavailableException", "n")),
        (AwsError("NotInTheModel", "no"), (400, "NotInTheModel", "no")),
        (AwsError("NotInTheModel", "no", 418), (418, "NotInTheModel", "no")),
        (StoreFull("Full.", hint="Free."), (503, "ServiceUnavailableException", "Full. Free.")),
    ],
)
def test_an_error_has_its_code_in_a_header_and_the_models_status(
    failure: Exception, expected: tuple[int, str, str]
) -> None:
    toy = Toy()
    toy.failure = failure
    response = ask(a_front(toy), "GET", "/rules/r1")
    assert error_of(response) == expected
    assert dict(response.headers)["Content-Type"] == "application/json"


def test_an_error_carries_what_its_shape_has_beside_the_message() -> None:
    toy = Toy()
    toy.failure = AwsError("ResourceAlreadyExistsException", "is", members={"resourceId": "r1"})
    response = ask(a_front(toy), "GET", "/rules/r1")
    assert response.status == 409
    assert json.loads(response.body) == {"message": "is", "resourceId": "r1"}


def test_a_fault_of_the_gateway_is_told_without_its_details(
    caplog: pytest.LogCaptureFixture,
) -> None:
    toy = Toy()
    toy.failure = ZeroDivisionError("secret detail")
    status, code, message = error_of(ask(a_front(toy), "GET", "/confirmdestination/secret-token"))
    assert (status, code) == (500, "InternalException")
    assert "secret" not in message
    (record,) = [one for one in caplog.records if one.name == "gateway.aws_api.front"]
    assert "ConfirmTopicRuleDestination" in record.getMessage()
    assert "secret-token" not in record.getMessage()


def test_an_operation_that_nobody_serves_is_named() -> None:
    front = a_front(Toy())
    for method, path, name in (
        ("POST", "/things/t1", "CreateThing"),
        ("DELETE", "/rules/r1", "DeleteTopicRule"),
        ("GET", "/endpoint", "DescribeEndpoint"),
    ):
        assert error_of(ask(front, method, path)) == (
            400,
            "UnsupportedOperation",
            f"Weir does not serve {name} yet.",
        )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/rules/", 404),
        ("GET", "/rules/../rules", 404),
        ("GET", "/nothing", 404),
        ("PUT", "/rules", 404),
        ("POST", "/nothing", 400),
    ],
)
def test_a_path_of_no_operation_is_an_unknown_one(method: str, path: str, status: int) -> None:
    response = ask(a_front(Toy()), method, path)
    assert error_of(response)[:2] == (status, "UnknownOperationException")


def test_a_path_that_was_signed_for_another_service_says_which() -> None:
    front = a_front(Toy(), auth=True)
    headers = signed("GET", "/2015-03-31/functions/", service="lambda")
    _, code, message = error_of(ask(front, "GET", "/2015-03-31/functions/", b"", headers))
    assert code == "UnknownOperationException"
    assert "of 'lambda'" in message


def test_a_target_goes_before_a_path() -> None:
    toy = Toy()
    front = a_front(toy)
    body = b'{"QueueUrl": "u", "ReceiptHandle": "r"}'
    ask(front, "POST", "/rules/r1", body, [("X-Amz-Target", "AmazonSQS.DeleteMessage")])
    assert toy.calls[0][0] == "DeleteMessage"
    response = ask(front, "GET", "/rules/r1", b"", [("X-Amz-Target", "AmazonSQS.DeleteMessage")])
    assert response.status == 404
    assert len(toy.calls) == 1


def test_the_server_refuses_so_that_rest_reads_it_too() -> None:
    front = a_front(Toy())
    for refusal in Refusal:
        response = front.refuse(refusal, Request("POST", "/rules/r1"))
        status, code, message = error_of(response)
        assert status == refusal.status
        assert json.loads(response.body)["__type"].endswith(f"#{code}")
        assert refusal.value in message


# --- who may come in -----------------------------------------------------------------------------


def test_a_signature_opens_the_door_whatever_the_path_is_made_of() -> None:
    toy = Toy()
    front = a_front(toy, auth=True)
    arn = "arn%3Aaws%3Aiot%3Aus-east-1%3A000000000000%3Aruledestination/http/1"
    path = f"/destinations/{arn}"
    assert ask(front, "GET", path, b"", signed("GET", path)).status == 200
    assert toy.calls[0][1] == {"arn": "arn:aws:iot:us-east-1:000000000000:ruledestination/http/1"}
    assert toy.calls[0][2].caller.access_key_id == KEY.access_key_id
    path = "/rules?topic=a%20b%2F%C3%BC"
    assert ask(front, "GET", path, b"", signed("GET", path)).status == 200
    assert ask(front, "POST", "/rules/r", RULE, signed("POST", "/rules/r", RULE)).status == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "code"),
    [
        ("GET", "/rules/r1", b"", [], 403, "AccessDeniedException"),
        ("GET", "/rules/r2", b"", signed("GET", "/rules/r1"), 403, "InvalidSignatureException"),
        ("POST", "/rules/r1", b"", signed("GET", "/rules/r1"), 403, "InvalidSignatureException"),
        ("GET", "/rules?topic=b", b"", signed("GET", "/rules"), 403, "InvalidSignatureException"),
        (
            "POST", "/rules/r1", RULE, signed("POST", "/rules/r1", b"{}"),
            403, "InvalidSignatureException",
        ),
        (
            "GET", "/rules/r1", b"", signed("GET", "/rules/r1", service="sqs"),
            403, "InvalidSignatureException",
        ),
        ("GET", "/things", b"", [], 403, "AccessDeniedException"),
    ],
)  # fmt: skip
def test_what_is_not_signed_for_exactly_this_is_refused(
    method: str,
    path: str,
    body: bytes,
    headers: list[tuple[str, str]],
    status: int,
    code: str,
) -> None:
    toy, metrics = Toy(), Metrics()
    response = ask(a_front(toy, auth=True, metrics=metrics), method, path, body, headers)
    assert error_of(response)[:2] == (status, code)
    assert toy.calls == []
    assert metrics.snapshot()["aws.requests.unauthenticated"] == 1


def test_a_signature_for_one_path_does_not_open_what_dots_lead_to() -> None:
    toy = Toy()
    front = a_front(toy, auth=True)
    headers = signed("GET", "/rules/r1")
    for path in ("/rules/./r1", "/rules/x/../r1", "//rules/r1", "/confirmdestination/../rules/r1"):
        assert error_of(ask(front, "GET", path, b"", headers))[0] == 404
    assert toy.calls == []


def test_a_link_with_a_token_needs_no_signature_and_no_other_operation_gets_by_with_it() -> None:
    toy = Toy()
    front = a_front(toy, auth=True)
    assert ask(front, "GET", "/confirmdestination/a/b%20c").status == 200
    assert toy.calls[0][1] == {"confirmationToken": "a/b c"}
    assert ask(front, "GET", "/confirmdestination/t", b"", signed("GET", "/rules")).status == 403
    path = "/confirmdestination/t"
    assert ask(front, "GET", path, b"", signed("GET", path)).status == 200
    assert ask(front, "GET", "/rules/r1").status == 403
    assert len(toy.calls) == 2


def test_a_page_in_a_browser_cannot_call_where_signatures_are_not_checked() -> None:
    toy, metrics = Toy(), Metrics()
    front = a_front(toy, metrics=metrics)
    page = [("Origin", "https://evil.example"), ("Content-Type", "text/plain")]
    assert error_of(ask(front, "POST", "/rules/r1", RULE, page))[:2] == (
        403,
        "AccessDeniedException",
    )
    target = [*page, ("X-Amz-Target", "AmazonSQS.DeleteMessage")]
    body = b'{"QueueUrl": "u", "ReceiptHandle": "r"}'
    assert ask(front, "POST", "/", body, target).status == 403
    assert toy.calls == []
    assert metrics.snapshot()["aws.requests.unauthenticated"] == 2
    assert ask(front, "POST", "/rules/r1", RULE).status == 200


def test_an_answer_of_a_form_that_is_not_known_is_refused_at_start() -> None:
    for members in (
        {"status": {"shape": "Status", "location": "statusCode"}},
        {"status": {"shape": "Status", "locationName": "other"}},
    ):
        model = ServiceModel(
            Metadata(protocol="rest-json"),
            {"Op": {"http": {"method": "GET", "requestUri": "/op"}, "output": "Out"}},
            {"Out": {"type": "structure", "members": members}, "Status": {"type": "integer"}},
        )
        with pytest.raises(ValueError, match="Op: status is outside the body"):
            Service("toy", model, {"Op": Toy().handle}, violations=CommonViolations())
