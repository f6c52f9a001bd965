"""Routes: which operation of which service a request is for, and how it is read and answered.

Owns the tables (`X-Amz-Target` in AWS JSON, method and path in REST-JSON, action in Query) and the
order in which they are asked. Knows no signatures and no failures.

Source: Smithy's AWS JSON 1.0 and 1.1, REST-JSON and AWS Query protocols.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, cast, final

from gateway.aws_api.failures import query_failure, service_failure
from gateway.aws_api.query_forms import Node
from gateway.aws_api.query_protocol import XML, QueryProtocol, QueryRouter, speaks_query
from gateway.aws_api.rest_routing import RestRouter
from gateway.aws_api.service import Service
from gateway.http.message import Request

__all__ = ["Found", "Route", "Routes"]

Found = Mapping[str, Node]
"""What finding the route has read already: a path's labels, or a form's fields."""

_Read = Callable[[Request, Found], tuple[dict[str, object], object]]
"""Returns the parameters, and the body as it was written where the protocol is REST-JSON."""

_Serialize = Callable[[Mapping[str, object], str], bytes]
"""Takes members and the request's id, and returns the body."""

_NOTHING: Final[Found] = {}


@final
class Route:
    """One operation of one service in one protocol, everything looked up beforehand.

    Args:
        service: The service.
        operation: The operation's name.
        query: The service's side of the Query protocol, if the route is of that protocol.
    """

    __slots__ = (
        "content_type",
        "fail",
        "handler",
        "needs_signature",
        "operation",
        "read",
        "serialize",
        "service",
    )

    def __init__(
        self, service: Service, operation: str, query: QueryProtocol | None = None
    ) -> None:
        self.service = service
        self.operation = operation
        self.needs_signature = operation not in service.unsigned
        self.handler: Final = service.handlers.get(operation)
        self.read: Final = _reader(service, operation, query)
        self.serialize: Final = _serializer(service, operation, query)
        self.content_type: Final = service.content_type if query is None else XML
        self.fail: Final = service_failure if query is None else query_failure


def _reader(service: Service, operation: str, query: QueryProtocol | None) -> _Read | None:
    if query is not None:
        bind_fields = query.binders.get(operation)
        if bind_fields is None:
            return None
        return lambda request, fields: (
            bind_fields(cast("dict[str, Node]", fields), request),
            None,
        )
    check = service.checks.get(operation)
    if check is not None:
        return lambda request, found: (check(request.body), None)
    bind = service.binders.get(operation)
    if bind is None:
        return None
    return lambda request, labels: bind(
        cast("Mapping[str, str]", labels), request.query_string, request.headers, request.body
    )


def _serializer(service: Service, operation: str, query: QueryProtocol | None) -> _Serialize | None:
    if query is not None:
        return query.serializers.get(operation)
    serialize = service.serializers.get(operation)
    return None if serialize is None else lambda members, request_id: serialize(members)


@final
class Routes:
    """The operations of any number of services on one port.

    Args:
        services: The services.
    """

    __slots__ = ("_actions", "_paths", "_targets")

    def __init__(self, services: Iterable[Service]) -> None:
        self._targets: dict[str, Route] = {}
        self._paths: RestRouter[Route] = RestRouter()
        self._actions: QueryRouter[Route] = QueryRouter()
        for service in services:
            for operation in service.checks:
                self._targets[f"{service.target_prefix}.{operation}"] = Route(service, operation)
            for operation, (method, template) in service.paths.items():
                self._paths.add(method, template, Route(service, operation))
            query = service.query
            if query is not None:
                targets = {name: Route(service, name, query) for name in service.operations}
                self._actions.add(service.name, query.version, targets)

    def find(self, request: Request) -> tuple[Route, Found] | None:
        """Return what a request is for and what was read to find it; None if it is for nothing.

        Raises:
            AwsError: It speaks the Query protocol, and is malformed or names no action that is
                known here.
        """
        target = request.headers.get("X-Amz-Target")
        if target is not None:
            route = self._targets.get(target)
            return None if route is None or request.method != "POST" else (route, _NOTHING)
        found = self._paths.find(request.method, request.path)
        if found is not None:
            return found
        if request.method in ("GET", "POST") and speaks_query(request):
            return self._actions.find(request)
        return None
