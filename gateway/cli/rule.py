"""`weir rule`: the command with its actions, and the options of `weir rule test`.

Owns those options. What they mean is `rule_single`'s and `rule_cases`'s, imported when a test runs,
so that other commands start without them. The actions that ask a running gateway are
`rule_control`'s and `rule_trace`'s.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Final

from gateway.cli import rule_control, rule_trace
from gateway.cli.output import report

if TYPE_CHECKING:
    from gateway.cli.commands import Commands

__all__ = ["add_parser", "run_test"]

_EXIT_WRONG: Final = 2

# What only a test of a single message takes; by the name that argparse gives it.
_OF_ONE: Final = (
    "file",
    "sql",
    "sql_version",
    "topic",
    "payload",
    "payload_file",
    "payload_base64",
    "client_id",
    "principal",
    "source_ip",
    "timestamp",
    "account",
    "trace_id",
    "mqtt5",
    "fixtures",
)


def add_parser(commands: Commands) -> None:
    """Add the command with its actions."""
    parser = commands.add_parser(
        "rule",
        help="show, change, question and test rules",
        description="Show and change the rules of the running gateway, ask why they fired, and "
        "test rules without a gateway.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    _add_test(actions)
    rule_control.add_parsers(actions)
    rule_trace.add_parsers(actions)


def _add_test(actions: Commands) -> None:
    test = actions.add_parser(
        "test",
        help="show what a rule makes of a message, or answer many cases",
        description="Show what a rule makes of one message: whether FROM matches, the value of "
        "every clause, what goes out, and what each action would get. Nothing is carried out, and "
        "no gateway need run. Exit code 0 if the rule fires, 1 if it does not or one of its "
        "actions would fail, 2 if the SQL or an argument is wrong.",
        allow_abbrev=False,
    )
    _add_rule_options(test)
    _add_message_options(test)
    _add_context_options(test)
    test.add_argument(
        "--cases",
        action="store_true",
        help="read cases from the standard input, a JSON object a line, and answer each with one; "
        "exit code 0 once all are answered",
    )
    test.add_argument("--json", action="store_true", help="print one JSON object")
    test.set_defaults(run=run_test, parser=test)


def _add_rule_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the rule")
    group.add_argument("file", metavar="FILE", nargs="?", help="a rule document")
    group.add_argument("--sql", metavar="SQL", help="a statement, instead of a rule document")
    group.add_argument(
        "--sql-version", metavar="VERSION", help="the statement's version, by default 2015-10-08"
    )


def _add_message_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the message")
    group.add_argument("--topic", metavar="TOPIC", help="the topic it is published to")
    payload = group.add_mutually_exclusive_group()
    payload.add_argument("--payload", metavar="TEXT", help="its payload; by default it is empty")
    payload.add_argument(
        "--payload-file", metavar="FILE", help="a file with its payload; - is the standard input"
    )
    payload.add_argument("--payload-base64", metavar="BASE64", help="its payload in base64")


def _add_context_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what surrounds it")
    for option, metavar, text in (
        ("--client-id", "ID", "the publisher's MQTT client identifier"),
        ("--principal", "ID", "the publisher's identity"),
        ("--source-ip", "ADDRESS", "the publisher's address"),
        ("--trace-id", "UUID", "the message's trace identifier"),
        ("--account", "NUMBER", "the account, by default 000000000000"),
        ("--mqtt5", "JSON", "MQTT 5 properties, a JSON object"),
        ("--fixtures", "FILE", "a JSON file with what functions that reach out are told"),
    ):
        group.add_argument(option, metavar=metavar, help=text)
    group.add_argument(
        "--timestamp", metavar="MS", type=int, help="milliseconds since 1970, by default now"
    )


def run_test(options: argparse.Namespace) -> int:
    """Test; return the exit code."""
    from gateway.cli.rule_input import WrongInput

    try:
        if options.cases:
            return _run_cases(options)
        from gateway.cli.rule_single import run

        return run(options)
    except WrongInput as error:
        report(error)
        return _EXIT_WRONG


def _run_cases(options: argparse.Namespace) -> int:
    from gateway.cli.rule_cases import answer_all
    from gateway.cli.rule_input import WrongInput

    given = [name for name in _OF_ONE if getattr(options, name) is not None]
    if given:
        name = "FILE" if given[0] == "file" else "--" + given[0].replace("_", "-")
        raise WrongInput(
            f"{name} does not go with --cases", hint="each case brings its own rule and message"
        )
    answer_all(sys.stdin.buffer, sys.stdout.buffer)
    return 0
