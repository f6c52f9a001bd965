"""One process of a function: started, called, killed with everything that it has started.

Owns the process group, the socket to the runner and the frames on it (`runner.py` has the other
end and says what they are). Knows nothing of when to start one: that is `function.py`.

Whatever ends the process, all of its group ends: here with SIGKILL to the group, and where the
gateway itself is killed, by the lifeline that the runner hangs on.

Source: signal(7), process groups; pidfd_open(2).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from gateway.metrics import Counter
from gateway.services.functions.errors import FunctionCrashed, FunctionTimedOut
from gateway.services.functions.output import OutputLog

__all__ = ["Answer", "Command", "FunctionProcess"]

_RUNNER: Final = Path(__file__).with_name("runner.py")
_LENGTHS: Final = struct.Struct("!II")
_MAX_HEADER_BYTES: Final = 64 * 1024
# What a process has sent before its end is read within this time.
_LAST_WORDS_S: Final = 0.5
# A killed process is gone in no time, unless the kernel itself is stuck.
_GONE_S: Final = 5.0

_NO_SENSE: Final = "its process sent something that is no answer"
_NO_SENSE_HINT: Final = "The function must not write to file descriptors that it has not opened."


@dataclass(frozen=True, slots=True)
class Command:
    """What a process is started with.

    Attributes:
        name: The function's name.
        python: The interpreter.
        file: The function's file, absolute.
        handler: The handler's name.
        memory_bytes: What each process may have.
        max_answer_bytes: Largest answer.
        environment: All of its environment variables.
    """

    name: str
    python: str
    file: Path
    handler: str
    memory_bytes: int
    max_answer_bytes: int
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """A frame of the runner.

    Attributes:
        error: What went wrong, as the runner describes it; None where nothing did.
        body: The JSON text that the handler returned.
    """

    error: Mapping[str, object] | None
    body: bytes

    def text(self, key: str) -> str:
        """Return a text of the error."""
        return str((self.error or {}).get(key, ""))


@final
class FunctionProcess:
    """A running process; made by `start`.

    Attributes:
        ended: Done once the process has ended, with its return code as `subprocess` has it.
    """

    __slots__ = (
        "_command",
        "_lifeline",
        "_loop",
        "_output",
        "_pidfd",
        "_popen",
        "_reader",
        "_sequence",
        "_socket",
        "_writer",
        "ended",
    )

    def __init__(self, command: Command, left_out: Counter, clock: Callable[[], float]) -> None:
        self._command = command
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[int] = self._loop.create_future()
        self._sequence = 0
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            self._socket, channel = socket.socketpair()
            ours.callback(self._socket.close)
            theirs.callback(channel.close)
            lifeline, self._lifeline = os.pipe()
            ours.callback(os.close, self._lifeline)
            theirs.callback(os.close, lifeline)
            output, their_output = os.pipe()
            ours.callback(os.close, output)
            theirs.callback(os.close, their_output)
            self._popen = subprocess.Popen(  # noqa: S603 - a list, no shell
                self._arguments(channel.fileno(), lifeline),
                stdin=subprocess.DEVNULL,
                stdout=their_output,
                stderr=their_output,
                env=dict(command.environment),
                pass_fds=(channel.fileno(), lifeline),
                start_new_session=True,
            )
            ours.callback(self._popen.wait)
            ours.callback(self._popen.kill)
            self._pidfd = os.pidfd_open(self._popen.pid)
            ours.pop_all()
        self._output = OutputLog(command.name, output, monotonic_s=clock, left_out=left_out)
        self._loop.add_reader(self._pidfd, self._on_end)

    @property
    def pid(self) -> int:
        """The process's id, which is its group's as well."""
        return self._popen.pid

    def _arguments(self, channel: int, lifeline: int) -> Sequence[str]:
        command = self._command
        numbers = (channel, lifeline, command.memory_bytes, command.max_answer_bytes)
        return [
            command.python,
            "-I",
            str(_RUNNER),
            *map(str, numbers),
            str(command.file),
            command.handler,
        ]

    async def ready(self, timeout_s: float) -> Answer:
        """Wait until the file is imported.

        Returns:
            The runner's first frame; where it has an error, the process is of no use.

        Raises:
            FunctionTimedOut: It takes longer than `timeout_s`.
            FunctionCrashed: The process ended, or sent no frame.
        """
        return await self._within(timeout_s, self._connect())

    async def call(self, payload: bytes, *, request_id: str, arn: str, timeout_s: float) -> Answer:
        """Call the handler. One call at a time.

        Raises:
            FunctionTimedOut: It takes longer than `timeout_s`.
            FunctionCrashed: The process ended, or sent no answer to this call.
        """
        self._sequence += 1
        header = json.dumps(
            {
                "seq": self._sequence,
                "request_id": request_id,
                "arn": arn,
                "timeout_s": timeout_s,
            }
        ).encode()
        return await self._within(timeout_s, self._exchange(header, payload))

    def kill(self) -> None:
        """Kill the process and all of its group, at once."""
        # Until it is waited for, the process keeps its id, so that the group is the right one.
        if not self.ended.done():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, signal.SIGKILL)

    async def close(self) -> None:
        """Kill the group, wait until the process is gone, and give everything back."""
        self.kill()
        await asyncio.wait({self.ended}, timeout=_GONE_S)
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        else:
            self._socket.close()
        self._output.close()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def _on_end(self) -> None:
        self._loop.remove_reader(self._pidfd)
        # The process is still a zombie here, and its id nobody else's: now end what it started.
        self.kill()
        os.close(self._pidfd)
        self.ended.set_result(self._popen.wait())

    async def _within(self, timeout_s: float, exchange: Coroutine[Any, Any, Answer]) -> Answer:
        """Return what the exchange gives, unless time or the process ends before."""
        task = self._loop.create_task(exchange)
        try:
            first: set[asyncio.Future[Any]] = {task, self.ended}
            await asyncio.wait(first, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if not task.done() and self.ended.done():
                await asyncio.wait({task}, timeout=_LAST_WORDS_S)
            if task.done():
                return task.result()
            if self.ended.done():
                raise _crashed(self.ended.result())
            raise FunctionTimedOut(f"it took longer than {timeout_s:g} s")
        except (EOFError, ConnectionError) as error:
            await asyncio.wait({self.ended}, timeout=_LAST_WORDS_S)
            if self.ended.done():
                raise _crashed(self.ended.result()) from error
            raise FunctionCrashed(_NO_SENSE, hint=_NO_SENSE_HINT) from error
        finally:
            if not task.cancel() and not task.cancelled():
                task.exception()  # asked for, or asyncio logs that nobody did

    async def _connect(self) -> Answer:
        self._reader, self._writer = await asyncio.open_unix_connection(sock=self._socket)
        return await self._read_frame()

    async def _exchange(self, header: bytes, payload: bytes) -> Answer:
        assert self._writer is not None  # noqa: S101 - `ready` comes before
        self._writer.writelines((_LENGTHS.pack(len(header), len(payload)), header, payload))
        await self._writer.drain()
        return await self._read_frame()

    async def _read_frame(self) -> Answer:
        assert self._reader is not None  # noqa: S101 - `ready` comes before
        lengths = await self._reader.readexactly(_LENGTHS.size)
        header_bytes, body_bytes = _LENGTHS.unpack(lengths)
        if header_bytes > _MAX_HEADER_BYTES or body_bytes > self._command.max_answer_bytes:
            raise FunctionCrashed(_NO_SENSE, hint=_NO_SENSE_HINT)
        try:
            header = json.loads(await self._reader.readexactly(header_bytes))
        except (ValueError, RecursionError) as error:
            raise FunctionCrashed(_NO_SENSE, hint=_NO_SENSE_HINT) from error
        if not isinstance(header, dict):
            raise FunctionCrashed(_NO_SENSE, hint=_NO_SENSE_HINT)
        problem = header.get("error")
        described = problem if isinstance(problem, dict) else None
        if described is None and header.get("seq", 0) != self._sequence:
            raise FunctionCrashed(_NO_SENSE, hint=_NO_SENSE_HINT)
        return Answer(described, await self._reader.readexactly(body_bytes))


def _crashed(return_code: int) -> FunctionCrashed:
    if return_code >= 0:
        return FunctionCrashed(
            f"its process ended with exit code {return_code}",
            hint="What it printed before is in the gateway's log.",
        )
    try:
        name = signal.Signals(-return_code).name
    except ValueError:
        name = f"signal {-return_code}"
    return FunctionCrashed(
        f"its process was ended by {name}",
        hint="If its memory may have run out, give it more with memory_bytes.",
    )
