"""The control socket's endpoints of keys: which there are, and a person's changes to them.

Owns the documents under `/v1/keys`. What a key may be called and whether it may be changed is the
ring's. No secret is in any answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypedDict, final

from gateway.control.routing import Endpoints, Refused, json_response, query
from gateway.http.message import Request, Response
from gateway.store.encryption import KeyInfo, KeyRing
from gateway.store.encryption.errors import (
    EncryptionError,
    KeyDisabled,
    KeyExists,
    KeyFileError,
    KeyNotFound,
    KeyReserved,
    TooManyKeys,
)

__all__ = ["KeyLine", "KeyList", "KeyVersionLine", "key_endpoints"]


class KeyVersionLine(TypedDict):
    """One version of a key; `id` has 8 hexadecimal digits."""

    id: str
    created_ms: int


class KeyLine(TypedDict):
    """One key; `state` is `enabled` or `disabled`, the newest version is the last."""

    name: str
    id: str
    state: str
    built_in: bool
    created_ms: int
    versions: list[KeyVersionLine]


class KeyList(TypedDict):
    """All keys; `wrapped` tells whether their file is wrapped by a master key."""

    wrapped: bool
    keys: list[KeyLine]


_STATUS: Final[tuple[tuple[type[EncryptionError], int], ...]] = (
    (KeyNotFound, 404),
    (KeyExists, 409),
    (KeyReserved, 409),
    (KeyDisabled, 409),
    (TooManyKeys, 409),
    (KeyFileError, 503),
)


def key_endpoints(ring: KeyRing) -> Endpoints:
    """Return the endpoints under `/v1/keys`.

    Args:
        ring: The keys.
    """
    answers = _Answers(ring)
    return {
        "/v1/keys": ("GET", answers.every),
        "/v1/keys/{name}/create": ("POST", answers.create),
        "/v1/keys/{name}/rotate": ("POST", answers.rotate),
        "/v1/keys/{name}/enable": ("POST", answers.enable),
        "/v1/keys/{name}/disable": ("POST", answers.disable),
    }


@final
class _Answers:
    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    async def every(self, request: Request) -> Response:
        query(request, set())
        ring = self._ring
        return json_response({"wrapped": ring.wrapped, "keys": list(map(_line, ring.all()))})

    async def create(self, request: Request, name: str) -> Response:
        query(request, set())
        async with _refusing():
            return _answer(await self._ring.create(name))

    async def rotate(self, request: Request, name: str) -> Response:
        query(request, set())
        async with _refusing():
            await self._ring.rotate(name)
            return _answer(self._ring.info(name))

    async def enable(self, request: Request, name: str) -> Response:
        query(request, set())
        async with _refusing():
            await self._ring.enable(name)
            return _answer(self._ring.info(name))

    async def disable(self, request: Request, name: str) -> Response:
        query(request, set())
        async with _refusing():
            await self._ring.disable(name)
            return _answer(self._ring.info(name))


@asynccontextmanager
async def _refusing() -> AsyncIterator[None]:
    try:
        yield
    except EncryptionError as error:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 400)
        raise Refused(status, error.code, str(error), error.hint) from error


def _answer(key: KeyInfo) -> Response:
    return json_response({**_line(key)})


def _line(key: KeyInfo) -> KeyLine:
    return {
        "name": key.name,
        "id": key.id,
        "state": key.state,
        "built_in": key.built_in,
        "created_ms": key.created_ms,
        "versions": [{"id": each.id, "created_ms": each.created_ms} for each in key.versions],
    }
