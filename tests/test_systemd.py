"""The unit file, judged by systemd's own checker."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[1] / "systemd" / "weir.service"
EXPOSURE = 25  # systemd's score times ten: 0 is shut in, 100 is free


def _analyze(*words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True)
    except FileNotFoundError as error:
        raise AssertionError("systemd-analyze is missing: run `make test-setup`") from error


def _copy(tmp_path: Path, **replaced: str) -> Path:
    text = UNIT.read_text().replace("/opt/weir/bin/weir", "/bin/true")
    for old, new in replaced.items():
        text = text.replace(old, new)
    copy = tmp_path / "weir.service"
    copy.write_text(text)
    return copy


@pytest.mark.system
def test_unit_is_valid(tmp_path: Path) -> None:
    done = _analyze("verify", "--recursive-errors=yes", str(_copy(tmp_path)))
    assert done.returncode == 0, done.stderr


@pytest.mark.system
def test_a_wrong_unit_is_caught(tmp_path: Path) -> None:
    wrong = _copy(tmp_path, ProtectSystem="ProtectSistem")
    done = _analyze("verify", "--recursive-errors=yes", str(wrong))
    assert done.returncode != 0


@pytest.mark.system
def test_unit_is_shut_in(tmp_path: Path) -> None:
    copy = str(_copy(tmp_path))
    done = _analyze("security", "--offline=true", f"--threshold={EXPOSURE}", copy)
    assert done.returncode == 0, done.stdout[-600:]
