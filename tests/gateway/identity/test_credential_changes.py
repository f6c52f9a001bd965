"""Keys that are made, changed and removed while the gateway runs, on a real file system."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.identity import credentials as credentials_module
from gateway.identity import credentials_file
from gateway.identity.credentials import (
    AccessKey,
    Credentials,
    CredentialsError,
    KeyNameTaken,
    KeyNotFound,
    LastAdministrator,
    TooManyKeys,
    WrongKeyName,
)
from gateway.identity.credentials_file import CredentialsFile
from gateway.identity.policy import CUSTOM, FULL, READ_ONLY, Policy

Run = Callable[[Coroutine[Any, Any, None]], None]

SEND = Policy(
    CUSTOM,
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:*:*:a"}
        ],
    },
)


def on_disk(folder: Path) -> list[AccessKey]:
    """Return what another process finds, without making anything."""
    keys = CredentialsFile(folder).read()
    assert keys is not None
    return list(keys)


def test_what_was_made_is_on_disk_and_holds(tmp_path: Path, run: Run) -> None:
    async def main() -> None:
        credentials = Credentials.open(tmp_path)
        for name, policy in (("pump", READ_ONLY), ("sender", SEND), ("admin", FULL)):
            key = await credentials.create(name, policy)
            assert credentials.secret(key.access_key_id) == key.secret_access_key
            assert credentials.policy(key.access_key_id) == policy
            assert credentials.name(key.access_key_id) == name
            assert on_disk(tmp_path) == credentials.all()
        assert [key.name for key in credentials.all()] == ["default", "pump", "sender", "admin"]
        assert stat.S_IMODE((tmp_path / "credentials.json").stat().st_mode) == 0o600
        again = Credentials.open(tmp_path)
        assert again.all() == credentials.all()
        sender = again.find("sender")
        policy = again.policy(sender.access_key_id)
        assert policy is not None and policy.allows("sqs:SendMessage", "arn:aws:sqs:r:1:a")
        assert not policy.allows("sqs:SendMessage", "arn:aws:sqs:r:1:b")

    run(main())


def test_a_key_is_rotated_disabled_enabled_and_deleted(tmp_path: Path, run: Run) -> None:
    async def main() -> None:
        credentials = Credentials.open(tmp_path)
        made = await credentials.create("pump", READ_ONLY)
        key_id = made.access_key_id
        rotated = await credentials.rotate("pump")
        assert rotated.access_key_id == key_id and rotated.policy == READ_ONLY
        assert rotated.secret_access_key != made.secret_access_key
        assert credentials.secret(key_id) == rotated.secret_access_key
        await credentials.set_active(key_id, False)
        assert credentials.secret(key_id) is None and credentials.policy(key_id) is None
        assert credentials.name(key_id) == "pump"
        assert Credentials.open(tmp_path).secret(key_id) is None
        await credentials.set_active(key_id, True)
        assert credentials.secret(key_id) == rotated.secret_access_key
        assert (await credentials.delete("pump")).access_key_id == key_id
        assert credentials.secret(key_id) is None and credentials.name(key_id) is None
        assert [key.name for key in on_disk(tmp_path)] == ["default"]
        for change in (
            credentials.rotate("pump"),
            credentials.delete(key_id),
            credentials.set_active("pump", True),
        ):
            with pytest.raises(KeyNotFound, match="no credential is called"):
                await change

    run(main())


def test_the_last_key_that_may_do_everything_stays(tmp_path: Path, run: Run) -> None:
    async def main() -> None:
        credentials = Credentials.open(tmp_path)
        await credentials.create("reader", READ_ONLY)
        second = await credentials.create("second", FULL)
        await credentials.set_active("second", False)
        for refused in (credentials.delete("default"), credentials.set_active("default", False)):
            with pytest.raises(LastAdministrator, match="default cannot be") as caught:
                await refused
            assert "weir credentials create" in caught.value.hint
        await credentials.rotate("default")  # it stays one that may do everything
        await credentials.delete("reader")
        await credentials.set_active("second", True)
        await credentials.delete("default")
        assert credentials.default.access_key_id == second.access_key_id
        with pytest.raises(LastAdministrator):
            await credentials.delete("second")
        assert [key.name for key in on_disk(tmp_path)] == ["second"]

    run(main())


@pytest.mark.parametrize(
    "name", ["", "a b", "a/b", "ä", "x" * 65, "a\n", "AKIA" + "A" * 16, "\x1b[2J"]
)
def test_a_name_that_no_user_can_have_is_refused(name: str, run: Run) -> None:
    async def main() -> None:
        with pytest.raises(WrongKeyName) as caught:
            await Credentials((AccessKey.generate(),)).create(name, FULL)
        assert caught.value.hint

    run(main())


def test_names_are_not_given_twice_and_keys_are_bounded(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials_module, "MAX_KEYS", 4)

    async def main() -> None:
        credentials = Credentials((AccessKey.generate(),))
        made = await asyncio.gather(
            *(credentials.create(name, FULL) for name in ("a", "a", "b", "c", "d")),
            return_exceptions=True,
        )
        assert [type(one) for one in made] == [
            AccessKey, KeyNameTaken, AccessKey, AccessKey, TooManyKeys,
        ]  # fmt: skip
        assert [key.name for key in credentials.all()] == ["default", "a", "b", "c"]

    run(main())


def test_what_the_disk_refuses_has_not_happened(tmp_path: Path, run: Run) -> None:
    async def main() -> None:
        credentials = Credentials.open(tmp_path)
        before = credentials.all()
        blocking = tmp_path / ".credentials.json.new"
        blocking.mkdir()
        for change in (credentials.create("a", FULL), credentials.rotate("default")):
            with pytest.raises(CredentialsError, match="cannot write"):
                await change
        assert credentials.all() == before == on_disk(tmp_path)
        blocking.rmdir()
        await credentials.create("a", FULL)
        assert len(on_disk(tmp_path)) == 2

    run(main())


def test_a_change_holds_only_once_it_is_on_disk_and_the_loop_goes_on_meanwhile(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_write, writes_on = threading.Event(), threading.Event()
    really_write = credentials_file.replace_atomically

    def slowly(path: Path, data: bytes, mode: int) -> None:
        writes_on.set()
        assert may_write.wait(10)
        really_write(path, data, mode)

    async def main() -> None:
        credentials = Credentials.open(tmp_path)
        old = credentials.default
        monkeypatch.setattr(credentials_file, "replace_atomically", slowly)
        change = asyncio.create_task(credentials.rotate("default"))
        while not writes_on.is_set():
            await asyncio.sleep(0)
        assert credentials.secret(old.access_key_id) == old.secret_access_key
        change.cancel()  # whoever asked hangs up; the change goes on to its end
        with pytest.raises(asyncio.CancelledError):
            await change
        may_write.set()
        await credentials.close()
        assert credentials.all() == on_disk(tmp_path)
        assert credentials.default.secret_access_key != old.secret_access_key

    run(main())


# --- the file's formats ---------------------------------------------------------------------------

OLD = {
    "format": 1,
    "access_keys": [
        {"name": "default", "access_key_id": "AKIAOLD", "secret_access_key": "old-secret"},
        {"name": "default", "access_key_id": "AKIAOTHER", "secret_access_key": "other-secret"},
    ],
}


def write(folder: Path, document: object) -> Path:
    path = folder / "credentials.json"
    path.write_bytes(orjson.dumps(document))
    path.chmod(0o600)
    return path


def test_keys_of_format_1_may_do_everything_and_the_file_is_left_until_one_changes(
    tmp_path: Path, run: Run
) -> None:
    path = write(tmp_path, OLD)
    before = path.read_bytes()

    async def main() -> None:
        credentials = Credentials.open(tmp_path)
        assert path.read_bytes() == before
        assert [key.policy for key in credentials.all()] == [FULL, FULL]
        assert all(key.active for key in credentials.all())
        with pytest.raises(KeyNotFound, match="2 credentials are called 'default'") as caught:
            await credentials.rotate("default")
        assert "id" in caught.value.hint
        await credentials.set_active("AKIAOTHER", False)
        document = orjson.loads(path.read_bytes())
        assert document["format"] == 2
        assert [
            (key["access_key_id"], key["policy"], key["active"]) for key in document["access_keys"]
        ] == [("AKIAOLD", "full", True), ("AKIAOTHER", "full", False)]

    run(main())


def key_of_format_2(**parts: object) -> dict[str, Any]:
    return {**OLD["access_keys"][0], "active": True, "policy": "full", **parts}  # type: ignore[index]


@pytest.mark.parametrize(
    "parts",
    [
        {"active": 1},
        {"active": None},
        {"policy": None},
        {"policy": "all"},
        {"policy": ["full"]},
        {"policy": {}},
        {"policy": {"Statement": [{"Effect": "Allow", "Action": "*"}]}},
    ],
)
def test_a_damaged_policy_lets_nobody_in(tmp_path: Path, parts: dict[str, object]) -> None:
    write(tmp_path, {"format": 2, "access_keys": [key_of_format_2(**parts)]})
    with pytest.raises(CredentialsError, match=r"is damaged: access_keys\[0\]\.") as caught:
        Credentials.open(tmp_path)
    assert "old-secret" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("number", [0, 3, True, "2", None])
def test_another_format_is_a_newer_gateways(tmp_path: Path, number: object) -> None:
    write(tmp_path, {"format": number, "access_keys": [key_of_format_2()]})
    with pytest.raises(CredentialsError, match="a newer gateway may have written it"):
        Credentials.open(tmp_path)


def test_the_default_key_is_one_that_may_be_used() -> None:
    idle = AccessKey("AKIA1", "s", "default", FULL, False)
    reader = AccessKey("AKIA2", "s", "reader", READ_ONLY)
    admin = AccessKey("AKIA3", "s", "admin", FULL)
    assert Credentials((idle, reader, admin)).default is admin
    assert Credentials((idle, reader)).default is reader
    assert Credentials((idle,)).default is idle


def test_as_many_keys_as_may_be_with_the_longest_policies_fit_into_the_file(tmp_path: Path) -> None:
    actions = ["a:b"] * 1000
    policy = Policy(
        CUSTOM, {"Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    )
    keys = tuple(
        AccessKey.generate(f"{number}{'x' * 60}", policy)
        for number in range(credentials_module.MAX_KEYS)
    )
    file = CredentialsFile(tmp_path)
    file.write(keys)
    assert file.read() == keys
