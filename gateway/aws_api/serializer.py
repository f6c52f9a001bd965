"""The serializer: one function per operation, compiled at start, from members to a JSON body.

Owns how AWS JSON 1.0 and 1.1 and REST-JSON write values that JSON has no type for (blobs in base64,
timestamps in seconds) and errors. Shapes without such values, nearly all, go to the JSON encoder as
they are.

Source: Smithy's AWS JSON protocols and its REST-JSON protocol.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Iterable, Mapping
from typing import cast

import orjson

from gateway.aws_api.model import Reference, ServiceModel, Shape

__all__ = [
    "Serialize",
    "compile_rest_serializers",
    "compile_serializers",
    "error_body",
    "rest_error_body",
]

Serialize = Callable[[Mapping[str, object]], bytes]
"""Takes an operation's output and returns the body; members that are None are left out."""

_Convert = Callable[[object], object]


def compile_serializers(model: ServiceModel) -> dict[str, Serialize]:
    """Return one serializer per operation of a model."""
    serializers: dict[str, Serialize] = {}
    for name, operation in model.operations.items():
        shape = operation.get("output")
        serializers[name] = _nothing if shape is None else _of_output(model.shapes, shape)
    return serializers


def compile_rest_serializers(
    model: ServiceModel, operations: Iterable[str]
) -> dict[str, Serialize]:
    """Return one serializer for each of these REST-JSON operations of a model.

    An answer without members has no body, where AWS JSON has an empty object.

    Raises:
        ValueError: A member does not go into the body under its own name, or is the body.
    """
    serializers: dict[str, Serialize] = {}
    for name in operations:
        shape = model.operations[name].get("output", "")
        members = model.shapes[shape].get("members", {}) if shape else {}
        for member, reference in members.items():
            if "location" in reference or reference.get("locationName", member) != member:
                raise ValueError(f"{name}: {member} is outside the body, not known here")
        if "payload" in model.shapes.get(shape, {}):
            raise ValueError(f"{name}: one member is the whole body, not known here")
        serializers[name] = _of_output(model.shapes, shape) if members else _nothing
    return serializers


def rest_error_body(message: str, members: Mapping[str, object]) -> bytes:
    """Return the body of a REST-JSON error; its code stands in a header."""
    return orjson.dumps({"message": _utf8(message), **members})


def error_body(namespace: str, code: str, message: str) -> bytes:
    """Return the body of an error; what the message repeats of a request may be no UTF-8."""
    return orjson.dumps({"__type": f"{namespace}#{code}", "message": _utf8(message)})


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _nothing(members: Mapping[str, object]) -> bytes:
    return b""


def _of_output(shapes: dict[str, Shape], name: str) -> Serialize:
    convert = _converter(shapes, name)
    dumps = orjson.dumps

    def serialize(members: Mapping[str, object]) -> bytes:
        present = {name: value for name, value in members.items() if value is not None}
        return dumps(present if convert is None else convert(present))

    return serialize


def _converter(shapes: dict[str, Shape], name: str) -> _Convert | None:
    """Return what makes JSON of a value of this shape, or None where it is JSON already."""
    shape = shapes[name]
    kind = shape["type"]
    if kind == "structure":
        found = {
            member: _converter_of(shapes, reference)
            for member, reference in shape.get("members", {}).items()
        }
        members = {member: convert for member, convert in found.items() if convert is not None}
        return _structure(members) if members else None
    if kind == "list":
        item = _converter_of(shapes, shape["member"])
        return None if item is None else _list(item)
    if kind == "map":
        value = _converter_of(shapes, shape["value"])
        return None if value is None else _map(value)
    if kind == "blob":
        return _blob
    if kind == "timestamp":
        return _timestamp(name, shape.get("timestampFormat", "unixTimestamp"))
    return None


def _converter_of(shapes: dict[str, Shape], reference: Reference) -> _Convert | None:
    time_format = reference.get("timestampFormat")
    if time_format is not None:
        return _timestamp(reference["shape"], time_format)
    return _converter(shapes, reference["shape"])


def _structure(members: dict[str, _Convert]) -> _Convert:
    def convert_structure(value: object) -> object:
        converted = dict(cast("dict[str, object]", value))
        for name, convert in members.items():
            member = converted.get(name)
            if member is not None:
                converted[name] = convert(member)
        return converted

    return convert_structure


def _list(item: _Convert) -> _Convert:
    return lambda value: [item(entry) for entry in cast("list[object]", value)]


def _map(item: _Convert) -> _Convert:
    return lambda value: {
        name: item(entry) for name, entry in cast("dict[str, object]", value).items()
    }


def _blob(value: object) -> object:
    return b2a_base64(cast(bytes, value), newline=False).decode("ascii")


def _timestamp(name: str, time_format: str) -> _Convert:
    """Return the converter of seconds since 1970, which handlers give as a number."""
    if time_format != "unixTimestamp":
        raise ValueError(f"the shape {name} has the time format {time_format}, not known here")
    return lambda value: round(float(cast(float, value)), 3)
