"""The Query protocol of one service, and which service and action a request means.

Owns the table of actions and the choice between services that share a port: by the scope of the
signature, then by the version of the API, then by the action's name. Knows no operation.

A queue's own URL stands for the queue, as old clients post to it: `path_member` names the member
that the path gives where the form does not.

Source: Smithy's AWS Query protocol; "Making requests" in the Amazon SQS developer guide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Generic, TypeVar, final

from gateway.aws_api.checker import CheckDocument
from gateway.aws_api.errors import missing_action, unknown_action
from gateway.aws_api.model import ServiceModel
from gateway.aws_api.query_binding import ReadFields, compile_query_readers
from gateway.aws_api.query_forms import Fields, Node, parse_form
from gateway.aws_api.query_names import QueryNames
from gateway.aws_api.query_serializer import SerializeXml, compile_query_serializers
from gateway.http.message import Request

__all__ = [
    "NO_SERVICE",
    "XML",
    "BindFields",
    "QueryProtocol",
    "QueryRouter",
    "signed_scope",
    "speaks_query",
]

XML: Final = "text/xml"
NO_SERVICE: Final = "http://webservices.amazon.com/AWSFault/2005-15-09"
"""The XML namespace of errors that no service gives."""

BindFields = Callable[[Fields, Request], dict[str, object]]
"""Takes a form's fields and the request they came in; returns checked parameters. Raises
`AwsError`."""

_Target = TypeVar("_Target")

_FORM: Final = "application/x-www-form-urlencoded"


@final
class QueryProtocol:
    """One service's side of the Query protocol.

    Attributes:
        namespace: The XML namespace of its answers.
        version: The version of its API, as requests name it.
        binders: By action, what makes parameters of a form.
        serializers: By action, what makes XML of a result.

    Args:
        model: The service's model.
        checks: The checkers of documents, by operation; these operations are taken.
        path_member: The member that the request's path may stand for; empty for none.
    """

    __slots__ = ("binders", "namespace", "serializers", "version")

    def __init__(
        self, model: ServiceModel, checks: Mapping[str, CheckDocument], *, path_member: str = ""
    ) -> None:
        names = QueryNames(model)
        self.namespace: Final = model.metadata["xmlNamespace"]
        self.version: Final = model.metadata["apiVersion"]
        self.serializers: Final[dict[str, SerializeXml]] = compile_query_serializers(
            model, names, checks
        )
        readers = compile_query_readers(model, names, checks)
        self.binders: Final[dict[str, BindFields]] = {}
        for operation, read in readers.items():
            shape = model.shapes.get(model.operations[operation].get("input", ""), {})
            from_path = path_member if path_member in shape.get("members", {}) else ""
            self.binders[operation] = _binder(read, checks[operation], from_path)


def _binder(read: ReadFields, check: CheckDocument, from_path: str) -> BindFields:
    def bind(fields: Fields, request: Request) -> dict[str, object]:
        document = read(fields)
        if from_path and from_path not in document and request.path != "/":
            document[from_path] = request.path
        return check(document)

    return bind


def speaks_query(request: Request) -> bool:
    """Return whether a request that is for no path of a service means the Query protocol."""
    content_type = request.headers.get("Content-Type") or ""
    return content_type.startswith(_FORM) or f"&{request.query_string}".find("&Action=") >= 0


def signed_scope(request: Request, fields: Mapping[str, Node] | None = None) -> str:
    """Return the service that a signature names, right or wrong; empty if there is none.

    Args:
        request: The request; the signature may be in a header.
        fields: Its fields, where it may be too.
    """
    # Credential=<key>/<date>/<region>/<service>/aws4_request
    credential = (request.headers.get("Authorization") or "").partition("Credential=")[2]
    if not credential and fields is not None:
        presigned = fields.get("X-Amz-Credential")
        credential = presigned if isinstance(presigned, str) else ""
    scope = credential.partition(",")[0].split("/")
    return scope[3] if len(scope) == 5 else ""


@final
class QueryRouter(Generic[_Target]):
    """Finds what an action is for."""

    __slots__ = ("_by_service", "_by_version")

    def __init__(self) -> None:
        self._by_service: dict[str, dict[str, _Target]] = {}
        self._by_version: dict[str, dict[str, _Target]] = {}

    def add(self, service: str, version: str, targets: Mapping[str, _Target]) -> None:
        """Serve one service.

        Args:
            service: Its signing name.
            version: The version of its API.
            targets: By action, what `find` is to give.
        """
        self._by_service[service] = dict(targets)
        self._by_version[version] = self._by_service[service]

    def find(self, request: Request) -> tuple[_Target, Fields]:
        """Return what a request is for, and its fields.

        Raises:
            AwsError: The form cannot be read, or names no action that is known here.
        """
        fields = parse_form(request.query_string, request.body)
        action, version = fields.get("Action"), fields.get("Version")
        if not isinstance(action, str) or not action:
            raise missing_action()
        service = signed_scope(request, fields)
        targets = self._by_service.get(service)
        if targets is None and isinstance(version, str):
            targets = self._by_version.get(version)
        if targets is None and version is None:
            targets = self._only_one(action)
        target = None if targets is None else targets.get(action)
        if target is not None:
            return target, fields
        said = f"The action {action[:128]} is not valid for this endpoint."
        if targets is None and service:
            said += f" Weir does not serve {service[:64]!r}."
        raise unknown_action(said)

    def _only_one(self, action: str) -> dict[str, _Target] | None:
        having: Iterable[dict[str, _Target]] = (
            targets for targets in self._by_service.values() if action in targets
        )
        found = list(having)
        return found[0] if len(found) == 1 else None
