"""JavaScript clients, driven over pipes by `tests/clients-js/driver.mjs`."""

from __future__ import annotations

import itertools
import json
import queue
import shutil
import subprocess
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.gateway.broker.real_clients.real_client import (
    PATIENCE_S,
    Arrival,
    Connected,
    Properties,
    WillMessage,
)

CLIENTS_JS = Path(__file__).parents[3] / "clients-js"


class Node:
    """One Node.js process, for any number of clients."""

    def __init__(self) -> None:
        node = shutil.which("node")
        assert node and (CLIENTS_JS / "node_modules").exists(), "missing: run `make test-setup`"
        self._process = subprocess.Popen(
            [node, "driver.mjs"],
            cwd=CLIENTS_JS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._numbers = itertools.count(1)
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self._clients: dict[str, NodeClient] = {}
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def add(self, client: NodeClient) -> str:
        """Return the name by which the process is to know a client."""
        name = str(next(self._numbers))
        self._clients[name] = client
        return name

    def call(self, client: str, library: str, what: str, given: dict[str, Any]) -> Any:
        """Have a client do something; return what comes of it."""
        number = next(self._numbers)
        answers = self._answers[number] = queue.Queue()
        request = {
            "call": number,
            "client": client,
            "library": library,
            "do": what,
            "with": given,
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = answers.get(timeout=PATIENCE_S)
        if "error" in answer:
            raise ConnectionError(answer["error"])
        return answer["value"]

    def close(self) -> None:
        """End the process, and every connection that it has open."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        self._thread.join(PATIENCE_S)
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            if "call" in said:
                self._answers.pop(said["call"]).put(said)
            else:
                self._clients[said["client"]].happened(said)
        for answers in list(self._answers.values()):
            answers.put({"error": "the Node.js process has ended"})


@contextmanager
def node_process() -> Iterator[Node]:
    """Start a process for JavaScript clients, and end it."""
    node = Node()
    try:
        yield node
    finally:
        node.close()


class NodeClient:
    """See `RealClient`.

    Args:
        node: The process that runs it.
        library: The file in `clients/` that speaks to its library.
        level: The protocol level.
        max_qos: The highest QoS that the library speaks.
    """

    def __init__(self, node: Node, library: str, level: int, max_qos: int = 2) -> None:
        self.level = level
        self.max_qos = max_qos
        self.arrivals: queue.Queue[Arrival] = queue.Queue()
        self.closed: queue.Queue[int | None] = queue.Queue()
        self._node = node
        self._library = library
        self._name = node.add(self)

    def connect(
        self,
        port: int,
        client_id: str,
        *,
        clean_start: bool = True,
        will: WillMessage | None = None,
        properties: Properties | None = None,
    ) -> Connected:
        words = will and {
            **asdict(will),
            "payload": _text(will.payload),
            "properties": _to_json(will.properties),
        }
        answer = self._call(
            "connect",
            port=port,
            level=self.level,
            client_id=client_id,
            clean_start=clean_start,
            will=words,
            properties=_to_json(properties),
        )
        return Connected(
            answer["session_present"], answer["reason_code"], _from_json(answer["properties"])
        )

    def subscribe(
        self, topic_filter: str, qos: int = 0, properties: Properties | None = None
    ) -> int:
        return int(
            self._call(
                "subscribe", topic_filter=topic_filter, qos=qos, properties=_to_json(properties)
            )
        )

    def unsubscribe(self, topic_filter: str) -> None:
        self._call("unsubscribe", topic_filter=topic_filter)

    def publish(
        self,
        topic: str,
        payload: bytes,
        qos: int = 0,
        *,
        retain: bool = False,
        properties: Properties | None = None,
    ) -> None:
        words = _to_json(properties)
        self._call(
            "publish", topic=topic, payload=_text(payload), qos=qos, retain=retain, properties=words
        )

    def disconnect(self, properties: Properties | None = None) -> None:
        self._call("disconnect", properties=_to_json(properties))

    def die(self) -> None:
        self._call("die")

    def happened(self, event: dict[str, Any]) -> None:
        """Take what the process says about this client."""
        if event["event"] == "closed":
            self.closed.put(event["reason_code"])
            return
        self.arrivals.put(
            Arrival(
                event["topic"],
                b64decode(event["payload"]),
                event["qos"],
                event["retain"],
                _from_json(event["properties"]),
            )
        )

    def _call(self, what: str, **given: Any) -> Any:
        return self._node.call(self._name, self._library, what, given)


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def _to_json(properties: Properties | None) -> Properties:
    return {
        name: _text(value) if isinstance(value, bytes) else value
        for name, value in (properties or {}).items()
    }


def _from_json(properties: Properties) -> Properties:
    found = dict(properties)
    if "correlation_data" in found:
        found["correlation_data"] = b64decode(found["correlation_data"])
    if "user_properties" in found:
        found["user_properties"] = [tuple(pair) for pair in found["user_properties"]]
    return found
