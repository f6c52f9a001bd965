"""The demo as a person runs it: what it prints works, Ctrl-C ends it, the next run has its data."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_sim.demo import Demo, DemoFailed

pytestmark = pytest.mark.timeout(90)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def prepare(folder: Path) -> None:
    """Write the demo's settings, on ports that nobody has."""
    assert Demo(folder / ".weir").prepare()
    config = folder / ".weir" / "weir.toml"
    text = config.read_text()
    for port in ("1883", "4566"):
        assert text.count(f"127.0.0.1:{port}") == 1
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{free_port()}")
    config.write_text(text)


class RunningDemo:
    """The demo in a process; its output line by line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "firmware_sim.demo"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> RunningDemo:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)

    def until(self, condition: Callable[[str], object]) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if condition(line):
                return line
        raise AssertionError("the demo ended:\n" + "".join(self.lines))

    def interrupt(self) -> int:
        """Press Ctrl-C: the signal goes to the whole foreground group, as a terminal does it."""
        os.killpg(self.process.pid, signal.SIGINT)
        out, _ = self.process.communicate(timeout=30)
        self.lines.append(out)
        return self.process.returncode

    def shell(self, line: str) -> str:
        """Type a line that the demo printed."""
        result = subprocess.run(
            ["bash", "-c", line], cwd=self.folder, capture_output=True, text=True, timeout=60
        )
        assert result.returncode == 0, result.stderr
        return result.stdout


def alarms(line: str) -> int:
    found = re.search(r"queue alarms (\d+)", line)
    return int(found[1]) if found else 0


def test_what_it_prints_works_and_a_second_run_finds_its_data(tmp_path: Path) -> None:
    prepare(tmp_path)
    with RunningDemo(tmp_path) as demo:
        read = demo.until(lambda line: "receive-message" in line)
        heat = demo.until(lambda line: "greenhouse/bench/set" in line).partition(":")[2]
        demo.until(lambda line: "greenhouse/bench/temperature" in line)
        demo.shell(heat)
        demo.until(lambda line: alarms(line) >= 1)
        (message,) = json.loads(demo.shell(read))["Messages"]
        body = json.loads(message["Body"])
        assert body["celsius"] > 30
        assert body["topic"] in ("greenhouse/bench/temperature", "greenhouse/door/temperature")
        assert body["ts"] > 1_600_000_000_000
        demo.until(lambda line: "greenhouse/vent/state value 1" in line)
        demo.until(lambda line: alarms(line) >= 3)  # one of them is hidden from us now
        log = tmp_path / ".weir" / "gateway.log"
        before = log.read_text()
        assert "weir: ready" in before
        with RunningDemo(tmp_path) as second:
            assert second.process.wait(30) == 1
            assert second.process.stdout is not None
            out = second.process.stdout.read()
        assert "another gateway" in out and "weir: ready" not in out
        assert log.read_text().startswith(before)  # the first one's log is whole
        assert demo.interrupt() == 0
        assert "Everything is stopped" in demo.lines[-1]
        assert not os.path.lexists(tmp_path / ".weir" / "bench-thermometer")
    with RunningDemo(tmp_path) as demo:
        demo.until(lambda line: "found in .weir/weir.toml" in line)
        first_view = demo.until(lambda line: re.search(r"queue alarms \d", line))
        assert "rule too_warm 0 hits" in first_view and alarms(first_view) >= 1
        demo.process.send_signal(signal.SIGTERM)
        assert demo.process.wait(30) == 0


def test_a_gateway_that_cannot_start_says_why(tmp_path: Path) -> None:
    prepare(tmp_path)
    config = tmp_path / ".weir" / "weir.toml"
    config.write_text(config.read_text() + "\n[nonsense]\n")
    with RunningDemo(tmp_path) as demo:
        assert demo.process.wait(30) == 1
        assert demo.process.stdout is not None
        out = demo.process.stdout.read()
    assert "did not start" in out and "nonsense" in out


def test_settings_without_addresses_are_explained(tmp_path: Path) -> None:
    demo = Demo(tmp_path / ".weir")
    demo.prepare()
    (tmp_path / ".weir" / "weir.toml").write_text("[gateway]\n")
    assert not demo.prepare()  # what a person wrote is kept
    with pytest.raises(DemoFailed, match="remove it"):
        demo.addresses()
