"""The checker: one function per operation, compiled at start from the service's model.

Owns deciding whether a JSON document has the types, members, ranges, lengths, patterns and enums
that the model asks for, and turning it into what handlers get: members the model doesn't know and
nulls gone, blobs as bytes, whole numbers as `int`. How a violation reads is `violations`'s
business.

The first violation found is the one reported. Recursive shapes are refused when compiling: the
depth of what a caller sends must not become the depth of a Python stack.

Source: the service models, and Smithy's AWS JSON protocol for how shapes are written as JSON.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, final

import orjson

from gateway.aws_api.errors import AwsError, serialization
from gateway.aws_api.model import ServiceModel, Shape
from gateway.aws_api.violations import Violations, wrong_type

__all__ = [
    "Check",
    "CheckDocument",
    "body_checkers",
    "compile_document_checkers",
    "read_json",
]

Check = Callable[[bytes], dict[str, object]]
"""Takes a request's body and returns its parameters; raises `AwsError` if the model forbids it."""

CheckDocument = Callable[[object], dict[str, object]]
"""The same for a document that was read from JSON already."""

_Value = Callable[[object], object]
"""Takes one JSON value, never None, and returns what a handler gets; raises `_Broken`."""

_INTEGERS: Final = {
    "integer": ("Integer", -(2**31), 2**31 - 1),
    "long": ("Long", -(2**63), 2**63 - 1),
}


@final
class _Broken(Exception):  # noqa: N818 - it never leaves this module
    """A violation on its way up; `path` grows from the inside out."""

    __slots__ = ("error", "path")

    def __init__(self, error: Callable[[str], AwsError], *path: str) -> None:
        super().__init__()
        self.error = error
        self.path = list(path)

    def as_error(self) -> AwsError:
        """Return what the caller gets to read."""
        return self.error(".".join(reversed(self.path)))


def body_checkers(checks: Mapping[str, CheckDocument]) -> dict[str, Check]:
    """Return what checks bodies in JSON as these check documents, by operation."""
    return {name: _of_body(check) for name, check in checks.items()}


def compile_document_checkers(
    model: ServiceModel, violations: Violations, operations: Iterable[str]
) -> dict[str, CheckDocument]:
    """Return one checker of documents for each of these operations of a model.

    Raises:
        ValueError: A shape is recursive or of a type unknown here, or its pattern can't be read.
    """
    compiler = _Compiler(model.shapes, violations)
    checks: dict[str, CheckDocument] = {}
    for name in operations:
        shape = model.operations[name].get("input")
        check = _structure({}, (), violations) if shape is None else compiler.shape(shape)
        checks[name] = _of_document(check)
    return checks


def _of_document(check: _Value) -> CheckDocument:
    def check_document(document: object) -> dict[str, object]:
        try:
            checked = check(document)
        except _Broken as broken:
            raise broken.as_error() from None
        if type(checked) is not dict:
            raise serialization("the request body is not a JSON object")
        return checked

    return check_document


def _of_body(check: CheckDocument) -> Check:
    def check_body(body: bytes) -> dict[str, object]:
        return check(read_json(body))

    return check_body


