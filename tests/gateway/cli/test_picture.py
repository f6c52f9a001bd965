"""The live view as text: fixed status documents in, exact pictures out."""

from __future__ import annotations

import copy
import io
import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from gateway.cli.client import ControlClient, GatewayNotRunning
from gateway.cli.history import History, first_number
from gateway.cli.lines import render
from gateway.cli.output import harmless, style
from gateway.cli.picture import draw, one_line, sparkline
from gateway.cli.status import watch
from gateway.cli.wrapping import wrap
from tests.rig.control_room import STATUS

if TYPE_CHECKING:
    from gateway.control.status import StatusDocument


def document(**changes: Any) -> StatusDocument:
    return cast("StatusDocument", {**copy.deepcopy(STATUS), **changes})


def recent(payload: str, count: int, *, topic: str = "greenhouse/bench/temperature") -> list[Any]:
    return [
        {
            "topic": topic,
            "payload": payload,
            "encoding": "utf-8",
            "size_bytes": len(payload),
            "age_s": 0.1,
            "count": count,
        }
    ]


def text(status: StatusDocument, history: History | None = None, **size: Any) -> list[str]:
    return render(draw(status, history), **{"width": 120, "height": None, "colour": False, **size})


PICTURE = """\
greenhouse-1  ready  up 01:02:03  2 clients on 127.0.0.1:1883  AWS 127.0.0.1:4566
store  14 commits  1.2 MiB of 2.0 GiB

Rules
  too_hot      greenhouse/+/temperature  12 hits  0 failed
  broken.json                            0 hits   0 failed  line 1, column 8: no columns

Queues
  alarms  3 waiting  1 in flight  0 delayed

Devices
  bench-thermometer  serial  waiting  41 readings  1 rejected  0 dropped  {error}
""".replace("{error}", "/dev/ttyUSB0 is not there. Plug it in.")

LIVE = """\
greenhouse-1  ready  up 01:02:03  2 clients on 127.0.0.1:1883  AWS 127.0.0.1:4566
store  14 commits, 7.0/s  1.2 MiB of 2.0 GiB

Readings
  greenhouse/bench/temperature  celsius 31.5  2.0/s  ▁▅█

Rules
"""


def test_the_whole_picture() -> None:
    assert text(document()) == PICTURE.splitlines()


def test_the_live_picture_has_readings_and_rates() -> None:
    history = History()
    for second, (celsius, commits) in enumerate([(29.5, 0), (30.5, 7), (31.5, 14)]):
        status = document(
            recent=recent(json.dumps({"celsius": celsius, "humidity": 40}), 2 * second + 1),
            metrics={"store.commits": commits, "mqtt.publish.received": 10 * second},
        )
        history.look(status, float(second))
    assert text(status, history)[:7] == LIVE.splitlines()
    assert (history.commits_per_s, history.messages_per_s) == (7.0, 10.0)


def test_the_gist_on_one_line() -> None:
    history = History()
    status = document(recent=recent("21.5", 1), store={**STATUS["store"], "full": "disk\x1b"})  # type: ignore[dict-item]
    history.look(status, 0.0)
    assert one_line(status, history) == (
        "up 01:02:03 | - commits/s | greenhouse/bench/temperature 21.5 | rule too_hot 12 hits | "
        "rule broken.json 0 hits | queue alarms 3 | FULL: disk\\x1b"
    )


def test_a_full_store_and_a_wrong_clock_are_seen() -> None:
    store = {**STATUS["store"], "full": "max_bytes is used up"}  # type: ignore[dict-item]
    lines = text(document(store=store, time={"wall_ms": 0, "wall_trusted": False}))
    assert lines[1].endswith("FULL: max_bytes is used up  clock not synchronised")


def test_the_head_of_a_narrow_terminal_goes_on_below() -> None:
    listeners = [f"127.0.0.1:188{at}" for at in range(8)]
    mqtt = {**STATUS["mqtt"], "listeners": listeners}  # type: ignore[dict-item]
    for width in (60, 80):
        lines = render(
            wrap(draw(document(mqtt=mqtt)), width), width=width, height=None, colour=False
        )
        head = lines[: next(at for at, line in enumerate(lines) if line.startswith("store"))]
        assert "…" not in "".join(head)
        assert all(listener in " ".join(head) for listener in [*listeners, "AWS 127.0.0.1:4566"])


