"""The checked-in service models: what the tool gives, and what is attributed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import botocore.loaders
import pytest

from gateway.aws_api.model import load_model

ROOT = Path(__file__).resolve().parents[3]


def the_tool():
    path = ROOT / "tools" / "trim_service_models.py"
    spec = importlib.util.spec_from_file_location("trim_service_models", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = the_tool()


@pytest.mark.parametrize("service", TOOL.SERVICES)
def test_the_file_is_what_the_tool_makes_of_the_locked_botocore(service: str) -> None:
    assert (TOOL.MODELS / f"{service}.json").read_text() == TOOL.trimmed_text(service)


def test_every_file_is_made_by_the_tool_and_attributed() -> None:
    assert {path.stem for path in TOOL.MODELS.iterdir()} == set(TOOL.SERVICES)
    notice = (ROOT / "NOTICE").read_text()
    assert "gateway/aws_api/models/" in notice
    assert "Apache" in notice


def whole_model(service: str) -> dict[str, Any]:
    loader = botocore.loaders.Loader(include_default_search_paths=True)
    model: dict[str, Any] = loader.load_service_model(service, "service-2", TOOL.SERVICES[service])
    return model


@pytest.mark.parametrize("service", TOOL.SERVICES)
def test_nothing_that_decides_over_a_request_is_lost_by_trimming(service: str) -> None:
    whole, trimmed = whole_model(service), load_model(service)
    assert trimmed.operations.keys() == whole["operations"].keys()
    if service not in TOOL.SERVED_ONLY:
        assert trimmed.shapes.keys() == whole["shapes"].keys()
    for name, kept in trimmed.shapes.items():
        shape = whole["shapes"][name]
        for what in ("type", "required", "enum", "min", "max", "pattern", "payload"):
            assert kept.get(what) == shape.get(what), (name, what)
        assert kept.get("members", {}).keys() == shape.get("members", {}).keys()
        for member, reference in shape.get("members", {}).items():
            for what in ("shape", "location", "locationName"):
                assert kept["members"][member].get(what) == reference.get(what)


@pytest.mark.parametrize("service", TOOL.SERVED_ONLY)
def test_of_a_service_that_is_served_in_part_each_operation_keeps_its_path(service: str) -> None:
    whole, trimmed = whole_model(service), load_model(service)
    served = TOOL.SERVED_ONLY[service]
    for name, operation in whole["operations"].items():
        assert trimmed.operations[name]["http"] == operation["http"]
        if name in served:
            assert trimmed.operations[name]["input"] == operation["input"]["shape"]
            errors = [error["shape"] for error in operation.get("errors", [])]
            assert trimmed.operations[name].get("errors", []) == errors
        else:
            assert trimmed.operations[name].keys() == {"http"}


def test_only_the_shapes_of_what_is_served_are_kept() -> None:
    shapes = load_model("iot").shapes
    assert "TopicRulePayload" in shapes
    assert "CreateThingRequest" not in shapes
    assert "AssumeRoleRequest" not in load_model("sts").shapes


def test_a_model_that_is_not_here_is_not_found() -> None:
    with pytest.raises(FileNotFoundError):
        load_model("nothing")
