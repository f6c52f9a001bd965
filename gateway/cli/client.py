"""The client of the control socket: HTTP over a unix socket with the standard library alone.

Owns the connection and the reading of errors; the endpoints' meaning is the callers'.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, cast, final
from urllib.parse import urlencode

from gateway.errors import GatewayError

__all__ = ["ControlClient", "GatewayNotRunning", "GatewayRefused"]

# A publish waits for its commit, and a slow card may take seconds for one.
TIMEOUT_S: Final = 20.0

# A line holds one message, of which JSON makes at most six times its bytes.
MAX_LINE_BYTES: Final = 16 * 1024 * 1024


class GatewayNotRunning(GatewayError):  # noqa: N818 - a state, not a mistake
    """Nothing answers on the control socket."""

    code = "not-running"


class GatewayRefused(GatewayError):  # noqa: N818 - named after what happened
    """The gateway answered with an error.

    Attributes:
        status: The HTTP status.
    """

    code = "refused"

    def __init__(self, message: str, *, hint: str, status: int) -> None:
        super().__init__(message, hint=hint)
        self.status = status


@final
class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float | None) -> None:
        super().__init__("localhost")
        self._path = path
        self._timeout_s = timeout_s

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._timeout_s)
        self.sock.connect(str(self._path))


@final
class ControlClient:
    """Asks one gateway.

    Args:
        path: Its control socket.
        timeout_s: How long an answer may take.
    """

    def __init__(self, path: Path, *, timeout_s: float = TIMEOUT_S) -> None:
        self._path = path
        self._timeout_s = timeout_s

    def get(self, endpoint: str, **query: str) -> dict[str, object]:
        """Return what an endpoint answers.

        Raises:
            GatewayNotRunning: Nothing answers.
            GatewayRefused: The gateway answered with an error.
        """
        with self._request("GET", _target(endpoint, query), None, self._timeout_s) as response:
            return _object(response.read())

    def post(self, endpoint: str, document: dict[str, object]) -> dict[str, object]:
        """Send a document to an endpoint; return what it answers.

        Raises:
            GatewayNotRunning: Nothing answers.
            GatewayRefused: The gateway answered with an error.
        """
        body = json.dumps(document).encode()
        with self._request("POST", endpoint, body, self._timeout_s) as response:
            return _object(response.read())

    def stream(self, endpoint: str, **query: str) -> Iterator[dict[str, object]]:
        """Yield the JSON objects of an endpoint that goes on, until the gateway ends it.

        Raises:
            GatewayNotRunning: Nothing answers.
            GatewayRefused: The gateway answered with an error.
        """
        with self._request("GET", _target(endpoint, query), None, None) as response:
            while line := response.readline(MAX_LINE_BYTES):
                yield _object(line)

    @contextmanager
    def _request(
        self, method: str, target: str, body: bytes | None, timeout_s: float | None
    ) -> Iterator[http.client.HTTPResponse]:
        with closing(_UnixConnection(self._path, timeout_s)) as connection:
            try:
                headers = {} if body is None else {"Content-Type": "application/json"}
                connection.request(method, target, body, headers)
                response = connection.getresponse()
                if response.status != http.client.OK:
                    raise _refused(response.status, response.read())
                yield response
            except TimeoutError:
                raise GatewayNotRunning(
                    f"the gateway did not answer within {timeout_s:g} s",
                    hint="its log may say what keeps it",
                ) from None
            except PermissionError:
                raise GatewayNotRunning(
                    f"you may not open {self._path}",
                    hint="become a member of the group weir, or use sudo",
                ) from None
            except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
                raise GatewayNotRunning(
                    f"no gateway is running: nothing answers on {self._path}",
                    hint="start one with weir run, or name another with --config or --data-dir",
                ) from None
            except BrokenPipeError:
                raise GatewayNotRunning("the gateway closed the connection") from None
            except (http.client.HTTPException, ConnectionError) as error:
                raise GatewayNotRunning(
                    f"the gateway stopped before it had answered ({type(error).__name__})",
                    hint="its log may say why",
                ) from None
            except OSError as error:
                raise GatewayNotRunning(
                    f"{self._path} cannot be used: {error.strerror or error}",
                    hint="name the data directory of a gateway with --data-dir",
                ) from None


def _target(endpoint: str, query: dict[str, str]) -> str:
    return f"{endpoint}?{urlencode(query)}" if query else endpoint


def _object(data: bytes) -> dict[str, object]:
    try:
        document = json.loads(data)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise GatewayRefused(
            "the gateway's answer is no JSON object",
            hint="the command and the gateway may be of different versions",
            status=http.client.OK,
        )
    return cast("dict[str, object]", document)


def _refused(status: int, body: bytes) -> GatewayRefused:
    try:
        document = json.loads(body)
        error = document["error"]
        return GatewayRefused(str(error["message"]), hint=str(error["hint"]), status=status)
    except (ValueError, KeyError, TypeError):
        return GatewayRefused(
            f"the gateway answered {status} {http.client.responses.get(status, '')}".rstrip(),
            hint="its log may say why",
            status=status,
        )
