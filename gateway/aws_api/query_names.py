"""What a model's shapes are called on the wire of the Query protocol, in requests and answers.

Owns the rule by which a member, the items of a list, and a map's keys and values get their names.
Knows nothing of forms or XML.

Source: Smithy's AWS Query protocol, and how SQS bent it: a flattened list is called as its items.
"""

from __future__ import annotations

from typing import Literal, final

from gateway.aws_api.model import Reference, ServiceModel

__all__ = ["QueryNames"]


@final
class QueryNames:
    """The names of one model's shapes.

    Args:
        model: The model; `query_names` in it go before what its shapes say.
    """

    def __init__(self, model: ServiceModel) -> None:
        self._shapes = model.shapes
        self._names = model.query_names

    def member(self, structure: str, member: str) -> str:
        """Return what a structure's member is called."""
        reference = self._shapes[structure]["members"][member]
        shape = self._shapes[reference["shape"]]
        if shape["type"] == "list" and self.is_flattened(reference):
            item = self._part(reference["shape"], "member")
            if item is not None:
                return item
        named = self._names.get(f"{structure}.{member}") or reference.get("locationName")
        return named or shape.get("locationName") or member

    def is_flattened(self, reference: Reference) -> bool:
        """Return whether a list's items, or a map's entries, stand without an element around."""
        shape = self._shapes[reference["shape"]]
        return reference.get("flattened") or shape.get("flattened") or False

    def item(self, list_shape: str) -> str:
        """Return what an item of a list that is not flattened is called."""
        return self._part(list_shape, "member") or "member"

    def key(self, map_shape: str) -> str:
        """Return what a map's keys are called."""
        return self._part(map_shape, "key") or "key"

    def value(self, map_shape: str) -> str:
        """Return what a map's values are called."""
        return self._part(map_shape, "value") or "value"

    def _part(self, shape: str, part: Literal["member", "key", "value"]) -> str | None:
        return self._names.get(f"{shape}.{part}") or self._shapes[shape][part].get("locationName")
