"""The lock of a data directory: one process, named to whoever comes second."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.control import DataDirLock
from gateway.errors import DataDirLocked, SettingsError

HOLD = """
import sys
from pathlib import Path
from gateway.control.lock import DataDirLock
with DataDirLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(data_dir: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_second_process_learns_who_has_it_and_what_to_do(tmp_path: Path) -> None:
    process = holder(tmp_path)
    try:
        with pytest.raises(DataDirLocked) as caught, DataDirLock(tmp_path):
            pass
        assert f"process {process.pid}" in str(caught.value)
        assert str(tmp_path) in str(caught.value)
        assert "stop it" in caught.value.hint
    finally:
        end(process)


def test_a_killed_holder_leaves_nothing_to_clean_up(tmp_path: Path) -> None:
    end(holder(tmp_path))
    with DataDirLock(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_it_can_be_taken_again_after_it_was_given_back(tmp_path: Path) -> None:
    with DataDirLock(tmp_path):
        pass
    with DataDirLock(tmp_path), pytest.raises(DataDirLocked), DataDirLock(tmp_path):
        pass


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("precious")
    (tmp_path / "lock").symlink_to(target)
    with pytest.raises(SettingsError, match="cannot open"), DataDirLock(tmp_path):
        pass
    assert target.read_text() == "precious"
