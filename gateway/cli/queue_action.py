"""What the actions of `weir queue` on one queue share: its name, and its endpoint."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gateway.cli.action import quoted

if TYPE_CHECKING:
    from gateway.cli.commands import Commands

__all__ = ["add_action", "endpoint"]


def add_action(actions: Commands, word: str, says: str, tells: str) -> argparse.ArgumentParser:
    """Add an action on one queue; return its parser, to be given to `finish`.

    Args:
        actions: The actions of `weir queue`.
        word: What it is called.
        says: What it does, in a few words.
        tells: What it does, in sentences.
    """
    parser = actions.add_parser(word, help=says, description=tells, allow_abbrev=False)
    parser.add_argument("name", metavar="NAME", help="the queue's name")
    return parser


def endpoint(name: str, *more: str) -> str:
    """Return the path of a queue's endpoint."""
    return "/".join(["/v1/queues", quoted(name), *more])
