"""MQTT clients as text: fixed documents in, exact pictures out."""

from __future__ import annotations

import copy
from typing import Any, cast

import pytest

from gateway.broker.inspection import ClientDetails, ClientSummary
from gateway.cli.client_picture import draw_client, draw_clients
from gateway.cli.lines import Line, render
from tests.rig.control_room import CLIENTS, SINCE_MS

NOW_MS = SINCE_MS + 3_723_000


def text(lines: list[Line], *, width: int = 200, colour: bool = False) -> list[str]:
    return render(lines, width=width, height=None, colour=colour)


def client(number: int = 0, **changes: Any) -> ClientDetails:
    return cast("ClientDetails", {**copy.deepcopy(CLIENTS[number]), **changes})


LIST = """\
2 clients, 1 connected

  Client  State      for       MQTT   From       Filters  In flight  Queued        Dropped
  pump/1  connected  01:02:03  5      192.0.2.7  2        3          20 (4.0 KiB)  1
  büro    away       -         3.1.1  -          0        0          0             0
"""

PUMP = """\
pump/1  connected  for 01:02:03
  protocol    MQTT 5, profile standard
  address     192.0.2.7
  since       2026-11-01 00:00:00 UTC
  session     on disk, kept for 01:00:00 once the client is away
  keep alive  60 s
  will        set
  in flight   3 to the client, 2 from it (QoS 2)
  queued      20 (4.0 KiB)
  dropped     1

Subscriptions
  $share/g/a/#  QoS 2
  b             QoS 0  no local, retain as published, retain handling 2, identifier 7

Last packets
  2026-11-01 00:00:00 UTC  to the client    CONNACK  0x00  success
  2026-11-01 00:00:01 UTC  from the client  PUBREC   0x97  quota exceeded
"""

OFFICE = """\
büro  away
  protocol    MQTT 3.1.1, profile aws-iot
  address     -
  since       -
  session     on disk, kept for ever
  keep alive  off
  will        none
  in flight   0 to the client, 0 from it (QoS 2)
  queued      0
  dropped     0

Subscriptions
  none

Last packets
  none
"""


def test_all_clients_in_a_table() -> None:
    clients = cast("list[ClientSummary]", CLIENTS)
    assert text(draw_clients(clients, NOW_MS)) == LIST.splitlines()


def test_no_clients() -> None:
    assert text(draw_clients([], NOW_MS)) == ["no clients"]


@pytest.mark.parametrize(("number", "picture"), [(0, PUMP), (1, OFFICE)])
def test_one_client_in_full(number: int, picture: str) -> None:
    assert text(draw_client(CLIENTS[number], NOW_MS)) == picture.splitlines()


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"persistent": False}, "  ends with the connection"),
        ({"session_expiry_s": 90_061}, "  on disk, kept for 1 d 01:01:01 once"),
    ],
)
def test_what_becomes_of_a_session_is_said(changes: dict[str, object], shown: str) -> None:
    (line,) = (row for row in text(draw_client(client(**changes), NOW_MS)) if "session" in row)
    assert shown in line


def test_a_clock_that_was_set_back_gives_no_negative_age() -> None:
    assert text(draw_client(client(), SINCE_MS - 1))[0] == "pump/1  connected  for 00:00:00"


def test_a_long_identifier_leaves_room_for_the_rest_of_the_table() -> None:
    row = text(draw_clients([client(client_id="x" * 65_535)], NOW_MS))[-1]
    assert row.startswith("  " + "x" * 63 + "…  connected")


@pytest.mark.parametrize("width", [1, 30, 79])
def test_lines_are_cut_to_the_terminal(width: int) -> None:
    clients = cast("list[ClientSummary]", CLIENTS)
    drawn = draw_clients(clients, NOW_MS) + draw_client(CLIENTS[0], NOW_MS)
    assert max(len(row) for row in text(drawn, width=width)) == width


def test_colours_tell_good_from_bad() -> None:
    rows = text(draw_client(client(), NOW_MS), colour=True)
    assert "\x1b[32mconnected\x1b[0m" in rows[0]
    assert rows[-1].endswith("\x1b[31mquota exceeded\x1b[0m")
    assert rows[-2].endswith("  success")
    refused = client()
    refused["last_packets"][0]["reason_code"] = 5  # of a 3.1.1 CONNACK
    assert "\x1b[31m" in text(draw_client(refused, NOW_MS), colour=True)[-2]


def test_what_clients_choose_cannot_steer_the_terminal() -> None:
    evil = "\x1b]0;owned\x07\n\u202e"
    found = client(client_id=evil, source_ip=evil, profile=evil)
    found["subscriptions"][0]["topic_filter"] = evil
    found["last_packets"][0]["packet"] = found["last_packets"][0]["reason"] = evil
    for line in text(draw_client(found, NOW_MS) + draw_clients([found], NOW_MS)):
        assert line.isprintable()
