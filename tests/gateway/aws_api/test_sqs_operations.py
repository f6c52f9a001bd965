"""Every SQS operation that is served, called by boto3's client over TCP."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from gateway.aws_api.model import load_model
from gateway.aws_api.sqs import sqs_operations
from tests.gateway.aws_api.sqs_serving import ACCOUNT, KEY, SqsServing


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqsServing]:
    with SqsServing(tmp_path_factory.mktemp("sqs")) as serving:
        yield serving


@pytest.fixture(scope="module")
def sqs(serving: SqsServing) -> Any:
    return serving.client()


@pytest.fixture
def url(sqs: Any) -> str:
    """A new queue's URL."""
    return sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex}")["QueueUrl"]


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def test_the_reference_says_which_operations_are_served(serving: SqsServing) -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "sqs.md"
    table = page.read_text().partition("## Operations")[2].partition("## Queue attributes")[0]
    said = {}
    for names, today in re.findall(r"^\| (\w.*?) \| (.*) \|$", table, re.MULTILINE)[1:]:
        for name in names.split(", "):
            said[name] = not today.startswith("not yet")
    served = sqs_operations(serving.service)
    assert said == {name: name in served for name in load_model("sqs").operations}


def test_queue_urls_and_names(sqs: Any, serving: SqsServing) -> None:
    url = sqs.create_queue(QueueName="named", Attributes={"DelaySeconds": "0"})["QueueUrl"]
    assert url == f"http://{serving.address}/{ACCOUNT}/named"
    assert sqs.create_queue(QueueName="named")["QueueUrl"] == url
    assert sqs.get_queue_url(QueueName="named")["QueueUrl"] == url
    elsewhere = "https://sqs.eu-west-1.amazonaws.com/123456789012/named"
    assert sqs.send_message(QueueUrl=elsewhere, MessageBody="x")["MessageId"]
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName="named")


def test_listing_with_prefix_and_pages(sqs: Any) -> None:
    for n in range(5):
        sqs.create_queue(QueueName=f"listed-{n}")
    urls = sqs.list_queues(QueueNamePrefix="listed-")["QueueUrls"]
    assert [u.rpartition("/")[2] for u in urls] == [f"listed-{n}" for n in range(5)]
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix="none-")
    paged, token = [], {}
    sizes = []
    while True:
        page = sqs.list_queues(QueueNamePrefix="listed-", MaxResults=2, **token)
        paged += page["QueueUrls"]
        sizes.append(len(page["QueueUrls"]))
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert (paged, sizes) == (urls, [2, 2, 1])
    paginator = sqs.get_paginator("list_queues")
    pages = paginator.paginate(QueueNamePrefix="listed-", PaginationConfig={"PageSize": 3})
    assert [u for page in pages for u in page["QueueUrls"]] == urls


def test_send_receive_delete(sqs: Any, url: str) -> None:
    before = time.time()
    body = "häl\u2028lo\t\U0001f600"
    sent = sqs.send_message(QueueUrl=url, MessageBody=body)
    assert sent["MD5OfMessageBody"] == md5(body)
    assert uuid.UUID(sent["MessageId"])
    (message,) = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
    assert (message["Body"], message["MD5OfBody"]) == (body, md5(body))
    assert message["MessageId"] == sent["MessageId"]
    attributes = message["Attributes"]
    assert attributes["SenderId"] == KEY.access_key_id
    assert attributes["ApproximateReceiveCount"] == "1"
    for name in ("SentTimestamp", "ApproximateFirstReceiveTimestamp"):
        assert re.fullmatch(r"\d{13}", attributes[name])
        assert before - 1 <= int(attributes[name]) / 1000 or not _clock_is_trusted()
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessages"] == "0"
    assert counts["ApproximateNumberOfMessagesNotVisible"] == "0"


def _clock_is_trusted() -> bool:
    from gateway.clock import Clock, system_sources

    return Clock(system_sources()).wall_trusted


def test_system_attributes_are_only_told_where_asked_for(sqs: Any, url: str) -> None:
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793"
    sent = sqs.send_message(
        QueueUrl=url,
        MessageBody="x",
        MessageSystemAttributes={
            "AWSTraceHeader": {"DataType": "String", "StringValue": trace},
        },
    )
    assert re.fullmatch(r"[0-9a-f]{32}", sent["MD5OfMessageSystemAttributes"])
    (message,) = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
    assert "Attributes" not in message
    for how in ("AttributeNames", "MessageSystemAttributeNames"):
        names = ["AWSTraceHeader", "SentTimestamp"]
        (message,) = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0, **{how: names})[
            "Messages"
        ]
        assert message["Attributes"].keys() == set(names)
        assert message["Attributes"]["AWSTraceHeader"] == trace


