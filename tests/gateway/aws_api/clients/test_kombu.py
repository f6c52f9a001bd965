"""kombu with its SQS transport: producers, consumers and simple queues, standard and FIFO."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kombu import Connection, Consumer, Exchange, Producer, Queue

from tests.gateway.aws_api.clients.endpoint import Endpoint
from tests.rig.gateway_process import GatewayProcess

PATIENCE_S = 20


def connect(endpoint: Endpoint, **options: Any) -> Connection:
    return Connection(
        transport="sqs",
        hostname=endpoint.url.removeprefix("http://").rpartition(":")[0],
        port=int(endpoint.url.rpartition(":")[2]),
        userid=endpoint.access_key,
        password=endpoint.secret_key,
        transport_options={
            "region": endpoint.region,
            "is_secure": False,
            "wait_time_seconds": 1,
            **options,
        },
    )


@pytest.fixture
def connection(endpoint: Endpoint) -> Iterator[Connection]:
    with connect(endpoint, visibility_timeout=30) as connection:
        yield connection


def test_a_simple_queue(connection: Connection, gateway: GatewayProcess) -> None:
    queue = connection.SimpleQueue("kombu-simple")
    reading = {"celsius": 31.5, "where": "grün \U0001f331"}
    queue.put(reading)
    queue.put("second")
    assert queue.qsize() == 2
    message = queue.get(timeout=PATIENCE_S)
    assert message.payload == reading
    message.ack()
    second = queue.get(timeout=PATIENCE_S)
    second.requeue()
    again = queue.get(timeout=PATIENCE_S)
    assert again.payload == "second"
    again.ack()
    with pytest.raises(queue.Empty):
        queue.get(timeout=0.1)
    assert queue.qsize() == 0
    queue.close()
    sqs = gateway.sqs()
    url = sqs.get_queue_url(QueueName="kombu-simple")["QueueUrl"]
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    assert told["Attributes"] == {"VisibilityTimeout": "30"}


def consume(connection: Connection, queue: Queue, count: int) -> list[tuple[Any, Any]]:
    """Return payloads and system attributes of that many messages, acknowledged."""
    got: list[tuple[Any, Any]] = []

    def take(body: Any, message: Any) -> None:
        got.append((body, message.delivery_info["sqs_message"]["Attributes"]))
        message.ack()

    with Consumer(connection, [queue], callbacks=[take], accept=["json"]):
        while len(got) < count:
            connection.drain_events(timeout=PATIENCE_S)
    return got


def test_a_producer_and_a_consumer(connection: Connection) -> None:
    exchange = Exchange("kombu-exchange", type="direct")
    queue = Queue("kombu-work", exchange, routing_key="kombu-work")
    producer = Producer(connection)
    for n in range(12):
        producer.publish(
            {"n": n},
            exchange=exchange,
            routing_key="kombu-work",
            declare=[queue],
            message_attributes={"n": {"DataType": "Number", "StringValue": str(n)}},
        )
    got = consume(connection, queue, 12)
    assert [body["n"] for body, _ in got] == list(range(12))
    assert {attributes["ApproximateReceiveCount"] for _, attributes in got} == {"1"}
    bound = queue(connection.default_channel)
    assert bound.purge() == 0
    bound.delete()


def test_a_fifo_queue(connection: Connection) -> None:
    queue = Queue("kombu-orders.fifo", Exchange("kombu-fifo"), routing_key="kombu-orders.fifo")
    producer = Producer(connection)
    for n in range(6):
        for _ in range(2):  # what is sent twice arrives once
            producer.publish(
                {"n": n},
                exchange=queue.exchange,
                routing_key=queue.routing_key,
                declare=[queue],
                MessageGroupId=f"pump-{n % 2}",
                MessageDeduplicationId=f"order-{n}",
            )
    numbers = [body["n"] for body, _ in consume(connection, queue, 6)]
    assert sorted(numbers) == list(range(6))
    assert [n for n in numbers if n % 2 == 0] == [0, 2, 4]
    assert [n for n in numbers if n % 2 == 1] == [1, 3, 5]
    assert connection.default_channel._size("kombu-orders.fifo") == 0


def test_queues_that_are_predefined(endpoint: Endpoint, gateway: GatewayProcess) -> None:
    sqs = gateway.sqs()
    url = sqs.create_queue(QueueName="kombu-predefined")["QueueUrl"]
    with connect(endpoint, predefined_queues={"kombu-predefined": {"url": url}}) as connection:
        queue = connection.SimpleQueue("kombu-predefined")
        queue.put({"n": 1})
        message = queue.get(timeout=PATIENCE_S)
        assert message.payload == {"n": 1}
        message.ack()
        queue.close()
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert told["ApproximateNumberOfMessages"] == "0"
    assert told["ApproximateNumberOfMessagesNotVisible"] == "0"
