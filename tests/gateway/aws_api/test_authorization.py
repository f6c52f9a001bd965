"""Policies held to at the real endpoint: boto3 calls with keys that may do this and not that."""

from __future__ import annotations

import datetime
import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import botocore.session
import pytest
from botocore.config import Config

from gateway.aws_api.endpoint import AwsEndpoint
from gateway.aws_api.errors import SQS_QUERY_ERRORS
from gateway.aws_api.iot_demands import iot_demands
from gateway.aws_api.model import load_model
from gateway.aws_api.service import Call, Service
from gateway.aws_api.settings import AwsSettings
from gateway.aws_api.sqs_demands import sqs_demands
from gateway.aws_api.violations import CommonViolations, SqsViolations
from gateway.clock import Clock, system_sources
from gateway.identity.credentials import AccessKey, Credentials
from gateway.identity.policy import CUSTOM, FULL, READ_ONLY, Policy
from gateway.metrics import Metrics
from tests.rig.own_loop import OwnLoop

REGION, ACCOUNT = "eu-central-1", "123456789012"
ALARMS = f"arn:aws:sqs:{REGION}:{ACCOUNT}:alarms"
URL = f"http://127.0.0.1:4566/{ACCOUNT}/alarms"
RULE = f"arn:aws:iot:{REGION}:{ACCOUNT}:rule/too_hot"
USER = f"User: arn:aws:iam::{ACCOUNT}:user/"


def a_policy(*statements: tuple[str, object, object]) -> Policy:
    return Policy(
        CUSTOM,
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": effect, "Action": action, "Resource": resource}
                for effect, action, resource in statements
            ],
        },
    )


ADMIN = AccessKey.generate("admin", FULL)
READER = AccessKey.generate("reader", READ_ONLY)
SENDER = AccessKey.generate("sender", a_policy(("Allow", "sqs:SendMessage", ALARMS)))
FORBIDDEN = AccessKey.generate(
    "guest", a_policy(("Allow", "*", "*"), ("Deny", ["sqs:Delete*", "iot:DeleteTopicRule"], "*"))
)


