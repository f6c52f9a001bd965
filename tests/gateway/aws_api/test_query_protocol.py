"""The Query protocol through the front: which service is meant, and how errors are told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.aws_api.errors import SQS_QUERY_ERRORS, AwsError
from gateway.aws_api.front import Front
from gateway.aws_api.model import load_model
from gateway.aws_api.service import Call, Service
from gateway.aws_api.sigv4 import SignatureVerifier
from gateway.aws_api.sts import sts_service
from gateway.aws_api.violations import SqsViolations
from gateway.http.message import Headers, Refusal, Request, Response
from gateway.metrics import Metrics
from tests.gateway.aws_api.query_models import old_sqs

SQS = "http://queue.amazonaws.com/doc/2012-11-05/"
STS = "https://sts.amazonaws.com/doc/2011-06-15/"
NOBODY = "http://webservices.amazon.com/AWSFault/2005-15-09"
FORM = "application/x-www-form-urlencoded; charset=utf-8"


class Toy:
    """SQS's model; it remembers what it was called with, and fails as it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, object]]] = []
        self.failure: Exception | None = None

    async def answer(self, parameters: dict[str, object], call: Call) -> Mapping[str, object]:
        self.calls.append((call.operation, parameters))
        if self.failure is not None:
            raise self.failure
        return {"QueueUrls": ["u"], "MessageId": "m"}

    def front(self, *, checked: bool = False) -> Front:
        model = load_model("sqs")
        served = ("ListQueues", "SendMessage", "ReceiveMessage")
        sqs = Service(
            "sqs",
            model,
            dict.fromkeys(served, self.answer),
            violations=SqsViolations(),
            namespace="com.amazonaws.sqs",
            query_errors=SQS_QUERY_ERRORS,
            path_member="QueueUrl",
        )
        return Front(
            [sqs, sts_service(account="000000000000", user_name=lambda key: None)],
            region="us-east-1",
            verifier=SignatureVerifier({"A": "secret"}.get) if checked else None,
            wall_s=lambda: 0.0,
            wall_is_trusted=lambda: True,
            metrics=Metrics(),
        )


def ask(front: Front, request: Request) -> tuple[int, ElementTree.Element]:
    response = asyncio.run(front.handle(request))
    return response.status, read(response)


def read(response: Response) -> ElementTree.Element:
    fields = dict(response.headers)
    assert fields["Content-Type"] == "text/xml"
    root = ElementTree.fromstring(response.body)
    assert fields["x-amzn-RequestId"] == root.findtext(".//{*}RequestId")
    return root


def post(fields: Mapping[str, str] | bytes, path: str = "/", scope: str = "") -> Request:
    headers = [("Content-Type", FORM), ("Host", "localhost:4566")]
    if scope:
        headers.append(("Authorization", f"AWS4-HMAC-SHA256 Credential=A/1/r/{scope}/aws4_request"))
    body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
    return Request("POST", path, "", Headers(headers), body)


def error(front: Front, request: Request) -> tuple[int, str, str, str, str]:
    status, root = ask(front, request)
    namespace, name = root.tag[1:].split("}")
    assert name == "ErrorResponse"

    def text(part: str) -> str:
        return root.findtext(f"{{*}}Error/{{*}}{part}") or ""

    assert text("Detail") == ""
    return status, namespace, text("Type"), text("Code"), text("Message")


def test_an_operation_is_called_by_a_form_by_a_query_string_and_by_both() -> None:
    toy = Toy()
    front = toy.front()
    here = Headers([("Host", "localhost")])
    for request in (
        post({"Action": "ListQueues", "QueueNamePrefix": "a"}),
        Request("GET", "/", "Action=ListQueues&QueueNamePrefix=a", here),
        Request("POST", "/", "Version=2012-11-05&Action=ListQueues&QueueNamePrefix=a", here),
        Request("POST", "/", "Action=ListQueues", Headers([("Content-Type", FORM)]),
                b"QueueNamePrefix=a"),
    ):  # fmt: skip
        status, root = ask(front, request)
        assert (status, root.tag) == (200, f"{{{SQS}}}ListQueuesResponse")
        assert root.findtext(f"{{{SQS}}}ListQueuesResult/{{{SQS}}}QueueUrl") == "u"
        assert toy.calls.pop() == ("ListQueues", {"QueueNamePrefix": "a"})