def test_commands_that_a_device_refused_are_seen() -> None:
    (device,) = cast("list[dict[str, object]]", copy.deepcopy(STATUS["devices"]))
    for count, shown in ((1, "1 command refused"), (2, "2 commands refused")):
        devices = [{**device, "state": "running", "commands_rejected": count}]
        assert text(document(devices=devices))[-1].endswith(f"0 dropped  {shown}")


def test_what_mqtt_refused_is_shown_by_cause_and_only_where_it_happened() -> None:
    metrics = {
        "mqtt.connect.refused": 3,
        "mqtt.connect.refused.client_identifier_not_valid": 3,
        "mqtt.dropped.qos0": 12,
        "mqtt.dropped.qos1": 0,
        "mqtt.not_reading": 0,
        "mqtt.protocol_errors": 104,
        "mqtt.protocol_errors.connect-first": 100,
        "mqtt.protocol_errors.publish-qos": 4,
        "mqtt.protocol_errors.truncated": 0,
        "mqtt.publish.received": 9,
        "mqtt.retain.not_kept": 7,
        "mqtt.subscribe.refused": 6,
        "mqtt.subscribe.refused.not_authorized": 5,
        "mqtt.subscribe.refused.quota_exceeded": 1,
    }
    lines = text(document(metrics=metrics))
    assert lines[lines.index("MQTT trouble") - 1 :] == [
        "",
        "MQTT trouble",
        "  100  protocol error             connect first",
        "  4    protocol error             publish qos                  a PUBLISH with QoS 3",
        "  3    connect refused            client identifier not valid",
        "  5    subscribe refused          not authorized",
        "  1    subscribe refused          quota exceeded",
        "  12   message dropped            qos0",
        "  7    retained message not kept",
    ]
    # A counter without causes has a line of its own.
    unknown = text(document(metrics={"mqtt.basic_ingest.unknown_rule": 2}))
    assert unknown[-1] == "  2  message for a rule that is not there or disabled"
    whole = text(document(metrics={"mqtt.subscribe.refused": 6}))
    assert whole[-1] == "  6  subscribe refused"
    quiet = text(document(metrics=dict.fromkeys(metrics, 0)))
    assert "MQTT trouble" not in quiet and quiet == PICTURE.splitlines()


def test_a_narrow_terminal_shows_the_newest_end_of_a_wave() -> None:
    history = History()
    for second in range(30):
        status = document(recent=recent("9" if second == 29 else "1", second + 1))
        history.look(status, float(second))
    (line,) = (row for row in text(status, history, width=60) if "temperature  9" in row)
    assert len(line) == 60 and line.endswith("▁▁█")


def test_a_gateway_with_nothing_in_it() -> None:
    lines = text(document(rules=[], queues=[], devices=[], recent=[]), History())
    assert lines[2:] == [
        "",
        "Readings",
        "  none yet",
        "",
        "Rules",
        "  none",
        "",
        "Queues",
        "  none",
    ]


@pytest.mark.parametrize("width", [1, 20, 47])
@pytest.mark.parametrize("colour", [False, True])
def test_lines_are_cut_to_the_terminal_without_cutting_a_style(width: int, colour: bool) -> None:
    for line in text(document(), width=width, height=5, colour=colour):
        for code in ("\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[36m"):
            line = line.replace(code, "")
        assert len(line) <= width
        assert "\x1b" not in line


def test_what_does_not_fit_in_height_is_counted() -> None:
    lines = text(document(), height=4)
    assert len(lines) == 4
    assert lines[-1] == "… and 9 more lines"


