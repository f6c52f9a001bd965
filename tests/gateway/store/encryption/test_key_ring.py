"""A ring of keys on a real disk: names, states, rotation, and what opens when."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest

from gateway.store.encryption import (
    AWS_SQS,
    SQS_MANAGED,
    Damaged,
    KeyDisabled,
    KeyFileError,
    KeyNotFound,
    KeyRing,
)
from gateway.store.encryption import key_ring as module
from gateway.store.encryption.errors import (
    KeyExists,
    KeyNameInvalid,
    KeyReserved,
    KeyVersionInUse,
    TooManyKeys,
)

T = TypeVar("T")
PLAIN, CONTEXT, ROW = b"the body", b"sqs-body 1 0", b"row 1"


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return opened(tmp_path)


def opened(data_dir: Path) -> KeyRing:
    return KeyRing.open(data_dir, {}, wall_ms=lambda: 1_800_000_000_000)


def seal(ring: KeyRing, name: str) -> bytes:
    return ring.sealer(name).seal(PLAIN, CONTEXT, ROW)


def unseal(ring: KeyRing, sealed: bytes) -> bytes:
    return ring.unseal(sealed, CONTEXT, ROW)


# --- keys and their names -------------------------------------------------------------------------


def test_an_empty_folder_has_no_keys_and_gets_no_file(tmp_path: Path, ring: KeyRing) -> None:
    assert (ring.existed, ring.wrapped, ring.all()) == (False, False, [])
    assert list(tmp_path.iterdir()) == []


def test_built_in_keys_are_made_when_they_are_needed(tmp_path: Path, ring: KeyRing) -> None:
    with pytest.raises(KeyNotFound):
        ring.sealer(SQS_MANAGED)
    assert run(ring.ensure(SQS_MANAGED)) == SQS_MANAGED
    assert run(ring.ensure(AWS_SQS)) == AWS_SQS
    first = ring.all()
    assert [key.name for key in first] == [AWS_SQS, SQS_MANAGED]
    assert all(key.built_in and key.state == "enabled" for key in first)
    run(ring.ensure(SQS_MANAGED))
    assert ring.all() == first
    again = opened(tmp_path)
    assert again.existed
    assert again.all() == first
    assert unseal(again, seal(ring, SQS_MANAGED)) == PLAIN


def test_a_key_is_found_by_what_a_client_may_call_it(ring: KeyRing) -> None:
    made = run(ring.create("greenhouse/2"))
    assert (made.name, made.built_in) == ("alias/greenhouse/2", False)
    arn = "arn:aws:kms:eu-west-1:123456789012:"
    for text in (
        made.id,
        f"{arn}key/{made.id}",
        "alias/greenhouse/2",
        f"{arn}alias/greenhouse/2",
        f"arn:aws-cn:kms:::key/{made.id}",
    ):
        assert ring.resolve(text) == made.name
        assert unseal(ring, seal(ring, text)) == PLAIN
        assert run(ring.ensure(text)) == made.name
    assert ring.info("greenhouse/2") == ring.info(made.name) == made


def test_the_key_of_aws_may_be_named_before_it_is_made(ring: KeyRing) -> None:
    assert ring.resolve("alias/aws/sqs") == AWS_SQS
    assert ring.resolve("arn:aws:kms:us-east-1:000000000000:alias/aws/sqs") == AWS_SQS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pump",
        "alias/",
        "alias/no",
        "alias/pump ",
        "key/pump",
        "sqs-managed",
        "alias/sqs-managed",
        "00000000-0000-0000-0000-000000000000",
        "arn:aws:kms:us-east-1:000000000000:key/pump",
        "arn:aws:sqs:us-east-1:000000000000:alias/pump",
        "arn:aws:kms:us-east-1:000000000000:alias/pump:1",
        "x" * 5000,
    ],
)
def test_what_names_no_key_of_kms_is_not_found(ring: KeyRing, text: str) -> None:
    run(ring.create("pump"))
    run(ring.ensure(SQS_MANAGED))
    with pytest.raises(KeyNotFound) as caught:
        ring.resolve(text)
    assert len(str(caught.value)) < 400
    with pytest.raises(KeyNotFound):
        ring.resolve(ring.info(SQS_MANAGED).id)


@pytest.mark.parametrize(
    "name",
    ["", "alias/", "a b", "a\n", "pümp", "a" * 251, "aws/sqs", "alias/aws/x", "sqs-managed", "a:b",
     "6f9619ff-8b86-d011-b42d-00cf4fc964ff"],
)  # fmt: skip
def test_names_that_no_key_can_have_are_refused(ring: KeyRing, name: str) -> None:
    with pytest.raises(KeyNameInvalid):
        run(ring.create(name))
    assert ring.all() == []


def test_a_name_is_given_once(ring: KeyRing) -> None:
    made = run(ring.create("a" * 250))
    with pytest.raises(KeyExists):
        run(ring.create("alias/" + "a" * 250))
    assert ring.all() == [made]


def test_there_is_a_limit_of_keys(ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEYS", 2)

    async def create() -> None:
        await ring.create("a")
        await ring.create("b")
        with pytest.raises(TooManyKeys):
            await ring.create("c")

    run(create())
    assert [key.name for key in ring.all()] == ["alias/a", "alias/b"]


# --- states ---------------------------------------------------------------------------------------


def test_a_disabled_key_neither_seals_nor_opens_until_it_is_enabled(
    tmp_path: Path, ring: KeyRing
) -> None:
    run(ring.create("pump"))
    sealer = ring.sealer("pump")
    sealed = sealer.seal(PLAIN, CONTEXT, ROW)
    run(ring.disable("alias/pump"))
    for each in (ring, opened(tmp_path)):
        assert each.info("pump").state == "disabled"
        with pytest.raises(KeyDisabled, match="alias/pump is disabled"):
            each.sealer("pump")
        with pytest.raises(KeyDisabled, match="alias/pump is disabled"):
            unseal(each, sealed)
    with pytest.raises(KeyDisabled):
        sealer.seal(PLAIN, CONTEXT, ROW)
    with pytest.raises(KeyDisabled):
        run(ring.rotate("pump"))
    run(ring.disable("pump"))
    run(ring.enable("pump"))
    assert unseal(ring, sealed) == PLAIN
    assert unseal(opened(tmp_path), sealer.seal(PLAIN, CONTEXT, ROW)) == PLAIN


@pytest.mark.parametrize("name", [SQS_MANAGED, AWS_SQS])
def test_the_gateways_own_keys_cannot_be_switched_off(ring: KeyRing, name: str) -> None:
    run(ring.ensure(name))
    for switch in (ring.disable, ring.enable):
        with pytest.raises(KeyReserved):
            run(switch(name))
    assert unseal(ring, seal(ring, name)) == PLAIN


# --- versions -------------------------------------------------------------------------------------


def test_after_a_rotation_the_new_version_seals_and_the_old_one_opens(
    tmp_path: Path, ring: KeyRing
) -> None:
    run(ring.ensure(SQS_MANAGED))
    sealer = ring.sealer(SQS_MANAGED)
    old = sealer.seal(PLAIN, CONTEXT, ROW)
    assert ring.is_current(old)
    told: list[tuple[str, str]] = []
    ring.on_rotated.append(lambda name: told.append((name, ring.info(name).versions[-1].id)))
    new_id = run(ring.rotate(SQS_MANAGED))
    assert told == [(SQS_MANAGED, new_id)]
    new = sealer.seal(PLAIN, CONTEXT, ROW)
    assert new[1:5].hex() == new_id
    assert [version.id for version in ring.info(SQS_MANAGED).versions] == [old[1:5].hex(), new_id]
    for each in (ring, opened(tmp_path)):
        assert (each.is_current(old), each.is_current(new)) == (False, True)
        assert unseal(each, old) == unseal(each, new) == PLAIN


def test_a_retired_version_is_gone_for_ever(tmp_path: Path, ring: KeyRing) -> None:
    run(ring.ensure(SQS_MANAGED))
    old = seal(ring, SQS_MANAGED)
    new_id = run(ring.rotate(SQS_MANAGED))
    new = seal(ring, SQS_MANAGED)
    assert unseal(ring, old) == PLAIN
    run(ring.retire(old[1:5].hex()))
    for each in (ring, opened(tmp_path)):
        with pytest.raises(KeyNotFound, match=old[1:5].hex()):
            unseal(each, old)
        assert not each.is_current(old)
        assert unseal(each, new) == PLAIN
    with pytest.raises(KeyVersionInUse):
        run(ring.retire(new_id))
    for unknown in (old[1:5].hex(), "", "00000000", "no"):
        with pytest.raises(KeyNotFound):
            run(ring.retire(unknown))


def test_a_key_has_a_limit_of_versions(ring: KeyRing) -> None:
    async def rotate() -> None:
        await ring.create("pump")
        for _ in range(module.MAX_VERSIONS - 1):
            await ring.rotate("pump")
        with pytest.raises(TooManyKeys, match="16 versions"):
            await ring.rotate("pump")
        await ring.retire(ring.info("pump").versions[0].id)
        await ring.rotate("pump")

    run(rotate())


def test_changes_at_the_same_time_all_hold(tmp_path: Path, ring: KeyRing) -> None:
    async def many() -> list[str]:
        await ring.create("pump")
        return await asyncio.gather(
            *(ring.rotate("pump") for _ in range(8)),
            *(ring.ensure(SQS_MANAGED) for _ in range(3)),
        )

    rotated = run(many())[:8]
    for each in (ring, opened(tmp_path)):
        assert {version.id for version in each.info("pump").versions} > set(rotated)
        assert len(each.all()) == 2


def test_a_caller_that_gives_up_leaves_memory_as_the_disk_is(tmp_path: Path, ring: KeyRing) -> None:
    async def give_up() -> None:
        await ring.create("pump")
        task = asyncio.ensure_future(ring.rotate("pump"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await ring.close()

    run(give_up())
    assert len(ring.info("pump").versions) == 2
    assert opened(tmp_path).all() == ring.all()


def test_what_the_disk_refuses_did_not_happen(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    ring = opened(data_dir)
    run(ring.create("pump"))
    before = ring.all()
    data_dir.rename(tmp_path / "moved")
    for change in (ring.rotate("pump"), ring.create("other"), ring.disable("pump")):
        with pytest.raises(KeyFileError, match="cannot write"):
            run(change)
    assert ring.all() == before
    assert opened(tmp_path / "moved").all() == before


def test_a_ring_without_the_file_opens_nothing_and_says_so(tmp_path: Path, ring: KeyRing) -> None:
    run(ring.ensure(SQS_MANAGED))
    sealed = seal(ring, SQS_MANAGED)
    (tmp_path / "keys.json").unlink()
    lost = opened(tmp_path)
    assert not lost.existed
    run(lost.ensure(SQS_MANAGED))
    with pytest.raises(KeyNotFound, match="not in the ring") as caught:
        unseal(lost, sealed)
    assert "backup" in caught.value.hint


def test_two_rings_do_not_open_each_others_bytes(tmp_path: Path, ring: KeyRing) -> None:
    (tmp_path / "other").mkdir()
    other = opened(tmp_path / "other")
    run(ring.ensure(SQS_MANAGED))
    run(other.ensure(SQS_MANAGED))
    with pytest.raises(KeyNotFound):
        unseal(other, seal(ring, SQS_MANAGED))
    # Not with the same version id either.
    text = orjson.loads((tmp_path / "keys.json").read_bytes())
    (version,) = text["keys"][0]["versions"]
    version["material"] = "A" * 43 + "="
    path = tmp_path / "other" / "keys.json"
    path.write_bytes(orjson.dumps(text))
    with pytest.raises(Damaged):
        unseal(opened(tmp_path / "other"), seal(ring, SQS_MANAGED))


def test_secrets_show_in_no_repr_and_no_log(
    tmp_path: Path, ring: KeyRing, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    run(ring.create("pump"))
    document = orjson.loads((tmp_path / "keys.json").read_bytes())
    material = document["keys"][0]["versions"][0]["material"]
    key = ring._table.find("pump")
    logging.getLogger("test").warning(
        "%r %r %r %r %r", ring, key, key.versions, ring.all(), ring.sealer("pump")
    )
    assert "alias/pump" in caplog.text
    assert material not in caplog.text
    assert repr(key.versions[0].material) not in caplog.text


def test_a_copy_of_the_file_is_a_backup(tmp_path: Path, ring: KeyRing) -> None:
    run(ring.create("pump"))
    sealed = seal(ring, "pump")
    (tmp_path / "next-pi").mkdir()
    shutil.copy2(tmp_path / "keys.json", tmp_path / "next-pi")
    assert unseal(opened(tmp_path / "next-pi"), sealed) == PLAIN
