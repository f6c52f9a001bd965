"""The control socket's endpoints of credentials: which access keys there are, and changing them.

Owns the documents under `/v1/credentials`. A secret stands in the answers to `create`, `rotate` and
`env` only. What a key may be called and what a policy may say is `gateway.identity`'s.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, cast, final

import orjson

from gateway.control.credential_documents import CredentialLine, CredentialList, NewCredential
from gateway.control.routing import Endpoints, Refused, json_response, query
from gateway.http.message import Request, Response
from gateway.identity.credentials import (
    AccessKey,
    Credentials,
    CredentialsError,
    KeyNameTaken,
    KeyNotFound,
    LastAdministrator,
    TooManyKeys,
    WrongKeyName,
)
from gateway.identity.policy import BUILT_IN, CUSTOM, Policy
from gateway.identity.policy_document import PolicyError, parse_policy

__all__ = ["credential_endpoints"]

_CREATE_FORM: Final = (
    f'Send {{"name": text, "policy": {" or ".join(BUILT_IN)}}}, or "document" with the text of a '
    "policy instead of a policy's name."
)

_STATUS: Final[Mapping[type[CredentialsError], int]] = {
    KeyNotFound: 404,
    WrongKeyName: 400,
    KeyNameTaken: 409,
    TooManyKeys: 409,
    LastAdministrator: 409,
}


def credential_endpoints(
    credentials: Credentials | None, env: Callable[[AccessKey], Mapping[str, str]], auth: str
) -> Endpoints:
    """Return the endpoints under `/v1/credentials`.

    Args:
        credentials: The access keys; None where there is no AWS endpoint.
        env: Gives the variables that point AWS clients here with this key.
        auth: How callers are known: `sigv4`, or `none`.
    """
    answers = _Answers(credentials, env, auth)
    return {
        "/v1/credentials": ("GET", answers.every),
        "/v1/credentials/create": ("POST", answers.create),
        "/v1/credentials/{credential}/env": ("GET", answers.env),
        "/v1/credentials/{credential}/rotate": ("POST", answers.rotate),
        "/v1/credentials/{credential}/enable": ("POST", answers.enable),
        "/v1/credentials/{credential}/disable": ("POST", answers.disable),
        "/v1/credentials/{credential}/delete": ("POST", answers.delete),
    }


@final
class _Answers:
    def __init__(
        self,
        credentials: Credentials | None,
        env: Callable[[AccessKey], Mapping[str, str]],
        auth: str,
    ) -> None:
        self._given = credentials
        self._env = env
        self._auth = auth

    async def every(self, request: Request) -> Response:
        query(request, set())
        every = [self._line(key) for key in self._credentials.all()]
        answer: CredentialList = {"auth": self._auth, "credentials": every}
        return json_response({**answer})

    async def env(self, request: Request, credential: str) -> Response:
        query(request, set())
        async with _refusing():
            return json_response(dict(self._env(self._credentials.find(credential))))

    async def create(self, request: Request) -> Response:
        name, policy = _wanted(request.body)
        async with _refusing():
            return self._with_secret(await self._credentials.create(name, policy))

    async def rotate(self, request: Request, credential: str) -> Response:
        async with _refusing():
            return self._with_secret(await self._credentials.rotate(credential))

    async def enable(self, request: Request, credential: str) -> Response:
        async with _refusing():
            return self._told(await self._credentials.set_active(credential, True))

    async def disable(self, request: Request, credential: str) -> Response:
        async with _refusing():
            return self._told(await self._credentials.set_active(credential, False))

    async def delete(self, request: Request, credential: str) -> Response:
        async with _refusing():
            return self._told(await self._credentials.delete(credential))

    @property
    def _credentials(self) -> Credentials:
        if self._given is None:
            raise Refused(
                404,
                "no-aws-endpoint",
                "this gateway has no AWS endpoint, so it has no credentials",
                "Add a section [aws] to its settings, and restart it.",
            )
        return self._given

    def _line(self, key: AccessKey) -> CredentialLine:
        return {
            "name": key.name,
            "access_key_id": key.access_key_id,
            "active": key.active,
            "policy": key.policy.name,
            "document": key.policy.document,
            "default": key is self._credentials.default,
        }

    def _told(self, key: AccessKey) -> Response:
        return json_response({**self._line(key)})

    def _with_secret(self, key: AccessKey) -> Response:
        answer: NewCredential = {**self._line(key), "secret_access_key": key.secret_access_key}
        return json_response({**answer})


@asynccontextmanager
async def _refusing() -> AsyncIterator[None]:
    try:
        yield
    except CredentialsError as error:
        # What is none of these is the disk's.
        status = _STATUS.get(type(error), 503)
        raise Refused(status, error.code, str(error), error.hint) from error


def _wanted(body: bytes) -> tuple[str, Policy]:
    """Return the name and the policy of a key that is to be made."""

    def refused(message: str) -> Refused:
        return Refused(400, "bad-credential", message, _CREATE_FORM)

    try:
        document: object = orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        raise refused(f"the body is no JSON: {fault}") from None
    if not isinstance(document, dict):
        raise refused("the body is no JSON object")
    fields = cast("dict[str, object]", document)
    if fields.keys() not in ({"name", "policy"}, {"name", "document"}):
        raise refused("the body does not have 'name', and one of 'policy' and 'document'")
    for key, value in fields.items():
        if not isinstance(value, str):
            raise refused(f"{key!r} is no text")
    texts = cast("dict[str, str]", fields)
    if "policy" in texts:
        policy = BUILT_IN.get(texts["policy"])
        if policy is None:
            raise refused(f"there is no policy {texts['policy']!r:.100}")
        return texts["name"], policy
    try:
        return texts["name"], Policy(CUSTOM, parse_policy(texts["document"]))
    except PolicyError as error:
        raise Refused(400, error.code, str(error), error.hint) from error
