"""A gateway whose rules do things, and who watches them: a web server, MQTT clients, boto3.

Owns what the tests of rules through a running gateway share. The gateway is a process of its own;
rules come to it as files, or as a test makes them.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.rig.gateway_process import WEIR, GatewayProcess, UnixConnection, drain, wait_until

ROLE = "arn:aws:iam::123456789012:role/any"
FUNCTION_ARN = "arn:aws:lambda:eu-west-1:123456789012:function:"

Document = dict[str, Any]


# --- rules ----------------------------------------------------------------------------------------


def payload(
    sql: str, *actions: Document, error: Document | None = None, **more: Any
) -> dict[str, Any]:
    """A topicRulePayload."""
    found: Document = {"sql": sql, "awsIotSqlVersion": "2016-03-23", "actions": list(actions)}
    return found | ({} if error is None else {"errorAction": error}) | more


def rule(
    name: str, sql: str, *actions: Document, error: Document | None = None, **more: Any
) -> Document:
    """A rule as it stands in a file."""
    return {"ruleName": name, "topicRulePayload": payload(sql, *actions, error=error, **more)}


def to_queue(name: str) -> Document:
    url = f"https://sqs.eu-west-1.amazonaws.com/123456789012/{name}"
    return {"sqs": {"queueUrl": url, "roleArn": ROLE, "useBase64": False}}


def to_topic(topic: str, qos: int = 0, **more: Any) -> Document:
    return {"republish": {"topic": topic, "qos": qos, "roleArn": ROLE, **more}}


def to_function(name: str) -> Document:
    return {"lambda": {"functionArn": f"{FUNCTION_ARN}{name}"}}


def to_bucket(name: str, key: str) -> Document:
    return {"s3": {"bucketName": name, "key": key, "roleArn": ROLE}}


def to_server(url: str, **more: Any) -> Document:
    return {"http": {"url": url, **more}}


# --- settings -------------------------------------------------------------------------------------


def function(folder: Path, name: str, source: str, **settings: object) -> str:
    """Write a function's file; return the settings that name it."""
    file = folder / f"{name}.py"
    file.write_text(textwrap.dedent(source))
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in settings.items()]
    return f'[[lambda.functions]]\nname = "{name}"\nfile = "{file}"\n{"".join(lines)}'


def bucket(folder: Path, name: str, **settings: object) -> str:
    """Return the settings of a bucket in `folder/name`."""
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in settings.items()]
    head = f'[[s3.buckets]]\nname = "{name}"\ndir = "{folder / name}"\nmin_free_bytes = 0\n'
    return head + "".join(lines)


def table(name: str, partition_key: str, **settings: object) -> str:
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in settings.items()]
    return (
        f'[[dynamodb.tables]]\nname = "{name}"\npartition_key = "{partition_key}"\n{"".join(lines)}'
    )


def queues(*names: str) -> str:
    return "".join(f'[[sqs.queues]]\nname = "{name}"\n' for name in names)


def secrets(folder: Path, values: Document) -> str:
    file = folder / "secrets.json"
    file.write_text(json.dumps(values))
    file.chmod(stat.S_IRUSR | stat.S_IWUSR)
    return f'[secrets]\nfile = "{file}"\n'


# --- the gateway ----------------------------------------------------------------------------------


def put_rules(gateway: GatewayProcess, *documents: Document) -> None:
    """Write rule files and have the gateway read its folder; all of them must be in force then."""
    for document in documents:
        file = gateway.folder / "rules.d" / f"{document['ruleName']}.json"
        file.write_text(json.dumps(document))
    connection = UnixConnection(gateway.data_dir / "control.sock")
    try:
        connection.request("POST", "/v1/rules/reload", body=b"{}")
        answer: Document = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    names = {document["ruleName"] for document in documents}
    assert names <= {*answer["created"], *answer["replaced"], *answer["unchanged"]}, answer


def status_of(gateway: GatewayProcess, name: str) -> Document:
    """Return the status of one rule."""
    (found,) = (each for each in gateway.status()["rules"] if each["name"] == name)
    return dict(found)


