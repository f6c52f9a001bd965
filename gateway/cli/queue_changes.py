"""`weir queue purge` and `weir queue redrive`: emptying a queue, and moving dead letters.

Owns these commands: that a person is asked before messages go, and following a task until it ends.
`move_task_picture` draws it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TextIO, cast

from gateway.cli.action import UNBROKEN, finish
from gateway.cli.client import ControlClient
from gateway.cli.location import control_socket
from gateway.cli.output import harmless, wants_colour
from gateway.cli.queue_action import add_action, endpoint
from gateway.errors import SettingsError

if TYPE_CHECKING:
    from gateway.cli.commands import Commands
    from gateway.control.queue_documents import MoveTaskLine, MoveTaskList, ShownQueue

__all__ = ["add_parsers", "follow", "run_purge", "run_redrive"]

INTERVAL_S: Final = 0.5

_EXIT_FAILED: Final = 1


def add_parsers(actions: Commands) -> None:
    """Add them to the actions of `weir queue`."""
    purge = add_action(
        actions,
        "purge",
        "remove all messages of a queue",
        "Remove all messages that were sent to a queue until now, those in flight and delayed "
        "ones as well. They cannot be had back.",
    )
    purge.add_argument(
        "--yes", action="store_true", help="do not ask; needed where there is no terminal"
    )
    finish(purge, run_purge)
    redrive = add_action(
        actions,
        "redrive",
        "move messages out of a dead-letter queue",
        "Start a message move task: what is in a dead-letter queue goes back to the queue that it "
        "came from, or to another one, as new messages.",
    )
    redrive.add_argument("--to", metavar="QUEUE", help="move them all to this queue")
    redrive.add_argument(
        "--rate", type=int, metavar="N", help="at most so many messages a second, 1 to 500"
    )
    redrive.add_argument(
        "--watch", action="store_true", help="draw how far it is until it ends, or Ctrl-C"
    )
    redrive.add_argument("--cancel", action="store_true", help="cancel the one under way")
    finish(redrive, run_redrive)


def run_purge(options: argparse.Namespace) -> int:
    """Purge a queue; return the exit code.

    Raises:
        SettingsError: There is nobody to ask.
        GatewayError: The gateway does not answer, or refuses.
    """
    client = ControlClient(control_socket(options))
    if not options.yes:
        if not sys.stdin.isatty():
            raise SettingsError(
                "there is no terminal to ask on whether to purge", hint="say so with --yes"
            )
        queue = cast("ShownQueue", client.get(endpoint(options.name)))
        if not _is_agreed(queue):
            print("weir: nothing was removed.", file=sys.stderr)
            return _EXIT_FAILED
    answer = client.post(endpoint(options.name, "purge"), {})
    if options.json:
        print(json.dumps(answer))
    else:
        name = harmless(cast("ShownQueue", answer)["name"])
        print(f"{name} is purged: all that was sent until now is being removed.")
    return 0


def _is_agreed(queue: ShownQueue) -> bool:
    from gateway.cli.lines import counted

    held = counted(queue["visible"] + queue["in_flight"] + queue["delayed"], "message")
    question = f"Remove all messages of {harmless(queue['name'])}, about {held}? [y/N] "
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def run_redrive(options: argparse.Namespace) -> int:
    """Start, cancel or follow a message move task; return the exit code.

    Raises:
        SettingsError: Two options do not go together.
        GatewayError: The gateway does not answer, or refuses.
    """
    asked = {"--to": options.to, "--rate": options.rate, "--watch": options.watch or None}
    client = ControlClient(control_socket(options))
    if options.cancel:
        given = [option for option, value in asked.items() if value is not None]
        if given:
            raise SettingsError(f"{given[0]} does not go with --cancel", hint="leave one out")
        _tell(client.post(endpoint(options.name, "cancel-redrive"), {}), options)
        return 0
    is_new = options.to is not None or options.rate is not None
    if not options.watch or is_new or not _is_under_way(client, options.name):
        wanted: dict[str, object] = {"destination": options.to, "max_per_s": options.rate}
        started = client.post(endpoint(options.name, "redrive"), wanted)
        if not options.watch:
            _tell(started, options)
            return 0
    try:
        status = follow(
            lambda: _latest(client, options.name),
            sys.stdout,
            as_json=options.json,
            sleep=time.sleep,
        )
    except KeyboardInterrupt:  # it was the watching that ended
        name = harmless(options.name)
        print(f"weir: it goes on; weir queue redrive {name} --cancel ends it.", file=sys.stderr)
        return 0
    return 0 if status == "COMPLETED" else _EXIT_FAILED


def follow(
    look: Callable[[], MoveTaskLine],
    out: TextIO,
    *,
    as_json: bool,
    sleep: Callable[[float], None],
) -> str:
    """Show a task until it ends; return its status.

    Args:
        look: Gives the task as it is now.
        out: Where to show it; redrawn in place on a terminal, a line for each change elsewhere.
        as_json: Whether to write documents, one a line, instead of bars.
        sleep: Waits this many seconds.
    """
    from gateway.cli.lines import render
    from gateway.cli.move_task_picture import UNDER_WAY, progress, told

    on_terminal = out.isatty() and not as_json
    shown: MoveTaskLine | None = None
    while True:
        task = look()
        if task != shown:
            shown = task
            if as_json:
                text = f"{json.dumps(task)}\n"
            else:
                width, _ = shutil.get_terminal_size((UNBROKEN, 0))
                # The last column stays free: a cursor there would make the terminal scroll.
                width -= on_terminal
                colour = wants_colour(out)
                (row,) = render([progress(task)], width=width, height=None, colour=colour)
                text = f"\r\x1b[K{row}" if on_terminal else f"{row}\n"
            out.write(text)
            out.flush()
        if task["status"] not in UNDER_WAY:
            if not as_json:
                print(f"\n{told(task)}" if on_terminal else told(task), file=out, flush=True)
            return task["status"]
        sleep(INTERVAL_S)


def _latest(client: ControlClient, name: str) -> MoveTaskLine:
    document = client.get(endpoint(name, "move-tasks"))
    return cast("MoveTaskList", document)["move_tasks"][0]


def _is_under_way(client: ControlClient, name: str) -> bool:
    document = client.get(endpoint(name, "move-tasks"))
    tasks = cast("MoveTaskList", document)["move_tasks"]
    return bool(tasks) and tasks[0]["status"] == "RUNNING"


def _tell(answer: dict[str, object], options: argparse.Namespace) -> None:
    if options.json:
        print(json.dumps(answer))
        return
    from gateway.cli.move_task_picture import told

    print(told(cast("MoveTaskLine", answer)))
