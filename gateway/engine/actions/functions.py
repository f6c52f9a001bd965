"""The `lambda` action, and `aws_lambda()` in SQL: local functions as rules call them.

Owns how often a call is tried and what of it a rule hears. The action is AWS's asynchronous
invocation: the answer is dropped, and a call that fails is tried twice more. Knows nothing of
processes.

Source: AWS Lambda developer guide, "How Lambda handles errors and retries with asynchronous
invocation"; AWS IoT Core developer guide, "Lambda" and "aws_lambda(functionArn, inputJson)".
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, final

import orjson

import rules
from gateway.engine.failures import ActionFailed, TryAgain
from gateway.engine.outbox import NewJob
from gateway.services.functions import (
    FunctionError,
    FunctionNotFound,
    FunctionNotNow,
    Functions,
    FunctionsStopped,
)

__all__ = ["SQL_TIMEOUT_S", "LambdaAction", "invoke_for_sql"]

SQL_TIMEOUT_S: Final = 2.0
"""How long `aws_lambda()` waits for an answer; AWS's limit."""

# AWS waits one minute and two; here nobody else's functions wait behind.
_RETRIES_AFTER_S: Final = (1.0, 2.0)

# How often one try waits for a function that rests or is busy: with the longest rest of 30 s, ten
# minutes.
_MAX_WAITS: Final = 20


@final
class LambdaAction:
    """Carries out `lambda` actions; what the outbox calls.

    Args:
        functions: The functions there are.
        retries_after_s: How long to wait before each further try.
    """

    __slots__ = ("_functions", "_retries_after_s")

    concurrency: ClassVar[int] = 1
    """A function runs one call at a time, so that calls stay in order."""

    def __init__(
        self, functions: Functions, *, retries_after_s: Sequence[float] = _RETRIES_AFTER_S
    ) -> None:
        self._functions = functions
        self._retries_after_s = tuple(retries_after_s)

    def target(self, parameters: Mapping[str, object]) -> str:
        """Return the function's name.

        Raises:
            ActionFailed: There is no such function.
        """
        try:
            return self._functions.find(str(parameters.get("functionArn", "")))
        except FunctionNotFound as error:
            raise ActionFailed(str(error), hint=error.hint) from error

    async def run(
        self, parameters: Mapping[str, object], payload: bytes, attempt: int, job: NewJob
    ) -> None:
        """Call the function.

        While it rests after crashes, or is busy with others, the call waits here: nothing else of
        this lane could run, order is kept, and no try is used up.

        Args:
            parameters: What stands under `lambda`, rendered.
            payload: The event.
            attempt: 1 for the first try.
            job: Its message's identifier is what the function sees as its request id.

        Raises:
            ActionFailed: The call failed for good.
            TryAgain: It failed this time.
        """
        function = str(parameters.get("functionArn", ""))
        try:
            await self._call(function, payload, job.trace_id)
        except FunctionsStopped as error:
            raise TryAgain(str(error), after_s=self._retries_after_s[0]) from error
        except FunctionError as error:
            if error.may_retry and attempt <= len(self._retries_after_s):
                after_s = self._retries_after_s[attempt - 1]
                raise TryAgain(str(error), hint=error.hint, after_s=after_s) from error
            raise ActionFailed(str(error), hint=error.hint) from error

    async def _call(self, function: str, payload: bytes, trace_id: str) -> None:
        for waits in range(_MAX_WAITS + 1):
            try:
                await self._functions.invoke(function, payload, request_id=trace_id)
            except FunctionNotNow as error:
                if waits == _MAX_WAITS:
                    raise
                await asyncio.sleep(error.retry_after_s)
            else:
                return


async def invoke_for_sql(
    functions: Functions, function_arn: str, payload: bytes, *, timeout_s: float = SQL_TIMEOUT_S
) -> bytes | None:
    """Answer `aws_lambda()`; to be run on the functions' event loop.

    Args:
        functions: The functions there are.
        function_arn: What the statement names.
        payload: The event, a JSON text.
        timeout_s: How long to wait for the answer, the wait for other calls included.

    Returns:
        The JSON text that the function returned.

    Raises:
        EvaluationFailed: There is no such function, or it did not answer.
    """
    try:
        answer = await functions.invoke(function_arn, payload, timeout_s=timeout_s)
        orjson.loads(answer)
    except orjson.JSONDecodeError as error:
        raise rules.EvaluationFailed(
            f"aws_lambda: what {function_arn[:200]!r} answered is no JSON: {error}"
        ) from error
    except FunctionError as error:
        raise rules.EvaluationFailed(f"aws_lambda: {error}", hint=error.hint) from error
    return answer
