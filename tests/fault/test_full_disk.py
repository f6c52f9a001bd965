"""A full disk: publishers are refused, nothing acknowledged is lost, consumers make room again.

Twenty times over, on a real small file system: publish until the gateway takes nothing more, then
receive and delete with boto3, and nothing else, until it takes messages again.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.rig.disks import SmallDisk
from tests.rig.gateway_process import GatewayProcess
from tests.rig.mqtt_client import BarePublisher

CYCLES = 20
DISK_MIB = 24
PAYLOAD_BYTES = 4000
STORE = 'admission_bytes = "256KB"\ncheckpoint_bytes = "512KB"\nreserve_bytes = "2MB"'


@pytest.mark.system
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("disks")
def test_consumers_alone_make_room_again(tmp_path: Path) -> None:
    with SmallDisk(tmp_path, DISK_MIB) as disk:
        gateway = GatewayProcess(tmp_path / "gateway", data_dir=disk.mount / "data", store=STORE)
        with gateway:
            cycles = _Cycles(gateway)
            for cycle in range(CYCLES):
                cycles.fill()
                cycles.make_room()
                assert gateway.alive, f"cycle {cycle}: the gateway ended\n{gateway.log_tail()}"
            cycles.empty()
            print(
                f"{CYCLES} cycles: {len(cycles.acknowledged)} acknowledged, "
                f"{cycles.refusals} refusals, {disk.free_bytes >> 10} KiB free at the end"
            )
            assert not cycles.acknowledged - cycles.received, "acknowledged messages are lost"
            assert cycles.refusals >= CYCLES
            assert gateway.stop() == 0


@pytest.mark.system
@pytest.mark.timeout(120)
@pytest.mark.xdist_group("disks")
def test_somebody_else_fills_the_disk(tmp_path: Path) -> None:
    """The disk is full to the last byte, not just low: consumers live off the reserve."""
    with SmallDisk(tmp_path, DISK_MIB) as disk:
        gateway = GatewayProcess(tmp_path / "gateway", data_dir=disk.mount / "data", store=STORE)
        with gateway:
            cycles = _Cycles(gateway)
            cycles.publish_until_refused_or(1000)
            other = disk.mount / "somebody-elses-file"
            with other.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(b"x" * 65536)
                except OSError:
                    pass
            cycles.fill()
            assert gateway.status()["store"]["full"], "the full disk went unnoticed"
            received = cycles.receive_and_delete(200)
            assert received >= 200, f"only {received} could be consumed\n{gateway.log_tail()}"
            other.unlink()
            cycles.wait_for_room()
            cycles.empty()
            assert not cycles.acknowledged - cycles.received
            assert gateway.stop() == 0


class _Cycles:
    """Publishes and consumes, keeping book of what was acknowledged and what came out."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway
        # The first request that meets a full disk may be answered 503; SDKs try again, as here.
        self._sqs: Any = gateway.sqs(attempts=4)
        self._url = self._sqs.get_queue_url(QueueName="readings")["QueueUrl"]
        self._port = gateway.mqtt_port
        self._number = 0
        self.acknowledged: set[str] = set()
        self.received: set[str] = set()
        self.refusals = 0

    def fill(self) -> None:
        """Publish until the gateway refuses: it closes the connection without a PUBACK."""
        self.publish_until_refused_or(50_000)

    def publish_until_refused_or(self, most: int) -> None:
        publisher = BarePublisher(self._port)
        base = self._number
        try:
            while publisher.sent < most:
                for _ in range(20):
                    name = f"m{base + publisher.sent}"
                    publisher.publish("bench/t", name.encode().ljust(PAYLOAD_BYTES, b"."))
                publisher.wait_for_acks(in_flight=40)
            publisher.wait_for_acks()
        except OSError:
            self.refusals += 1
        publisher.close()
        self._number = base + publisher.sent
        self.acknowledged |= {f"m{base + n}" for n in range(publisher.acknowledged)}

    def receive_and_delete(self, most: int) -> int:
        """Consume up to `most` messages; return how many."""
        count = 0
        while count < most:
            answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
            found = answer.get("Messages", [])
            if not found:
                break
            self.received |= {message["Body"].rstrip(".") for message in found}
            self._sqs.delete_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(found)
                ],
            )
            count += len(found)
        return count

    def make_room(self) -> None:
        """Consume until the gateway takes messages again, with no other help."""
        consumed = 0
        while not self._takes_messages():
            got = self.receive_and_delete(50)
            consumed += got
            assert got, f"all {consumed} consumed, and still nothing new is taken\n" + (
                self._gateway.log_tail()
            )

    def empty(self) -> None:
        """Consume everything."""
        while self.receive_and_delete(1000):
            pass

    def wait_for_room(self) -> None:
        deadline = time.monotonic() + 15
        while not self._takes_messages():
            assert time.monotonic() < deadline, "the freed disk went unnoticed"

    def _takes_messages(self) -> bool:
        publisher = BarePublisher(self._port)
        name = f"m{self._number}"
        self._number += 1
        try:
            publisher.publish("bench/t", name.encode())
            publisher.wait_for_acks()
        except OSError:
            return False
        finally:
            publisher.close()
        self.acknowledged.add(name)
        return True
