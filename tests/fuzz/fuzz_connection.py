"""Coverage-guided fuzzing of whole connections, with atheris: `make fuzz`.

Inputs are scripts (see `scripts.decode_script`), played on a broker that goes on from script to
script and has to be empty in between. A crash leaves its bytes in a file: `python -m
tests.fuzz.fuzz_connection FILE` shows it again. What is found becomes a test.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["gateway.broker", "gateway.mqtt"]):
    from tests.fuzz.harness import SETTINGS, STORE, Play
    from tests.fuzz.scripts import decode_script, seeds
    from tests.rig.mqtt_bench import open_bench

# Scripts on one broker; then another begins, with empty files.
SCRIPTS_PER_BROKER = 500


class Player:
    """Plays scripts on brokers of its own."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._play: Play | None = None
        self._count = 0

    async def one(self, script: bytes) -> None:
        """Play one script; whatever is wrong escapes."""
        escaped: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, what: escaped.append(what))
        if self._play is None or self._count % SCRIPTS_PER_BROKER == 0:
            await self._stack.aclose()
            memory = Path("/dev/shm")
            folder = self._stack.enter_context(
                tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
            )
            bench = await self._stack.enter_async_context(open_bench(Path(folder), SETTINGS, STORE))
            self._play = Play(bench, 4 + self._count // SCRIPTS_PER_BROKER % 2)
            await self._play.begin()
        self._count += 1
        await self._play.play(decode_script(script))
        await self._play.clear()
        assert not escaped, f"escaped into the event loop: {escaped}"


def main() -> None:
    """Fuzz; the first argument is the folder of the corpus, or a file to play again."""
    logging.disable(logging.CRITICAL)
    corpus = Path(sys.argv[1])
    if not corpus.is_file():
        corpus.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds()):
            (corpus / f"seed-{number}").write_bytes(seed)
    player = Player()
    with asyncio.Runner() as runner:

        def check(data: bytes) -> None:
            runner.run(player.one(data))

        atheris.Setup(sys.argv, check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
