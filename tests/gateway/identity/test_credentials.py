"""Local access keys on a real file system."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import orjson
import pytest

from gateway.identity.credentials import AccessKey, Credentials, CredentialsError


def test_the_first_start_makes_a_key_and_later_ones_find_it(tmp_path: Path) -> None:
    made = Credentials.open(tmp_path).default
    assert len(made.access_key_id) == 20
    assert made.access_key_id.startswith("AKIA")
    assert len(made.secret_access_key) == 40
    again = Credentials.open(tmp_path)
    assert again.default == made
    assert again.secret(made.access_key_id) == made.secret_access_key
    assert again.secret("AKIANOBODY") is None


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_the_file_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        Credentials.open(tmp_path)
    finally:
        os.umask(before)
    found = (tmp_path / "credentials.json").stat()
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["credentials.json"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o666, 0o610])
def test_a_file_that_others_may_touch_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    Credentials.open(tmp_path)
    path = tmp_path / "credentials.json"
    path.chmod(mode)
    with pytest.raises(CredentialsError, match=f"{mode:04o}") as caught:
        Credentials.open(tmp_path)
    assert f"chmod 600 {path}" in caught.value.hint
    path.chmod(0o600)
    assert Credentials.open(tmp_path)


def test_no_link_no_fifo_and_no_folder_is_opened(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    Credentials.open(tmp_path / "real")
    path = tmp_path / "credentials.json"
    path.symlink_to(tmp_path / "real" / "credentials.json")
    with pytest.raises(CredentialsError, match="cannot open"):
        Credentials.open(tmp_path)
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(CredentialsError, match="not a plain file"):
        Credentials.open(tmp_path)
    path.unlink()
    path.mkdir(0o700)
    with pytest.raises(CredentialsError, match="not a plain file") as caught:
        Credentials.open(tmp_path)
    assert caught.value.hint == "move it away"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused_with_the_remedy(tmp_path: Path) -> None:
    Credentials.open(tmp_path)
    os.chown(tmp_path / "credentials.json", 12345, -1)
    with pytest.raises(CredentialsError, match="user 12345") as caught:
        Credentials.open(tmp_path)
    assert "chown" in caught.value.hint


KEY = {"name": "default", "access_key_id": "AKIAX", "secret_access_key": "s3cr3t-of-mine"}


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        {},
        {"format": 2, "access_keys": [KEY]},
        {"format": 1},
        {"format": 1, "access_keys": {}},
        {"format": 1, "access_keys": []},
        {"format": 1, "access_keys": ["s3cr3t-of-mine"]},
        {"format": 1, "access_keys": [{**KEY, "name": None}]},
        {"format": 1, "access_keys": [{**KEY, "access_key_id": ""}]},
        {"format": 1, "access_keys": [KEY, KEY]},
    ],
)
def test_a_damaged_file_is_named_and_kept_and_its_secrets_are_not_told(
    tmp_path: Path, document: object
) -> None:
    data = document if isinstance(document, bytes) else orjson.dumps(document)
    path = tmp_path / "credentials.json"
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(CredentialsError, match="is damaged") as caught:
        Credentials.open(tmp_path)
    assert str(path) in str(caught.value)
    assert "s3cr3t" not in f"{caught.value} {caught.value.hint}"
    assert path.read_bytes() == data


def test_an_oversized_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.touch(0o600)
    os.truncate(path, 9 * 1024 * 1024)
    with pytest.raises(CredentialsError, match="larger than"):
        Credentials.open(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="cannot write") as caught:
        Credentials.open(tmp_path / "absent")
    assert "absent" in caught.value.hint


def test_secrets_show_in_no_repr_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    key = AccessKey.generate()
    credentials = Credentials((key,))
    logging.getLogger("test").warning("%r %s %r", key, key, credentials)
    assert key.access_key_id in caplog.text
    assert key.secret_access_key not in caplog.text


def test_the_default_key_is_the_one_of_that_name() -> None:
    other, default = AccessKey.generate("other"), AccessKey.generate()
    assert Credentials((other, default)).default is default
    assert Credentials((other,)).default is other


def test_keys_are_drawn_anew() -> None:
    keys = [AccessKey.generate() for _ in range(50)]
    assert len({key.access_key_id for key in keys}) == 50
    assert len({key.secret_access_key for key in keys}) == 50
