"""The pages on rules in the gateway: rules run, programs work, and what is shown is what comes."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.rig.gateway_process import WEIR, GatewayProcess, drain, wait_until

PAGES = Path(__file__).parents[1] / "docs" / "how-to"
ACTIONS = (PAGES / "rule-actions.md").read_text(encoding="utf-8")
WHY = (PAGES / "why-a-rule.md").read_text(encoding="utf-8")
MANAGE = (PAGES / "manage-rules.md").read_text(encoding="utf-8")
WRITE = (PAGES / "rules.md").read_text(encoding="utf-8")

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
_FILE = re.compile(r"`([\w./-]+)`:\n\n```\w+\n(.*?)^```$", re.M | re.S)


def blocks(page: str, language: str) -> list[str]:
    return [text for marked, text in _FENCE.findall(page) if marked == language]


def rules_of(page: str) -> list[dict[str, Any]]:
    found = [json.loads(text) for text in blocks(page, "json")]
    return [document for document in found if "topicRulePayload" in document]


@dataclass
class Server:
    """An HTTP server that takes everything, and what it got."""

    port: int = 0
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.got.append((self.path, dict(self.headers.items()), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        server.port = listening.server_port
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()


@dataclass
class Site:
    """A gateway with everything that the page on actions names."""

    gateway: GatewayProcess
    server: Server
    folder: Path

    def publish(self, topic: str, payload: str) -> None:
        subprocess.run(
            [WEIR, "pub", topic, payload, "--config", self.gateway.config], check=True, timeout=30
        )

    def first(self, queue: str) -> str:
        """Wait for the first message of a queue."""
        found: list[str] = []

        def received() -> bool:
            found.extend(drain(self.gateway.sqs(), queue))
            return bool(found)

        wait_until(received, what=f"a message in {queue}")
        return found[0]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    for name, text in _FILE.findall(ACTIONS):
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)
    with serving() as server:

        def local(text: str) -> str:
            return text.replace("127.0.0.1:8080", f"127.0.0.1:{server.port}")

        rules = json.loads(local(json.dumps(rules_of(ACTIONS))))
        (toml,) = blocks(ACTIONS, "toml")
        with GatewayProcess(folder, extra=local(toml), rules=rules) as gateway:
            yield Site(gateway, server, folder)


@pytest.fixture(scope="module")
def after_a_reading(site: Site) -> Site:
    site.publish("site/north/temperature", '{"celsius": 31.5}')
    return site


def test_the_function_is_called(after_a_reading: Site) -> None:
    wait_until(lambda: "31.5 degrees are hot" in after_a_reading.gateway.log.read_text())


def test_the_server_gets_the_result(after_a_reading: Site) -> None:
    server = after_a_reading.server
    wait_until(lambda: server.got)
    path, headers, body = server.got[0]
    assert path == "/readings/north"
    assert headers["X-House"] == "north"
    assert json.loads(body).keys() == {"celsius", "at"}


def test_the_file_is_written(after_a_reading: Site) -> None:
    bucket = after_a_reading.folder / "archive"
    wait_until(lambda: list(bucket.glob("north/*/*.json")))
    (file,) = bucket.glob("north/*/*.json")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", file.parent.name)
    assert file.read_bytes() == b'{"celsius": 31.5}'


def test_the_log_and_the_metric_have_it(after_a_reading: Site) -> None:
    assert 'weir.rule: site: {"celsius":31.5}' in after_a_reading.gateway.log.read_text()
    (metric,) = after_a_reading.gateway.status()["cloudwatch_metrics"]
    assert (metric["namespace"], metric["name"], metric["latest"]) == ("Site", "Celsius", 31.5)


def test_what_is_asked_for_comes_into_the_queue(after_a_reading: Site) -> None:
    after_a_reading.publish("site/north/question", '{"celsius": 3}')
    (shown,) = (text for text in blocks(ACTIONS, "json") if '"before"' in text)
    assert after_a_reading.first("alarms") == shown.strip()


def test_the_error_action_says_what_is_shown(site: Site) -> None:
    site.publish("site/north/word", '{"word": "hello"}')
    told = json.loads(site.first("failures"))
    (shown,) = (
        document
        for document in map(json.loads, blocks(ACTIONS, "json"))
        if isinstance(document, dict) and "failures" in document
    )
    for failure in told["failures"]:
        failure["errorMessage"] = failure["errorMessage"].replace(str(site.folder), "/etc/weir")
    assert base64.b64decode(told["base64OriginalPayload"]) == b'{"word": "hello"}'
    assert told.pop("cloudwatchTraceId") != shown.pop("cloudwatchTraceId")
    assert told == shown


def test_a_secret_goes_into_a_header(site: Site, tmp_path: Path) -> None:
    """The page shows the header alone: here it is in a rule of its own."""
    (header,) = (
        document
        for document in map(json.loads, blocks(ACTIONS, "json"))
        if isinstance(document, dict) and document.get("key") == "Authorization"
    )
    (rule,) = (each for each in rules_of(ACTIONS) if each["ruleName"] == "post")
    rule["ruleName"] = "post_with_token"
    payload = rule["topicRulePayload"]
    payload["sql"] = "SELECT * FROM 'site/+/token'"
    http = payload["actions"][0]["http"]
    http["headers"] = [header]
    for key in ("url", "confirmationUrl"):
        http[key] = http[key].replace(":8080", f":{site.server.port}")
    (tmp_path / "post_with_token.json").write_text(json.dumps(rule))
    apply = [WEIR, "rule", "apply", tmp_path, "--config", site.gateway.config]
    subprocess.run(apply, check=True, timeout=30)
    site.publish("site/south/token", "{}")
    wait_until(lambda: any(path == "/readings/south" for path, _, _ in site.server.got))
    (headers,) = (headers for path, headers, _ in site.server.got if path == "/readings/south")
    assert headers["Authorization"] == "Bearer s3cret-token"


def test_nothing_is_missing_in_the_settings_but_what_the_page_says(site: Site) -> None:
    done = subprocess.run(
        [WEIR, "check", "--json", "--config", site.gateway.config],
        capture_output=True,
        text=True,
        timeout=60,
    )
    verdict = json.loads(done.stdout)
    assert verdict["ok"]
    (warning,) = verdict["warnings"]
    assert 'the rule explain uses the bucket "nowhere"' in warning


def test_every_rule_of_the_page_was_in_force(site: Site) -> None:
    found = {rule["name"] for rule in site.gateway.status()["rules"]}
    assert {rule["ruleName"] for rule in rules_of(ACTIONS)} <= found


# --- pages whose commands print what is shown -----------------------------------------------------

_EXAMPLE = re.compile(r"^```(bash|python)\n(.*?)^```\n\n```text\n(.*?)^```$", re.M | re.S)
_VARYING = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "<date>"),
    (re.compile(r"\b\d\d:\d\d:\d\d(\.\d+)?\b"), "<time>"),
    (re.compile(r"(?<=\s)[0-9a-f]{8}(?=\s)"), "<id>"),
)


def settled(text: str) -> str:
    """Return a text with what differs each time replaced: identifiers, dates and times."""
    for pattern, stands_for in _VARYING:
        text = pattern.sub(stands_for, text)
    return text.rstrip("\n")


def run_examples(page: str, folder: Path, gateway: GatewayProcess) -> None:
    """Run the examples of a page in their order, each against what the page shows."""
    commands = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**os.environ, **gateway.credentials(), "PATH": commands}
    examples = _EXAMPLE.findall(page)
    assert len(examples) == len(blocks(page, "text")) > 1
    assert len(examples) == len(blocks(page, "bash")) + len(blocks(page, "python"))
    for language, script, shown in examples:
        program = ["bash", "-e", "-c"] if language == "bash" else [sys.executable, "-c"]
        done = subprocess.run(
            [*program, script], cwd=folder, env=env, capture_output=True, text=True, timeout=60
        )
        assert done.stderr == ""
        assert settled(done.stdout) == settled(shown)


def test_the_page_on_why_shows_what_is_printed(tmp_path: Path) -> None:
    queue = '[[sqs.queues]]\nname = "alarms"\n'
    with GatewayProcess(tmp_path, extra=queue, rules=rules_of(WHY)) as gateway:
        run_examples(WHY, tmp_path, gateway)


def test_the_page_on_managing_shows_what_is_printed(tmp_path: Path) -> None:
    queue = '[[sqs.queues]]\nname = "alarms"\n'
    with GatewayProcess(tmp_path, extra=queue, rules=rules_of(WRITE)) as gateway:
        run_examples(MANAGE, tmp_path, gateway)
        found = {rule["name"]: rule for rule in gateway.status()["rules"]}
        assert found.keys() == {"too_hot", "too_cold", "too_wet"}
        assert found["too_cold"]["disabled"]
        assert not found["too_wet"]["disabled"]


def test_commands_of_the_aws_cli_work_as_written(tmp_path: Path) -> None:
    ((name, text),) = _FILE.findall(MANAGE)
    (tmp_path / name).write_text(text, encoding="utf-8")
    shown = json.loads(text)
    commands = re.findall(r"^    (aws .*)$", MANAGE, re.M)
    assert len(commands) == 3
    answers = []
    with GatewayProcess(tmp_path, rules=rules_of(WRITE)) as gateway:
        for command in commands:
            words = str(Path(sys.executable).with_name("aws")) + command.removeprefix("aws")
            done = subprocess.run(
                ["bash", "-e", "-c", words],
                cwd=tmp_path,
                env={**os.environ, **gateway.credentials()},
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert (done.returncode, done.stderr) == (0, "")
            answers.append(done.stdout)
        assert shown["ruleName"] not in {rule["name"] for rule in gateway.status()["rules"]}
    created, found, deleted = answers
    assert created == deleted == ""
    told = json.loads(found)["rule"]
    assert (told["ruleName"], told["sql"]) == (shown["ruleName"], shown["topicRulePayload"]["sql"])
