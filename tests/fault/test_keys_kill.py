"""kill -9 at any moment while keys are rotated: the file is the old one or the new one.

A process rotates a key again and again, seals with each new version, and tells of both once they
hold. After its death the ring opens, every version it told of is there, and what was sealed opens.
`WEIR_SEEDS=200` runs more seeds. The control tells of a version before it is on disk, and must be
caught.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gateway.store.encryption import EncryptionError, KeyRing
from gateway.store.encryption.key_ring import MAX_VERSIONS

ROOT = Path(__file__).parents[2]
SEEDS = list(range(1, 1 + int(os.environ.get("WEIR_SEEDS", "6"))))
ENVIRONMENT = {"WEIR_MASTER_KEY": "c29tZXdoZXJlIGVsc2UsIG5vdCBvbiB0aGUgY2FyZCE="}

ROTATE = f"""
import asyncio, pathlib, sys
from gateway.store.encryption import KeyRing

async def work(ring):
    await ring.ensure("sqs-managed")
    sealer = ring.sealer("sqs-managed")
    print("started", flush=True)
    while True:
        versions = ring.info("sqs-managed").versions
        if len(versions) == {MAX_VERSIONS}:
            for old in versions[:-1]:
                print("retiring", old.id, flush=True)
                await ring.retire(old.id)
        version = await ring.rotate("sqs-managed")
        print(version, sealer.seal(b"body", b"context", b"row").hex(), flush=True)

asyncio.run(work(KeyRing.open(pathlib.Path(sys.argv[1]), {ENVIRONMENT!r})))
"""

# The same, on a disk that forgets: every write is said to be done, and only the first one is.
FORGETFUL = (
    """
import itertools
from gateway.store.encryption import key_file
written, count = key_file.replace_atomically, itertools.count()
key_file.replace_atomically = lambda *given: None if next(count) else written(*given)
"""
    + ROTATE
)


def test_rotations_survive_kills(tmp_path: Path) -> None:
    wrong, rotations = _run(tmp_path, ROTATE)
    print(f"seeds {SEEDS}: {rotations} rotations told of, {wrong or 'all there'}")
    assert not wrong
    assert rotations > 5 * len(SEEDS)


def test_a_version_that_is_told_of_too_early_is_caught(tmp_path: Path) -> None:
    wrong, _ = _run(tmp_path, FORGETFUL)
    assert wrong


def _run(data_dir: Path, script: str) -> tuple[list[str], int]:
    wrong, rotations = [], 0
    for seed in SEEDS:
        told, gone = _rotate_until_killed(data_dir, script, random.Random(seed).uniform(0.05, 0.4))
        rotations += len(told)
        try:
            ring = KeyRing.open(data_dir, ENVIRONMENT)
        except EncryptionError as error:
            pytest.fail(f"seed {seed}: {error}")
        there = {version.id for version in ring.info("sqs-managed").versions}
        for version, sealed in told.items():
            if version in gone:
                continue
            if version not in there:
                wrong.append(f"seed {seed}: the version {version} is lost")
            elif ring.unseal(sealed, b"context", b"row") != b"body":
                wrong.append(f"seed {seed}: {version} opens something else")
    return wrong, rotations


def _rotate_until_killed(
    data_dir: Path, script: str, seconds: float
) -> tuple[dict[str, bytes], set[str]]:
    """Return what was sealed by each version told of, and the versions that may be retired."""
    command = [sys.executable, "-c", script, str(data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        timer = threading.Timer(seconds, process.send_signal, [signal.SIGKILL])
        timer.start()
        lines = process.stdout.read().split("\n")[:-1]  # what follows the last end of a line is cut
        timer.join()
    assert process.returncode == -signal.SIGKILL
    told, gone = {}, set()
    for line in lines:
        first, second = line.split()
        if first == "retiring":
            gone.add(second)
        else:
            told[first] = bytes.fromhex(second)
    return told, gone
