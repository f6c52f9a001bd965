"""What the actions of `weir queue` share: their options, their endpoint, how lines are printed.

Owns the options that every one of them takes. Knows none of them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from gateway.cli.location import add_location_options
from gateway.cli.output import wants_colour

if TYPE_CHECKING:
    from gateway.cli.commands import Commands
    from gateway.cli.lines import Line

__all__ = ["UNBROKEN", "add_action", "endpoint", "finish", "print_lines"]

UNBROKEN: Final = 1_000_000
"""The width of what has no edge to cut at: output that is no terminal, text to be copied."""


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


def finish(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> None:
    """Add what every action takes, and what runs it."""
    add_location_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run, parser=parser)


def endpoint(name: str, *more: str) -> str:
    """Return the path of a queue's endpoint."""
    # As bytes: an argument may hold what is no UTF-8, and no queue is called that.
    return "/".join(["/v1/queues", quote(os.fsencode(name), safe=""), *more])


def print_lines(lines: Sequence[Line], width: int | None = None) -> None:
    """Print lines, broken where the terminal ends.

    Args:
        lines: What to print.
        width: Characters in a line; None for what the terminal has.
    """
    from gateway.cli.lines import render
    from gateway.cli.wrapping import wrap

    if width is None:
        width, _ = shutil.get_terminal_size((UNBROKEN, 0))
    colour = wants_colour(sys.stdout)
    for line in render(wrap(lines, width), width=width, height=None, colour=colour):
        print(line)
