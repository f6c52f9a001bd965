"""`weir queue send` and `weir queue receive`: messages by hand.

Owns these commands: where a body comes from, and that a received message is deleted only once it
has been printed. What a message may be is judged by the gateway.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from gateway.cli.action import UNBROKEN, finish, print_lines
from gateway.cli.client import TIMEOUT_S, ControlClient
from gateway.cli.location import control_socket
from gateway.cli.output import harmless, sentence
from gateway.cli.queue_action import add_action, endpoint
from gateway.errors import SettingsError

if TYPE_CHECKING:
    from gateway.cli.commands import Commands
    from gateway.control.queue_documents import DeletedMessages, ReceivedMessages, SentMessage

__all__ = ["add_parsers", "run_receive", "run_send"]

# The gateway refuses less than this already; it only keeps a wrong file from being read whole.
_MAX_READ_BYTES: Final = 1024 * 1024 + 1

# The longest that a receive waits.
_MAX_WAIT_S: Final = 20

_EXIT_FAILED: Final = 1


def add_parsers(actions: Commands) -> None:
    """Add them to the actions of `weir queue`."""
    send = add_action(
        actions,
        "send",
        "send a message",
        "Send one message. The command ends once it is on disk, and prints the message id, and of "
        "a FIFO queue the sequence number.",
    )
    body = send.add_mutually_exclusive_group()
    body.add_argument(
        "text", metavar="TEXT", nargs="?", help="the body; - reads it from the standard input"
    )
    body.add_argument("--file", metavar="FILE", help="a file with the body")
    send.add_argument(
        "--delay", type=int, metavar="S", help="hide it for so many seconds; standard queues only"
    )
    send.add_argument(
        "--attribute",
        action="append",
        default=[],
        metavar="NAME[:TYPE]=VALUE",
        help="a message attribute, any number of times; the type is String, Number or Binary with "
        "or without a label, String by default; of Binary the value is base64",
    )
    send.add_argument("--group", metavar="ID", help="the message group id")
    send.add_argument("--dedup", metavar="ID", help="the deduplication id; FIFO queues only")
    finish(send, run_send)
    receive = add_action(
        actions,
        "receive",
        "receive messages",
        "Receive messages and print them with all their attributes. They are hidden from others "
        "for the visibility timeout and come back after it, unless --delete is given. Ctrl-C "
        "while it waits undoes the receive.",
    )
    receive.add_argument("--max", type=int, metavar="N", help="at most so many, 1 (default) to 10")
    receive.add_argument(
        "--wait",
        type=int,
        metavar="S",
        help="wait so many seconds for the first, 0 to 20; by default what the queue says",
    )
    receive.add_argument(
        "--visibility-timeout",
        type=int,
        metavar="S",
        help="hide them for so many seconds; by default what the queue says",
    )
    receive.add_argument(
        "--delete", action="store_true", help="delete them once they have been printed"
    )
    finish(receive, run_receive)


def run_send(options: argparse.Namespace) -> int:
    """Send one message; return the exit code.

    Raises:
        SettingsError: There is no body, or an argument is of another form.
        GatewayError: The gateway does not answer, or refuses.
    """
    document: dict[str, object] = {
        "body": _base64(_body(options)),
        "delay_s": options.delay,
        "attributes": [_attribute(given) for given in options.attribute],
        "group_id": None if options.group is None else _text(options.group),
        "deduplication_id": None if options.dedup is None else _text(options.dedup),
    }
    client = ControlClient(control_socket(options))
    answer = client.post(endpoint(options.name, "send"), document)
    if options.json:
        print(json.dumps(answer))
        return 0
    sent = cast("SentMessage", answer)
    number = sent["sequence_number"]
    print(sent["message_id"] if number is None else f"{sent['message_id']}  {number}")
    return 0


def run_receive(options: argparse.Namespace) -> int:
    """Receive messages; return the exit code.

    Raises:
        GatewayError: The gateway does not answer, or refuses.
    """
    client = ControlClient(control_socket(options), timeout_s=TIMEOUT_S + _MAX_WAIT_S)
    asked: dict[str, object] = {
        "most": options.max,
        "wait_s": options.wait,
        "visibility_timeout_s": options.visibility_timeout,
    }
    answer = client.post(endpoint(options.name, "receive"), asked)
    received = cast("ReceivedMessages", answer)
    if options.json:
        print(json.dumps(answer))
    else:
        _show(received, deleted=options.delete)
    if not options.delete or not received["messages"]:
        return 0
    sys.stdout.flush()  # who reads this may have gone; then nothing is deleted
    handles = [message["ReceiptHandle"] for message in received["messages"]]
    return _delete(client, options.name, handles)


def _show(received: ReceivedMessages, *, deleted: bool) -> None:
    from gateway.cli.queue_message_picture import draw_body, draw_message, told

    on_terminal = sys.stdout.isatty()
    for message in received["messages"]:
        print_lines(draw_message(message))
        print_lines(draw_body(message, pretty=on_terminal), width=UNBROKEN)
    print_lines(told(received, deleted=deleted))


def _delete(client: ControlClient, name: str, handles: Sequence[object]) -> int:
    answer = client.post(endpoint(name, "delete-messages"), {"receipt_handles": list(handles)})
    failed = cast("DeletedMessages", answer)["failed"]
    for problem in failed:
        print(f"weir: a message was not deleted: {harmless(sentence(problem))}", file=sys.stderr)
    return _EXIT_FAILED if failed else 0


def _body(options: argparse.Namespace) -> bytes:
    if options.file is not None:
        try:
            with Path(options.file).open("rb") as file:
                return _read(file, options.file)
        except OSError as error:
            raise SettingsError(f"{options.file} cannot be read: {error.strerror}") from None
    if options.text is None:
        raise SettingsError(
            "there is nothing to send", hint="give the text, - for the standard input, or --file"
        )
    text: str = options.text
    return _read(sys.stdin.buffer, "the input") if text == "-" else os.fsencode(text)


def _read(file: BinaryIO, what: str) -> bytes:
    data = file.read(_MAX_READ_BYTES)
    if len(data) == _MAX_READ_BYTES:
        raise SettingsError(
            f"{what} is larger than any message may be", hint="a message has 1 MiB at most"
        )
    return data


def _attribute(given: str) -> dict[str, str]:
    head, equals, value = given.partition("=")
    name, _, data_type = head.partition(":")
    if not equals or not name:
        raise SettingsError(
            f"--attribute {given[:80]!r} is no attribute",
            hint="write NAME=VALUE, or NAME:TYPE=VALUE",
        )
    data_type = data_type or "String"
    data = os.fsencode(value)
    if data_type.partition(".")[0] == "Binary":
        try:
            data = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise SettingsError(
                f"the value of {name[:80]!r} is no base64", hint="a Binary attribute's value is"
            ) from None
    return {"name": _text(name), "type": _text(data_type), "value": _base64(data)}


def _text(argument: str) -> str:
    # An argument may hold what is no UTF-8; the gateway says that it is not allowed.
    return os.fsencode(argument).decode("utf-8", "replace")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
