"""What rules use, in the picture of the status: fixed documents in, exact tables out."""

from __future__ import annotations

import copy
import io
from typing import TYPE_CHECKING, Any, cast

import pytest

from gateway.cli.client import ControlClient
from gateway.cli.history import History
from gateway.cli.lines import render
from gateway.cli.picture import draw, one_line
from gateway.cli.service_picture import draw_services
from gateway.cli.status import watch
from tests.rig.control_room import STATUS

if TYPE_CHECKING:
    from gateway.control.status import StatusDocument

REFUSED = "connection refused: nobody listens there"

SERVICES: dict[str, list[dict[str, Any]]] = {
    "outbox": [
        {
            "target": "s3 images",
            "waiting": 0,
            "size_bytes": 0,
            "running": 0,
            "retrying": 0,
            "last_failure": "",
        },
        {
            "target": "lambda alarm",
            "waiting": 2,
            "size_bytes": 900,
            "running": 1,
            "retrying": 0,
            "last_failure": "",
        },
        {
            "target": "http https://collector.example:443",
            "waiting": 4100,
            "size_bytes": 5_242_880,
            "running": 8,
            "retrying": 3,
            "last_failure": REFUSED,
        },
    ],
    "functions": [
        {
            "name": "alarm",
            "file": "/etc/weir/alarm.py",
            "state": "quarantined",
            "calls": 41,
            "failed": 1,
            "restarts": 2,
            "waiting": 1,
            "last_error": "line 3: division by zero",
        },
        {
            "name": "b",
            "file": "/etc/weir/b.py",
            "state": "idle",
            "calls": 0,
            "failed": 0,
            "restarts": 0,
            "waiting": 0,
            "last_error": "",
        },
    ],
    "buckets": [
        {
            "name": "images",
            "dir": "/var/lib/weir/images",
            "objects": 12,
            "used_bytes": 1_258_291,
            "max_bytes": 1_073_741_824,
            "counted": False,
            "refused": 1,
            "last_error": "bucket 'images' is full",
        }
    ],
    "tables": [
        {
            "name": "readings",
            "key": [["device", "STRING"]],
            "items": 1,
            "used_bytes": 100,
            "max_bytes": 67_108_864,
            "refused": 0,
            "problem": "",
        }
    ],
    "cloudwatch_metrics": [
        {
            "namespace": "Greenhouse",
            "name": "celsius",
            "unit": "None",
            "latest": 21.5,
            "timestamp_s": 1_793_491_200,
            "count": 12,
            "total": 250.0,
            "minimum": 20.0,
            "maximum": 22.0,
        },
        {
            "namespace": "Greenhouse",
            "name": "sent",
            "unit": "Bytes",
            "latest": 1200.0,
            "timestamp_s": 1_793_491_200,
            "count": 1,
            "total": 1200.0,
            "minimum": 1200.0,
            "maximum": 1200.0,
        },
    ],
}

NOTHING: dict[str, list[Any]] = {key: [] for key in SERVICES}

PICTURE = """
Actions that wait
  http https://collector.example:443  4100 waiting  5.0 MiB  8 running  3 to be tried again  REFUSED
  lambda alarm                        2 waiting     900 B    1 running  0 to be tried again

Functions
  alarm  quarantined  41 calls  1 failed  2 restarts  1 waiting  line 3: division by zero
  b      idle         0 calls   0 failed  0 restarts  0 waiting

Buckets
  images  12 objects or more  1.2 MiB of 1.0 GiB  1 refused  bucket 'images' is full

Tables
  readings  1 item  100 B of 64.0 MiB  0 refused

CloudWatch metrics
  Greenhouse  celsius  21.5        12 values
  Greenhouse  sent     1200 Bytes  1 value
""".replace("REFUSED", REFUSED)


def document(**changes: Any) -> StatusDocument:
    return cast("StatusDocument", {**copy.deepcopy(STATUS), **copy.deepcopy(SERVICES), **changes})


def text(status: StatusDocument, width: int = 200) -> list[str]:
    return render(draw_services(status), width=width, height=None, colour=False)


def test_the_tables() -> None:
    assert text(document()) == PICTURE.splitlines()


def test_only_tables_that_have_something_in_them() -> None:
    assert text(cast("StatusDocument", STATUS)) == []
    assert text(document(**NOTHING)) == []
    assert text(document(**{**NOTHING, "outbox": SERVICES["outbox"][:1]})) == []


def test_they_stand_between_queues_and_devices() -> None:
    lines = render(draw(document()), width=200, height=None, colour=False)
    at = lines.index("Actions that wait")
    assert lines.index("Queues") < at < lines.index("Tables") < lines.index("Devices")


def test_what_waits_is_part_of_the_gist() -> None:
    assert "| queue alarms 3 | 4102 actions waiting" in one_line(document(), History())
    assert "waiting" not in one_line(document(outbox=[]), History())


def test_the_worst_ten_are_shown_and_the_others_counted() -> None:
    (lane,) = SERVICES["outbox"][1:2]
    lanes = [{**lane, "target": f"lambda f{number}", "waiting": number} for number in range(1, 15)]
    lines = text(document(**{**NOTHING, "outbox": lanes}))
    assert [line.split()[1] for line in lines[2:-1]] == [f"f{n}" for n in range(14, 4, -1)]
    assert lines[-1] == "  … and 4 more"


def test_names_from_payloads_cannot_steer_the_terminal() -> None:
    evil = "\x1b]0;owned\x07\n\u202e"
    changes = {
        key: [
            {name: evil if isinstance(value, str) else value for name, value in entry.items()}
            for entry in entries
        ]
        for key, entries in SERVICES.items()
    }
    for line in text(document(**changes)):
        assert line.isprintable()


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Asked:
    def get(self, endpoint: str, **query: str) -> Any:
        return document()


def test_the_live_view_wraps_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    out = _Terminal()

    def stop(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch(cast(ControlClient, _Asked()), out, as_json=False, sleep=stop)
    drawn = out.getvalue().split("\n")
    assert f"    {REFUSED}" in drawn
    assert all(len(line) < 80 for line in drawn[1:])
