"""A simulated thermometer on a serial line: a pty that behaves as a USB board does.

Owns the pty and the link to it: plugging, unplugging, the speed of the line. In a test it does
nothing by itself; `tick` makes one reading. As a command it makes them at a rate::

    python -m firmware_sim.serial_board --link /tmp/thermometer --celsius 25 --fault unplug:60:5
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import random
import select
import signal
import termios
import time
import tty
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from firmware_sim.faults import Fault, garbage, parse_fault, with_faults
from firmware_sim.sensor import Sensor, requested_celsius
from firmware_sim.sensor_options import add_sensor_options, sensor_of

__all__ = ["SerialBoard", "main"]

DEFAULT_BAUD = 115_200

# Between the pieces of a split line, in the command; long enough to arrive apart.
CHUNK_GAP_S = 0.02

# A command is a short line; more without a line end is thrown away.
MAX_COMMAND_BYTES = 1024

_SPEEDS = {
    getattr(termios, name): int(name[1:])
    for name in dir(termios)
    if name.startswith("B") and name[1:].isdigit()
}


class SerialBoard:
    """A board with one thermometer that says a line of JSON per reading.

    Args:
        link: Where the port appears: a symbolic link, as udev makes under /dev/serial/by-id.
        sensor: What it measures.
        name: What it calls itself.
        baud: Its own speed; a reader with another one gets garbage.
        faults: What goes wrong.
        seed: Where garbage and cuts start.

    Attributes:
        sensor: What it measures.
        lost_bytes: Written while nobody read and the line was full.
    """

    def __init__(
        self,
        link: Path,
        *,
        sensor: Sensor | None = None,
        name: str = "bench",
        baud: int = DEFAULT_BAUD,
        faults: Iterable[Fault] = (),
        seed: int = 0,
    ) -> None:
        speed = getattr(termios, f"B{baud}", None)
        if not isinstance(speed, int):
            raise ValueError(f"{baud} baud is not one of a terminal's speeds, such as 9600")
        self.link = link
        self.sensor = Sensor() if sensor is None else sensor
        self.lost_bytes = 0
        self._name = name
        self._speed = speed
        self._faults = tuple(faults)
        self._randomness = random.Random(seed)
        self._tick = 0
        self._seq = 0
        self._commands = b""
        self._master = -1
        self._slave = -1

    def __enter__(self) -> Self:
        self.plug()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.unplug()

    @property
    def plugged(self) -> bool:
        """Whether the port is there."""
        return self._master >= 0

    @property
    def reader_baud(self) -> int:
        """The speed that the reader asked for last; the board's own before anyone did."""
        return _SPEEDS.get(termios.tcgetattr(self._master)[5], 0)

    def fileno(self) -> int:
        """Return what becomes readable when a command arrives."""
        return self._master

    def plug(self) -> None:
        """Make a new pty and let the link show it; nothing where it is plugged in already."""
        if self.plugged:
            return
        self._master, self._slave = os.openpty()
        os.set_blocking(self._master, False)
        # The board's own end stays open, so that the settings outlive a reader; and nothing is
        # echoed back to the board before the reader has set the line up.
        tty.setraw(self._slave)
        attributes = termios.tcgetattr(self._slave)
        attributes[4] = attributes[5] = self._speed
        termios.tcsetattr(self._slave, termios.TCSANOW, attributes)
        self._commands = b""
        # Renamed into place, so that a reader never finds half of it.
        new = self.link.with_name(f"{self.link.name}.{os.getpid()}")
        new.unlink(missing_ok=True)
        new.symlink_to(os.ttyname(self._slave))
        new.replace(self.link)

    def unplug(self) -> None:
        """Take the link away and hang up; nothing where it is unplugged already."""
        if not self.plugged:
            return
        self.link.unlink(missing_ok=True)
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    def tick(self, at_s: float, gap: Callable[[], None] = lambda: None) -> None:
        """Make one reading, or what a fault makes of it.

        Args:
            at_s: Seconds since the simulation began.
            gap: Called between the pieces of a split line.
        """
        line = self._encode(self.sensor.measure(at_s))
        output = with_faults(self._faults, self._tick, line, self._randomness)
        self._tick += 1
        if not output.plugged:
            self.unplug()
            return
        self.plug()
        for number, chunk in enumerate(output.chunks):
            if number:
                gap()
            self.write_bytes(chunk)

    def write_line(self, value: object) -> None:
        """Write a JSON value and a line end."""
        self.write_bytes(json.dumps(value, separators=(",", ":")).encode() + b"\n")

    def write_bytes(self, data: bytes) -> None:
        """Write as the wire has it: at the reader's speed, or garbage; what finds no room is lost.

        Args:
            data: Any bytes.

        Raises:
            RuntimeError: The board is unplugged.
        """
        if not self.plugged:
            raise RuntimeError("the board is unplugged; plug it in before it writes")
        if termios.tcgetattr(self._master)[5] != self._speed:
            data = garbage(len(data), self._randomness)
        try:
            written = os.write(self._master, data)
        except BlockingIOError:
            written = 0
        self.lost_bytes += len(data) - written

    def read_commands(self) -> list[bytes]:
        """Take the command lines that arrived; `{"celsius": 30}` sets the sensor.

        Returns:
            The lines, without their ends.
        """
        try:
            self._commands += os.read(self._master, 4096)
        except BlockingIOError:
            return []
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return []
        *lines, rest = self._commands.split(b"\n")
        self._commands = rest if len(rest) <= MAX_COMMAND_BYTES else b""
        for line in lines:
            celsius = requested_celsius(line)
            if celsius is not None:
                self.sensor.celsius = celsius
        return lines

    def _encode(self, celsius: float) -> bytes:
        self._seq += 1
        reading = {"sensor": self._name, "celsius": celsius, "seq": self._seq}
        return json.dumps(reading, separators=(",", ":")).encode() + b"\n"


def main(arguments: list[str] | None = None) -> int:
    """Run the board until Ctrl-C or SIGTERM; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m firmware_sim.serial_board",
        description="A simulated thermometer on a serial line.",
    )
    parser.add_argument("--link", type=Path, required=True, help="where the port appears")
    parser.add_argument("--name", default="bench", help="what it calls itself (bench)")
    parser.add_argument("--baud", type=int, default=DEFAULT_BAUD, help=f"({DEFAULT_BAUD})")
    parser.add_argument(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        help="KIND:EVERY[:LENGTH] in readings; silence, garbage, split or unplug; repeatable",
    )
    add_sensor_options(parser)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    board = SerialBoard(
        options.link,
        sensor=sensor_of(options),
        name=options.name,
        baud=options.baud,
        faults=options.fault,
        seed=options.seed,
    )
    try:
        with board:
            print(f"{options.link} is plugged in, {options.baud} baud", flush=True)
            _run(board, 1 / options.rate)
    except KeyboardInterrupt:
        pass
    return 0


def _run(board: SerialBoard, interval_s: float) -> None:
    """Tick at a rate and listen in between, for ever."""
    started_s = time.monotonic()
    due_s = started_s
    while True:
        board.tick(due_s - started_s, lambda: time.sleep(CHUNK_GAP_S))
        due_s = max(due_s + interval_s, time.monotonic())
        while (left_s := due_s - time.monotonic()) > 0:
            readable, _, _ = select.select([board] if board.plugged else [], [], [], left_s)
            if readable:
                board.read_commands()


def _fault(text: str) -> Fault:
    try:
        return parse_fault(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    raise SystemExit(main())
