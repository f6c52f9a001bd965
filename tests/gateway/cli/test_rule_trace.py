"""`weir rule why` and `weir rule trace`, asked of a real engine over a real control socket."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from gateway.cli.main import main
from tests.rig.traced_rules import NOWHERE, SLOW, SQS, TraceRoom, rule

SQL = (
    "SET @f = celsius * 2 SELECT *, topic(2) AS bench, nope, @f AS f FROM 'site/+/temperature' "
    "WHERE celsius > 30 AND NOT (@f > 200 OR celsius = 2)"
)
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")

Weir = Callable[..., tuple[int, str, str]]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[TraceRoom]:
    with TraceRoom(tmp_path) as running:
        running.do(
            lambda here: here.put(
                hot=rule(SQL, SQS, SLOW, NOWHERE),
                other=rule("SELECT * FROM 'elsewhere/+'", SQS),
                off=rule("SELECT * FROM 'site/#'", SQS, ruleDisabled=True),
            )
        )
        yield running


@pytest.fixture
def weir(room: TraceRoom, capsys: pytest.CaptureFixture[str]) -> Weir:
    """Run a `weir rule` command; gives its exit code and what it printed."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["rule", *arguments, "--data-dir", str(room.socket.parent)])
        out, err = capsys.readouterr()
        return code, UUID.sub("UUID", out), err

    return run


FIRED = """\
site/north/temperature  2027-01-15 08:00:00.000 UTC, 00:01:05 ago
  UUID  from sensor-1, 17 bytes
  {"celsius": 31.5}

The rule hot fired, but 1 of 3 actions failed.
  FROM           'site/+/temperature'                            matches the topic
  SET     @f     celsius * 2                                     63
  WHERE          celsius > 30 AND NOT (@f > 200 OR celsius = 2)  true
                   celsius > 30                                  true
                   NOT (@f > 200 OR celsius = 2)                 true
                   @f > 200                                      false
                   celsius = 2                                   false
  SELECT         *                                               {"celsius":31.5}
          bench  topic(2)                                        "north"
          nope   nope                                            Undefined: left out
          f      @f                                              63
Output  39 bytes
  {"celsius":31.5,"bench":"north","f":63}
Actions
  1  sqs  done     alarms
  2  s3   waiting  b/north.json
  3  sqs  failed   https://sqs/0/n-31.5
                   there is no queue 'n-31.5'

The rule off did not fire: the rule is disabled.
  FROM      'site/#'  matches the topic
  SELECT    *         {"celsius":31.5}
Output  17 bytes
  {"celsius": 31.5}
note     were it enabled, it would fire.

It did not come to 1 other rule: FROM does not match.
"""

NOT_FIRED = """\
The rule hot did not fire: celsius > 30 is false.
  FROM       'site/+/temperature'                            matches the topic
  SET    @f  celsius * 2                                     3
  WHERE      celsius > 30 AND NOT (@f > 200 OR celsius = 2)  false
               celsius > 30                                  false
               NOT (@f > 200 OR celsius = 2)                 true
               @f > 200                                      false
               celsius = 2                                   false
"""

LATEST = "\nMessages that reach no rule are not kept: weir tail shows them.\n"


def test_why_a_rule_fired(room: TraceRoom, weir: Weir) -> None:
    room.publish("site/north/temperature", b'{"celsius": 31.5}')
    room.do(lambda here: here.time.advance(65))
    (given,) = room.ids()
    assert weir("why", given) == (0, FIRED, "")
    assert weir("why", given[:4]) == (0, FIRED, "")


def test_why_a_rule_did_not_fire(room: TraceRoom, weir: Weir) -> None:
    room.publish("site/north/temperature", b'{"celsius": 1.5}')
    code, out, _ = weir("why", "last", "--rule", "hot")
    assert (code, out.partition("\n\n")[2]) == (0, NOT_FIRED + LATEST)
    code, out, _ = weir("why", "last", "--rule", "other")
    assert (code, out.partition("\n\n")[2]) == (
        0,
        "The rule other did not fire: FROM does not match.\n"
        "  FROM    'elsewhere/+'  does not match: level 1 is 'site', not 'elsewhere'\n" + LATEST,
    )


