"""`weir queue`: the command, and its actions that only look: `list` and `show`.

Owns these two; `queue_picture` draws what the gateway answers. Sending and receiving is
`queue_messages`' business, emptying a queue `queue_changes`'.
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, cast

from gateway.cli import queue_changes, queue_messages
from gateway.cli.action import UNBROKEN, finish, print_lines
from gateway.cli.client import ControlClient
from gateway.cli.location import control_socket
from gateway.cli.queue_action import add_action, endpoint

if TYPE_CHECKING:
    from gateway.cli.commands import Commands
    from gateway.control.queue_documents import QueueList, ShownQueue

__all__ = ["add_parser", "run_list", "run_show"]


def add_parser(commands: Commands) -> None:
    """Add the command with its actions."""
    parser = commands.add_parser(
        "queue",
        help="show queues, send to them, receive from them, empty them",
        description="Do by hand what AWS's API does with the queues of the running gateway.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    every = actions.add_parser(
        "list",
        help="show all queues in a table",
        description="Show every queue with what it holds, the age of its oldest message, and where "
        "its dead letters go.",
        allow_abbrev=False,
    )
    finish(every, run_list)
    one = add_action(
        actions,
        "show",
        "show one queue in full",
        "Show one queue: what it holds, what it has been told, whose dead letters it takes and "
        "where its own go, its tags, and what is being moved out of it.",
    )
    finish(one, run_show)
    queue_messages.add_parsers(actions)
    queue_changes.add_parsers(actions)


def run_list(options: argparse.Namespace) -> int:
    """Show all queues; return the exit code.

    Raises:
        GatewayError: The gateway does not answer.
    """
    document = ControlClient(control_socket(options)).get("/v1/queues")
    if options.json:
        print(json.dumps(document))
        return 0
    from gateway.cli.queue_picture import draw_queues

    print_lines(draw_queues(cast("QueueList", document)))
    return 0


def run_show(options: argparse.Namespace) -> int:
    """Show one queue; return the exit code.

    Raises:
        GatewayError: The gateway does not answer, or has no such queue.
    """
    document = ControlClient(control_socket(options)).get(endpoint(options.name))
    if options.json:
        print(json.dumps(document))
        return 0
    from gateway.cli.queue_picture import draw_policy, draw_queue

    shown = cast("ShownQueue", document)
    print_lines(draw_queue(shown))
    print_lines(draw_policy(shown), width=UNBROKEN)
    return 0