def test_what_a_rule_sent_has_the_account_as_its_sender(
    sqs: Any, serving: SqsServing, url: str
) -> None:
    serving.call(serving.service.find(url).send, b'{"celsius":31}')
    (message,) = sqs.receive_message(
        QueueUrl=url, WaitTimeSeconds=5, MessageSystemAttributeNames=["SenderId"]
    )["Messages"]
    assert message["Body"] == '{"celsius":31}'
    assert message["Attributes"] == {"SenderId": ACCOUNT}


def test_message_attributes(sqs: Any, url: str) -> None:
    attributes = {
        "text": {"DataType": "String", "StringValue": "ä"},
        "count.a": {"DataType": "Number.int", "StringValue": "42"},
        "count.b": {"DataType": "Number", "StringValue": "-1.5e3"},
        "raw": {"DataType": "Binary.png", "BinaryValue": b"\x00\xff"},
    }
    sent = sqs.send_message(QueueUrl=url, MessageBody="x", MessageAttributes=attributes)
    assert sent["MD5OfMessageAttributes"] == _md5_of(attributes)

    def receive(*names: str) -> Any:
        return sqs.receive_message(
            QueueUrl=url, VisibilityTimeout=0, MessageAttributeNames=list(names)
        )["Messages"][0]

    assert "MessageAttributes" not in receive()
    message = receive("All")
    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    message = receive("count.*", "none")
    chosen = {name: attributes[name] for name in ("count.a", "count.b")}
    assert message["MessageAttributes"] == chosen
    assert message["MD5OfMessageAttributes"] == _md5_of(chosen)


def _md5_of(attributes: dict[str, dict[str, Any]]) -> str:
    """Digest name, type and value, each behind its length; 1 is text, 2 is bytes."""
    digest = hashlib.md5()
    for name in sorted(attributes):
        value = attributes[name]
        kind = b"\x02" if "BinaryValue" in value else b"\x01"
        content = value.get("BinaryValue") or value["StringValue"].encode()
        for part in (name.encode(), value["DataType"].encode()):
            digest.update(len(part).to_bytes(4, "big") + part)
        digest.update(kind + len(content).to_bytes(4, "big") + content)
    return digest.hexdigest()


def test_batches_with_partial_failure(sqs: Any, url: str) -> None:
    entries = [{"Id": f"e{n}", "MessageBody": str(n)} for n in range(8)]
    entries += [
        {"Id": "bad", "MessageBody": "\x00"},
        {"Id": "late", "MessageBody": "x", "DelaySeconds": 901},
    ]
    sent = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [e["Id"] for e in sent["Successful"]] == [f"e{n}" for n in range(8)]
    assert [e["MD5OfMessageBody"] for e in sent["Successful"]] == [md5(str(n)) for n in range(8)]
    assert {e["Id"]: (e["Code"], e["SenderFault"]) for e in sent["Failed"]} == {
        "bad": ("InvalidMessageContents", True),
        "late": ("InvalidParameterValue", True),
    }
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [m["Body"] for m in messages] == [str(n) for n in range(8)]
    assert [m["MessageId"] for m in messages] == [e["MessageId"] for e in sent["Successful"]]

    changes = [
        {"Id": "a", "ReceiptHandle": messages[0]["ReceiptHandle"], "VisibilityTimeout": 0},
        {"Id": "b", "ReceiptHandle": "nonsense", "VisibilityTimeout": 0},
        {"Id": "c", "ReceiptHandle": messages[1]["ReceiptHandle"]},
    ]
    changed = sqs.change_message_visibility_batch(QueueUrl=url, Entries=changes)
    assert changed["Successful"] == [{"Id": "a"}]
    assert {e["Id"]: e["Code"] for e in changed["Failed"]} == {
        "b": "ReceiptHandleIsInvalid",
        "c": "MissingParameter",
    }
    assert len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) == 1

    deletes = [
        {"Id": f"d{n}", "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages[1:])
    ]
    deletes.append({"Id": "wrong", "ReceiptHandle": "nonsense"})
    deleted = sqs.delete_message_batch(QueueUrl=url, Entries=deletes)
    assert [e["Id"] for e in deleted["Successful"]] == [f"d{n}" for n in range(7)]
    assert [(e["Id"], e["Code"]) for e in deleted["Failed"]] == [
        ("wrong", "ReceiptHandleIsInvalid")
    ]
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessagesNotVisible"] == "1"
    assert counts["ApproximateNumberOfMessages"] == "0"


def test_a_batch_names_only_the_lists_that_hold_something(sqs: Any, url: str) -> None:
    # The Java SDK's hasFailed() asks whether the list is there, not whether it is empty.
    sent = sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "a", "MessageBody": "x"}])
    assert ("Successful" in sent, "Failed" in sent) == (True, False)
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    handle = message["ReceiptHandle"]
    for operation, more in (
        (sqs.change_message_visibility_batch, {"VisibilityTimeout": 30}),
        (sqs.delete_message_batch, {}),
    ):
        good = [{"Id": "a", "ReceiptHandle": handle, **more}]
        done = operation(QueueUrl=url, Entries=good)
        assert ("Successful" in done, "Failed" in done) == (True, False)
        bad = [{"Id": "a", "ReceiptHandle": "nonsense", **more}]
        refused = operation(QueueUrl=url, Entries=bad)
        assert ("Successful" in refused, "Failed" in refused) == (False, True)


