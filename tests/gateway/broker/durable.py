"""Topics whose messages become rows, and publishers whose messages are numbers."""

from __future__ import annotations

from gateway.message import Message
from gateway.mqtt.encoding import encode_publish
from gateway.mqtt.packets import Publish
from gateway.store import Insert
from tests.rig.mqtt_bench import Bench, WireClient, puback
from tests.rig.stores import notes


async def keep_durable_topics(bench: Bench) -> Insert:
    """Let whatever is published below `durable/` become a row; its payload is the row's number."""
    insert = await notes(bench.store)

    def keep(message: Message) -> None:
        bench.store.add(insert, (int(message.payload), message.payload), len(message.payload))

    bench.broker.router.subscribe_local("durable/#", keep)
    await bench.settle()
    return insert


def say(client: WireClient, topic: str, number: int, qos: int = 1, *, dup: bool = False) -> bytes:
    """Publish a number under itself as packet identifier; return what is answered at once."""
    identifier = number if qos else 0
    packet = Publish(topic, b"%d" % number, qos, dup=dup, packet_identifier=identifier)
    client.hand_over(encode_publish(packet, client.level))
    return client.written()


def pubrec(identifier: int) -> bytes:
    return b"\x50\x02" + identifier.to_bytes(2, "big")


# By QoS, what answers a message that is taken.
ANSWERS = {1: puback, 2: pubrec}
