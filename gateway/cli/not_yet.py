"""Commands that the finished gateway will have: named, so that nobody searches for them.

Owns the list; each entry goes away when its command comes.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gateway.cli.commands import Commands

__all__ = ["COMMANDS", "add_parsers"]

COMMANDS: Final = {
    "doctor": "restart the gateway with weir run and read its log; weir check judges the settings",
    "thing": "things come with client certificates",
    "shadow": "device shadows come later",
    "user": "passwords come later; listen on loopback meanwhile",
    "reload": "restart the gateway to apply changed settings",
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


def _answer(options: argparse.Namespace) -> int:
    name: str = options.command
    print(f"weir: {name} is not there yet: {COMMANDS[name]}.", file=sys.stderr)
    return _EXIT
