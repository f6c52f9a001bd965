"""The parameters of an `http` action, rendered: what is posted, where to, and in which batches.

Owns reading and checking them for one message, and the content type. Sends nothing, and does not
know which destinations there are.

Source: AWS IoT Core Developer Guide, "HTTP", "Batching HTTP action messages".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

import orjson

from gateway.engine.failures import ActionFailed
from gateway.http.client import header_problem
from gateway.http.url import HttpUrl

__all__ = [
    "BatchConfig",
    "HttpActionRequest",
    "batch_item",
    "content_type",
    "read_request",
    "read_url",
]

_MAX_HEADERS: Final = 100
_MAX_HEADER_NAME_BYTES: Final = 256
_MAX_HEADERS_BYTES: Final = 16384
"""Names and values together; servers take seldom more."""

_JSON: Final = "application/json"
_BINARY: Final = "application/octet-stream"


@final
@dataclass(frozen=True, slots=True)
class BatchConfig:
    """How messages are gathered into one request.

    Attributes:
        max_open_ms: How long the first message waits for others.
        max_items: How many messages there are at most.
        max_bytes: How large the body may become; one message alone may be larger.
        across_topics: Whether messages of several topics may share a request.
    """

    max_open_ms: int = 20
    max_items: int = 10
    max_bytes: int = 5120
    across_topics: bool = False


@final
@dataclass(frozen=True, slots=True)
class HttpActionRequest:
    """What an action posts, apart from the body; equal ones may share a request.

    Attributes:
        url: Where to.
        headers: The header fields that the rule sets.
        batch: How messages are gathered; None: each goes alone.
    """

    url: HttpUrl
    headers: tuple[tuple[str, str], ...]
    batch: BatchConfig | None


def read_request(parameters: Mapping[str, object]) -> HttpActionRequest:
    """Read what stands under an action's key, its templates replaced.

    Raises:
        ActionFailed: It cannot be used, now or ever.
    """
    return HttpActionRequest(
        read_url(parameters), _headers(parameters.get("headers")), _batch(parameters)
    )


def read_url(parameters: Mapping[str, object]) -> HttpUrl:
    """Read where an action posts to.

    Raises:
        ActionFailed: The address cannot be used, or asks for something that is not there.
    """
    if parameters.get("auth"):
        raise ActionFailed(
            "'auth' asks for signed requests (sigv4), and this gateway has no key to sign for AWS",
            hint="leave 'auth' out and send a token in a header, or post to a local server",
        )
    text = parameters.get("url")
    try:
        url = HttpUrl.parse(text if isinstance(text, str) else "")
    except ValueError as error:
        shown = str(text).partition("?")[0][:80]  # a query may hold a key
        raise ActionFailed(f"the url {shown!r} cannot be used: {error}") from None
    return url


def content_type(payload: bytes) -> str:
    """Return the content type of a payload whose rule sets none."""
    return _JSON if _is_json(payload) else _BINARY


def batch_item(payload: bytes) -> bytes:
    """Return a payload as an item of the JSON array that a batch is.

    Raises:
        ActionFailed: It is no text.
    """
    if _is_json(payload):
        return payload
    try:
        return orjson.dumps(payload.decode())
    except UnicodeDecodeError:
        raise ActionFailed(
            "the result is not UTF-8, and a batch is JSON",
            hint="send it in base64: encode(*, 'base64'); or set enableBatching to false",
        ) from None


def _headers(value: object) -> tuple[tuple[str, str], ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > _MAX_HEADERS:
        raise ActionFailed(f"'headers' must be an array of at most {_MAX_HEADERS} headers")
    headers: list[tuple[str, str]] = []
    size_bytes = 0
    for entry in value:
        fields = entry if isinstance(entry, dict) else {}
        name, text = fields.get("key"), fields.get("value")
        if not isinstance(name, str) or not isinstance(text, str):
            raise ActionFailed("a header needs a 'key' and a 'value', both texts")
        problem = header_problem(name, text)
        if problem:
            raise ActionFailed(problem)
        if len(name) > _MAX_HEADER_NAME_BYTES:
            raise ActionFailed(f"the header {name[:40]!r}… has a name of {len(name)} bytes")
        size_bytes += len(name) + len(text.encode())
        headers.append((name, text))
    if size_bytes > _MAX_HEADERS_BYTES:
        raise ActionFailed(
            f"the headers have {size_bytes} bytes; at most {_MAX_HEADERS_BYTES}",
            hint="send large values in the body",
        )
    return tuple(headers)


def _batch(parameters: Mapping[str, object]) -> BatchConfig | None:
    if parameters.get("enableBatching") is not True:
        return None
    given = parameters.get("batchConfig")
    config = given if isinstance(given, dict) else {}
    usual = BatchConfig()
    return BatchConfig(
        _whole(config, "maxBatchOpenMs", 5, 200, usual.max_open_ms),
        _whole(config, "maxBatchSize", 2, 10, usual.max_items),
        _whole(config, "maxBatchSizeBytes", 100, 131072, usual.max_bytes),
        config.get("batchAcrossTopics") is True,
    )


def _whole(config: Mapping[str, object], key: str, low: int, high: int, usual: int) -> int:
    value = config.get(key, usual)
    if type(value) is not int or not low <= value <= high:
        raise ActionFailed(f"'{key}' must be a whole number from {low} to {high}")
    return value


def _is_json(payload: bytes) -> bool:
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError:
        return False
    return True
