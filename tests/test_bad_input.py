"""Bad input at a running gateway: its protocol's own error, and no harm to anybody else.

All through the module a neighbour publishes at QoS 1 on one connection and listens on another.
After every test it must have got on, and at the end every message must have been acknowledged,
delivered and queued exactly once.
"""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from gateway.mqtt.packets import Subscribe, encode_subscribe
from tests.rig.gateway_process import DEFAULT_RULE, GatewayProcess, drain
from tests.rig.neighbour import PATIENCE_S, TOPIC, Client, Neighbour
from tests.rig.wire_client import PINGREQ, PINGRESP

MAX_PACKET_BYTES = 100_000
TO_NOWHERE = {
    "ruleName": "to_nowhere",
    "topicRulePayload": {
        "sql": "SELECT * FROM 'nowhere/#'",
        "actions": [
            {"sqs": {"queueUrl": "not_there", "roleArn": "arn:aws:iam::000000000000:role/any"}}
        ],
    },
}


class Site:
    """The gateway, its neighbour, and what a badly behaved client needs."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self.gateway = gateway
        self.port = gateway.mqtt_port
        self.endpoint = gateway.aws_endpoint
        self.sqs = gateway.sqs()
        self.url = self.sqs.get_queue_url(QueueName="readings")["QueueUrl"]
        self._credentials = gateway.credentials()

    def count(self, name: str) -> int:
        return int(self.gateway.status()["metrics"].get(name, 0))

    def post(
        self,
        target: str,
        body: bytes,
        *,
        secret: str | None = None,
        key: str | None = None,
        changed_body: bytes | None = None,
    ) -> tuple[int, str, dict[str, Any]]:
        """Post a signed request; return status, `x-amzn-query-error`, and the answer."""
        known = self._credentials
        signed = AWSRequest(
            "POST",
            self.endpoint + "/",
            data=body,
            headers={
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Target": f"AmazonSQS.{target}",
            },
        )
        credentials = Credentials(
            key or known["AWS_ACCESS_KEY_ID"], secret or known["AWS_SECRET_ACCESS_KEY"]
        )
        SigV4Auth(credentials, "sqs", known["AWS_REGION"]).add_auth(signed)
        request = urllib.request.Request(
            signed.url,
            data=body if changed_body is None else changed_body,
            headers=dict(signed.headers.items()),
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, "", json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                query_error = error.headers.get("x-amzn-query-error", "")
                return error.code, query_error, json.loads(error.read())


# One gateway for all of them: they are about what it does to the neighbour meanwhile.
pytestmark = pytest.mark.xdist_group("bad-input")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Neighbour]]:
    folder: Path = tmp_path_factory.mktemp("site")
    gateway = GatewayProcess(
        folder,
        rules=[DEFAULT_RULE, TO_NOWHERE],
        extra=f'[mqtt]\nmax_packet_bytes = {MAX_PACKET_BYTES}\n[[sqs.queues]]\nname = "other"\n',
    )
    with gateway:
        here = Site(gateway)
        neighbour = Neighbour(here.port)
        try:
            yield here, neighbour
        finally:
            published = neighbour.finish()
        # Whatever the tests did: acknowledged, delivered and queued, each exactly once.
        assert published, "the neighbour published nothing: nothing was shown"
        assert neighbour.delivered == Counter(published)
        assert Counter(drain(here.sqs)) == Counter(payload.decode() for payload in published)
        assert gateway.stop() == 0
        log = gateway.log.read_text()
        assert "Traceback" not in log
        assert gateway_secret(gateway) not in log


def gateway_secret(gateway: GatewayProcess) -> str:
    """The secret key, from the file that only the gateway's user may read."""
    file = gateway.data_dir / "credentials.json"
    assert file.stat().st_mode & 0o777 == 0o600
    return str(json.loads(file.read_text())["access_keys"][0]["secret_access_key"])


@pytest.fixture
def site(shared: tuple[Site, Neighbour]) -> Iterator[Site]:
    """The running gateway; its neighbour and a queue of its own must work after the test, too."""
    here, neighbour = shared
    neighbour.gets_on()
    yield here
    neighbour.gets_on()
    url = here.sqs.get_queue_url(QueueName="other")["QueueUrl"]
    here.sqs.send_message(QueueUrl=url, MessageBody="still here")
    assert drain(here.sqs, "other") == ["still here"]


def closed_by(site: Site, packet: bytes, cause: str) -> None:
    """Send a packet in the midst of good ones: it closes this connection, and is counted."""
    counted = site.count(f"mqtt.protocol_errors.{cause}")
    client = Client(site.port, "bad")
    try:
        client.sock.sendall(PINGREQ + packet + PINGREQ)
        # MQTT 3.1.1 has no words for it: the connection closes, and nothing behind it is answered.
        assert client.last_words() in (PINGRESP, b"")
    finally:
        client.close()
    assert site.count(f"mqtt.protocol_errors.{cause}") == counted + 1


def qos1(topic: str, payload: bytes = b"bad") -> bytes:
    """A PUBLISH as it stands on the wire, however wrong its topic."""
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + b"\0\7" + payload
    length, size = bytearray(), len(body)
    while True:
        length.append(size & 0x7F | (0x80 if size > 0x7F else 0))
        size >>= 7
        if not size:
            return b"\x32" + bytes(length) + body


def subscribe(topic_filter: bytes, qos: int = 1) -> bytes:
    """A SUBSCRIBE as it stands on the wire, however wrong its filter."""
    body = b"\0\7" + len(topic_filter).to_bytes(2, "big") + topic_filter + bytes((qos,))
    return b"\x82" + bytes((len(body),)) + body


