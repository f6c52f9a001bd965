"""Bad requests to SQS over the real socket: AWS's error, nothing of it done, nothing held.

They are signed rightly, for what a signature already refuses is tested with signatures.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.gateway.aws_api.clients.endpoint import Endpoint
from tests.rig.gateway_process import GatewayProcess, resident_bytes

MIB = 1 << 20
# What serving a few bodies of the largest size at once may leave behind: freed, not given back.
GROWTH_BYTES = 48 * MIB
FORM = "application/x-www-form-urlencoded; charset=utf-8"
JSON = "application/x-amz-json-1.0"
MALFORMED = (400, "SerializationException")
INVALID = (400, "InvalidParameterValueException")
NOT_A_FORM = (404, "MalformedQueryString")


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, and the error's name; empty for none."""

    status: int
    error: str


class Victim:
    """The gateway, and the queue that nothing may come into."""

    def __init__(self, gateway: GatewayProcess, endpoint: Endpoint) -> None:
        self.gateway = gateway
        self.sqs = gateway.sqs()
        self.url = self.sqs.create_queue(QueueName="bad-requests")["QueueUrl"]
        self._endpoint = endpoint
        self.host, _, port = endpoint.url.removeprefix("http://").rpartition(":")
        self.port = int(port)

    def head(self, target: str, body: bytes) -> dict[str, str]:
        """Return signed headers: of AWS JSON where an operation is named, else of a form."""
        fields = {"X-Amz-Target": f"AmazonSQS.{target}"} if target else {}
        fields["Content-Type"] = JSON if target else FORM
        request = AWSRequest("POST", f"{self._endpoint.url}/", data=body, headers=fields)
        keys = Credentials(self._endpoint.access_key, self._endpoint.secret_key)
        SigV4Auth(keys, "sqs", self._endpoint.region).add_auth(request)
        return dict(request.headers.items())

    def post(self, target: str, body: bytes) -> Answer:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            try:
                connection.request("POST", "/", body, self.head(target, body))
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before all of it was sent; the answer is there to read
            answer = connection.getresponse()
            return read(answer.status, answer.read())
        finally:
            connection.close()

    def is_untouched(self) -> bool:
        told = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])
        attributes = told["Attributes"]
        counts = [v for k, v in attributes.items() if k.startswith("ApproximateNumber")]
        assert counts == ["0"] * 3, attributes
        assert attributes["VisibilityTimeout"] == "30"
        assert "QueueUrls" not in self.sqs.list_queues(QueueNamePrefix="bad-new")
        return True


def read(status: int, body: bytes) -> Answer:
    if status == 200:
        return Answer(status, "")
    if body.startswith(b"<"):
        return Answer(status, str(ElementTree.fromstring(body).findtext(".//{*}Code")))
    return Answer(status, str(json.loads(body)["__type"]).rpartition("#")[2])


@pytest.fixture(scope="module")
def shared(gateway: GatewayProcess, endpoint: Endpoint) -> Victim:
    return Victim(gateway, endpoint)


@pytest.fixture
def victim(shared: Victim) -> Iterator[Victim]:
    yield shared
    assert shared.is_untouched()


def send(url: str, body: str, **more: Any) -> bytes:
    return json.dumps({"QueueUrl": url, "MessageBody": body, **more}).encode()


def with_number(url: str, number: str) -> bytes:
    return send(url, "x")[:-1] + f',"DelaySeconds":{number}}}'.encode()


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("1" + "0" * 400, MALFORMED),
        ("-" + "9" * 5000, MALFORMED),
        ("1e400", MALFORMED),
        ("1.5", MALFORMED),
        ("NaN", MALFORMED),
        ('"1"', MALFORMED),
        ("true", MALFORMED),
        ("[1]", MALFORMED),
        ("2147483648", MALFORMED),
        ("-1", INVALID),
        ("901", INVALID),
    ],
    ids=lambda value: value[:10] if isinstance(value, str) else value[1],
)
def test_numbers_that_are_none(victim: Victim, number: str, expected: tuple[int, str]) -> None:
    assert victim.post("SendMessage", with_number(victim.url, number)) == Answer(*expected)


