"""Trims botocore's service models to what the gateway reads, into `gateway/aws_api/models/`.

Run it after the locked botocore changed: `.venv/bin/python tools/trim_service_models.py`. Without
documentation, examples and client-side hints a model is a fifth of its size, and botocore itself
(31 MB of memory) is not needed to serve.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import botocore
import botocore.loaders

SERVICES = {"iot": "2015-05-28", "sqs": "2012-11-05", "sts": "2011-06-15"}
"""The services that are served, each with the version of its API."""

SERVED_ONLY: dict[str, tuple[str, ...]] = {
    "iot": (
        "ConfirmTopicRuleDestination",
        "CreateTopicRule",
        "CreateTopicRuleDestination",
        "DeleteTopicRule",
        "DeleteTopicRuleDestination",
        "DisableTopicRule",
        "EnableTopicRule",
        "GetTopicRule",
        "GetTopicRuleDestination",
        "ListTopicRuleDestinations",
        "ListTopicRules",
        "ReplaceTopicRule",
        "UpdateTopicRuleDestination",
    ),
    "sts": ("GetCallerIdentity",),
}
"""For a service of which little is served: those operations, which keep their shapes. Of the others
only name, method and path stay, so that a refusal can name what was asked for."""

SQS_QUERY_NAMESPACE = "http://queue.amazonaws.com/doc/2012-11-05/"

SQS_QUERY_NAMES = {
    "AWSAccountIdList.member": "AWSAccountId",
    "ActionNameList.member": "ActionName",
    "AttributeNameList.member": "AttributeName",
    "BatchResultErrorEntryList.member": "BatchResultErrorEntry",
    "BinaryList.member": "BinaryListValue",
    "ChangeMessageVisibilityBatchRequestEntryList.member": (
        "ChangeMessageVisibilityBatchRequestEntry"
    ),
    "ChangeMessageVisibilityBatchResultEntryList.member": "ChangeMessageVisibilityBatchResultEntry",
    "CreateQueueRequest.Attributes": "Attribute",
    "CreateQueueRequest.tags": "Tag",
    "DeleteMessageBatchRequestEntryList.member": "DeleteMessageBatchRequestEntry",
    "DeleteMessageBatchResultEntryList.member": "DeleteMessageBatchResultEntry",
    "GetQueueAttributesResult.Attributes": "Attribute",
    "ListMessageMoveTasksResultEntryList.member": "ListMessageMoveTasksResultEntry",
    "ListQueueTagsResult.Tags": "Tag",
    "Message.Attributes": "Attribute",
    "Message.MessageAttributes": "MessageAttribute",
    "MessageAttributeNameList.member": "MessageAttributeName",
    "MessageBodyAttributeMap.key": "Name",
    "MessageBodyAttributeMap.value": "Value",
    "MessageBodySystemAttributeMap.key": "Name",
    "MessageBodySystemAttributeMap.value": "Value",
    "MessageList.member": "Message",
    "MessageSystemAttributeList.member": "MessageSystemAttributeName",
    "MessageSystemAttributeMap.key": "Name",
    "MessageSystemAttributeMap.value": "Value",
    "QueueAttributeMap.key": "Name",
    "QueueAttributeMap.value": "Value",
    "QueueUrlList.member": "QueueUrl",
    "SendMessageBatchRequestEntry.MessageAttributes": "MessageAttribute",
    "SendMessageBatchRequestEntry.MessageSystemAttributes": "MessageSystemAttribute",
    "SendMessageBatchRequestEntryList.member": "SendMessageBatchRequestEntry",
    "SendMessageBatchResultEntryList.member": "SendMessageBatchResultEntry",
    "SendMessageRequest.MessageAttributes": "MessageAttribute",
    "SendMessageRequest.MessageSystemAttributes": "MessageSystemAttribute",
    "SetQueueAttributesRequest.Attributes": "Attribute",
    "StringList.member": "StringListValue",
    "TagKeyList.member": "TagKey",
    "TagMap.key": "Key",
    "TagMap.value": "Value",
    "TagQueueRequest.Tags": "Tag",
}
"""What was called otherwise than in the model on the wire of SQS's older Query protocol. The model
carried these names until SQS went over to JSON in November 2023. Two lists are younger than the
last model with names that is at hand, and follow the rule of the others: those of
`MessageSystemAttribute` and of `ListMessageMoveTasksResultEntry`."""

MODELS = Path(__file__).resolve().parent.parent / "gateway" / "aws_api" / "models"

_METADATA = (
    "apiVersion",
    "awsQueryCompatible",
    "endpointPrefix",
    "jsonVersion",
    "protocol",
    "serviceFullName",
    "serviceId",
    "signingName",
    "targetPrefix",
    "xmlNamespace",
)
_OPERATION = ("http", "input", "output", "errors")
_SHAPE = (
    "type", "required", "members", "member", "key", "value", "enum", "min", "max", "pattern",
    "exception", "error", "fault", "flattened", "location", "locationName", "payload", "streaming",
    "timestampFormat", "union", "sensitive",
)  # fmt: skip
_REFERENCE = ("shape", "location", "locationName", "flattened", "timestampFormat", "streaming")


def _pick(source: dict[str, object], names: tuple[str, ...]) -> dict[str, object]:
    return {name: source[name] for name in names if name in source}


def _trim_shape(shape: dict[str, object]) -> dict[str, object]:
    trimmed = _pick(shape, _SHAPE)
    for name in ("member", "key", "value"):
        reference = trimmed.get(name)
        if isinstance(reference, dict):
            trimmed[name] = _pick(reference, _REFERENCE)
    members = trimmed.get("members")
    if isinstance(members, dict):
        trimmed["members"] = {name: _pick(ref, _REFERENCE) for name, ref in members.items()}
    return trimmed


def _references(shape: dict[str, object]) -> list[str]:
    members = cast("dict[str, dict[str, str]]", shape.get("members", {}))
    items = [
        cast("dict[str, str]", shape[part]) for part in ("member", "key", "value") if part in shape
    ]
    return [reference["shape"] for reference in (*members.values(), *items)]


def _reached(
    shapes: dict[str, dict[str, object]], operations: Iterable[dict[str, object]]
) -> set[str]:
    """Return the names of the shapes that these trimmed operations need."""
    reached: set[str] = set()
    ahead: list[str] = []
    for operation in operations:
        ahead += [cast(str, operation[part]) for part in ("input", "output") if part in operation]
        ahead += cast("list[str]", operation.get("errors", []))
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += _references(shapes[name])
    return reached


def trim(
    model: dict[str, dict[str, dict[str, object]]], served: tuple[str, ...] | None = None
) -> dict[str, object]:
    """Return the parts of a service model (botocore's `service-2` form) that the gateway reads.

    Args:
        model: The whole model.
        served: The operations that keep their shapes; None for all of them and every shape.
    """
    operations: dict[str, dict[str, object]] = {}
    for name, operation in model["operations"].items():
        if served is not None and name not in served:
            operations[name] = _pick(operation, ("http",))
            continue
        kept = _pick(operation, _OPERATION)
        for part in ("input", "output"):
            reference = kept.get(part)
            if isinstance(reference, dict):
                kept[part] = reference["shape"]
        errors = kept.get("errors")
        if isinstance(errors, list):
            kept["errors"] = [error["shape"] for error in errors]
        operations[name] = kept
    shapes = model["shapes"]
    kept_shapes = shapes if served is None else _reached(shapes, operations.values())
    return {
        "metadata": _pick(dict(model["metadata"]), _METADATA),
        "operations": operations,
        "shapes": {n: _trim_shape(shape) for n, shape in shapes.items() if n in kept_shapes},
    }


def trimmed_text(service: str) -> str:
    """Return the file for one service: JSON, one operation or shape a line, so that it diffs."""
    loader = botocore.loaders.Loader(include_default_search_paths=True)
    model = loader.load_service_model(service, "service-2", SERVICES[service])
    trimmed = trim(model, SERVED_ONLY.get(service))
    metadata = cast("dict[str, object]", trimmed["metadata"])
    lines = [f'"botocore": {json.dumps(botocore.__version__)}']
    if service == "sqs":
        metadata["xmlNamespace"] = SQS_QUERY_NAMESPACE
        lines.append(f'"query_names": {json.dumps(SQS_QUERY_NAMES)}')
    lines.append(f'"metadata": {json.dumps(metadata)}')
    for section in ("operations", "shapes"):
        entries = cast("dict[str, object]", trimmed[section])
        rows = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in entries.items())
        lines.append(f'"{section}": {{\n{rows}\n}}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> int:
    """Write every model."""
    MODELS.mkdir(exist_ok=True)
    for service in SERVICES:
        (MODELS / f"{service}.json").write_text(trimmed_text(service), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
