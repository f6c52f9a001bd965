"""A real gateway in a process of its own, for tests that kill it, trace it or fill its disk."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

WEIR = str(Path(sys.executable).with_name("weir"))
READY_TIMEOUT_S = 30.0

DEFAULT_RULE = {
    "ruleName": "all_to_readings",
    "topicRulePayload": {
        "sql": "SELECT * FROM 'bench/#'",
        "awsIotSqlVersion": "2016-03-23",
        "actions": [
            {
                "sqs": {
                    "queueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/readings",
                    "roleArn": "arn:aws:iam::123456789012:role/any",
                    "useBase64": False,
                }
            }
        ],
    },
}


class GatewayProcess:
    """A gateway with a data folder of its own; started and stopped as often as a test wants.

    Args:
        folder: Where settings, rules and (unless `data_dir` says otherwise) data go.
        data_dir: The data folder.
        store: Lines for the `[store]` section.
        extra: Further TOML text.
        rules: Rule documents.
        prefix: Command words before `weir`: `strace …`, `faketime …`.
        env: Environment variables to add.
        loop: The event loop: auto, uvloop or asyncio.
    """

    def __init__(
        self,
        folder: Path,
        *,
        data_dir: Path | None = None,
        store: str = "",
        extra: str = "",
        rules: list[dict[str, Any]] | None = None,
        prefix: list[str] | None = None,
        env: dict[str, str] | None = None,
        loop: str = "auto",
    ) -> None:
        self.folder = folder
        self.loop = loop
        self.data_dir = data_dir or folder / "data"
        self.config = folder / "weir.toml"
        self.log = folder / "weir.log"
        self.prefix = prefix or []
        self.env = env or {}
        self.process: subprocess.Popen[bytes] | None = None
        self._clients: list[Any] = []
        rules_dir = folder / "rules.d"
        rules_dir.mkdir(parents=True, exist_ok=True)
        for rule in [DEFAULT_RULE] if rules is None else rules:
            (rules_dir / f"{rule['ruleName']}.json").write_text(json.dumps(rule))
        self.config.write_text(
            f"""
[gateway]
name = "test"
data_dir = "{self.data_dir}"
[store]
{store}
[[mqtt.listeners]]
bind = "127.0.0.1:0"
anonymous = true
[aws]
bind = "127.0.0.1:0"
[rules]
dir = "{rules_dir}"
[[sqs.queues]]
name = "readings"
{extra}
"""
        )

    def __enter__(self) -> GatewayProcess:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        for client in self._clients:
            client.close()
        self._clients.clear()
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def start(self) -> None:
        """Start it and wait for `weir: ready`."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if self.process is not None:
            self.process.wait(10)  # whoever killed it has not waited for it
            self._close_pipe()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, WEIR, "run", "--config", str(self.config), "--loop", self.loop],
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **self.env},
                start_new_session=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line.strip() != b"weir: ready":
            self.process.wait(READY_TIMEOUT_S)
            raise AssertionError(f"the gateway did not start: {line!r}\n{self.log_tail()}")

    def log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    @property
    def pid(self) -> int:
        """The gateway's own process id (not that of a tracer around it)."""
        return int(self.status()["pid"])

    def kill(self) -> None:
        """SIGKILL to it and whatever runs around it."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self._close_pipe()

    def stop(self) -> int:
        """SIGTERM; return its exit code."""
        assert self.process is not None
        os.kill(self.pid, signal.SIGTERM)
        code = self.process.wait(20)
        self._close_pipe()
        return code

    def _close_pipe(self) -> None:
        assert self.process is not None and self.process.stdout is not None
        self.process.stdout.close()

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def status(self) -> dict[str, Any]:
        """Return the status document from the control socket."""
        connection = UnixConnection(self.data_dir / "control.sock")
        try:
            connection.request("GET", "/v1/status")
            document: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return document

    @property
    def mqtt_port(self) -> int:
        return int(self.status()["mqtt"]["listeners"][0].rpartition(":")[2])

    @property
    def aws_endpoint(self) -> str:
        return f"http://{self.status()['aws']['bind']}"

    def credentials(self) -> dict[str, str]:
        """Return what `weir env` prints, as a dictionary."""
        out = subprocess.run(
            [WEIR, "env", "--config", str(self.config), "--json"],
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        values: dict[str, str] = json.loads(out)
        return values

    def sqs(self, attempts: int = 1) -> Any:
        """Return a boto3 SQS client for this gateway, closed with it.

        Args:
            attempts: How often the client tries a request; boto3's own default is 5.
        """
        import boto3
        from botocore.config import Config

        env = self.credentials()
        client = boto3.client(
            "sqs",
            endpoint_url=self.aws_endpoint,
            region_name=env["AWS_REGION"],
            aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": attempts}, read_timeout=30),
        )
        self._clients.append(client)
        return client


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(str(self._path))


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} tells no VmRSS")


def drain(sqs: Any, queue: str = "readings", *, most: int = 1_000_000) -> list[str]:
    """Receive and delete every message of a queue; return the bodies."""
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    bodies: list[str] = []
    while len(bodies) < most:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        if not found:
            return bodies
        bodies += [message["Body"] for message in found]
        sqs.delete_message_batch(
            QueueUrl=url,
            Entries=[
                {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
                for n, message in enumerate(found)
            ],
        )
    return bodies


def wait_until(condition: Any, timeout_s: float = 20.0, what: str = "the condition") -> None:
    """Poll something outside this process until it is true."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {timeout_s} s")
        time.sleep(0.01)
