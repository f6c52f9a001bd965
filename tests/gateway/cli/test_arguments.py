"""The argument tree and its reference: every command and option documented, and no other."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli import not_yet
from gateway.cli.main import build_parser, main

DOCUMENT = Path(__file__).parents[3] / "docs" / "reference" / "command.md"

# What only running or judging a gateway needs; a client that imports it starts slowly.
HEAVY = (
    "aiohttp",
    "asyncio",
    "orjson",
    "gateway.broker",
    "gateway.config",
    "gateway.store",
    "rules",
)


def commands() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of every command, and of every action of those that have some."""
    return dict(_leaves(build_parser(), ""))


def _leaves(
    parser: argparse.ArgumentParser, name: str
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not below:
        yield name, parser
    for action in below:
        for word, chosen in action.choices.items():
            yield from _leaves(chosen, f"{name} {word}".strip())


def sections() -> dict[str, str]:
    parts = re.split(r"^## `weir ([\w ]+)`\n", DOCUMENT.read_text(encoding="utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {
        string
        for action in parser._actions
        for string in action.option_strings
        if string not in ("-h", "--help")
    }


def test_every_command_is_documented() -> None:
    assert set(sections()) == set(commands()) - set(not_yet.COMMANDS)


@pytest.mark.parametrize("command", sorted(sections()))
def test_every_option_is_documented_and_no_other(command: str) -> None:
    text = sections()[command].partition("\n## ")[0]
    table = set(re.findall(r"^\| `(--[\w-]+)", text, re.M))
    usage = set(re.findall(r"--[\w-]+", text.strip().splitlines()[0]))
    assert table == options(commands()[command])
    assert usage == table


@pytest.mark.parametrize("command", sorted(sections()))
def test_every_argument_is_in_the_usage(command: str) -> None:
    usage = sections()[command].strip().splitlines()[0]
    for action in commands()[command]._actions:
        if not action.option_strings:
            assert str(action.metavar) in usage


def test_commands_that_are_not_there_yet_are_listed() -> None:
    listed = DOCUMENT.read_text(encoding="utf-8").partition("## Not there yet")[2]
    assert set(re.findall(r"`weir (\w+)`", listed)) == set(not_yet.COMMANDS)


@pytest.mark.parametrize("command", sorted(not_yet.COMMANDS))
def test_a_command_that_is_not_there_yet_says_so(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "list", "--anything"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"weir: {command} is not there yet: ")
    assert err.endswith(".\n")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "COMMAND"),
        (["rum"], "'rum'"),
        (["status", "--jsn"], "status does not take --jsn"),
        (["run", "--conf", "x"], "run does not take --conf x"),
        (["check", "--confg", "x"], "check does not take --confg x; did you mean --config?"),
        (["pub", "a", "--qos", "3"], "--qos"),
        (["pub"], "TOPIC"),
        (["tail", "--count", "0"], "it must be 1 or more"),
        (["client"], "ACTION"),
        (["client", "shwo"], "'shwo'"),
        (["client", "show"], "ID"),
        (["client", "list", "x"], "client list does not take x"),
        (["queue"], "ACTION"),
        (["queue", "send", "a", "b", "--delays", "1"], "did you mean --delay?"),
        (["queue", "send", "a", "b", "--delay", "soon"], "invalid int value"),
        (["queue", "send", "a", "b", "--file", "c"], "not allowed with"),
        (["status", "--config", "a", "--data-dir", "b"], "not allowed with"),
    ],
)
def test_wrong_arguments_exit_with_2(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["pub", "a", "--data-dir", "/nowhere"],
        ["client", "list", "--data-dir", "/nowhere"],
        ["queue", "receive", "a", "--data-dir", "/nowhere"],
    ],
)
def test_a_client_imports_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys\nfrom gateway.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print('modules', *sys.modules)"
    )
    out = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    ).stdout
    loaded = set(out[out.rindex("modules ") :].split())
    assert "gateway.cli.client" in loaded
    assert loaded.isdisjoint(HEAVY)
