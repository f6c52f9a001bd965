"""A rule beside many that wait for others: no shared thread, connection or room runs out for it.

One bad rule alone is `test_rules_beside_bad_ones`'s.
"""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack
from pathlib import Path

from tests.rig.gateway_process import GatewayProcess, wait_until
from tests.rig.mqtt_client import BarePublisher
from tests.rig.rules_at_work import (
    ROLE,
    WebServer,
    function,
    queues,
    rule,
    secrets,
    status_of,
    to_function,
    to_queue,
    to_server,
    to_topic,
)
from tests.rig.session_client import SessionClient

MANY = 20

SLEEPS = "import time\ndef lambda_handler(event, context):\n    time.sleep(3600)\n"
WORKS = "def lambda_handler(event, context):\n    return event\n"


def test_rules_that_wait_for_answers_hold_up_no_other_that_asks(tmp_path: Path) -> None:
    """Whose statements ask something outside run apart; many that wait leave room for another."""
    slow = [function(tmp_path, f"s{n}", SLEEPS, timeout_s="60s") for n in range(MANY)]
    ask = "SELECT aws_lambda('s{}', *) AS a FROM 'slow'"
    documents = [rule(f"waits_{n}", ask.format(n), to_queue("readings")) for n in range(MANY)]
    secret = f"SELECT n, get_secret('key', 'SecretString', '{ROLE}') AS s FROM 'good/a'"
    documents.append(rule("asks", secret, to_topic("fine/a", 1)))
    settings = "".join([*slow, secrets(tmp_path, {"key": "value"})])
    with GatewayProcess(tmp_path, rules=documents, extra=settings) as gateway:
        port = gateway.mqtt_port
        with (
            SessionClient(port, "subscriber", clean=True) as subscriber,
            BarePublisher(port, "good") as good,
            BarePublisher(port, "bad") as bad,
        ):
            subscriber.subscribe("fine/#", 1)
            for _ in range(5):
                bad.publish("slow", b"{}")
            bad.wait_for_acks()
            times_s = []
            for n in range(3):
                start_s = time.perf_counter()
                good.publish("good/a", b'{"n":%d}' % n)
                (arrival,) = subscriber.take(1)
                times_s.append(time.perf_counter() - start_s)
                assert json.loads(arrival.payload) == {"n": n, "s": "value"}
        assert sum(lane["running"] for lane in gateway.status()["outbox"]) == MANY
    assert max(times_s) < 1, times_s  # a function may take 2 s to answer a statement


def test_servers_that_never_answer_leave_connections_for_another(tmp_path: Path) -> None:
    with ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
            for _ in range(MANY)
        ]
        good = stack.enter_context(WebServer())
        urls = [f"http://127.0.0.1:{each.getsockname()[1]}" for each in silent]
        documents = [
            rule(f"silent_{n}", "SELECT * FROM 'silent'", to_server(url))
            for n, url in enumerate(urls)
        ]
        documents.append(rule("posts", "SELECT * FROM 'good'", to_server(good.url)))
        settings = [f'[[rules.destinations]]\nurl = "{url}"\n' for url in (*urls, good.url)]
        with GatewayProcess(tmp_path, rules=documents, extra="".join(settings)) as gateway:
            with BarePublisher(gateway.mqtt_port) as publisher:
                for _ in range(40):
                    publisher.publish("silent", b"{}")
                publisher.wait_for_acks()
                lanes = gateway.status
                wait_until(lambda: sum(lane["running"] for lane in lanes()["outbox"]) >= MANY * 8)
                times_s = []
                for n in range(3):
                    start_s = time.perf_counter()
                    publisher.publish("good", b"{}")
                    good.wait(n + 1)
                    times_s.append(time.perf_counter() - start_s)
    assert max(times_s) < 1, times_s  # a request has 3 s in all


def test_targets_that_take_nothing_leave_room_in_the_outbox(tmp_path: Path) -> None:
    """Together they must not fill it, or who works is refused because others do not."""
    count = 6
    stuck = [function(tmp_path, f"s{n}", SLEEPS, timeout_s="60s") for n in range(count)]
    settings = "".join([queues("errors"), *stuck, function(tmp_path, "works", WORKS)])
    documents = [
        rule(f"stuck_{n}", "SELECT * FROM 'in'", to_function(f"s{n}")) for n in range(count)
    ]
    works = rule("works", "SELECT * FROM 'good'", to_function("works"), error=to_queue("errors"))
    gateway = GatewayProcess(tmp_path, rules=[*documents, works], extra=settings)
    limits = '[rules]\noutbox_max_bytes = "256KiB"\noutbox_target_bytes = "64KiB"'
    gateway.config.write_text(gateway.config.read_text().replace("[rules]", limits))
    with gateway:
        with BarePublisher(gateway.mqtt_port) as publisher:
            for _ in range(100):
                publisher.publish("in", json.dumps({"more": "x" * 1000}).encode())
            publisher.wait_for_acks()
            assert gateway.status()["metrics"]["rules.outbox.bytes"] <= 256 * 1024
            for n in range(10):
                publisher.publish("good", b'{"n":%d}' % n)
                publisher.wait_for_acks()
        status = status_of(gateway, "works")
        assert (status["failed"], status["problem"]) == (0, "")
        wait_until(lambda: status_of(gateway, "works")["actions"][0]["done"] == 10)
