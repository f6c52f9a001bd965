"""Trims botocore's service models to what the gateway reads, into `gateway/aws_api/models/`.

Run it after the locked botocore changed: `.venv/bin/python tools/trim_service_models.py`. Without
documentation, examples and client-side hints a model is a fifth of its size, and botocore itself
(31 MB of memory) is not needed to serve.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import cast

import botocore
import botocore.loaders

SERVICES = {"sqs": "2012-11-05"}
"""The services that are served, each with the version of its API."""

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


def trim(model: dict[str, dict[str, dict[str, object]]]) -> dict[str, object]:
    """Return the parts of a service model (botocore's `service-2` form) that the gateway reads."""
    operations: dict[str, dict[str, object]] = {}
    for name, operation in model["operations"].items():
        kept = _pick(operation, _OPERATION)
        for part in ("input", "output"):
            reference = kept.get(part)
            if isinstance(reference, dict):
                kept[part] = reference["shape"]
        errors = kept.get("errors")
        if isinstance(errors, list):
            kept["errors"] = [error["shape"] for error in errors]
        operations[name] = kept
    return {
        "metadata": _pick(dict(model["metadata"]), _METADATA),
        "operations": operations,
        "shapes": {name: _trim_shape(shape) for name, shape in model["shapes"].items()},
    }


def trimmed_text(service: str) -> str:
    """Return the file for one service: JSON, one operation or shape a line, so that it diffs."""
    loader = botocore.loaders.Loader(include_default_search_paths=True)
    trimmed = trim(loader.load_service_model(service, "service-2", SERVICES[service]))
    lines = [f'"botocore": {json.dumps(botocore.__version__)}']
    lines.append(f'"metadata": {json.dumps(trimmed["metadata"])}')
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
