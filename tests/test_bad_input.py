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

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from gateway.mqtt.encoding import encode_disconnect, encode_subscribe
from gateway.mqtt.packets import Disconnect, Subscribe, SubscriptionRequest
from gateway.mqtt.wire import encode_variable_byte_integer
from tests.rig.gateway_process import DEFAULT_RULE, GatewayProcess, drain
from tests.rig.mqtt_bench import PINGREQ, PINGRESP
from tests.rig.neighbour import PATIENCE_S, TOPIC, Client, Neighbour

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


def closed_by(site: Site, level: int, packet: bytes, cause: str, reason_code: int) -> None:
    """Send a packet in the midst of good ones: it closes this connection, and is counted."""
    counted = site.count(f"mqtt.protocol_errors.{cause}")
    client = Client(site.port, "bad", level)
    # MQTT 3.1.1 has no words for it; nothing behind it is answered.
    farewell = encode_disconnect(Disconnect(reason_code), 5) if level == 5 else b""
    try:
        client.sock.sendall(PINGREQ + packet + PINGREQ)
        # A close that meets unread bytes may take the last words with it.
        assert client.last_words() in (PINGRESP + farewell, b"")
    finally:
        client.close()
    assert site.count(f"mqtt.protocol_errors.{cause}") == counted + 1


def publish(level: int, topic: str, payload: bytes = b"bad", qos: int = 1) -> bytes:
    """A PUBLISH as it stands on the wire, however wrong its topic."""
    name = topic.encode()
    properties = b"\0" if level == 5 else b""
    body = len(name).to_bytes(2, "big") + name + b"\0\7" + properties + payload
    return bytes((0x30 | qos << 1,)) + encode_variable_byte_integer(len(body)) + body


def subscribe(level: int, topic_filter: bytes, qos: int = 1) -> bytes:
    """A SUBSCRIBE as it stands on the wire, however wrong its filter."""
    properties = b"\0" if level == 5 else b""
    body = b"\0\7" + properties + len(topic_filter).to_bytes(2, "big") + topic_filter
    return b"\x82" + bytes((len(body) + 1,)) + body + bytes((qos,))


# --- MQTT -----------------------------------------------------------------------------------------

BOTH = pytest.mark.parametrize("level", [4, 5])


@BOTH
def test_a_publish_over_the_size_limit(site: Site, level: int) -> None:
    head = len(publish(level, "elsewhere/x", b"")) + 2  # its length takes two bytes more then
    fits = publish(level, "elsewhere/x", b"x" * (MAX_PACKET_BYTES - head))
    assert len(fits) == MAX_PACKET_BYTES
    client = Client(site.port, "large", level)
    client.sock.sendall(fits)
    assert client.read(4) == b"\x40\x02\0\7", "a packet of exactly the limit was refused"
    client.close()
    larger = publish(level, "elsewhere/x", b"x" * (MAX_PACKET_BYTES - head + 1))
    closed_by(site, level, larger, "packet-too-large", 0x95)


@BOTH
def test_a_size_that_is_only_announced_costs_nothing(site: Site, level: int) -> None:
    closed_by(site, level, b"\x32\xff\xff\xff\x7f", "packet-too-large", 0x95)


@BOTH
@pytest.mark.parametrize("topic", ["bench/+", "bench/#", "#", "bench/a+b"])
def test_a_topic_with_wildcards(site: Site, level: int, topic: str) -> None:
    closed_by(site, level, publish(level, topic), "topic-wildcard", 0x90)


@BOTH
@pytest.mark.parametrize(
    ("topic_filter", "cause", "reason_code"),
    [
        (b"bench/#/x", "filter-wildcard", 0x8F),
        (b"bench/a+", "filter-wildcard", 0x8F),
        (b"b#", "filter-wildcard", 0x8F),
        (b"", "filter-empty", 0x8F),
        (b"bench/\0", "string-null", 0x81),
    ],
)
def test_a_subscription_to_nonsense(
    site: Site, level: int, topic_filter: bytes, cause: str, reason_code: int
) -> None:
    closed_by(site, level, subscribe(level, topic_filter), cause, reason_code)


@pytest.mark.parametrize(("level", "refused"), [(4, b"\x80"), (5, b"\x8f")])
def test_a_filter_that_is_too_deep_is_refused_in_the_suback(
    site: Site, level: int, refused: bytes
) -> None:
    client = Client(site.port, "deep", level)
    requests = (SubscriptionRequest("/" * 1000, 1), SubscriptionRequest(TOPIC, 1))
    client.sock.sendall(encode_subscribe(Subscribe(7, requests), level))
    head = b"\x90\x04\0\7" if level == 4 else b"\x90\x05\0\7\0"
    assert client.read(len(head) + 2) == head + refused + b"\1"
    client.close()


def test_a_topic_alias_that_stands_for_nothing(site: Site) -> None:
    closed_by(site, 5, b"\x30\x06\0\0\x03\x23\0\1", "topic-alias-unknown", 0x82)


def test_more_unfinished_qos_2_messages_than_the_receive_maximum(site: Site) -> None:
    counted = site.count("mqtt.protocol_errors.receive-maximum")
    client = Client(site.port, "greedy", 5)
    packet = bytearray(publish(5, "elsewhere/x", qos=2))
    at = packet.index(b"\0\7", 2)
    for number in range(1, 102):
        packet[at : at + 2] = number.to_bytes(2, "big")
        client.sock.sendall(packet)
    said = client.last_words()
    client.close()
    assert said[: 4 * 100] == b"".join(
        b"\x50\x02" + number.to_bytes(2, "big") for number in range(1, 101)
    )
    assert said[400:] == encode_disconnect(Disconnect(0x93), 5)
    assert site.count("mqtt.protocol_errors.receive-maximum") == counted + 1


@pytest.mark.parametrize(("level", "answer"), [(4, "40020007"), (5, "4003000787")])
@pytest.mark.parametrize("topic", ["$SYS/broker/uptime", "$aws/events/presence/connected/x"])
def test_a_publish_to_what_only_the_gateway_publishes(
    site: Site, level: int, answer: str, topic: str
) -> None:
    refused = site.count("mqtt.publish.not_authorized")
    client = Client(site.port, "impostor", level)
    client.sock.sendall(publish(level, topic))
    assert client.read(len(answer) // 2) == bytes.fromhex(answer)
    client.close()
    assert site.count("mqtt.publish.not_authorized") == refused + 1


def test_a_rule_whose_queue_does_not_exist(site: Site) -> None:
    def status() -> dict[str, Any]:
        return next(r for r in site.gateway.status()["rules"] if r["name"] == "to_nowhere")

    failed = status()["failed"]
    client = Client(site.port, "to-nowhere")
    client.sock.sendall(publish(4, "nowhere/x"))
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
    known = site.gateway.credentials()
    sts = boto3.client(
        "sts",
        endpoint_url=site.endpoint,
        region_name=known["AWS_REGION"],
        aws_access_key_id=known["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=known["AWS_SECRET_ACCESS_KEY"],
    )
    with pytest.raises(ClientError) as refused:
        sts.get_session_token()
    sts.close()
    error = refused.value.response["Error"]
    assert error["Code"] == "UnsupportedOperation"
    assert "GetSessionToken" in error["Message"]


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
