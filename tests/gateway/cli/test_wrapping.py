"""Long texts at the end of a line: where they are broken, and what stays as it is."""

from __future__ import annotations

import pytest

from gateway.cli.lines import Line, columns, render
from gateway.cli.wrapping import wrap

REASON = "the endpoint answered 503 Service Unavailable and then nothing more for three seconds"


def text(lines: list[Line], width: int) -> list[str]:
    return render(wrap(lines, width), width=width, height=None, colour=False)


def row(*cells: str) -> list[Line]:
    return columns([[(cell, "") for cell in cells]])


def test_what_fits_stays_as_it_is() -> None:
    lines = [*row("a", REASON), [], [("head", "bold")]]
    assert wrap(lines, 200) == lines


def test_a_cell_goes_on_below_itself() -> None:
    assert text(row("alarm", "3 waiting", REASON), 64) == [
        "  alarm  3 waiting  the endpoint answered 503 Service",
        "                    Unavailable and then nothing more for three",
        "                    seconds",
    ]


def test_a_cell_with_little_room_goes_below_its_row() -> None:
    assert text(row("a" * 20, "b" * 20, REASON), 60) == [
        f"  {'a' * 20}  {'b' * 20}",
        "    the endpoint answered 503 Service Unavailable and then",
        "    nothing more for three seconds",
    ]


def test_each_line_keeps_its_style() -> None:
    lines = wrap([[("  name  ", ""), (REASON, "bad")]], 60)
    assert len(lines) > 1
    assert all(line[-1][1] == "bad" for line in lines)


def test_a_text_that_goes_on_and_on_has_an_end() -> None:
    lines = text(row("name", "word " * 1000), 60)
    assert len(lines) == 6
    assert lines[-1].endswith(" …")


@pytest.mark.parametrize("width", [0, 1, 5, 20, 43, 44, 45, 60, 100])
@pytest.mark.parametrize("last", [REASON, "x" * 300, " " * 300, "▁" * 90])
def test_no_line_is_longer_than_the_terminal(width: int, last: str) -> None:
    for cells in (("a", last), ("a" * 30, "b" * 30, last), (last,)):
        assert all(len(line) <= width for line in text(row(*cells), width))


def test_a_word_without_end_is_broken() -> None:
    lines = text(row("name", "x" * 100), 60)
    assert "".join(lines).count("x") == 100


def test_a_line_whose_first_pieces_do_not_fit_goes_on_below() -> None:
    line: Line = [("12:00:01  ", "dim"), (f"1 sqs failed ({REASON})", "bad"), (", 2 sqs ", "")]
    line += [("done", "good")]
    assert text([line], 60) == [
        "12:00:01  1 sqs failed (the endpoint answered 503 Service",
        "    Unavailable and then nothing more for three seconds), 2",
        "    sqs done",
    ]
    assert wrap([line], 60)[-1] == [("    ", ""), ("sqs", ""), (" ", ""), ("done", "good")]


def test_a_row_whose_first_cells_do_not_fit_goes_on_below_with_its_last_cell_apart() -> None:
    assert text(row("a" * 30, "b" * 20, "1 to be tried again", REASON), 60) == [
        f"  {'a' * 30}  {'b' * 20}  1 to",
        "    be tried again",
        "    the endpoint answered 503 Service Unavailable and then",
        "    nothing more for three seconds",
    ]


def test_a_line_that_goes_on_and_on_has_an_end() -> None:
    endless: Line = [("word " * 10_000, ""), ("x", "bad")]
    lines = text([endless], 60)
    assert len(lines) == 40
    assert lines[-1].endswith(" …") and all(len(line) <= 60 for line in lines)


@pytest.mark.parametrize("width", [44, 50, 60])
def test_words_without_end_are_broken_in_any_piece(width: int) -> None:
    line: Line = [("a ", ""), ("x" * 200, ""), (" b ", ""), ("y" * 200, "")]
    lines = text([line], width)
    assert all(len(each) <= width for each in lines)
    assert "".join(lines).count("x") == "".join(lines).count("y") == 200


def test_a_heading_that_does_not_fit_is_left_out() -> None:
    rows = columns([[("Name", "heading"), ("Reason", "heading")], [("a" * 40, ""), (REASON, "")]])
    assert text(rows, 46) == [
        "  Name",
        f"  {'a' * 40}",
        "    the endpoint answered 503 Service",
        "    Unavailable and then nothing more for",
        "    three seconds",
    ]


def test_a_wave_is_cut_at_its_oldest_end() -> None:
    wave: Line = [("  name  ", ""), ("▁" * 90 + "█", "wave")]
    assert wrap([wave], 60) == [wave]


def test_in_no_room_at_all_lines_are_cut() -> None:
    assert text(row("name", REASON), 20) == ["  name  the endpoin…"]
