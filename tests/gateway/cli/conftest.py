"""What the tests of the command share: a rule, and a way to test it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli.main import main
from tests.rig.rule_command import Test, document


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "too_hot.json"
    path.write_text(document())
    return path


@pytest.fixture
def test(capsys: pytest.CaptureFixture[str]) -> Test:
    """Run the command; gives its exit code and what it printed."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main(["rule", "test", *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return run