def read_json(body: bytes) -> object:
    """Return the document in a request's body.

    Raises:
        AwsError: It is not JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise serialization(f"the request body is not JSON: {error}") from None


@final
class _Compiler:
    """Compiles shapes, each once."""

    def __init__(self, shapes: dict[str, Shape], violations: Violations) -> None:
        self._shapes = shapes
        self._violations = violations
        self._compiled: dict[str, _Value] = {}
        self._open: list[str] = []

    def shape(self, name: str, *, any_value: bool = False) -> _Value:
        """Return the checker of the shape `name`.

        Args:
            name: The shape.
            any_value: Whether strings beyond its enum, or its members' enum, are taken too.
        """
        key = f"{name} with any value" if any_value else name
        found = self._compiled.get(key)
        if found is None:
            if name in self._open:
                raise ValueError(f"the shape {name} contains itself: {' > '.join(self._open)}")
            self._open.append(name)
            found = self._compiled[key] = self._compile(name, self._shapes[name], any_value)
            self._open.pop()
        return found

    def _compile(self, name: str, shape: Shape, any_value: bool) -> _Value:
        kind = shape["type"]
        if kind == "structure":
            members = {
                member: self.shape(
                    reference["shape"],
                    any_value=f"{name}.{member}" in self._violations.unchecked_enums,
                )
                for member, reference in shape.get("members", {}).items()
            }
            return _structure(members, tuple(shape.get("required", ())), self._violations)
        if kind == "list":
            item = self.shape(shape["member"]["shape"], any_value=any_value)
            return _list(item, shape, self._violations)
        if kind == "map":
            key = self.shape(shape["key"]["shape"], any_value=any_value)
            return _map(key, self.shape(shape["value"]["shape"]), shape, self._violations)
        if kind == "string":
            return _string(name, shape, self._violations, any_value)
        if kind in _INTEGERS:
            return _integer(shape, self._violations)
        if kind in ("float", "double"):
            return _number("Float" if kind == "float" else "Double", shape, self._violations)
        if kind == "timestamp":
            return _number("Timestamp", shape, self._violations)
        if kind == "boolean":
            return _boolean
        if kind == "blob":
            return _blob(shape, self._violations)
        raise ValueError(f"the shape {name} is of type {kind}, which is not known here")


def _structure(
    members: dict[str, _Value], required: tuple[str, ...], violations: Violations
) -> _Value:
    find = members.get
    missing = violations.missing

    def check_structure(value: object) -> object:
        if type(value) is not dict:
            raise _Broken(lambda path: wrong_type(path, value, "structure or map"))
        checked: dict[str, object] = {}
        name = ""
        try:
            for name, item in value.items():
                member = find(name)
                if member is not None and item is not None:
                    checked[name] = member(item)
        except _Broken as broken:
            broken.path.append(name)
            raise
        for name in required:
            if name not in checked:
                raise _Broken(missing, name)
        return checked

    return check_structure


def _size(shape: Shape, violations: Violations) -> Callable[[int, object], None] | None:
    """Return the checker of a length, or None where any is right."""
    return _bounds(shape, violations, "have length")


def _bounds(
    shape: Shape, violations: Violations, what: str
) -> Callable[[float, object], None] | None:
    low, high = shape.get("min"), shape.get("max")
    if low is None and high is None:
        return None

    def check_bounds(measured: float, value: object) -> None:
        if low is not None and measured < low:
            raise _Broken(
                lambda path: violations.constraint(
                    path, value, f"{what} greater than or equal to {low}"
                )
            )
        if high is not None and measured > high:
            raise _Broken(
                lambda path: violations.constraint(
                    path, value, f"{what} less than or equal to {high}"
                )
            )

    return check_bounds


def _list(item: _Value, shape: Shape, violations: Violations) -> _Value:
    size = _size(shape, violations)
    missing = violations.missing

    def check_list(value: object) -> object:
        if type(value) is not list:
            raise _Broken(lambda path: wrong_type(path, value, "list"))
        if size is not None:
            size(len(value), value)
        checked: list[object] = []
        try:
            for entry in value:
                if entry is None:
                    raise _Broken(missing)
                checked.append(item(entry))
        except _Broken as broken:
            broken.path.append(str(len(checked) + 1))  # AWS counts from one
            raise
        return checked

    return check_list


def _map(key: _Value, item: _Value, shape: Shape, violations: Violations) -> _Value:
    size = _size(shape, violations)
    missing = violations.missing

    def check_map(value: object) -> object:
        if type(value) is not dict:
            raise _Broken(lambda path: wrong_type(path, value, "structure or map"))
        if size is not None:
            size(len(value), value)
        checked: dict[str, object] = {}
        name = ""
        try:
            for name, entry in value.items():
                key(name)
                if entry is None:
                    raise _Broken(missing)
                checked[name] = item(entry)
        except _Broken as broken:
            broken.path.append(name)
            raise
        return checked

    return check_map


def _plain_string(value: object) -> object:
    if type(value) is not str:
        raise _Broken(lambda path: wrong_type(path, value, "String"))
    return value


def _string(name: str, shape: Shape, violations: Violations, any_value: bool) -> _Value:
    size = _size(shape, violations)
    listed = [] if any_value else shape.get("enum", [])
    enum = frozenset(listed)
    pattern = _pattern(name, shape.get("pattern"))
    if size is None and not enum and pattern is None:
        return _plain_string

    def check_string(value: object) -> object:
        if type(value) is not str:
            raise _Broken(lambda path: wrong_type(path, value, "String"))
        if size is not None:
            size(len(value), value)
        if enum and value not in enum:
            raise _Broken(lambda path: violations.not_in_enum(path, value, name, listed))
        if pattern is not None and pattern.fullmatch(value) is None:
            raise _Broken(
                lambda path: violations.constraint(
                    path, value, f"satisfy regular expression pattern: {pattern.pattern}"
                )
            )
        return value

    return check_string


def _pattern(name: str, text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        return re.compile(text, re.ASCII)
    except re.error as error:
        raise ValueError(f"the pattern {text!r} of the shape {name}: {error}") from None


def _integer(shape: Shape, violations: Violations) -> _Value:
    wanted, lowest, highest = _INTEGERS[shape["type"]]
    in_range = _bounds(shape, violations, "have value")

    def check_integer(value: object) -> object:
        if type(value) is float and value.is_integer():
            value = int(value)  # 5.0 is a way of writing 5
        if type(value) is not int:
            raise _Broken(lambda path: wrong_type(path, value, wanted))
        if not lowest <= value <= highest:
            raise _Broken(
                lambda path: serialization(f"Numeric value out of range of {wanted} ({path})")
            )
        if in_range is not None:
            in_range(value, value)
        return value

    return check_integer


def _number(wanted: str, shape: Shape, violations: Violations) -> _Value:
    in_range = _bounds(shape, violations, "have value")

    def check_number(value: object) -> object:
        if type(value) is not float and type(value) is not int:
            raise _Broken(lambda path: wrong_type(path, value, wanted))
        if in_range is not None:
            in_range(value, value)
        return float(value)

    return check_number


def _boolean(value: object) -> object:
    if type(value) is not bool:
        raise _Broken(lambda path: wrong_type(path, value, "Boolean"))
    return value


def _blob(shape: Shape, violations: Violations) -> _Value:
    size = _size(shape, violations)

    def check_blob(value: object) -> object:
        if type(value) is not str:
            raise _Broken(lambda path: wrong_type(path, value, "Blob"))
        try:
            data = binascii.a2b_base64(value, strict_mode=True)
        except ValueError:  # binascii.Error, and text that isn't ASCII
            raise _Broken(
                lambda path: serialization(f"STRING_VALUE is not base64 ({path})")
            ) from None
        if size is not None:
            size(len(data), value)
        return data

    return check_blob
