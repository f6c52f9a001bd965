"""What parameters of one action must agree on with each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rules
from tests.rules.actions.samples import ROLE, VALID

Load = Callable[..., rules.RuleDocument]


def http(url: str, confirmation: str | None) -> dict[str, Any]:
    parameters = {"url": url}
    if confirmation is not None:
        parameters["confirmationUrl"] = confirmation
    return {"http": parameters}


def problem(load: Load, action: object) -> rules.Problem:
    with pytest.raises(rules.RuleDocumentError) as caught:
        load(action)
    (found,) = caught.value.problems
    return found


@pytest.mark.parametrize(
    ("url", "confirmation"),
    [
        ("https://h/x", None),
        ("https://h/${'x'}", None),
        ("https://h/x", "https://h"),
        ("https://h/x", "https://h/x"),
        ("https://h/${'x'}/y", "https://h/x"),
        ("https://h/x/${n}", "https://h/x"),
        ("https://h/x/${n}", "https://h/x/"),
        ("https://h/${n}", "https://h/7/whatever/n/is"),
        ("https://${n}.h/x", "https://7.h"),
        ("${n}", "https://h"),
        ("https://h/x/${n}", "https://h/${n}"),
        ("https://h/x", "https://h/${n}"),
    ],
)
def test_what_is_confirmed_is_how_the_url_begins(url: str, confirmation: str, load: Load) -> None:
    assert load(http(url, confirmation)).warnings == ()


@pytest.mark.parametrize(
    ("url", "confirmation"),
    [
        ("https://h/x", "https://g"),
        ("https://h/x", "http://h"),
        ("https://h/x", "https://h/x/y"),
        ("https://h/x/${n}", "https://h/y"),
        ("https://h/x/${n}", "https://g"),
        ("https://h/${'x'}", "https://h/${'y'}"),
    ],
)
def test_what_is_confirmed_is_something_else(url: str, confirmation: str, load: Load) -> None:
    found = problem(load, http(url, confirmation))
    assert found.path == "$.actions[0].http.confirmationUrl"
    assert "is not how 'url' begins" in found.message


def test_a_url_with_a_template_needs_something_to_confirm(load: Load) -> None:
    found = problem(load, http("https://h/x/${n}", None))
    assert found.path == "$.actions[0].http.confirmationUrl"
    assert found.message.startswith("'confirmationUrl' is missing")


def test_a_signed_request_is_a_warning(load: Load) -> None:
    (warning,) = load({"http": VALID["http"]}).warnings
    assert warning.path == "$.actions[0].http.auth.sigv4"
    assert "fails for every message" in warning.message
    assert load({"http": {**VALID["http"], "auth": {}}}).warnings == ()


def dynamodb(**members: str) -> dict[str, Any]:
    key = {"tableName": "t", "hashKeyField": "h", "hashKeyValue": "1", "roleArn": ROLE}
    return {"dynamoDB": {**key, **members}}


@pytest.mark.parametrize(
    ("given", "missing"),
    [("rangeKeyField", "rangeKeyValue"), ("rangeKeyValue", "rangeKeyField")],
)
@pytest.mark.parametrize("value", ["x", "${n}"])
def test_a_range_key_has_field_and_value(given: str, missing: str, value: str, load: Load) -> None:
    for members in ({given: value}, {given: value, missing: ""}):
        found = problem(load, dynamodb(**members))
        assert found.path == f"$.actions[0].dynamoDB.{missing}"
        assert found.message == f"'{given}' is there without '{missing}'"


def test_a_table_without_a_range_key(load: Load) -> None:
    load(dynamodb())
    load(dynamodb(rangeKeyField="", rangeKeyValue="", rangeKeyType="STRING"))
    load(dynamodb(rangeKeyField="r", rangeKeyValue="${n}"))


@pytest.mark.parametrize(
    "function",
    [
        "f",
        "F-1_x",
        "f:live",
        "f:7",
        "f:$LATEST",
        "function:f",
        "123456789012:function:f:live",
        "arn:aws:lambda:us-east-1:123456789012:function:f",
        "arn:aws-cn:lambda:cn-north-1:123456789012:function:f:$LATEST",
        "arn:aws:lambda:::function:f",
        "${topic(2)}",
    ],
)
def test_a_function_by_name_or_arn(function: str, load: Load) -> None:
    load({"lambda": {"functionArn": function}})
