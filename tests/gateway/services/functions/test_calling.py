"""A function is called as in AWS: same file, same arguments, same surroundings."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.services.functions import (
    FunctionBusy,
    FunctionNotFound,
    FunctionTimedOut,
    Timing,
)
from gateway.services.functions.function import MAX_WAITING_BYTES, MAX_WAITING_CALLS
from tests.gateway.services.functions.running import ACCOUNT, QUICK, REGION, running

Run = Callable[[Coroutine[Any, Any, None]], None]

# As the AWS console makes it, with what such files usually use.
AS_IN_AWS = """
    import json, logging, os
    from decimal import Decimal
    import beside

    logger = logging.getLogger()
    logger.setLevel(logging.INFO)
    table = os.environ["TABLE"]

    def lambda_handler(event, context):
        logger.info("got %s", event)
        with open("data.txt") as data:
            text = data.read()
        return {
            "event": event, "table": table, "data": text, "beside": beside.VALUE,
            "decimals": [Decimal("1"), Decimal("1.5")],
            "name": context.function_name, "version": context.function_version,
            "arn": context.invoked_function_arn, "request": context.aws_request_id,
            "memory": context.memory_limit_in_mb, "group": context.log_group_name,
            "stream": context.log_stream_name, "client": context.client_context,
            "identity": context.identity.cognito_identity_id,
            "left": context.get_remaining_time_in_millis(),
            "env": dict(os.environ), "cwd": os.getcwd(), "module": __name__,
        }
