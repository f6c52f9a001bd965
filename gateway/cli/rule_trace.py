"""`weir rule why` and `weir rule trace`: what rules made of recent messages, and why.

Owns the two commands; `rule_trace_picture` draws what the gateway answers.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, cast

from gateway.cli.action import print_lines, quoted, terminal_width
from gateway.cli.client import ControlClient
from gateway.cli.location import add_location_options, control_socket
from gateway.cli.output import harmless

if TYPE_CHECKING:
    from gateway.cli.commands import Commands
    from gateway.cli.rule_trace_picture import Document

__all__ = ["add_parsers", "run_trace", "run_why"]


def add_parsers(actions: Commands) -> None:
    """Add both to the actions of `weir rule`."""
    why = actions.add_parser(
        "why",
        help="show why rules did or did not fire for a recent message",
        description="Show what every rule made of a recent message: the value of each clause, and "
        "what each action came to. Without an ID, show the recent messages.",
        allow_abbrev=False,
    )
    why.add_argument(
        "message_id",
        metavar="MESSAGE-ID",
        nargs="?",
        help="the message's UUID, or enough of its beginning; last is the latest",
    )
    why.add_argument("--rule", metavar="NAME", help="show this rule alone")
    add_location_options(why)
    why.add_argument("--json", action="store_true", help="print one JSON object")
    why.set_defaults(run=run_why, parser=why)
    trace = actions.add_parser(
        "trace",
        help="show what a rule made of recent messages",
        description="Show a line for each recent message that reached a rule: whether it fired, or "
        "which condition was not true, and what each action came to.",
        allow_abbrev=False,
    )
    trace.add_argument("name", metavar="NAME", help="the rule's name")
    trace.add_argument("--follow", action="store_true", help="go on with new ones until Ctrl-C")
    add_location_options(trace)
    trace.add_argument("--json", action="store_true", help="print a JSON object a line")
    trace.set_defaults(run=run_trace, parser=trace)


def run_why(options: argparse.Namespace) -> int:
    """Show recent messages, or what became of one; return the exit code.

    Raises:
        GatewayError: The gateway does not answer, or knows no such message.
    """
    client = ControlClient(control_socket(options))
    if options.message_id is None:
        if options.rule is not None:
            options.parser.error(
                "--rule needs a MESSAGE-ID; weir rule trace shows a rule's messages"
            )
        document = client.get("/v1/messages")
    else:
        query = {} if options.rule is None else {"rule": options.rule}
        document = client.get(f"/v1/messages/{quoted(options.message_id)}", **query)
    if options.json:
        print(json.dumps(document))
        return 0
    from gateway.cli.rule_trace_picture import draw_message, draw_messages

    if options.message_id is None:
        print_lines(draw_messages(cast("list[Document]", document["messages"])))
    else:
        is_latest = options.message_id == "last"
        print_lines(draw_message(document, terminal_width(), is_latest=is_latest))
    return 0


def run_trace(options: argparse.Namespace) -> int:
    """Show what a rule made of recent messages; return the exit code.

    Raises:
        GatewayError: The gateway does not answer, or has no such rule.
    """
    try:
        return _trace(options)
    except KeyboardInterrupt:
        if not options.follow:
            raise
        return 0  # how a person ends what goes on for ever


def _trace(options: argparse.Namespace) -> int:
    from gateway.cli.rule_trace_picture import draw_nearest, draw_trace

    query = {"follow": "1"} if options.follow else {}
    topic_filter: str | None = None
    is_gone = False
    lines = ControlClient(control_socket(options)).stream(
        f"/v1/rules/{quoted(options.name)}/trace", **query
    )
    for document in lines:
        if "tracing" in document:
            topic_filter = cast("str | None", document["from"])
            if document["disabled"]:
                _say(f"the rule {options.name} is disabled: weir rule enable {options.name}")
        elif "missed" in document:
            _say(f"{document['missed']} messages were not looked at: too many came at once.")
        elif "gone" in document:
            is_gone = True
            _say(f"the rule {options.name} is there no longer.")
        elif "topics" in document:
            if not options.json:
                topics = cast("list[str]", document["topics"])
                print_lines(draw_nearest(options.name, topic_filter, topics))
        elif options.json:
            print(json.dumps(document), flush=True)
        else:
            print_lines([draw_trace(document)])
    if options.follow and not is_gone:
        _say("the gateway stopped.")
    return 0


def _say(text: str) -> None:
    print(f"weir: {harmless(text)}", file=sys.stderr)
