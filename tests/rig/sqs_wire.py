"""SQS over bare connections: requests signed with little work, answers, and who hangs up when.

boto3 spends a millisecond per call; what is here a tenth of that, so that a test can ask a lot of a
gateway. The signature is Signature Version 4, as boto3 makes it.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import socket
import struct
import time
from contextlib import suppress
from hashlib import sha256
from typing import Any

TIMEOUT_S = 60.0

_TARGET = "AmazonSQS"
_TYPE = "application/x-amz-json-1.0"
_NAMES = "content-type;host;x-amz-date;x-amz-target"


class RefusedError(Exception):
    """The gateway answered with an error.

    Attributes:
        status: The HTTP status.
        code: AWS's name of the error.
    """

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status} {body!r}")
        self.status = status
        is_json = body.startswith(b"{")  # what is no HTTP is refused before that
        self.code = str(json.loads(body).get("__type", "")).rpartition("#")[2] if is_json else ""


class HungUpError(ConnectionError):
    """The gateway closed the connection before an answer was whole."""


class Signer:
    """Makes whole requests for one gateway, signed with one access key.

    Args:
        endpoint: Such as `http://127.0.0.1:4566`.
        keys: What `weir env` prints.
    """

    def __init__(self, endpoint: str, keys: dict[str, str]) -> None:
        self.netloc = endpoint.removeprefix("http://")
        self.host, _, port = self.netloc.rpartition(":")
        self.port = int(port)
        self._access_key = keys["AWS_ACCESS_KEY_ID"]
        self._secret = keys["AWS_SECRET_ACCESS_KEY"]
        self._region = keys["AWS_REGION"]
        self._day = ""
        self._key = b""

    def request(self, operation: str, parameters: dict[str, Any]) -> bytes:
        """Return one HTTP request of an operation with its JSON parameters."""
        body = json.dumps(parameters, separators=(",", ":")).encode()
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        if now[:8] != self._day:
            self._day, self._key = now[:8], self._derive(now[:8])
        head = (
            f"content-type:{_TYPE}\nhost:{self.netloc}\nx-amz-date:{now}\n"
            f"x-amz-target:{_TARGET}.{operation}\n"
        )
        canonical = f"POST\n/\n\n{head}\n{_NAMES}\n{sha256(body).hexdigest()}"
        scope = f"{self._day}/{self._region}/sqs/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._key, text.encode(), "sha256").hex()
        return (
            f"POST / HTTP/1.1\r\n{head.replace(chr(10), chr(13) + chr(10))}"
            f"authorization:AWS4-HMAC-SHA256 Credential={self._access_key}/{scope}, "
            f"SignedHeaders={_NAMES}, Signature={signature}\r\n"
            f"content-length:{len(body)}\r\n\r\n"
        ).encode() + body

    def _derive(self, day: str) -> bytes:
        key = b"AWS4" + self._secret.encode()
        for part in (day, self._region, "sqs", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key


def answer_in(data: bytes) -> tuple[dict[str, Any], int] | None:
    """Return the answer that `data` starts with and how long it is; None while it is not whole.

    Raises:
        RefusedError: It is an error.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        return None
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    if len(rest) < length:
        return None
    status, body = int(head[9:12]), rest[:length]
    if status != 200:
        raise RefusedError(status, body)
    return (json.loads(body) if body else {}), len(head) + 4 + length


class SqsCaller:
    """One connection that is kept, for a coroutine."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> SqsCaller:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation.

        Raises:
            RefusedError: The gateway answered with an error.
            OSError: There is no connection any more, and nobody knows what became of the call.
        """
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._signer.host, self._signer.port)
        reader, writer = self._streams
        try:
            writer.write(self._signer.request(operation, parameters))
            async with asyncio.timeout(TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                body = await reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise HungUpError(str(error)) from error
        found = answer_in(head + body)
        assert found is not None
        return found[0]

    async def close(self) -> None:
        """End the connection; the next call makes a new one."""
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()
            with suppress(OSError):  # it was reset
                await streams[1].wait_closed()


class SqsSocket:
    """One blocking connection that is kept, and can be ended in any way at any moment."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self.sock = socket.create_connection((signer.host, signer.port), timeout=TIMEOUT_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> SqsSocket:
        return self

    def __exit__(self, *exc: object) -> None:
        self.sock.close()

    def ask(self, operation: str, **parameters: Any) -> None:
        """Send a request and don't wait for the answer."""
        self.sock.sendall(self._signer.request(operation, parameters))

    def answer(self) -> dict[str, Any]:
        """Return the answer to the last request.

        Raises:
            RefusedError: It is an error.
            HungUpError: The gateway closed the connection instead.
        """
        data = b""
        while (found := answer_in(data)) is None:
            chunk = self.sock.recv(1 << 20)
            if not chunk:
                raise HungUpError(f"after {len(data)} bytes of an answer")
            data += chunk
        return found[0]

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation; see `answer`."""
        self.ask(operation, **parameters)
        return self.answer()

    def reset(self) -> None:
        """End the connection as a machine does that has lost it: no good-bye, a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
