"""The page on testing rules: its commands work as written and print what it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

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
