"""Runs inside a function's process: loads the file, calls the handler, sends back what it gives.

A script of its own, started with `python -I`: it uses the standard library only and must import
nothing of the gateway. It speaks with the gateway over a socket, in frames both ways::

    4 bytes   length of the header, big-endian
    4 bytes   length of the body
    header    a JSON object
    body      a JSON text: the event, or what the handler returned

First comes a frame from here: `{"ready": true}`, or `{"error": …}` where the file cannot be used.
Then each request is answered by one frame with the request's `seq`.

The whole process group ends with the gateway, however that ends and whatever the function is doing:
the kernel signals the group when the other end of the lifeline, a pipe, is closed.

Source: AWS Lambda developer guide, "Define Lambda function handler in Python", "Using the Lambda
context object", "Defined runtime environment variables"; fcntl(2), `F_SETSIG`; setrlimit(2).
"""

from __future__ import annotations

import contextlib
import decimal
import fcntl
import importlib.util
import json
import logging
import os
import resource
import select
import signal
import struct
import sys
import threading
import time
import traceback
from typing import Any

__all__ = ["main"]

_LENGTHS = struct.Struct("!II")
_MAX_TEXT = 2000
_MAX_FRAMES = 50
_MAX_EXPONENT = 40

# Stacks of threads count as memory; with the usual 8 MB each, sixteen threads would be all of it.
_THREAD_STACK_BYTES = 2 * 1024 * 1024

# Where memory runs out, the kernel takes this process rather than the gateway.
_OOM_SCORE = "500"

# Made beforehand: there is no memory left where it is sent.
_OUT_OF_MEMORY = b'{"error": {"kind": "memory"}}'
_OUT_OF_MEMORY_FRAME = _LENGTHS.pack(len(_OUT_OF_MEMORY), 0) + _OUT_OF_MEMORY


class _Identity:
    """What AWS gives of a caller from a mobile application; nobody is one here."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class _Context:
    """The handler's second argument, as AWS's runtime has it."""

    def __init__(self, request: dict[str, Any], deadline_s: float) -> None:
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.invoked_function_arn = request["arn"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.aws_request_id = request["request_id"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = _Identity()
        self.client_context = None
        self._deadline_s = deadline_s

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds left before the call times out."""
        return max(0, int((self._deadline_s - time.monotonic()) * 1000))


