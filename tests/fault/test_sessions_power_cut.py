"""A power cut loses nothing of a session: neither what waits for an absent client, nor what is in
flight to one that acknowledges nothing.

The data folder lies on a disk whose every write is logged; the gateway is started on disks as a
power cut at several points could have left them, and the clients come back. The control switches
durability off and must be caught losing messages.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.rig.disks import LoggedDisk, sh
from tests.rig.gateway_process import GatewayProcess
from tests.rig.mqtt_client import BarePublisher
from tests.rig.session_client import Arrival, SessionClient, redelivery_faults

COUNT = 10_000
WINDOW = 100
CUTS = {"FULL": 6, "OFF": 3}  # the last one when all is acknowledged
SEED = 20261122
EXTRA = f"[mqtt]\nmax_inflight = {COUNT}\n"


@pytest.mark.system
@pytest.mark.timeout(180)
@pytest.mark.xdist_group("disks")
@pytest.mark.parametrize("synchronous", ["FULL", "OFF"])
def test_power_cut_loses_nothing_of_a_session(tmp_path: Path, synchronous: str) -> None:
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    store = f'synchronous = "{synchronous}"\nreserve_bytes = "16MB"'
    with LoggedDisk(tmp_path, size_mib=128) as disk:
        acknowledged, in_flight = _load(disk, tmp_path, store)
        end = disk.position()
        cuts = sorted(rng.randint(acknowledged[0], end) for _ in range(CUTS[synchronous] - 1))
        faults = []
        for cut in [*cuts, end]:
            image = tmp_path / "crash.img"
            disk.crash_image(cut, image, rng)
            due = sum(position <= cut for position in acknowledged)
            sent = in_flight if cut == end else None
            faults.append(_missing_on(image, tmp_path / "crash", store, due, sent))
            print(f"cut at {cut} of {end}: {due} acknowledged, {faults[-1] or 'all there'}")
    if synchronous == "FULL":
        assert not any(faults), f"messages of a session are lost: {faults}"
    else:
        assert any(faults), "the control lost nothing: this test proves nothing"


def _load(disk: LoggedDisk, folder: Path, store: str) -> tuple[list[int], list[Arrival]]:
    """Publish to both sessions until all is acknowledged.

    Returns:
        The log's length at each PUBACK, in order; and what the silent client received.
    """
    positions: list[int] = []
    data_dir = disk.mount / "data"
    with GatewayProcess(
        folder / "gateway", data_dir=data_dir, store=store, extra=EXTRA, rules=[]
    ) as gateway:
        port = gateway.mqtt_port
        with SessionClient(port, "away") as client:
            client.subscribe("site/#", 1)
        with SessionClient(port, "silent", level=5) as silent, BarePublisher(port) as publisher:
            silent.subscribe("site/#", 1)
            for number in range(COUNT):
                publisher.publish("site/pump", _payload(number))
                while publisher.sent - publisher.acknowledged >= WINDOW:
                    _count(publisher, disk, positions)
            while publisher.acknowledged < publisher.sent:
                _count(publisher, disk, positions)
            in_flight = silent.take(COUNT, acknowledge=False)
            gateway.kill()
    assert [one.payload for one in in_flight] == [_payload(number) for number in range(COUNT)]
    return positions, in_flight


def _count(publisher: BarePublisher, disk: LoggedDisk, positions: list[int]) -> None:
    publisher.read_some()
    position = disk.position()  # read after the PUBACK: no earlier than the truth
    positions += [position] * (publisher.acknowledged - len(positions))


def _missing_on(
    image: Path, mount: Path, store: str, due: int, in_flight: list[Arrival] | None
) -> list[str]:
    """Start the gateway on a crashed disk, let both clients come back; say what is wrong."""
    mount.mkdir(exist_ok=True)
    sh("mount", "-o", "loop", image, mount)
    try:
        folder = mount.with_name("restarted")
        with GatewayProcess(
            folder, data_dir=mount / "data", store=store, extra=EXTRA, rules=[]
        ) as gateway:
            faults = []
            for name, level in (("away", 4), ("silent", 5)):
                with SessionClient(gateway.mqtt_port, name, level=level) as client:
                    arrivals = _receive(client) if client.session_present else []
                found = _losses(arrivals, due)
                if not found and name == "silent" and in_flight is not None:
                    found = redelivery_faults(in_flight, arrivals)
                faults += [f"{name}: {fault}" for fault in found]
        return faults
    except (AssertionError, OSError) as error:  # it does not even start, or breaks off
        return [str(error)]
    finally:
        sh("umount", mount)


def _receive(client: SessionClient) -> list[Arrival]:
    """Receive and acknowledge until nothing comes any more."""
    arrivals: list[Arrival] = []
    while more := client.rest():
        client.acknowledge(more)
        arrivals += more
    return arrivals


def _losses(arrivals: list[Arrival], due: int) -> list[str]:
    """What came must be the messages from the first on, without a gap, at least `due` of them."""
    numbers = [int(one.payload.split()[0]) for one in arrivals]
    if numbers != list(range(len(numbers))):
        return [f"{len(numbers)} messages came with a gap or out of order"]
    return [f"{due - len(numbers)} of {due} are lost"] if len(numbers) < due else []


def _payload(number: int) -> bytes:
    return (b"%05d " % number).ljust(100, b".")
