"""JSON over several lines: the same values, written as they were."""

from __future__ import annotations

import json
import random

import pytest

from gateway.cli.json_layout import laid_out


@pytest.mark.parametrize("text", ["", "1", '"a"', "null", "{", "[1,]", "{'a': 1}", "[" * 100_000])
def test_what_is_no_object_or_array_is_left_alone(text: str) -> None:
    assert laid_out(text) is None


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("{}", ["{}"]),
        ("[ ]", ["[]"]),
        ("[[],{}]", ["[", "  [],", "  {}", "]"]),
        (
            '{"a":1.0,"a":1e400,"b":"x\\"{,:y"}',
            ["{", '  "a": 1.0,', '  "a": 1e400,', '  "b": "x\\"{,:y"', "}"],
        ),
        (
            f"[{'9' * 5000},-0.0,true ,\tnull]",
            ["[", f"  {'9' * 5000},", "  -0.0,", "  true,", "  null", "]"],
        ),
    ],
)
def test_every_value_stays_as_it_was_written(text: str, lines: list[str]) -> None:
    assert laid_out(text) == lines


@pytest.mark.parametrize("seed", range(50))
def test_it_is_laid_out_as_python_does(seed: int) -> None:
    draw = random.Random(seed)
    print(f"seed {seed}")

    def value(depth: int) -> object:
        match draw.randrange(6 if depth else 3):
            case 0:
                return draw.choice([1, -2.5, True, None])
            case 1 | 2:
                return "".join(draw.choices('a"\\{}[],: \n\u2028ü', k=draw.randrange(6)))
            case 3 | 4:
                return [value(depth - 1) for _ in range(draw.randrange(4))]
            case _:
                return {str(key): value(depth - 1) for key in range(draw.randrange(4))}

    document = [value(4)]
    text = json.dumps(document, ensure_ascii=draw.random() < 0.5)
    found = laid_out(text)
    assert found is not None
    assert json.loads("\n".join(found)) == document
    assert found == json.dumps(document, indent=2, ensure_ascii=text.isascii()).split("\n")
