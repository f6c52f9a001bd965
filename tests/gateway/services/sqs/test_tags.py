"""Tags: how many, how long, and which keys."""

from __future__ import annotations

import pytest

from gateway.services.sqs.errors import SqsError
from gateway.services.sqs.tags import (
    MAX_KEY_CHARS,
    MAX_TAGS,
    MAX_VALUE_CHARS,
    with_tags,
    without_tags,
)


def test_tags_come_go_and_change() -> None:
    tags = with_tags({"a": "1", "b": "2"}, {"b": "3", "c": ""}, "q")
    assert tags == {"a": "1", "b": "3", "c": ""}
    assert without_tags(tags, ["a", "c", "never there"]) == {"b": "3"}


def test_as_many_and_as_long_as_may_be() -> None:
    longest = {"k" * MAX_KEY_CHARS: "v" * MAX_VALUE_CHARS}
    assert with_tags({}, longest, "q") == longest
    full = {f"k{n}": "" for n in range(MAX_TAGS)}
    assert with_tags(full, {"k0": "other"}, "q")["k0"] == "other"
    with pytest.raises(SqsError, match=r"Too many tags added for queue q\."):
        with_tags(full, {"more": ""}, "q")


@pytest.mark.parametrize(
    ("tags", "code", "message"),
    [
        ({}, "MissingRequiredParameterException", "must contain the parameter Tags."),
        ({"": "x"}, "InvalidParameterValueException", "between 1 and 128 characters"),
        ({"k" * 129: "x"}, "InvalidParameterValueException", "between 1 and 128 characters"),
        ({"k": "v" * 257}, "InvalidParameterValueException", "between 0 and 256 characters"),
        ({"aws:k": "v"}, "InvalidParameterValueException", "reserved for system use"),
        ({"AWS:k": "v"}, "InvalidParameterValueException", "reserved for system use"),
    ],
)
def test_tags_that_are_refused(tags: dict[str, str], code: str, message: str) -> None:
    with pytest.raises(SqsError) as raised:
        with_tags({"had": "x"}, tags, "q")
    assert raised.value.code == code
    assert message in str(raised.value)


def test_keys_that_are_refused() -> None:
    for keys, code in (
        ([], "MissingRequiredParameterException"),
        (["k" * 129], "InvalidParameterValueException"),
    ):
        with pytest.raises(SqsError) as raised:
            without_tags({"had": "x"}, keys)
        assert raised.value.code == code
