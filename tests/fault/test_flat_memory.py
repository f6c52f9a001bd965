"""Memory stays flat under hostile and ordinary traffic together.

Mutated packets, random bytes, half-sent packets, clients that come and go, publishes through a rule
into a queue that is drained again: what the process holds after the second half of the run is what
it held after the first.
"""

from __future__ import annotations

import random
import socket
from pathlib import Path

import pytest

from gateway.mqtt.encoding import (
    encode_acknowledgement,
    encode_connect,
    encode_publish,
    encode_subscribe,
)
from gateway.mqtt.packets import (
    PUBREL,
    Acknowledgement,
    Connect,
    Publish,
    Subscribe,
    SubscriptionRequest,
    Will,
)
from gateway.mqtt.properties import Properties
from tests.rig.gateway_process import GatewayProcess, drain, resident_bytes
from tests.rig.mqtt_client import BarePublisher

SEED = 7
ROUNDS = 600  # each half
LIMIT_BYTES = 2 * 1024 * 1024


@pytest.mark.timeout(240)
def test_second_half_adds_less_than_two_megabytes(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    gateway = GatewayProcess(tmp_path)
    with gateway:
        _half(gateway, rng, ROUNDS // 2)  # warm: code paths, allocator, SQLite's page cache
        _half(gateway, rng, ROUNDS)
        first = resident_bytes(gateway.pid)
        _half(gateway, rng, ROUNDS)
        second = resident_bytes(gateway.pid)
        metrics = gateway.status()["metrics"]
        print(f"after the halves: {first >> 10} and {second >> 10} KiB")
        assert metrics["mqtt.protocol_errors"] > ROUNDS, "the hostile traffic was not hostile"
        assert "internal error" not in gateway.log.read_text()
        assert second - first < LIMIT_BYTES
        assert gateway.stop() == 0


def _half(gateway: GatewayProcess, rng: random.Random, rounds: int) -> None:
    port = gateway.mqtt_port
    publisher = BarePublisher(port, "steady")
    for number in range(rounds):
        _hostile(port, rng)
        for _ in range(20):
            publisher.publish(f"bench/{number % 50}", b'{"celsius":21.5}')
        publisher.wait_for_acks()  # the others' nonsense never reaches this client
    publisher.close()
    sqs = gateway.sqs()
    assert len(drain(sqs)) >= rounds * 20


def _hostile(port: int, rng: random.Random) -> None:
    """Open a connection, send something wrong, see it closed or close it."""
    level = rng.choice((4, 5))
    alias = Properties(topic_alias=1) if level == 5 else Properties()
    requests = (
        SubscriptionRequest(f"bench/{rng.randrange(10**6)}/+", 1),
        SubscriptionRequest("#", 0),
        SubscriptionRequest(f"$share/group/other/{rng.randrange(10**6)}", 2),
    )
    payload = rng.randbytes(rng.randrange(300))
    valid = [
        encode_publish(Publish("bench/x", payload, properties=alias), level),
        encode_publish(Publish("other/x", b"1", 1, packet_identifier=7), level),
        encode_publish(Publish("other/y", b"2", 2, packet_identifier=8), level),
        encode_acknowledgement(PUBREL, Acknowledgement(8), level),
        encode_publish(Publish(f"other/{rng.randrange(50)}", b"kept", 0, True), level),
        encode_subscribe(Subscribe(1, requests), level),
        b"\xc0\x00",
    ]
    name = f"hostile-{rng.randrange(10**9)}"
    will = Will("wills/x", b"gone", 0, False)
    connect = encode_connect(Connect("MQTT", level, client_id=name, will=will))
    kind = rng.randrange(4)
    if kind == 0:
        data = rng.randbytes(rng.randrange(1, 400))
    elif kind == 1:
        data = connect + rng.randbytes(rng.randrange(1, 400))
    elif kind == 2:
        data = connect + _mutated(b"".join(rng.choices(valid, k=4)), rng)
    else:
        whole = connect + b"".join(rng.choices(valid, k=3))
        data = whole[: rng.randrange(1, len(whole))]
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
        except OSError:
            pass


def _mutated(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 6)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)