@pytest.mark.parametrize(
    "attribute",
    [
        {"DataType": "String"},
        {"DataType": "String", "StringListValues": ["x"]},
        {"DataType": "Number", "StringValue": "ten"},
        {"DataType": "String", "StringValue": "x", "BinaryValue": b"x"},
    ],
)
def test_one_wrong_attribute_refuses_its_own_entry_only(
    sqs: Any, url: str, attribute: dict[str, Any]
) -> None:
    entries = [
        {"Id": "good", "MessageBody": "x"},
        {"Id": "bad", "MessageBody": "y", "MessageAttributes": {"a": attribute}},
    ]
    sent = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [e["Id"] for e in sent["Successful"]] == ["good"]
    assert [e["Id"] for e in sent["Failed"]] == ["bad"]
    assert [m["Body"] for m in sqs.receive_message(QueueUrl=url)["Messages"]] == ["x"]


def test_visibility_and_delay(sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="now")
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=900)
    (message,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    handle = message["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=60)
    names = [f"ApproximateNumberOfMessages{s}" for s in ("", "NotVisible", "Delayed")]
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert [counts[name] for name in names] == ["0", "1", "1"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    (again,) = sqs.receive_message(QueueUrl=url, AttributeNames=["ApproximateReceiveCount"])[
        "Messages"
    ]
    assert again["Attributes"] == {"ApproximateReceiveCount": "2"}


def test_queue_attributes(sqs: Any) -> None:
    url = sqs.create_queue(
        QueueName="attributed",
        Attributes={"VisibilityTimeout": "5", "SqsManagedSseEnabled": "false"},
    )["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    created = attributes.pop("CreatedTimestamp")
    assert re.fullmatch(r"\d{10}", created)
    assert attributes.pop("LastModifiedTimestamp") == created
    assert attributes == {
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "DelaySeconds": "0",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "QueueArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:attributed",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "false",
        "VisibilityTimeout": "5",
    }
    one = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn", "FifoQueue"])
    assert one["Attributes"].keys() == {"QueueArn"}
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url)


def test_long_polling_answers_when_a_message_comes(sqs: Any, serving: SqsServing, url: str) -> None:
    got: list[Any] = []
    waiting = threading.Thread(
        target=lambda: got.append(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20))
    )
    waiting.start()
    _until(lambda: serving.metrics.snapshot()["sqs.waiting_receives"] == 1)
    serving.client().send_message(QueueUrl=url, MessageBody="woken")
    waiting.join(10)
    assert got[0]["Messages"][0]["Body"] == "woken"


def test_a_caller_that_hangs_up_while_it_waits_swallows_nothing(
    sqs: Any, serving: SqsServing, url: str
) -> None:
    body = json.dumps({"QueueUrl": url, "WaitTimeSeconds": 20})
    connection = _post(serving, "ReceiveMessage", body)
    _until(lambda: serving.metrics.snapshot()["sqs.waiting_receives"] == 1)
    connection.close()
    _until(lambda: serving.metrics.snapshot()["sqs.waiting_receives"] == 0)
    sqs.send_message(QueueUrl=url, MessageBody="kept")
    (message,) = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_callers_that_hang_up_at_once_swallow_nothing(
    sqs: Any, serving: SqsServing, url: str
) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="kept")
    before = serving.metrics.snapshot()["http.aws.connections"]
    for _ in range(30):
        _post(serving, "ReceiveMessage", json.dumps({"QueueUrl": url})).close()
    queue = serving.service.find(url)
    _until(lambda: serving.metrics.snapshot()["http.aws.connections"] <= before)
    serving.call(serving.store.flush)
    depths = serving.call(queue.depths)
    # In flight: an answer that was written before the caller was seen to be gone.
    assert depths.visible + depths.in_flight == 1


def _post(serving: SqsServing, operation: str, body: str) -> socket.socket:
    """Send one signed request and return the socket without reading the answer."""
    request = AWSRequest(
        "POST",
        f"http://{serving.address}/",
        data=body,
        headers={
            "X-Amz-Target": f"AmazonSQS.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
        },
    )
    credentials = Credentials(KEY.access_key_id, KEY.secret_access_key)
    SigV4Auth(credentials, "sqs", "us-east-1").add_auth(request)
    host, _, port = serving.address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("POST", "/", body, dict(request.headers))
    sock = connection.sock
    assert sock is not None
    return sock


def _until(holds: Any) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.002)
