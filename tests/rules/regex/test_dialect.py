"""Java's dialect, construct by construct, on both engines."""

from __future__ import annotations

import pytest

from rules import regex

U = None  # no pattern at all
ENGINES = pytest.mark.parametrize("is_linear", [True, False], ids=["linear", "limited"])


def spans(pattern: str, text: str, is_linear: bool) -> str:
    """Show every match in brackets."""
    replaced = regex.compile(pattern, is_linear=is_linear).replace(text, "[$0]")
    assert replaced is not None
    return replaced


@ENGINES
@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        # Characters
        ("a.c", "abc a\nc", "[abc] a\nc"), (r"\.", "a.b", "a[.]b"), (r"\\", "a\\b", "a[\\]b"),
        (r"\t\n\r\f\a\e", "\t\n\r\f\x07\x1b", "[\t\n\r\f\x07\x1b]"), (r"\x41", "A", "[A]"),
        (r"\x{1F600}", "\U0001f600", "[\U0001f600]"), (r"\u00e9", "é", "[é]"),
        (r"\uD83D\uDE00", "\U0001f600", "[\U0001f600]"), (r"\0101", "A", "[A]"),
        (r"\07", "\x07", "[\x07]"), (r"\0400", " 0", "[ 0]"), (r"\cA", "\x01", "[\x01]"),
        (r"\N{LATIN SMALL LETTER A}", "a", "[a]"), (r"\-\/\é\ ", "-/é ", "[-/é ]"),
        (r"\uD83Dx", "\ud83dx", "[\ud83dx]"), ("}]", "a}]", "a[}]]"),
        ("é+", "aéé", "a[éé]"), ("", "ab", "[]a[]b[]"), ("\x00", "a\x00", "a[\x00]"),
        # Quotation
        (r"\Qa.b*\E+", "a.b**", "[a.b**]"), (r"a\Q.", "a.ab", "[a.]ab"), (r"\Q\E", "a", "[]a[]"),
        (r"\\Qa", "\\Qa", "[\\Qa]"), (r"[\Q^]\E]+", "a^]", "a[^]]"), (r"\Qab\Ec", "abc", "[abc]"),
        (r"(a)\1\Q2\E", "aa2", "[aa2]"),
        # Classes
        ("[abc]", "xb", "x[b]"), ("[^abc]+", "xyb", "[xy]b"), ("[a-cX-Z]+", "abXd", "[abX]d"),
        ("[a-d[m-p]]+", "amz", "[am]z"), ("[a-z&&[def]]+", "adf", "a[df]"),
        ("[a-z&&[^bc]]+", "abcd", "[a]bc[d]"), ("[a-z&&[^m-p]]+", "lmq", "[l]m[q]"),
        ("[^a-d[m-p]]+", "amz", "am[z]"), ("[^a-z&&[def]]+", "ae", "[a]e"), ("[]a]+", "]a", "[]a]"),
        ("[^]a]+", "]ab", "]a[b]"), ("[a-]+", "a-", "[a-]"), ("[-a]+", "-a", "[-a]"),
        ("[a&]+", "a&", "[a&]"), ("[a^]+", "^a", "[^a]"), ("[.*+?$|(){}]+", ".*+?$|(){}",
        "[.*+?$|(){}]"), (r"[\]\[\\]+", "[]\\", "[[]\\]"), (r"[\d-z]+", "5-z", "[5-z]"),
        ("[a-c&&b-d&&c]+", "abcd", "ab[c]d"), ("[--/]+", "-./", "[-./]"), (r"[\x41-\x43]+", "ABD",
        "[AB]D"), ("[a-[b]]+", "-ab", "[-ab]"), ("[a-z&&]+", "ab1", "[ab]1"),
        ("[é-ü]+", "aéü", "a[éü]"), ("[a-c&&[^b][x]]+", "abcx", "[a]b[c]x"),
        # Predefined
        (r"\d+", "a12٣", "a[12]٣"), (r"\D+", "a12٣", "[a]12[٣]"), (r"\w+", "a_9é", "[a_9]é"),
        (r"\W+", "a é", "a[ é]"), (r"\s+", "a \t\n\x0b\f\r\x85", "a[ \t\n\x0b\f\r]\x85"),
        (r"\S+", " a\xa0", " [a\xa0]"), (r"\h+", "a \t\xa0\u3000\n", "a[ \t\xa0\u3000]\n"),
        (r"\H+", " a\n", " [a\n]"), (r"\v+", "a\n\x0b\f\r\x85\u2028", "a[\n\x0b\f\r\x85\u2028]"),
        (r"\V+", "\na ", "\n[a ]"), (r"\R", "\r\n\n\u2028", "[\r\n][\n][\u2028]"),
        (r"[\s\d]+", "a 1", "a[ 1]"), (r"[^\s\d]+", "a 1", "[a] 1"), (r"[\w&&\D]+", "a1", "[a]1"),
        # Properties
        (r"\p{Lower}+", "aéA", "[a]éA"), (r"\p{Upper}", "aA", "a[A]"),
        (r"\p{ASCII}+", "aé", "[a]é"),
        (r"\p{Alpha}+", "a1", "[a]1"), (r"\p{Digit}+", "a1", "a[1]"), (r"\p{Alnum}+", "a1_",
        "[a1]_"),
        (r"\p{Punct}+", "a!~", "a[!~]"), (r"\p{Graph}+", "a! ", "[a!] "), (r"\p{Print}+", "a \t",
        "[a ]\t"), (r"\p{Blank}+", "a \t\n", "a[ \t]\n"), (r"\p{Cntrl}", "a\x7f", "a[\x7f]"),
        (r"\p{XDigit}+", "aFg", "[aF]g"), (r"\p{Space}+", "a \n", "a[ \n]"),
        (r"\P{Lower}+", "aA", "a[A]"), (r"\p{L}+", "aé1", "[aé]1"), (r"\pL+", "aé1", "[aé]1"),
        (r"\PL+", "aé1", "aé[1]"), (r"\p{Lu}", "aÉ", "a[É]"), (r"\p{IsL}+", "é1", "[é]1"),
        (r"\p{IsLatin}+", "éλ", "[é]λ"), (r"\p{IsLATIN}+", "éλ", "[é]λ"),
        (r"\p{IsGreek}+", "éλ", "é[λ]"), (r"\p{script=Greek}", "λ", "[λ]"), (r"\p{sc=Grek}", "λ",
        "[λ]"), (r"\p{InGreek}+", "éλ", "é[λ]"), (r"\p{block=Greek}", "λ", "[λ]"),
        (r"\p{gc=Lu}", "aA", "a[A]"), (r"\p{general_category=Nd}", "a1", "a[1]"),
        (r"\p{IsAlphabetic}+", "é1", "[é]1"), (r"\p{IsDigit}", "a٣", "a[٣]"),
        (r"\p{IsWhite_Space}", "a\xa0", "a[\xa0]"), (r"\p{IsUppercase}", "aÉ", "a[É]"),
        (r"\p{javaLowerCase}+", "éÉ", "[é]É"), (r"\p{javaUpperCase}", "éÉ", "é[É]"),
        (r"\p{javaWhitespace}", "\xa0 ", "\xa0[ ]"), (r"\p{javaMirrored}", "a(", "a[(]"),
        (r"[\p{L}&&[^\p{Lu}]]+", "aAé", "[a]A[é]"), (r"[\p{L}\d]+", "é1-", "[é1]-"),
        (r"[^\p{L}\d]+", "é1-", "é1[-]"), (r"[a[^\p{L}b]]+", "ab1c", "[a]b[1]c"),
        (r"\p{Cn}", "a\u0378", "a[\u0378]"), (r"\p{L1}", "ÿĀ", "[ÿ]Ā"), (r"\p{Sc}", "a€", "a[€]"),
        (r"\p{LC}+", "aǅ1", "[aǅ]1"), (r"\p{C}", "a\x01", "a[\x01]"),
        # Points
        ("^a", "aa", "[a]a"), ("a$", "aa", "a[a]"), ("a$", "aa\n", "a[a]\n"), ("a$", "a\na\r\n",
        "a\n[a]\r\n"), ("a$", "a\u2028", "[a]\u2028"), ("a$", "a\n\n", "a\n\n"), ("$", "a\r\n",
        "a[]\r\n[]"), ("$", "a\n", "a[]\n[]"), (r"a\Z", "aa\n", "a[a]\n"), (r"a\z", "a\n", "a\n"),
        (r"a\z", "aa", "a[a]"), (r"\Aa", "aa", "[a]a"), (r"\ba", "aa a", "[a]a [a]"),
        (r"a\b", "aa aé", "a[a] [a]é"), (r"\Ba", "aa", "a[a]"), (r"\B", "aé", "aé[]"),
        (r"\B", "", "[]"),
        (r"\b", "ab", "[]ab[]"), (r"\Ga", "aab a", "[a][a]b a"), (r"a$|b", "ba", "[b][a]"),
        (r"\s+$", "a \n", "a[ \n]"), ("(?d)a$", "a\r", "a\r"), ("(?d)a$", "a\n", "[a]\n"),
        # Quantifiers
        ("a?b", "ab b", "[ab] [b]"), ("a*", "aab", "[aa][]b[]"), ("x*", "abxc", "[]a[]b[x][]c[]"),
        ("a+?", "aa", "[a][a]"), ("a{2}", "aaa", "[aa]a"), ("a{2,}", "aaaa", "[aaaa]"),
        ("a{1,2}?", "aa", "[a][a]"), ("a{0}", "a", "[]a[]"), ("a*+a", "aaa", "aaa"),
        ("a++b", "aab", "[aab]"), ("a?+a", "a", "a"), ("a{1,2}+b", "aab", "[aab]"),
        ("a{2}{3}", "aaa", "[aa]a"), ("^*a", "aa", "[a][a]"), ("{2}a", "a", "[a]"), ("(?:)*a", "a",
        "[a]"), ("(a|b*)*c", "abbc", "[abbc]"), ("a{1001}", "a" * 1001, f"[{'a' * 1001}]"),
        ("(?:a{40}){40}", "a" * 1600, f"[{'a' * 1600}]"),
        # Groups
        ("(a)(b)?", "ab", "[ab]"), ("(?:ab)+", "abab", "[abab]"), (r"(a|b)\1", "abb", "a[bb]"),
        (r"(?<x>a)\k<x>", "aa", "[aa]"), (r"(a)\11", "aa1", "[aa1]"), (r"\1(a)", "aa", "aa"),
        (r"(a)?\1b", "b", "b"), ("a|ab", "ab", "[a]b"), ("|a", "a", "[]a[]"), ("a||b", "b",
        "[]b[]"), ("(?>a|ab)c", "abc", "abc"), ("(?>a+)b", "aab", "[aab]"),
        (r"(?i)(a)\1", "aA", "[aA]"),
        # Lookaround
        ("a(?=b)", "abac", "[a]bac"), ("a(?!b)", "abac", "ab[a]c"), ("(?<=a)b", "abcb", "a[b]cb"),
        ("(?<!a)b", "abcb", "abc[b]"), ("(?<=a{1,3})b", "aab", "aa[b]"),
        # Flags
        ("(?i)ab", "AB", "[AB]"), ("(?i)é", "É", "É"), ("(?iu)é", "É", "[É]"), ("(?iu)ß", "SS",
        "SS"),
        ("(?i)[a-c]+", "aBK", "[aB]K"), ("(?i)k", "\u212a", "\u212a"), ("(?iu)k", "\u212a",
        "[\u212a]"), ("a(?i)b", "aB AB", "[aB] AB"), ("a(?i:b)c", "aBc aBC", "[aBc] aBC"),
        ("(?i)a(?-i)b", "Ab AB", "[Ab] AB"), ("((?i)a)b", "Ab AB", "[Ab] AB"),
        ("(?i)[^a]", "Ab", "A[b]"), ("(?iu)[^é]", "Éb", "É[b]"), ("(?iu)[à-é&&[^á]]+", "ÀÁÉ",
        "[À]Á[É]"), ("(?iu)ς", "Σς", "[Σ][ς]"), (r"(?i)\p{Lower}", "A", "[A]"), (r"(?i)\p{Lu}",
        "é", "[é]"),
        ("(?s)a.b", "a\nb", "[a\nb]"), ("(?d)a.b", "a\rb a\nb", "[a\rb] a\nb"),
        ("a.b", "a\x85b a\u2028b a\rb", "a\x85b a\u2028b a\rb"), ("(?x)a b # c\n c", "abc",
        "[abc]"),
        ("(?x)[a b]+", "a b", "[a] [b]"), (r"(?x)a\ b", "a b", "[a b]"), ("(?x)a +", "aa", "[aa]"),
        ("(?m)^a$", "a\na\nb", "[a]\n[a]\nb"), ("(?m)^a", "a\ra\r\na", "[a]\r[a]\r\n[a]"),
        ("(?m)$", "a\r\nb", "a[]\r\nb[]"), ("(?m)^", "a\n", "[]a\n"), ("(?m)^", "", ""),
        ("(?m)^", "a\r\nb", "[]a\r\n[]b"), ("(?md)^a", "a\ra", "[a]\ra"), ("(?md)a$", "a\ra\na",
        "a\r[a]\n[a]"), (r"(?U)\w+", "é٣-", "[é٣]-"), (r"(?U)\d", "٣", "[٣]"), (r"(?U)\s", "\xa0",
        "[\xa0]"), (r"(?U)\bé", "aé é", "aé [é]"), (r"(?U)\p{Lower}", "é", "[é]"),
        (r"(?U)\p{Punct}", "\u00a7", "[\u00a7]"), ("(?)a", "a", "[a]"), (r"(?i-x:A)", "a", "[a]"),
        (r"\X", "e\u0301a", "[e\u0301][a]"),
    ],
)  # fmt: skip
def test_what_matches(pattern: str, text: str, expected: str, is_linear: bool) -> None:
    assert spans(pattern, text, is_linear) == expected


