"""Commands that the finished gateway will have: named, so that nobody searches for them.

Owns the list; each entry goes away when its command comes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gateway.cli.commands import Commands

__all__ = ["ACTIONS", "COMMANDS", "add_parsers", "answer_action"]

COMMANDS: Final = {
    "doctor": "restart the gateway with weir run and read its log; weir check judges the settings",
    "thing": "things come with client certificates",
    "shadow": "device shadows come later",
    "queue": "use the AWS CLI: "
    'eval "$(weir env)"; aws --endpoint-url "$AWS_ENDPOINT_URL" sqs list-queues',
    "user": "passwords come later; listen on loopback meanwhile",
    "reload": "restart the gateway to apply changed settings",
}

_IN_THE_FOLDER: Final = "put rule files into the folder that rules.dir names, and restart"
_IN_THE_STATUS: Final = "weir status counts what each rule matched, with its last failure"
_IN_A_TEST: Final = "weir rule test shows what a rule makes of a message"

# Actions of commands that are there.
ACTIONS: Final = {
    "rule": {
        "list": _IN_THE_STATUS,
        "show": _IN_THE_STATUS,
        "why": _IN_A_TEST,
        "trace": _IN_A_TEST,
        "enable": _IN_THE_FOLDER,
        "disable": _IN_THE_FOLDER,
        "apply": _IN_THE_FOLDER,
    },
}

_EXIT: Final = 2


def add_parsers(commands: Commands) -> None:
    """Add every such command; each takes whatever stands behind it."""
    for name in COMMANDS:
        parser = commands.add_parser(
            name,
            help="not there yet",
            description="This command is not there yet.",
            allow_abbrev=False,
        )
        parser.add_argument("arguments", nargs="*", help=argparse.SUPPRESS)
        parser.set_defaults(run=_answer)


def answer_action(arguments: Sequence[str]) -> int | None:
    """Answer a command whose action is not there yet, whatever stands behind; None for others.

    The argument tree does not know such actions: it knows no options of theirs either.
    """
    name, action = (*arguments[:2], "", "")[:2]
    hint = ACTIONS.get(name, {}).get(action)
    return None if hint is None else _say(f"{name} {action}", hint)


def _answer(options: argparse.Namespace) -> int:
    name: str = options.command
    return _say(name, COMMANDS[name])


def _say(name: str, hint: str) -> int:
    print(f"weir: {name} is not there yet: {hint}.", file=sys.stderr)
    return _EXIT
