"""A broker for each module, and the clients that others wrote, ready to connect to it.

With `REAL_CLIENTS_BROKER=mosquitto` the same tests run against Debian's Mosquitto: a control that
it is the standard they ask for, and not what the gateway happens to do.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from tests.gateway.broker.real_clients.aiomqtt_client import AiomqttClient
from tests.gateway.broker.real_clients.brokers import Gateway, Mosquitto, RealBroker
from tests.gateway.broker.real_clients.kinds import Make
from tests.gateway.broker.real_clients.node_client import Node, NodeClient, node_process
from tests.gateway.broker.real_clients.paho_client import PahoClient
from tests.gateway.broker.real_clients.real_client import RealClient

_names = itertools.count(1)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealBroker]:
    """The broker of this module's tests."""
    folder = tmp_path_factory.mktemp("broker")
    control = os.environ.get("REAL_CLIENTS_BROKER") == "mosquitto"
    with Mosquitto(folder) if control else Gateway(folder) as running:
        yield running


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """The process of this module's JavaScript clients."""
    with node_process() as running:
        yield running


@pytest.fixture
def make(node: Node) -> Iterator[Make]:
    """Make a client, by the name of its library and its protocol version; all end with the test."""
    made: list[RealClient] = []

    def make_one(kind: str) -> RealClient:
        library, _, version = kind.partition(" ")
        level = {"3.1.1": 4, "5": 5}[version]
        if library == "paho":
            client: RealClient = PahoClient(level)
        elif library == "aiomqtt":
            client = AiomqttClient(level)
        else:
            client = NodeClient(node, library, level, max_qos=1 if library == "u8mqtt" else 2)
        made.append(client)
        return client

    yield make_one
    for client in made:
        client.die()


@pytest.fixture
def paho() -> Iterator[PahoClient]:
    """A paho client at 5, to play the other side; not yet connected."""
    client = PahoClient(5)
    yield client
    client.die()


@pytest.fixture
def name() -> str:
    """A name that no other test has: for topics and client identifiers."""
    return f"n{next(_names)}"