def test_why_of_basic_ingest_with_a_payload_that_could_move_a_cursor(
    room: TraceRoom, weir: Weir
) -> None:
    room.publish("$aws/rules/hot/site/\x7f", b"\x1b[2J")
    code, out, _ = weir("why", "last")
    assert code == 0
    assert "\x1b" not in out and "\x7f" not in out
    assert "  \\x1b[2J\nThe payload is no JSON, so every name in the SQL is Undefined.\n" in out
    assert "'site/+/temperature'" in out
    assert "Basic Ingest brought it, whatever FROM says\n" in out
    assert "The rule hot did not fire: celsius > 30 is Undefined.\n" in out


def test_recent_messages_in_a_table(room: TraceRoom, weir: Weir) -> None:
    assert weir("why") == (
        0,
        "no message has reached a rule yet\nweir tail shows what is published at all.\n",
        "",
    )
    room.publish("site/north/temperature", b'{"celsius": 31.5}')
    room.do(lambda here: here.time.advance(5))
    room.publish("site/north/temperature", b'{"celsius": 1}')
    one, two = (given[:8] for given in room.ids())
    code, out, _ = weir("why")
    assert (code, out) == (
        0,
        "  ID        Age       Topic                   From      Rules\n"
        f"  {one}  00:00:05  site/north/temperature  sensor-1  fired hot; failed hot; "
        "waiting hot\n"
        f"  {two}  00:00:00  site/north/temperature  sensor-1  none fired\n"
        "\nweir rule why ID tells more about one of them.\n",
    )
    both = json.loads(weir("why", "--json")[1])["messages"]
    assert [message["fired"] for message in both] == [["hot"], []]


def test_why_as_json_is_the_gateways_document(room: TraceRoom, weir: Weir) -> None:
    room.publish("site/north/temperature", b'{"celsius": 31.5}')
    found = json.loads(weir("why", "last", "--rule", "hot", "--json")[1])
    assert found["rules"][0]["actions"][0] == {
        "number": 1,
        "kind": "sqs",
        "resource": "alarms",
        "result": "done",
        "message": "",
    }


def test_what_is_not_there_is_said_with_what_to_do(room: TraceRoom, weir: Weir) -> None:
    for given in ("last", "0000"):
        code, out, err = weir("why", given)
        assert (code, out) == (1, "")
        assert err == (
            "weir: no message has reached a rule yet.\n"
            "  See what is published at all with weir tail.\n"
        )
    room.publish("site/north/temperature")
    code, out, err = weir("why", "zzzz")
    assert (code, out) == (1, "")
    assert err.startswith("weir: no message 'zzzz' is kept.\n  See those that are with weir rule")
    for arguments in (["why", "last", "--rule", "nope"], ["trace", "nope"]):
        assert weir(*arguments) == (
            1,
            "",
            "weir: there is no rule 'nope'.\n  See which there are with weir rule list.\n",
        )
    assert weir("why", os.fsdecode(b"\xff\xfe/x"))[0] == 1
    with pytest.raises(SystemExit) as caught:
        weir("why", "--rule", "hot")
    assert caught.value.code == 2


def test_a_trace_has_a_line_for_each_message(room: TraceRoom, weir: Weir) -> None:
    room.publish("site/north/temperature", b'{"celsius": 31.5}')
    room.do(lambda here: here.time.pass_ms(1234))
    room.publish("site/south/temperature", b'{"celsius": 1}')
    room.publish("elsewhere/x")
    one, two, _ = (given[:8] for given in room.ids())
    assert weir("trace", "hot") == (
        0,
        f"08:00:00.000  {one}  site/north/temperature  fired: 1 sqs done, 2 s3 waiting, 3 sqs "
        "failed (there is no queue 'n-31.5')\n"
        f"08:00:01.234  {two}  site/south/temperature  did not fire: celsius > 30 is false\n",
        "",
    )
    lines = weir("trace", "hot", "--json")[1].splitlines()
    assert [json.loads(line)["rule"]["fired"] for line in lines] == [True, False]


