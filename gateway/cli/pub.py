"""`weir pub`: publish one message; it answers when the message is where it must be."""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
from typing import TYPE_CHECKING

from gateway.cli.client import ControlClient
from gateway.cli.location import add_location_options, control_socket

if TYPE_CHECKING:
    from gateway.cli.commands import Commands

__all__ = ["add_parser", "run"]


def add_parser(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "pub",
        help="publish a message",
        description="Publish one message. The command ends once everything durable that hangs on "
        "the message is on disk.",
        allow_abbrev=False,
    )
    parser.add_argument("topic", metavar="TOPIC", help="the topic name, without wildcards")
    parser.add_argument(
        "payload",
        metavar="PAYLOAD",
        nargs="?",
        default="",
        help="the message; - reads it from the standard input; none publishes an empty one",
    )
    parser.add_argument(
        "--qos", type=int, choices=(0, 1, 2), default=1, help="the quality of service; by default 1"
    )
    add_location_options(parser)
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Publish; return the exit code.

    Raises:
        GatewayError: It could not be published.
    """
    given: str = options.payload
    payload = sys.stdin.buffer.read() if given == "-" else os.fsencode(given)
    answer = ControlClient(control_socket(options)).post(
        "/v1/publish",
        {
            "topic": options.topic,
            "payload": base64.b64encode(payload).decode("ascii"),
            "qos": options.qos,
        },
    )
    if options.json:
        print(json.dumps(answer))
    return 0
