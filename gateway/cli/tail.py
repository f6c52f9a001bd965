"""`weir tail`: show what is published, as it happens."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from gateway.cli.client import ControlClient
from gateway.cli.location import add_location_options, control_socket
from gateway.cli.output import harmless, style, wants_colour

if TYPE_CHECKING:
    from gateway.cli.commands import Commands

__all__ = ["add_parser", "line_of", "run"]


def add_parser(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "tail",
        help="show what is published",
        description="Show messages as they are published, until Ctrl-C.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "filter",
        metavar="FILTER",
        nargs="?",
        default="#",
        help="the topic filter, by default # for all topics; quote it for the shell",
    )
    parser.add_argument("--count", type=_positive, metavar="N", help="end after this many messages")
    add_location_options(parser)
    parser.add_argument("--json", action="store_true", help="print each message as a JSON object")
    parser.set_defaults(run=run)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it must be 1 or more")
    return number


def run(options: argparse.Namespace) -> int:
    """Print messages until there were enough, or the gateway stops; return the exit code.

    Raises:
        GatewayError: The gateway does not answer, or refuses the filter.
    """
    try:
        return _follow(options)
    except KeyboardInterrupt:  # how a person ends what goes on for ever
        return 0 if options.count is None else 130


def _follow(options: argparse.Namespace) -> int:
    colour = wants_colour(sys.stdout)
    seen = 0
    lines = ControlClient(control_socket(options)).stream("/v1/tail", filter=options.filter)
    for message in lines:
        if "following" in message:
            print(f"weir: following {harmless(str(message['following']))}", file=sys.stderr)
            continue
        if "dropped" in message:
            print(
                f"weir: {message['dropped']} messages were dropped: the reader is too slow.",
                file=sys.stderr,
            )
            continue
        print(json.dumps(message) if options.json else line_of(message, colour=colour), flush=True)
        seen += 1
        if options.count is not None and seen >= options.count:
            return 0
    print("weir: the gateway stopped.", file=sys.stderr)
    return 0 if options.count is None else 1


def line_of(message: dict[str, object], *, colour: bool) -> str:
    """Return one message as a line for people; bytes that are no text are shown as base64."""
    payload = harmless(str(message["payload"]))
    if message["encoding"] == "base64":
        payload = f"base64:{payload}"
    return f"{style(harmless(str(message['topic'])), 'bold', colour=colour)} {payload}"
