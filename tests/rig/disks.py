"""Disks that a test owns: a small one that fills up, and one that logs every write for power cuts.

Both need root, loop devices and Debian packages (`make test-setup`); the logged one also FUSE.
"""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
from pathlib import Path

from tests.rig.gateway_process import wait_until

REMEDY = "run `make test-setup` as root on a machine with loop devices and /dev/fuse"


def sh(*command: str | Path) -> str:
    """Run a command; return what it prints."""
    try:
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, timeout=60
        )
    except FileNotFoundError as error:
        raise AssertionError(f"{command[0]} is missing: {REMEDY}") from error
    assert done.returncode == 0, f"{command} failed: {done.stderr}\n{REMEDY}"
    return done.stdout.strip()


class SmallDisk:
    """A real ext4 file system of a few megabytes."""

    def __init__(self, folder: Path, size_mib: int) -> None:
        self.image = folder / "disk.img"
        self.mount = folder / "disk"
        self._size_mib = size_mib

    def __enter__(self) -> SmallDisk:
        self.mount.mkdir()
        with self.image.open("wb") as file:
            file.truncate(self._size_mib << 20)
        sh("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0", self.image)
        sh("mount", "-o", "loop", self.image, self.mount)
        return self

    def __exit__(self, *exc: object) -> None:
        sh("umount", self.mount)

    @property
    def free_bytes(self) -> int:
        disk = os.statvfs(self.mount)
        return disk.f_bavail * disk.f_frsize


class LoggedDisk:
    """An ext4 file system on a block device whose every write is logged in order.

    QEMU's storage daemon exports a file over FUSE and logs what is written to it (the format of
    dm-log-writes); a loop device and a real file system stand on it. `crash_image` then gives the
    disk as a power cut at any point of the log could have left it: everything up to the last
    flush, and a random half of what the drive had not yet been told to keep.

    Attributes:
        mount: Where the file system is.
        log: The log; the third number in it is how many writes it holds.
    """

    def __init__(self, folder: Path, size_mib: int = 96) -> None:
        self.folder = folder
        self.mount = folder / "mnt"
        self._size = size_mib << 20
        self._data = folder / "data.img"
        self._before = folder / "before.img"
        self.log = folder / "log.img"
        self._export = folder / "exp.img"
        self._daemon: subprocess.Popen[bytes] | None = None
        self._loop = ""

    def __enter__(self) -> LoggedDisk:
        self.mount.mkdir()
        for path, size in ((self._data, self._size), (self.log, 4 << 30), (self._export, 0)):
            with path.open("wb") as file:
                file.truncate(size)
        sh("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", self._data)
        shutil.copyfile(self._data, self._before)
        command = [
            "qemu-storage-daemon",
            "--blockdev",
            f"driver=file,node-name=f0,filename={self._data}",
            "--blockdev",
            f"driver=file,node-name=l0,filename={self.log}",
            "--blockdev",
            "driver=blklogwrites,node-name=lw,file=f0,log=l0,log-sector-size=512,"
            "log-super-update-interval=1",
            "--export",
            f"type=fuse,id=e0,node-name=lw,mountpoint={self._export},writable=on",
        ]
        try:
            self._daemon = subprocess.Popen(command)
        except FileNotFoundError as error:
            raise AssertionError(f"qemu-storage-daemon is missing: {REMEDY}") from error
        wait_until(lambda: self._export.stat().st_size == self._size, what="the FUSE export")
        self._loop = sh("losetup", "-f", "--show", self._export)
        sh("mount", self._loop, self.mount)
        return self

    def __exit__(self, *exc: object) -> None:
        # In this order, or the mount hangs.
        if self._loop:
            sh("umount", self.mount)
            sh("losetup", "-d", self._loop)
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(20)

    def position(self) -> int:
        """Return how many writes were logged so far."""
        with self.log.open("rb") as log:
            count: int = struct.unpack("<QQQI", log.read(28))[2]
        return count

    def crash_image(self, position: int, out: Path, rng: random.Random) -> None:
        """Write to `out` the disk as a power cut after `position` log entries may leave it."""
        shutil.copyfile(self._before, out)
        with self.log.open("rb") as log, out.open("r+b") as image:
            entries, sector_bytes = self._entries(log, position)
            flushes = [n for n, entry in enumerate(entries) if entry[2] & 1]
            last_flush = flushes[-1] if flushes else -1
            for n, (sector, sectors, flags, offset) in enumerate(entries):
                if not sectors or flags & 12:  # a flush alone, a discard, a mark
                    continue
                if n > last_flush and rng.random() < 0.5:
                    continue  # the drive's cache lost it
                log.seek(offset)
                image.seek(sector * sector_bytes)
                image.write(log.read(sectors * sector_bytes))

    @staticmethod
    def _entries(log: object, position: int) -> tuple[list[tuple[int, int, int, int]], int]:
        seek, read = log.seek, log.read  # type: ignore[attr-defined]
        seek(0)
        _, _, count, sector_bytes = struct.unpack("<QQQI", read(28))
        entries, offset = [], sector_bytes
        for _ in range(min(position, count)):
            seek(offset)
            sector, sectors, flags, _ = struct.unpack("<QQQQ", read(32))
            entries.append((sector, sectors, flags, offset + sector_bytes))
            offset += sector_bytes + (0 if flags & 4 else sectors * sector_bytes)
        return entries, sector_bytes
