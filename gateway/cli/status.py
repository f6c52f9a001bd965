"""`weir status`: how the gateway is doing, once or as a live view.

Owns asking, redrawing and the terminal's width; `picture` draws. The live view is what `make run`
shows.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TextIO, cast

from gateway.cli.client import ControlClient, GatewayNotRunning
from gateway.cli.location import add_location_options, control_socket
from gateway.cli.output import wants_colour

if TYPE_CHECKING:
    from gateway.cli.commands import Commands
    from gateway.control.status import StatusDocument

__all__ = ["add_parser", "run", "watch"]

INTERVAL_S: Final = 1.0

_NOT_A_TERMINAL: Final = (200, 0)


def add_parser(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "status",
        help="show how the gateway is doing",
        description="Show listeners, store, rules and what they use, queues and devices of the "
        "running gateway, and what its MQTT side has refused.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--watch",
        action="store_true",
        help="show it live, with readings, until Ctrl-C; on a terminal it is redrawn in place",
    )
    add_location_options(parser)
    parser.add_argument(
        "--json", action="store_true", help="print the whole document as JSON, one a line"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Show the status; return the exit code.

    Raises:
        GatewayError: The gateway does not answer.
    """
    client = ControlClient(control_socket(options))
    if options.watch:
        try:
            watch(client, sys.stdout, as_json=options.json, sleep=time.sleep)
        except KeyboardInterrupt:
            return 0
    document = client.get("/v1/status")
    if options.json:
        print(json.dumps(document))
        return 0
    from gateway.cli.lines import render
    from gateway.cli.picture import draw
    from gateway.cli.wrapping import wrap

    width, _ = shutil.get_terminal_size(_NOT_A_TERMINAL)
    lines = wrap(draw(cast("StatusDocument", document)), width)
    for line in render(lines, width=width, height=None, colour=wants_colour(sys.stdout)):
        print(line)
    return 0


def watch(
    client: ControlClient,
    out: TextIO,
    *,
    as_json: bool,
    sleep: Callable[[float], None],
    monotonic_s: Callable[[], float] = time.monotonic,
) -> None:
    """Show the status once a second, for ever.

    A gateway that stops meanwhile is waited for, and the view says so.

    Args:
        client: Whom to ask.
        out: Where to show it; redrawn in place on a terminal, appended to elsewhere.
        as_json: Whether to write documents, one a line, instead of pictures.
        sleep: Waits this many seconds.
        monotonic_s: The clock.

    Raises:
        GatewayError: The gateway does not answer the first time.
    """
    from gateway.cli.history import History
    from gateway.cli.lines import Line, render
    from gateway.cli.picture import draw, one_line
    from gateway.cli.wrapping import wrap

    history = History()
    on_terminal = out.isatty() and not as_json
    colour = wants_colour(out)
    drawn_lines = 0
    asked = False
    while True:
        status: StatusDocument | None = None
        try:
            document = client.get("/v1/status", recent="1")
            status = cast("StatusDocument", document)
            history.look(status, monotonic_s())
        except GatewayNotRunning:
            if not asked:
                raise
        asked = True
        waiting = "the gateway stopped; waiting for it to come back"
        if not on_terminal:
            if status is None:
                print(f"weir: {waiting}", file=sys.stderr, flush=True)
            else:
                text = json.dumps(status) if as_json else one_line(status, history)
                print(text, file=out, flush=True)
        else:
            lines: list[Line] = [[(waiting, "bad")]] if status is None else draw(status, history)
            width, height = shutil.get_terminal_size()
            # The last line and column stay free: a cursor there would make the terminal scroll.
            lines = wrap(lines, width - 1)
            rows = render(lines, width=width - 1, height=height - 1, colour=colour)
            back = f"\x1b[{drawn_lines}A" if drawn_lines else ""
            out.write(back + "\r\x1b[J" + "".join(f"{row}\n" for row in rows))
            out.flush()
            drawn_lines = len(rows)
        sleep(INTERVAL_S)
