"""What encryption at rest costs for each message, beside AES-256-GCM of the same library.

`python -m benchmarks.encryption` prints a table. What counts is processor time; the best of some
rounds, because other work on the machine only adds. A processor with instructions for AES gives
AES an advantage that a Raspberry Pi 4 does not have.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.store.encryption import SQS_MANAGED, KeyRing

SIZES = (200, 2 * 1024, 64 * 1024)
ROUNDS = 7
CONTEXT, ROW = b"sqs-body 12345678 0", b"queue 12345678, row 4711"

IMPORTING = """
import resource, time
import gateway.broker, gateway.control
def resident_kib():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() // 1024
from gateway.store.encryption.sealing import Ciphers, KeyVersion
before, start = resident_kib(), time.perf_counter()
Ciphers().seal(KeyVersion(b"1234", 0, bytes(32)), b"", b"", b"")
print((time.perf_counter() - start) * 1000, (resident_kib() - before) / 1024)
"""


def microseconds(work: Callable[[], object], count: int) -> float:
    """Return the processor time of one call."""
    best = float("inf")
    for _ in range(ROUNDS):
        start_ns = time.process_time_ns()
        for _ in range(count):
            work()
        best = min(best, (time.process_time_ns() - start_ns) / count / 1000)
    return best


def table(data_dir: Path) -> list[tuple[int, float, float, float, float]]:
    """Return bytes, then microseconds to seal and unseal with Weir, and with AES-GCM."""
    ring = KeyRing.open(data_dir, {})
    asyncio.run(ring.ensure(SQS_MANAGED))
    seal, unseal = ring.sealer(SQS_MANAGED).seal, ring.unseal
    aes = AESGCM(os.urandom(32))
    rows = []
    for size_bytes in SIZES:
        plain, nonce = os.urandom(size_bytes), os.urandom(12)
        sealed, other = seal(plain, CONTEXT, ROW), aes.encrypt(nonce, plain, ROW)
        count = 20_000 if size_bytes < 10_000 else 2_000
        rows.append(
            (
                size_bytes,
                microseconds(lambda: seal(plain, CONTEXT, ROW), count),  # noqa: B023 - used at once
                microseconds(lambda: unseal(sealed, CONTEXT, ROW), count),  # noqa: B023
                microseconds(lambda: aes.encrypt(nonce, plain, ROW), count),  # noqa: B023
                microseconds(lambda: aes.decrypt(nonce, other, ROW), count),  # noqa: B023
            )
        )
    return rows


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        print("bytes   seal µs  unseal µs   AES-GCM alone: encrypt µs  decrypt µs")
        for size_bytes, seal, unseal, encrypt, decrypt in table(Path(folder)):
            print(f"{size_bytes:6} {seal:8.2f} {unseal:10.2f} {encrypt:26.2f} {decrypt:11.2f}")
    aes = "with" if " aes " in Path("/proc/cpuinfo").read_text() else "without"
    print(f"on a processor {aes} instructions for AES")
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING], capture_output=True, text=True, check=True
    )
    milliseconds, megabytes = done.stdout.split()
    print(f"the first use: {float(milliseconds):.0f} ms, {float(megabytes):.1f} MiB resident")


if __name__ == "__main__":
    main()
