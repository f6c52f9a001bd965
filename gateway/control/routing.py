"""Endpoints of the control socket: how a request finds its own, and what answers look like.

Owns path templates and the form of answers and errors: every error is
`{"error": {"code", "message", "hint"}}`. Knows no endpoint.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, final
from urllib.parse import parse_qs, unquote

import orjson

from gateway.errors import GatewayError
from gateway.http.message import Request, Response, StreamingResponse

__all__ = [
    "JSON",
    "NDJSON",
    "Endpoint",
    "Endpoints",
    "Refused",
    "Routes",
    "error_response",
    "json_response",
    "query",
]

Endpoint = Callable[..., Awaitable[Response | StreamingResponse]]
"""Answers a request; called with it and the texts of the path's parameters, percent-decoded."""

Endpoints = Mapping[str, tuple[str, Endpoint]]
"""Method and endpoint by path template, such as `/v1/rules/{name}/enable`.

A parameter stands for one level of the path; the last one, written `{id+}`, for all that is left.
"""

JSON: Final = (("Content-Type", "application/json"),)
NDJSON: Final = (("Content-Type", "application/x-ndjson"),)


class Refused(GatewayError):  # noqa: N818 - reads as a sentence where it is raised
    """The request cannot be answered as it stands.

    Args:
        status: The HTTP status.
        reason: A stable word for programs.
        message: What is wrong, in one sentence.
        hint: What to do about it.
    """

    def __init__(self, status: int, reason: str, message: str, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason


@final
class Routes:
    """Finds a request's endpoint; a template without parameters comes before one with them.

    Args:
        endpoints: The table.
    """

    def __init__(self, endpoints: Endpoints) -> None:
        ordered = sorted(endpoints.items(), key=lambda route: route[0].count("{"))
        self._routes = [
            (template.split("/"), method, endpoint) for template, (method, endpoint) in ordered
        ]
        self._templates = ", ".join(template.replace("+}", "}") for template in endpoints)

    async def answer(self, request: Request) -> Response | StreamingResponse:
        """Answer a request.

        Raises:
            Refused: There is no such endpoint, or it is for another method.
        """
        levels = request.path.split("/")
        others = []
        for template, method, endpoint in self._routes:
            parameters = _match(template, levels)
            if parameters is None:
                continue
            if method == request.method:
                return await endpoint(request, *parameters)
            others.append(method)
        if others:
            raise Refused(
                405,
                "method",
                f"{request.path} is not for {request.method}",
                f"use {' or '.join(others)}",
            )
        raise Refused(
            404,
            "no-such-endpoint",
            f"there is nothing at {request.path}",
            f"there are {self._templates}; the command may be newer than the gateway",
        )


def query(request: Request, known: set[str]) -> dict[str, str]:
    """Return the parameters behind `?`.

    Raises:
        Refused: One is none of the known ones, or comes twice.
    """
    fields = parse_qs(request.query_string, keep_blank_values=True, max_num_fields=16)
    for name, values in fields.items():
        if name not in known:
            raise Refused(
                400,
                "no-such-parameter",
                f"{request.path} takes no parameter {name!r}",
                f"It takes {', '.join(sorted(known))}." if known else "Leave it out.",
            )
        if len(values) > 1:
            raise Refused(400, "parameter-twice", f"{name} comes twice", "Give it once.")
    return {name: values[0] for name, values in fields.items()}


def json_response(document: Mapping[str, object]) -> Response:
    """Return a good answer; values may be dataclasses."""
    return Response(200, orjson.dumps(document, default=str) + b"\n", JSON)


def error_response(status: int, code: str, message: str, hint: str) -> Response:
    """Return an answer that says what is wrong."""
    body = {"error": {"code": code, "message": message, "hint": hint}}
    return Response(status, orjson.dumps(body) + b"\n", JSON)


def _match(template: list[str], levels: list[str]) -> list[str] | None:
    if template[-1].endswith("+}"):
        last = len(template) - 1
        levels = [*levels[:last], "/".join(levels[last:])] if len(levels) > last else levels
    if len(template) != len(levels):
        return None
    parameters = []
    for expected, level in zip(template, levels, strict=True):
        if expected.startswith("{"):
            parameters.append(unquote(level))
        elif expected != level:
            return None
    return parameters
