"""Rules whose work is slow, and witnesses of it that stand outside the gateway.

A message to `slow/…` is posted to a server, given to a function and put into a bucket; one to
`reach/…` asks a function and goes to a queue; one to `told/…` is refused by the server, which is
told of in the bucket. Each witness keeps what it saw: the server here, the
function in a file, the bucket in its folder. Where the disk logs its writes, the first two note how
long that log was, before they answer: the outbox cannot have noted the end of the action by then.
"""

from __future__ import annotations

import base64
import json
import random
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.rig.gateway_process import GatewayProcess

ROLE = "arn:aws:iam::123456789012:role/any"
BUCKET = "things"

# The action of `slow` that fails, and what its error message calls it.
FAILURES = {"http": "HttpAction", "lambda": "LambdaAction", "s3": "S3Action"}

# The file system takes such a name, the bucket does not.
LONG_KEY = "k" * 300

_FUNCTION = """
import json
import os
import struct

def length_of_the_log():
    if not {log!r}:
        return 0
    with open({log!r}, "rb") as log:
        return struct.unpack("<QQQI", log.read(28))[2]

def lambda_handler(event, context):
    line = event["id"] + " " + str(length_of_the_log()) + "\\n"
    witness = os.open({witness!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(witness, line.encode())
    finally:
        os.close(witness)
    if event.get("fails") == "lambda":
        raise ValueError("told to fail")
    return {{"seen": event["id"]}}
"""


@dataclass(frozen=True, slots=True)
class Task:
    """One message, and what shall become of it.

    Attributes:
        name: Its id.
        topic: `slow/t`, `reach/t` or `told/t`.
        fails: Which action of `slow` fails; empty: none does.
    """

    name: str
    topic: str
    fails: str = ""

    @classmethod
    def make(cls, rng: random.Random, name: str, failures: Iterable[str] = FAILURES) -> Task:
        """Return a message for any rule; one of ten of `slow` has an action that fails."""
        kind = rng.random()
        if kind < 0.3:
            return cls(name, "reach/t")
        if kind < 0.4:
            return cls(name, "told/t", "http")
        return cls(name, "slow/t", rng.choice(list(failures)) if rng.random() < 0.1 else "")

    @property
    def document(self) -> dict[str, str]:
        """What is published, and what SELECT gives of it."""
        key = LONG_KEY if self.fails == "s3" else f"{self.name}.json"
        # Of various sizes: half an object is one of the wrong size.
        size = random.Random(self.name).randrange(0, 9000)
        return {"id": self.name, "fails": self.fails, "key": key, "fill": self.name[-1] * size}

    @property
    def payload(self) -> bytes:
        return json.dumps(self.document).encode()


class PostServer:
    """A server that notes what is posted to it; `fails` of a document decides its answer.

    Args:
        position: Gives the length of the disk's log.

    Attributes:
        posts: Of each request its document's id, and the length of the log then.
    """

    def __init__(self, position: Callable[[], int] = lambda: 0) -> None:
        self.posts: list[tuple[str, int]] = []
        posts = self.posts

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                document = json.loads(body)
                posts.append((document["id"], position()))
                self.send_response(400 if document["fails"] == "http" else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *words: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *words: object) -> None:
                pass  # whoever is killed closes its connections in the middle

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> PostServer:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/things"


