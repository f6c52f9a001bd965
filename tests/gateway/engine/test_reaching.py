"""Rules that reach out: answered by local functions, tables, secrets and buckets, off the loop."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import rules
from gateway.engine.outside import LocalAnswers
from gateway.message import Message, Publisher
from gateway.services.dynamodb import Tables, TableSettings, read_json
from gateway.services.functions import Functions, FunctionSettings
from gateway.services.s3 import Buckets, BucketSettings
from gateway.services.secrets import Secrets
from tests.gateway.engine.running import Running, republish, rule, running, sqs
from tests.rig.stores import SMALL, fill_store
from tests.rules.protobuf_schema import DESCRIPTORS, Everything

Run = Callable[[Coroutine[Any, Any, None]], None]

FUNCTION = """
import os

def lambda_handler(event, context):
    if event.get("fail"):
        raise ValueError("no such thing")
    if event.get("gate"):
        open(event["gate"]).read()  # a pipe: until somebody writes into it
    return {"doubled": event["n"] * 2}
"""


def asking(sql: str, *actions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return rule(sql, *actions, awsIotSqlVersion="2016-03-23", **more)


@asynccontextmanager
async def answering(folder: Path, *queues: str) -> AsyncIterator[Running]:
    """An engine with a function, a table, secrets and a bucket."""
    (folder / "f.py").write_text(FUNCTION)
    secrets = folder / "secrets.json"
    secrets.write_text('{"key": "s3cret", "db": {"user": "u"}}')
    secrets.chmod(0o600)
    functions: list[Functions] = []

    async def answers(here: Running) -> rules.Outside:
        declared = FunctionSettings(name="double", file=folder / "f.py", timeout_s=30.0)
        functions.append(
            Functions(
                [declared],
                region="us-east-1",
                account="000000000000",
                environment=dict,
                metrics=here.metrics,
            )
        )
        table = TableSettings(name="names", partition_key="device")
        tables = Tables([table], here.store, here.metrics)
        await tables.start()
        item = read_json(b'{"device": "a", "name": "pump", "height": 1.10}')
        assert isinstance(item, dict)
        tables.put("names", item)
        buckets = Buckets(
            [BucketSettings(name="schemas", dir=folder / "schemas", min_free_bytes=0)], here.metrics
        )
        await buckets.put("schemas", "all.desc", DESCRIPTORS)
        return LocalAnswers(
            functions[0], tables, Secrets(secrets), buckets, asyncio.get_running_loop()
        )

    async with running(folder, *queues, answers=answers) as here:
        yield here
        await here.engine.stop()
        await functions[0].stop()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT aws_lambda('arn:aws:lambda:eu-west-1:1:function:double:2', *).doubled AS d", 42),
        ("SELECT get_dynamodb('names', 'device', 'a', 'role').height AS d", 1.1),
        ("SELECT get_secret('key', 'SecretString', 'role') AS d", "s3cret"),
        ("SELECT get_secret('db', 'SecretString', 'user', 'role') AS d", "u"),
        ("SELECT n AS d", 21),
    ],
)
def test_what_is_asked_is_answered(run: Run, tmp_path: Path, sql: str, expected: object) -> None:
    async def main() -> None:
        async with answering(tmp_path, "answers") as here:
            template = "${get_secret('key', 'SecretString', 'role')}" if "n AS d" in sql else "x"
            actions = [sqs("answers")]
            if "n AS d" in sql:  # only a template reaches out
                actions.append(republish(f"told/{template}"))
            listener = here.client("told/#")
            here.apply({"r": asking(f"{sql} FROM 'bench/+' WHERE n > 20", *actions)})
            here.publish("bench/a", b'{"n": 20}')
            here.publish("bench/a", b'{"n": 21}')
            assert here.status("r").waiting == 2
            await here.settled()
            (body,) = await here.bodies("answers")
            assert json.loads(body) == {"d": expected}
            status = here.status("r")
            assert (status.evaluated, status.matched, status.failed) == (2, 1, 0)
            topics = [message.topic for message in listener.messages()]
            assert topics == (["told/s3cret"] if "n AS d" in sql else [])

    run(main())


def test_protobuf_is_read_with_descriptors_from_a_bucket(run: Run, tmp_path: Path) -> None:
    call = "decode(*, 'proto', 'schemas', 'all.desc', 'plant/readings', 'Everything')"

    async def main() -> None:
        async with answering(tmp_path, "answers") as here:
            here.apply({"r": asking(f"SELECT VALUE {call} FROM 'bench/+'", sqs("answers"))})
            here.publish("bench/a", Everything(a_int32=7).SerializeToString())
            await here.settled()
            assert here.status("r").problem == ""
            (body,) = await here.bodies("answers")
            assert 7 in json.loads(body).values()

    run(main())


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("aws_lambda('gone', *)", "there is no function 'gone'"),
        ("aws_lambda('double', {'fail': true, 'n': 1})", "no such thing"),
        ("get_dynamodb('gone', 'device', 'a', 'role')", "there is no table 'gone'"),
        ("get_dynamodb('names', 'wrong', 'a', 'role')", "get_dynamodb: "),
        ("get_thing_shadow('pump', 'role')", "there are no device shadows to ask here"),
        ("get_registry_data('DescribeThing', 'pump', 'role')", "there is no registry of things"),
        ("decode(*, 'proto', 'gone', 'k', 'f', 'M')", "there is no bucket 'gone'"),
    ],
)
def test_what_cannot_be_answered_ends_the_rule_and_is_told(
    run: Run, tmp_path: Path, call: str, told: str
) -> None:
    async def main() -> None:
        async with answering(tmp_path, "alarms", "errors") as here:
            sql = f"SELECT {call} AS d FROM 'bench/+'"
            here.apply(
                {
                    "r": asking(sql, sqs("alarms"), errorAction=sqs("errors")),
                    "other": asking("SELECT 1 AS one FROM 'bench/+'", sqs("alarms")),
                }
            )
            here.publish("bench/a", b"{}")
            await here.settled()
            assert await here.bodies("alarms") == [b'{"one":1}']
            (body,) = await here.bodies("errors")
            (failure,) = json.loads(body)["failures"]
            assert failure["failedAction"] == "RuleEvaluation"
            assert told in failure["errorMessage"]
            assert "no action ran" in failure["errorMessage"]
            assert here.status("r").failed == 1

    run(main())


def test_a_rule_that_waits_for_an_answer_holds_up_nobody(run: Run, tmp_path: Path) -> None:
    """Its function blocks until the other rule has seen everything."""
    gate = tmp_path / "gate"

    async def main() -> None:
        async with answering(tmp_path, "alarms", "answers") as here:
            os.mkfifo(gate)
            here.apply(
                {
                    "asks": asking(
                        "SELECT aws_lambda('double', *).doubled AS d FROM 'bench/+'", sqs("answers")
                    ),
                    "other": asking("SELECT n FROM 'bench/+'", sqs("alarms")),
                }
            )
            first = {"n": 1, "gate": str(gate)}
            here.publish("bench/a", json.dumps(first).encode())
            here.publish("bench/a", b'{"n": 2}')
            assert len(await here.bodies("alarms")) == 2
            assert await here.bodies("answers") == []
            assert here.status("asks").waiting == 2
            await asyncio.to_thread(gate.write_text, "go on")
            await here.settled()
            assert await here.bodies("answers") == [b'{"d":2}', b'{"d":4}']

    run(main())


def test_the_message_is_seen_as_it_was_after_a_restart(run: Run, tmp_path: Path) -> None:
    sql = (
        "SELECT clientid() AS c, sourceip() AS ip, topic(2) AS t, principal() AS p, n, "
        "get_mqtt_property('content_type') AS type, traceid() AS id, "
        "get_secret('key', 'SecretString', 'r') AS s FROM 'bench/+'"
    )
    payload = asking(sql, sqs("answers"), republish("told/x", 0))
    publisher = Publisher(
        "client 7", client_id="client-7", principal="certificate", source_ip="192.0.2.9"
    )
    content_type = b"\x03\x00\x04text"
    asked: list[str] = []

    async def first() -> None:
        async with running(tmp_path, "answers") as here:
            await here.engine.stop()  # it is taken on, and nothing runs
            here.apply({"r": payload})
            message = Message("bench/a", b'{"n":1}', 1, False, publisher, 9, content_type)
            here.router.publish(message)
            asked.append(here.engine.traces.id_of(message.traced))
            await here.store.flush()
            assert here.outbox_rows() == 1

    async def second() -> None:
        async with answering(tmp_path, "answers") as here:
            listener = here.client("told/x")
            here.apply({"r": payload})
            await here.settled()
            (body,) = await here.bodies("answers")
            assert json.loads(body) == {
                "c": "client-7",
                "ip": "192.0.2.9",
                "t": "a",
                "p": "certificate",
                "n": 1,
                "type": "text",
                "id": asked[0],
                "s": "s3cret",
            }
            # The tenth step is the last, also through the outbox.
            assert len(listener.messages()) == 1
            here.router.publish(Message("bench/a", b"{}", 1, False, publisher, 10))
            await here.settled()
            assert "this looks like a loop" in here.status("r").problem

    run(first())
    run(second())


def test_what_waits_for_a_rule_that_is_not_there_waits_until_it_is_back(
    run: Run, tmp_path: Path
) -> None:
    payload = asking(
        "SELECT n, get_secret('key', 'SecretString', 'r') AS s FROM 'bench/+'", sqs("answers")
    )

    async def main() -> None:
        async with answering(tmp_path, "answers") as here:
            here.apply({"r": payload})
            here.publish("bench/a", b'{"n":1}')
            here.publish("bench/a", b'{"n":2}')
            here.engine.remove("r")
            await here.store.flush()
            for _ in range(10):
                await asyncio.sleep(0)
            assert here.outbox_rows() == 2
            here.apply_more("other", payload)
            here.apply_more("r", payload)
            await here.settled()
            bodies = [json.loads(body)["n"] for body in await here.bodies("answers")]
            assert bodies == [1, 2]

    run(main())


def test_what_waits_for_a_rule_in_vain_reaches_its_error_action(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.engine.reaching.PATIENCE_S", 0.05)

    async def main() -> None:
        async with running(tmp_path, "alarms", "errors") as here:
            sql = "SET @n = n SELECT get_secret('key', 'SecretString', 'r') AS s FROM 'bench/+'"
            here.apply({"r": asking(sql, sqs("alarms"), errorAction=sqs("errors"))})
            for _ in range(3):
                here.publish("bench/a", b'{"n":1}')
            here.engine.remove("r")
            await here.settled()
            assert here.metrics.snapshot()["rules.outbox.failed"] == 3
            bodies = [json.loads(body) for body in await here.bodies("errors")]
            assert len(bodies) == 3
            for body in bodies:
                (failure,) = body["failures"]
                assert "the rule r is not there any more" in failure["errorMessage"]

    run(main())
    assert any("the rule r is not there any more" in text for text in caplog.messages)


def test_a_full_store_keeps_a_lane_in_its_order_and_asks_no_more_than_it_must(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.engine.outbox.outbox.STORE_RETRY_S", 0.01)
    asked: list[bytes] = []

    class Echo(rules.Outside):
        def invoke_lambda(self, function_arn: str, payload: bytes) -> bytes | None:
            asked.append(payload)
            return payload

    async def answers(here: Running) -> rules.Outside:
        return Echo()

    async def main() -> None:
        async with running(tmp_path, "answers", answers=answers, store_settings=SMALL) as here:
            await here.engine.stop()  # it is taken on, and nothing runs yet
            sql = "SELECT VALUE aws_lambda('f', *).n FROM 'bench/+'"
            here.apply({"r": asking(sql, sqs("answers"))})
            for number in range(30):
                here.publish("bench/a", b'{"n":%d}' % number)
            await here.store.execute(
                lambda connection: connection.execute(
                    "CREATE TABLE note (number INTEGER PRIMARY KEY, body BLOB NOT NULL)"
                ).close()
            )
            await fill_store(here.store)

        async with running(tmp_path, "answers", answers=answers, store_settings=SMALL) as here:
            here.apply({"r": asking(sql, sqs("answers"))})
            while here.store.refused.value < 3:  # it is tried, and refused
                await asyncio.sleep(0.001)
            assert len(set(asked)) == 1, "others are asked for though nothing can be kept"
            assert here.outbox_rows() == 30
            await here.store.execute(lambda c: c.execute("DELETE FROM note").close())
            await here.settled()
            assert here.status("r").failed == 0
            bodies = []
            while found := await here.bodies("answers"):
                bodies += found
            assert bodies == [b"%d" % number for number in range(30)]

    run(main())


def test_a_secret_is_in_no_failure(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "${get_secret('key', 'SecretString', 'role')}"

    async def main() -> None:
        async with answering(tmp_path, "errors") as here:
            actions = (sqs(f"gone-{secret}"), republish(f"a/+/{secret}"))
            here.apply(
                {"r": asking("SELECT * FROM 'bench/+'", *actions, errorAction=sqs("errors"))}
            )
            here.publish("bench/a", b"{}")
            await here.settled()
            (body,) = await here.bodies("errors")
            told = body.decode() + repr(here.status("r")) + caplog.text
            assert "s3cret" not in told
            failures = json.loads(body)["failures"]
            assert [failure["failedAction"] for failure in failures] == [
                "SqsAction",
                "RepublishAction",
            ]
            assert all("why is not told" in failure["errorMessage"] for failure in failures)

    run(main())


def test_statements_take_turns_and_those_that_wait_let_others_have_theirs(
    run: Run, tmp_path: Path
) -> None:
    """Two rules that each ask: both questions are under way at once, though one thread computes."""
    both = threading.Barrier(2, timeout=10)

    class Meeting(rules.Outside):
        def invoke_lambda(self, function_arn: str, payload: bytes) -> bytes | None:
            both.wait()
            return payload

    async def answers(here: Running) -> rules.Outside:
        return Meeting()

    async def main() -> None:
        async with running(tmp_path, "answers", answers=answers) as here:
            sql = "SELECT VALUE aws_lambda('f', *).n FROM 'bench/+'"
            here.apply({name: asking(sql, sqs("answers")) for name in "ab"})
            here.publish("bench/a", b'{"n":1}')
            await here.settled()
            assert await here.bodies("answers") == [b"1", b"1"]

    run(main())


def test_a_rule_sees_the_time_of_its_message(run: Run, tmp_path: Path) -> None:
    sql = "SELECT timestamp() AS t, get_secret('key', 'SecretString', 'r') AS s FROM 'bench/+'"
    sent_ms: list[int] = []

    async def first() -> None:
        async with running(tmp_path, "answers") as here:
            await here.engine.stop()
            here.apply({"r": asking(sql, sqs("answers"))})
            sent_ms.append(here.time.wall_ms)
            here.publish("bench/a", b"{}")
            await here.store.flush()

    async def second() -> None:
        async with answering(tmp_path, "answers") as here:
            here.time.pass_ms(3_600_000)
            here.apply({"r": asking(sql, sqs("answers"))})
            await here.settled()
            (body,) = await here.bodies("answers")
            assert json.loads(body)["t"] == sent_ms[0]

    run(first())
    run(second())


def test_a_statement_waits_for_its_turn(run: Run, tmp_path: Path) -> None:
    """Threads that compute at once would take the interpreter from the event loop."""
    asked: list[bytes] = []

    class Noting(rules.Outside):
        def invoke_lambda(self, function_arn: str, payload: bytes) -> bytes | None:
            asked.append(payload)
            return payload

    async def answers(here: Running) -> rules.Outside:
        return Noting()

    async def main() -> None:
        async with running(tmp_path, "answers", answers=answers) as here:
            turn = here.engine._reaching._turn
            sql = "SELECT VALUE aws_lambda('f', *).n FROM 'bench/+'"
            here.apply({name: asking(sql, sqs("answers")) for name in "ab"})
            with turn:  # as another statement would have it
                here.publish("bench/a", b'{"n":1}')
                await here.store.flush()
                while sum(lane.running for lane in here.engine.outbox_status()) < 2:
                    await asyncio.sleep(0.001)
                await asyncio.sleep(0.02)
                assert not asked, "two statements are evaluated at once"
            await here.settled()
            assert await here.bodies("answers") == [b"1", b"1"]

    run(main())
