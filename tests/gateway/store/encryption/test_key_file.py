"""The file of keys on a real file system: who may read it, what wraps it, what damages it."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import stat
from pathlib import Path

import orjson
import pytest

from gateway.store.encryption import SQS_MANAGED, KeyFileError, KeyRing

MASTER, NEXT = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
PLAIN, CONTEXT, ROW = b"the body", b"sqs-body 1 0", b"row 1"


def opened(data_dir: Path, **environment: str) -> KeyRing:
    return KeyRing.open(data_dir, environment)


def sealed_by(ring: KeyRing) -> bytes:
    """Make a key if there is none, and return what it seals."""
    asyncio.run(ring.ensure(SQS_MANAGED))
    return ring.sealer(SQS_MANAGED).seal(PLAIN, CONTEXT, ROW)


def opens(ring: KeyRing, sealed: bytes) -> bool:
    return ring.unseal(sealed, CONTEXT, ROW) == PLAIN


def materials(path: Path) -> list[str]:
    """Return the secrets of a file that is in the clear."""
    keys = orjson.loads(path.read_bytes())["keys"]
    return [version["material"] for key in keys for version in key["versions"]]


# --- permissions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_the_file_is_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        sealed_by(opened(tmp_path))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o666, 0o610])
def test_a_file_that_others_may_touch_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    sealed_by(opened(tmp_path))
    path = tmp_path / "keys.json"
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=f"{mode:04o}") as caught:
        opened(tmp_path)
    assert f"chmod 600 {path}" in caught.value.hint
    path.chmod(0o600)
    assert opened(tmp_path).all()


def test_no_link_and_no_fifo_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    sealed_by(opened(tmp_path / "real"))
    path = tmp_path / "keys.json"
    path.symlink_to(tmp_path / "real" / "keys.json")
    with pytest.raises(KeyFileError, match="cannot open"):
        opened(tmp_path)
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(KeyFileError, match="not a plain file"):
        opened(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused_with_the_remedy(tmp_path: Path) -> None:
    sealed_by(opened(tmp_path))
    os.chown(tmp_path / "keys.json", 12345, -1)
    with pytest.raises(KeyFileError, match="user 12345") as caught:
        opened(tmp_path)
    assert "chown" in caught.value.hint


# --- damage ---------------------------------------------------------------------------------------

SECRET = base64.b64encode(b"s3cr3t-of-mine!!" * 2).decode()
VERSION = {"id": "01020304", "created_ms": 1, "material": SECRET}
KEY = {
    "name": "alias/a",
    "id": "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
    "state": "enabled",
    "created_ms": 1,
    "versions": [VERSION],
}


def with_version(**changes: object) -> dict[str, object]:
    return {"format": 1, "keys": [{**KEY, "versions": [{**VERSION, **changes}]}]}


def test_the_example_that_is_damaged_below_is_good(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(orjson.dumps({"format": 1, "keys": [KEY]}))
    path.chmod(0o600)
    assert [key.name for key in opened(tmp_path).all()] == ["alias/a"]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        {},
        {"format": 2, "keys": [KEY]},
        {"format": 1},
        {"format": 1, "keys": {}},
        {"format": 1, "keys": [SECRET]},
        {"format": 1, "keys": [{}]},
        *({"format": 1, "keys": [{**KEY, name: None}]} for name in KEY),
        {"format": 1, "keys": [{**KEY, "name": "a"}]},
        {"format": 1, "keys": [{**KEY, "id": "a"}]},
        {"format": 1, "keys": [{**KEY, "state": "on"}]},
        {"format": 1, "keys": [{**KEY, "versions": []}]},
        {"format": 1, "keys": [{**KEY, "created_ms": -1}]},
        {"format": 1, "keys": [{**KEY, "created_ms": 1e3}]},
        {"format": 1, "keys": [{**KEY, "created_ms": 1 << 60}]},
        {"format": 1, "keys": [KEY, KEY]},
        {"format": 1, "keys": [KEY, {**KEY, "name": "alias/b"}]},
        {"format": 1, "keys": [{**KEY, "versions": [VERSION, VERSION]}]},
        with_version(id=""),
        with_version(id="00000000"),
        with_version(id="0102030405"),
        with_version(id="xx"),
        with_version(material=""),
        with_version(material=SECRET[:-8]),
        with_version(material=f"*{SECRET}"),
        with_version(material=7),
        {"format": 1, "wrapped": "AAAA"},
        {"format": 1, "wrapped": None},
        {"format": 1, "wrapped": f"*{SECRET}"},
    ],
)
def test_a_damaged_file_is_named_and_kept_and_its_secrets_are_not_told(
    tmp_path: Path, document: object
) -> None:
    data = document if isinstance(document, bytes) else orjson.dumps(document)
    path = tmp_path / "keys.json"
    path.write_bytes(data)
    path.chmod(0o600)
    environment = {"WEIR_PREVIOUS_MASTER_KEY": MASTER} if b"wrapped" in data else {}
    with pytest.raises(KeyFileError, match="is damaged") as caught:
        opened(tmp_path, **environment)
    assert str(path) in str(caught.value)
    assert "backup" in caught.value.hint
    assert SECRET not in f"{caught.value} {caught.value.hint} {caught.value.__context__}"
    assert path.read_bytes() == data


def test_an_oversized_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.touch(0o600)
    os.truncate(path, 8 * 1024 * 1024)
    with pytest.raises(KeyFileError, match="larger than"):
        opened(tmp_path)


# --- the master key -------------------------------------------------------------------------------


def test_with_a_master_key_the_file_alone_opens_nothing(tmp_path: Path) -> None:
    ring = opened(tmp_path, WEIR_MASTER_KEY=MASTER)
    sealed = sealed_by(ring)
    document = orjson.loads((tmp_path / "keys.json").read_bytes())
    assert (ring.wrapped, document.keys()) == (True, {"format", "wrapped"})
    assert SQS_MANAGED.encode() not in base64.b64decode(document["wrapped"])
    again = opened(tmp_path, WEIR_MASTER_KEY=MASTER)
    assert opens(again, sealed)


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ({}, "wrapped by a master key, and none is given"),
        ({"WEIR_MASTER_KEY": NEXT}, "does not open with the master key"),
        ({"WEIR_PREVIOUS_MASTER_KEY": NEXT}, "does not open with the master key"),
        ({"WEIR_MASTER_KEY": NEXT, "WEIR_PREVIOUS_MASTER_KEY": NEXT}, "neither WEIR_MASTER_KEY"),
    ],
)
def test_a_wrong_or_missing_master_key_is_told_and_nothing_is_changed(
    tmp_path: Path, environment: dict[str, str], problem: str
) -> None:
    sealed_by(opened(tmp_path, WEIR_MASTER_KEY=MASTER))
    before = (tmp_path / "keys.json").read_bytes()
    with pytest.raises(KeyFileError, match=problem) as caught:
        opened(tmp_path, **environment)
    assert "WEIR_MASTER_KEY" in caught.value.hint
    assert NEXT not in f"{caught.value} {caught.value.hint}"
    assert (tmp_path / "keys.json").read_bytes() == before


def test_a_wrapped_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    sealed_by(opened(tmp_path, WEIR_MASTER_KEY=MASTER))
    path = tmp_path / "keys.json"
    wrapped = base64.b64decode(orjson.loads(path.read_bytes())["wrapped"])
    for at in (0, 1, 4, 5, 16, 17, len(wrapped) // 2, len(wrapped) - 1):
        changed = bytearray(wrapped)
        changed[at] ^= 1
        text = base64.b64encode(changed).decode()
        path.write_bytes(orjson.dumps({"format": 1, "wrapped": text}))
        with pytest.raises(KeyFileError, match=r"does not open|is damaged"):
            opened(tmp_path, WEIR_MASTER_KEY=MASTER)


def test_a_file_in_the_clear_is_wrapped_at_the_next_start_with_a_master_key(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sealed = sealed_by(opened(tmp_path))
    (material,) = materials(tmp_path / "keys.json")
    ring = opened(tmp_path, WEIR_MASTER_KEY=MASTER)
    assert opens(ring, sealed)
    text = (tmp_path / "keys.json").read_bytes()
    assert b"wrapped" in text
    assert material.encode() not in text
    assert "rotate" in caplog.text
    assert MASTER not in caplog.text
    caplog.clear()
    assert opens(opened(tmp_path, WEIR_MASTER_KEY=MASTER), sealed)
    assert caplog.text == ""


def test_the_master_key_can_be_changed_and_given_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sealed = sealed_by(opened(tmp_path, WEIR_MASTER_KEY=MASTER))
    both = {"WEIR_MASTER_KEY": NEXT, "WEIR_PREVIOUS_MASTER_KEY": MASTER}
    for environment in (both, both, {"WEIR_MASTER_KEY": NEXT}):
        assert opens(opened(tmp_path, **environment), sealed)
    with pytest.raises(KeyFileError):
        opened(tmp_path, WEIR_MASTER_KEY=MASTER)
    caplog.set_level(logging.WARNING)
    assert opens(opened(tmp_path, WEIR_PREVIOUS_MASTER_KEY=NEXT), sealed)
    assert "in the clear" in caplog.text
    assert opens(opened(tmp_path), sealed)


def test_a_master_key_comes_from_a_file_too(tmp_path: Path) -> None:
    file = tmp_path / "master"
    file.write_text(f"{MASTER}\n")
    file.chmod(0o400)
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    sealed = sealed_by(opened(data_dir, WEIR_MASTER_KEY_FILE=str(file)))
    assert opens(opened(data_dir, WEIR_MASTER_KEY=MASTER), sealed)
    file.chmod(0o440)  # as the service manager's credentials are
    assert opens(opened(data_dir, WEIR_MASTER_KEY_FILE=str(file)), sealed)
    for mode in (0o604, 0o620, 0o644):
        file.chmod(mode)
        with pytest.raises(KeyFileError, match=f"{mode:04o}"):
            opened(data_dir, WEIR_MASTER_KEY_FILE=str(file))


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ({"WEIR_MASTER_KEY": ""}, "0 bytes instead of 32"),
        ({"WEIR_MASTER_KEY": MASTER[:-8]}, "bytes instead of 32"),
        ({"WEIR_MASTER_KEY": "not base 64!"}, "no base64"),
        ({"WEIR_MASTER_KEY": "\udcff"}, "no base64"),
        ({"WEIR_PREVIOUS_MASTER_KEY": "?"}, "WEIR_PREVIOUS_MASTER_KEY gives no base64"),
        ({"WEIR_MASTER_KEY_FILE": "/nowhere/key"}, "which is not there"),
        ({"WEIR_MASTER_KEY_FILE": "/"}, "not a plain file"),
        ({"WEIR_MASTER_KEY_FILE": ""}, "WEIR_MASTER_KEY_FILE is empty"),
        ({"WEIR_MASTER_KEY": MASTER, "WEIR_MASTER_KEY_FILE": "/x"}, "both set"),
    ],
)
def test_what_gives_no_master_key_is_told_and_never_ignored(
    tmp_path: Path, environment: dict[str, str], problem: str
) -> None:
    with pytest.raises(KeyFileError, match=problem) as caught:
        opened(tmp_path, **environment)
    for value in environment.values():
        assert len(value) < 8 or value.startswith("/") or value not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
