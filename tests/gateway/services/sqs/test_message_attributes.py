"""Message attributes: AWS's digest, what is refused, and that they come back as they were."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.services.sqs.errors import InvalidParameterValue
from gateway.services.sqs.message_attributes import (
    AttributeValue,
    check_attributes,
    decode,
    digest,
    encode,
    selected,
    size_bytes,
)

values = st.one_of(
    st.builds(AttributeValue, st.sampled_from(["String", "String.x", "Number"]), st.text()),
    st.builds(AttributeValue, st.sampled_from(["Binary", "Binary.png"]), st.binary()),
)
maps = st.dictionaries(st.text(min_size=1, max_size=20), values, max_size=10)


@settings(max_examples=100, derandomize=True)
@given(maps, maps)
def test_attributes_come_back_as_they_were(
    own: dict[str, AttributeValue], system: dict[str, AttributeValue]
) -> None:
    blob = encode(own, system)
    assert (blob is None) == (not own and not system)
    assert decode(blob) == (own, system)


def test_the_digest_of_a_written_out_example() -> None:
    """Name, type and value, each behind its length in four bytes; 1 is text, 2 is bytes."""
    attributes = {
        "b": AttributeValue("Binary", b"\x00\xff"),
        "a": AttributeValue("String", "ä"),
    }
    written = (
        b"\0\0\0\1a" + b"\0\0\0\6String" + b"\1" + b"\0\0\0\2\xc3\xa4"
        b"\0\0\0\1b" + b"\0\0\0\6Binary" + b"\2" + b"\0\0\0\2\x00\xff"
    )
    assert digest(attributes) == hashlib.md5(written).hexdigest()
    assert digest({}) is None
    assert size_bytes(attributes) == 1 + 6 + 2 + 1 + 6 + 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a" * 257, AttributeValue("String", "x")),
        ("", AttributeValue("String", "x")),
        (".a", AttributeValue("String", "x")),
        ("a.", AttributeValue("String", "x")),
        ("a..b", AttributeValue("String", "x")),
        ("a b", AttributeValue("String", "x")),
        ("AWS.a", AttributeValue("String", "x")),
        ("amazon.a", AttributeValue("String", "x")),
        ("a", AttributeValue("Text", "x")),
        ("a", AttributeValue("", "x")),
        ("a", AttributeValue("String." + "x" * 256, "x")),
        ("a", AttributeValue("String", "")),
        ("a", AttributeValue("String", b"x")),
        ("a", AttributeValue("Binary", "x")),
        ("a", AttributeValue("Number", "ten")),
        ("a", AttributeValue("Number", "1" * 300)),
    ],
)
def test_attributes_that_are_refused(name: str, value: AttributeValue) -> None:
    with pytest.raises(InvalidParameterValue):
        check_attributes({name: value})


def test_characters_that_are_refused() -> None:
    with pytest.raises(InvalidParameterValue, match="allowed characters"):
        check_attributes({"a": AttributeValue("String", "x\x00")})
    check_attributes({"a": AttributeValue("String", "\t\n\r\U0001f600")})


@pytest.mark.parametrize("number", ["0", "-1", "+1.5", ".5", "5.", "1e10", "1E-100"])
def test_numbers(number: str) -> None:
    check_attributes({"a": AttributeValue("Number.int", number)})


def test_at_most_ten() -> None:
    ten = {f"a{n}": AttributeValue("String", "x") for n in range(10)}
    check_attributes(ten)
    with pytest.raises(InvalidParameterValue, match=r"\[11\]"):
        check_attributes({**ten, "b": AttributeValue("String", "x")})


def test_which_are_selected() -> None:
    attributes = {name: AttributeValue("String", "x") for name in ("a", "b.c", "b.d", "bc")}
    for names, chosen in [
        ([], ""),
        (["a"], "a"),
        (["none"], ""),
        (["b.*"], "b.c b.d bc"),  # the dot is the wildcard's, not the prefix's
        (["b..*"], "b.c b.d"),
        (["b..*", "a"], "a b.c b.d"),
        (["b*"], ""),
        (["All"], "a b.c b.d bc"),
        ([".*"], "a b.c b.d bc"),
        (["*"], "a b.c b.d bc"),
    ]:
        assert sorted(selected(attributes, names)) == chosen.split()
