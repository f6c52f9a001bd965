"""SQS for clients that still speak the Query protocol: Debian's AWS CLI, and botocore as it was.

What the old client reads is compared with what the new one reads of the same queue in JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import botocore.exceptions
import botocore.httpsession
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.gateway.aws_api.query_models import old_client
from tests.gateway.aws_api.sqs_serving import ACCOUNT, KEY, SqsServing

TEXT = "grün \U0001f331 <b>&\"' + % =\ttab\r\n"


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqsServing]:
    with SqsServing(tmp_path_factory.mktemp("sqs")) as serving:
        yield serving


@pytest.fixture(scope="module")
def old(serving: SqsServing, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return old_client(tmp_path_factory.mktemp("models"), serving.address, KEY)


def plain(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: member for name, member in answer.items() if name != "ResponseMetadata"}


def test_what_one_protocol_writes_the_other_reads(serving: SqsServing, old: Any) -> None:
    new = serving.client()
    url = old.create_queue(QueueName="both", Attributes={"VisibilityTimeout": "7"})["QueueUrl"]
    assert plain(new.get_queue_url(QueueName="both")) == {"QueueUrl": url}
    assert plain(old.list_queues()) == plain(new.list_queues())
    names = {"QueueUrl": url, "AttributeNames": ["All"]}
    assert plain(old.get_queue_attributes(**names)) == plain(new.get_queue_attributes(**names))

    attributes = {
        "text": {"DataType": "String.x", "StringValue": TEXT},
        "number": {"DataType": "Number", "StringValue": "1.50"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1"}}
    message: dict[str, Any] = {
        "QueueUrl": url,
        "MessageBody": TEXT,
        "MessageAttributes": attributes,
        "MessageSystemAttributes": trace,
    }
    by_old, by_new = old.send_message(**message), new.send_message(**message)
    for sent in (by_old, by_new):
        del sent["MessageId"]
    assert plain(by_old) == plain(by_new)

    wanted: dict[str, Any] = {
        "QueueUrl": url,
        "AttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
        "MaxNumberOfMessages": 1,
    }
    (first,) = old.receive_message(**wanted)["Messages"]
    (second,) = new.receive_message(**wanted)["Messages"]
    assert first["Body"] == second["Body"] == TEXT
    assert first["MessageAttributes"] == second["MessageAttributes"] == attributes
    assert first.keys() == second.keys()
    assert first["Attributes"].keys() == second["Attributes"].keys()
    assert plain(old.receive_message(**wanted)) == plain(new.receive_message(**wanted)) == {}
    old.delete_message(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"])
    old.change_message_visibility(
        QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0
    )
    (again,) = new.receive_message(**wanted)["Messages"]
    assert again["MessageId"] == first["MessageId"]


def test_batches_with_partial_failure(serving: SqsServing, old: Any) -> None:
    url = old.create_queue(QueueName="batches")["QueueUrl"]
    entries = [{"Id": str(number), "MessageBody": f"m{number}"} for number in range(10)]
    entries[3]["DelaySeconds"] = 100_000  # type: ignore[assignment]
    answers = [
        client.send_message_batch(QueueUrl=url, Entries=entries)
        for client in (old, serving.client())
    ]
    for answer in answers:
        assert [sent["Id"] for sent in answer["Successful"]] == list("012456789")
    assert answers[0]["Failed"] == answers[1]["Failed"]
    assert answers[0]["Failed"][0]["SenderFault"] is True
    received = old.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    handles = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(received)]
    changes = [{**handle, "VisibilityTimeout": 60} for handle in handles]
    changed = old.change_message_visibility_batch(QueueUrl=url, Entries=changes)
    assert len(changed["Successful"]) == len(received) > 0
    deleted = old.delete_message_batch(QueueUrl=url, Entries=handles)
    assert len(deleted["Successful"]) == len(received)


def test_attributes_tags_and_permissions(serving: SqsServing, old: Any) -> None:
    new = serving.client()
    dead = old.create_queue(QueueName="dead", tags={"site": "a & b"})["QueueUrl"]
    assert plain(old.list_queue_tags(QueueUrl=dead)) == {"Tags": {"site": "a & b"}}
    assert plain(old.tag_queue(QueueUrl=dead, Tags={"k": "1", "empty": ""})) == {}
    assert plain(old.untag_queue(QueueUrl=dead, TagKeys=["site", "none"])) == {}
    assert plain(old.list_queue_tags(QueueUrl=dead)) == plain(new.list_queue_tags(QueueUrl=dead))
    url = old.create_queue(QueueName="living.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    dead_fifo = old.create_queue(QueueName="dead.fifo", Attributes={"FifoQueue": "true"})
    arn = old.get_queue_attributes(QueueUrl=dead_fifo["QueueUrl"], AttributeNames=["QueueArn"])
    policy = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": "3"}
    attributes = {"RedrivePolicy": json.dumps(policy), "DelaySeconds": "0"}
    assert plain(old.set_queue_attributes(QueueUrl=url, Attributes=attributes)) == {}
    sources = plain(old.list_dead_letter_source_queues(QueueUrl=dead_fifo["QueueUrl"]))
    assert sources == plain(new.list_dead_letter_source_queues(QueueUrl=dead_fifo["QueueUrl"]))
    assert sources["queueUrls"] == [url]
    sent = old.send_message(
        QueueUrl=url, MessageBody="x", MessageGroupId="g", MessageDeduplicationId="d"
    )
    assert int(sent["SequenceNumber"]) > 0
    again = new.send_message(
        QueueUrl=url, MessageBody="x", MessageGroupId="g", MessageDeduplicationId="d"
    )
    assert again["MessageId"] == sent["MessageId"]
    old.add_permission(
        QueueUrl=url, Label="l", AWSAccountIds=["111111111111"], Actions=["SendMessage", "*"]
    )
    told = new.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    assert "arn:aws:iam::111111111111:root" in told["Policy"]
    old.remove_permission(QueueUrl=url, Label="l")
    old.purge_queue(QueueUrl=url)
    assert plain(old.receive_message(QueueUrl=url)) == {}


def failure(call: Any, **parameters: Any) -> tuple[object, ...]:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**parameters)
    answer = caught.value.response
    error = answer["Error"]
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    return type(caught.value).__name__, error["Code"], error["Message"], error["Type"], status


def test_errors_are_the_same_in_both_protocols(serving: SqsServing, old: Any) -> None:
    new = serving.client()
    url = old.create_queue(QueueName="errors")["QueueUrl"]
    gone = url.replace("errors", "gone")
    cases: list[tuple[str, dict[str, Any]]] = [
        ("send_message", {"QueueUrl": gone, "MessageBody": "x"}),
        ("send_message", {"QueueUrl": url}),
        ("send_message", {"QueueUrl": url, "MessageBody": ""}),
        ("send_message", {"QueueUrl": url, "MessageBody": "x", "DelaySeconds": 901}),
        ("send_message_batch", {"QueueUrl": url, "Entries": []}),
        ("send_message_batch", {"QueueUrl": url, "Entries": [{"Id": "a", "MessageBody": "x"}] * 2}),
        ("receive_message", {"QueueUrl": url, "MaxNumberOfMessages": 11}),
        ("receive_message", {"QueueUrl": url, "AttributeNames": ["All"], "WaitTimeSeconds": 21}),
        ("delete_message", {"QueueUrl": url, "ReceiptHandle": "nonsense"}),
        ("get_queue_attributes", {"QueueUrl": url, "AttributeNames": ["Nonsense"]}),
        ("create_queue", {"QueueName": "errors", "Attributes": {"DelaySeconds": "9"}}),
        ("create_queue", {"QueueName": "a b"}),
    ]
    for operation, parameters in cases:
        in_query = failure(getattr(old, operation), **parameters)
        assert in_query == failure(getattr(new, operation), **parameters), operation


def test_a_region_and_a_key_that_are_not_here(serving: SqsServing, tmp_path: Path) -> None:
    abroad = old_client(tmp_path, serving.address, KEY, region="eu-west-1")
    _, code, said, _, status = failure(abroad.list_queues)
    assert (code, status) == ("SignatureDoesNotMatch", 403)
    assert said == (
        "Credential should be scoped to a valid region, not 'eu-west-1'. This gateway's region is "
        "'us-east-1'. "
    )


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_to_the_queues_own_url(serving: SqsServing, old: Any, method: str) -> None:
    url = old.create_queue(QueueName=f"own-{method}")["QueueUrl"]
    assert urlsplit(url).path == f"/{ACCOUNT}/own-{method}"
    form = urlencode({"Action": "SendMessage", "MessageBody": TEXT, "Version": "2012-11-05"})
    if method == "GET":
        request = AWSRequest("GET", f"{url}?{form}")
    else:
        fields = {"Content-Type": "application/x-www-form-urlencoded"}
        request = AWSRequest("POST", url, headers=fields, data=form)
    signer = Credentials(KEY.access_key_id, KEY.secret_access_key)
    SigV4Auth(signer, "sqs", "us-east-1").add_auth(request)
    response = botocore.httpsession.URLLib3Session().send(request.prepare())
    assert response.status_code == 200, response.content
    assert b"<MD5OfMessageBody>" in response.content
    (message,) = serving.client().receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == TEXT


class Cli:
    """Debian's AWS CLI."""

    def __init__(self, address: str) -> None:
        self._endpoint = f"--endpoint-url=http://{address}"
        self._environment = {
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": KEY.access_key_id,
            "AWS_SECRET_ACCESS_KEY": KEY.secret_access_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "LC_ALL": "C.UTF-8",
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["/usr/bin/aws", self._endpoint, "sqs", *arguments],
            env=self._environment,
            capture_output=True,
            timeout=60,
        )

    def __call__(self, *arguments: str) -> Any:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else {}


