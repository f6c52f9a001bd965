"""boto3 as programs use it: resources, pages, errors by class, retries, presigned URLs."""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import boto3
import pytest

from gateway.identity.credentials import AccessKey
from tests.gateway.aws_api.clients.endpoint import Endpoint
from tests.gateway.aws_api.clients.query_2023 import client_of_2023

NAMESPACE = "{http://queue.amazonaws.com/doc/2012-11-05/}"


@pytest.fixture(scope="module")
def session(endpoint: Endpoint) -> boto3.Session:
    return boto3.Session(
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key,
        region_name=endpoint.region,
    )


@pytest.fixture(scope="module")
def client(session: boto3.Session, endpoint: Endpoint) -> Iterator[Any]:
    client = session.client("sqs", endpoint_url=endpoint.url)
    yield client
    client.close()


@pytest.fixture(scope="module")
def sqs(session: boto3.Session, endpoint: Endpoint) -> Any:
    return session.resource("sqs", endpoint_url=endpoint.url)


def test_queues_and_messages_as_resources(sqs: Any) -> None:
    queue = sqs.create_queue(QueueName="resources", Attributes={"DelaySeconds": "0"})
    assert sqs.get_queue_by_name(QueueName="resources").url == queue.url
    assert queue.attributes["QueueArn"].endswith(":resources")
    attributes = {"unit": {"DataType": "String", "StringValue": "°C"}}
    sent = queue.send_message(MessageBody="one", MessageAttributes=attributes)
    assert sent["MD5OfMessageBody"] == hashlib.md5(b"one").hexdigest()
    queue.send_messages(Entries=[{"Id": str(n), "MessageBody": f"m{n}"} for n in range(3)])
    first, *others = queue.receive_messages(
        MaxNumberOfMessages=10,
        WaitTimeSeconds=1,
        MessageAttributeNames=["All"],
        AttributeNames=["All"],
    )
    assert (first.body, first.message_id) == ("one", sent["MessageId"])
    assert first.message_attributes == attributes
    assert first.attributes["ApproximateReceiveCount"] == "1"
    assert [message.body for message in others] == ["m0", "m1", "m2"]
    first.change_visibility(VisibilityTimeout=0)
    (again,) = queue.receive_messages(AttributeNames=["ApproximateReceiveCount"])
    assert again.attributes == {"ApproximateReceiveCount": "2"}
    again.delete()
    deleted = queue.delete_messages(
        Entries=[{"Id": str(n), "ReceiptHandle": m.receipt_handle} for n, m in enumerate(others)]
    )
    assert [entry["Id"] for entry in deleted["Successful"]] == ["0", "1", "2"]
    queue.set_attributes(Attributes={"VisibilityTimeout": "11"})
    queue.reload()
    assert queue.attributes["VisibilityTimeout"] == "11"
    assert queue.attributes["ApproximateNumberOfMessages"] == "0"
    queue.purge()
    queue.delete()
    with pytest.raises(sqs.meta.client.exceptions.QueueDoesNotExist):
        queue.load()


def test_dead_letter_queues_as_resources(sqs: Any) -> None:
    dead = sqs.create_queue(QueueName="res-dead")
    policy = {"deadLetterTargetArn": dead.attributes["QueueArn"], "maxReceiveCount": "1"}
    queue = sqs.create_queue(
        QueueName="res-source", Attributes={"RedrivePolicy": json.dumps(policy)}
    )
    assert [found.url for found in dead.dead_letter_source_queues.all()] == [queue.url]
    queue.send_message(MessageBody="poison")
    assert len(queue.receive_messages(VisibilityTimeout=0)) == 1
    assert queue.receive_messages() == []
    (letter,) = dead.receive_messages(AttributeNames=["All"])
    assert letter.body == "poison"
    assert letter.attributes["DeadLetterQueueSourceArn"] == queue.attributes["QueueArn"]
    for made in (queue, dead):
        made.delete()


def test_pages_of_queues(client: Any, sqs: Any) -> None:
    names = [f"paged-{n:02}" for n in range(7)]
    dead = client.create_queue(QueueName="paged-dead")["QueueUrl"]
    arn = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    policy = json.dumps({"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": 2})
    urls = [
        client.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy})["QueueUrl"]
        for name in names
    ]
    pages = list(
        client.get_paginator("list_queues").paginate(
            QueueNamePrefix="paged-0", PaginationConfig={"PageSize": 3}
        )
    )
    assert [len(page["QueueUrls"]) for page in pages] == [3, 3, 1]
    assert [url for page in pages for url in page["QueueUrls"]] == urls
    paginator = client.get_paginator("list_dead_letter_source_queues")
    paged = paginator.paginate(QueueUrl=dead, PaginationConfig={"PageSize": 2, "MaxItems": 5})
    assert paged.build_full_result()["queueUrls"] == urls[:5]
    rest = paginator.paginate(
        QueueUrl=dead, PaginationConfig={"PageSize": 2, "StartingToken": paged.resume_token}
    )
    assert rest.build_full_result()["queueUrls"] == urls[5:]
    assert sorted(queue.url for queue in sqs.queues.filter(QueueNamePrefix="paged-0")) == urls
    for url in (*urls, dead):
        client.delete_queue(QueueUrl=url)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_presigned_url_sends_and_receives(
    endpoint: Endpoint, client: Any, tmp_path: Path, method: str
) -> None:
    address = endpoint.url.removeprefix("http://")
    name = f"presigned-{method}"
    url = client.create_queue(QueueName=name)["QueueUrl"]
    key = AccessKey(endpoint.access_key, endpoint.secret_key)
    signer = client_of_2023(tmp_path, address, key)

    def follow(signed: str) -> tuple[int, ElementTree.Element]:
        request = urllib.request.Request(signed, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, ElementTree.fromstring(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, ElementTree.fromstring(error.read())

    body = "grün & + %"
    message = {"QueueUrl": url, "MessageBody": body}
    signed = signer.generate_presigned_url("send_message", message, HttpMethod=method)
    status, answer = follow(signed)
    assert status == 200
    digest = answer.findtext(f".//{NAMESPACE}MD5OfMessageBody")
    assert digest == hashlib.md5(body.encode()).hexdigest()
    # Whoever has the link may send this message, and no other.
    status, answer = follow(signed.replace("MessageBody=gr", "MessageBody=br"))
    assert status == 403
    assert answer.findtext(f".//{NAMESPACE}Code") == "SignatureDoesNotMatch"
    stranger = client_of_2023(tmp_path, address, AccessKey.generate())
    status, answer = follow(
        stranger.generate_presigned_url("send_message", message, HttpMethod=method)
    )
    assert status == 403
    assert answer.findtext(f".//{NAMESPACE}Code") == "InvalidClientTokenId"
    status, answer = follow(
        signer.generate_presigned_url("receive_message", {"QueueUrl": url}, HttpMethod=method)
    )
    assert (status, answer.findtext(f".//{NAMESPACE}Body")) == (200, body)
    client.delete_queue(QueueUrl=url)
