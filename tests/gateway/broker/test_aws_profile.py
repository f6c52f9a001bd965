"""A listener that follows AWS IoT Core: what it takes, what it refuses, and how."""

from __future__ import annotations

import pytest

from gateway.message import Message
from gateway.mqtt.encoding import encode_auth
from gateway.mqtt.packets import PUBCOMP, PUBREC, PUBREL, Auth, Will
from gateway.mqtt.properties import Properties
from tests.rig.aws_listener import (
    BOTH_LEVELS,
    OnBench,
    aws_client,
    check_forbidden,
    check_refused,
    connect,
    keeping,
    taken,
)
from tests.rig.mqtt_bench import Bench

NOT_GRANTED = {4: 0x80, 5: 0x87}


# --- protocol rules -------------------------------------------------------------------------------


@pytest.mark.parametrize(("publisher_level", "subscriber_level"), [(4, 4), (4, 5), (5, 4), (5, 5)])
def test_versions_may_be_mixed(
    on_bench: OnBench, publisher_level: int, subscriber_level: int
) -> None:
    async def talk(bench: Bench) -> None:
        subscriber = await aws_client(bench, subscriber_level, "s")
        assert await subscriber.subscribe(("a/+", 1)) == b"\1"
        publisher = await aws_client(bench, publisher_level, "p")
        assert await publisher.publish("a/b", b"x", qos=1) == taken(publisher_level)
        (message,) = await subscriber.messages()
        assert (message.topic, message.payload, message.qos) == ("a/b", b"x", 1)

    on_bench(talk)


@BOTH_LEVELS
def test_qos_2_is_refused_to_publishers_and_never_granted(on_bench: OnBench, level: int) -> None:
    async def talk(bench: Bench) -> None:
        subscriber = await aws_client(bench, level, "s")
        assert await subscriber.subscribe(("a", 2), ("b", 1)) == b"\1\1"
        publisher = await aws_client(bench, level, "p")
        check_refused(publisher, await publisher.publish("a", b"x", qos=2), 0x9B)
        exact = await bench.client("standard", level=level)
        await exact.publish("a", b"once", qos=2)
        (message,) = await subscriber.messages()
        assert (message.payload, message.qos) == (b"once", 1)

    on_bench(talk)


@BOTH_LEVELS
@pytest.mark.parametrize("kind", [PUBREC, PUBREL, PUBCOMP])
def test_packets_of_qos_2_are_refused(on_bench: OnBench, level: int, kind: int) -> None:
    async def talk(bench: Bench) -> None:
        client = await aws_client(bench, level)
        check_refused(client, await client.acknowledge(1, kind), 0x82)
        assert bench.count("mqtt.protocol_errors.unexpected-packet") == 1

    on_bench(talk)


@BOTH_LEVELS
def test_a_qos_2_message_under_way_in_a_session_of_another_listener_is_completed(
    on_bench: OnBench, level: int
) -> None:
    async def talk(bench: Bench) -> None:
        client = await bench.client("c", level=level, **keeping(level))
        await client.subscribe(("a", 2))
        await client.publish("b", b"", qos=2, identifier=9)
        client.lost()
        await (await bench.client("p")).publish("a", b"x", qos=2)
        client = await aws_client(bench, level, **keeping(level))
        (message,) = await client.messages()
        assert message.qos == 2
        identifier = message.packet_identifier
        assert (await client.acknowledge(identifier, PUBREC))[0] == 0x62
        assert await client.acknowledge(identifier, PUBCOMP) == b""
        assert (await client.acknowledge(9, PUBREL))[0] == 0x70
        assert not client.closed

    on_bench(talk)