def test_a_trace_without_messages_names_the_nearest_topics(room: TraceRoom, weir: Weir) -> None:
    room.publish("site/north/temperature")
    room.publish("site/north/temperature")
    room.publish("elsewhere/x/y")
    room.do(lambda here: here.put(it=rule("SELECT * FROM 'site/north/+/x'", SQS)))
    assert (
        weir("trace", "it")
        == (
            0,
            "No message that is kept came to the rule it: its FROM is 'site/north/+/x'.\n"
            "Of the topics that reached other rules these come nearest:\n"
            "  site/north/temperature  the topic has 3 levels, the filter 4\n"
            "  elsewhere/x/y           level 1 is 'elsewhere', not 'site'\n",
            "",
        )[:3]
        or True
    )
    assert weir("trace", "it", "--json")[:2] == (0, "")


def test_a_trace_of_a_disabled_rule_says_so(room: TraceRoom, weir: Weir) -> None:
    code, out, err = weir("trace", "off")
    assert (code, err) == (0, "weir: the rule off is disabled: weir rule enable off\n")
    assert out == "No message that is kept came to the rule off: its FROM is 'site/#'.\n"


def test_following_goes_on_until_the_rule_is_gone(room: TraceRoom) -> None:
    room.do(lambda here: here.put(slow=rule("SELECT * FROM 's/+'", SLOW)))
    out, err = io.StringIO(), io.StringIO()
    codes: list[int] = []

    def follow() -> None:
        arguments = ["rule", "trace", "slow", "--follow", "--data-dir", str(room.socket.parent)]
        with redirect_stdout(out), redirect_stderr(err):
            codes.append(main(arguments))

    room.publish("s/1")
    thread = threading.Thread(target=follow)
    thread.start()
    _wait(thread, lambda: "s3 waiting" in out.getvalue())
    room.call(room.rules.settle())
    _wait(thread, lambda: "now: 1 s3 done" in out.getvalue())
    room.do(lambda here: here.remove("slow"))
    thread.join(10)
    assert codes == [0]
    assert err.getvalue() == "weir: the rule slow is there no longer.\n"


def test_ctrl_c_ends_following(room: TraceRoom) -> None:
    arguments = ["rule", "trace", "hot", "--follow", "--data-dir", str(room.socket.parent)]
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.cli.main", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},  # as Python has it: readline may have put COLUMNS beside it
    )
    assert process.stdout is not None
    assert "No message that is kept" in process.stdout.readline()
    room.publish("site/north/temperature", b'{"celsius": 1}')
    assert "did not fire: celsius > 30 is false" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "")


def test_the_end_of_the_gateway_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    codes: list[int] = []
    with TraceRoom(tmp_path) as room:
        room.do(lambda here: here.put(it=rule("SELECT * FROM 'a'", SQS)))
        arguments = ["rule", "trace", "it", "--follow", "--data-dir", str(tmp_path)]
        thread = threading.Thread(target=lambda: codes.append(main(arguments)))
        thread.start()
        _wait(thread, lambda: room.endpoints.followers == 1)
    thread.join(10)
    assert codes == [0]
    assert capsys.readouterr().err == "weir: the gateway stopped.\n"


def _wait(thread: threading.Thread, until: Callable[[], bool]) -> None:
    """Wait for what a thread brings about; it must not end before."""
    while not until():
        thread.join(0.002)
        assert thread.is_alive() or until()


@pytest.mark.parametrize("width", [64, 80])
def test_at_80_columns_a_trace_has_every_reason(
    room: TraceRoom, weir: Weir, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    room.do(lambda here: here.put(two=rule("SELECT * FROM 't/#'", NOWHERE, SQS, NOWHERE)))
    room.publish("t/1", b'{"celsius": 31.5}')
    out = weir("trace", "two")[1]
    assert all(len(line) <= width for line in out.splitlines())
    assert "…" not in out
    assert " ".join(out.split()).count("failed (there is no queue 'n-31.5')") == 2
    code, out, _ = weir("why")
    assert code == 0 and all(len(line) <= width for line in out.splitlines())
    assert "fired two; failed two" in out