def arn(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


class Endpoint(OwnLoop):
    """The real endpoint; behind it, operations that remember what they were called with."""

    def __init__(self, auth: str = "sigv4") -> None:
        super().__init__()
        self.credentials = Credentials((ADMIN, READER, SENDER, FORBIDDEN))
        self.metrics = Metrics()
        self.calls: list[str] = []
        self._auth = auth
        self._clients: dict[tuple[str, str], Any] = {}

    async def _start(self) -> None:
        sqs, iot = load_model("sqs"), load_model("iot")
        served = [name for name in iot.operations if "TopicRule" in name]
        services = [
            Service(
                "sqs",
                sqs,
                dict.fromkeys(sqs.operations, self._answer),
                violations=SqsViolations(),
                namespace="com.amazonaws.sqs",
                query_errors=SQS_QUERY_ERRORS,
                demands=sqs_demands(arn),
            ),
            Service(
                "iot",
                iot,
                dict.fromkeys(served, self._answer),
                violations=CommonViolations("InvalidRequestException", namespace=None),
                demands=iot_demands(region=REGION, account=ACCOUNT),
                unsigned=("ConfirmTopicRuleDestination",),
            ),
        ]
        endpoint = AwsEndpoint(
            AwsSettings(bind="127.0.0.1:0", auth=self._auth),
            self.credentials,
            services,
            region=REGION,
            clock=Clock(system_sources()),
            metrics=self.metrics,
            account=ACCOUNT,
        )
        self.address = await endpoint.start()
        self._stack.push_async_callback(endpoint.stop, 1)

    async def _answer(self, parameters: dict[str, object], call: Call) -> Mapping[str, object]:
        self.calls.append(call.operation)
        return {}

    def client(self, key: AccessKey, service: str = "sqs") -> Any:
        """Return a client, kept; making one takes botocore a tenth of a second."""
        wanted = key.access_key_id + key.secret_access_key, service
        if wanted not in self._clients:
            session = botocore.session.Session()
            session.set_credentials(key.access_key_id, key.secret_access_key)
            self._clients[wanted] = session.create_client(
                service,
                region_name=REGION,
                endpoint_url=f"http://{self.address}",
                config=Config(
                    retries={"total_max_attempts": 1, "mode": "standard"},
                    parameter_validation=False,
                ),
            )
        return self._clients[wanted]


@pytest.fixture(scope="module")
def shared() -> Iterator[Endpoint]:
    with Endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def endpoint(shared: Endpoint) -> Endpoint:
    shared.calls.clear()
    return shared


def refusal(function: Callable[..., object], **parameters: object) -> tuple[str, str, int]:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        function(**parameters)
    answer = caught.value.response
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    return answer["Error"]["Code"], answer["Error"]["Message"], status


# --- what is refused, and how ---------------------------------------------------------------------


def test_a_reader_looks_and_does_not_write(endpoint: Endpoint) -> None:
    sqs = endpoint.client(READER)
    sqs.list_queues()
    sqs.get_queue_url(QueueName="alarms")
    sqs.get_queue_attributes(QueueUrl=URL, AttributeNames=["All"])
    sqs.list_queue_tags(QueueUrl=URL)
    sqs.list_dead_letter_source_queues(QueueUrl=URL)
    sqs.list_message_move_tasks(SourceArn=ALARMS)
    assert len(endpoint.calls) == 6
    counted = endpoint.metrics.snapshot()["aws.requests.unauthorized"]
    assert refusal(sqs.send_message, QueueUrl=URL, MessageBody="x") == (
        "AccessDenied",
        f"{USER}reader is not authorized to perform: sqs:sendmessage on resource: {ALARMS} "
        "because no identity-based policy allows the sqs:sendmessage action",
        403,
    )
    for refused in (sqs.receive_message, sqs.purge_queue, sqs.delete_queue):
        assert refusal(refused, QueueUrl=URL)[0] == "AccessDenied"
    assert len(endpoint.calls) == 6
    assert endpoint.metrics.snapshot()["aws.requests.unauthorized"] == counted + 4


def test_a_refusal_on_the_wire_is_the_one_of_awss_front(endpoint: Endpoint) -> None:
    request = botocore.awsrequest.AWSRequest(
        "POST",
        f"http://{endpoint.address}/",
        {"X-Amz-Target": "AmazonSQS.PurgeQueue", "Content-Type": "application/x-amz-json-1.0"},
        json.dumps({"QueueUrl": URL}),
    )
    signer = botocore.credentials.Credentials(READER.access_key_id, READER.secret_access_key)
    botocore.auth.SigV4Auth(signer, "sqs", REGION).add_auth(request)
    connection = http.client.HTTPConnection(endpoint.address, timeout=10)
    connection.request("POST", "/", request.body, dict(request.headers.items()))
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    assert response.status == 403
    assert response.headers["x-amzn-query-error"] == "AccessDenied;Sender"
    assert body["__type"] == "com.amazon.coral.service#AccessDeniedException"
    assert body["message"].startswith(f"{USER}reader is not authorized to perform: sqs:purgequeue")


def test_a_deny_is_told_as_such(endpoint: Endpoint) -> None:
    sqs = endpoint.client(FORBIDDEN)
    sqs.send_message(QueueUrl=URL, MessageBody="x")
    assert refusal(sqs.delete_queue, QueueUrl=URL) == (
        "AccessDenied",
        f"{USER}guest is not authorized to perform: sqs:deletequeue on resource: {ALARMS} with an "
        "explicit deny in an identity-based policy",
        403,
    )
    assert endpoint.calls == ["SendMessage"]


def test_iot_refuses_in_its_own_shape(endpoint: Endpoint) -> None:
    iot = endpoint.client(READER, "iot")
    iot.get_topic_rule(ruleName="too_hot")
    iot.list_topic_rules()
    code = "AccessDeniedException"
    assert refusal(iot.delete_topic_rule, ruleName="too_hot") == (
        code,
        f"{USER}reader is not authorized to perform: iot:DeleteTopicRule on resource: {RULE} "
        "because no identity-based policy allows the iot:DeleteTopicRule action",
        403,
    )
    denied = refusal(endpoint.client(FORBIDDEN, "iot").delete_topic_rule, ruleName="too_hot")
    assert denied == (
        code,
        f"{USER}guest is not authorized to perform: iot:DeleteTopicRule on resource: {RULE} with "
        "an explicit deny in an identity-based policy",
        403,
    )
    assert endpoint.calls == ["GetTopicRule", "ListTopicRules"]


def test_a_key_for_one_queue_is_of_no_use_for_another(endpoint: Endpoint) -> None:
    sqs = endpoint.client(SENDER)
    sqs.send_message(QueueUrl=URL, MessageBody="x")
    # By whatever the queue is called: host, account and slashes are not what finds it.
    sqs.send_message(QueueUrl=f"https://sqs.us-east-1.amazonaws.com/9/{'alarms'}/", MessageBody="x")
    entry = {"Id": "a", "MessageBody": "x"}
    sqs.send_message_batch(QueueUrl=URL, Entries=[entry])
    other = URL.replace("alarms", "other")
    for url in (other, f"{URL}/other", f"{ALARMS}/other", "alarms:other", "Alarms", "/", ""):
        refused = refusal(sqs.send_message, QueueUrl=url, MessageBody="x")
        assert refused[0] == "AccessDenied", url
    batch = refusal(sqs.send_message_batch, QueueUrl=other, Entries=[entry])
    assert "sqs:sendmessage on resource: arn:aws:sqs:eu-central-1:123456789012:other" in batch[1]
    listed = refusal(sqs.list_queues)
    assert f"sqs:listqueues on resource: arn:aws:sqs:{REGION}:{ACCOUNT}: because" in listed[1]
    assert endpoint.calls == ["SendMessage", "SendMessage", "SendMessageBatch"]


def test_the_model_is_checked_before_the_policy_and_the_signature_before_both(
    endpoint: Endpoint,
) -> None:
    assert refusal(endpoint.client(READER).send_message, QueueUrl=URL)[0] == "MissingParameter"
    wrong = AccessKey(READER.access_key_id, "0" * 40)
    assert refusal(endpoint.client(wrong).send_message, QueueUrl=URL)[0] == "SignatureDoesNotMatch"


def test_a_name_of_any_length_is_refused_with_an_answer_that_is_bounded(
    endpoint: Endpoint,
) -> None:
    long = refusal(endpoint.client(SENDER).send_message, QueueUrl="x" * 100_000, MessageBody="x")
    assert long[0] == "AccessDenied"
    assert len(long[1]) < 3000


def test_with_auth_none_no_policy_is_asked() -> None:
    with Endpoint("none") as endpoint:
        endpoint.client(READER).purge_queue(QueueUrl=URL)
        assert endpoint.calls == ["PurgeQueue"]


def test_a_confirmation_without_a_signature_needs_no_key(endpoint: Endpoint) -> None:
    connection = http.client.HTTPConnection(endpoint.address, timeout=10)
    connection.request("GET", "/confirmdestination/token")
    assert connection.getresponse().status == 200
    connection.close()
    assert endpoint.calls == ["ConfirmTopicRuleDestination"]
    refused = refusal(
        endpoint.client(READER, "iot").confirm_topic_rule_destination, confirmationToken="token"
    )
    assert refused[0] == "AccessDeniedException"


# --- what a signature is refused for --------------------------------------------------------------


@pytest.mark.parametrize("off_s", [-16 * 60, 16 * 60, -(10 * 365 * 86400)])
def test_a_caller_whose_clock_is_off_is_told(off_s: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway's own clock is trusted here, so that the age of a signature counts."""
    monkeypatch.setattr(Clock, "wall_trusted", property(lambda self: True))
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=off_s)
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: at.replace(tzinfo=None)
    )
    with Endpoint() as endpoint:
        code, message, status = refusal(endpoint.client(ADMIN).list_queues)
        assert (code, status) == ("SignatureDoesNotMatch", 403)
        assert message.startswith(
            "Signature expired: " if off_s < 0 else "Signature not yet current: "
        )
        assert endpoint.calls == []


