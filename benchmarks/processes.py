"""The peers: started as processes, measured from outside, stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

# How Mosquitto is run: no persistence, no limit that would make it drop, 100 messages in flight.
MOSQUITTO_SETTINGS = """
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 100
"""


class Mosquitto:
    """Debian's Mosquitto, in memory."""

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        settings = folder / "mosquitto.conf"
        settings.write_text(MOSQUITTO_SETTINGS.format(port=self.port))
        self._process = subprocess.Popen(
            ["/usr/sbin/mosquitto", "-c", str(settings)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.pid = self._process.pid
        _wait_for_port(self.port)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


class Moto:
    """The server of moto, the library that Python programs test their AWS code with; in memory."""

    def __init__(self) -> None:
        self.port = _free_port()
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.pid = self._process.pid
        _wait_for_port(self.port)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


class EmptyHandler:
    """The HTTP server that Weir's AWS endpoint stands on, with nothing behind it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.empty_handler"], stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.pid = self._process.pid
        self.port = int(self._process.stdout.readline())

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)


def cpu_ns(pid: int) -> int:
    """Return the time that all threads of a process have been on a core (schedstat)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def cpu_with_ended_threads_ns(pid: int) -> int:
    """Return the processor time of a process, threads that have ended included; in steps of 10 ms.

    moto's server has a thread per request, which `cpu_ns` no longer sees.
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 10**9 // os.sysconf("SC_CLK_TCK")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise RuntimeError(f"nothing listens on port {port}")
