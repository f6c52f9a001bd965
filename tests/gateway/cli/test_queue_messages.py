"""`weir queue send` and `receive`: in a process of their own where signals and pipes matter."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.cli.main import main
from tests.gateway.control.queue_room import ACCOUNT, QueueRoom

Weir = Callable[..., tuple[int, str, str]]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[QueueRoom]:
    with QueueRoom(tmp_path / "data") as running:
        yield running


@pytest.fixture
def weir(room: QueueRoom, capsys: pytest.CaptureFixture[str]) -> Weir:
    def run(*arguments: object) -> tuple[int, str, str]:
        code = main(["queue", *map(str, arguments), "--data-dir", str(room.data_dir)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def command(room: QueueRoom, *arguments: str) -> list[str]:
    return [
        sys.executable, "-m", "gateway.cli.main",
        "queue", *arguments, "--data-dir", str(room.data_dir),
    ]  # fmt: skip


class Stdin:
    """Stands for `sys.stdin` with these bytes in it."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


# --- sending --------------------------------------------------------------------------------------


def test_a_text_is_sent_and_its_id_is_printed(room: QueueRoom, weir: Weir) -> None:
    queue = room.queue("q")
    code, out, err = weir("send", "q", "grüße")
    assert (code, err) == (0, "")
    (message,) = json.loads(weir("receive", "q", "--json")[1])["messages"]
    assert (message["MessageId"], message["Body"]) == (out.strip(), "grüße")
    assert room.depths(queue) == (0, 1, 0)


def test_a_body_comes_from_the_input_or_a_file_as_it_is(
    room: QueueRoom, weir: Weir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = room.queue("q")
    monkeypatch.setattr(sys, "stdin", Stdin(b"from the input\n"))
    assert weir("send", "q", "-")[0] == 0
    file = tmp_path / "body"
    file.write_bytes(b'{"a": 1}\r\n')
    assert weir("send", "q", "--file", file)[0] == 0
    assert room.bodies(queue) == ["from the input\n", '{"a": 1}\r\n']


def test_a_fifo_queues_number_is_printed_too(room: QueueRoom, weir: Weir) -> None:
    room.queue("q.fifo", FifoQueue="true")
    options = ["--group", "pump-1", "--dedup", "d"]
    _, out, _ = weir("send", "q.fifo", "a", *options)
    message_id, number = out.split()
    sent = json.loads(weir("send", "q.fifo", "b", *options, "--json")[1])
    assert sent == {"message_id": message_id, "sequence_number": number}


def test_attributes_and_a_delay(room: QueueRoom, weir: Weir) -> None:
    queue = room.queue("q")
    given = ["source=pump=1:2", "celsius:Number.float=31.5", "raw:Binary=AP8="]
    options = [word for each in given for word in ("--attribute", each)]
    assert weir("send", "q", "a", "--delay", 60, *options)[0] == 0
    assert room.depths(queue) == (0, 0, 1)
    room.time.advance(61)
    (message,) = json.loads(weir("receive", "q", "--json")[1])["messages"]
    assert message["MessageAttributes"] == {
        "source": {"DataType": "String", "StringValue": "pump=1:2"},
        "celsius": {"DataType": "Number.float", "StringValue": "31.5"},
        "raw": {"DataType": "Binary", "BinaryValue": "AP8="},
    }


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "there is nothing to send"),
        (["--file", "/no/such"], "/no/such cannot be read: No such file"),
        (["--file", "/dev/zero"], "/dev/zero is larger than any message may be"),
        (["a", "--attribute", "b"], "--attribute 'b' is no attribute"),
        (["a", "--attribute", "=b"], "--attribute '=b' is no attribute"),
        (["a", "--attribute", "b:Binary=ü"], "the value of 'b' is no base64"),
    ],
)
def test_arguments_that_cannot_be_sent_are_2(
    room: QueueRoom, weir: Weir, arguments: list[str], reason: str
) -> None:
    queue = room.queue("q")
    code, out, err = weir("send", "q", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"weir: {reason}")
    assert room.depths(queue) == (0, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "reason", "hint"),
    [
        ([""], "The request must contain the parameter MessageBody.", "at least one character"),
        (["a\x01"], "Invalid characters found.", ""),
        (["\udcff"], "The message body is not valid UTF-8 at byte 0.", ""),
        (["a", "--delay", "901"], "must be >= 0 and <= 900", "--delay"),
        (["a", "--dedup", "d"], "not valid for this queue type", "--dedup"),
        (["a", "--group", "\udcff"], "1 to 128 in length", "--group"),
        (["a", "--attribute", "b:Strange=c"], "supported type prefixes", "--attribute"),
    ],
)
def test_what_the_gateway_refuses_is_told_with_the_option(
    room: QueueRoom, weir: Weir, arguments: list[str], reason: str, hint: str
) -> None:
    room.queue("q")
    code, out, err = weir("send", "q", *arguments)
    assert (code, out) == (1, "")
    assert reason in err and hint in err


# --- receiving ------------------------------------------------------------------------------------