def test_an_unknown_key_and_a_wrong_secret(endpoint: Endpoint) -> None:
    stranger = AccessKey.generate("stranger")
    assert refusal(endpoint.client(stranger).list_queues) == (
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
        403,
    )
    code, message, status = refusal(
        endpoint.client(AccessKey(ADMIN.access_key_id, "x" * 40)).list_queues
    )
    assert (code, status) == ("SignatureDoesNotMatch", 403)
    assert message.startswith("The request signature we calculated does not match")
    assert endpoint.calls == []


# --- keys that change while the gateway runs ------------------------------------------------------


def test_a_key_is_disabled_enabled_rotated_and_deleted_at_once() -> None:
    invalid = "InvalidClientTokenId"
    with Endpoint() as endpoint:
        credentials = endpoint.credentials
        made = endpoint.call(credentials.create("pump", FULL))
        old = endpoint.client(made)
        old.list_queues()  # its signing key is remembered from now on
        endpoint.call(credentials.set_active("pump", False))
        assert refusal(old.list_queues)[0] == invalid
        endpoint.call(credentials.set_active("pump", True))
        old.list_queues()
        rotated = endpoint.call(credentials.rotate("pump"))
        assert refusal(old.list_queues)[0] == "SignatureDoesNotMatch"
        new = endpoint.client(rotated)
        new.list_queues()
        endpoint.call(credentials.delete("pump"))
        assert refusal(new.list_queues)[0] == invalid
        assert refusal(old.list_queues)[0] == invalid
        assert len(endpoint.calls) == 3
