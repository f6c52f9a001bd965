"""Properties: both engines agree with Python's `re` where the dialects do, and nothing escapes."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from rules import regex

MANY = settings(max_examples=400, derandomize=True, deadline=None, database=None)

atoms = st.sampled_from(
    ["a", "b", "c", "é", ".", "[ab]", "[^a]", "[a-c]", r"\d", r"\w", r"\W", r"\s", r"\b", "^", "1",
     "-", "(?i:a)", r"\x61"]
)  # fmt: skip
# Python lets a quantifier repeat what matches nothing once more than Java and RE2 do; so what is
# repeated here has a character.
characters = st.sampled_from(["a", "b", "é", "[ab]", "[^a]", r"\d", r"\w", "."])


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("({})".format, inner),
        st.builds("(?:{}{}){}".format, characters, inner, st.sampled_from("*+?")),
        st.builds("{}{}".format, characters, st.sampled_from(
            ["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,3}?", "{2,}"])),
    )  # fmt: skip


patterns = st.recursive(st.one_of(atoms, characters), larger, max_leaves=8)
texts = st.text(alphabet="abcAé1_- ", max_size=14)


@MANY
@given(patterns, texts, st.booleans())
def test_both_engines_agree_with_python(pattern: str, text: str, is_linear: bool) -> None:
    expected = re.search(pattern, text, re.ASCII)
    compiled = regex.compile(pattern, is_linear=is_linear)
    assert compiled.matches(text) is (expected is not None)
    assert compiled.substring(text) == (expected and expected[0])


@MANY
@given(patterns, texts, st.booleans())
def test_replacing_is_finding_again_and_again(pattern: str, text: str, is_linear: bool) -> None:
    python = re.compile(pattern, re.ASCII)
    expected: list[str] = []
    position = last = 0
    while position <= len(text) and (found := python.search(text, position)) is not None:
        expected += [text[last : found.start()], "<", found[0], ">"]
        last = found.end()
        position = last + (found.end() == found.start())
    compiled = regex.compile(pattern, is_linear=is_linear)
    assert compiled.replace(text, "<$0>") == "".join(expected) + text[last:]


pieces = st.sampled_from(
    ["(", ")", "[", "]", "{", "}", "\\", "a", "-", "^", "$", "*", "+", "?", "|", "&&", "1", ",",
     "<", ">", "=", "!", ":", r"\p{", r"\Q", r"\E", "(?", "(?<", "(?i", "é", "\n", "\x00", "#", " ",
     "x", r"\x", r"\u", r"\1", r"\k<", "\ud800"]
)  # fmt: skip


@MANY
@given(st.lists(pieces, max_size=14).map("".join), texts, st.booleans())
def test_any_text_is_a_pattern_or_an_error(pattern: str, text: str, is_linear: bool) -> None:
    try:
        compiled = regex.compile(pattern, is_linear=is_linear)
    except regex.PatternError as error:
        assert str(error)
        return
    assert compiled.matches(text) in (True, False, None)
    found = compiled.substring(text)
    assert found is None or found in text
    replaced = compiled.replace(text, "$0")
    assert replaced is None or replaced == text


@MANY
@given(st.lists(st.sampled_from(["$", "\\", "{", "}", "1", "2", "0", "a", "é"]), max_size=8))
def test_any_text_is_a_replacement_or_none(replacement: list[str]) -> None:
    for is_linear in (True, False):
        pattern = regex.compile("(?<a>b)|c", is_linear=is_linear)
        replaced = pattern.replace("xb", "".join(replacement))
        assert replaced is None or replaced.startswith("x")
