"""What the command prints: errors in one form, styles on terminals only, text made harmless.

Owns the form; knows nothing of what is said.
"""

from __future__ import annotations

import os
import sys
from typing import Final, TextIO

from gateway.errors import GatewayError, SettingsError

__all__ = ["STYLES", "abandon_output", "harmless", "report", "style", "wants_colour"]

STYLES: Final = {
    "": "",
    "bold": "\x1b[1m",
    "dim": "\x1b[2m",
    "heading": "\x1b[2m",
    "good": "\x1b[32m",
    "bad": "\x1b[31m",
    "wave": "\x1b[36m",
}
_RESET: Final = "\x1b[0m"


def wants_colour(stream: TextIO) -> bool:
    """Tell whether to use styles: on a terminal, unless NO_COLOR is set or TERM is dumb."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def style(text: str, name: str, *, colour: bool) -> str:
    """Return the text in a style of `STYLES`, or as it is."""
    if not colour or not STYLES[name]:
        return text
    return f"{STYLES[name]}{text}{_RESET}"


def harmless(text: str) -> str:
    r"""Return the text with everything escaped that a terminal could act on, such as `\x1b`.

    Topics and payloads come from devices; they must not move the cursor of an administrator.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def report(error: GatewayError) -> None:
    """Print an error on stderr: what is wrong, each problem on a line, what to do."""
    problems = error.problems if isinstance(error, SettingsError) else ()
    print(f"weir: {sentence(str(error))}", file=sys.stderr)
    for problem in problems:
        print(f"  {sentence(problem)}", file=sys.stderr)
    if error.hint:
        print(f"  {sentence(error.hint[:1].upper() + error.hint[1:])}", file=sys.stderr)


def sentence(text: str) -> str:
    """Return the text with a full stop, if nothing ends it yet."""
    return text if text.endswith((".", "?", "!", ":")) else f"{text}."


def abandon_output() -> None:
    """Let stdout end quietly: its reader has gone, so flushing it at exit would fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
