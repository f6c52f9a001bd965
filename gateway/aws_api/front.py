"""The front: an HTTP request in, the answer of one service's operation out, in AWS's own shapes.

Owns dispatch by `X-Amz-Target`, the order of the checks (known, signed, well-formed), and how every
failure is answered. No exception leaves it but cancellation. Knows no service.

Source: Smithy's AWS JSON 1.0 and 1.1 protocols and `awsQueryCompatible`.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable
from typing import Final, final
from xml.sax.saxutils import escape

from gateway.aws_api import errors
from gateway.aws_api.errors import CORAL, AwsError
from gateway.aws_api.serializer import error_body
from gateway.aws_api.service import Call, Caller, Handler, Service
from gateway.aws_api.sigv4 import SignatureVerifier
from gateway.errors import StoreClosed, StoreFailed, StoreFull
from gateway.http.message import Refusal, Request, Response
from gateway.metrics import Metrics

__all__ = ["Front"]

_log = logging.getLogger(__name__)

_FORM: Final = "application/x-www-form-urlencoded"

_REFUSED: Final = {
    Refusal.BODY_TOO_LARGE: "RequestEntityTooLargeException",
    Refusal.BODY_TOO_SLOW: "RequestTimeoutException",
    Refusal.BODY_MALFORMED: "SerializationException",
    Refusal.OVERLOADED: "ServiceUnavailable",
}


@final
class _Route:
    """One operation of one service, everything looked up beforehand."""

    __slots__ = ("check", "handler", "operation", "serialize", "service")

    def __init__(self, service: Service, operation: str) -> None:
        self.service = service
        self.operation = operation
        self.check = service.checks[operation]
        self.serialize = service.serializers[operation]
        self.handler: Handler | None = service.handlers.get(operation)


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
        self._routes = {
            f"{service.target_prefix}.{operation}": _Route(service, operation)
            for service in services
            for operation in service.checks
        }
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
        route = None if target is None else self._routes.get(target)
        if route is None or request.method != "POST":
            return self._no_route(request, target, request_id)
        try:
            caller = self._authenticate(request, route)
            handler = route.handler
            if handler is None:
                raise AwsError(
                    "UnsupportedOperation", f"Weir does not serve {route.operation} yet.", 400
                )
            parameters = route.check(request.body)
            call = Call(
                route.operation,
                caller,
                request_id,
                request.headers.get("Host") or "",
                lambda: request.disconnected,
            )
            body = route.serialize(await handler(parameters, call))
        except AwsError as error:
            return self._failure(route.service, error, request_id)
        except (StoreFull, StoreFailed, StoreClosed) as error:
            said = f"{error} {error.hint}".strip()
            return self._failure(route.service, errors.service_unavailable(said), request_id)
        except Exception:
            _log.exception("%s failed; request id %s", target, request_id)
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
        headers = (
            ("x-amzn-RequestId", self._next_request_id()),
            ("Content-Type", _content_type(request)),
        )
        body = error_body(CORAL, _REFUSED[refusal], f"{refusal.value}.")
        return Response(refusal.status, body, headers)

    def _authenticate(self, request: Request, route: _Route) -> Caller:
        if self._verifier is None:
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
        """Return the answer that says `error` as this service says it."""
        if error.fault == "Sender":
            self._sender.value += 1
        else:
            self._receiver.value += 1
        query_code, status = error.query_code or error.code, 400
        headers = [("x-amzn-RequestId", request_id), ("Content-Type", service.content_type)]
        if service.query_errors is not None:
            query_code, status = service.query_errors.get(error.code, (query_code, status))
            query_code = error.query_code or query_code
            headers.append(("x-amzn-query-error", f"{query_code};{error.fault}"))
        body = error_body(error.namespace or service.namespace, error.code, error.message)
        return Response(error.status or status, body, headers)

    def _no_route(self, request: Request, target: str | None, request_id: str) -> Response:
        self._sender.value += 1
        if target is None and _speaks_query(request):
            return _query_refusal(request, request_id)
        said = f"{target[:128]!r} is no operation" if target else "The request has no X-Amz-Target"
        if request.method != "POST":
            said = f"Operations are called by POST, not {request.method[:16]}"
        error = errors.unknown_operation(f"{said}; see the services that Weir serves.")
        headers = (
            ("x-amzn-RequestId", request_id),
            ("Content-Type", _content_type(request)),
            ("x-amzn-query-error", "InvalidAction;Sender"),
        )
        status = 400 if request.method == "POST" else 404
        return Response(status, error_body(CORAL, error.code, error.message), headers)

    def _next_request_id(self) -> str:
        self._request_count += 1
        return f"{self._request_prefix}-{self._request_count & 0xFFFF_FFFF_FFFF:012x}"


def _request_prefix() -> str:
    """Return all but the last part of a random UUID; counting is much cheaper than drawing."""
    drawn = secrets.token_hex(9)
    return f"{drawn[:8]}-{drawn[8:12]}-4{drawn[12:15]}-8{drawn[15:18]}"


def _content_type(request: Request) -> str:
    asked = request.headers.get("Content-Type") or ""
    return asked if asked in _JSON_TYPES else "application/x-amz-json-1.0"


_JSON_TYPES: Final = ("application/x-amz-json-1.0", "application/x-amz-json-1.1")


def _speaks_query(request: Request) -> bool:
    content_type = request.headers.get("Content-Type") or ""
    return (
        content_type.startswith(_FORM)
        or request.query_string.startswith("Action=")
        or "&Action=" in request.query_string
    )


def _query_refusal(request: Request, request_id: str) -> Response:
    """Return the answer to a request in AWS's older Query protocol, in that protocol's words."""
    # Signed for: Credential=<key>/<date>/<region>/<service>/aws4_request
    signed_for = (request.headers.get("Authorization") or "").partition("Credential=")[2]
    scope = signed_for.partition(",")[0].split("/")
    if len(scope) == 5 and scope[3] != "sqs":
        text = f"Weir does not serve {scope[3][:64]!r}."
    else:
        text = (
            "Weir does not speak the Query protocol yet. Use a client that calls SQS in JSON, as "
            "every AWS SDK and the AWS CLI have done since the end of 2023."
        )
    said = escape(text)
    body = (
        '<?xml version="1.0"?>'
        '<ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><Error>'
        "<Type>Sender</Type><Code>AWS.SimpleQueueService.UnsupportedOperation</Code>"
        f"<Message>{said}</Message><Detail/></Error><RequestId>{request_id}</RequestId>"
        "</ErrorResponse>"
    )
    headers = (("x-amzn-RequestId", request_id), ("Content-Type", "text/xml"))
    return Response(400, body.encode(), headers)
