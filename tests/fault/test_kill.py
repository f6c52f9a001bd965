"""kill -9 at random moments under load: what was acknowledged is in the queue, every time.

Each seed starts the gateway on the data that the last one left.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.rig.gateway_process import GatewayProcess, drain
from tests.rig.mqtt_client import BarePublisher

SEEDS = list(range(1, 51))
GROUPS = 2  # run side by side, each on a data folder of its own


@pytest.mark.timeout(300)
@pytest.mark.parametrize("group", range(GROUPS))
def test_acknowledged_messages_survive_kill(tmp_path: Path, group: int) -> None:
    gateway = GatewayProcess(tmp_path)
    total = 0
    with gateway:
        for seed in SEEDS[group::GROUPS]:
            acknowledged = _load_until_killed(gateway, seed)
            gateway.start()
            kept = drain(gateway.sqs())
            missing = acknowledged - set(kept)
            assert not missing, f"seed {seed}: {len(missing)} of {len(acknowledged)} are lost"
            total += len(acknowledged)
    print(f"seeds {SEEDS[group::GROUPS]}: {total} acknowledged, none lost")
    assert total > 1000


def _load_until_killed(gateway: GatewayProcess, seed: int) -> set[str]:
    """Publish at QoS 1, kill the gateway at a random moment, return what was acknowledged."""
    rng = random.Random(seed)
    if not gateway.alive:
        gateway.start()
    publisher = BarePublisher(gateway.mqtt_port)
    kill_at = time.monotonic() + rng.uniform(0.005, 0.15)
    try:
        while time.monotonic() < kill_at:
            for _ in range(rng.randrange(1, 30)):
                publisher.publish("bench/t", f'{{"id":"{seed}-{publisher.sent}"}}'.encode())
            publisher.wait_for_acks(in_flight=rng.randrange(0, 30))
        gateway.kill()
        # PUBACKs that were on the wire when it died count too.
        while True:
            publisher.read_some()
    except OSError:
        pass
    publisher.close()
    return {f'{{"id":"{seed}-{n}"}}' for n in range(publisher.acknowledged)}
