"""Buckets in real folders: the file is the object, whole or not there, and never elsewhere."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.metrics import Metrics
from gateway.services.s3 import (
    BucketFull,
    Buckets,
    BucketSettings,
    BucketStatus,
    DiskRefused,
    KeyRefused,
    NoSuchBucket,
)
from gateway.services.s3.bucket import RECOUNT_S
from gateway.services.s3.keys import TEMPORARY_FOLDER
from tests.rig.disks import SmallDisk, sh
from tests.rig.gateway_process import wait_until

Run = Callable[[Any], None]

MIB = 1024 * 1024
NEW = TEMPORARY_FOLDER.decode()


@asynccontextmanager
async def opened(
    folder: Path, *, max_bytes: int = 64 * MIB, min_free_bytes: int = 0, **more: Any
) -> AsyncIterator[Buckets]:
    """The bucket `images` in this folder."""
    settings = BucketSettings("images", folder, max_bytes, min_free_bytes)
    buckets = Buckets([settings], Metrics(), **more)
    await buckets.start()
    try:
        yield buckets
    finally:
        await buckets.stop()


def status(buckets: Buckets) -> BucketStatus:
    (found,) = buckets.status()
    return found


def files(folder: Path) -> dict[str, bytes]:
    """Every object below a folder, by its path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and NEW not in path.parts
    }


def test_an_object_is_a_file_at_its_key(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "images"

    async def main() -> None:
        async with opened(folder) as buckets:
            await buckets.put("images", "bench/1.json", b'{"t":1}')
            await buckets.put("images", "bench/2.json", b"")
            await buckets.put("images", "top", b"\0\xff")
            await buckets.put("images", "bench/1.json", b'{"t":2}')
            assert files(folder) == {
                "bench/1.json": b'{"t":2}',
                "bench/2.json": b"",
                "top": b"\0\xff",
            }
            assert status(buckets).objects == 3
            assert os.listdir(folder / NEW) == []
            assert stat.S_IMODE(folder.stat().st_mode) == 0o750
            assert stat.S_IMODE((folder / "bench").stat().st_mode) == 0o750
            assert stat.S_IMODE((folder / "top").stat().st_mode) == 0o640

    before = os.umask(0o027)
    try:
        run(main())
    finally:
        os.umask(before)


def test_no_key_leads_out_of_the_folder(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "images"

    async def main() -> None:
        async with opened(folder) as buckets:
            for key in ("../out", "/etc/out", "a/../../out", "../..", "%2e%2e/out", "a//out"):
                await buckets.put("images", key, b"x")
            assert set(os.listdir(tmp_path)) == {"images"}
            assert len(files(folder)) == 6

    run(main())


def test_symbolic_links_in_the_folder_are_not_followed(run: Run, tmp_path: Path) -> None:
    folder, outside = tmp_path / "images", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "file").write_bytes(b"mine")
    (folder / "link").symlink_to(outside)
    (folder / "to-file").symlink_to(outside / "file")

    async def main() -> None:
        async with opened(folder) as buckets:
            for key in ("link/new", "link/a/b", "to-file/x"):
                with pytest.raises(KeyRefused, match="symbolic link"):
                    await buckets.put("images", key, b"x")
            await buckets.put("images", "to-file", b"an object now")
            await buckets.put("images", "link", b"this one, too")
            assert files(outside) == {"file": b"mine"}
            assert files(folder) == {"to-file": b"an object now", "link": b"this one, too"}

    run(main())


def test_the_temporary_folder_cannot_be_a_link_out(run: Run, tmp_path: Path) -> None:
    folder, outside = tmp_path / "images", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "file").write_bytes(b"mine")
    (folder / NEW).symlink_to(outside)

    async def main() -> None:
        async with opened(folder) as buckets:
            await buckets.counted()
            with pytest.raises((KeyRefused, DiskRefused)):
                await buckets.put("images", "a", b"x")
            assert files(outside) == {"file": b"mine"}

    run(main())