def test_the_path_is_the_queue_where_the_form_names_none() -> None:
    toy = Toy()
    front = toy.front()
    form = {"Action": "SendMessage", "MessageBody": "x"}
    ask(front, post(form, "/000000000000/toy"))
    assert toy.calls.pop()[1]["QueueUrl"] == "/000000000000/toy"
    ask(front, post({**form, "QueueUrl": "http://h/1/other"}, "/000000000000/toy"))
    assert toy.calls.pop()[1]["QueueUrl"] == "http://h/1/other"
    ask(front, post({"Action": "ListQueues"}, "/000000000000/toy"))
    assert toy.calls.pop()[1] == {}
    assert error(front, post(form)) == (
        400, SQS, "Sender", "MissingParameter", "The request must contain the parameter QueueUrl.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("form", "scope", "namespace"),
    [
        ({"Action": "ListQueues", "Version": "2012-11-05"}, "", SQS),
        ({"Action": "ListQueues", "Version": "2009-02-01"}, "sqs", SQS),
        ({"Action": "ListQueues"}, "", SQS),
        ({"Action": "GetCallerIdentity", "Version": "2011-06-15"}, "", STS),
        ({"Action": "GetCallerIdentity"}, "sts", STS),
        ({"Action": "GetCallerIdentity"}, "", STS),
        # A scope that nobody here has: the version says it, and the signature is refused later.
        ({"Action": "GetCallerIdentity", "Version": "2011-06-15"}, "s3", STS),
        ({"Action": "GetCallerIdentity", "X-Amz-Credential": "A/1/r/sts/aws4_request"}, "", STS),
    ],
)
def test_the_scope_tells_the_service_then_the_version_then_the_action(
    form: dict[str, str], scope: str, namespace: str
) -> None:
    status, root = ask(Toy().front(), post(form, scope=scope))
    assert (status, root.tag) == (200, f"{{{namespace}}}{form['Action']}Response")


@pytest.mark.parametrize(
    ("form", "scope", "code", "said"),
    [
        ({"Version": "2012-11-05"}, "", "MissingAction", "Action"),
        ({"Action": ""}, "", "MissingAction", "Action"),
        ({"Action.1": "ListQueues"}, "", "MissingAction", "Action"),
        ({"Action": "Fly"}, "", "InvalidAction", "The action Fly is not valid"),
        ({"Action": "Fly"}, "sqs", "InvalidAction", "The action Fly is not valid"),
        ({"Action": "ListQueues"}, "sts", "InvalidAction", "ListQueues"),
        ({"Action": "ListQueues", "Version": "2011-06-15"}, "", "InvalidAction", "ListQueues"),
        ({"Action": "ListTopics", "Version": "2010-03-31"}, "sns", "InvalidAction", "'sns'"),
        ({"Action": "ListQueues", "Version": "2020-02-02"}, "", "InvalidAction", "ListQueues"),
    ],
)
def test_an_action_that_nobody_has(form: dict[str, str], scope: str, code: str, said: str) -> None:
    status, namespace, fault, found, message = error(Toy().front(), post(form, scope=scope))
    assert (status, namespace, fault, found) == (400, NOBODY, "Sender", code)
    assert said in message


def test_an_action_of_the_model_that_nobody_serves_says_so() -> None:
    assert error(Toy().front(), post({"Action": "PurgeQueue", "QueueUrl": "u"})) == (
        400, SQS, "Sender", "AWS.SimpleQueueService.UnsupportedOperation",
        "Weir does not serve PurgeQueue yet.",
    )  # fmt: skip
    _, namespace, _, code, said = error(Toy().front(), post({"Action": "AssumeRole"}))
    assert (namespace, code) == (STS, "UnsupportedOperation")
    assert "AssumeRole" in said


