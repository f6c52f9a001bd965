"""The brokers under test: started, measured from outside, stopped."""

from __future__ import annotations

import socket
import subprocess
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
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
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


def cpu_ns(pid: int) -> int:
    """Return the time that all threads of a process have been on a core (schedstat)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise RuntimeError("mosquitto did not start")
