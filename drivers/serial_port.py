"""A serial line that says one JSON value per line, read on the event loop without a thread.

Owns the port: opening it for itself, reading, writing, noticing that it went away. Knows nothing of
topics, and nothing of when to open it again: `run` ends with an error, and whoever runs it decides.

pyserial sets the line up; bytes are read and written on the file descriptor itself, because
pyserial's own read waits in select(2), which fails for descriptors of 1024 and above.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import termios
from collections.abc import Callable
from contextlib import suppress

import serial

from drivers.burst import Burst
from drivers.driver import DriverState, DriverStatus, Emit, Reading, Tally
from drivers.errors import CommandRejected, DriverError, HardwareUnavailable, HardwareVanished
from drivers.framing import MAX_LINE_BYTES, JsonLines

__all__ = ["DEFAULT_BAUD", "MAX_OUTPUT_BYTES", "SerialDriver"]

# What most boards use out of the box.
DEFAULT_BAUD = 115_200

# Read at one turn of the loop; a flood on one port leaves room for everything else.
READ_BYTES = 4096

# Commands that the device has not taken yet.
MAX_OUTPUT_BYTES = 65_536

_log = logging.getLogger(__name__)


class SerialDriver:
    """A device on a serial port that speaks in JSON lines.

    A line that is not JSON is counted and reported once per burst; it never ends the run. A command
    is one line to the device.

    Args:
        port: The path of the port; `/dev/serial/by-id/…` stays the same over replugging.
        monotonic_s: The clock, for reporting seldom.
        baud: Bits per second.
        max_line_bytes: The longest line accepted.
    """

    def __init__(
        self,
        port: str,
        monotonic_s: Callable[[], float],
        *,
        baud: int = DEFAULT_BAUD,
        max_line_bytes: int = MAX_LINE_BYTES,
    ) -> None:
        self._path = port
        self._baud = baud
        self._monotonic_s = monotonic_s
        self._lines = JsonLines(max_line_bytes)
        self._tally = Tally()
        self._burst = Burst()
        self._emit: Emit | None = None
        self._fd = -1
        self._ended: asyncio.Future[None] | None = None
        self._output = bytearray()

    async def run(self, emit: Emit) -> None:
        """Read the port until cancelled; see `drivers.driver.Driver.run`."""
        if self._ended is not None:
            raise RuntimeError(f"the driver of {self._path} is running already")
        tally = self._tally
        tally.state = DriverState.OPENING
        try:
            port = self._open()
        except DriverError as error:
            tally.state = DriverState.STOPPED
            tally.last_error = str(error)
            raise
        loop = asyncio.get_running_loop()
        self._fd = port.fileno()
        self._emit = emit
        self._ended = loop.create_future()
        self._lines.reset()
        self._output.clear()
        tally.state = DriverState.RUNNING
        try:
            loop.add_reader(self._fd, self._readable)
            await self._ended
        except DriverError as error:
            tally.last_error = str(error)
            raise
        finally:
            loop.remove_reader(self._fd)
            loop.remove_writer(self._fd)
            self._ended = None
            self._fd = -1
            self._close(port)
            tally.state = DriverState.STOPPED

    def command(self, payload: bytes) -> None:
        """Send one line to the device.

        Args:
            payload: The line without its end.

        Raises:
            CommandRejected: The port is not open, the payload holds a line end, or the device does
                not take what it was sent before.
        """
        if self._fd < 0:
            raise CommandRejected(f"the port {self._path} is not open; the command was not sent")
        if b"\n" in payload or b"\r" in payload:
            raise CommandRejected(
                f"a command for {self._path} holds a line end",
                hint="publish one command per message, without a line end",
            )
        if len(self._output) + len(payload) + 1 > MAX_OUTPUT_BYTES:
            raise CommandRejected(
                f"the device on {self._path} does not take its commands; {len(self._output)} bytes "
                "wait already"
            )
        idle = not self._output
        self._output += payload
        self._output += b"\n"
        if idle:
            self._write()
            if self._output and self._fd >= 0:
                asyncio.get_running_loop().add_writer(self._fd, self._writable)

    def status(self) -> DriverStatus:
        """Return the state and the counters now."""
        return self._tally.status()

    def _open(self) -> serial.Serial:
        try:
            # Exclusive is an advisory lock: it keeps out everyone else who asks for it.
            return serial.Serial(self._path, self._baud, timeout=0, exclusive=True)
        except ValueError as error:
            raise HardwareUnavailable(
                f"the port {self._path} cannot be set to {self._baud} baud",
                hint="use a rate that the device and the adapter both know, such as 9600 or 115200",
            ) from error
        except (OSError, termios.error) as error:  # SerialException is an OSError
            raise _unavailable(self._path, error) from error

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._vanished(error)
            return
        if not data:  # always readable and nothing there: hung up
            self._vanished(None)
            return
        lines = self._lines
        rejected_before = lines.rejected
        try:
            for payload in lines.feed(data):
                self._tally.readings += 1
                if self._emit is not None:
                    self._emit(Reading(payload))
        except Exception as error:  # outermost frame of a loop callback: `run` raises it
            self._end(error)
        finally:
            if lines.rejected != rejected_before:
                self._report_rejected(lines.rejected - rejected_before)

    def _report_rejected(self, count: int) -> None:
        self._tally.rejected += count
        self._tally.last_error = (
            f"{self._path} sent a line that is not JSON: {self._lines.rejected_excerpt!r}"
        )
        if due := self._burst.add(count, self._monotonic_s()):
            _log.warning(
                "%s: %d line(s) not used, the last began with %r; if all are like this, check baud "
                "(now %d)",
                self._path,
                due,
                self._lines.rejected_excerpt,
                self._baud,
            )

    def _writable(self) -> None:
        self._write()
        if not self._output and self._fd >= 0:
            asyncio.get_running_loop().remove_writer(self._fd)

    def _write(self) -> None:
        try:
            sent = os.write(self._fd, self._output)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._output.clear()
            self._vanished(error)
            return
        del self._output[:sent]

    def _vanished(self, cause: OSError | None) -> None:
        reason = "" if cause is None else f" ({cause.strerror})"
        error = HardwareVanished(
            f"the port {self._path} went away{reason}",
            hint="check the plug and the cable",
        )
        error.__cause__ = cause
        self._end(error)

    def _end(self, error: Exception) -> None:
        """Let `run` raise; from here on nothing more is read."""
        asyncio.get_running_loop().remove_reader(self._fd)
        if self._ended is not None and not self._ended.done():
            self._ended.set_exception(error)

    def _close(self, port: serial.Serial) -> None:
        # What a device never took would keep close(2) waiting on a real line for half a minute.
        with suppress(OSError, termios.error):
            port.reset_output_buffer()
        with suppress(OSError):
            port.close()


def _unavailable(path: str, error: Exception) -> HardwareUnavailable:
    """Say in a sentence why a port cannot be opened."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return HardwareUnavailable(
            f"there is no port {path}",
            hint="plug the device in; `ls /dev/serial/by-id` shows what is there",
        )
    if number in (errno.EACCES, errno.EPERM):
        return HardwareUnavailable(
            f"the port {path} may not be opened by this user",
            hint="add the user that runs the gateway to the group of the port, often dialout",
        )
    if number in (errno.EAGAIN, errno.EBUSY):
        return HardwareUnavailable(
            f"the port {path} is in use by another program",
            hint="close that program, or remove the second device with this port",
        )
    return HardwareUnavailable(
        f"the port {path} cannot be opened: {error}",
        hint="check that this path is a serial port",
    )