DEEP = 100_000


@pytest.mark.parametrize(
    ("deep", "member"),
    [
        ("[" * DEEP + "]" * DEEP, "MessageAttributes"),
        ('{"a":' * DEEP + "1" + "}" * DEEP, "MessageAttributes"),
        ("[" * DEEP + "]" * DEEP, "Unknown"),
        ("[" * DEEP, "MessageAttributes"),
    ],
    ids=["lists", "maps", "in a member that nobody knows", "without an end"],
)
def test_json_that_is_too_deep(victim: Victim, deep: str, member: str) -> None:
    body = send(victim.url, "x")[:-1] + f',"{member}":{deep}}}'.encode()
    assert victim.post("SendMessage", body) == Answer(*MALFORMED)


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1f", "\ufffe", "\uffff"])
@pytest.mark.parametrize("protocol", ["json", "query"])
def test_characters_that_no_message_may_have(victim: Victim, character: str, protocol: str) -> None:
    text = f"a{character}b"
    if protocol == "json":
        answer = victim.post("SendMessage", send(victim.url, text))
    else:
        answer = victim.post("", form("SendMessage", victim.url, MessageBody=text))
    assert answer == Answer(400, "InvalidMessageContents")


@pytest.mark.parametrize("text", [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"])
def test_bytes_that_are_no_utf_8(victim: Victim, text: bytes) -> None:
    body = send(victim.url, "@").replace(b"@", text)
    assert victim.post("SendMessage", body) == Answer(*MALFORMED)
    escaped = quote(text).encode()
    body = form("SendMessage", victim.url, MessageBody="@").replace(b"%40", escaped)
    assert victim.post("", body) == Answer(*NOT_A_FORM)


def test_half_a_surrogate(victim: Victim) -> None:
    body = send(victim.url, "\ud83d")
    assert b"\\ud83d" in body
    assert victim.post("SendMessage", body) == Answer(*MALFORMED)


def form(action: str, url: str = "", **fields: str) -> bytes:
    named = {"Action": action, "Version": "2012-11-05", **fields}
    if url:
        named["QueueUrl"] = url
    return "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in named.items()).encode()


@pytest.mark.parametrize(
    ("number", "error"),
    [
        ("999999999", "InvalidAttributeValue"),  # one attribute, in whatever place
        ("1" + "0" * 30, "MalformedInput"),
        ("9" * 400, "MalformedInput"),
        ("0", "MalformedInput"),
        ("-1", "MalformedInput"),
        ("x", "MalformedInput"),
        ("1e9", "MalformedInput"),
    ],
    ids=lambda value: value[:12],
)
def test_a_list_that_says_it_is_long(victim: Victim, number: str, error: str) -> None:
    fields = {
        f"Attribute.{number}.Name": "VisibilityTimeout",
        f"Attribute.{number}.Value": "43201",
    }
    answer = victim.post("", form("SetQueueAttributes", victim.url, **fields))
    assert answer == Answer(400, error)


def test_more_fields_than_any_request_has(victim: Victim) -> None:
    tags = {f"Tag.{n}.{part}": "x" for n in range(1, 1002) for part in ("Key", "Value")}
    answer = victim.post("", form("CreateQueue", QueueName="bad-new", **tags))
    assert answer == Answer(*NOT_A_FORM)


@pytest.mark.parametrize("protocol", ["json", "query"])
def test_a_body_over_the_limit_is_not_taken(victim: Victim, protocol: str) -> None:
    before = resident_bytes(victim.gateway.pid)
    for _ in range(5):
        if protocol == "json":
            answer = victim.post("SendMessage", send(victim.url, "x" * (16 * MIB)))
        else:
            body = form("SendMessage", victim.url, MessageBody="x" * (16 * MIB))
            answer = victim.post("", body)
        assert answer == Answer(413, "RequestEntityTooLargeException")
    assert resident_bytes(victim.gateway.pid) - before < GROWTH_BYTES


def test_messages_over_the_limit_in_bodies_under_it(victim: Victim) -> None:
    too_large = victim.post("SendMessage", send(victim.url, "x" * (MIB + 1)))
    assert too_large == Answer(*INVALID)
    too_long = victim.post("SendMessageBatch", batch(victim.url, MIB // 2 + 1, 2))
    assert too_long == Answer(400, "BatchRequestTooLong")
    too_many = victim.post("SendMessageBatch", batch(victim.url, 200, 11))
    assert too_many == Answer(400, "TooManyEntriesInBatchRequest")


def batch(url: str, size: int, count: int) -> bytes:
    entries = [{"Id": f"e{n}", "MessageBody": "x" * size} for n in range(count)]
    return json.dumps({"QueueUrl": url, "Entries": entries}).encode()


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.999])
def test_a_request_that_ends_half_way(victim: Victim, kept: float) -> None:
    body = send(victim.url, "x" * 10_000)
    fields = {**victim.head("SendMessage", body), "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    whole = f"POST / HTTP/1.1\r\nHost: {victim.host}:{victim.port}\r\n{lines}\r\n".encode() + body
    with socket.create_connection((victim.host, victim.port), timeout=30) as sock:
        sock.sendall(whole[: int(len(whole) * kept)])
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(4096):  # an error or nothing; then it closes
            pass


def test_requests_that_never_end_hold_no_others_up(victim: Victim) -> None:
    body = send(victim.url, "x")
    fields = {**victim.head("SendMessage", body), "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    head = f"POST / HTTP/1.1\r\nHost: {victim.host}:{victim.port}\r\n{lines}\r\n".encode()
    slow = [socket.create_connection((victim.host, victim.port), timeout=30) for _ in range(50)]
    try:
        for sock in slow:
            sock.sendall(head + body[:-1])
        assert victim.is_untouched()
        # Whoever hurries up at last is served.
        slow[0].sendall(body[-1:])
        assert slow[0].recv(4096).startswith(b"HTTP/1.1 200 ")
        (message,) = victim.sqs.receive_message(QueueUrl=victim.url)["Messages"]
        victim.sqs.delete_message(QueueUrl=victim.url, ReceiptHandle=message["ReceiptHandle"])
    finally:
        for sock in slow:
            sock.close()


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("SendMessage", b'{"QueueUrl":"U","MessageBody":"x","MessageBody":"y"'),
        ("SendMessage", b'{"QueueUrl":["U"],"MessageBody":"x"}'),
        ("SendMessage", b'{"QueueUrl":"U","MessageBody":{"a":"x"}}'),
        ("SendMessage", b'{"QueueUrl":"U","MessageBody":"x","MessageAttributes":[]}'),
        ("SendMessageBatch", b'{"QueueUrl":"U","Entries":{"Id":"a","MessageBody":"x"}}'),
        ("SendMessageBatch", b'{"QueueUrl":"U","Entries":["x"]}'),
        ("SendMessageBatch", b'{"QueueUrl":"U","Entries":[{"Id":1,"MessageBody":"x"}]}'),
        ("CreateQueue", b'{"QueueName":"bad-new","Attributes":{"DelaySeconds":1}}'),
        ("CreateQueue", b'{"QueueName":"bad-new","tags":{"a":"b","b":[]}}'),
        ("SetQueueAttributes", b'{"QueueUrl":"U","Attributes":"VisibilityTimeout=9"}'),
    ],
)
def test_values_of_other_types(victim: Victim, target: str, body: bytes) -> None:
    assert victim.post(target, body.replace(b'"U"', json.dumps(victim.url).encode())) == Answer(
        *MALFORMED
    )