def test_a_key_cannot_be_an_object_and_a_folder(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as buckets:
            await buckets.put("images", "a", b"1")
            await buckets.put("images", "b/c", b"2")
            with pytest.raises(KeyRefused, match="is an object already") as refused:
                await buckets.put("images", "a/b", b"x")
            assert "choose other keys" in refused.value.hint
            with pytest.raises(KeyRefused, match="is an object already"):
                await buckets.put("images", "a/b/c/d", b"x")
            with pytest.raises(KeyRefused, match="is a folder already"):
                await buckets.put("images", "b", b"x")
            assert files(tmp_path) == {"a": b"1", "b/c": b"2"}
            assert status(buckets).refused == 3
            assert "is a folder already" in status(buckets).last_error
            await buckets.put("images", "b/d", b"3")  # the others go on

    run(main())


def test_a_bucket_that_is_not_declared(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as buckets:
            with pytest.raises(NoSuchBucket, match="there is no bucket 'others'") as refused:
                await buckets.put("others", "a", b"x")
            assert '[[s3.buckets]] name = "others"' in refused.value.hint
            with pytest.raises(NoSuchBucket) as refused:
                await buckets.put("\n../x" * 1000, "a", b"x")
            assert refused.value.hint == ""
            assert len(str(refused.value)) < 200
            assert buckets.names() == ["images"]

    run(main())


# --- room -----------------------------------------------------------------------------------------


def test_a_full_bucket_refuses_until_there_is_room(run: Run, tmp_path: Path) -> None:
    now_s = 0.0

    async def main() -> None:
        nonlocal now_s
        async with opened(tmp_path, max_bytes=MIB, monotonic_s=lambda: now_s) as buckets:
            await buckets.counted()
            body = b"x" * (200 * 1024)
            for number in range(5):
                await buckets.put("images", str(number), body)
            with pytest.raises(BucketFull, match="'images' is full") as refused:
                await buckets.put("images", "5", body)
            assert "max_bytes" in refused.value.hint
            await buckets.put("images", "0", body)  # no larger than it was
            await buckets.put("images", "small", b"x")

            (tmp_path / "1").unlink()  # as people do who move objects away
            with pytest.raises(BucketFull):  # nobody counts all the time
                await buckets.put("images", "5", body)
            now_s += RECOUNT_S
            await buckets.put("images", "5", body)
            assert "1" not in files(tmp_path)
            assert (status(buckets).objects, status(buckets).used_bytes) == (6, 5 * 204_800 + 4096)

    run(main())


def test_small_files_and_folders_count_by_blocks(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path, max_bytes=MIB) as buckets:
            await buckets.counted()
            with pytest.raises(BucketFull):
                for number in range(1000):
                    await buckets.put("images", f"folder-{number}/x", b"x")
            assert len(files(tmp_path)) == 128
            with pytest.raises(BucketFull):
                await buckets.put("images", "a/" * 500 + "x", b"x")
            assert not (tmp_path / "a").exists(), "folders were made for an object that was refused"

    run(main())


def test_what_is_there_is_counted_behind_the_start(run: Run, tmp_path: Path) -> None:
    for number in range(300):
        path = tmp_path / f"{number % 10}" / f"{number}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 5000)
    (tmp_path / "link").symlink_to("/")

    async def main() -> None:
        async with opened(tmp_path, max_bytes=4 * MIB) as buckets:
            await asyncio.gather(  # admitted while it counts, and counted once
                *(buckets.put("images", f"new/{number}", b"x") for number in range(50)),
                *(buckets.put("images", f"new/{number}", b"y") for number in range(50)),
            )
            await buckets.counted()
            found = status(buckets)
            assert found.counted
            assert found.objects == 350
            assert 300 * 8192 + 61 * 4096 <= found.used_bytes <= 300 * 8192 + 62 * 4096

    run(main())


@pytest.mark.system
@pytest.mark.xdist_group("disks")
def test_a_disk_that_is_full_is_named_and_nothing_is_torn(run: Run, tmp_path: Path) -> None:
    async def main(disk: SmallDisk) -> None:
        folder = disk.mount / "images"
        async with opened(folder) as buckets:
            await buckets.put("images", "before", b"1" * 1000)
            number = 0
            with pytest.raises(BucketFull, match="no room for 503808 bytes") as refused:
                for number in range(100):
                    await buckets.put("images", f"n/{number}", b"2" * 500_000)
            assert "Make room on the disk" in refused.value.hint
            whole = files(folder)
            assert whole.pop("before") == b"1" * 1000
            assert set(whole.values()) == {b"2" * 500_000}
            assert len(whole) == number
            (folder / "n" / "0").unlink()
            await buckets.put("images", "after", b"4")

    with SmallDisk(tmp_path, 4) as disk:
        run(main(disk))


@pytest.mark.system
@pytest.mark.xdist_group("disks")
def test_what_the_disk_itself_refuses_is_named(run: Run, tmp_path: Path) -> None:
    async def main(disk: SmallDisk) -> None:
        folder = disk.mount / "images"
        async with opened(folder) as buckets:
            await buckets.put("images", "before", b"1" * 1000)
            taken = 0
            with pytest.raises(OSError, match="No space left"):  # of names, not of bytes
                for taken in range(100_000):
                    (disk.mount / f"{taken}").touch()
            for key in ("before", "new", "folder/new"):
                with pytest.raises(DiskRefused, match="No space left") as refused:
                    await buckets.put("images", key, b"2")
                assert "Make room on the disk" in refused.value.hint
            assert "No space left" in status(buckets).last_error
            assert files(folder) == {"before": b"1" * 1000}
            assert os.listdir(folder / NEW) == []
            (disk.mount / "0").unlink()
            await buckets.put("images", "before", b"3")

            sh("mount", "-o", "remount,ro", disk.mount)
            with pytest.raises(DiskRefused, match="Read-only") as refused:
                await buckets.put("images", "late", b"x")
            assert "write in" in refused.value.hint

    with SmallDisk(tmp_path, 4) as disk:
        run(main(disk))


@pytest.mark.system
@pytest.mark.xdist_group("disks")
def test_a_bucket_leaves_some_of_the_disk_to_others(run: Run, tmp_path: Path) -> None:
    async def main(disk: SmallDisk) -> None:
        async with opened(disk.mount / "images", min_free_bytes=2 * MIB) as buckets:
            with pytest.raises(BucketFull, match="min_free_bytes is 2097152"):
                for number in range(100):
                    await buckets.put("images", f"{number}", b"2" * 100_000)
            assert disk.free_bytes >= 2 * MIB - 16_384

    with SmallDisk(tmp_path, 6) as disk:
        run(main(disk))


# --- crashes --------------------------------------------------------------------------------------

_WRITER = """
import asyncio, sys
from pathlib import Path
from gateway.metrics import Metrics
from gateway.services.s3 import Buckets, BucketSettings

async def main():
    buckets = Buckets([BucketSettings("images", Path(sys.argv[1]), 1 << 30, 0)], Metrics())
    await buckets.start()
    n = 0
    while True:
        n += 1
        await buckets.put("images", f"{n % 3}/object", b"%d" % (n % 10) * 2_000_000)
        print(n, flush=True)

asyncio.run(main())
"""


def test_a_kill_leaves_whole_objects_and_the_rest_is_swept(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    for _ in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        with writer.stdout:
            for _ in range(5):
                assert writer.stdout.readline()
            wait_until(lambda: os.listdir(folder / NEW) != [], what="a file half written")
            writer.send_signal(signal.SIGKILL)
            writer.wait(10)
        for body in files(folder).values():
            assert len(body) == 2_000_000
            assert body == body[:1] * 2_000_000

    async def main() -> None:
        (folder / NEW / "left-over").write_bytes(b"half")
        async with opened(folder) as buckets:
            await buckets.counted()
            assert os.listdir(folder / NEW) == []
            assert status(buckets).objects == 3

    run(main())


def test_a_folder_that_cannot_be_made_is_tried_again(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "disk").write_bytes(b"no folder yet")

    async def main() -> None:
        async with opened(tmp_path / "disk" / "images") as buckets:
            await buckets.counted()
            with pytest.raises(DiskRefused, match="Not a directory"):
                await buckets.put("images", "a", b"x")
            (tmp_path / "disk").unlink()  # the disk has come
            await buckets.put("images", "a", b"x")
            assert files(tmp_path) == {"disk/images/a": b"x"}

    run(main())
    assert "cannot prepare its folder" in caplog.text


def test_a_write_blocks_nobody_else(run_on_both_loops: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path) as buckets:
            turns = 0

            async def turn() -> None:
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0)

            turning = asyncio.ensure_future(turn())
            await buckets.put("images", "large", b"x" * (16 * MIB))
            turning.cancel()
            assert turns > 10

    run_on_both_loops(main())
