"""The broker that the clients speak to: a gateway, or Mosquitto as a control of the tests."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Protocol

from tests.rig.gateway_process import GatewayProcess, wait_until


class RealBroker(Protocol):
    """A broker in a process of its own, on a port of this machine."""

    taken_over: int | None
    """The reason code for a client whose identifier connects again, None where it says nothing."""
    sends_topic_aliases: bool
    """Whether it uses topic aliases towards clients that allow it to."""
    speaks_mqtt_3_1: bool
    """Whether it takes the version before 3.1.1."""
    keeps_receive_maximum: bool
    """Whether it counts QoS 2 messages against what a client takes at a time."""
    too_deep: int | None
    """The reason code for a filter of 201 levels, None where the connection is closed instead."""

    @property
    def port(self) -> int:
        """The port of its plain listener; another one after a restart."""

    def restart(self) -> None:
        """End it as roughly as its promises allow, and start it on the same files."""

    def __enter__(self) -> RealBroker: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class Gateway:
    """The gateway; its restart is a `kill -9`."""

    taken_over: int | None = 0x8E
    sends_topic_aliases = True
    speaks_mqtt_3_1 = False
    keeps_receive_maximum = True
    too_deep: int | None = 0x8F

    def __init__(self, folder: Path) -> None:
        self._process = GatewayProcess(folder, rules=[])
        self.port = 0

    def __enter__(self) -> Gateway:
        self._process.start()
        self.port = self._process.mqtt_port
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.__exit__(*exc)

    def restart(self) -> None:
        self._process.kill()
        self._process.start()
        self.port = self._process.mqtt_port


class Mosquitto:
    """Debian's Mosquitto; it keeps sessions on disk only when it is told to stop."""

    # What version 2.0.11 does; the standard asks for 0x8E, and counts QoS 2 as well.
    taken_over: int | None = None
    sends_topic_aliases = False
    speaks_mqtt_3_1 = True
    keeps_receive_maximum = False
    too_deep: int | None = None

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {folder}/\nuser root\nlog_dest none\n"
        )
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Mosquitto:
        command = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/sbin:/bin")
        assert command, "mosquitto is missing: run `make test-setup`"
        self._process = subprocess.Popen([command, "-c", str(self._config)])
        wait_until(self._answers, what="Mosquitto's listener")
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.terminate()
        self._process.wait(10)

    def restart(self) -> None:
        self.__exit__()
        self.__enter__()

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
