"""Files with secrets are read only where nobody else may touch them, on a real file system."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.errors import GatewayError
from gateway.store.private_files import read_private


class OwnError(GatewayError):
    """What the caller wants to be told with."""


def read(path: Path, **options: int) -> bytes | None:
    return read_private(path, 16, OwnError, remedy="make it anew", **options)


def test_a_private_file_is_read_and_a_missing_one_is_none(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    assert read(path) is None
    path.write_bytes(b"x" * 16)
    path.chmod(0o600)
    assert read(path) == b"x" * 16


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601])
def test_a_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"hidden")
    path.chmod(mode)
    with pytest.raises(OwnError, match=f"{mode:04o}") as caught:
        read(path)
    assert caught.value.hint == f"Run chmod 600 {path}; make it anew"
    assert "hidden" not in str(caught.value)
    assert (read(path, forbidden=0o037) if mode == 0o640 else b"hidden") == b"hidden"


def test_links_fifos_folders_and_large_files_are_refused(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"x" * 17)
    target.chmod(0o600)
    (tmp_path / "link").symlink_to(target)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo", 0o600)
    for name, problem in (
        ("target", "larger than 16 bytes"),
        ("link", "cannot open"),
        ("folder", "not a plain file"),
        ("fifo", "not a plain file"),
    ):
        with pytest.raises(OwnError, match=problem):
            read(tmp_path / name)
