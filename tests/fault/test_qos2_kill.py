"""QoS 2 is exactly once, however often the gateway is killed or a client loses its connection.

Seeded. Both clients keep their half of the handshake as the standard asks, over every loss; each
seed starts the gateway on the data that the last one left. The controls break the handshake and
must be caught.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.rig.exactly_once import PATIENCE_S, Exchange, Publisher, Subscriber, faults_of
from tests.rig.gateway_process import GatewayProcess

SEEDS = list(range(1, 25))
GROUPS = 2  # run side by side, each on a data folder of its own
KILLS = 2
CUTS = 4


@pytest.mark.timeout(180)
@pytest.mark.parametrize("group", range(GROUPS))
def test_qos2_is_exactly_once_across_kills_of_either_side(tmp_path: Path, group: int) -> None:
    total = 0
    with GatewayProcess(tmp_path, rules=[]) as gateway:
        for seed in SEEDS[group::GROUPS]:
            rng = random.Random(seed)
            levels = 4 + seed % 2, 4 + seed // 2 % 2
            name = f"q{seed}"
            exchange = Exchange(Publisher(name, levels[0]), Subscriber(name, levels[1]))
            losses = ["gateway"] * KILLS + ["client"] * CUTS
            rng.shuffle(losses)
            try:
                exchange.connect(gateway.mqtt_port)
                for loss in losses:
                    exchange.run(rng.uniform(0.0, 0.03), window=rng.randrange(1, 41))
                    if loss == "gateway":
                        _kill(gateway, exchange)
                    else:
                        _cut_a_client(rng, gateway, exchange)
                faults = exchange.finish()
            finally:
                exchange.cut()
            assert not faults, f"seed {seed}, levels {levels}, {losses}: {faults}"
            total += len(exchange.subscriber.state.arrived)
    kills = KILLS * len(SEEDS[group::GROUPS])
    print(f"seeds {SEEDS[group::GROUPS]}: {total} messages, {kills} kills, each exactly once")
    assert total > 1000


def test_a_subscriber_that_forgets_its_half_of_the_handshake_is_caught(tmp_path: Path) -> None:
    exchange = Exchange(Publisher("q", 4), Subscriber("q", 4, forgets=True))
    with GatewayProcess(tmp_path, rules=[]) as gateway:
        try:
            exchange.connect(gateway.mqtt_port)
            exchange.publisher.publish(20)
            while not exchange.subscriber.state.unreleased:
                _die_between_disk_and_answer(exchange)
            exchange.subscriber.connect(gateway.mqtt_port)
            faults = exchange.finish()
        finally:
            exchange.cut()
    assert any("twice" in fault for fault in faults), f"nobody noticed: {faults}"


def test_a_publisher_that_sends_a_released_message_anew_is_caught(tmp_path: Path) -> None:
    exchange = Exchange(Publisher("q", 4), Subscriber("q", 4))
    publisher = exchange.publisher
    with GatewayProcess(tmp_path, rules=[]) as gateway:
        try:
            exchange.connect(gateway.mqtt_port)
            publisher.publish(5)
            while not publisher.state.released:
                exchange.step(5)
            assert publisher.client is not None
            # Under a new identifier, as one does who takes PUBREC for a refusal.
            again = publisher.client.publish_packet("q", b"0", 2, 9)
            publisher.state.outgoing[9] = 0
            publisher.client.sock.sendall(again)
            faults = exchange.finish()
        finally:
            exchange.cut()
    assert any("twice" in fault for fault in faults), f"nobody noticed: {faults}"


@pytest.mark.parametrize(
    ("arrived", "verdict"),
    [
        ([0, 1, 2], []),
        ([0, 2], ["1 missing, first 1"]),
        ([0, 1, 1, 2], ["1 twice, first 1"]),
        ([0, 2, 1], ["out of order"]),
        ([0, 1, 2, 7], ["1 never sent, first 7"]),
        ([], ["3 missing, first 0"]),
    ],
)
def test_the_check_names_what_is_wrong(arrived: list[int], verdict: list[str]) -> None:
    assert faults_of(arrived, 3) == verdict


def _kill(gateway: GatewayProcess, exchange: Exchange) -> None:
    """Kill the gateway; what was on the wire is still read, its answers go nowhere."""
    gateway.kill()
    try:
        while exchange.step(0):
            pass
    except OSError:
        pass
    exchange.cut()
    gateway.start()
    exchange.connect(gateway.mqtt_port)


def _cut_a_client(rng: random.Random, gateway: GatewayProcess, exchange: Exchange) -> None:
    """End a client's connection at an awkward moment, or take it over; then connect again."""
    manner = rng.choice(["half a packet", "no answer", "taken over", "unread"])
    side: Publisher | Subscriber = exchange.publisher
    if manner == "half a packet":
        exchange.publisher.half_a_packet()
    elif manner == "no answer":
        side = exchange.subscriber
        _die_between_disk_and_answer(exchange)
    elif rng.random() < 0.5:
        side = exchange.subscriber
    if manner != "taken over" and side.client is not None:
        side.client.cut()
        side.client = None
    side.connect(gateway.mqtt_port)


def _die_between_disk_and_answer(exchange: Exchange) -> None:
    """The subscriber takes what comes next and keeps it, but its answers never leave."""
    while True:
        exchange.publisher.publish(20)
        sides = exchange.ready(PATIENCE_S)
        assert sides, "nothing comes, though messages are under way"
        for side in sides:
            assert side.client is not None
            packets = side.client.read()
            if side is exchange.subscriber:
                side.handle(packets, answering=False)
                return
            side.handle(packets)
