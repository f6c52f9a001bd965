"""The settings of a function, and the names that mean it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from gateway.services.functions import FunctionSettings, resolve_name
from gateway.services.functions.names import arn_of, parse_name

FILE = Path("f.py")


def test_defaults_are_those_of_aws() -> None:
    settings = FunctionSettings("f", FILE)
    assert settings.problems() == []
    assert (settings.timeout_s, settings.memory_mb) == (3.0, 128)
    assert settings.handler == "lambda_handler"


def test_every_field_says_what_it_is() -> None:
    for field in dataclasses.fields(FunctionSettings):
        assert field.metadata["doc"].endswith(".")
        assert field.metadata["unit"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"name": "f g"}, '"f g" cannot be used'),
        ({"name": "f" * 65}, "1 to 64"),
        ({"name": ""}, "1 to 64"),
        ({"name": "f\n"}, "1 to 64"),
        ({"file": Path("f.js")}, "ending in .py"),
        ({"handler": "f.lambda_handler"}, "the part after the last point"),
        ({"handler": "a b"}, "no name of a Python function"),
        ({"timeout_s": 0.0}, "timeout_s is 0;"),
        ({"timeout_s": 901.0}, "timeout_s is 901;"),
        ({"memory_bytes": 63_999_999}, "memory_bytes is 63999999"),
        ({"memory_bytes": 2**40}, "10 GiB"),
        ({"max_answer_bytes": 63}, "max_answer_bytes is 63"),
        ({"max_answer_bytes": 7_000_000}, "max_answer_bytes is 7000000"),
        ({"environment": ("SECRET",)}, "number 1"),
        ({"environment": ("A1=x", "1A=x")}, "number 2"),
        ({"environment": ("AB=\0",)}, "number 1"),
        ({"environment": ("AWS_REGION=x",)}, "sets AWS_REGION"),
        ({"environment": ("AWS_LAMBDA_FUNCTION_NAME=x",)}, "runtime sets itself"),
        ({"environment": ("AB=" + "x" * 4096,)}, "more than 4096"),
    ],
)
def test_what_cannot_be_used_is_said(settings: dict[str, Any], sentence: str) -> None:
    (problem,) = FunctionSettings(**{"name": "f", "file": FILE, **settings}).problems()
    assert sentence in problem
    assert "SECRET" not in problem


def test_the_environment_is_taken_apart_at_the_first_equals_sign() -> None:
    settings = FunctionSettings("f", FILE, environment=("TABLE=a=b", "EMPTY="))
    assert settings.problems() == []
    assert settings.variables == {"TABLE": "a=b", "EMPTY": ""}


@pytest.mark.parametrize(
    ("memory_bytes", "shown"), [(128_000_000, 128), (256 * 1024**2, 256), (10**9, 1000)]
)
def test_memory_is_shown_in_the_unit_it_is_written_in(memory_bytes: int, shown: int) -> None:
    assert FunctionSettings("f", FILE, memory_bytes=memory_bytes).memory_mb == shown


@pytest.mark.parametrize(
    ("function", "name", "qualifier"),
    [
        ("alarm", "alarm", ""),
        ("alarm:prod", "alarm", "prod"),
        ("alarm:$LATEST", "alarm", "$LATEST"),
        ("arn:aws:lambda:eu-west-1:123456789012:function:alarm", "alarm", ""),
        ("arn:aws-cn:lambda:cn-north-1:123456789012:function:alarm:7", "alarm", "7"),
        ("123456789012:function:alarm", "alarm", ""),
        ("123456789012:function:alarm:prod", "alarm", "prod"),
        ("123456789012:alarm", "alarm", ""),
        ("function", "function", ""),
        ("function:prod", "function", "prod"),
        ("arn:aws:lambda", "", ""),
        ("", "", ""),
        (":::::::", "", ""),
    ],
)
def test_a_function_is_named_in_any_of_these_ways(function: str, name: str, qualifier: str) -> None:
    assert resolve_name(function) == name
    assert parse_name(function) == (name, qualifier)


def test_an_arn_here_is_of_this_gateway() -> None:
    theirs = "arn:aws:lambda:eu-west-1:123456789012:function:alarm:prod"
    assert arn_of(theirs, region="r", account="a") == "arn:aws:lambda:r:a:function:alarm:prod"
