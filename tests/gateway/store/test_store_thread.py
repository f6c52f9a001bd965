"""The store's thread: without it nothing could be acknowledged, so it may not end in silence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import asyncio, logging, os, sys
from pathlib import Path
from gateway.clock import Clock, system_sources
from gateway.metrics import Metrics
from gateway.store import Store, StoreSettings

async def main():
    path = Path(sys.argv[1]) / "weir.db"
    store = Store(path, StoreSettings(), Clock(system_sources()), Metrics())
    await store.flush()
    os.close(store._committer._wal_index)  # what the thread reads after every commit
    await store.flush()
    await asyncio.wait_for(store.flush(), 5)

logging.basicConfig()
asyncio.run(main())
"""


def test_a_fault_on_the_thread_ends_the_process_and_says_why(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert "the store's thread failed; the gateway ends" in done.stderr
    assert "Bad file descriptor" in done.stderr
