"""What the actions of commands share that ask the running gateway: options, names, printing.

Owns the options that every one of them takes, how a name goes into a path, and how lines are
broken for a terminal. Knows none of them.
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
    from gateway.cli.lines import Line

__all__ = ["UNBROKEN", "finish", "print_lines", "quoted", "terminal_width"]

UNBROKEN: Final = 1_000_000
"""The width of what has no edge to cut at: output that is no terminal, text to be copied."""


def finish(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> None:
    """Add what every action takes, and what runs it."""
    add_location_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run, parser=parser)


def quoted(argument: str) -> str:
    """Return an argument as a segment of a path."""
    # As bytes: an argument may hold what is no UTF-8, and nothing is called that.
    return quote(os.fsencode(argument), safe="")


def terminal_width() -> int:
    """Return how many characters a line has."""
    return shutil.get_terminal_size((UNBROKEN, 0))[0]


def print_lines(lines: Sequence[Line], width: int | None = None) -> None:
    """Print lines, broken where the terminal ends.

    Args:
        lines: What to print.
        width: Characters in a line; None for what the terminal has.
    """
    from gateway.cli.lines import render
    from gateway.cli.wrapping import wrap

    if width is None:
        width = terminal_width()
    colour = wants_colour(sys.stdout)
    for line in render(wrap(lines, width), width=width, height=None, colour=colour):
        print(line, flush=True)
