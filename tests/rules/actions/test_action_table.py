"""The table of actions against the API model that AWS publishes with its SDKs."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.loaders import Loader

from rules.actions.shapes import Flag, Items, Map, Record, Shape, Text, Whole
from rules.actions.table import ACTIONS

SHAPES: dict[str, Any] = Loader().load_service_model("iot", "service-2")["shapes"]
MODEL: dict[str, str] = {
    kind: member["shape"] for kind, member in SHAPES["Action"]["members"].items()
}


def _differences(shape: Shape, name: str, path: str) -> list[str]:
    """Compare one shape of the table with one of the model, and say where they differ."""
    model = SHAPES[name]
    bounds = (model.get("min", 0), model.get("max"))
    match shape, model["type"]:
        case Record(), "structure":
            members = shape.members()
            found = []
            if members.keys() != model["members"].keys():
                found.append(f"{path}: {members.keys() ^ model['members'].keys()}")
            if set(shape.required) != set(model.get("required", ())):
                found.append(f"{path}: required {set(shape.required) ^ set(model['required'])}")
            for key in members.keys() & model["members"].keys():
                member = model["members"][key]["shape"]
                found += _differences(members[key], member, f"{path}.{key}")
            return found
        case Items(), "list":
            same = (shape.minimum, shape.maximum) == bounds
            below = _differences(shape.item, model["member"]["shape"], f"{path}[]")
            return below if same else [f"{path}: {bounds}", *below]
        case Map(), "map":
            return [] if (0, shape.maximum) == bounds else [f"{path}: {bounds}"]
        case Record(), "map":  # the model leaves the keys open, the developer guide names them
            return (
                [] if all(isinstance(each, Text) for each in shape.members().values()) else [path]
            )
        case Text(), "string":
            choices = set(shape.choices)
            same = (
                choices == set(model.get("enum", choices))
                and shape.min_characters >= bounds[0]
                and shape.max_characters == bounds[1]
            )
            return [] if same else [f"{path}: {bounds} {model.get('enum')}"]
        case Whole(), "integer":
            return [] if (shape.minimum, shape.maximum) == bounds else [f"{path}: {bounds}"]
        case Flag(), "boolean":
            return []
    return [f"{path}: {model['type']}"]


def test_all_actions_are_there() -> None:
    assert ACTIONS.keys() == MODEL.keys()
    assert len(ACTIONS) == 24


@pytest.mark.parametrize("kind", MODEL)
def test_members_and_bounds_are_those_of_the_model(kind: str) -> None:
    assert _differences(ACTIONS[kind], MODEL[kind], kind) == []


def test_the_comparison_finds_what_differs() -> None:
    wrong = Record({"queueUrl": Flag(), "more": Text()}, {"roleArn": Text(max_characters=5)})
    found = _differences(wrong, "SqsAction", "sqs")
    assert sorted(each.split(":")[0] for each in found) == [
        "sqs",
        "sqs",
        "sqs.queueUrl",
        "sqs.roleArn",
    ]


def test_groups_of_members_name_members() -> None:
    def groups(shape: Shape) -> list[tuple[Record, str]]:
        match shape:
            case Record():
                here = [(shape, name) for group in shape.any_of for name in group]
                return here + [pair for each in shape.members().values() for pair in groups(each)]
            case Items():
                return groups(shape.item)
        return []

    found = [pair for shape in ACTIONS.values() for pair in groups(shape)]
    assert len(found) == 9
    assert all(name in record.optional for record, name in found)
