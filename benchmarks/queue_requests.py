"""Requests to SQS as boto3 sends them: AWS JSON, its headers, signed for real (SigV4).

Owns the bytes of a request. botocore makes one in about a millisecond; here it takes some
microseconds, so that whoever sends them is not what is measured. Does no I/O.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass, field
from typing import Any, final

import orjson

USER_AGENT = (
    "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux#6.1.0 md/arch#x86_64 lang/python#3.11.7 "
    "md/pyimpl#CPython m/e,Z,N,b,E cfg/retry-mode#standard Botocore/1.44.5"
)
_ALGORITHM = "AWS4-HMAC-SHA256"
_SIGNED = "content-type;host;x-amz-date;x-amz-target;x-amzn-query-mode"
_CONTENT_TYPE = "application/x-amz-json-1.0"
_INVOCATION = "95d30176-2ba1-4395-bd26-9dfa35f5ee87"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go, and as whom.

    Attributes:
        port: The port on 127.0.0.1.
        access_key_id: Who signs.
        secret: With which secret.
        region: For which region.
    """

    port: int
    access_key_id: str
    secret: str = field(repr=False)
    region: str = "us-east-1"


@final
class Signer:
    """Makes requests for one endpoint.

    Args:
        endpoint: Where they go.
    """

    __slots__ = ("_access_key_id", "_day", "_host", "_key", "_region", "_secret")

    def __init__(self, endpoint: Endpoint) -> None:
        self._host = f"127.0.0.1:{endpoint.port}"
        self._access_key_id = endpoint.access_key_id
        self._secret = endpoint.secret
        self._region = endpoint.region
        self._day = ""
        self._key = b""

    def request(self, operation: str, parameters: dict[str, Any]) -> bytes:
        """Return the whole request of an operation, signed as of now."""
        body = orjson.dumps(parameters)
        at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        if at[:8] != self._day:
            self._day = at[:8]
            self._key = self._signing_key()
        scope = f"{self._day}/{self._region}/sqs/aws4_request"
        target = f"AmazonSQS.{operation}"
        canonical = (
            f"POST\n/\n\ncontent-type:{_CONTENT_TYPE}\nhost:{self._host}\nx-amz-date:{at}\n"
            f"x-amz-target:{target}\nx-amzn-query-mode:true\n\n{_SIGNED}\n"
            f"{hashlib.sha256(body).hexdigest()}"
        )
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = f"{_ALGORITHM}\n{at}\n{scope}\n{digest}"
        signature = hmac.digest(self._key, to_sign.encode(), "sha256").hex()
        head = (
            f"POST / HTTP/1.1\r\nHost: {self._host}\r\nAccept-Encoding: identity\r\n"
            f"X-Amz-Target: {target}\r\nContent-Type: {_CONTENT_TYPE}\r\n"
            f"x-amzn-query-mode: true\r\nUser-Agent: {USER_AGENT}\r\nX-Amz-Date: {at}\r\n"
            f"Authorization: {_ALGORITHM} Credential={self._access_key_id}/{scope}, "
            f"SignedHeaders={_SIGNED}, Signature={signature}\r\n"
            f"amz-sdk-invocation-id: {_INVOCATION}\r\namz-sdk-request: attempt=1; max=3\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def _signing_key(self) -> bytes:
        key = b"AWS4" + self._secret.encode()
        for part in (self._day, self._region, "sqs", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key