class SlowWork:
    """The settings, rules and witnesses of one gateway.

    Args:
        folder: Where the function and its witness lie; not on the disk that is cut off.
        bucket: The bucket's folder.
        server: Where is posted to.
        log: The log of the disk, if it has one.
    """

    def __init__(
        self, folder: Path, bucket: Path, server: PostServer, log: Path | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.bucket = bucket
        self._witness = folder / "calls.txt"
        function = folder / "function.py"
        function.write_text(
            _FUNCTION.format(log="" if log is None else str(log), witness=str(self._witness))
        )
        self.extra = f"""
[[sqs.queues]]
name = "errors"
[[rules.destinations]]
url = "{server.url}"
[[s3.buckets]]
name = "{BUCKET}"
dir = "{bucket}"
min_free_bytes = "1MB"
""" + "".join(
            f'[[lambda.functions]]\nname = "{name}"\nfile = "{function}"\ntimeout_s = 30.0\n'
            for name in ("note", "answer")
        )
        self.rules = [
            _rule(
                "slow",
                "SELECT * FROM 'slow/#'",
                {"http": {"url": server.url}},
                {"lambda": {"functionArn": _function("note")}},
                {"s3": {"bucketName": BUCKET, "key": "${key}", "roleArn": ROLE}},
            ),
            _rule(
                "reach",
                f"SELECT id, aws_lambda('{_function('answer')}', "
                "{'id': id}) AS answer FROM 'reach/#'",
                _sqs("readings"),
            ),
            _rule(
                "told",
                "SELECT * FROM 'told/#'",
                {"http": {"url": server.url}},
                error_action={
                    "s3": {"bucketName": BUCKET, "key": "told-${id}.json", "roleArn": ROLE}
                },
            ),
        ]

    def calls(self) -> list[tuple[str, int]]:
        """Of each call of the functions its message's id, and the length of the log then."""
        if not self._witness.exists():
            return []
        lines = [line.split() for line in self._witness.read_text().splitlines()]
        return [(name, int(position)) for name, position in lines]

    def objects(self) -> dict[str, Any]:
        """Return the bucket's objects by key: documents, or None where one is damaged."""
        found: dict[str, Any] = {}
        if self.bucket.is_dir():
            for path in self.bucket.iterdir():
                if path.is_file():
                    try:
                        found[path.name] = json.loads(path.read_bytes())
                    except ValueError:
                        found[path.name] = None
        return found


def faults(
    tasks: Iterable[Task],
    posts: Iterable[str],
    calls: Iterable[str],
    objects: dict[str, Any],
    bodies: list[Any],
) -> list[str]:
    """Say of which acknowledged messages an action did not run, or its failure was not told.

    Args:
        tasks: The acknowledged messages.
        posts: The ids that the server saw.
        calls: Those that the functions saw.
        objects: The bucket.
        bodies: The documents of all queues.
    """
    posted, called = set(posts), set(calls)
    answers, errors = outcomes(bodies)
    found = [f"{name} has two answers" for name, count in answers.items() if count > 1]
    found += [f"{name} has {len(told)} error messages" for name, told in errors.items() if told[1:]]
    found += [f"{key} is damaged" for key, document in objects.items() if document is None]
    for task in tasks:
        name = task.name
        told = [action for failed in errors.get(name, []) for action in failed]
        if task.topic != "told/t" and name not in called:
            found.append(f"{name} was never given to the function")
        if task.topic != "reach/t" and name not in posted:
            found.append(f"{name} was never posted")
        if task.topic == "reach/t":
            # aws_lambda() has two seconds: on a busy machine an error is an outcome, too.
            if (answers[name] == 1) == (told == ["RuleEvaluation"]):
                found.append(f"{name} has {answers[name]} answers and the errors {told}")
        elif task.topic == "told/t":
            document = objects.get(f"told-{name}.json") or {"failures": []}
            if [failure["failedAction"] for failure in document["failures"]] != ["HttpAction"]:
                found.append(f"{name} is not in the bucket, as its error action should have it")
        else:
            if task.fails != "s3" and objects.get(f"{name}.json") != task.document:
                found.append(f"{name} is not in the bucket as it was sent")
            if told != ([FAILURES[task.fails]] if task.fails else []):
                found.append(f"{name} fails {task.fails or 'nowhere'}, and its errors are {told}")
    return found


def outcomes(bodies: list[Any]) -> tuple[Counter[str], dict[str, list[list[str]]]]:
    """Return how many answers each id has, and of each of its error messages the failed actions."""
    answers = Counter(body["id"] for body in bodies if "answer" in body)
    errors: dict[str, list[list[str]]] = {}
    for body in bodies:
        if "ruleName" in body:
            name = json.loads(base64.b64decode(body["base64OriginalPayload"]))["id"]
            failed = [failure["failedAction"] for failure in body["failures"]]
            errors.setdefault(name, []).append(failed)
    return answers, errors


def left(gateway: GatewayProcess) -> int:
    """How many actions wait in the outbox of a gateway that runs."""
    return sum(lane["waiting"] for lane in gateway.status()["outbox"])


def rows(database: Path, query: str) -> list[Any]:
    """Read a database."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


def bodies(database: Path) -> list[Any]:
    """Return the documents in all queues of a gateway that is not running."""
    return [json.loads(body) for (body,) in rows(database, "SELECT body FROM sqs_message")]


def _function(name: str) -> str:
    return f"arn:aws:lambda:us-east-1:123456789012:function:{name}"


def _sqs(queue: str) -> dict[str, Any]:
    return {"sqs": {"queueUrl": queue, "roleArn": ROLE, "useBase64": False}}


def _rule(
    name: str, sql: str, *actions: dict[str, Any], error_action: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "ruleName": name,
        "topicRulePayload": {
            "sql": sql,
            "awsIotSqlVersion": "2016-03-23",
            "actions": list(actions),
            "errorAction": error_action or _sqs("errors"),
        },
    }
