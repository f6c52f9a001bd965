"""The demo: a gateway, a simulated serial thermometer, a simulated MQTT device, and a live view.

Owns a folder (./.weir) and the life of four processes. It uses the gateway as a person would,
through the `weir` command; Ctrl-C or SIGTERM ends them all, the gateway last and cleanly, and what
the queue holds is there again at the next run.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import IO

__all__ = ["Demo", "DemoFailed", "main"]

READY_TIMEOUT_S = 30.0

# The gateway promises to end within 10 s of SIGTERM.
STOP_TIMEOUT_S = 10.0

POLL_S = 0.1

# A log beyond this is begun anew at the next start.
MAX_LOG_BYTES = 1_000_000

TEMPLATES = Path(__file__).resolve().parent.parent / "demo"

# Both cross the rule's 30 degrees now and then, each at its own pace.
BOARD = ("--celsius=27.5", "--swing=4", "--swing-period=47", "--noise=0.15", "--rate=2")
DEVICE = ("--celsius=26", "--swing=6", "--swing-period=83", "--noise=0.1")


class DemoFailed(Exception):  # noqa: N818 - what happened to the demo
    """The demo cannot go on; the message says why."""


class Demo:
    """The folder of the demo and the processes in it.

    Args:
        folder: Where settings, rules, data and logs are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._config = folder / "weir.toml"
        self._gateway: subprocess.Popen[bytes] | None = None
        self._view: subprocess.Popen[bytes] | None = None
        self._sensors: list[subprocess.Popen[bytes]] = []
        self._log_starts: dict[str, int] = {}

    def prepare(self) -> bool:
        """Write settings and rules where there are none yet; return whether it did."""
        if self._config.exists():
            return False
        self._folder.mkdir(mode=0o700, exist_ok=True)
        shutil.copytree(TEMPLATES / "rules.d", self._folder / "rules.d", dirs_exist_ok=True)
        text = (TEMPLATES / "weir.toml").read_text(encoding="utf-8")
        new = self._config.with_suffix(".new")
        new.write_text(text.replace("@FOLDER@", str(self._folder.resolve())), encoding="utf-8")
        new.replace(self._config)  # last, so that it is the sign that all is there
        return True

    def addresses(self) -> tuple[str, str]:
        """Return where MQTT and AWS clients connect, as host:port, by the settings.

        Raises:
            DemoFailed: The settings name none.
        """
        try:
            settings = tomllib.loads(self._config.read_text(encoding="utf-8"))
            return settings["mqtt"]["listeners"][0]["bind"], settings["aws"]["bind"]
        except (tomllib.TOMLDecodeError, LookupError, TypeError) as error:
            raise DemoFailed(
                f"{self._config} has no MQTT listener or no AWS endpoint that the demo could use "
                f"({error!r}); correct it, or remove it to have it written anew"
            ) from error

    def start(self) -> None:
        """Plug the board in, start the gateway, and the MQTT device once it can connect.

        Raises:
            DemoFailed: The gateway did not become ready.
        """
        host, _, port = self.addresses()[0].rpartition(":")
        link = self._folder / "bench-thermometer"
        python = [sys.executable, "-m"]
        board = [*python, "firmware_sim.serial_board", "--link", str(link), *BOARD]
        device = [*python, "firmware_sim.mqtt_device", "--host", host, "--port", port, *DEVICE]
        self._sensors.append(self._start("serial-board", board))
        self._gateway = self._start("gateway", [*_weir(), "run", "--config", str(self._config)])
        self._wait_until_ready()
        self._sensors.append(self._start("mqtt-device", device))

    def watch(self, lines_above: int) -> None:
        """Show the live view until it ends or is interrupted.

        Args:
            lines_above: Lines of the terminal that stay as they are, above the view.

        Raises:
            DemoFailed: The gateway or the view ended by itself.
        """
        environment = dict(os.environ)
        if sys.stdout.isatty():
            height = shutil.get_terminal_size().lines
            environment["LINES"] = str(max(10, height - lines_above))
        sys.stdout.flush()
        self._view = subprocess.Popen(  # noqa: S603 - our own command, no shell
            [*_weir(), "status", "--watch", "--config", str(self._config)],
            stdin=subprocess.DEVNULL,
            env=environment,
            # Out of the reach of the terminal's Ctrl-C: a second signal, from here, could meet the
            # first one's shutdown.
            start_new_session=True,
        )
        while True:
            if self._gateway is None or self._gateway.poll() is not None:
                raise DemoFailed(f"the gateway ended by itself\n{self._gateway_end()}")
            if self._view.poll() is not None:
                raise DemoFailed(f"the live view ended, exit code {self._view.returncode}")
            time.sleep(POLL_S)

    def stop(self) -> int:
        """End everything, the gateway last; return its exit code."""
        if self._view is not None:
            _end(self._view, signal.SIGTERM)
        for sensor in self._sensors:
            sensor.terminate()
        for sensor in self._sensors:
            _wait(sensor)
        return 0 if self._gateway is None else _end(self._gateway, signal.SIGTERM)

    def _start(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a process with a log of its own, out of the reach of the terminal's Ctrl-C."""
        with self._log(name).open("ab") as log:
            # What is in the log may be of a demo that runs in this folder at this moment: kept.
            if log.tell() > MAX_LOG_BYTES:
                log.truncate(0)
            self._log_starts[name] = log.seek(0, os.SEEK_END)
            return subprocess.Popen(  # noqa: S603 - as above
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_until_ready(self) -> None:
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        with self._log("gateway").open("rb") as log:
            while not _has_line(log, b"weir: ready", self._log_starts["gateway"]):
                if self._gateway is None or self._gateway.poll() is not None:
                    raise DemoFailed(f"the gateway did not start\n{self._gateway_end()}")
                if time.monotonic() > deadline_s:
                    raise DemoFailed(
                        f"the gateway was not ready within {READY_TIMEOUT_S:.0f} s\n"
                        f"{self._gateway_end()}"
                    )
                time.sleep(POLL_S)

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _gateway_end(self) -> str:
        """Return how the gateway ended, as far as one can tell from outside."""
        code = None if self._gateway is None else self._gateway.poll()
        log = self._log("gateway")
        start = self._log_starts.get("gateway", 0)
        try:
            text = log.read_bytes()[start:].decode(errors="replace")
        except OSError as error:
            return f"exit code {code}; {log} cannot be read: {error.strerror}"
        return f"exit code {code}; {log} ends with:\n{text[-1500:]}"


def main() -> int:
    """Run the demo in the current folder; return the exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    folder = Path(".weir")
    demo = Demo(folder)
    failed = False
    try:
        written = demo.prepare()
        demo.start()
        lines = _introduction(folder, written, demo.addresses()[1])
        print("\n".join(lines))
        demo.watch(len(lines) + 1)
    except KeyboardInterrupt:
        pass
    except DemoFailed as error:
        failed = True
        print(f"demo: {error}", file=sys.stderr)
    finally:
        # Whoever presses Ctrl-C twice still gets a clean end.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        code = demo.stop()
    if code and not failed:
        print(f"demo: the gateway ended with exit code {code}", file=sys.stderr)
    elif not failed:
        print(f"Everything is stopped. The data is in {folder}; the next run finds it again.")
    return 1 if failed or code else 0


def _introduction(folder: Path, written: bool, aws_address: str) -> list[str]:
    """Return what stands above the live view."""
    config = folder / "weir.toml"
    weir, aws = _shown("weir"), _shown("aws")
    return [
        f"Settings {'written to' if written else 'found in'} {config}; logs are beside it.",
        "Above 30 degrees a rule puts the reading into the queue alarms. To read it:",
        "",
        # --endpoint-url: version 1 of the AWS CLI does not heed AWS_ENDPOINT_URL for SQS.
        f"  env $({weir} env --config {config} --plain) {aws} --endpoint-url http://{aws_address} "
        f"sqs receive-message --queue-url http://{aws_address}/000000000000/alarms",
        "",
        f"To heat the bench:  {weir} pub --config {config} greenhouse/bench/set 35",
        "Ctrl-C ends everything.",
        "",
    ]


def _weir() -> list[str]:
    """Return the command of the gateway that is installed beside this Python."""
    return [str(Path(sys.executable).with_name("weir"))]


def _shown(program: str) -> str:
    """Return a program beside this Python as one would type it here."""
    path = Path(sys.executable).with_name(program)
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _has_line(log: IO[bytes], line: bytes, start: int) -> bool:
    log.seek(start)
    return line in log.read().splitlines()


def _end(process: subprocess.Popen[bytes], number: signal.Signals) -> int:
    """Ask a process to end, wait, and kill it where it does not; return its exit code."""
    if process.poll() is None:
        process.send_signal(number)
    return _wait(process)


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process that was asked to end, and kill it where it does not; as `_end`."""
    try:
        return process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


if __name__ == "__main__":
    raise SystemExit(main())