# --- MQTT -----------------------------------------------------------------------------------------


def test_a_publish_over_the_size_limit(site: Site) -> None:
    head = len(qos1(TOPIC, b"")) + 2  # its length field has two bytes more then
    fits = qos1("elsewhere/x", b"x" * (MAX_PACKET_BYTES - len(qos1("elsewhere/x", b"")) - 2))
    assert len(fits) == MAX_PACKET_BYTES
    client = Client(site.port, "large")
    client.sock.sendall(fits)
    assert client.read(4) == b"\x40\x02\0\7", "a packet of exactly the limit was refused"
    client.close()
    closed_by(site, qos1(TOPIC, b"x" * (MAX_PACKET_BYTES - head + 1)), "packet-too-large")


def test_a_size_that_is_only_announced_costs_nothing(site: Site) -> None:
    closed_by(site, b"\x32\xff\xff\xff\x7f", "packet-too-large")


@pytest.mark.parametrize("topic", ["bench/+", "bench/#", "#", "bench/a+b"])
def test_a_topic_with_wildcards(site: Site, topic: str) -> None:
    closed_by(site, qos1(topic), "topic-wildcard")


@pytest.mark.parametrize(
    ("topic_filter", "cause"),
    [
        (b"bench/#/x", "filter-wildcard"),
        (b"bench/a+", "filter-wildcard"),
        (b"b#", "filter-wildcard"),
        (b"", "filter-empty"),
        (b"bench/\0", "string-null"),
    ],
)
def test_a_subscription_to_nonsense(site: Site, topic_filter: bytes, cause: str) -> None:
    closed_by(site, subscribe(topic_filter), cause)


def test_a_filter_that_is_too_deep_is_refused_in_the_suback(site: Site) -> None:
    client = Client(site.port, "deep")
    client.sock.sendall(encode_subscribe(Subscribe(7, (("/" * 1000, 1), (TOPIC, 1)))))
    assert client.read(6) == b"\x90\x04\0\7\x80\1"
    client.close()


def test_a_rule_whose_queue_does_not_exist(site: Site) -> None:
    def status() -> dict[str, Any]:
        return next(r for r in site.gateway.status()["rules"] if r["name"] == "to_nowhere")

    failed = status()["failed"]
    client = Client(site.port, "to-nowhere")
    client.sock.sendall(qos1("nowhere/x"))
    assert client.read(4) == b"\x40\x02\0\7", "a rule's failure is not the publisher's"
    client.close()
    assert status()["failed"] == failed + 1
    assert "there is no queue 'not_there'" in status()["problem"]


# --- AWS ------------------------------------------------------------------------------------------


def test_an_unknown_operation(site: Site) -> None:
    status, query_error, answer = site.post("MakeCoffee", b"{}")
    assert (status, query_error) == (400, "InvalidAction;Sender")
    assert answer["__type"].endswith("#UnknownOperationException")
    assert "MakeCoffee" in answer["message"]


def test_an_operation_that_is_aws_s_but_not_served_yet(site: Site) -> None:
    status, _, answer = site.post("ListQueueTags", json.dumps({"QueueUrl": site.url}).encode())
    assert status == 400
    assert answer["__type"].endswith("UnsupportedOperation")


@pytest.mark.parametrize(
    ("wrong", "kind", "query_code"),
    [
        ({"secret": "w" * 40}, "InvalidSignatureException", "SignatureDoesNotMatch"),
        ({"key": "AKIA" + "A" * 16}, "UnrecognizedClientException", "InvalidClientTokenId"),
        ({"changed_body": b'{"x": 1}'}, "InvalidSignatureException", "SignatureDoesNotMatch"),
    ],
    ids=["another secret", "an unknown key", "another body"],
)
def test_a_wrong_signature(site: Site, wrong: dict[str, Any], kind: str, query_code: str) -> None:
    unauthenticated = site.count("aws.requests.unauthenticated")
    status, query_error, answer = site.post("ListQueues", b"{}", **wrong)
    assert (status, query_error) == (403, f"{query_code};Sender")
    assert answer["__type"].rpartition("#")[2] == kind
    assert site.count("aws.requests.unauthenticated") == unauthenticated + 1


def test_no_signature_at_all(site: Site) -> None:
    request = urllib.request.Request(
        site.endpoint, data=b"{}", headers={"X-Amz-Target": "AmazonSQS.ListQueues"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=PATIENCE_S)
    assert refused.value.code == 403
    refused.value.close()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_cannot_be_parsed(site: Site, body: bytes) -> None:
    status, query_error, answer = site.post("SendMessage", body)
    assert (status, query_error) == (400, "MalformedInput;Sender")
    assert answer["__type"].endswith("#SerializationException")


def test_bytes_that_are_no_http(site: Site) -> None:
    host, _, port = site.endpoint.rpartition("//")[2].rpartition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as sock:
        sock.sendall(b"\x10\x0c\0\4MQTT\4\2\0\0\0\0\r\n\r\n")
        answer = b""
        while more := sock.recv(4096):
            answer += more
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))


def test_a_queue_that_does_not_exist(site: Site) -> None:
    for call in (
        lambda: site.sqs.get_queue_url(QueueName="not_there"),
        lambda: site.sqs.send_message(QueueUrl=site.url + "-not", MessageBody="x"),
        lambda: site.sqs.receive_message(QueueUrl=site.url + "-not", WaitTimeSeconds=20),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        error = refused.value.response["Error"]
        assert error["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
        assert isinstance(refused.value, site.sqs.exceptions.QueueDoesNotExist)
