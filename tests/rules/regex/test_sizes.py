"""Counts that multiply: what is too large is refused before an engine sees it, and nothing kept."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import regex
from rules.regex.growth import has_few_states
from rules.regex.limited import Limited
from rules.regex.linear import Linear, NotLinear
from rules.regex.parser import parse
from rules.regex.sizes import OF_MESSAGES, OF_STATEMENTS, Limits, size
from rules.regex.tree import Repeat

MANY = settings(max_examples=300, derandomize=True, deadline=None, database=None)

# What refusing one may take, and compiling with the first use; some tenths of these, measured.
REFUSAL_S = 0.003
OF_MESSAGE_S = 0.015
OF_STATEMENT_S = 0.150
TRIES = 3  # the best counts: a busy machine is not the pattern's fault

TOO_LARGE = [
    "(.{1000}){1000}",
    "(?=a)(((a{1000}){1000}){1000})",
    "(((a{99}){99}){99}){99}(?=a)",
    "(?:a{9999}b){9999}(?=a)",
    "((((a{30}){30}){30}){30})",
    "(?=a){99999}",
    "(a){99999}(?=a)",
    r"(?:\p{L}\b){9999}(?=a)",
    r"\h{99999}\X",
    "(?:(?:(?:){1000}){1000}){1000}(?=a)",
    "(" * 39 + "a" + "{2147483647})" * 39,
    "(?<=(?:a{2147483647}){2147483647})b",
    r"(?>\X{9999}){9999}",
    r"(a)(?:\1{999}){999}",
    "(?:a|b|(c)){99999}+",
]


def best_s(source: str, is_linear: bool, limits: Limits) -> float:
    """Return the processor time to compile a pattern and to use it once: the shortest of some."""
    best = float("inf")
    for _ in range(TRIES):
        start = time.thread_time()
        try:
            pattern = regex.pattern.Pattern(source, is_linear=is_linear, limits=limits)
        except regex.PatternError:
            pass
        else:
            pattern.matches("aab\n")
        best = min(best, time.thread_time() - start)
    return best


@pytest.fixture(autouse=True, scope="module")
def _tables_are_there() -> None:
    for is_linear in (True, False):
        regex.compile("(?iu)é|a(?=b)", is_linear=is_linear).matches("a")
        regex.compile("(?iu)é|a", is_linear=is_linear).matches("a")


@pytest.mark.parametrize("is_linear", [True, False], ids=["linear", "limited"])
@pytest.mark.parametrize("source", TOO_LARGE)
def test_what_is_too_large_is_refused_at_once(source: str, is_linear: bool) -> None:
    with pytest.raises(regex.UnsupportedPattern, match="too large: its counts multiply"):
        regex.compile(source, is_linear=is_linear)
    assert regex.compile_from_message(source, is_linear=is_linear) is None
    assert best_s(source, is_linear, OF_STATEMENTS) < REFUSAL_S


@pytest.mark.parametrize("is_linear", [True, False], ids=["linear", "limited"])
@pytest.mark.parametrize(
    "source",
    [
        r"^(?=.*\d)(?=.*[a-z]).{8,64}$", "(?<=a{1,500})b", "(?:[0-9a-f]{2}:){5}[0-9a-f]{2}",
        r"\d{1,3}(?:\.\d{1,3}){3}", "a{999}", r"(\w{1,64})@\1", "(?:a{9}){99}", r"\p{L}{1,64}",
    ],
)  # fmt: skip
def test_what_people_write_is_not_too_large(source: str, is_linear: bool) -> None:
    assert regex.compile_from_message(source, is_linear=is_linear) is not None


def test_a_constant_may_be_larger() -> None:
    for source in ("a{5000}(?=b)", "(?:[^a]{900}){1}|b", "$" * 300):
        assert regex.compile_from_message(source, is_linear=False) is None
        assert regex.compile(source, is_linear=False).matches("a") is not None


@pytest.mark.parametrize(
    ("source", "nodes"),
    [
        ("a", 1), ("ab", 3), ("a|b", 4), ("(a)", 3), ("a{5}", 10), ("a{2,5}", 10), ("a{2,}", 6),
        ("a*", 2), ("a{0}", 2), ("(?=a)", 3), ("(?>a)", 3), ("(?:a{10}){10}", 210), ("", 1),
        ("(?:){7}", 14), ("()", 3), (r"(a)\1", 5),
    ],
)  # fmt: skip
def test_counts_multiply(source: str, nodes: int) -> None:
    def copies(node: Repeat) -> int:
        return node.high or node.low + 1

    assert size(parse(source).root, lambda leaf: 1, copies) == nodes


def test_neither_engine_is_asked() -> None:
    """What is refused by its size is refused even where no engine could be loaded."""
    program = (
        "import sys\n"
        "from rules import regex\n"
        "for is_linear in (True, False):\n"
        "    assert regex.compile_from_message('(.{1000}){1000}', is_linear=is_linear) is None\n"
        "assert 're2' not in sys.modules and 'regex' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_engines_modules_keep_no_pattern() -> None:
    """They would keep hundreds, whatever their size."""
    limited = importlib.import_module("regex._main")
    linear = importlib.import_module("re2")
    for number in range(20):
        Limited(parse(f"(?=a){number}"))
        Linear(parse(f"(?:a|b){number}"), captures=False)
    for source in ("(?=a)\\p{IsNoSuchScript}", "\\p{IsNoSuchScript}|a"):
        with pytest.raises(regex.InvalidPattern):
            regex.compile(source)
    assert not limited._cache
    assert not limited._locale_sensitive
    assert linear._Regexp._make.cache_info().currsize == 0


MEMORY = r"""
import json, sys
from rules import regex

