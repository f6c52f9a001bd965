"""REST requests as documents: path, query, headers and body put together and checked as one.

Owns where each member of an operation's input stands in a request. What the members may be is the
checker's business: it gets one document by member name, as if all of it had come in the body.

Source: the service models' `location`, `locationName` and `payload`; Smithy's REST-JSON protocol.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from gateway.aws_api.checker import CheckDocument, compile_document_checkers, read_json
from gateway.aws_api.errors import serialization
from gateway.aws_api.model import ServiceModel, Shape
from gateway.aws_api.violations import Violations, wrong_type
from gateway.http.message import Headers

__all__ = ["Bind", "Bound", "compile_binders"]

_MAX_QUERY_FIELDS: Final = 100
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")
_BOOLEANS: Final = {"true": True, "false": False}

_Read = Callable[[str], object]


class Bound(NamedTuple):
    """What a request says.

    Attributes:
        parameters: The members, checked, as a handler gets them.
        document: What stood in the body, as the caller wrote it; None where nothing stood there or
            the operation takes nothing from it.
    """

    parameters: dict[str, object]
    document: object


Bind = Callable[[Mapping[str, str], str, Headers, bytes], Bound]
"""Takes the path's labels, the query string, the header fields and the body. Raises `AwsError` for
what the model forbids."""


def compile_binders(
    model: ServiceModel, violations: Violations, operations: Iterable[str]
) -> dict[str, Bind]:
    """Return one binder for each of these operations of a model.

    Raises:
        ValueError: The model places a member in a way that is not known here; or as
            `compile_document_checkers`.
    """
    checks = compile_document_checkers(model, violations, operations)
    return {name: _binder(model, name, check) for name, check in checks.items()}


def _binder(model: ServiceModel, operation: str, check: CheckDocument) -> Bind:
    shape: Shape = model.shapes.get(model.operations[operation].get("input", ""), {})
    labels: dict[str, str] = {}
    fields: dict[str, tuple[str, _Read]] = {}
    headers: dict[str, tuple[str, _Read]] = {}
    in_body: set[str] = set()
    for member, reference in shape.get("members", {}).items():
        location = reference.get("location")
        name = reference.get("locationName", member)
        kind = model.shapes[reference["shape"]]["type"]
        if location == "uri":
            labels[name] = member
        elif location == "querystring":
            fields[name] = (member, _reader(operation, member, kind))
        elif location == "header":
            headers[name] = (member, _reader(operation, member, kind))
        elif location is None and name == member:
            in_body.add(member)
        else:
            raise ValueError(f"{operation}: {member} is at {location} {name}, not known here")
    payload = shape.get("payload")
    if payload is not None and model.shapes[_shape_of(shape, payload)]["type"] != "structure":
        raise ValueError(f"{operation}: the payload {payload} is no structure")

    def bind(
        label_texts: Mapping[str, str], query_string: str, fields_sent: Headers, body: bytes
    ) -> Bound:
        document: dict[str, object] = {}
        sent = read_json(body) if body and in_body else None
        if payload is not None:
            document[payload] = sent
        elif type(sent) is dict:
            document.update((name, sent[name]) for name in sent.keys() & in_body)
        elif sent is not None:
            raise wrong_type("", sent, "structure or map")
        for name, text in label_texts.items():
            document[labels[name]] = text
        if query_string and fields:
            for name, text in _query(query_string).items():
                if name in fields:
                    member, read = fields[name]
                    document[member] = read(text)
        for name, (member, read) in headers.items():
            value = fields_sent.get(name)
            if value is not None:
                document[member] = read(value)
        return Bound(check(document), sent)

    return bind


def _shape_of(shape: Shape, member: str) -> str:
    return shape["members"][member]["shape"]


def _query(query_string: str) -> dict[str, str]:
    """Return the query's fields; of those with one name the first."""
    try:
        pairs = parse_qsl(
            query_string,
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_QUERY_FIELDS,
        )
    except ValueError:  # UnicodeDecodeError is one too
        raise serialization("The query string cannot be read") from None
    return dict(reversed(pairs))


def _reader(operation: str, member: str, kind: str) -> _Read:
    """Return what makes JSON of a text; what it cannot read it leaves for the checker to refuse."""
    if kind == "string":
        return str
    if kind in ("integer", "long"):
        return lambda text: int(text) if _INTEGER.fullmatch(text) else text
    if kind == "boolean":
        return lambda text: _BOOLEANS.get(text, text)
    raise ValueError(f"{operation}: {member} is a {kind} outside the body, not known here")
