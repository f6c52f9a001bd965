"""The entry of the `weir` command: the argument tree, dispatch, and the form of its errors.

Exit codes: 0 for success, 1 for what went wrong while running, 2 for wrong arguments or settings
and for commands that are not there yet.
"""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

from gateway import __version__
from gateway.cli import (
    check,
    credentials,
    env,
    keys,
    mqtt_clients,
    not_yet,
    pub,
    queue,
    rule,
    run,
    status,
    tail,
)
from gateway.cli.output import abandon_output, report
from gateway.errors import GatewayError, SettingsError

__all__ = ["EXIT_FAILED", "EXIT_OK", "EXIT_WRONG", "build_parser", "main"]

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_WRONG: Final = 2
EXIT_INTERRUPTED: Final = 130
"""128 and the number of SIGINT, as shells have it; commands that go on for ever end with 0."""

_COMMANDS: Final = (
    run,
    check,
    status,
    mqtt_clients,
    env,
    credentials,
    pub,
    tail,
    rule,
    queue,
    keys,
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every command; a parsed namespace has its command as `run`."""
    parser = argparse.ArgumentParser(
        prog="weir",
        description="Weir, an IoT edge gateway.",
        epilog="weir COMMAND --help tells more about a command.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"weir {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")
    for command in _COMMANDS:
        command.add_parser(commands)
    not_yet.add_parsers(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code.

    Args:
        arguments: What stands behind `weir`; None takes the process's own.
    """
    given = sys.argv[1:] if arguments is None else arguments
    parser = build_parser()
    options, unknown = parser.parse_known_args(given)
    if unknown and options.command not in not_yet.COMMANDS:
        _refuse(unknown, options, parser)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except SettingsError as error:
        report(error)
        return EXIT_WRONG
    except GatewayError as error:
        report(error)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        abandon_output()  # whoever read the output has seen enough
        return EXIT_OK
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        abandon_output()
        print("weir: the output cannot be written: no space is left where it goes", file=sys.stderr)
        return EXIT_FAILED
    return code


def _refuse(
    unknown: Sequence[str], options: argparse.Namespace, parser: argparse.ArgumentParser
) -> NoReturn:
    """End with what a command does not take, and the option that may be meant."""
    import difflib
    import re

    words = [options.command, getattr(options, "action", None)]
    name = " ".join(word for word in words if word)
    chosen: argparse.ArgumentParser = getattr(options, "parser", parser)
    known = re.findall(r"--[\w-]+", chosen.format_usage()) if chosen is not parser else []
    near = difflib.get_close_matches(unknown[0].partition("=")[0], known, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    chosen.error(f"{name} does not take {' '.join(unknown)}{meant}")


if __name__ == "__main__":
    sys.exit(main())
