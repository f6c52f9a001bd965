"""What keeps a pattern from taking long: lengths, sizes, clocks, and which engine runs what."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from rules import regex
from rules.regex.endings import final_terminator, ignores_final_terminator
from rules.regex.growth import has_few_states
from rules.regex.limited import MAX_CHARACTERS
from rules.regex.parser import parse
from rules.regex.plain import MAX_REPLACEMENTS, plain
from rules.regex.sizes import OF_MESSAGES, OF_STATEMENTS
from rules.values import MAX_TEXT_CHARACTERS

LONG = "a" * (128 * 1024)


@pytest.mark.parametrize(
    ("pattern", "few"),
    [
        ("(a+)+$", True), ("(a|aa)+$", True), ("[a-z0-9._%+-]+@[a-z0-9.-]+\\.[a-z]{2,}$", True),
        (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}", True), (r"\p{L}+", True), ("(.*a){20}", True),
        ("^.{50}b", True), ("(?:red|green|blue)+?x", True), ("[0-9a-f]{8}-[0-9a-f]{4}", True),
        ("[ab]*a[ab]{20}c", False), ("a.{100}c", False), ("c[ab]{20}a[ab]*$", False),
        (r"\w{1,1000}!", False), ("(?:a{1000}){1000}", False), (r"(?=a)b", True),
        (r"\pL\pM\pN\pP\pS", False), ("(?:){2000000000}", False), ("(?:a*)*" * 140, False),
        ("[a[^\\pLb]]", False),
    ],
)  # fmt: skip
def test_which_patterns_stay_fast_on_long_texts(pattern: str, few: bool) -> None:
    assert has_few_states(parse(pattern).root) is few


def test_a_pattern_that_grows_is_run_on_short_texts_only() -> None:
    pattern = regex.compile("[ab]*a[ab]{20}c", is_linear=True)
    assert pattern.matches("ab" * 2000) is False
    assert pattern.substring("b" + "a" * 21 + "cb") == "b" + "a" * 21 + "c"
    assert pattern.matches(LONG) is None
    assert pattern.substring(LONG) is None
    assert pattern.replace(LONG, "x") is None


def test_the_limited_engine_takes_texts_up_to_a_length() -> None:
    pattern = regex.compile("(?<=a)b", is_linear=True)
    text = "a" * (MAX_CHARACTERS - 1) + "b"
    assert pattern.matches(text) is True
    assert pattern.matches(f"{text}b") is None
    assert pattern.substring(f"{text}b") is None
    assert pattern.replace(f"{text}b", "") is None


def test_the_limited_engine_stops_when_its_time_is_over() -> None:
    pattern = regex.compile(r"(a+)\1+b", is_linear=True)
    text = "a" * MAX_CHARACTERS
    assert pattern.matches(text) is None
    assert pattern.substring(text) is None
    assert pattern.replace(text, "") is None
    assert pattern.matches("aab") is True


def test_simple_patterns_have_no_limit_of_length_on_either_engine() -> None:
    for is_linear in (True, False):
        pattern = regex.compile(r"[^\d\s]+", is_linear=is_linear)
        assert pattern.matches(LONG) is True
        assert pattern.substring(LONG) == LONG
        assert pattern.replace(LONG, "x") == "x"


@pytest.mark.parametrize(
    ("pattern", "is_plain"),
    [
        ("a", True), ("abc", True), (r"\d\d:[^x]", True), (r"\s+", True), ("ab+", True),
        ("a*", False), ("a+b", False), ("a+?", False), ("", False), ("a|b", False), ("(a)", False),
        ("....", True), ("[^a]" * 16, True), (r"[\x{0}-\x{9fff}].", True),
        (r"[\x{100}-\x{8100}]" * 2, False),
        (r"\p{L}", False), ("^a", False), ("a{2}", False), ("a" * 17, False), ("(?:ab)+", False),
    ],
)  # fmt: skip
def test_which_patterns_are_simple(pattern: str, is_plain: bool) -> None:
    assert (plain(parse(pattern).root) is not None) is is_plain


def stepping(step_s: float) -> Callable[[], float]:
    ticks = count()
    return lambda: next(ticks) * step_s


@pytest.mark.parametrize("is_linear", [True, False])
def test_replacing_stops_when_its_time_is_over(is_linear: bool) -> None:
    pattern = regex.compile("a|b", is_linear=is_linear)
    assert pattern.replace("ab" * 10, "x", stepping(0.0001)) == "x" * 20
    assert pattern.replace("ab" * 500, "x", stepping(0.0001)) is None
    # what is surely quick does not depend on a clock that somebody else stopped
    assert pattern.replace("ab" * 10, "x", stepping(1.0)) == "x" * 20


@pytest.mark.parametrize("is_linear", [True, False])
@pytest.mark.parametrize("pattern", ["a", "a|b", "(?=a)a"])
def test_a_result_has_a_longest_length(pattern: str, is_linear: bool) -> None:
    compiled = regex.compile(pattern, is_linear=is_linear)
    half = "x" * (MAX_TEXT_CHARACTERS // 2)
    assert compiled.replace("aa", half) == half * 2
    assert compiled.replace("aaa", half) is None
    assert compiled.replace("a" * 1000, half) is None
    wide = "\U0001f600" * (MAX_TEXT_CHARACTERS // 2)
    assert compiled.replace("aa", wide) == wide * 2
    assert compiled.replace("aa-", wide) is None


def test_simple_patterns_replace_only_so_often() -> None:
    pattern = regex.compile("a")
    few = "a" * (MAX_REPLACEMENTS - 1)
    assert pattern.replace(few, "bb") == few.replace("a", "bb")
    assert pattern.replace(f"{few}a", "bb") is None
    assert pattern.replace(LONG, "$0$0") is None
    assert pattern.replace("a" * 100, "$0" * 20_000) is None


def test_groups_of_a_long_match_are_not_looked_for() -> None:
    pattern = regex.compile("(a+)b*(a*)$", is_linear=True)
    assert pattern.replace("aaba", "$1-$2") == "aa-a"
    assert pattern.replace(LONG, "x") == "x"
    assert pattern.replace(LONG, "$1") is None


def test_patterns_of_messages_are_shorter() -> None:
    longest = "a" * OF_MESSAGES.characters
    for is_linear in (True, False):
        assert regex.compile_from_message(f"{longest}a", is_linear=is_linear) is None
        assert regex.compile(f"{longest}a", is_linear=is_linear).matches(f"{longest}a") is True
        with pytest.raises(regex.UnsupportedPattern, match="longer than 10000 characters"):
            regex.compile("a" * (OF_STATEMENTS.characters + 1), is_linear=is_linear)
    assert regex.compile_from_message(longest, is_linear=True) is not None
    assert regex.compile_from_message(longest, is_linear=False) is None
    assert regex.compile_from_message("(?=a)" * 190, is_linear=True) is not None
    assert regex.compile_from_message("$" * 32, is_linear=False) is not None
    assert regex.compile_from_message("$" * 33, is_linear=False) is None
    assert regex.compile_from_message("(", is_linear=True) is None


def test_patterns_of_messages_are_kept() -> None:
    first = regex.compile_from_message("a|b")
    assert regex.compile_from_message("a|b") is first
    for number in range(20):
        regex.compile_from_message(f"a|{number}")
    assert regex.compile_from_message("a|b") is not first


def test_a_line_terminator_at_the_end_of_a_long_text() -> None:
    for terminator in ("\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"):
        pattern = regex.compile("^(a+)+$", is_linear=True)
        assert pattern.matches(LONG + terminator) is True
        assert pattern.matches(LONG + "b" + terminator) is False
        assert pattern.matches(LONG + terminator * 2) is False
        assert pattern.substring(LONG + terminator) == LONG
        assert pattern.replace(LONG + terminator, "-") == f"-{terminator}"
        assert pattern.replace(LONG + "b" + terminator, "-") == f"{LONG}b{terminator}"
        assert pattern.replace(LONG + terminator, "") == terminator


@pytest.mark.parametrize(
    ("pattern", "ignores"),
    [
        ("a$", True), ("^(?:a|b)+$", True), (r"\bx\b$", True), (".+$", True), (r"\S$", False),
        (r"\s+$", False), ("[^a]$", False), ("a*$", False), ("^$", False), ("$", False),
        ("a$b", False), ("(a$)", False), ("a|b$", False), (r"a\B$", False), (r"a\z", False),
        ("(?d)a$", False), ("(?m)a$", False), (r"\p{L}$", False), ("a$|b$", False),
    ],
)  # fmt: skip
def test_which_patterns_ignore_a_final_terminator(pattern: str, ignores: bool) -> None:
    assert ignores_final_terminator(parse(pattern).root) is ignores


def test_final_terminators() -> None:
    assert [final_terminator(text) for text in ("", "a", "a\n", "a\r\n", "a\n\r", "\u2029")] == [
        "", "", "\n", "\r\n", "\r", "\u2029",
    ]  # fmt: skip


@pytest.mark.parametrize("pattern", ["(?m)^b$", r"\s+$"])
def test_line_terminators_the_linear_engine_does_not_know(pattern: str) -> None:
    compiled = regex.compile(pattern, is_linear=True)
    assert compiled.matches("a\r\nb\r\n") is True
    assert compiled.matches("a\r\nb\r\n" * 1000) is None
    assert compiled.matches("a\nb\n ".replace("\n", "\u2028") * 1000) is (
        None if pattern.startswith("(?m)") else True
    )


def test_patterns_too_large_for_the_linear_engine_run_on_the_limited_one() -> None:
    for pattern in (r"\p{L}{900}", "(?:a{9,900}){9,900}|b", r"[\p{L}&&[^b]]{1,5}"):
        compiled = regex.compile(pattern, is_linear=True)
        assert compiled.matches("b" * 900) is (not pattern.startswith("["))
        assert compiled.matches(LONG) is None


def test_too_much_folding_is_refused() -> None:
    with pytest.raises(regex.UnsupportedPattern, match="whose case is to be ignored"):
        regex.compile("(?iu)" + "[\\x00-\\x{10FFFF}]" * 10)
    with pytest.raises(regex.UnsupportedPattern, match="too long for what it uses"):
        regex.compile("(?=a)$" * 400, is_linear=True)


@pytest.mark.parametrize("is_linear", [True, False])
@pytest.mark.parametrize("opening", ["(", "(?:", "(?=", "(?>", "[", "[^", "(?i:", "(?<a>"])
def test_nesting_a_thousand_deep(opening: str, is_linear: bool) -> None:
    for closing in ("", "a" + (")" if "(" in opening else "]") * 1500):
        with pytest.raises(regex.PatternError):
            regex.compile(opening * 1500 + closing, is_linear=is_linear)