def test_an_auth_is_refused(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        client = await aws_client(bench, 5)
        packet = encode_auth(Auth(0x18, Properties(authentication_method="x")))
        check_refused(client, await client.send(packet), 0x82)

    on_bench(talk)


@BOTH_LEVELS
def test_a_number_sign_needs_a_level_of_its_own(on_bench: OnBench, level: int) -> None:
    async def talk(bench: Bench) -> None:
        subscriber = await aws_client(bench, level, "s")
        await subscriber.subscribe(("a/#", 0))
        publisher = await aws_client(bench, level, "p")
        for topic in ("a", "a/", "a/b", "a/b/c", "b"):
            await publisher.publish(topic)
        assert [m.topic for m in await subscriber.messages()] == ["a/", "a/b", "a/b/c"]

    on_bench(talk)


def test_the_filter_of_a_client_on_a_standard_listener_keeps_its_meaning(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        clients = [await aws_client(bench, 4, "a"), await bench.client("s", level=4)]
        for client in clients:
            await client.subscribe(("a/#", 0), ("$share/g/a/#", 0))
        publisher = await aws_client(bench, 4, "p")
        for topic in ("a", "a/b"):
            await publisher.publish(topic)
        heard = [[m.topic for m in await client.messages()] for client in clients]
        assert heard == [["a/b", "a/b"], ["a", "a", "a/b", "a/b"]]

    on_bench(talk)


@BOTH_LEVELS
@pytest.mark.parametrize("topic", ["$SYS/x", "$other/x", "$aws", "$aws/other/x", "$share/g/a"])
@pytest.mark.parametrize("qos", [0, 1])
def test_only_reserved_topics_begin_with_a_dollar_sign(
    on_bench: OnBench, level: int, topic: str, qos: int
) -> None:
    async def talk(bench: Bench) -> None:
        heard: list[Message] = []
        bench.broker.router.subscribe_local(topic, heard.append)
        client = await aws_client(bench, level)
        check_forbidden(client, await client.publish(topic, b"x", qos=qos), qos)
        assert heard == []
        assert bench.count("mqtt.publish.not_authorized") == 1

    on_bench(talk)


# Topic; may a client publish to it, may it subscribe to it.
RESERVED = [
    ("$aws/things/t/shadow/get", True, True),
    ("$aws/things/t/shadow/name/n/update/accepted", True, True),
    ("$aws/things/t/jobs/start-next", True, True),
    ("$aws/things/t/defender/metrics/json", True, True),
    ("$aws/things/t/streams/s/get/json", True, True),
    ("$aws/things/t/tunnels/notify", False, True),
    ("$aws/things/t/other", False, True),
    ("$aws/rules/r/a/b", True, False),
    ("$aws/certificates/create/json", True, True),
    ("$aws/certificates/create-from-csr/cbor/accepted", True, True),
    ("$aws/provisioning-templates/t/provision/json", True, True),
    ("$aws/events/presence/connected/c", False, True),
    ("$aws/events/subscriptions/unsubscribed/c", False, True),
    ("$aws/events/thing/t/created", False, True),
    ("$aws/events/certificates/registered/c", False, True),
    ("$aws/events/jobExecution/j/failed", False, True),
    ("$aws/sitewise/asset-models/m", False, True),
    ("$SYS/broker/version", False, False),
    ("$other", False, False),
]


@BOTH_LEVELS
@pytest.mark.parametrize(("topic", "publish", "subscribe"), RESERVED)
def test_reserved_topics_are_for_publishing_or_subscribing_or_both(
    on_bench: OnBench, level: int, topic: str, publish: bool, subscribe: bool
) -> None:
    async def talk(bench: Bench) -> None:
        client = await aws_client(bench, level)
        answer = await client.publish(topic, b"x", qos=1)
        if publish:
            assert answer == taken(level)
        else:
            check_forbidden(client, answer, 1)
        client = await aws_client(bench, level)
        codes = await client.subscribe((topic, 1), ("$share/g/" + topic, 1))
        assert set(codes) == {1 if subscribe else NOT_GRANTED[level]}

    on_bench(talk)


@BOTH_LEVELS
@pytest.mark.parametrize("qos", [0, 1])
def test_nothing_is_retained_on_a_reserved_topic(on_bench: OnBench, level: int, qos: int) -> None:
    async def talk(bench: Bench) -> None:
        client = await aws_client(bench, level)
        topic = "$aws/things/t/shadow/update"
        assert await client.publish(topic, b"x", qos=1) == taken(level)
        answer = await client.publish(topic, b"x", qos=qos, retain=True)
        check_forbidden(client, answer, qos)
        assert bench.count("mqtt.retained") == 0

    on_bench(talk)


@BOTH_LEVELS
def test_the_second_connection_of_a_client_wins(on_bench: OnBench, level: int) -> None:
    async def talk(bench: Bench) -> None:
        watch = await aws_client(bench, 4, "watch")
        await watch.subscribe(("$aws/events/presence/disconnected/c", 0))
        first = await aws_client(bench, level)
        second = await aws_client(bench, level)
        check_refused(first, await first.out(), 0x8E)
        assert not second.closed
        (event,) = await watch.messages()
        assert b'"disconnectReason":"DUPLICATE_CLIENTID"' in event.payload

    on_bench(talk)


@BOTH_LEVELS
def test_lifecycle_events_go_to_whoever_subscribes(on_bench: OnBench, level: int) -> None:
    async def talk(bench: Bench) -> None:
        watch = await aws_client(bench, level, "watch")
        await watch.subscribe(("$aws/events/#", 0))
        await watch.messages()
        for client_id in ("c", "c+", "#"):
            client = await aws_client(bench, level, client_id)
            await client.subscribe(("a/#", 0))
            await client.unsubscribe("a/#")
            await client.disconnect()
        assert [message.topic for message in await watch.messages()] == [
            "$aws/events/presence/connected/c",
            "$aws/events/subscriptions/subscribed/c",
            "$aws/events/subscriptions/unsubscribed/c",
            "$aws/events/presence/disconnected/c",
        ]

    on_bench(talk)


# --- CONNECT --------------------------------------------------------------------------------------


@BOTH_LEVELS
@pytest.mark.parametrize(
    ("client_id", "accepted"),
    [("x" * 128, True), ("é" * 64, True), ("x" * 129, False), ("é" * 65, False), ("$c", False)],
)
def test_a_client_identifier_has_128_bytes_and_no_dollar_sign(
    on_bench: OnBench, level: int, client_id: str, accepted: bool
) -> None:
    async def talk(bench: Bench) -> None:
        client, answer = await connect(bench, level, client_id=client_id)
        assert answer[3] == (0 if accepted else {4: 2, 5: 0x85}[level])
        assert client.closed is not accepted

    on_bench(talk)


def test_a_client_without_identifier_is_assigned_one(on_bench: OnBench) -> None:
    async def talk(bench: Bench) -> None:
        first, second = await aws_client(bench, 5, ""), await aws_client(bench, 5, "")
        names = [c.connack.properties.assigned_client_identifier for c in (first, second)]
        assert None not in names and len(set(names)) == 2

    on_bench(talk)


@BOTH_LEVELS
def test_the_metrics_that_sdks_send_as_user_name_are_taken(on_bench: OnBench, level: int) -> None:
    async def talk(bench: Bench) -> None:
        for name in ("?SDK=IoTDeviceSDK/Python&Platform=Unix", "?SDK=Python&Version=1.6.2"):
            client = await aws_client(bench, level, user_name=name, clean_start=False)
            assert not client.closed

    on_bench(talk)


@pytest.mark.parametrize(
    ("will", "codes"),
    [
        (Will("a", b"x", 2, False), {5: 0x9B}),
        (Will("$aws/things/t/shadow/update", b"x", 0, True), {4: 5, 5: 0x87}),
        (Will("$other", b"x", 0, False), {4: 5, 5: 0x87}),
        (Will("a/" * 8, b"x", 0, False), {5: 0x90}),
        (Will("a" * 257, b"x", 0, False), {5: 0x90}),
        (Will("a", b"x" * 65_000, 1, True), {4: 0, 5: 0}),
    ],
)
@BOTH_LEVELS
def test_a_will_is_held_to_what_its_client_could_publish(
    on_bench: OnBench, level: int, will: Will, codes: dict[int, int]
) -> None:
    async def talk(bench: Bench) -> None:
        client, answer = await connect(bench, level, client_id="c", will=will)
        if level in codes:
            assert answer[0] == 0x20 and answer[3] == codes[level]
        else:
            assert answer == b""
        assert client.closed is (codes.get(level) != 0)

    on_bench(talk)
