"""The `lambda` action and `aws_lambda()`: how often a function is tried, and what a rule hears."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import rules
from gateway.engine.actions.functions import LambdaAction, invoke_for_sql
from gateway.engine.failures import ActionFailed, TryAgain
from gateway.metrics import Metrics
from gateway.services.functions import Functions, FunctionSettings, Timing
from tests.gateway.engine.actions.a_job import a_job

Run = Callable[[Coroutine[Any, Any, None]], None]

ARN = "arn:aws:lambda:us-east-1:123456789012:function:alarm:prod"

CODE = """
import json, os, time
def lambda_handler(event, context):
    with open("calls", "a") as calls:
        print(json.dumps([event, context.aws_request_id]), file=calls)
    if isinstance(event, str):
        exec(event)
    return event
"""


class Here:
    def __init__(self, folder: Path, functions: Functions) -> None:
        self.functions = functions
        self.action = LambdaAction(functions, retries_after_s=(0.25, 0.5))
        self._folder = folder

    async def run(self, event: Any, attempt: int = 1, arn: str = ARN) -> None:
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        async with asyncio.timeout(20):
            await self.action.run({"functionArn": arn}, payload, attempt, a_job())

    def calls(self) -> list[Any]:
        return [json.loads(line) for line in (self._folder / "calls").read_text().splitlines()]


@asynccontextmanager
async def functions_of(folder: Path, **settings: Any) -> AsyncIterator[Here]:
    (folder / "f.py").write_text(CODE)
    functions = Functions(
        [FunctionSettings("alarm", folder / "f.py", **settings)],
        region="eu-central-1",
        account="000000000000",
        environment=dict,
        metrics=Metrics(),
        timing=Timing(first_rest_s=0.05, longest_rest_s=0.1),
    )
    try:
        yield Here(folder, functions)
    finally:
        await functions.stop()


def test_the_function_gets_the_result_and_the_trace_id(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with functions_of(tmp_path) as here:
            assert here.action.target({"functionArn": ARN}) == "alarm"
            await here.run({"n": 1})
            assert here.calls() == [[{"n": 1}, "trace-1"]]

    run(main())


def test_a_function_that_is_not_there_fails_before_anything_waits(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with functions_of(tmp_path) as here:
            for parameters in ({"functionArn": "other"}, {"functionArn": 7}, {}):
                with pytest.raises(ActionFailed, match="no function") as caught:
                    here.action.target(parameters)
                assert not isinstance(caught.value, TryAgain)
            with pytest.raises(ActionFailed) as caught:
                here.action.target({"functionArn": "other"})
            assert "[[lambda.functions]]" in caught.value.told()

    run(main())


@pytest.mark.parametrize(
    ("event", "told"), [("raise ValueError('no')", "ValueError: no"), ("os._exit(1)", "exit code")]
)
def test_a_call_that_fails_is_tried_twice_more(
    run: Run, tmp_path: Path, event: str, told: str
) -> None:
    async def main() -> None:
        async with functions_of(tmp_path) as here:
            for attempt, after_s in ((1, 0.25), (2, 0.5)):
                with pytest.raises(TryAgain, match=told) as again:
                    await here.run(event, attempt)
                assert again.value.after_s == after_s
            with pytest.raises(ActionFailed, match=told) as failed:
                await here.run(event, 3)
            assert not isinstance(failed.value, TryAgain)
            assert len(here.calls()) == 3

    run(main())


@pytest.mark.parametrize("payload", [b"\xff", b"not json"])
def test_a_payload_that_is_no_json_is_tried_once(run: Run, tmp_path: Path, payload: bytes) -> None:
    async def main() -> None:
        async with functions_of(tmp_path) as here:
            with pytest.raises(ActionFailed, match="no JSON") as caught:
                await here.run(payload)
            assert not isinstance(caught.value, TryAgain)

    run(main())


def test_a_rest_is_waited_for_and_uses_up_no_try(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with functions_of(tmp_path) as here:
            for _ in range(4):
                with pytest.raises(TryAgain, match="exit code"):
                    await here.run("os._exit(1)")
            assert len(here.calls()) == 4, "each try was a call"
            await here.run("0")
            assert here.functions.status()[0].calls == 5

    run(main())


def test_stopping_leaves_the_call_to_be_tried_again(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with functions_of(tmp_path, timeout_s=900.0) as here:
            running = asyncio.create_task(here.run("time.sleep(1000)", 3))
            while here.functions.status()[0].state != "running":
                await asyncio.sleep(0.001)
            await here.functions.stop()
            with pytest.raises(TryAgain, match="stopping"):
                await running

    run(main())


def test_sql_gets_the_answer(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with functions_of(tmp_path) as here:
            answer = await invoke_for_sql(here.functions, ARN, b'{"a": 1.50}')
            assert answer is not None
            assert json.loads(answer) == {"a": 1.5}

    run(main())


@pytest.mark.parametrize(
    ("arn", "event", "told"),
    [
        ("other", "0", "aws_lambda: there is no function 'other'"),
        ("alarm", "raise KeyError('k')", "aws_lambda: .*KeyError"),
        ("alarm", "os._exit(1)", "aws_lambda: .*exit code 1"),
        ("alarm", "time.sleep(1000)", r"aws_lambda: .*no answer within 0.3 s"),
    ],
)
def test_sql_hears_why_there_is_no_answer(
    run: Run, tmp_path: Path, arn: str, event: str, told: str
) -> None:
    async def main() -> None:
        async with functions_of(tmp_path) as here:
            with pytest.raises(rules.EvaluationFailed, match=told):
                await invoke_for_sql(here.functions, arn, json.dumps(event).encode(), timeout_s=0.3)

    run(main())
