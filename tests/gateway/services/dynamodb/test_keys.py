"""Keys: compared by value, sorted by value, and only of the declared types."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.services.dynamodb import ItemRefused, KeySchema, TableSettings, read_number

BY_TEXT = KeySchema(TableSettings("table", "k"))
BY_NUMBER = KeySchema(TableSettings("table", "k", "NUMBER"))
BY_BOTH = KeySchema(TableSettings("table", "k", sort_key="s", sort_key_type="NUMBER"))


def number_bytes(number: int | Decimal) -> bytes:
    return BY_NUMBER.of_item({"k": number})[0]


@pytest.mark.parametrize(
    "group",
    [
        ("1", "1.0", "1e0", "10E-1", "0.1e1", "+1", "1."),
        ("0", "0.0", "-0", "0e9", "-0.00"),
        ("-2500", "-2.5e3", "-2500.000"),
        (".5", "0.5", "5e-1"),
    ],
)
def test_numbers_are_compared_by_value(group: tuple[str, ...]) -> None:
    assert len({number_bytes(read_number(text)) for text in group}) == 1


decimals = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(-(10**15), 10**15),
    st.integers(-100, 80),
)


@given(decimals, decimals)
def test_numbers_sort_by_value(one: Decimal, other: Decimal) -> None:
    first, second = number_bytes(one), number_bytes(other)
    assert (first < second) == (one < other)
    assert (first == second) == (one == other)


@pytest.mark.parametrize(
    "text",
    ["", "x", "1x", "0x10", " 1", "1e", "--1", "1_000", "NaN", "Infinity", "\u0661", "1" * 500],
)
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ItemRefused, match="is no number"):
        read_number(text)


@pytest.mark.parametrize("text", ["1" * 39, "1e126", "1e-131", "1e9999"])
def test_numbers_out_of_range(text: str) -> None:
    with pytest.raises(ItemRefused, match=r"digits|out of range"):
        read_number(text)


@pytest.mark.parametrize(
    ("schema", "item", "sentence"),
    [
        (BY_TEXT, {}, "partition key 'k' is missing"),
        (BY_TEXT, {"k": 1}, "is a number; the table's is a STRING"),
        (BY_TEXT, {"k": None}, "is null"),
        (BY_TEXT, {"k": ["x"]}, "is an array or object"),
        (BY_TEXT, {"k": ""}, "is empty text"),
        (BY_TEXT, {"k": "x" * 2049}, "2049 bytes; 2048 is the most"),
        (BY_TEXT, {"k": "\ud800"}, "surrogate"),
        (BY_NUMBER, {"k": "1"}, "is text; the table's is a NUMBER"),
        (BY_NUMBER, {"k": True}, "is true or false"),
        (BY_NUMBER, {"k": Decimal("Infinity")}, "infinite"),
        (BY_NUMBER, {"k": 10**39 + 1}, "40 digits"),
        (BY_BOTH, {"k": "x"}, "sort key 's' is missing"),
        (BY_BOTH, {"k": "x", "s": "1"}, "sort key 's' is text"),
    ],
)
def test_what_no_key_can_be(schema: KeySchema, item: dict[str, object], sentence: str) -> None:
    with pytest.raises(ItemRefused, match=sentence):
        schema.of_item(item)


def test_a_sort_key_of_text_has_1024_bytes_at_most() -> None:
    schema = KeySchema(TableSettings("table", "k", sort_key="s"))
    assert len(schema.of_item({"k": "x", "s": "ü" * 512})[1]) == 1024
    with pytest.raises(ItemRefused, match="1025 bytes; 1024"):
        schema.of_item({"k": "x", "s": "ü" * 512 + "x"})


def test_a_key_is_all_of_the_key_and_nothing_else() -> None:
    assert BY_TEXT.of_key({"k": "x"}) == (b"x", b"")
    with pytest.raises(ItemRefused, match="'t' is no part of the table's key"):
        BY_TEXT.of_key({"k": "x", "t": 1})
    assert BY_TEXT.of_item({"k": "x", "t": 1}) == (b"x", b"")
