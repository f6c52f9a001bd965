"""A queue's record: what the registry keeps of it.

Owns the document's form. The number and the uid tie it to the queue's row in the database. A
document of an earlier release lacks the attributes that came later: they have their defaults.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar, final

from gateway.errors import RegistryError
from gateway.registry import Json
from gateway.services.sqs.attributes import DEFAULT_ATTRIBUTES, QueueAttributes
from gateway.services.sqs.names import name_problem
from gateway.services.sqs.redrive_policy import RedrivePolicy

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
        attributes: What can be told it.
        created_wall_ms: When it was made, in milliseconds since 1970.
        modified_wall_ms: When its attributes last changed.
        tags: What people wrote onto it.
    """

    name: str
    number: int
    uid: bytes
    attributes: QueueAttributes
    created_wall_ms: int
    modified_wall_ms: int
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)

    def document(self) -> dict[str, Json]:
        """Return the registry's document."""
        return {
            "number": self.number,
            "uid": self.uid.hex(),
            "attributes": dataclasses.asdict(self.attributes),
            "created_wall_ms": self.created_wall_ms,
            "modified_wall_ms": self.modified_wall_ms,
            "tags": dict(self.tags),
        }

    @classmethod
    def read(cls, name: str, document: Mapping[str, Json]) -> QueueRecord:
        """Return the record of a registry's document.

        Raises:
            RegistryError: Something is missing or of another type.
        """
        try:
            attributes = _attributes(document["attributes"])
            problem = name_problem(name, fifo=attributes.fifo)
            if problem:
                raise ValueError(f"name: {problem}")
            return cls(
                name,
                _value(document, "number", int),
                bytes.fromhex(_value(document, "uid", str)),
                attributes,
                _value(document, "created_wall_ms", int),
                _value(document, "modified_wall_ms", int),
                _tags(document.get("tags", {})),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RegistryError(
                f"the registry's record of the queue {name!r} is damaged: {error}",
                hint="Correct registry.json by hand, or put a copy of it in its place.",
            ) from error


_DEFAULTS = dataclasses.asdict(DEFAULT_ATTRIBUTES)


def _attributes(document: Json) -> QueueAttributes:
    if not isinstance(document, dict):
        raise ValueError("attributes")
    values: dict[str, object] = {}
    for key, value in document.items():
        if key == "redrive":
            values[key] = _redrive(value)
        elif type(value) is not type(_DEFAULTS[key]):
            raise ValueError(f"{key} is {value!r}")
        else:
            values[key] = value
    return QueueAttributes(**values)  # type: ignore[arg-type] # each has its default's type


def _redrive(document: Json) -> RedrivePolicy | None:
    if document is None:
        return None
    if not isinstance(document, dict):
        raise ValueError(f"redrive is {document!r}")
    return RedrivePolicy(
        _value(document, "dead_letter_target_arn", str), _value(document, "max_receive_count", int)
    )


def _tags(document: Json) -> dict[str, str]:
    if not isinstance(document, dict):
        raise ValueError(f"tags is {document!r}")
    return {key: _value(document, key, str) for key in document}


def _value(document: Mapping[str, Json], key: str, kind: type[Value]) -> Value:
    value = document[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{key} is {value!r}")
    return value
