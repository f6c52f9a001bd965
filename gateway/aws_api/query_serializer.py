"""The XML of the Query protocol: one function per operation, compiled at start from the model.

Owns how members, lists, maps and errors are written, and that nothing leaves which no XML parser
would take. Knows nothing of requests.

Source: Smithy's AWS Query protocol; the responses in the Amazon SQS API reference.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, cast, final

from gateway.aws_api.errors import AwsError
from gateway.aws_api.model import Reference, ServiceModel
from gateway.aws_api.query_names import QueryNames

__all__ = ["SerializeXml", "compile_query_serializers", "query_error_body"]

SerializeXml = Callable[[Mapping[str, object], str], bytes]
"""Takes an operation's output and the request's id, and returns the body; members that are None are
left out."""

_Write = Callable[[object], str]
"""Takes a value that is not None and returns its element, or elements."""

# Beside markup: a carriage return, which a parser would take for the end of a line.
_ESCAPES: Final = (
    ("&", "&amp;"),  # the first, or it would find the others'
    ("<", "&lt;"),
    (">", "&gt;"),
    ('"', "&quot;"),
    ("\r", "&#xD;"),
)
# What XML 1.0 has no way of writing: no parser would read the rest.
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def _escaped(text: str) -> str:
    for character, reference in _ESCAPES:
        if character in text:
            text = text.replace(character, reference)
    return _UNWRITABLE.sub("\ufffd", text)


def compile_query_serializers(
    model: ServiceModel, names: QueryNames, operations: Iterable[str]
) -> dict[str, SerializeXml]:
    """Return one serializer for each of these operations of a model.

    Raises:
        ValueError: The model has a type that is not known here.
    """
    compiler = _Compiler(model, names)
    namespace = model.metadata["xmlNamespace"]
    return {
        name: _of_operation(name, namespace, model.operations[name].get("output"), compiler)
        for name in operations
    }


def _of_operation(
    name: str, namespace: str, output: str | None, compiler: _Compiler
) -> SerializeXml:
    write = None if output is None else compiler.structure(output)
    start = f'<?xml version="1.0"?><{name}Response xmlns="{namespace}">'

    def serialize(members: Mapping[str, object], request_id: str) -> bytes:
        result = "" if write is None else _element(f"{name}Result", write(members))
        return (
            f"{start}{result}<ResponseMetadata><RequestId>{request_id}</RequestId>"
            f"</ResponseMetadata></{name}Response>"
        ).encode()

    return serialize


def query_error_body(namespace: str, code: str, error: AwsError, request_id: str) -> bytes:
    """Return the body of an error.

    Args:
        namespace: The XML namespace of the service.
        code: The error's code in this protocol.
        error: What else there is to say.
        request_id: The request's id.
    """
    return (
        f'<?xml version="1.0"?><ErrorResponse xmlns="{namespace}"><Error>'
        f"<Type>{error.fault}</Type><Code>{_escaped(code)}</Code>"
        f"<Message>{_escaped(error.message)}</Message><Detail/></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    ).encode()


def _element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>" if content else f"<{name}/>"


@final
class _Compiler:
    """Compiles shapes; the checker has refused recursive ones already."""

    def __init__(self, model: ServiceModel, names: QueryNames) -> None:
        self._shapes = model.shapes
        self._names = names

    def structure(self, name: str) -> _Write:
        """Return the writer of what stands within a structure's element."""
        members = [
            (member, self._writer(self._names.member(name, member), reference))
            for member, reference in self._shapes[name].get("members", {}).items()
        ]

        def write_members(value: object) -> str:
            found = cast("Mapping[str, object]", value)
            return "".join(
                write(found[member]) for member, write in members if found.get(member) is not None
            )

        return write_members

    def _writer(self, element: str, reference: Reference) -> _Write:
        """Return the writer of a shape's element, or of its elements where it is flattened."""
        name = reference["shape"]
        shape = self._shapes[name]
        kind = shape["type"]
        flattened = self._names.is_flattened(reference)
        if kind == "structure":
            within = self.structure(name)
            return lambda value: _element(element, within(value))
        if kind == "list":
            item = element if flattened else self._names.item(name)
            return _list(None if flattened else element, self._writer(item, shape["member"]))
        if kind == "map":
            write = _map(
                element if flattened else "entry",
                self._writer(self._names.key(name), shape["key"]),
                self._writer(self._names.value(name), shape["value"]),
            )
            return write if flattened else lambda value: _element(element, write(value))
        text = _TEXTS.get(kind)
        if text is None:
            raise ValueError(f"the shape {name} is of type {kind}, which is not known in XML")
        return lambda value: _element(element, text(value))


def _list(wrapper: str | None, write: _Write) -> _Write:
    def write_list(value: object) -> str:
        content = "".join(write(item) for item in cast("list[object]", value))
        return content if wrapper is None else _element(wrapper, content)

    return write_list


def _map(entry: str, write_key: _Write, write_value: _Write) -> _Write:
    def write_map(value: object) -> str:
        return "".join(
            _element(entry, write_key(key) + write_value(item))
            for key, item in cast("dict[str, object]", value).items()
        )

    return write_map


def _timestamp(value: object) -> str:
    """Return seconds since 1970, which handlers give as a number, as ISO 8601 has them."""
    at = datetime.fromtimestamp(cast(float, value), UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_TEXTS: Final[Mapping[str, _Write]] = {
    "blob": lambda value: b2a_base64(cast(bytes, value), newline=False).decode("ascii"),
    "boolean": lambda value: "true" if value else "false",
    "integer": str,
    "long": str,
    "string": lambda value: _escaped(cast(str, value)),
    "timestamp": _timestamp,
}
