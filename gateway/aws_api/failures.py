"""How a failure stands on the wire: AWS JSON, REST-JSON, and the older Query protocol's refusal.

Owns status, headers and body of everything that is not a success. Decides nothing: which error it
is was said before.

Source: Smithy's AWS JSON protocols, `awsQueryCompatible`, and REST-JSON.
"""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape

from gateway.aws_api.errors import CORAL, AwsError, unknown_operation
from gateway.aws_api.serializer import error_body, rest_error_body
from gateway.aws_api.service import Service
from gateway.http.message import Refusal, Request, Response

__all__ = ["refused_request", "service_failure", "unknown_request"]

_FORM: Final = "application/x-www-form-urlencoded"
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
    query_code, status = error.query_code or error.code, 400
    headers = [("x-amzn-RequestId", request_id), ("Content-Type", service.content_type)]
    if service.query_errors is not None:
        query_code, status = service.query_errors.get(error.code, (query_code, status))
        query_code = error.query_code or query_code
        headers.append(("x-amzn-query-error", f"{query_code};{error.fault}"))
    body = error_body(error.namespace or service.namespace, error.code, error.message)
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
    return _nobodys(
        refusal.status, AwsError(_REFUSED[refusal], f"{refusal.value}."), request, request_id
    )


def unknown_request(request: Request, request_id: str) -> Response:
    """Return the answer to a request that is for no operation of any service here."""
    target = request.headers.get("X-Amz-Target")
    if target is None and _speaks_query(request):
        return _query_refusal(request, request_id)
    service = _signed_for(request)
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


def _speaks_query(request: Request) -> bool:
    content_type = request.headers.get("Content-Type") or ""
    return (
        content_type.startswith(_FORM)
        or request.query_string.startswith("Action=")
        or "&Action=" in request.query_string
    )


def _signed_for(request: Request) -> str:
    """Return the service that a signature names, right or wrong; empty if there is none."""
    # Credential=<key>/<date>/<region>/<service>/aws4_request
    credential = (request.headers.get("Authorization") or "").partition("Credential=")[2]
    scope = credential.partition(",")[0].split("/")
    return scope[3] if len(scope) == 5 else ""


def _query_refusal(request: Request, request_id: str) -> Response:
    """Return the answer to a request in AWS's older Query protocol, in that protocol's words."""
    service = _signed_for(request)
    if service not in ("", "sqs"):
        text = f"Weir does not serve {service[:64]!r}."
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
