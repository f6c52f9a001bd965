"""`weir client`: the MQTT clients of the running gateway, all in a table or one in full."""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from gateway.cli.action import print_lines
from gateway.cli.client import ControlClient
from gateway.cli.location import add_location_options, control_socket

if TYPE_CHECKING:
    from gateway.broker.inspection import ClientDetails, ClientSummary
    from gateway.cli.commands import Commands

__all__ = ["add_parser", "run_list", "run_show"]


def add_parser(commands: Commands) -> None:
    """Add the command with its two actions."""
    parser = commands.add_parser(
        "client",
        help="show MQTT clients and their sessions",
        description="Show who is connected or has a session, and what waits for them.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    every = actions.add_parser(
        "list",
        help="show all clients in a table",
        description="Show every client that is connected or has a session.",
        allow_abbrev=False,
    )
    every.add_argument("--connected", action="store_true", help="leave out clients that are away")
    add_location_options(every)
    every.add_argument("--json", action="store_true", help="print one JSON object")
    every.set_defaults(run=run_list)
    one = actions.add_parser(
        "show",
        help="show one client in full",
        description="Show one client: its session, its subscriptions, what waits for it, and the "
        "last packets with a reason code.",
        allow_abbrev=False,
    )
    one.add_argument("client_id", metavar="ID", help="the MQTT client identifier")
    add_location_options(one)
    one.add_argument("--json", action="store_true", help="print one JSON object")
    one.set_defaults(run=run_show)


def run_list(options: argparse.Namespace) -> int:
    """Show all clients; return the exit code.

    Raises:
        GatewayError: The gateway does not answer.
    """
    document = ControlClient(control_socket(options)).get("/v1/clients")
    clients = cast("list[ClientSummary]", document["clients"])
    if options.connected:
        clients = [client for client in clients if client["connected"]]
    if options.json:
        print(json.dumps({"clients": clients}))
        return 0
    from gateway.cli.client_picture import draw_clients

    print_lines(draw_clients(clients, _now_ms()))
    return 0


def run_show(options: argparse.Namespace) -> int:
    """Show one client; return the exit code.

    Raises:
        GatewayError: The gateway does not answer, or knows no such client.
    """
    # As bytes: an argument may hold what is no UTF-8, and no client is called that.
    client_id = quote(os.fsencode(options.client_id), safe="")
    document = ControlClient(control_socket(options)).get(f"/v1/clients/{client_id}")
    if options.json:
        print(json.dumps(document))
        return 0
    from gateway.cli.client_picture import draw_client

    print_lines(draw_client(cast("ClientDetails", document), _now_ms()))
    return 0


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
