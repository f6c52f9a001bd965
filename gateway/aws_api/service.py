"""What the glue of one service gives to the front, and what a handler gets.

Owns the values between the front and the operations: the caller, the call, the service's table.
Knows nothing of HTTP, signatures or engines.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final, final

from gateway.aws_api.authorization import Demands, on_anything
from gateway.aws_api.checker import Check, body_checkers, compile_document_checkers
from gateway.aws_api.model import ServiceModel
from gateway.aws_api.query_protocol import XML, QueryProtocol
from gateway.aws_api.rest_binding import Bind, compile_binders
from gateway.aws_api.serializer import Serialize, compile_rest_serializers, compile_serializers
from gateway.aws_api.violations import Violations

__all__ = ["Call", "Caller", "Handler", "Service"]


@final
class Caller:
    """Who calls, as the signature proves it.

    Attributes:
        access_key_id: The key that signed; empty where signatures are not checked.
        region: The region the request was signed for.
        service: The service it was signed for; empty where signatures are not checked.
    """

    __slots__ = ("access_key_id", "region", "service")

    def __init__(self, access_key_id: str, region: str, service: str) -> None:
        self.access_key_id = access_key_id
        self.region = region
        self.service = service


def _never() -> bool:
    return False


@final
class Call:
    """One call of an operation, beside its parameters.

    Attributes:
        operation: The operation's name.
        caller: Who calls.
        request_id: The id that the answer will carry; it belongs into logs.
        host: The authority the caller used (`127.0.0.1:4566`), for URLs in answers; empty if
            the request named none.
        peer_disconnected: Tells whether the caller has hung up. A handler that waits is cancelled
            when that happens; this is for asking just before something that can't be undone.
        document: For an operation in REST-JSON, its body as the caller wrote it, before the checker
            dropped what the model does not know; None otherwise.
        if_undelivered: What to do if the caller has hung up before the answer is written; the
            handler may set it, so that what the answer promised is undone.
    """

    __slots__ = (
        "caller",
        "document",
        "host",
        "if_undelivered",
        "operation",
        "peer_disconnected",
        "request_id",
    )

    def __init__(
        self,
        operation: str,
        caller: Caller,
        request_id: str,
        host: str = "",
        peer_disconnected: Callable[[], bool] = _never,
        document: object = None,
    ) -> None:
        self.operation = operation
        self.caller = caller
        self.request_id = request_id
        self.host = host
        self.peer_disconnected = peer_disconnected
        self.document = document
        self.if_undelivered: Callable[[], None] | None = None

    @property
    def region(self) -> str:
        """The region the request was signed for: a resource lives in one region."""
        return self.caller.region


Handler = Callable[[dict[str, object], Call], Awaitable[Mapping[str, object]]]
"""One operation: checked parameters in (unknown members gone, blobs as bytes), members out (None
for one that is absent). It raises `AwsError` for the service's own errors and is cancelled when the
caller hangs up."""


@final
class Service:
    """One service behind the front: what its model says, and who serves it.

    AWS JSON, REST-JSON and the Query protocol are told apart by the model; a service may speak AWS
    JSON and Query.

    Args:
        name: Its signing name, such as `sqs`.
        model: Its model; what is served of it is checked and answered by it.
        handlers: The operations that are served, by name.
        violations: How the service words a request that breaks its model.
        namespace: What stands before `#` in its own errors' `__type`; REST-JSON has no such thing.
        query_errors: For a service that once spoke the Query protocol, its errors' codes there
            and their HTTP status; None for the others.
        common_errors: What the service calls errors that every service has, such as
            `InternalFailure`; those that are not there keep their names.
        unsigned: Operations that need no signature, for something in the request is proof enough.
        path_member: In the Query protocol, the member that the request's path stands for where the
            form does not have it; empty for none.
        signing_names: Other names that requests to it may be signed for; its own is one always.
        demands: What a call asks permission for; by default its own action, on nothing in
            particular, so that a policy has to allow it on `*`.

    Raises:
        ValueError: A handler is for an operation that the model does not have, or the model has
            something that is not known here.
    """

    __slots__ = (
        "binders",
        "checks",
        "common_errors",
        "content_type",
        "demands",
        "handlers",
        "name",
        "namespace",
        "operations",
        "paths",
        "query",
        "query_errors",
        "serializers",
        "signing_names",
        "statuses",
        "target_prefix",
        "unsigned",
    )

    def __init__(
        self,
        name: str,
        model: ServiceModel,
        handlers: Mapping[str, Handler],
        *,
        violations: Violations,
        namespace: str = "",
        query_errors: Mapping[str, tuple[str, int]] | None = None,
        common_errors: Mapping[str, str] | None = None,
        unsigned: Collection[str] = (),
        path_member: str = "",
        signing_names: Collection[str] = (),
        demands: Demands | None = None,
    ) -> None:
        unknown = handlers.keys() - model.operations.keys()
        if unknown:
            raise ValueError(f"{name} has no operation {sorted(unknown)[0]}")
        self.name: Final = name
        self.signing_names: Final = frozenset((name, *signing_names))
        self.handlers: Final = dict(handlers)
        self.namespace: Final = namespace
        self.query_errors: Final = query_errors
        self.common_errors: Final = dict(common_errors or {})
        self.unsigned: Final = frozenset(unsigned)
        self.demands: Final = demands or on_anything(name)
        # The method and path template of every operation, served or not; empty for AWS JSON.
        self.paths: Final[dict[str, tuple[str, str]]] = {}
        self.statuses: Final[dict[str, int]] = {}
        self.checks: Final[dict[str, Check]] = {}
        self.binders: Final[dict[str, Bind]] = {}
        self.serializers: Final[dict[str, Serialize]] = {}
        self.operations: Final = tuple(model.operations)
        self.query: QueryProtocol | None = None
        protocol = model.metadata.get("protocol")
        if protocol == "rest-json":
            self.target_prefix, self.content_type = "", "application/json"
            self.paths.update(
                (operation, (parts["http"]["method"], parts["http"]["requestUri"]))
                for operation, parts in model.operations.items()
            )
            self.statuses.update(
                (error, shape["error"]["httpStatusCode"])
                for error, shape in model.shapes.items()
                if "error" in shape
            )
            self.binders.update(compile_binders(model, violations, handlers))
            self.serializers.update(compile_rest_serializers(model, handlers))
        elif protocol == "query":
            self.target_prefix, self.content_type = "", XML
            checks = compile_document_checkers(model, violations, handlers)
            self.query = QueryProtocol(model, checks, path_member=path_member)
        else:
            self.target_prefix = model.metadata["targetPrefix"]
            self.content_type = f"application/x-amz-json-{model.metadata['jsonVersion']}"
            checks = compile_document_checkers(model, violations, model.operations)
            self.checks.update(body_checkers(checks))
            self.serializers.update(compile_serializers(model))
            if "xmlNamespace" in model.metadata:
                self.query = QueryProtocol(model, checks, path_member=path_member)

    @property
    def is_rest(self) -> bool:
        """Whether operations are found by method and path, and errors are told as REST-JSON."""
        return bool(self.paths)
