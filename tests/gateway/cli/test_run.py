"""`weir run` as a process of its own: ready, signals, exit codes, and who may run beside it."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.cli import run as run_command

SETTINGS = """\
[gateway]
data_dir = "data"
[[mqtt.listeners]]
bind = "127.0.0.1:0"
anonymous = true
[aws]
bind = "127.0.0.1:0"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "weir.toml").write_text(SETTINGS)
    return tmp_path


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gateway.cli.main", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def weir(folder: Path, *arguments: str) -> tuple[int, str, str]:
    process = start(folder, *arguments)
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = start(folder, "run", *arguments)
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "weir: ready\n":
            pytest.fail(f"it did not start:\n{process.communicate(timeout=30)[1]}")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            process.communicate()


def end(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str]:
    process.send_signal(number)
    out, err = process.communicate(timeout=10)  # the promise
    assert out == ""
    return process.returncode, err


@pytest.mark.parametrize(
    ("loop", "number"), [("asyncio", signal.SIGTERM), ("uvloop", signal.SIGINT)]
)
def test_it_gets_ready_answers_and_stops_cleanly(
    folder: Path, loop: str, number: signal.Signals
) -> None:
    with running(folder, "--loop", loop) as process:
        code, out, _ = weir(folder, "status", "--json")
        assert (code, json.loads(out)["pid"]) == (0, process.pid)
        code, err = end(process, number)
        assert code == 0
        assert f"event loop: {loop}" in err
        assert "Traceback" not in err
    assert not (folder / "data" / "control.sock").exists()


def test_a_second_gateway_names_the_first_and_leaves_it_alone(folder: Path) -> None:
    with running(folder) as process:
        code, out, err = weir(folder, "run")
        assert (code, out) == (1, "")
        assert f"another gateway (process {process.pid}) runs on {folder}/data" in err
        assert weir(folder, "status")[0] == 0
        assert end(process, signal.SIGTERM)[0] == 0


def test_sighup_says_to_restart_and_everything_goes_on(folder: Path) -> None:
    with running(folder) as process:
        process.send_signal(signal.SIGHUP)
        assert weir(folder, "status")[0] == 0
        code, err = end(process, signal.SIGTERM)
        assert code == 0
        assert "restart to apply" in err


def test_the_log_holds_no_secret(folder: Path) -> None:
    with running(folder, "--log-level", "debug") as process:
        code, out, _ = weir(folder, "env", "--json")
        assert code == 0
        secret = json.loads(out)["AWS_SECRET_ACCESS_KEY"]
        assert len(secret) == 40
        code, err = end(process, signal.SIGTERM)
        assert code == 0
        assert err and secret not in err


def test_an_address_that_is_taken_is_told_with_a_remedy(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = SETTINGS.replace("127.0.0.1:0", f"127.0.0.1:{port}", 1)
        (folder / "weir.toml").write_text(settings)
        code, out, err = weir(folder, "run")
    assert (code, out) == (1, "")
    assert f"weir: 127.0.0.1:{port} is taken by another program.\n" in err
    assert "ss -ltnp" in err
    assert "Traceback" not in err


def test_a_data_dir_that_cannot_be_is_told_with_a_remedy(folder: Path) -> None:
    (folder / "data").write_text("a file in the way")
    code, out, err = weir(folder, "run")
    assert (code, out) == (1, "")
    assert f"{folder}/data" in err
    assert "Name a folder as data_dir" in err
    assert "Traceback" not in err


def test_a_data_dir_that_cannot_be_made_is_told_with_a_remedy(folder: Path) -> None:
    settings = (folder / "weir.toml").read_text()
    assert settings.count('data_dir = "data"') == 1
    (folder / "weir.toml").write_text(
        settings.replace('data_dir = "data"', 'data_dir = "/proc/weir"')
    )
    code, out, err = weir(folder, "run")
    assert (code, out) == (1, "")
    assert "/proc/weir" in err
    assert "Name a folder as data_dir, or one that can be made" in err


def test_no_loop_is_chosen_in_silence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)  # as where it is not installed
    with caplog.at_level(logging.INFO):
        assert run_command._loop_factory("auto") is None
    assert "uvloop is not installed" in caplog.text
    with pytest.raises(run_command.CannotStart, match="uvloop is not installed"):
        run_command._loop_factory("uvloop")


def test_a_stdout_that_nobody_reads_is_no_clean_stop(folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.cli.main", "run"],
        cwd=folder,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Broken pipe" in err
