"""The front: an HTTP request in, the answer of one service's operation out, in AWS's own shapes.

Owns dispatch (by `X-Amz-Target` in AWS JSON, by method and path in REST-JSON), the order of the
checks (known, signed, well-formed), and that every failure is answered. No exception leaves it but
cancellation. Knows no service; how a failure looks is `failures`'s.

Where signatures are not checked, a request that carries `Origin` is refused: it comes from a page
in a browser, which anybody may have written, and a REST call needs no header that would make the
browser ask first.

Source: Smithy's AWS JSON 1.0 and 1.1 protocols, and REST-JSON.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Final, final

from gateway.aws_api import errors
from gateway.aws_api.errors import AwsError
from gateway.aws_api.failures import refused_request, service_failure, unknown_request
from gateway.aws_api.rest_routing import RestRouter
from gateway.aws_api.service import Call, Caller, Service
from gateway.aws_api.sigv4 import SignatureVerifier
from gateway.errors import StoreClosed, StoreFailed, StoreFull
from gateway.http.message import Refusal, Request, Response
from gateway.metrics import Metrics

__all__ = ["Front"]

_log = logging.getLogger(__name__)

_Read = Callable[[Request, Mapping[str, str]], tuple[dict[str, object], object]]
"""Takes a request and its path's labels; returns the parameters, and the body as it was written
where the protocol is REST-JSON."""


@final
class _Route:
    """One operation of one service, everything looked up beforehand."""

    __slots__ = ("handler", "needs_signature", "operation", "read", "serialize", "service")

    def __init__(self, service: Service, operation: str) -> None:
        self.service = service
        self.operation = operation
        self.needs_signature = operation not in service.unsigned
        self.read: Final = _reader(service, operation)
        self.serialize: Final = service.serializers.get(operation)
        self.handler: Final = service.handlers.get(operation)


def _reader(service: Service, operation: str) -> _Read | None:
    check = service.checks.get(operation)
    if check is not None:
        return lambda request, labels: (check(request.body), None)
    bind = service.binders.get(operation)
    if bind is None:
        return None
    return lambda request, labels: bind(labels, request.query_string, request.headers, request.body)


@final
class Front:
    """Answers AWS requests for any number of services on one port.

    Args:
        services: What is served.
        region: The region that callers are taken to mean where signatures are not checked.
        verifier: Verifies signatures; None believes everybody (loopback only).
        wall_s: Wall time in seconds since 1970.
        wall_is_trusted: Whether that time is right; while it isn't, a signature's age is not
            checked, so that a wrong clock locks nobody out.
        metrics: Where the counters `aws.…` live.
    """

    def __init__(
        self,
        services: Iterable[Service],
        *,
        region: str,
        verifier: SignatureVerifier | None,
        wall_s: Callable[[], float],
        wall_is_trusted: Callable[[], bool],
        metrics: Metrics,
    ) -> None:
        self._routes: dict[str, _Route] = {}
        self._paths: RestRouter[_Route] = RestRouter()
        for service in services:
            for operation in service.checks:
                route = _Route(service, operation)
                self._routes[f"{service.target_prefix}.{operation}"] = route
            for operation, (method, template) in service.paths.items():
                self._paths.add(method, template, _Route(service, operation))
        self._anyone = Caller("", region, "")
        self._verifier = verifier
        self._wall_s = wall_s
        self._wall_is_trusted = wall_is_trusted
        self._served = metrics.counter("aws.requests.served", "requests answered with success")
        self._sender = metrics.counter("aws.requests.refused", "requests that callers got wrong")
        self._receiver = metrics.counter("aws.requests.failed", "requests that the gateway failed")
        self._unsigned = metrics.counter("aws.requests.unauthenticated", "wrong or no signatures")
        self._request_prefix = _request_prefix()
        self._request_count = 0

    async def handle(self, request: Request) -> Response:
        """Answer one request; this is the HTTP server's handler.

        It is cancelled when the caller hangs up, and passes that on to the operation's handler.
        """
        request_id = self._next_request_id()
        target = request.headers.get("X-Amz-Target")
        route: _Route | None = None
        labels: Mapping[str, str] = {}
        if target is None:
            found = self._paths.find(request.method, request.path)
            if found is not None:
                route, labels = found
        elif request.method == "POST":
            route = self._routes.get(target)
        if route is None:
            self._sender.value += 1
            return unknown_request(request, request_id)
        try:
            caller = self._authenticate(request, route)
            read, handler, serialize = route.read, route.handler, route.serialize
            if read is None or handler is None or serialize is None:
                raise AwsError(
                    "UnsupportedOperation", f"Weir does not serve {route.operation} yet.", 400
                )
            parameters, document = read(request, labels)
            call = Call(
                route.operation,
                caller,
                request_id,
                request.headers.get("Host") or "",
                lambda: request.disconnected,
                document,
            )
            body = serialize(await handler(parameters, call))
        except AwsError as error:
            return self._failure(route.service, error, request_id)
        except (StoreFull, StoreFailed, StoreClosed) as error:
            said = f"{error} {error.hint}".strip()
            return self._failure(route.service, errors.service_unavailable(said), request_id)
        except Exception:
            _log.exception("%s failed; request id %s", route.operation, request_id)
            failure = errors.internal_failure(
                f"The gateway failed; its log says why, under the request id {request_id}."
            )
            return self._failure(route.service, failure, request_id)
        self._served.value += 1
        headers = (("x-amzn-RequestId", request_id), ("Content-Type", route.service.content_type))
        return Response(200, body, headers, call.if_undelivered)

    def refuse(self, refusal: Refusal, request: Request) -> Response:
        """Answer a request that the HTTP server turned away; this is its hook."""
        self._sender.value += 1
        return refused_request(refusal, request, self._next_request_id())

    def _authenticate(self, request: Request, route: _Route) -> Caller:
        if self._verifier is None:
            if request.headers.get("Origin") is not None:
                self._unsigned.value += 1
                raise errors.access_denied(
                    "Requests from pages in a browser are not served: they carry no signature that "
                    "could be checked here."
                )
            return self._anyone
        if not route.needs_signature and request.headers.get("Authorization") is None:
            return self._anyone
        try:
            caller = self._verifier.verify(
                request.method,
                request.path,
                request.query_string,
                request.headers,
                request.body,
                now_s=self._wall_s(),
                check_skew=self._wall_is_trusted(),
            )
            if caller.service != route.service.name:
                raise errors.invalid_signature(
                    f"Credential should be scoped to correct service: '{route.service.name}'."
                )
        except AwsError:
            self._unsigned.value += 1
            raise
        return caller

    def _failure(self, service: Service, error: AwsError, request_id: str) -> Response:
        if error.fault == "Sender":
            self._sender.value += 1
        else:
            self._receiver.value += 1
        return service_failure(service, error, request_id)

    def _next_request_id(self) -> str:
        self._request_count += 1
        return f"{self._request_prefix}-{self._request_count & 0xFFFF_FFFF_FFFF:012x}"


def _request_prefix() -> str:
    """Return all but the last part of a random UUID; counting is much cheaper than drawing."""
    drawn = secrets.token_hex(9)
    return f"{drawn[:8]}-{drawn[8:12]}-4{drawn[12:15]}-8{drawn[15:18]}"
