"""JSON text taken apart: every byte of a value survives, and what is no JSON is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli import raw_json

DEEP = "[" * 5000 + "]" * 5000


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{}", {}),
        (' {"a":1} \n', {"a": "1"}),
        ('{"a": 10.0, "b" : 1234567890123456789012345678901234}', {
            "a": "10.0",
            "b": "1234567890123456789012345678901234",
        }),
        ('{"a": { "x" : [1, 2.50] }, "b":"}"}', {"a": '{ "x" : [1, 2.50] }', "b": '"}"'}),
        ('{"a": 1e999, "b": -0.0}', {"a": "1e999", "b": "-0.0"}),
        ('{"a":1,"a":2}', {"a": "2"}),
        (r'{"\u0061": "\u00e9"}', {"a": r'"\u00e9"'}),
        (f'{{"a": {DEEP}, "b": 1}}', {"a": DEEP, "b": "1"}),
    ],
)  # fmt: skip
def test_members_are_their_texts(text: str, found: dict[str, str]) -> None:
    assert raw_json.members(text) == found


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"a"}', '{"a":}', '{"a":1,}', "{,}", "{1:2}", '{"a":1 "b":2}', '{"a":1}x']
    + ['{"a":NaN}', '{"a":01}', '{"a":' + "[" * 5000 + "}", '{"a" 1}', "null", '{"a":1', "{{}:1}"],
)
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        raw_json.members(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[]", []),
        (' [ 1.0 , {"a":[]} ] ', ["1.0", '{"a":[]}']),
        ('["a,b", null]', ['"a,b"', "null"]),
    ],
)
def test_items_are_their_texts(text: str, found: list[str]) -> None:
    assert raw_json.items(text) == found


@pytest.mark.parametrize("text", ["{}", "[", "[1,]", "[,1]", "[1 2]", "[1]]", "1"])
def test_what_is_no_array_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        raw_json.items(text)


@pytest.mark.parametrize(
    ("text", "compacted"),
    [
        ('{ "a b" : [ 1.0 ,\n 2 ] }', '{"a b":[1.0,2]}'),
        (r'"a \" b"', r'"a \" b"'),
        ("1e999", "1e999"),
    ],
)
def test_compact_takes_blanks_only(text: str, compacted: str) -> None:
    assert raw_json.compact(text) == compacted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", True),
        ("1e999", True),
        ("1" * 5000, True),
        ("[" * 900 + "]" * 900, True),
        ("", False),
        ("NaN", False),
        ("[1,]", False),
        (DEEP, False),
    ],
)
def test_what_is_json(text: str, expected: bool) -> None:
    assert raw_json.is_json(text) is expected


def test_a_value_is_pythons() -> None:
    assert raw_json.value('{"a": [1, 2.5, "x", null, true]}') == {"a": [1, 2.5, "x", None, True]}
    assert raw_json.value("9" * 5000) == float("inf")  # no number of 5,000 digits is worked out
    for text in ("NaN", DEEP):
        with pytest.raises(ValueError, match=r"no JSON|too deep"):
            raw_json.value(text)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(derandomize=True, deadline=None, database=None)
@given(
    document=st.dictionaries(st.text(), VALUES),
    indent=st.none() | st.integers(0, 2),
    ascii_only=st.booleans(),
)
def test_the_parts_make_the_whole(
    document: dict[str, object], indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    members = raw_json.members(text)
    assert {key: json.loads(part) for key, part in members.items()} == document
    assert raw_json.compact(text) == json.dumps(
        document, separators=(",", ":"), ensure_ascii=ascii_only
    )


@settings(derandomize=True, deadline=None, database=None)
@given(st.text(alphabet='{}[]",:1e-\\ ant'))
def test_nothing_but_its_own_error_escapes(text: str) -> None:
    for take_apart in (raw_json.members, raw_json.items, raw_json.value):
        try:
            take_apart(text)
        except ValueError:
            continue
        assert raw_json.is_json(text)
