"""`weir run`: run the gateway in the foreground until SIGTERM or Ctrl-C.

Owns what surrounds it: settings, the log, the event loop, the exit code. Exit codes: 0 after a
clean stop, 2 where the settings cannot be used, 1 otherwise.
"""

from __future__ import annotations

import argparse
import errno
import logging
import os
import re
import sys
from typing import TYPE_CHECKING, Final

from gateway.cli.location import add_config_option, find_config
from gateway.errors import GatewayError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from gateway.cli.commands import Commands

__all__ = ["CannotStart", "add_parser", "run"]

_BIND: Final = re.compile(r"bind on address \('([^']*)', (\d+)")

_LEVELS: Final = ("debug", "info", "warning", "error")

log = logging.getLogger("weir")


class CannotStart(GatewayError):  # noqa: N818 - named after what happened
    """The system refused something that the gateway needs."""

    code = "cannot-start"


def add_parser(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "run",
        help="run the gateway",
        description="Run the gateway in the foreground. It prints 'weir: ready' once every "
        "listener accepts; SIGTERM or Ctrl-C ends it cleanly. The log goes to the standard error.",
        allow_abbrev=False,
    )
    add_config_option(parser)
    parser.add_argument(
        "--log-level", choices=_LEVELS, default="info", help="what to log; by default info"
    )
    parser.add_argument(
        "--loop",
        choices=("auto", "asyncio", "uvloop"),
        default="auto",
        help="the event loop; by default uvloop where it is installed",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run a gateway until it is told to stop; return the exit code.

    Raises:
        SettingsError: The settings cannot be used.
        GatewayError: It could not start.
    """
    _log_to_stderr(options.log_level)
    import asyncio

    from gateway.config import load

    settings = load(find_config(options))
    factory = _loop_factory(options.loop)
    from gateway import app

    try:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(app.run(settings, _ready))
    except OSError as error:
        raise CannotStart(_reason(error), hint=_remedy(error)) from error
    except GatewayError:
        raise
    except Exception:
        log.exception("the gateway ended by a fault of its own")
        return 1
    return 0


def _ready() -> None:
    print("weir: ready", flush=True)


def _loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the event loop; None for asyncio's own."""
    if name == "asyncio":
        log.info("event loop: asyncio")
        return None
    try:
        import uvloop
    except ImportError:
        if name == "uvloop":
            raise CannotStart(
                "uvloop is not installed", hint="install it, or leave --loop out"
            ) from None
        log.info("event loop: asyncio (uvloop is not installed)")
        return None
    log.info("event loop: uvloop")
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _reason(error: OSError) -> str:
    # asyncio and uvloop put the address into the text, as Python writes a tuple.
    bind = _BIND.search(error.strerror or "")
    if error.errno == errno.EADDRINUSE:
        return f"{_address(bind)} is taken by another program"
    if bind is not None:
        return f"the system refused to listen on {_address(bind)}: {os.strerror(error.errno or 0)}"
    return f"the system refused: {error.strerror or error}" + (
        f" ({error.filename})" if error.filename else ""
    )


def _address(bind: re.Match[str] | None) -> str:
    if bind is None:
        return "an address"
    host, port = bind.groups()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _remedy(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "find who has it with ss -ltnp, or set another port in bind"
    if error.errno == errno.EADDRNOTAVAIL:
        return "bind to an address that this machine has"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "let the gateway's user own data_dir, and use ports from 1024 on"
    if error.errno in (errno.EEXIST, errno.ENOENT, errno.ENOTDIR):
        return "name a folder as data_dir, or one that can be made"
    if error.errno == errno.EROFS:
        return "put data_dir on a disk that can be written to"
    return "the log above may say more"


def _log_to_stderr(level: str) -> None:
    from gateway.cli.log_lines import journal_lines, plain_lines

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(journal_lines() if "JOURNAL_STREAM" in os.environ else plain_lines())
    logging.basicConfig(level=level.upper(), handlers=[handler])