@ENGINES
@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "a)", "(a", "[", "[a", "[]", "[^]", "[z-a]", r"[a-\d]", "*", "+a", "?", "a**", "a|*",
     "(*)", "{", "a{", "a{x}", "a{,2}", "a{2", "a{2,1}", "a{99999999999}", "\\", r"\y", r"\E",
     r"\i",
     r"\x4", r"\xg1", r"\x{110000}", r"\x{", r"\x{}", r"\u12", r"\0", r"\08", r"\c", r"\N{NOBODY}",
     r"\Na", r"\p", r"\p{", r"\p{}", r"\p{Nope}", r"\p{lower}", r"\p{Latin}", r"\p{IsNope}",
     r"\p{InNope}", r"\p{script=Nope}", r"\p{x=L}", r"\p{gc=Nope}", r"\p{javaNope}", "(?<",
     "(?<1>a)",
     "(?<a", "(?<a>a)(?<a>b)", r"\k<a>", r"\k<a>(?<a>a)", r"\ka", "(?P<a>a)", "(?#a)", "(?z)",
     "(?i",
     "(?i-", "(?", "(?<=a*)b", "(?<=a+)b", r"(a)(?<!\1)b", r"[\b]", r"[\1]", r"[\R]", r"[\A]",
     "[a&&", "(?a)a"],
)  # fmt: skip
def test_what_is_no_pattern(pattern: str, is_linear: bool) -> None:
    with pytest.raises(regex.InvalidPattern):
        regex.compile(pattern, is_linear=is_linear)


