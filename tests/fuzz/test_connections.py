"""Whole connections, made up at random: nothing escapes, nothing grows, nobody else notices.

Each run draws a new seed and prints it; WEIR_FUZZ_SEED repeats one.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import packets_in
from gateway.broker.connection import Connection
from gateway.broker.outgoing import Outgoing
from gateway.broker.session_records import SessionRecords
from gateway.mqtt import wire
from gateway.mqtt.errors import MalformedPacket, MqttError
from gateway.mqtt.packets import Subscribe
from tests.fuzz.harness import SETTINGS, STORE, Play, Step
from tests.fuzz.scripts import decode_script, draw_pool, encode_script, make_script, seeds, shrink
from tests.rig.mqtt_bench import open_bench

SECONDS = 10.0
SEED = int(os.environ.get("WEIR_FUZZ_SEED", random.randrange(1 << 32)))


class FaultFoundError(AssertionError):
    """A script did what no script may do."""


def play_one(folder: Path, script: list[Step], level: int) -> int:
    """Play one script on a broker of its own; return how many steps it took."""
    escaped: list[dict[str, Any]] = []

    async def main() -> int:
        asyncio.get_running_loop().set_exception_handler(lambda loop, what: escaped.append(what))
        async with open_bench(folder, SETTINGS, STORE) as bench:
            play = Play(bench, level)
            await play.begin()
            await play.play(script)
            await play.restart()
            await play.clear()
            return play.steps

    steps = asyncio.run(main())
    assert not escaped, f"escaped into the event loop: {escaped}"
    return steps


def fuzz(folder: Path, seconds: float, seed: int) -> tuple[int, int]:
    """Play what is drawn from this seed for so long; return how many scripts and steps.

    Raises:
        FaultFoundError: Something does not hold, with the shortest script that shows it.
    """
    end_s = time.monotonic() + seconds
    rng, pool = random.Random(seed), draw_pool(seed)
    count = steps = 0

    def play(script: list[Step], level: int) -> int:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            return play_one(Path(place), script, level)

    def fails(script: list[Step]) -> bool:
        try:
            play(script, level)
        except Exception:
            return True
        return False

    while time.monotonic() < end_s:
        count += 1
        script, level = make_script(rng, pool), 4 + count % 2
        try:
            steps += play(script, level)
        except Exception as error:
            shown = encode_script(shrink(script, fails)).hex()
            raise FaultFoundError(f"seed {seed}, script {shown}: {error!r}") from error
    return count, steps


def test_random_connections_break_nothing(tmp_path: Path) -> None:
    print(f"WEIR_FUZZ_SEED={SEED}")
    count, steps = fuzz(tmp_path, SECONDS, SEED)
    print(f"{count} scripts, {steps} steps")
    assert count > 20


def test_every_seed_of_the_coverage_guided_fuzzer_plays(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, SETTINGS, STORE) as bench:
            play = Play(bench)
            await play.begin()
            for data in seeds():
                script = decode_script(data)
                assert encode_script(script) == data
                await play.play(script)
                await play.clear()
            assert bench.count("mqtt.protocol_errors") > 300

    asyncio.run(main())


# --- controls: faults that are planted are found --------------------------------------------------


def plant_a_decoder_that_trusts_lengths(patch: pytest.MonkeyPatch) -> None:
    """A SUBSCRIBE that ends early raises IndexError instead of MqttError."""
    real = packets_in.decode_subscribe

    def decode(body: bytes, level: int) -> Subscribe:
        try:
            return real(body, level)
        except MalformedPacket:
            raise IndexError("no such byte") from None

    patch.setattr(packets_in, "decode_subscribe", decode)


def plant_a_leak(patch: pytest.MonkeyPatch) -> None:
    """A connection that is lost with half a packet goes on counting it."""

    def lost(self: Connection) -> None:
        self.closed = True
        self.acknowledgements.abandon()
        self.broker.disconnected(self)

    patch.setattr(Connection, "lost", lost)


def plant_an_effect_on_others(patch: pytest.MonkeyPatch) -> None:
    """A connection that fails takes the other clients' subscriptions with it."""
    real = Connection.fail

    def fail(self: Connection, error: MqttError) -> None:
        real(self, error)
        for session in self.broker.sessions.values():
            for topic_filter in [*session.subscriptions]:
                self.broker.router.unsubscribe(session, topic_filter)

    patch.setattr(Connection, "fail", fail)


def plant_a_window_without_end(patch: pytest.MonkeyPatch) -> None:
    """More messages are in flight to a client than it may have."""
    real = Outgoing.negotiate

    def negotiate(self: Outgoing, *asked: int) -> None:
        real(self, *asked)
        self.window = 1000

    patch.setattr(Outgoing, "negotiate", negotiate)


def plant_a_forgotten_subscription(patch: pytest.MonkeyPatch) -> None:
    """Subscriptions are not written, so that a restart does not know them."""
    patch.setattr(SessionRecords, "subscription", lambda *what, added: None)


def plant_a_number_without_end(patch: pytest.MonkeyPatch) -> None:
    """A variable byte integer is read beyond the packet."""
    patch.setattr(wire, "_truncated", lambda: IndexError("no such byte"))


@pytest.mark.parametrize(
    ("plant", "finding"),
    [
        (plant_a_decoder_that_trusts_lengths, "IndexError"),
        (plant_a_number_without_end, "no such byte"),
        (plant_a_leak, "bytes are held for nobody"),
        (plant_an_effect_on_others, "the bystander misses messages"),
        (plant_a_window_without_end, "in flight"),
        (plant_a_forgotten_subscription, "a restart"),
    ],
)
def test_a_planted_fault_is_found_in_seconds(
    tmp_path: Path, plant: Callable[[pytest.MonkeyPatch], None], finding: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        with pytest.raises(FaultFoundError, match=f"seed 1, script .*{finding}"):
            fuzz(tmp_path, 60.0, 1)