def weir(gateway: GatewayProcess, *words: str, code: int = 0) -> str:
    """Run a command as a person would; return what it printed."""
    done = subprocess.run(
        [WEIR, *words, "--config", str(gateway.config)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def weir_json(gateway: GatewayProcess, *words: str) -> Any:
    return json.loads(weir(gateway, *words, "--json"))


@contextmanager
def boto(gateway: GatewayProcess, service: str) -> Iterator[Any]:
    """A boto3 client for this gateway."""
    import boto3

    env = gateway.credentials()
    client = boto3.client(
        service,
        endpoint_url=gateway.aws_endpoint,
        region_name=env["AWS_REGION"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
    )
    try:
        yield client
    finally:
        client.close()


def bodies(gateway: GatewayProcess, queue: str, count: int, timeout_s: float = 20.0) -> list[Any]:
    """Wait until a queue has so many messages; take and return their bodies."""

    def visible() -> int:
        (found,) = (each for each in gateway.status()["queues"] if each["name"] == queue)
        return int(found["visible"])

    try:
        wait_until(lambda: visible() >= count, timeout_s, f"{count} message(s) in {queue}")
    except AssertionError as error:
        problems = {each["name"]: each["problem"] for each in gateway.status()["rules"]}
        raise AssertionError(f"{error}; rules: {problems}") from None
    found = [json.loads(body) for body in drain(gateway.sqs(), queue)]
    assert len(found) == count, found
    return found


def aws(gateway: GatewayProcess, *words: str) -> str:
    """Run the real AWS CLI with what `weir env` prints."""
    done = subprocess.run(
        [str(Path(WEIR).with_name("aws")), *words, "--output", "json"]
        + ["--endpoint-url", gateway.aws_endpoint],
        env={**os.environ, **gateway.credentials()},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- MQTT -----------------------------------------------------------------------------------------


class Client:
    """A paho client, connected while entered.

    Attributes:
        got: The messages that came.
    """

    def __init__(self, gateway: GatewayProcess, name: str, *, level: int = paho.MQTTv5) -> None:
        self.got: list[paho.MQTTMessage] = []
        self._port = gateway.mqtt_port
        self._connected = threading.Event()
        self._granted = threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, name, protocol=level)
        self._client.on_connect = lambda *_: self._connected.set()
        self._client.on_subscribe = lambda *_: self._granted.set()
        self._client.on_message = lambda _client, _data, message: self.got.append(message)

    def __enter__(self) -> Client:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        assert self._connected.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def subscribe(self, topic_filter: str, qos: int = 1) -> None:
        self._granted.clear()
        self._client.subscribe(topic_filter, qos)
        assert self._granted.wait(10)

    def publish(self, topic: str, content: object, *, qos: int = 1, **properties: Any) -> None:
        """Publish JSON, or bytes as they are, and wait until it is sent: with QoS 1 acknowledged.

        Args:
            topic: Where to.
            content: What.
            qos: The QoS.
            properties: Of MQTT 5, as paho names them.
        """
        data = content if isinstance(content, bytes) else json.dumps(content)
        told = None
        if properties:
            told = Properties(PacketTypes.PUBLISH)
            for name, value in properties.items():
                setattr(told, name, value)
        self._client.publish(topic, data, qos, properties=told).wait_for_publish(20)

    def wait(self, count: int) -> list[paho.MQTTMessage]:
        """Wait for so many messages, and return them."""
        wait_until(lambda: len(self.got) >= count, what=f"{count} message(s), {len(self.got)} came")
        return list(self.got)


# --- HTTP -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Posted:
    """A request that a web server got."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class WebServer:
    """A real web server on loopback, while entered.

    Args:
        answer: Gives the status for a request; 0: no answer until the server ends.

    Attributes:
        url: Its address, without a path.
        got: The requests that came.
    """

    def __init__(self, answer: Callable[[Posted], int] = lambda posted: 200) -> None:
        self.got: list[Posted] = []
        self.ended = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers.get("Content-Length", "0"))
                posted = Posted(self.path, dict(self.headers.items()), self.rfile.read(size))
                server.got.append(posted)
                status = answer(posted)
                if not status:
                    server.ended.wait(60)
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> WebServer:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait(self, count: int, timeout_s: float = 20.0) -> list[Posted]:
        """Wait for so many requests, and return them."""
        wait_until(lambda: len(self.got) >= count, timeout_s, f"{count} request(s)")
        return list(self.got)
