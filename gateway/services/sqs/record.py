"""A queue's record: what the registry keeps of it.

Owns the document's form. The number and the uid tie it to the queue's row in the database.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar, final

from gateway.errors import RegistryError
from gateway.registry import Json
from gateway.services.sqs.attributes import QueueAttributes
from gateway.services.sqs.names import name_problem

__all__ = ["QueueRecord"]

Value = TypeVar("Value", int, str)


@final
@dataclass(frozen=True, slots=True)
class QueueRecord:
    """One queue, as it is configured.

    Attributes:
        name: Its name.
        number: What rows refer to; never another queue's.
        uid: Its own 16 random bytes, the same as in its row.
        attributes: What can be set of it.
        created_wall_ms: When it was made, in milliseconds since 1970.
        modified_wall_ms: When its attributes last changed.
    """

    name: str
    number: int
    uid: bytes
    attributes: QueueAttributes
    created_wall_ms: int
    modified_wall_ms: int

    def document(self) -> dict[str, Json]:
        """Return the registry's document."""
        return {
            "number": self.number,
            "uid": self.uid.hex(),
            "attributes": dataclasses.asdict(self.attributes),
            "created_wall_ms": self.created_wall_ms,
            "modified_wall_ms": self.modified_wall_ms,
        }

    @classmethod
    def read(cls, name: str, document: Mapping[str, Json]) -> QueueRecord:
        """Return the record of a registry's document.

        Raises:
            RegistryError: Something is missing or of another type.
        """
        try:
            if name_problem(name):
                raise ValueError(f"name: {name_problem(name)}")
            attributes = document["attributes"]
            if not isinstance(attributes, dict):
                raise ValueError("attributes")
            return cls(
                name,
                _value(document, "number", int),
                bytes.fromhex(_value(document, "uid", str)),
                QueueAttributes(**{key: _value(attributes, key, int) for key in attributes}),
                _value(document, "created_wall_ms", int),
                _value(document, "modified_wall_ms", int),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RegistryError(
                f"the registry's record of the queue {name!r} is damaged: {error}",
                hint="Correct registry.json by hand, or put a copy of it in its place.",
            ) from error


def _value(document: Mapping[str, Json], key: str, kind: type[Value]) -> Value:
    value = document[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{key} is {value!r}")
    return value
