"""What the glue of one service gives to the front, and what a handler gets.

Owns the values between the front and the operations: the caller, the call, the service's table.
Knows nothing of HTTP, signatures or engines.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, final

from gateway.aws_api.checker import Check, compile_checkers
from gateway.aws_api.model import ServiceModel
from gateway.aws_api.serializer import Serialize, compile_serializers
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
        if_undelivered: What to do if the caller has hung up before the answer is written; the
            handler may set it, so that what the answer promised is undone.
    """

    __slots__ = (
        "caller",
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
    ) -> None:
        self.operation = operation
        self.caller = caller
        self.request_id = request_id
        self.host = host
        self.peer_disconnected = peer_disconnected
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

    Args:
        name: Its signing name, such as `sqs`.
        model: Its model; every operation in it is checked and answered by it.
        handlers: The operations that are served, by name.
        violations: How the service words a request that breaks its model.
        namespace: What stands before `#` in its own errors' `__type`.
        query_errors: For a service that once spoke the Query protocol, its errors' codes there
            and their HTTP status; None for the others.

    Raises:
        ValueError: A handler is for an operation that the model does not have.
    """

    __slots__ = (
        "checks",
        "content_type",
        "handlers",
        "name",
        "namespace",
        "query_errors",
        "serializers",
        "target_prefix",
    )

    def __init__(
        self,
        name: str,
        model: ServiceModel,
        handlers: Mapping[str, Handler],
        *,
        violations: Violations,
        namespace: str,
        query_errors: Mapping[str, tuple[str, int]] | None = None,
    ) -> None:
        unknown = handlers.keys() - model.operations.keys()
        if unknown:
            raise ValueError(f"{name} has no operation {sorted(unknown)[0]}")
        self.name: Final = name
        self.target_prefix: Final = model.metadata["targetPrefix"]
        self.content_type: Final = f"application/x-amz-json-{model.metadata['jsonVersion']}"
        self.handlers: Final = dict(handlers)
        self.checks: Final[dict[str, Check]] = compile_checkers(model, violations)
        self.serializers: Final[dict[str, Serialize]] = compile_serializers(model)
        self.namespace: Final = namespace
        self.query_errors: Final = query_errors
