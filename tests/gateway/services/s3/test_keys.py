"""Keys as paths: as they stand where a folder can have them, never two the same, never outside."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.services.s3 import KeyRefused
from gateway.services.s3.keys import TEMPORARY_FOLDER, file_names


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a", "a"),
        ("bench/1/2026-07-01T12:00:00Z.json", "bench/1/2026-07-01T12:00:00Z.json"),
        ("with space/ü/💧/.hidden/...", "with space/ü/💧/.hidden/..."),
        ("~/$x/*?\\", "~/$x/*?\\"),
        ("/a", "%/a"),
        ("a//b/", "a/%/b/%"),
        ("/", "%/%"),
        ("../a", "%2E%2E/a"),
        ("a/./..", "a/%2E/%2E%2E"),
        ("100%", "100%25"),
        ("%2E%2E", "%252E%252E"),
        ("%", "%25"),
        ("a\0b\nc\x7f", "a%00b%0Ac%7F"),
    ],
)
def test_a_key_is_a_path(key: str, path: str) -> None:
    assert b"/".join(file_names(key)).decode() == path


def key_of(names: tuple[bytes, ...]) -> str:
    """Undo the mapping, by another way than it is made."""
    parts = [name.decode() for name in names]
    return "/".join(
        "" if part == "%" else re.sub("%(..)", lambda m: chr(int(m[1], 16)), part) for part in parts
    )


keys = st.text(
    st.sampled_from("/.%2E0aß\0\n") | st.characters(exclude_categories=["Cs"]),
    min_size=1,
    max_size=40,
)


@given(keys)
def test_no_two_keys_share_a_file_and_none_leads_outside(key: str) -> None:
    names = file_names(key)
    assert key_of(names) == key, "so that two keys cannot become the same"
    assert names[0] != TEMPORARY_FOLDER
    for name in names:
        assert name not in (b"", b".", b"..")
        assert b"/" not in name
        assert b"\0" not in name
    path = Path("/bucket", *(name.decode() for name in names))
    assert path.resolve().is_relative_to("/bucket")


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("", "is empty"),
        ("/".join(["x" * 200] * 6), "1205 bytes; 1024 is the most"),
        ("x" * 256, "256 bytes; 255 is the most"),
        ("a/" + "ü" * 128 + "/b", "256 bytes; 255 is the most"),
        ("%" * 86, "258 bytes; 255"),
        ("a\ud800", "surrogate"),
    ],
)
def test_keys_that_no_folder_can_have(key: str, sentence: str) -> None:
    with pytest.raises(KeyRefused, match=sentence) as refused:
        file_names(key)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400


def test_the_longest_keys() -> None:
    assert len(file_names("x" * 255)) == 1
    assert len(file_names("/" * 1024)) == 1025