@ENGINES
@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        (r"\b{g}", r"\b{g} is not there"),
        ("(" * 41 + ")" * 41, "it is nested more than 40 deep"),
        ("(" * 5000, "it is nested more than 40 deep"),
        ("[" * 5000, "it is nested more than 40 deep"),
        ("a" * 10_001, "it is longer than 10000 characters"),
    ],
)  # fmt: skip
def test_what_cannot_be_run(pattern: str, sentence: str, is_linear: bool) -> None:
    with pytest.raises(regex.UnsupportedPattern) as caught:
        regex.compile(pattern, is_linear=is_linear)
    assert str(caught.value) == sentence


@ENGINES
@pytest.mark.parametrize(
    ("pattern", "text", "replacement", "expected"),
    [
        ("a", "banana", "o", "bonono"), ("(a)(n)", "banana", "$2$1", "bnanaa"),
        ("x", "abc", "-", "abc"), ("x*", "abc", "-", "-a-b-c-"), ("a", "aé", "€", "€é"),
        ("(?<v>a)", "ab", "<${v}>", "<a>b"), ("(a)", "ab", "$12", "a2b"), ("a", "ab", "$0$0",
        "aab"),
        ("(a)|b", "ab", "[$1]", "[a][]"), ("a", "a", r"\$1", "$1"), ("a", "a", r"\\", "\\"),
        ("a", "a", r"\x", "x"), ("a", "a", r"\g<0>", "g<0>"), ("a", "a", "$1", None),
        ("a", "a", "$", None), ("a", "a", "\\", None), ("a", "a", "$x", None), ("a", "a", "${x}",
        None), ("a", "a", "${", None), ("a", "a", "${}", None), ("a", "b", "$1", None),
        ("", "\U0001f600", "-", "-\U0001f600-"), ("(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)", "abcdefghij",
        "$10$11", "ja1"), ("a", "a", "", ""), ("a", "\ud800a", "b", "\ud800b"),
        ("ab?", "abxa", r"<$0\$>", "<ab$>x<a$>"), (r"(\d+)$", "12\n", "<$1>", "<12>\n"),
        (r"(\w+) (\w+)", "a b c d", "$2 $1", "b a d c"), ("a", "a", "$٣", None),
    ],
)  # fmt: skip
def test_replacing(
    pattern: str, text: str, replacement: str, expected: str | None, is_linear: bool
) -> None:
    assert regex.compile(pattern, is_linear=is_linear).replace(text, replacement) == expected


@ENGINES
@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("(hi)*", "hihihello", "hihi"), ("b+", "abb", "bb"), ("x", "abc", None), ("é.", "aéß",
        "éß"),
        (r"\d+$", "a12", "12"), (r"(?<=a)\w", "bac", "c"), (r"(\w)\1", "abb", "bb"),
        ("b*", "ab", ""), ("^[a-z]+$", "abc\n", "abc"), ("[^x]$", "a\n", "a"),
    ],
)  # fmt: skip
def test_the_first_match(pattern: str, text: str, expected: str | None, is_linear: bool) -> None:
    compiled = regex.compile(pattern, is_linear=is_linear)
    assert compiled.substring(text) == expected
    assert compiled.matches(text) is (expected is not None)
