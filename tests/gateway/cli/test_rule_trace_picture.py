"""Messages and what rules made of them, drawn: what a running engine does not easily give."""

from __future__ import annotations

from typing import Any

from gateway.cli.lines import render
from gateway.cli.rule_trace_picture import draw_message, draw_messages, draw_nearest


def drawn(document: dict[str, Any], width: int = 100) -> list[str]:
    return render(draw_message(document, width), width=width, height=None, colour=False)


def message(**changes: Any) -> dict[str, Any]:
    return {
        "id": "0123456789",
        "at_ms": 0,
        "age_s": 90_061.0,
        "topic": "a",
        "payload": "{}",
        "encoding": "utf-8",
        "size_bytes": 2,
        "publisher": "rule:x",
        "client_id": None,
        "depth": 2,
        "is_json": True,
        "rules": [],
        "others": 0,
        "not_shown": 0,
        **changes,
    }


def test_a_message_that_concerns_no_rule_and_one_that_concerns_too_many() -> None:
    assert drawn(message(others=7)) == [
        "a  1970-01-01 00:00:00.000 UTC, 1 d 01:01:01 ago",
        "  0123456789  from rule:x, 2 bytes, 2 republish actions led here",
        "  {}",
        "",
        "No rule in force has a FROM that matches the topic.",
        "It did not come to 7 other rules: FROM does not match.",
    ]
    assert drawn(message(not_shown=21))[-1] == "21 more rules not shown: name one with --rule."


def test_long_payloads_and_texts_are_broken_to_the_width_and_cut() -> None:
    lines = drawn(message(payload="x" * 5000, size_bytes=5000), 50)
    assert lines[2:11] == ["  " + "x" * 48] * 8 + ["  …"]
    assert all(len(line) <= 50 for line in lines)
    rule_shown = {
        "rule": "gone",
        "sql": "",
        "from": None,
        "concerned": True,
        "fired": True,
        "reason": "",
        "actions": [
            {"number": 1, "kind": "sqs", "resource": "", "result": "failed", "message": ""},
            {"number": 2, "kind": "", "resource": "", "result": "waiting", "message": "w " * 40},
        ],
        "error_action": {"result": "done", "message": ""},
        "notes": ["a note"],
        "output": "x" * 60,
        "encoding": "utf-8",
        "output_bytes": 61,
    }
    lines = drawn(message(rules=[rule_shown]), 50)
    assert lines[4] == "The rule gone fired, but 1 of 2 actions failed."
    assert "  … 61 bytes in all" in lines
    assert "  1  sqs       failed" in lines
    at = lines.index("  2            waiting")
    assert lines[at + 1].startswith("    w w")
    assert "     on error  done" in lines
    assert lines[-1] == "note     a note."
    assert all(len(line) <= 50 for line in lines)


def test_what_has_no_room_beside_an_action_stands_below_it_with_its_words_whole() -> None:
    url = "https://sqs.us-east-1.amazonaws.com/000000000000/history"
    shown: dict[str, Any] = {
        "rule": "r",
        "sql": "",
        "from": None,
        "concerned": True,
        "fired": True,
        "reason": "",
        "actions": [
            {"number": 1, "kind": "cloudwatchMetric", "resource": "n/x", "result": "done"},
            {"number": 2, "kind": "sqs", "resource": url, "result": "failed"},
        ],
        "error_action": None,
        "notes": [],
    }
    shown["actions"][0]["message"] = ""
    shown["actions"][1]["message"] = "there is no queue 'history'. Create it, or add it there"
    narrow = drawn(message(rules=[shown]), 64)
    assert narrow[narrow.index("Actions") + 1 :] == [
        "  1  cloudwatchMetric  done",
        "    n/x",
        "  2  sqs               failed",
        f"    {url}",
        "    there is no queue 'history'. Create it, or add it there",
    ]
    wide = drawn(message(rules=[shown]), 90)
    assert wide[wide.index("Actions") + 1 :] == [
        "  1  cloudwatchMetric  done    n/x",
        f"  2  sqs               failed  {url}",
        "                               there is no queue 'history'. Create it, or add it there",
    ]


def test_sql_is_whole_where_its_values_leave_room() -> None:
    sql = "celsius > 30 AND celsius < 100"
    clause = {"sql": sql, "text": "true"}
    shown: dict[str, Any] = {
        "rule": "r",
        "sql": "x",
        "from": "a",
        "concerned": True,
        "fired": False,
        "reason": "",
        "actions": [],
        "error_action": None,
        "notes": [],
        "variables": [],
        "where": clause,
        "conditions": [],
        "items": [],
    }
    assert f"  WHERE    {sql}  true" in drawn(message(rules=[shown]), 80)
    shown["where"] = {**clause, "text": "x" * 100}
    (line,) = (line for line in drawn(message(rules=[shown]), 60) if "WHERE" in line)
    assert "…  xxx" in line


def test_many_rules_of_a_message_are_counted_in_the_table() -> None:
    listed = message(fired=["a", "b", "c", "d"], failed=[], waiting=["x\x1b"], topic="t" * 100)
    line = render(draw_messages([listed]), width=300, height=None, colour=False)[1]
    assert "a, b, c and 1 more" in line and r"x\x1b" in line
    assert "t" * 63 + "…" in line and "t" * 64 not in line


def test_a_rule_without_from_names_its_basic_ingest_topic() -> None:
    (line,) = render(draw_nearest("it", None, ["a"]), width=200, height=None, colour=False)
    assert "only messages to $aws/rules/it/… come to it, for it has no FROM." in line