def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

def use(source, is_linear):
    pattern = regex.compile_from_message(source, is_linear=is_linear)
    if pattern is not None:
        for text in ("aab", "ab\u00e9\u6f22" * 1000, "abcd" * 32000):
            pattern.matches(text)
            pattern.replace(text, "<$0>")

sources = json.loads(sys.argv[1])
for is_linear in (True, False):
    use("(?iu)\u00e9|a", is_linear)
    use("a(?=b)", is_linear)
# The first round fills what allocators keep free; then twice as many must not need more.
figures = []
for number in range(3):
    for source in sources:
        for is_linear in (True, False):
            for variant in range(12):
                use(f"{source}|{'x' * (12 * number + variant + 1)}", is_linear)
    figures.append(resident_bytes())
print(json.dumps(figures))
"""


def test_patterns_of_messages_take_little_memory() -> None:
    sources = [
        *TOO_LARGE, r"(?=\X{300})", "(?=(?:a+){600})", "(?=(?:[a-cx-z]){900})", r"\p{L}{2}",
        "(?:ab){900}", "(a|b|c){300}", r"(?:\b){80}(?=a)", r"[^é]{100}", "a{1,1900}",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, json.dumps(sources)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    first, second, third = json.loads(done.stdout)
    assert third - first < 8_000_000, (first, second, third)
    assert third < 150_000_000


def test_the_proof_of_few_states_ends_early() -> None:
    sets = "".join(f"[\\pL\\pN\\pP{chr(97 + n % 26)}{chr(65 + n % 20)}]" for n in range(60))
    for source in ("((((){99}){99}){99}){99}", sets, "(?:[a-z]|[b-y]){99}" * 9, "(|){9999}" * 90):
        root = parse(source).root
        best = float("inf")
        for _ in range(TRIES):
            start = time.thread_time()
            assert has_few_states(root) is False
            best = min(best, time.thread_time() - start)
        assert best < 0.020


atoms = st.sampled_from(
    ["a", "é", ".", r"\w", r"\h", r"\R", "[^a]", "[^é]", r"\p{L}", r"(?U)\w", r"\X", r"\b", "$",
     "(?m)^", r"\G", "(?=a)", "(?<=ab)", "(?>a+)", r"[\p{L}&&[^b]]", "(?iu)k", "(|)", "",
     "[a-cx-z]"]
)  # fmt: skip
counts = st.sampled_from([0, 1, 2, 10, 30, 99, 300, 999, 1000, 9999, 2**31 - 1])
quantifiers = st.one_of(
    st.sampled_from(["*", "+", "?", "*+", "+?"]),
    st.builds("{{{}}}".format, counts),
    st.builds("{{{},}}".format, counts),
    st.builds("{{0,{}}}".format, counts),
    st.builds("{{1,{}}}+".format, counts.filter(bool)),
)


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("({}|{})".format, inner, inner),
        st.builds("(?={}){}".format, inner, quantifiers),
        st.builds("({}){}".format, inner, quantifiers),
        st.builds("(?:{}){}".format, inner, quantifiers),
        st.builds(lambda one, times: one * times, inner, st.integers(2, 40)),
    )


nested = st.recursive(atoms, larger, max_leaves=6).map(lambda source: source[:1000])


@MANY
@given(nested, st.booleans())
def test_no_counts_take_long(source: str, is_linear: bool) -> None:
    assert best_s(source, is_linear, OF_MESSAGES) < OF_MESSAGE_S
    assert best_s(source, is_linear, OF_STATEMENTS) < OF_STATEMENT_S


def test_a_long_string_is_not_prepared_for_a_search() -> None:
    """Its preparation takes the third power of its length, with no look at the clock."""
    for source in ("a" * 400, "ab" * 200, "(?:aa)(?:aa)" * 100, "(?=b)" + "a" * 400):
        best = float("inf")
        for _ in range(TRIES):
            pattern = Limited(parse(source))
            start = time.thread_time()
            pattern.search("ab" * 2000)
            best = min(best, time.thread_time() - start)
        assert best < 0.004
    assert Limited(parse("a" * 400)).search("b" + "a" * 400) is not None
    assert Limited(parse("a" * 400)).search("b" + "a" * 399) is None


def test_what_the_linear_engine_counts_itself() -> None:
    with pytest.raises(NotLinear):
        Linear(parse("(a{500}){500}"), captures=False)