def test_names_from_devices_cannot_steer_the_terminal() -> None:
    evil = "\x1b]0;owned\x07\n\u202e"
    status = document(
        name=evil,
        recent=recent("x" + evil, 1, topic=evil),
        queues=[{"name": evil, "visible": 1, "in_flight": 0, "delayed": 0}],
        rules=[
            {
                "name": evil,
                "topic_filter": evil,
                "matched": 0,
                "failed": 1,
                "disabled": True,
                "problem": evil,
            }
        ],
    )
    history = History()
    history.look(status, 0.0)
    for line in [*text(status, history), one_line(status, history)]:
        assert line.isprintable()


def test_harmless_leaves_good_text_alone() -> None:
    assert harmless("21.5 °C ☀") == "21.5 °C ☀"
    assert harmless("a\tb\x9b") == r"a\tb\x9b"
    assert style("x", "bold", colour=False) == "x"


@pytest.mark.parametrize(
    ("points", "bars"),
    [
        ([], ""),
        ([5.0], "▄"),
        ([1.0, 1.0], "▄▄"),
        ([0.0, 7.0], "▁█"),
        ([float(n) for n in range(8)], "▁▂▃▄▅▆▇█"),
        ([float("inf"), 0.0, float("nan"), 1.0], "▁█"),
        ([-1e308, 1e308], "▄▄"),
    ],
)
def test_sparklines(points: list[float], bars: str) -> None:
    assert sparkline(points) == bars


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        ("21.5", ("", 21.5)),
        ('{"on": true, "name": "a", "celsius": 3}', ("celsius", 3.0)),
        ('{"on": true}', None),
        ("[1, 2]", None),
        ("not json", None),
        ("[" * 100_000, None),
        ("9" * 5000, None),
        ('{"n": ' + "9" * 400 + ', "m": 2}', ("m", 2.0)),
        ("NaN", None),
    ],
)
def test_the_first_number_of_a_payload(payload: str, found: tuple[str, float] | None) -> None:
    assert first_number(payload) == found


def test_a_restarted_gateway_gives_no_negative_rates() -> None:
    history = History()
    history.look(document(recent=recent("1", 50), metrics={"store.commits": 900}), 0.0)
    history.look(document(recent=recent("2", 3), metrics={"store.commits": 4}), 1.0)
    assert history.commits_per_s == 0.0
    assert history.readings["greenhouse/bench/temperature"].per_s == 3.0


def test_topics_are_bounded() -> None:
    history = History()
    for number in range(150):
        history.look(document(recent=recent("1", 1, topic=f"t/{number}")), float(number))
    assert len(history.readings) == 100
    assert "t/149" in history.readings


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Asked:
    """Stands for the client: the live view only calls `get`."""

    def __init__(self, answers: list[StatusDocument | None]) -> None:
        self._answers = answers

    def get(self, endpoint: str, **query: str) -> Any:
        assert (endpoint, query) == ("/v1/status", {"recent": "1"})
        answer = self._answers.pop(0)
        if answer is None:
            raise GatewayNotRunning("gone")
        return answer


def watched(answers: list[StatusDocument | None], out: io.StringIO) -> str:
    """Return what the live view writes for these answers, then Ctrl-C."""
    remaining = len(answers)

    def sleep(seconds: float) -> None:
        nonlocal remaining
        assert seconds == 1.0
        remaining -= 1
        if not remaining:
            raise KeyboardInterrupt

    client = cast(ControlClient, Asked(answers))
    with pytest.raises(KeyboardInterrupt):
        watch(client, out, as_json=False, sleep=sleep, monotonic_s=lambda: 0.0)
    return out.getvalue()


def test_the_live_view_is_redrawn_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "50")
    monkeypatch.setenv("NO_COLOR", "1")
    first, second, third = watched([document(), None, document()], Terminal()).split("\r\x1b[J")[1:]
    rows = first.partition("\x1b[")[0].count("\n")
    assert first.endswith(f"\x1b[{rows}A")  # the next picture starts where this one did
    assert second == "the gateway stopped; waiting for it to come back\n\x1b[1A"
    assert third.startswith("greenhouse-1  ready")


def test_the_live_view_ends_at_once_where_no_gateway_ran() -> None:
    client = cast(ControlClient, Asked([None]))
    with pytest.raises(GatewayNotRunning):
        watch(client, io.StringIO(), as_json=False, sleep=lambda s: None)
