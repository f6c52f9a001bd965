"""Files that are the old one or the new one, and space that is really set aside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.store import preallocate, replace_atomically, sync_directory
from tests.rig.stores import KIB, files_no_larger_than


def test_content_and_mode_are_as_asked_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    for umask in (0o000, 0o077, 0o777):
        before = os.umask(umask)
        try:
            replace_atomically(path, f"{umask}".encode())
            assert path.stat().st_mode & 0o777 == 0o600
            replace_atomically(path, f"{umask}".encode(), mode=0o640)
        finally:
            os.umask(before)
        assert path.read_bytes() == f"{umask}".encode()
        assert path.stat().st_mode & 0o777 == 0o640
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]


def test_what_a_crash_left_behind_is_not_taken_for_the_file(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    replace_atomically(path, b"old")
    leftover = tmp_path / ".state.json.new"
    leftover.write_bytes(b"half of something longer than the new content")
    leftover.chmod(0o666)
    assert path.read_bytes() == b"old"
    replace_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert not leftover.exists()


def test_a_reader_of_the_old_file_keeps_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    replace_atomically(path, b"old" * 1000)
    with path.open("rb") as reader:
        replace_atomically(path, b"new")
        assert reader.read() == b"old" * 1000
    assert path.read_bytes() == b"new"


def test_a_disk_that_refuses_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    replace_atomically(path, b"old")
    with files_no_larger_than(16 * KIB), pytest.raises(OSError, match="File too large"):
        replace_atomically(path, b"x" * 64 * KIB)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]


def test_a_name_that_is_a_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        replace_atomically(tmp_path / "state.json", b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace_atomically(tmp_path / "nowhere" / "state.json", b"")
    with pytest.raises(FileNotFoundError):
        sync_directory(tmp_path / "nowhere")


def test_preallocated_bytes_take_room_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "reserve"
    for size in (64 * KIB, 256 * KIB, 32 * KIB):
        preallocate(path, size)
        assert path.stat().st_size == size
        assert path.stat().st_blocks * 512 >= size
        assert path.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_preallocated_leaves_nothing_behind(tmp_path: Path) -> None:
    with files_no_larger_than(16 * KIB), pytest.raises(OSError, match="File too large"):
        preallocate(tmp_path / "reserve", 64 * KIB)
    assert list(tmp_path.iterdir()) == []
