"""The front behind the real HTTP server, called by boto3 over TCP and by raw requests."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import botocore.exceptions
import botocore.session
import pytest
from botocore.config import Config

from gateway.aws_api.errors import SQS_QUERY_ERRORS, AwsError
from gateway.aws_api.front import Front
from gateway.aws_api.model import load_model
from gateway.aws_api.service import Call, Service
from gateway.aws_api.sigv4 import SignatureVerifier
from gateway.aws_api.violations import SqsViolations
from gateway.errors import StoreFull
from gateway.http.message import Headers, Refusal, Request, Response
from gateway.http.server import HttpServer
from gateway.http.settings import HttpLimits
from gateway.identity.credentials import AccessKey, Credentials
from gateway.metrics import Metrics

KEY = AccessKey.generate()
URL = "http://127.0.0.1:4566/000000000000/toy"


class Toy:
    """A service with SQS's model: it remembers what it was called with and does as it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, object], Call]] = []
        self.failure: BaseException | None = None

    async def send_message(self, parameters: dict[str, object], call: Call) -> Mapping[str, object]:
        self.calls.append((parameters, call))
        if self.failure is not None:
            raise self.failure
        return {"MessageId": "m-1", "MD5OfMessageBody": "0" * 32, "SequenceNumber": None}

    async def receive_message(
        self, parameters: dict[str, object], call: Call
    ) -> Mapping[str, object]:
        attributes = {"raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}
        return {"Messages": [{"Body": "ä\u2028", "MessageAttributes": attributes}]}

    async def delete_message(
        self, parameters: dict[str, object], call: Call
    ) -> Mapping[str, object]:
        return {}

    def service(self) -> Service:
        return Service(
            "sqs",
            load_model("sqs"),
            {
                "SendMessage": self.send_message,
                "ReceiveMessage": self.receive_message,
                "DeleteMessage": self.delete_message,
            },
            violations=SqsViolations(),
            namespace="com.amazonaws.sqs",
            query_errors=SQS_QUERY_ERRORS,
        )


def a_front(
    toy: Toy,
    *,
    auth: bool = True,
    wall_s: Callable[[], float] = time.time,
    trusted: bool = True,
    metrics: Metrics | None = None,
) -> Front:
    return Front(
        [toy.service()],
        region="us-east-1",
        verifier=SignatureVerifier(Credentials((KEY,)).secret) if auth else None,
        wall_s=wall_s,
        wall_is_trusted=lambda: trusted,
        metrics=metrics or Metrics(),
    )


class Serving:
    """A front on a TCP port, on a loop of its own."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.port = 0

    def __enter__(self) -> Serving:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        asyncio.run_coroutine_threadsafe(self._server.close(1), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)

        async def start() -> None:
            self._server = HttpServer(
                self._front.handle,
                HttpLimits(),
                metrics=Metrics(),
                name="aws",
                refuse=self._front.refuse,
            )
            self.port = await self._server.listen_tcp("127.0.0.1", 0)
            self._ready.set()

        self._loop.run_until_complete(start())
        self._loop.run_forever()

    def client(self, *, key: AccessKey = KEY, service: str = "sqs", attempts: int = 1):
        session = botocore.session.Session(include_builtin_handlers=True)
        session.set_credentials(key.access_key_id, key.secret_access_key)
        return session.create_client(
            service,
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            config=Config(
                retries={"total_max_attempts": attempts, "mode": "standard"},
                parameter_validation=False,
            ),
        )


@pytest.fixture(scope="module")
def toy() -> Toy:
    return Toy()


@pytest.fixture(scope="module")
def serving(toy: Toy) -> Iterator[Serving]:
    with Serving(a_front(toy)) as serving:
        yield serving


@pytest.fixture(autouse=True)
def _forget(toy: Toy) -> None:
    toy.failure = None
    toy.calls.clear()


def test_boto3_calls_an_operation_and_reads_its_answer(serving: Serving, toy: Toy) -> None:
    client = serving.client()
    answer = client.send_message(
        QueueUrl=URL,
        MessageBody="grün \U0001f331",
        MessageAttributes={"raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}},
    )
    assert answer["MessageId"] == "m-1"
    assert "SequenceNumber" not in answer
    parameters, call = toy.calls[0]
    assert parameters == {
        "QueueUrl": URL,
        "MessageBody": "grün \U0001f331",
        "MessageAttributes": {"raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}},
    }
    assert call.operation == "SendMessage"
    assert call.caller.access_key_id == KEY.access_key_id
    assert call.region == "us-east-1"
    assert call.host == f"127.0.0.1:{serving.port}"
    assert answer["ResponseMetadata"]["RequestId"] == call.request_id
    received = client.receive_message(QueueUrl=URL)["Messages"][0]
    assert received["Body"] == "ä\u2028"
    assert received["MessageAttributes"]["raw"]["BinaryValue"] == b"\x00\xff"
    assert client.delete_message(QueueUrl=URL, ReceiptHandle="r")["ResponseMetadata"]


def test_request_ids_differ(serving: Serving) -> None:
    client = serving.client()
    ids = {
        client.send_message(QueueUrl=URL, MessageBody="x")["ResponseMetadata"]["RequestId"]
        for _ in range(3)
    }
    assert len(ids) == 3
    assert all(len(one) == 36 for one in ids)


def refusal(call: Callable[[], object]) -> tuple[str, str, int]:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call()
    answer = caught.value.response
    return (
        answer["Error"]["Code"],
        answer["Error"]["Message"],
        answer["ResponseMetadata"]["HTTPStatusCode"],
    )


def test_an_error_of_the_service_has_its_old_query_code_and_its_class(
    serving: Serving, toy: Toy
) -> None:
    toy.failure = AwsError("QueueDoesNotExist", "The specified queue does not exist.")
    client = serving.client()
    with pytest.raises(client.exceptions.QueueDoesNotExist) as caught:
        client.send_message(QueueUrl=URL, MessageBody="x")
    error = caught.value.response["Error"]
    assert error["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    assert error["Type"] == "Sender"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert toy.calls[0][1].request_id == caught.value.response["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize(
    ("code", "query_code", "status"),
    [(code, *expected) for code, expected in SQS_QUERY_ERRORS.items()],
)
def test_every_error_of_the_table_arrives_as_it_stands_there(
    serving: Serving, toy: Toy, code: str, query_code: str, status: int
) -> None:
    toy.failure = AwsError(code, "so it is")
    client = serving.client()
    assert refusal(lambda: client.send_message(QueueUrl=URL, MessageBody="x")) == (
        query_code,
        "so it is",
        status,
    )


def test_the_table_names_only_errors_of_the_model() -> None:
    model = load_model("sqs")
    assert all(model.shapes[code]["exception"] for code in SQS_QUERY_ERRORS)


def test_a_missing_parameter_is_named(serving: Serving) -> None:
    client = serving.client()
    assert refusal(lambda: client.send_message(QueueUrl=URL)) == (
        "MissingParameter",
        "The request must contain the parameter MessageBody.",
        400,
    )


def test_an_operation_of_the_model_that_nobody_serves_says_so(serving: Serving) -> None:
    client = serving.client()
    assert refusal(lambda: client.purge_queue(QueueUrl=URL)) == (
        "AWS.SimpleQueueService.UnsupportedOperation",
        "Weir does not serve PurgeQueue yet.",
        400,
    )


def test_another_service_is_an_unknown_operation(serving: Serving) -> None:
    client = serving.client(service="kinesis")
    code, message, status = refusal(client.list_streams)
    assert (code, status) == ("InvalidAction", 400)
    assert "Kinesis_20131202.ListStreams" in message


def test_wrong_and_unknown_keys_are_refused(serving: Serving, toy: Toy) -> None:
    wrong = AccessKey(KEY.access_key_id, "x" * 40)
    client = serving.client(key=wrong)
    code, _, status = refusal(lambda: client.send_message(QueueUrl=URL, MessageBody="x"))
    assert (code, status) == ("SignatureDoesNotMatch", 403)
    client = serving.client(key=AccessKey.generate())
    code, _, status = refusal(lambda: client.send_message(QueueUrl=URL, MessageBody="x"))
    assert (code, status) == ("InvalidClientTokenId", 403)
    assert toy.calls == []


def test_a_full_store_is_a_retry_for_the_sdk(serving: Serving, toy: Toy) -> None:
    toy.failure = StoreFull("The store is full.", hint="Delete messages.")
    client = serving.client(attempts=2)
    code, message, status = refusal(lambda: client.send_message(QueueUrl=URL, MessageBody="x"))
    assert (code, status) == ("ServiceUnavailable", 503)
    assert message == "The store is full. Delete messages."
    assert len(toy.calls) == 2


def test_an_exception_of_a_handler_is_an_internal_failure_and_logged(
    serving: Serving, toy: Toy, caplog: pytest.LogCaptureFixture
) -> None:
    toy.failure = ZeroDivisionError("secret detail")
    client = serving.client()
    code, message, status = refusal(lambda: client.send_message(QueueUrl=URL, MessageBody="x"))
    assert (code, status) == ("InternalFailure", 500)
    assert "secret detail" not in message
    request_id = toy.calls[0][1].request_id
    assert request_id in message
    assert any(request_id in record.getMessage() for record in caplog.records)
    toy.failure = None
    assert client.send_message(QueueUrl=URL, MessageBody="x")["MessageId"] == "m-1"


def test_the_aws_cli_calls_an_operation_and_reads_its_answer(serving: Serving, toy: Toy) -> None:
    command = Path(sys.executable).with_name("aws")
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": KEY.access_key_id,
        "AWS_SECRET_ACCESS_KEY": KEY.secret_access_key,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    # AWS CLI 1 does not heed AWS_ENDPOINT_URL for SQS in regions it knows; it does heed the option.
    endpoint = f"--endpoint-url=http://127.0.0.1:{serving.port}"
    done = subprocess.run(
        [command, endpoint, "sqs", "send-message", "--queue-url", URL, "--message-body", "grün"],
        env=environment,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["MessageId"] == "m-1"
    assert toy.calls[0][0] == {"QueueUrl": URL, "MessageBody": "grün"}


def test_what_the_server_turns_away_is_answered_in_json() -> None:
    front = a_front(Toy())
    for refusal in Refusal:
        request = Request("POST", "/", "", Headers([("Content-Type", "text/x\r\nX: 1")]))
        response = front.refuse(refusal, request)
        assert response.status == refusal.status
        assert type_of(response).startswith("com.amazon.coral.service#")
        assert dict(response.headers)["Content-Type"] == "application/x-amz-json-1.0"
        assert dict(response.headers)["x-amzn-RequestId"]


def ask(front: Front, request: Request) -> Response:
    return asyncio.run(front.handle(request))


def post(target: str | None, body: bytes, **more: str) -> Request:
    fields = [] if target is None else [("X-Amz-Target", target)]
    fields += [(name.replace("_", "-"), value) for name, value in more.items()]
    return Request("POST", "/", "", Headers(fields), body)


def type_of(response: Response) -> str:
    return str(json.loads(response.body)["__type"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'"x"',
        b"[" * 100_000,
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
        b'{"QueueUrl":"\\ud800","MessageBody":"x"}',
        b'{"QueueUrl":1,"MessageBody":"x"}',
        b'{"QueueUrl":"x","MessageBody":"x","DelaySeconds":99999999999999999999999999}',
    ],
)
def test_a_body_that_cannot_be_read_is_a_serialization_exception(body: bytes) -> None:
    toy = Toy()
    response = ask(a_front(toy, auth=False), post("AmazonSQS.SendMessage", body))
    assert response.status == 400
    assert type_of(response) == "com.amazon.coral.service#SerializationException"
    assert toy.calls == []


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_both_versions_of_aws_json_are_taken(version: str) -> None:
    body = b'{"QueueUrl":"u","MessageBody":"x"}'
    content_type = f"application/x-amz-json-{version}"
    request = post("AmazonSQS.SendMessage", body, Content_Type=content_type)
    response = ask(a_front(Toy(), auth=False), request)
    assert response.status == 200
    assert json.loads(response.body)["MessageId"] == "m-1"


@pytest.mark.parametrize("target", [None, "", "AmazonSQS", "AmazonSQS.", "AmazonSQS.Nothing", "ü"])
def test_an_unknown_target_is_an_unknown_operation(target: str | None) -> None:
    response = ask(a_front(Toy()), post(target, b"{}"))
    assert response.status == 400
    assert type_of(response) == "com.amazon.coral.service#UnknownOperationException"


def test_operations_are_called_by_post_only() -> None:
    fields = Headers([("X-Amz-Target", "AmazonSQS.SendMessage")])
    response = ask(a_front(Toy()), Request("GET", "/", "", fields))
    assert response.status == 404
    assert type_of(response) == "com.amazon.coral.service#UnknownOperationException"


def test_an_unsigned_request_is_refused_before_its_body_is_read() -> None:
    metrics = Metrics()
    response = ask(a_front(Toy(), metrics=metrics), post("AmazonSQS.SendMessage", b"{"))
    assert response.status == 403
    assert type_of(response) == "com.amazon.coral.service#AccessDeniedException"
    assert dict(response.headers)["x-amzn-query-error"] == "AccessDenied;Sender"
    assert metrics.snapshot()["aws.requests.unauthenticated"] == 1


def test_without_signatures_the_region_is_the_gateways() -> None:
    toy = Toy()
    response = ask(
        a_front(toy, auth=False),
        post("AmazonSQS.SendMessage", b'{"QueueUrl":"u","MessageBody":"x","Unknown":1}'),
    )
    assert response.status == 200
    parameters, call = toy.calls[0]
    assert parameters == {"QueueUrl": "u", "MessageBody": "x"}
    assert call.region == "us-east-1"


def test_cancellation_reaches_the_handler_and_is_not_answered() -> None:
    cancelled = []

    async def wait(parameters: dict[str, object], call: Call) -> Mapping[str, object]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(call.operation)
            raise
        return {}

    toy = Toy()
    toy.send_message = wait  # type: ignore[method-assign]
    front = a_front(toy, auth=False)

    async def hang_up() -> None:
        request = post("AmazonSQS.SendMessage", b'{"QueueUrl":"u","MessageBody":"x"}')
        task = asyncio.create_task(front.handle(request))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(hang_up())
    assert cancelled == ["SendMessage"]


def test_an_untrusted_clock_locks_nobody_out() -> None:
    toy = Toy()
    for trusted, served in ((False, True), (True, False)):
        front = a_front(toy, wall_s=lambda: 0.0, trusted=trusted)
        with Serving(front) as serving:
            client = serving.client()
            if served:
                assert client.send_message(QueueUrl=URL, MessageBody="x")["MessageId"]
            else:
                code, message, status = refusal(
                    lambda client=client: client.send_message(QueueUrl=URL, MessageBody="x")
                )
                assert (code, status) == ("SignatureDoesNotMatch", 403)
                assert message.startswith("Signature not yet current")


def test_a_handler_for_an_operation_that_the_model_lacks_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="SendMessages"):
        Service(
            "sqs",
            load_model("sqs"),
            {"SendMessages": Toy().send_message},
            violations=SqsViolations(),
            namespace="com.amazonaws.sqs",
        )
