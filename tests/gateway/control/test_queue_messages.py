"""Sending and receiving over the control socket: the API's own checks, nothing lost on the way."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.client import ControlClient, GatewayRefused
from tests.gateway.control.queue_room import ACCOUNT, QueueRoom


@pytest.fixture
def room(tmp_path: Path) -> Iterator[QueueRoom]:
    with QueueRoom(tmp_path) as running:
        yield running


def post(room: QueueRoom, path: str, **document: object) -> Any:
    return ControlClient(room.socket).post(f"/v1/queues{path}", document)


def refused(room: QueueRoom, path: str, **document: object) -> GatewayRefused:
    with pytest.raises(GatewayRefused) as caught:
        post(room, path, **document)
    return caught.value


def base(data: str | bytes) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def attribute(name: str, data_type: str, value: str | bytes) -> dict[str, str]:
    return {"name": name, "type": data_type, "value": base(value)}


def test_what_is_sent_is_received_with_all_that_was_said(room: QueueRoom) -> None:
    room.queue("q")
    sent = post(
        room,
        "/q/send",
        body=base("grüße\n"),
        attributes=[
            attribute("source", "String", "pump"),
            attribute("celsius", "Number.float", "31.5"),
            attribute("raw", "Binary", b"\x00\xff"),
        ],
    )
    assert sent["sequence_number"] is None
    answer = post(room, "/q/receive", most=10, visibility_timeout_s=7)
    (message,) = answer["messages"]
    assert answer["visible_again_in_s"] == 7
    assert message["MessageId"] == sent["message_id"]
    assert message["Body"] == "grüße\n"
    assert message["MessageAttributes"] == {
        "source": {"DataType": "String", "StringValue": "pump"},
        "celsius": {"DataType": "Number.float", "StringValue": "31.5"},
        "raw": {"DataType": "Binary", "BinaryValue": "AP8="},
    }
    assert message["Attributes"]["SenderId"] == ACCOUNT
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_a_fifo_queue_gives_a_sequence_number_and_keeps_a_message_once(room: QueueRoom) -> None:
    room.queue("q.fifo", FifoQueue="true")
    first = post(room, "/q.fifo/send", body=base("a"), group_id="g", deduplication_id="d")
    again = post(room, "/q.fifo/send", body=base("b"), group_id="g", deduplication_id="d")
    assert first == again
    assert len(first["sequence_number"]) == 20
    (message,) = post(room, "/q.fifo/receive", most=10)["messages"]
    assert message["Attributes"]["MessageGroupId"] == "g"
    assert message["Attributes"]["SequenceNumber"] == first["sequence_number"]


def test_a_delayed_message_is_delayed(room: QueueRoom) -> None:
    queue = room.queue("q")
    post(room, "/q/send", body=base("a"), delay_s=60)
    assert room.depths(queue) == (0, 0, 1)


def test_the_largest_message_there_may_be_fits_whatever_it_is_made_of(room: QueueRoom) -> None:
    queue = room.queue("q")
    body = "ü" * (512 * 1024)
    post(room, "/q/send", body=base(body))
    assert room.bodies(queue) == [body]
    more = [attribute("a", "String", "ü" * (500 * 1024))]
    post(room, "/q/send", body=base("x"), attributes=more)
    error = refused(room, "/q/send", body=base(body + "x"))
    assert "Message must be shorter than 1048576 bytes" in str(error)


@pytest.mark.parametrize(
    ("name", "document", "reason", "hint"),
    [
        ("q", {"body": base("")}, "the parameter MessageBody", "Send at least one character."),
        ("q", {"body": base(b"a\xff")}, "not valid UTF-8 at byte 1", ""),
        ("q", {"body": base("a\x00")}, "Invalid characters found", ""),
        ("q", {"body": base("a"), "delay_s": 901}, "must be >= 0 and <= 900", "--delay"),
        ("q", {"body": base("a"), "deduplication_id": "d"}, "not valid for this queue", "--dedup"),
        ("q", {"body": base("a"), "group_id": "ü"}, "1 to 128 in length", "--group"),
        ("q.fifo", {"body": base("a")}, "the parameter MessageGroupId", "--group"),
        ("q.fifo", {"body": base("a"), "group_id": "g"}, "ContentBasedDedup", "--dedup"),
        (
            "q",
            {"body": base("a"), "attributes": [attribute("a", "Number", "x")]},
            "to a number",
            "--attribute",
        ),
        (
            "q",
            {"body": base("a"), "attributes": [attribute("a..b", "String", "x")]},
            "Invalid message attribute name",
            "--attribute",
        ),
        (
            "q",
            {"body": base("a"), "attributes": [attribute("a", "String", b"\xff")]},
            "'a' is no UTF-8",
            "Give it the type Binary.",
        ),
        (
            "q",
            {"body": base("a"), "attributes": [attribute("a", "String", "x")] * 2},
            "'a' comes twice",
            "Give it once.",
        ),
        ("q", {"body": "ü"}, "the body is no base64", "Send {"),
        ("q", {}, "body is missing", "Send {"),
        ("q", {"body": base("a"), "delay_s": "1"}, "'delay_s' is str, not int", "Send {"),
        ("q", {"body": base("a"), "attributes": [1]}, "of another form", "Send {"),
        ("q", {"body": base("a"), "attributes": [{"name": "a"}]}, "of another form", "Send {"),
        ("q", {"body": base("a"), "more": 1}, "unknown keys more", "Send {"),
    ],
)
def test_what_aws_would_refuse_is_refused_and_nothing_is_kept(
    room: QueueRoom, name: str, document: dict[str, object], reason: str, hint: str
) -> None:
    queue = room.queue(name, **({"FifoQueue": "true"} if "." in name else {}))
    error = refused(room, f"/{name}/send", **document)
    assert error.status == 400
    assert reason in str(error)
    assert hint in error.hint
    assert room.depths(queue) == (0, 0, 0)


def test_a_key_that_is_disabled_gives_and_takes_nothing(room: QueueRoom) -> None:
    room.call(room.bench.keys.create("pump"))
    queue = room.queue("q", KmsMasterKeyId="alias/pump")
    post(room, "/q/send", body=base("a"))
    room.call(room.bench.keys.disable("pump"))
    for path, document in (("/q/send", {"body": base("a")}), ("/q/receive", {})):
        error = refused(room, path, **document)
        assert (error.status, error.hint) == (409, "Run weir keys enable pump")
    room.call(room.bench.keys.enable("pump"))
    assert room.depths(queue) == (1, 0, 0)
    assert post(room, "/q/receive")["messages"][0]["Body"] == "a"


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b""])
def test_a_body_that_is_no_object_is_refused(room: QueueRoom, body: bytes) -> None:
    room.queue("q")
    status, document = raw(room, "/v1/queues/q/send", body)
    assert status == 400
    assert document["error"]["message"].startswith("the body is no JSON")


def raw(room: QueueRoom, path: str, body: bytes) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.connect(str(room.socket))
    connection.request("POST", path, body)
    response = connection.getresponse()
    found = response.status, json.loads(response.read())
    connection.close()
    return found


# --- receiving ------------------------------------------------------------------------------------


def test_received_messages_are_hidden_and_deleted_by_their_handles(room: QueueRoom) -> None:
    queue = room.queue("q", VisibilityTimeout="60")
    room.send(queue, "a", "b", "c")
    answer = post(room, "/q/receive", most=2)
    assert [each["Body"] for each in answer["messages"]] == ["a", "b"]
    assert answer["visible_again_in_s"] == 60
    assert room.depths(queue) == (1, 2, 0)
    handles = [each["ReceiptHandle"] for each in answer["messages"]]
    assert post(room, "/q/delete-messages", receipt_handles=handles) == {"deleted": 2, "failed": []}
    assert room.depths(queue) == (1, 0, 0)
    assert post(room, "/q/receive")["messages"][0]["Body"] == "c"
    assert post(room, "/q/receive", wait_s=0)["messages"] == []


def test_a_fifo_handle_that_has_expired_deletes_nothing(room: QueueRoom) -> None:
    queue = room.queue("q.fifo", FifoQueue="true")
    room.send(queue, "a", group_id="g", deduplication_id="d")
    (message,) = post(room, "/q.fifo/receive", visibility_timeout_s=5)["messages"]
    room.time.advance(6)
    handles = [message["ReceiptHandle"]]
    answer = post(room, "/q.fifo/delete-messages", receipt_handles=handles)
    assert answer["deleted"] == 0
    assert "The receipt handle has expired" in answer["failed"][0]
    assert room.depths(queue) == (1, 0, 0)


@pytest.mark.parametrize("handles", [[], ["a"] * 11, [1], "a"])
def test_what_are_no_handles_is_refused(room: QueueRoom, handles: object) -> None:
    room.queue("q")
    assert refused(room, "/q/delete-messages", receipt_handles=handles).status == 400


def test_a_handle_of_another_queue_is_refused(room: QueueRoom) -> None:
    room.queue("other")
    room.send(room.queue("q"), "a")
    (message,) = post(room, "/q/receive")["messages"]
    error = refused(room, "/other/delete-messages", receipt_handles=[message["ReceiptHandle"]])
    assert "is not a valid receipt handle" in str(error)


@pytest.mark.parametrize(
    ("document", "reason", "hint"),
    [
        ({"most": 0}, "Must be between 1 and 10", "--max"),
        ({"most": 11}, "Must be between 1 and 10", "--max"),
        ({"wait_s": 21}, "Must be >= 0 and <= 20", "--wait"),
        ({"visibility_timeout_s": 43201}, "Must be between 0 and 43200", "--visibility-timeout"),
        ({"most": 1.5}, "'most' is float, not int", "Send {"),
    ],
)
def test_ranges_are_the_apis(
    room: QueueRoom, document: dict[str, object], reason: str, hint: str
) -> None:
    room.send(room.queue("q"), "a")
    error = refused(room, "/q/receive", **document)
    assert (error.status, reason in str(error), hint in error.hint) == (400, True, True)


def test_a_receive_waits_for_the_first_message(room: QueueRoom) -> None:
    queue = room.queue("q")

    async def later() -> Any:
        asked = asyncio.to_thread(post, room, "/q/receive", wait_s=20)
        waiting = asyncio.create_task(asked)
        while not room.bench.metrics.snapshot()["sqs.waiting_receives"]:
            await asyncio.sleep(0)
        queue.send(b"now")
        return await waiting

    assert [each["Body"] for each in room.call(later())["messages"]] == ["now"]


def test_who_hangs_up_while_waiting_has_received_nothing(room: QueueRoom) -> None:
    queue = room.queue("q")
    hung = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    hung.connect(str(room.socket))
    body = b'{"wait_s": 20}'
    head = f"POST /v1/queues/q/receive HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    hung.sendall(head.encode() + body)
    room.until("sqs.waiting_receives", 1)
    hung.close()
    room.until("sqs.waiting_receives", 0)
    room.send(queue, "a")
    assert room.depths(queue) == (1, 0, 0)
    (message,) = post(room, "/q/receive")["messages"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


@pytest.mark.parametrize("undone", [True, False])
def test_an_answer_that_cannot_be_written_undoes_the_receive(room: QueueRoom, undone: bool) -> None:
    """The control: an answer without the undoing leaves the message hidden."""
    from gateway.control.queue_messages import MessageAnswers
    from gateway.http.message import Request, Response

    queue = room.queue("q")
    room.send(queue, "a")

    async def receive() -> Response:
        return await MessageAnswers(room.bench.service).receive(
            Request("POST", "/v1/queues/q/receive", body=b"{}"), "q"
        )

    response = room.call(receive())
    assert room.depths(queue) == (0, 1, 0)
    if undone:

        async def undeliver() -> None:
            response.undelivered()

        room.call(undeliver())
    assert room.depths(queue) == ((1, 0, 0) if undone else (0, 1, 0))


def test_who_has_hung_up_by_the_time_of_the_answer_holds_nothing(room: QueueRoom) -> None:
    from gateway.control.queue_messages import MessageAnswers
    from gateway.http.message import Request

    queue = room.queue("q")
    room.send(queue, "a")
    gone = Request("POST", "/v1/queues/q/receive", body=b"{}", is_gone=lambda: True)
    response = room.call(MessageAnswers(room.bench.service).receive(gone, "q"))
    assert json.loads(response.body)["messages"] == []
    assert room.depths(queue) == (1, 0, 0)