class _Channel:
    """The socket to the gateway."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._pid = os.getpid()

    def read(self) -> tuple[dict[str, Any], bytes]:
        header_bytes, body_bytes = _LENGTHS.unpack(self._read(_LENGTHS.size))
        header = json.loads(self._read(header_bytes))
        return header, self._read(body_bytes)

    def write(self, header: dict[str, Any], body: bytes = b"") -> None:
        text = json.dumps(header).encode()
        self.write_all(_LENGTHS.pack(len(text), len(body)) + text + body)

    def write_all(self, data: bytes) -> None:
        if os.getpid() != self._pid:
            os._exit(0)  # the handler has forked, and the copy came back as well
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def _read(self, size: int) -> bytes:
        parts = []
        while size:
            part = os.read(self._fd, min(size, 1 << 20))
            if not part:
                os._exit(0)  # the gateway is gone
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def main() -> None:
    """Serve calls until the gateway ends this process; the arguments come from `process.py`."""
    channel_fd, lifeline_fd, memory_bytes, max_answer_bytes = map(int, sys.argv[1:5])
    file, handler_name = sys.argv[5:7]
    _hold_on_to(lifeline_fd)
    for fd in (channel_fd, lifeline_fd):
        os.set_inheritable(fd, False)
    _limit(memory_bytes)
    channel = _Channel(channel_fd)
    sys.argv = [file]
    _log_as_aws_does()
    try:
        handler = _load(file, handler_name)
    except MemoryError:
        channel.write_all(_OUT_OF_MEMORY_FRAME)
        return
    except Exception as error:  # whatever the file's own code raises
        _print_traceback(error)
        channel.write({"error": _describe(error, file, "import")})
        return
    channel.write({"ready": True})
    try:
        while True:
            request, body = channel.read()
            _serve(channel, handler, request, body, file, max_answer_bytes)
    except MemoryError:
        channel.write_all(_OUT_OF_MEMORY_FRAME)
        os._exit(1)


def _serve(
    channel: _Channel,
    handler: Any,
    request: dict[str, Any],
    body: bytes,
    file: str,
    max_answer_bytes: int,
) -> None:
    answer: dict[str, Any] = {"seq": request["seq"]}
    context = _Context(request, time.monotonic() + request["timeout_s"])
    result = b""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        channel.write({**answer, "error": {"kind": "payload", "message": str(error)[:_MAX_TEXT]}})
        return
    finally:
        del body
    try:
        returned = handler(event, context)
        try:
            result = json.dumps(
                returned, ensure_ascii=False, allow_nan=False, default=_number
            ).encode(
                # A lone surrogate becomes \udXXX, which is what JSON writes for it.
                "utf-8",
                "backslashreplace",
            )
        except (TypeError, ValueError, RecursionError) as error:
            message = f"the handler returned what JSON cannot hold: {error}"
            answer["error"] = {
                "kind": "handler",
                "type": "Runtime.MarshalError",
                "message": message[:_MAX_TEXT],
            }
    except MemoryError:
        raise
    except Exception as error:  # whatever else the handler raises is its answer
        _print_traceback(error)
        answer["error"] = _describe(error, file, "handler")
    if len(result) > max_answer_bytes:
        answer["error"] = {"kind": "large", "message": str(len(result))}
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    channel.write(answer, b"" if "error" in answer else result)


def _hold_on_to(lifeline_fd: int) -> None:
    fcntl.fcntl(lifeline_fd, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline_fd, fcntl.F_SETSIG, signal.SIGKILL)
    flags = fcntl.fcntl(lifeline_fd, fcntl.F_GETFL)
    fcntl.fcntl(lifeline_fd, fcntl.F_SETFL, flags | os.O_ASYNC)
    closed = select.poll()
    closed.register(lifeline_fd, 0)  # a hang-up is told without being asked for
    if closed.poll(0):
        os._exit(0)


def _limit(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    threading.stack_size(_THREAD_STACK_BYTES)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write(_OOM_SCORE)


def _log_as_aws_does() -> None:
    """Write what is printed line by line, and what is logged where printed text goes."""
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    logging.basicConfig(format="[%(levelname)s] %(name)s: %(message)s", stream=sys.stdout)


def _load(file: str, handler_name: str) -> Any:
    folder, base = os.path.split(file)
    name = base[: -len(".py")]
    os.chdir(folder)
    sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    handler = getattr(module, handler_name, None)
    if not callable(handler):
        raise _HandlerMissingError(f"{file} has no function {handler_name}")
    return handler


class _HandlerMissingError(Exception):
    """The file can be imported and has no handler of the name in the settings."""


def _describe(error: Exception, file: str, kind: str) -> dict[str, Any]:
    """Return what the gateway tells of an exception; the line is the last one in the file."""
    name = type(error).__name__
    if isinstance(error, _HandlerMissingError):
        name = "Runtime.HandlerNotFound"
    line = 0
    if isinstance(error, SyntaxError) and error.filename == file:
        line = error.lineno or 0
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == file:
            line = number
    try:
        message = str(error)
    except Exception:  # an exception of the function's own, with a __str__ that raises
        message = "(it cannot be shown)"
    return {"kind": kind, "type": name[:200], "message": message[:_MAX_TEXT], "line": line}


def _print_traceback(error: Exception) -> None:
    with contextlib.suppress(Exception):
        traceback.print_exception(type(error), error, error.__traceback__, limit=-_MAX_FRAMES)


def _number(value: object) -> float | int:
    """Return what JSON can hold of a value that it does not know: boto3's numbers."""
    if isinstance(value, decimal.Decimal):
        is_whole = value.is_finite() and value == value.to_integral_value()
        return int(value) if is_whole and value.adjusted() <= _MAX_EXPONENT else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


if __name__ == "__main__":
    main()
