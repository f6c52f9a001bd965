"""A table's settings: DynamoDB's naming rules, and what contradicts itself."""

from __future__ import annotations

import dataclasses

import pytest

from gateway.services.dynamodb import TableSettings, resolve_name


def test_a_table_needs_a_name_and_a_partition_key_only() -> None:
    settings = TableSettings("readings", "device")
    assert settings.problems() == []
    assert (settings.partition_key_type, settings.sort_key) == ("STRING", None)
    assert TableSettings("a_B.c-9", "d", "NUMBER", "e", "NUMBER", 1 << 20).problems() == []


def test_every_field_says_what_it_is() -> None:
    for field in dataclasses.fields(TableSettings):
        assert field.metadata["doc"].endswith(".")
        assert field.metadata["unit"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (TableSettings("ab", "k"), "3 to 255"),
        (TableSettings("a" * 256, "k"), "3 to 255"),
        (TableSettings("a b c", "k"), "letters, digits"),
        (TableSettings("table", ""), "partition_key has 0 bytes"),
        (TableSettings("table", "k" * 256), "partition_key has 256 bytes"),
        (TableSettings("table", "k", sort_key="ü" * 128), "sort_key has 256 bytes"),
        (TableSettings("table", "k", "BINARY"), 'partition_key_type is "BINARY"'),
        (TableSettings("table", "k", sort_key_type="string"), 'sort_key_type is "string"'),
        (TableSettings("table", "k", sort_key="k"), "same attribute"),
        (TableSettings("table", "k", max_bytes=1000), "max_bytes is 1000"),
    ],
)
def test_what_cannot_be_used(settings: TableSettings, sentence: str) -> None:
    (problem,) = settings.problems()
    assert sentence in problem


@pytest.mark.parametrize(
    "named", ["readings", "arn:aws:dynamodb:eu-west-1:123456789012:table/readings"]
)
def test_a_table_is_found_by_its_last_part(named: str) -> None:
    assert resolve_name(named) == "readings"
