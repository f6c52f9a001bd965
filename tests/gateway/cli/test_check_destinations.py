"""`weir check`: addresses that rules post to, and who has to confirm them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.rig.judged import Site

AWS = ("[aws]", 'bind = "127.0.0.1:0"')


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def post(url: str, confirm: str | None = None) -> dict[str, Any]:
    return {"http": {"url": url} | ({} if confirm is None else {"confirmationUrl": confirm})}


def test_a_server_that_has_to_confirm_is_a_note(site: Site) -> None:
    site.add(*AWS)
    site.rule("one", post("https://a.example/in"))
    site.rule("two", post("https://a.example/in"), error=post("https://b.example"))
    verdict = site.judge()
    first, second = verdict.notes
    assert (
        "the rules one and two post to https://a.example/in, which no section "
        "[[rules.destinations]] covers: its server is asked to confirm once" in first
    )
    assert "the rule two posts to https://b.example/, which" in second
    assert (verdict.warnings, verdict.lines_to_add) == ([], [])


def test_without_an_endpoint_nobody_can_confirm(site: Site) -> None:
    site.rule("one", post("https://a.example/in"))
    verdict = site.judge()
    (warning,) = verdict.warnings
    assert "and without a section [aws] its server cannot confirm that it may" in warning
    after = site.take(verdict)
    assert (after.problems, after.warnings, after.notes) == ([], [], [])


@pytest.mark.parametrize(
    ("url", "confirm", "needed"),
    [
        ("https://a.example/in/1", None, ""),
        ("https://a.example/in/1", "https://a.example", ""),
        ("https://a.example/${topic()}", "https://a.example/in", ""),
        ("https://a.example:8443/in", None, "https://a.example:8443/in"),
        ("https://a.example.evil/in", None, "https://a.example.evil/in"),
        ("http://a.example/in", None, "http://a.example/in"),
        ("https://a.example/${topic()}", "https://a.example/", "https://a.example/"),
        ("https://b.example/x", "https://b.example", "https://b.example/"),
        ("https://${topic()}", "https://${topic()}", ""),
    ],
)
def test_what_a_declared_destination_covers(
    site: Site, url: str, confirm: str | None, needed: str
) -> None:
    site.add(*AWS, "[[rules.destinations]]", 'url = "https://a.example/in"')
    site.rule("one", post(url, confirm))
    notes = site.judge().notes
    assert len(notes) == int(bool(needed))
    assert all(f"posts to {needed}, which" in note for note in notes)


def test_an_address_that_cannot_be_used(site: Site) -> None:
    site.rule("one", post("https://user@a.example/"))
    (warning,) = site.judge().warnings
    assert (
        'the rule one can post nothing, for the address "https://user@a.example/" cannot be used: '
        "it has a user name" in warning
    )
