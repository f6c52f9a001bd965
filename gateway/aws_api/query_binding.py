"""Query requests as documents: the fields of a form put together as JSON would have said them.

Owns how lists, maps, numbers and booleans are read out of names and texts, one reader per operation
compiled from the model. What a field cannot be read as is left as it is, for the checker to refuse
in the words it has for JSON. Fields the model does not know are passed over.

The protocol cannot tell an empty list from none: a list that the model requires is empty then. What
old clients wrote beside the rule is taken too: `AttributeName=All` for a list of one, and
`Attribute.Name` with `Attribute.Value` for a map of one entry.

Source: Smithy's AWS Query protocol; the examples in the Amazon SQS API reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, final

from gateway.aws_api.errors import serialization
from gateway.aws_api.model import Reference, ServiceModel
from gateway.aws_api.query_forms import Fields, Node
from gateway.aws_api.query_names import QueryNames

__all__ = ["ReadFields", "compile_query_readers"]

ReadFields = Callable[[Fields], dict[str, object]]
"""Takes a form's fields and returns the document that the checker gets."""

_Read = Callable[[Node], object]

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")
_INDEX: Final = re.compile(r"[1-9][0-9]{0,8}")
_BOOLEANS: Final = {"true": True, "false": False}


def compile_query_readers(
    model: ServiceModel, names: QueryNames, operations: Iterable[str]
) -> dict[str, ReadFields]:
    """Return one reader of fields for each of these operations of a model.

    Raises:
        ValueError: The model has a type that is not known here.
    """
    compiler = _Compiler(model, names)
    readers: dict[str, ReadFields] = {}
    for name in operations:
        shape = model.operations[name].get("input")
        readers[name] = _nothing if shape is None else compiler.structure(shape)
    return readers


def _nothing(fields: Fields) -> dict[str, object]:
    return {}


@final
class _Compiler:
    """Compiles shapes; the checker has refused recursive ones already."""

    def __init__(self, model: ServiceModel, names: QueryNames) -> None:
        self._shapes = model.shapes
        self._names = names

    def structure(self, name: str) -> ReadFields:
        shape = self._shapes[name]
        members = shape.get("members", {})
        readers = [
            (self._names.member(name, member), member, self._reader(reference))
            for member, reference in members.items()
        ]
        lists = [
            member
            for member in shape.get("required", ())
            if self._shapes[members[member]["shape"]]["type"] == "list"
        ]

        def read_structure(fields: Fields) -> dict[str, object]:
            document: dict[str, object] = {}
            for wire_name, member, read in readers:
                node = fields.get(wire_name)
                if node is not None:
                    document[member] = read(node)
            for member in lists:
                document.setdefault(member, [])
            return document

        return read_structure

    def _reader(self, reference: Reference) -> _Read:
        name = reference["shape"]
        shape = self._shapes[name]
        kind = shape["type"]
        if kind == "structure":
            read_structure = self.structure(name)
            return lambda node: node if isinstance(node, str) else read_structure(node)
        if kind == "list":
            wrapper = self._names.item(name)
            read = _list(self._reader(shape["member"]), self._is_complex(shape["member"]))
            return read if self._names.is_flattened(reference) else _within(wrapper, read)
        if kind == "map":
            read = _map(
                self._names.key(name), self._names.value(name), self._reader(shape["value"])
            )
            return read if self._names.is_flattened(reference) else _within("entry", read)
        if kind in ("string", "blob"):
            return lambda node: node
        if kind in ("integer", "long"):
            return _integer
        if kind == "boolean":
            return lambda node: _BOOLEANS.get(node, node) if isinstance(node, str) else node
        raise ValueError(f"the shape {name} is of type {kind}, which is not known in a query")

    def _is_complex(self, reference: Reference) -> bool:
        return self._shapes[reference["shape"]]["type"] in ("structure", "map")


def _within(wrapper: str, read: _Read) -> _Read:
    """Return the reader of what stands one name deeper; an empty text is nothing in it."""

    def read_within(node: Node) -> object:
        if isinstance(node, str):
            return node if node else read("")
        inner = node.get(wrapper)
        return node if inner is None or len(node) > 1 else read(inner)

    return read_within


def _by_index(node: Mapping[str, Node]) -> list[Node] | None:
    """Return what stands under numbers, in their order; None if something else stands there.

    Gaps are closed, as AWS does, so the numbers may be as large as they like.
    """
    if not all(_INDEX.fullmatch(part) for part in node):
        return None
    return [node[part] for part in sorted(node, key=int)]


def _list(read: _Read, of_complex: bool) -> _Read:
    def read_list(node: Node) -> object:
        if isinstance(node, str):
            return [] if not node else [read(node)]
        items = _by_index(node)
        if items is None:
            return [read(node)] if of_complex else node
        return [read(item) for item in items]

    return read_list


def _map(key_name: str, value_name: str, read: _Read) -> _Read:
    def read_map(node: Node) -> object:
        if isinstance(node, str):
            return node if node else {}
        entries = _by_index(node)
        document: dict[str, object] = {}
        for entry in [node] if entries is None else entries:
            key = None if isinstance(entry, str) else entry.get(key_name)
            if isinstance(entry, str) or not isinstance(key, str):
                raise serialization(f"An entry of a map has no {key_name}")
            if key in document:
                raise serialization(f"The {key_name} {key[:128]!r} comes twice in a map")
            value = entry.get(value_name)
            document[key] = None if value is None else read(value)
        return document

    return read_map


def _integer(node: Node) -> object:
    return int(node) if isinstance(node, str) and _INTEGER.fullmatch(node) else node
