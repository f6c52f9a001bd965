"""QoS 2 is exactly once across a power cut at any point of the handshake.

Publisher and subscriber exchange messages through a gateway whose disk logs every write. For each
cut the clients are put back to what they had at that moment and meet a gateway on the disk as the
cut left it. The control switches durability off and must be caught.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rig.disks import LoggedDisk, sh
from tests.rig.exactly_once import (
    Exchange,
    Publisher,
    PublisherState,
    Subscriber,
    SubscriberState,
)
from tests.rig.gateway_process import GatewayProcess

CUTS = {"FULL": 8, "OFF": 3}
STEPS = 600
WINDOW = 20
SEED = 20261123
LEVELS = 5, 4  # publisher, subscriber


@dataclass(frozen=True, slots=True)
class Moment:
    """What both clients had kept when the disk's log was `position` entries long."""

    position: int
    publisher: PublisherState
    subscriber: SubscriberState


@pytest.mark.system
@pytest.mark.timeout(180)
@pytest.mark.xdist_group("disks")
@pytest.mark.parametrize("synchronous", ["FULL", "OFF"])
def test_qos2_is_exactly_once_across_a_power_cut(tmp_path: Path, synchronous: str) -> None:
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    store = f'synchronous = "{synchronous}"\nreserve_bytes = "16MB"'
    with LoggedDisk(tmp_path) as disk:
        moments = _exchange(disk, tmp_path, store)
        chosen = sorted(rng.sample(range(len(moments) - 1), CUTS[synchronous] - 1))
        faults = []
        for number in [*chosen, len(moments) - 1]:
            moment, image = moments[number], tmp_path / "crash.img"
            # From here until the clients' next step they have what they have at this moment.
            after = moments[number + 1 :][:1] or [moment]
            cut = rng.randint(moment.position, after[0].position)
            disk.crash_image(cut, image, rng)
            faults.append(_faults_on(image, tmp_path / "crash", store, moment))
            sent, arrived = moment.publisher.next_number, len(moment.subscriber.arrived)
            print(f"cut at {cut}: {sent} sent, {arrived} arrived, {faults[-1] or 'good'}")
    assert moments[-1].publisher.next_number > 500
    if synchronous == "FULL":
        assert not any(faults), f"not exactly once: {faults}"
    else:
        assert any(faults), "the control was exactly once: this test proves nothing"


def _exchange(disk: LoggedDisk, folder: Path, store: str) -> list[Moment]:
    """Exchange messages for a while; return what the clients kept at every step."""
    exchange = Exchange(Publisher("q", LEVELS[0]), Subscriber("q", LEVELS[1]))
    moments: list[Moment] = []

    def keep(position: int) -> None:
        kept = exchange.publisher.state.copy(), exchange.subscriber.state.copy()
        moments.append(Moment(position, *kept))

    with GatewayProcess(
        folder / "gateway", data_dir=disk.mount / "data", store=store, rules=[]
    ) as gateway:
        try:
            exchange.connect(gateway.mqtt_port)
            for _ in range(STEPS):
                # Always read before bytes leave: what the gateway writes because of them cannot
                # lie below this position.
                position = disk.position()
                exchange.publisher.publish(WINDOW)
                keep(position)
                for side in exchange.ready(5):
                    assert side.client is not None
                    packets = side.client.read()
                    position = disk.position()
                    side.handle(packets)
                    keep(position)
            gateway.kill()
        finally:
            exchange.cut()
    return moments


def _faults_on(image: Path, mount: Path, store: str, moment: Moment) -> list[str]:
    """Start the gateway on a crashed disk, let the clients come back; say what is wrong."""
    publisher = Publisher("q", LEVELS[0], moment.publisher.copy())
    subscriber = Subscriber("q", LEVELS[1], moment.subscriber.copy())
    exchange = Exchange(publisher, subscriber)
    mount.mkdir(exist_ok=True)
    sh("mount", "-o", "loop", image, mount)
    try:
        folder = mount.with_name("restarted")
        with GatewayProcess(folder, data_dir=mount / "data", store=store, rules=[]) as gateway:
            exchange.connect(gateway.mqtt_port)
            exchange.run(0.05, WINDOW)
            return exchange.finish()
    except (AssertionError, OSError) as error:  # it does not even start, or breaks the handshake
        return [str(error)]
    finally:
        exchange.cut()
        sh("umount", mount)
