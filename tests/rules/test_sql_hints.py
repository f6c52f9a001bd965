"""What a person is told who writes another language."""

from __future__ import annotations

import pytest

import rules


def test_in_without_an_array_is_a_warning() -> None:
    (warning,) = rules.compile("SELECT a IN 1 AS x FROM 't'").warnings
    assert warning.startswith("line 1, column 13: IN looks for a value in an array")


@pytest.mark.parametrize(
    ("wrong", "right"), [("now()", "timestamp"), ("len(a)", "length"), ("ucase(a)", "upper")]
)
def test_functions_of_other_languages_are_known_by_name(wrong: str, right: str) -> None:
    with pytest.raises(rules.SqlError) as caught:
        rules.compile(f"SELECT {wrong} AS x FROM 't'")
    assert caught.value.hint == f"did you mean {right}?"
