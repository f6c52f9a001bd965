"""A power cut at any moment loses nothing that was acknowledged.

The gateway's data folder lies on a disk whose every write is logged; the disk is then put together
again as a power cut at many points could have left it. The control switches durability off and must
be caught losing acknowledged messages.
"""

from __future__ import annotations

import random
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from tests.rig.disks import LoggedDisk, sh
from tests.rig.gateway_process import GatewayProcess
from tests.rig.mqtt_client import BarePublisher

CUTS = 20
SECONDS = 2.5
SEED = 20261121


@pytest.mark.system
@pytest.mark.timeout(180)
@pytest.mark.xdist_group("disks")
@pytest.mark.parametrize("synchronous", ["FULL", "OFF"])
def test_power_cut_loses_nothing_acknowledged(tmp_path: Path, synchronous: str) -> None:
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    with LoggedDisk(tmp_path) as disk:
        acknowledged = _load(disk, tmp_path, synchronous)
        end = disk.position()
        # Cuts while messages were being acknowledged, when something was at stake.
        first = min(position for _, position in acknowledged)
        cuts = sorted(rng.randrange(first, end + 1) for _ in range(CUTS - 1)) + [end]
        lost_by_cut = []
        for cut in cuts:
            image = tmp_path / "crash.img"
            disk.crash_image(cut, image, rng)
            kept = _messages_on(image, tmp_path / "crash")
            lost = [name for name, position in acknowledged if position <= cut and name not in kept]
            lost_by_cut.append(len(lost))
    print(f"{len(acknowledged)} acknowledged, {end} log entries, lost by cut: {lost_by_cut}")
    assert len(acknowledged) > 100
    if synchronous == "FULL":
        assert not any(lost_by_cut), "acknowledged messages are lost"
    else:
        assert any(lost_by_cut), "the control lost nothing: this test proves nothing"


def _load(disk: LoggedDisk, folder: Path, synchronous: str) -> list[tuple[str, int]]:
    """Publish and send for a while; return each acknowledged message with the log's length then."""
    acknowledged: list[tuple[str, int]] = []
    gateway = GatewayProcess(
        folder / "gateway",
        data_dir=disk.mount / "data",
        store=f'synchronous = "{synchronous}"\nreserve_bytes = "16MB"',
    )
    with gateway:
        sqs = gateway.sqs()
        url = sqs.get_queue_url(QueueName="readings")["QueueUrl"]
        with BarePublisher(gateway.mqtt_port) as publisher:
            stop_at = time.monotonic() + SECONDS
            number = 0
            while time.monotonic() < stop_at:
                before = publisher.acknowledged
                for _ in range(20):
                    publisher.publish("bench/t", b'{"id":"m%d"}' % number)
                    number += 1
                while publisher.acknowledged < publisher.sent:
                    publisher.read_some()
                    position = disk.position()  # read after the PUBACK: no earlier than the truth
                    done = publisher.acknowledged
                    acknowledged += [(f'{{"id":"m{n}"}}', position) for n in range(before, done)]
                    before = done
                sqs.send_message(QueueUrl=url, MessageBody=f"s{number}")
                acknowledged.append((f"s{number}", disk.position()))
        gateway.kill()
    return acknowledged


def _messages_on(image: Path, mount: Path) -> set[str]:
    """Mount a crashed disk, let ext4 and SQLite recover, return the bodies that are there."""
    mount.mkdir(exist_ok=True)
    sh("mount", "-o", "loop", image, mount)
    try:
        database = mount / "data" / "weir.db"
        if not database.exists():
            return set()
        return _bodies(database)
    finally:
        sh("umount", mount)


def _bodies(database: Path) -> set[str]:
    connection = sqlite3.connect(database)
    try:
        verdict: Any = connection.execute("PRAGMA integrity_check").fetchone()
        assert verdict == ("ok",), f"the database is damaged: {verdict}"
        rows = connection.execute("SELECT CAST(body AS TEXT) FROM sqs_message").fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):  # what the control leaves of it
            return set()
        raise
    finally:
        connection.close()
    return {body for (body,) in rows}