@pytest.mark.parametrize("body", [b"a=%zz", b"a=1&a=2", b"\xff", b"a=1&" * 5000])
def test_a_form_that_cannot_be_read(body: bytes) -> None:
    status, _, fault, code, _ = error(Toy().front(), post(b"Action=ListQueues&" + body))
    assert (status, fault, code) == (404, "Sender", "MalformedQueryString")


@pytest.mark.parametrize("code", SQS_QUERY_ERRORS)
def test_every_error_of_the_service_has_its_code_and_status(code: str) -> None:
    toy = Toy()
    toy.failure = AwsError(code, "so it is")
    query_code, status = SQS_QUERY_ERRORS[code]
    assert error(toy.front(), post({"Action": "ListQueues"})) == (
        status, SQS, "Sender", query_code, "so it is",
    )  # fmt: skip


def test_the_codes_and_statuses_are_those_of_the_old_model() -> None:
    for name, shape in old_sqs()["shapes"].items():
        trait: dict[str, Any] | None = shape.get("error")
        if trait is not None:
            assert SQS_QUERY_ERRORS[name] == (trait["code"], trait["httpStatusCode"])
            assert trait["senderFault"]


def test_a_fault_of_the_gateway_is_the_receivers(caplog: pytest.LogCaptureFixture) -> None:
    toy = Toy()
    toy.failure = ZeroDivisionError("secret detail")
    status, _, fault, code, said = error(toy.front(), post({"Action": "ListQueues"}))
    assert (status, fault, code) == (500, "Receiver", "InternalFailure")
    assert "secret detail" not in said


def test_what_the_server_turns_away_is_answered_in_xml_to_a_form() -> None:
    front = Toy().front()
    for refusal in Refusal:
        response = front.refuse(
            refusal, Request("POST", "/", "", Headers([("Content-Type", FORM)]))
        )
        assert response.status == refusal.status
        assert read(response).findtext(".//{*}Message") == f"{refusal.value}."


PIECES = st.lists(
    st.sampled_from(
        ["Action=ListQueues", "Action=SendMessage", "Version=2012-11-05", "QueueUrl=u", "a.1.b=c",
         "MessageBody=x", "X-Amz-Signature=0", "X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Date=2",
         "X-Amz-Credential=A%2F1%2Fus-east-1%2Fsqs%2Faws4_request", "X-Amz-SignedHeaders=host",
         "X-Amz-Expires=9", "MessageAttribute.1.Name=n", "%", "%ff", "=", "\udcff", "ä"]
    ),
    max_size=8,
).map("&".join)  # fmt: skip
HEADERS = st.lists(
    st.sampled_from(
        [("Content-Type", FORM), ("Host", "localhost"), ("X-Amz-Target", "AmazonSQS.ListQueues"),
         ("Authorization", "AWS4-HMAC-SHA256 Credential=A/1/r/sqs/aws4_request"),
         ("Authorization", "\udcff"), ("Content-Type", "\udcff"), ("Host", "\udcff")]
    ),
    max_size=3,
)  # fmt: skip


@pytest.mark.parametrize("checked", [True, False])
@settings(derandomize=True, max_examples=400, deadline=None)
@given(
    st.sampled_from(["GET", "POST"]), st.sampled_from(["/", "/1/q", "//", "/%"]), PIECES, HEADERS,
    PIECES,
)  # fmt: skip
def test_no_request_is_a_fault_of_the_gateway(
    checked: bool, method: str, path: str, query: str, headers: list[tuple[str, str]], body: str
) -> None:
    front = Toy().front(checked=checked)
    sent = body.encode("utf-8", "surrogateescape")
    response = asyncio.run(front.handle(Request(method, path, query, Headers(headers), sent)))
    assert response.status < 500
    assert response.body.decode()


def test_methods_other_than_get_and_post_call_nothing() -> None:
    toy = Toy()
    request = Request("PUT", "/", "Action=ListQueues", Headers([("Host", "localhost")]))
    response = asyncio.run(toy.front().handle(request))
    assert response.status == 404
    assert toy.calls == []
