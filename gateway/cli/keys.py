"""`weir keys`: the keys that messages are encrypted with at rest, in the running gateway.

Owns the command with its actions; `keys_picture` draws what the gateway answers. No secret passes
through here.
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Final, cast

from gateway.cli.action import finish, print_lines, quoted
from gateway.cli.client import ControlClient
from gateway.cli.location import control_socket

if TYPE_CHECKING:
    from gateway.cli.commands import Commands
    from gateway.control.keys import KeyLine, KeyList

__all__ = ["add_parser", "run_change", "run_list"]

_ACTIONS: Final = (
    (
        "create",
        "make a key",
        "Make a key. A queue is encrypted with it once its KmsMasterKeyId is alias/NAME, or the "
        "key's id.",
        "the new key's name",
    ),
    (
        "rotate",
        "give a key a new version",
        "Give a key a new version. New messages use it at once; what is stored is sealed anew in "
        "the background, and after that the old version is dropped.",
        "the key's name or id",
    ),
    (
        "disable",
        "switch a key off",
        "Switch a key off: queues that use it take and give no messages until it is enabled.",
        "the key's name or id",
    ),
    ("enable", "switch a key on again", "Switch a key on again.", "the key's name or id"),
)


def add_parser(commands: Commands) -> None:
    """Add the command with its actions."""
    parser = commands.add_parser(
        "keys",
        help="show and change the keys of encryption at rest",
        description="Show and change the keys that messages are encrypted with at rest.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    every = actions.add_parser(
        "list",
        help="show all keys in a table",
        description="Show every key with its versions, and how the file of keys is protected.",
        allow_abbrev=False,
    )
    finish(every, run_list)
    for word, says, tells, argument in _ACTIONS:
        change = actions.add_parser(word, help=says, description=tells, allow_abbrev=False)
        change.add_argument("name", metavar="NAME", help=argument)
        finish(change, run_change)


def run_list(options: argparse.Namespace) -> int:
    """Show all keys; return the exit code.

    Raises:
        GatewayError: The gateway does not answer.
    """
    document = ControlClient(control_socket(options)).get("/v1/keys")
    if options.json:
        print(json.dumps(document))
        return 0
    from gateway.cli.keys_picture import draw_keys

    print_lines(draw_keys(cast("KeyList", document)))
    return 0


def run_change(options: argparse.Namespace) -> int:
    """Make or change a key; return the exit code.

    Raises:
        GatewayError: The gateway does not answer, or refuses.
    """
    client = ControlClient(control_socket(options))
    document = client.post(f"/v1/keys/{quoted(options.name)}/{options.action}", {})
    if options.json:
        print(json.dumps(document))
        return 0
    from gateway.cli.keys_picture import told

    print(told(options.action, cast("KeyLine", document)))
    return 0