def test_debians_aws_cli_works_with_a_queue(serving: SqsServing) -> None:
    aws = Cli(serving.address)
    url = aws("create-queue", "--queue-name=cli", "--attributes=VisibilityTimeout=9")["QueueUrl"]
    queue = f"--queue-url={url}"
    assert aws("get-queue-url", "--queue-name=cli") == {"QueueUrl": url}
    assert aws("list-queues", "--queue-name-prefix=cli") == {"QueueUrls": [url]}
    attributes = '{"n":{"DataType":"Number","StringValue":"5"}}'
    sent = aws(
        "send-message", queue, f"--message-body={TEXT}", f"--message-attributes={attributes}"
    )
    batch = aws("send-message-batch", queue, '--entries=[{"Id":"a","MessageBody":"two"}]')
    assert [entry["Id"] for entry in batch["Successful"]] == ["a"]
    received = aws(
        "receive-message", queue, "--max-number-of-messages=10", "--attribute-names=All",
        "--message-attribute-names=All",
    )["Messages"]  # fmt: skip
    bodies = {message["MessageId"]: message for message in received}
    first = bodies[sent["MessageId"]]
    assert first["Body"] == TEXT
    assert first["MessageAttributes"] == json.loads(attributes)
    assert first["Attributes"]["ApproximateReceiveCount"] == "1"
    handle = f"--receipt-handle={first['ReceiptHandle']}"
    assert aws("change-message-visibility", queue, handle, "--visibility-timeout=30") == {}
    assert aws("delete-message", queue, handle) == {}
    told = aws("get-queue-attributes", queue, "--attribute-names", "All")["Attributes"]
    assert (told["VisibilityTimeout"], told["ApproximateNumberOfMessagesNotVisible"]) == ("9", "1")
    assert aws("delete-queue", queue) == {}
    refused = aws.run("send-message", queue, "--message-body=x")
    assert refused.returncode == 254
    assert b"(AWS.SimpleQueueService.NonExistentQueue)" in refused.stderr
