"""The front: an HTTP request in, the answer of one service's operation out, in AWS's own shapes.

Owns the order of the checks (known, signed for here, well-formed, allowed), and that every failure
is answered. No exception leaves it but cancellation. Knows no service; what a request is for is
`routes`'s business, how a failure looks is `failures`'s.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable
from typing import final

from gateway.aws_api import errors
from gateway.aws_api.authorization import Authorizer
from gateway.aws_api.browser_pages import refuse_pages
from gateway.aws_api.errors import AwsError
from gateway.aws_api.failures import query_failure, refused_request, unknown_request
from gateway.aws_api.routes import Route, Routes
from gateway.aws_api.service import Call, Caller, Service
from gateway.aws_api.sigv4 import SignatureVerifier
from gateway.errors import StoreClosed, StoreFailed, StoreFull
from gateway.http.message import Refusal, Request, Response
from gateway.metrics import Metrics

__all__ = ["Front"]

_log = logging.getLogger(__name__)


@final
class Front:
    """Answers AWS requests for any number of services on one port.

    Args:
        services: What is served.
        region: The gateway's region: a request that is signed for another one is refused.
        verifier: Verifies signatures; None believes everybody (loopback only).
        authorizer: Holds those who signed to the policies of their keys; None: everybody may do
            everything.
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
        authorizer: Authorizer | None = None,
    ) -> None:
        self._routes = Routes(services)
        self._region = region
        self._anyone = Caller("", region, "")
        self._verifier = verifier
        self._authorizer = authorizer
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
        try:
            found = self._routes.find(request)
        except AwsError as error:
            self._sender.value += 1
            return query_failure(None, error, request_id)
        if found is None:
            self._sender.value += 1
            return unknown_request(request, request_id)
        route, read_already = found
        try:
            caller = self._authenticate(request, route)
            read, handler, serialize = route.read, route.handler, route.serialize
            if read is None or handler is None or serialize is None:
                raise AwsError(
                    "UnsupportedOperation", f"Weir does not serve {route.operation} yet.", 400
                )
            parameters, document = read(request, read_already)
            if self._authorizer is not None and caller is not self._anyone:
                self._authorizer.check(
                    caller.access_key_id, route.service.demands, route.operation, parameters
                )
            call = Call(
                route.operation,
                caller,
                request_id,
                request.headers.get("Host") or "",
                lambda: request.disconnected,
                document,
            )
            body = serialize(await handler(parameters, call), request_id)
        except AwsError as error:
            return self._failure(route, error, request_id)
        except (StoreFull, StoreFailed, StoreClosed) as error:
            said = f"{error} {error.hint}".strip()
            return self._failure(route, errors.service_unavailable(said), request_id)
        except Exception:
            _log.exception("%s failed; request id %s", route.operation, request_id)
            failure = errors.internal_failure(
                f"The gateway failed; its log says why, under the request id {request_id}."
            )
            return self._failure(route, failure, request_id)
        self._served.value += 1
        headers = (("x-amzn-RequestId", request_id), ("Content-Type", route.content_type))
        return Response(200, body, headers, call.if_undelivered)

    def refuse(self, refusal: Refusal, request: Request) -> Response:
        """Answer a request that the HTTP server turned away; this is its hook."""
        self._sender.value += 1
        return refused_request(refusal, request, self._next_request_id())

    def _authenticate(self, request: Request, route: Route) -> Caller:
        if not route.needs_signature and (
            self._verifier is None or request.headers.get("Authorization") is None
        ):
            return self._anyone
        try:
            if self._verifier is None:
                refuse_pages(request.headers)
                return self._anyone
            caller = self._verifier.verify(
                request.method,
                request.path,
                request.query_string,
                request.headers,
                request.body,
                now_s=self._wall_s(),
                check_skew=self._wall_is_trusted(),
            )
            self._check_scope(caller, route.service)
        except AwsError:
            self._unsigned.value += 1
            raise
        return caller

    def _check_scope(self, caller: Caller, service: Service) -> None:
        said = ""
        if caller.region != self._region:
            said = (
                f"Credential should be scoped to a valid region, not '{caller.region[:64]}'. "
                f"This gateway's region is '{self._region}'. "
            )
        if caller.service not in service.signing_names:
            said += f"Credential should be scoped to correct service: '{service.name}'. "
        if said:
            raise errors.invalid_signature(said)

    def _failure(self, route: Route, error: AwsError, request_id: str) -> Response:
        if error.fault == "Sender":
            self._sender.value += 1
        else:
            self._receiver.value += 1
        return route.fail(route.service, error, request_id)

    def _next_request_id(self) -> str:
        self._request_count += 1
        return f"{self._request_prefix}-{self._request_count & 0xFFFF_FFFF_FFFF:012x}"


def _request_prefix() -> str:
    """Return all but the last part of a random UUID; counting is much cheaper than drawing."""
    drawn = secrets.token_hex(9)
    return f"{drawn[:8]}-{drawn[8:12]}-4{drawn[12:15]}-8{drawn[15:18]}"
