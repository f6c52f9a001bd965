"""Service models: what AWS's own description says of operations and shapes.

Owns reading the trimmed files in `models/` and the types of what is in them (botocore's
`service-2` form, references of operations shortened to names). Decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import TypedDict, cast, final

import orjson

__all__ = [
    "ErrorTrait",
    "Http",
    "Metadata",
    "Operation",
    "Reference",
    "ServiceModel",
    "Shape",
    "load_model",
]


class Metadata(TypedDict, total=False):
    """What a model says of its service as a whole."""

    apiVersion: str
    awsQueryCompatible: dict[str, object]
    endpointPrefix: str
    jsonVersion: str
    protocol: str
    serviceId: str
    signingName: str
    targetPrefix: str
    xmlNamespace: str


class Http(TypedDict, total=False):
    """How an operation stands in HTTP: its method, and its path as a template."""

    method: str
    requestUri: str
    responseCode: int


class Operation(TypedDict, total=False):
    """One operation; `input`, `output` and `errors` name shapes."""

    http: Http
    input: str
    output: str
    errors: list[str]


class Reference(TypedDict, total=False):
    """Where a shape uses another."""

    shape: str
    flattened: bool
    location: str
    locationName: str
    timestampFormat: str


class ErrorTrait(TypedDict, total=False):
    """What a model says of an error's answer."""

    httpStatusCode: int


class Shape(TypedDict, total=False):
    """One shape. `min` and `max` are of lengths or of values, as the type has it."""

    type: str
    required: list[str]
    members: dict[str, Reference]
    member: Reference
    key: Reference
    value: Reference
    enum: list[str]
    min: float
    max: float
    pattern: str
    exception: bool
    error: ErrorTrait
    fault: bool
    payload: str
    timestampFormat: str
    flattened: bool
    locationName: str


@final
class ServiceModel:
    """One service's model.

    Attributes:
        metadata: What it says of the service as a whole.
        operations: Its operations by name.
        shapes: Its shapes by name.
        query_names: For a service that left the Query protocol behind, and whose model has
            forgotten it: what was called otherwise on that wire, by `Shape.member`.
    """

    __slots__ = ("metadata", "operations", "query_names", "shapes")

    def __init__(
        self,
        metadata: Metadata,
        operations: dict[str, Operation],
        shapes: dict[str, Shape],
        query_names: Mapping[str, str] | None = None,
    ) -> None:
        self.metadata = metadata
        self.operations = operations
        self.shapes = shapes
        self.query_names: Mapping[str, str] = query_names or {}


def load_model(service: str) -> ServiceModel:
    """Return the model of a service by its file's name, such as `sqs`.

    Raises:
        FileNotFoundError: There is no such model here.
    """
    data = resources.files("gateway.aws_api").joinpath("models", f"{service}.json").read_bytes()
    document = cast("dict[str, object]", orjson.loads(data))
    return ServiceModel(
        cast(Metadata, document["metadata"]),
        cast("dict[str, Operation]", document["operations"]),
        cast("dict[str, Shape]", document["shapes"]),
        cast("dict[str, str]", document.get("query_names", {})),
    )
