"""How a failure stands on the wire: AWS JSON, REST-JSON, and the Query protocol.

Owns status, headers and body of everything that is not a success. Decides nothing: which error it
is was said before.

Source: Smithy's AWS JSON protocols, `awsQueryCompatible`, REST-JSON, and AWS Query.
"""

from __future__ import annotations

from typing import Final

from gateway.aws_api.errors import CORAL, AwsError, unknown_operation
from gateway.aws_api.query_protocol import NO_SERVICE, XML, signed_scope, speaks_query
from gateway.aws_api.query_serializer import query_error_body
from gateway.aws_api.serializer import error_body, rest_error_body
from gateway.aws_api.service import Service
from gateway.http.message import Refusal, Request, Response

__all__ = ["query_failure", "refused_request", "service_failure", "unknown_request"]

_JSON_TYPES: Final = ("application/x-amz-json-1.0", "application/x-amz-json-1.1")


_REFUSED: Final = {
    Refusal.BODY_TOO_LARGE: "RequestEntityTooLargeException",
    Refusal.BODY_TOO_SLOW: "RequestTimeoutException",
    Refusal.BODY_MALFORMED: "SerializationException",
    Refusal.OVERLOADED: "ServiceUnavailable",
}


def service_failure(service: Service, error: AwsError, request_id: str) -> Response:
    """Return the answer that says `error` as this service says it."""
    if service.is_rest:
        return _rest_failure(service, error, request_id)
    query_code, status = _query_terms(service, error)
    headers = [("x-amzn-RequestId", request_id), ("Content-Type", service.content_type)]
    if service.query_errors is not None:
        headers.append(("x-amzn-query-error", f"{query_code};{error.fault}"))
    body = error_body(error.namespace or service.namespace, error.code, error.message)
    return Response(error.status or status, body, headers)


def _query_terms(service: Service, error: AwsError) -> tuple[str, int]:
    """Return the code and the status that an error has in the Query protocol."""
    code, status = (service.query_errors or {}).get(error.code, (error.code, 400))
    return error.query_code or code, status


def query_failure(service: Service | None, error: AwsError, request_id: str) -> Response:
    """Return the answer that says `error` in the Query protocol.

    Args:
        service: The service; None where it is not known which one was meant.
        error: The error.
        request_id: The request's id.
    """
    namespace, code, status = NO_SERVICE, error.query_code or error.code, 400
    if service is not None and service.query is not None:
        namespace = service.query.namespace
        code, status = _query_terms(service, error)
    headers = (("x-amzn-RequestId", request_id), ("Content-Type", XML))
    body = query_error_body(namespace, code, error, request_id)
    return Response(error.status or status, body, headers)


def _rest_failure(service: Service, error: AwsError, request_id: str) -> Response:
    """Return the answer in REST-JSON, where the code stands in a header."""
    code = service.common_errors.get(error.code, error.code)
    headers = (
        ("x-amzn-RequestId", request_id),
        ("Content-Type", service.content_type),
        ("x-amzn-ErrorType", code),
    )
    status = error.status or service.statuses.get(code, 400)
    return Response(status, rest_error_body(error.message, error.members), headers)


def refused_request(refusal: Refusal, request: Request, request_id: str) -> Response:
    """Return the answer to a request that the HTTP server turned away."""
    error = AwsError(_REFUSED[refusal], f"{refusal.value}.", refusal.status)
    if request.headers.get("X-Amz-Target") is None and speaks_query(request):
        return query_failure(None, error, request_id)
    return _nobodys(refusal.status, error, request, request_id)


def unknown_request(request: Request, request_id: str) -> Response:
    """Return the answer to a request that is for no operation of any service here."""
    target = request.headers.get("X-Amz-Target")
    service = signed_scope(request)
    if target is None and request.path != "/":
        said = f"{request.method[:16]} {request.path[:128]} is no operation"
        if service:
            said += f" of {service[:64]!r} that is known here"
    elif request.method != "POST":
        said = f"Operations are called by POST, not {request.method[:16]}"
    elif target:
        said = f"{target[:128]!r} is no operation"
    else:
        said = "The request has no X-Amz-Target"
    error = unknown_operation(f"{said}; see the services that Weir serves.")
    status = 400 if request.method == "POST" else 404
    query_error = ("x-amzn-query-error", "InvalidAction;Sender")
    return _nobodys(status, error, request, request_id, query_error)


def _nobodys(
    status: int, error: AwsError, request: Request, request_id: str, *more: tuple[str, str]
) -> Response:
    """Return an answer that no service gives: in AWS JSON, and so that REST-JSON reads it too."""
    asked = request.headers.get("Content-Type") or ""
    headers = [
        ("x-amzn-RequestId", request_id),
        ("Content-Type", asked if asked in _JSON_TYPES else _JSON_TYPES[0]),
        *more,
    ]
    if request.headers.get("X-Amz-Target") is None:
        headers.append(("x-amzn-ErrorType", error.code))
    return Response(status, error_body(CORAL, error.code, error.message), headers)