"""


def test_a_file_made_for_aws_runs_unchanged(run_on_both_loops: Run, tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("ü")
    (tmp_path / "beside.py").write_text("VALUE = 7")
    given = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ACCESS_KEY_ID": "k"}

    async def main() -> None:
        async with running(
            tmp_path, AS_IN_AWS, environment=given, variables=("TABLE=bench",)
        ) as here:
            answer = await here.call({"celsius": 21.5, "name": "é"}, request_id="1-2-3")
            assert answer["event"] == {"celsius": 21.5, "name": "é"}
            assert (answer["table"], answer["data"], answer["beside"]) == ("bench", "ü", 7)
            assert answer["decimals"] == [1, 1.5]
            assert (answer["name"], answer["version"]) == ("f", "$LATEST")
            assert answer["arn"] == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
            assert (answer["request"], answer["memory"]) == ("1-2-3", "128")
            assert answer["group"] == "/aws/lambda/f"
            assert "[$LATEST]" in answer["stream"]
            assert (answer["client"], answer["identity"]) == (None, None)
            assert 0 < answer["left"] <= 3000
            assert (answer["cwd"], answer["module"]) == (str(tmp_path), "f")
            variables = answer["env"]
            assert given.items() <= variables.items()
            assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == REGION
            assert variables["AWS_LAMBDA_FUNCTION_NAME"] == "f"
            assert variables["_HANDLER"] == "f.lambda_handler"
            assert variables["LAMBDA_TASK_ROOT"] == str(tmp_path)
            assert "HOME" not in variables, "what the gateway was started with is not passed on"

    run_on_both_loops(main())


def test_boto3_in_a_function_finds_this_gateway(run: Run, tmp_path: Path) -> None:
    code = """
        import boto3
        def lambda_handler(event, context):
            client = boto3.client("sqs")
            return [client.meta.endpoint_url, client.meta.region_name]
    """
    given = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
    }

    async def main() -> None:
        # 64 MB, the least there is, hold boto3.
        async with running(
            tmp_path, code, environment=given, memory_bytes=64_000_000, timeout_s=20.0
        ) as here:
            assert await here.call() == ["http://127.0.0.1:4566", REGION]

    run(main())


@pytest.mark.parametrize(
    "payload", [b"null", b'"text"', b"[1,2]", b'{"a":{"b":[]}}', b"0.1", b'"\\ud800"']
)
def test_any_json_goes_in_and_comes_out(run: Run, tmp_path: Path, payload: bytes) -> None:
    async def main() -> None:
        async with running(tmp_path, "def lambda_handler(event, context): return event") as here:
            assert json.loads(await here.raw(payload)) == json.loads(payload)

    run(main())


def test_megabytes_go_in_and_come_out(run_on_both_loops: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(
            tmp_path, "def lambda_handler(event, context): return event", timeout_s=20.0
        ) as here:
            text = "x" * 5_000_000
            assert await here.call(text) == text

    run_on_both_loops(main())


def test_one_process_serves_all_calls_one_after_the_other(run: Run, tmp_path: Path) -> None:
    code = """
        import os, threading
        seen = []
        def lambda_handler(event, context):
            seen.append(event)
            return [os.getpid(), list(seen)]
    """

    async def main() -> None:
        async with running(tmp_path, code) as here:
            assert here.functions.pids() == {}, "no process before the first call"
            assert here.status.state == "idle"
            answers = await asyncio.gather(*(here.call(number) for number in range(20)))
            assert {pid for pid, _ in answers} == {here.pid}
            assert answers[-1][1] == list(range(20))
            status = here.status
            assert (status.state, status.calls, status.failed) == ("ready", 20, 0)
            assert (here.count("calls"), here.count("processes")) == (20, 1)

    run(main())


def test_a_process_without_calls_ends_and_comes_back(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        timing = Timing(idle_s=0.01)
        async with running(
            tmp_path, "import os\ndef lambda_handler(e, c): return os.getpid()", timing=timing
        ) as here:
            first = await here.call()
            async with asyncio.timeout(10):
                while here.functions.pids():
                    await asyncio.sleep(0.005)
            assert here.status.state == "idle"
            assert await here.call() != first
            assert here.status.restarts == 0, "nothing crashed"

    run(main())


def test_an_arn_of_any_account_finds_the_function(run: Run, tmp_path: Path) -> None:
    code = "def lambda_handler(event, context): return context.invoked_function_arn"

    async def main() -> None:
        async with running(tmp_path, code) as here:
            arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
            other = "arn:aws:lambda:us-east-1:123456789012:function:f"
            assert await here.call(function=other) == arn
            assert await here.call(function=f"{other}:prod") == f"{arn}:prod"
            with pytest.raises(FunctionNotFound) as caught:
                await here.call(function="arn:aws:lambda:us-east-1:123456789012:function:g")
            assert '[[lambda.functions]]\nname = "g"' in caught.value.hint
            with pytest.raises(FunctionNotFound) as caught:
                await here.call(function='x"\n[gateway]')
            assert caught.value.hint == "", "no settings are suggested for what is no name"

    run(main())


def test_who_stops_waiting_does_not_stop_the_function(run: Run, tmp_path: Path) -> None:
    code = """
        import os
        def lambda_handler(event, context):
            with open(event, "rb") as pipe:
                pipe.read()
            return os.getpid()
    """
    first, second = tmp_path / "first", tmp_path / "second"
    os.mkfifo(first)
    os.mkfifo(second)

    async def main() -> None:
        async with running(tmp_path, code, timeout_s=20.0) as here:
            with pytest.raises(FunctionTimedOut, match=r"no answer within 0.05 s"):
                await here.call(str(first), timeout_s=0.05)
            # A call that was not begun when its caller left is not made at all.
            with pytest.raises(FunctionTimedOut):
                await here.call("/nowhere", timeout_s=0.01)
            again = asyncio.create_task(here.call(str(second)))
            for pipe in (first, second):
                await asyncio.to_thread(pipe.write_bytes, b"")
            assert await again == here.pid
            assert (here.status.calls, here.status.failed, here.status.restarts) == (2, 0, 0)

    run(main())


def test_only_so_many_calls_wait(run: Run, tmp_path: Path) -> None:
    code = "import time\ndef lambda_handler(event, context): time.sleep(100)"

    async def main() -> None:
        async with running(tmp_path, code, timeout_s=900.0, timing=QUICK) as here:
            calls = [
                asyncio.create_task(here.functions.invoke("f", b"null"))
                for _ in range(MAX_WAITING_CALLS)
            ]
            await asyncio.sleep(0)
            with pytest.raises(FunctionBusy) as caught:
                for _ in range(2):  # the first may take the place of the one that runs
                    async with asyncio.timeout(0.01):
                        await here.functions.invoke("f", b"null")
            assert caught.value.retry_after_s > 0
            await here.functions.stop()
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(result).__name__ for result in results} == {"FunctionsStopped"}

        async with running(tmp_path, code, timeout_s=900.0) as here:
            large = b'"' + b"x" * (5 * 1024 * 1024) + b'"'
            count = MAX_WAITING_BYTES // len(large)
            calls = [asyncio.create_task(here.functions.invoke("f", large)) for _ in range(count)]
            await asyncio.sleep(0)
            with pytest.raises(FunctionBusy):
                await here.functions.invoke("f", large)
            await here.functions.stop()
            await asyncio.gather(*calls, return_exceptions=True)

    run(main())