def test_messages_are_printed_with_what_is_known_of_them(room: QueueRoom, weir: Weir) -> None:
    alarms, _ = room.with_dead_letters("alarms.fifo", "dead.fifo")
    weir("send", "alarms.fifo", '{"a":1}', "--group", "g", "--dedup", "d", "--attribute", "by=me")
    room.time.advance(5)
    assert weir("receive", "alarms.fifo", "--visibility-timeout", 0)[0] == 0
    assert weir("receive", "alarms.fifo")[1] == "no messages\n"
    code, out, err = weir("receive", "dead.fifo", "--max", 10, "--visibility-timeout", 7)
    assert (code, err) == (0, "")
    number = alarms.sequence_number(alarms.record.number << 40 | 1)
    assert number is not None
    assert out.splitlines()[1:] == [
        f"  sent            2027-01-15 08:00:00 UTC by {ACCOUNT}",
        "  received        2 times, first at 2027-01-15 08:00:05 UTC",
        "  group           g",
        "  deduplication   d",
        f"  sequence        {number}",
        "  dead letter of  alarms.fifo",
        "  attribute       by  String  me",
        "",
        '  {"a":1}',
        "",
        "1 message, visible again in 7 s",
    ]


def test_json_is_one_document(room: QueueRoom, weir: Weir) -> None:
    queue = room.queue("q")
    room.send(queue, "a\x85b", "c")
    answer = json.loads(weir("receive", "q", "--max", 2, "--json")[1])
    assert [message["Body"] for message in answer["messages"]] == ["a\x85b", "c"]
    assert answer["visible_again_in_s"] == 30
    empty = json.loads(weir("receive", "q", "--json")[1])
    assert empty == {"messages": [], "visible_again_in_s": 30}


def test_deleted_messages_are_gone(room: QueueRoom, weir: Weir) -> None:
    queue = room.queue("q")
    room.send(queue, "a", "b", "c")
    code, out, _ = weir("receive", "q", "--max", 2, "--delete")
    assert (code, out.splitlines()[-1]) == (0, "2 messages, deleted now")
    assert room.depths(queue) == (1, 0, 0)
    assert weir("receive", "q", "--delete", "--json")[0] == 0
    assert room.depths(queue) == (0, 0, 0)
    assert weir("receive", "q", "--delete") == (0, "no messages\n", "")


def test_a_fifo_message_that_came_back_meanwhile_is_not_deleted(
    room: QueueRoom, weir: Weir
) -> None:
    queue = room.queue("q.fifo", FifoQueue="true")
    room.send(queue, "a", group_id="g", deduplication_id="d")
    code, _, err = weir("receive", "q.fifo", "--visibility-timeout", 0, "--delete")
    assert code == 1
    assert err.startswith("weir: a message was not deleted: ")
    assert room.depths(queue) == (1, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--max", 11], "Must be between 1 and 10"),
        (["--wait", 21], "Must be >= 0 and <= 20"),
        (["--visibility-timeout", -1], "Must be between 0 and 43200"),
    ],
)
def test_ranges_are_the_apis(
    room: QueueRoom, weir: Weir, arguments: list[object], reason: str
) -> None:
    room.queue("q")
    code, _, err = weir("receive", "q", *arguments)
    assert (code, reason in err, str(arguments[0]) in err) == (1, True, True)


def test_what_a_terminal_could_act_on_is_shown_escaped(room: QueueRoom, weir: Weir) -> None:
    room.send(room.queue("q"), "a\x9b\u202e\r\nb\tc")
    _, out, _ = weir("receive", "q")
    assert "\n  a\\x9b\\u202e\\r\n  b\\tc\n" in out


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_who_is_ended_while_waiting_has_received_nothing(
    room: QueueRoom, sign: signal.Signals
) -> None:
    queue = room.queue("q")
    waiting = subprocess.Popen(command(room, "receive", "q", "--wait", "20"))
    room.until("sqs.waiting_receives", 1)
    waiting.send_signal(sign)
    assert waiting.wait(20) == (130 if sign == signal.SIGINT else -sign)
    room.until("sqs.waiting_receives", 0)
    room.send(queue, "a")
    assert room.depths(queue) == (1, 0, 0)
    assert room.bodies(queue) == ["a"]


@pytest.mark.parametrize("as_json", [False, True])
def test_what_could_not_be_printed_is_not_deleted(room: QueueRoom, as_json: bool) -> None:
    """The control is `test_deleted_messages_are_gone`: with a reader, the same command deletes."""
    queue = room.queue("q")
    room.send(queue, "a")
    reader, writer = os.pipe()
    os.close(reader)
    options = ["--delete", *(["--json"] if as_json else [])]
    try:
        done = subprocess.run(
            command(room, "receive", "q", *options),
            stdout=writer, stderr=subprocess.PIPE, timeout=20, check=False,
        )  # fmt: skip
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")
    assert room.depths(queue) == (0, 1, 0)


def test_on_a_terminal_json_is_laid_out_and_the_rest_is_coloured(room: QueueRoom) -> None:
    room.send(room.queue("q"), '{"a":10.0,"b":[],"c":[1,{}]}')
    master, terminal = pty.openpty()
    try:
        done = subprocess.run(
            command(room, "receive", "q"),
            stdout=terminal, timeout=20, check=True, env={**os.environ, "TERM": "xterm"},
        )  # fmt: skip
        assert done.returncode == 0
        out = os.read(master, 65536).decode().replace("\r\n", "\n")
    finally:
        os.close(terminal)
        os.close(master)
    assert "\x1b[1m" in out
    assert (
        '\n  {\n    "a": 10.0,\n    "b": [],\n    "c": [\n      1,\n      {}\n    ]\n  }\n' in out
    )
