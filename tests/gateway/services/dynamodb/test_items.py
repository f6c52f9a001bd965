"""Items as JSON: every digit stays, and what DynamoDB cannot hold is refused."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.services.dynamodb import ItemRefused, NotJson, read_json
from gateway.services.dynamodb.items import MAX_ITEM_BYTES, encode_item


@pytest.mark.parametrize(
    "number",
    [
        "0",
        "-7",
        "1.10",
        "0.1",
        "9007199254740993",
        "123456789012345678901234567890",
        "0.12345678901234567890123456789012345678",
        "-99999999999999999999999999999999999999",
        "1E+125",
        "1E-130",
    ],
)
def test_numbers_keep_every_digit(number: str) -> None:
    text = f'{{"n":{number}}}'.encode()
    value = read_json(text)
    assert isinstance(value, dict)
    assert encode_item(value) == text


@pytest.mark.parametrize(
    "number",
    ["1" * 39, "0." + "1" * 39, "1e126", "1e-131", "1e999999999999999999999", "1" * 10_000],
)
def test_numbers_that_dynamodb_cannot_hold_are_refused(number: str) -> None:
    with pytest.raises(ItemRefused, match="number of the item"):
        read_json(f'{{"n":{number}}}'.encode())


def test_zeros_at_the_end_are_no_digits() -> None:
    assert read_json(b"1" + b"0" * 60) == Decimal(10) ** 60
    assert read_json(b"0e99999") == 0


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"NaN", b"-Infinity", b"\xff", b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b"{} x"],
)
def test_what_is_no_json(data: bytes) -> None:
    with pytest.raises(NotJson):
        read_json(data)


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def test_an_attribute_may_be_nested_32_levels_deep() -> None:
    assert encode_item({"v": read_json(nested(32))}) == b'{"v":' + nested(32) + b"}"
    for levels in (33, 100, 100_000):
        with pytest.raises(ItemRefused, match="32 levels"):
            encode_item({"v": read_json(nested(levels))})
    with pytest.raises(ItemRefused, match="JSON"):
        encode_item({"v": read_json(nested(300))})


def test_many_brackets_are_not_many_levels() -> None:
    wide = b'{"v":[' + b",".join([b'{"a":[]}'] * 100) + b"]}"
    value = read_json(wide)
    assert isinstance(value, dict)
    assert encode_item(value) == wide


def test_an_item_has_400_kib_at_most() -> None:
    room = MAX_ITEM_BYTES - len('{"v":""}')
    assert len(encode_item({"v": "x" * room})) == MAX_ITEM_BYTES
    with pytest.raises(ItemRefused, match="409601 bytes"):
        encode_item({"v": "x" * (room + 1)})


def test_what_no_item_can_say() -> None:
    with pytest.raises(ItemRefused, match="JSON"):
        encode_item({"v": "\ud800"})
    with pytest.raises(ItemRefused, match="no name"):
        encode_item({"": 1})


numbers = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=6
)
values = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8) | numbers | st.integers(-(2**60), 2**60),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1, max_size=4), values, max_size=4))
def test_what_is_written_is_read_again(item: dict[str, object]) -> None:
    data = encode_item(item)  # type: ignore[arg-type] # hypothesis knows no recursive types
    assert read_json(data) == item
    assert json.loads(data, parse_float=Decimal) == item
