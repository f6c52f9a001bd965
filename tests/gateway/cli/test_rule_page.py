"""The pages on rules: their commands work as written and print what is shown; examples compile."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rules

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "test-rules.md"
TEXT = PAGE.read_text(encoding="utf-8")

RULE = re.findall(r"^```json\n(.*?)^```", TEXT, re.M | re.S)
EXAMPLES = re.findall(r"^```bash\n(.*?)^```\n\n^```text\n(.*?)^```", TEXT, re.M | re.S)


@pytest.mark.parametrize(("script", "shown"), EXAMPLES)
def test_an_example_prints_what_the_page_shows(script: str, shown: str, tmp_path: Path) -> None:
    (tmp_path / "too_hot.json").write_text(RULE[0], encoding="utf-8")
    commands = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": commands},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.stdout.rstrip("\n") == shown.rstrip("\n")


def test_every_example_is_run() -> None:
    assert TEXT.count("```bash") == TEXT.count("```text") == len(EXAMPLES) > 4
    assert len(RULE) == 1


HOW_TO = PAGE.with_name("rules.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| (.+?) \| `((?:SET|SELECT|…) .+?)` \|$", HOW_TO, re.M))
AT_MS = 1_793_491_200_000


def result_of(row: str, payload: str) -> bytes | None:
    """Return what the statement of a row makes of a payload, as it stands in a rule file."""
    sql = json.loads(f'"{ROWS[row]}"')
    sql = re.sub("^…", "SELECT * FROM …", sql).replace("FROM …", "FROM 'a'")
    statement = rules.compile(sql, "2016-03-23")
    assert statement.warnings == ()
    message = rules.Message("a", payload.encode())
    return statement.evaluate(message, rules.Environment(now_ms=lambda: AT_MS))


READINGS = '{"min":100,"readings":[{"n":1,"v":120},{"n":2,"v":20}]}'
RESULTS = [
    ("a value computed once and used twice", '{"f":99.3}', b'{"celsius":37.3}'),
    ("the items of a list that matter", READINGS, b'{"high":[{"n":1,"v":120}]}'),
    ("those of a list of plain numbers", '{"temps":[20,31,35]}', b'{"high":[31,35]}'),
    ("items compared with a value beside the list", READINGS, b'{"high":[{"n":1,"v":120}]}'),
    ("only messages whose list has such an item", READINGS, READINGS.encode()),
    ("only messages whose list has such an item", '{"readings":[{"v":3}]}', None),
    ("one of a few values", '{"state":"open"}', b'{"state":"open"}'),
    ("one of a few values", '{"state":"shut"}', None),
    ("a text of some form", '{"message":"pump E7"}', b'{"message":"pump E7"}'),
    ("a text of some form", '{"message":"pumpE7"}', None),
    ("words for codes", '{"code":200}', b'{"state":"good"}'),
    ("words for codes", '{"code":"x"}', b'{"state":"bad"}'),
    ("words for codes", "{}", b"{}"),
    ("words for ranges", '{"celsius":20}', b'{"state":"good"}'),
    ("words for ranges", "{}", b'{"state":"cold"}'),
    ("bytes that are no JSON", "hello", b'{"data":"aGVsbG8=","at":1793491200000}'),
    ("a text out of base64", '{"data":"aGVsbG8="}', b'{"text":"hello"}'),
    ("a date one can read", "{}", b'{"at":"2026-11-01 01:00"}'),
    ("a date with a letter T in it", "{}", b'{"at":"2026-11-01T00:00:00+00:00"}'),
]


@pytest.mark.parametrize(("row", "payload", "result"), RESULTS)
def test_a_row_of_the_how_to_does_what_it_says(
    row: str, payload: str, result: bytes | None
) -> None:
    assert result_of(row, payload) == result


def test_every_row_of_the_how_to_is_tried() -> None:
    assert set(ROWS) == {row for row, _, _ in RESULTS}
