"""All functions of a gateway: found by name or ARN, called, looked at, stopped.

Owns which functions there are and what their processes find in their environment. No process runs
before its function's first call.

Source: AWS Lambda API reference, `Invoke`; developer guide, "Defined runtime environment
variables".
"""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Final, final

from gateway.metrics import Metrics
from gateway.services.functions.errors import FunctionNotFound
from gateway.services.functions.function import Function, Timing
from gateway.services.functions.names import arn_of, name_problem, resolve_name
from gateway.services.functions.reports import FunctionCounters, FunctionStatus
from gateway.services.functions.settings import FunctionSettings

__all__ = ["Functions"]

_SHOWN_CHARACTERS: Final = 200
_DEFAULT_TIMING: Final = Timing()


@final
class Functions:
    """The functions that the settings declare. To be used on one event loop.

    Args:
        settings: One of each, free of problems, names distinct.
        region: The region in their ARNs and environment.
        account: The account in their ARNs.
        environment: Gives the variables that point AWS clients at this gateway; asked whenever a
            process starts.
        metrics: Where the counters are.
        monotonic_s: The clock.
        python: The interpreter that runs them.
        timing: The times they are run by.
    """

    def __init__(
        self,
        settings: Sequence[FunctionSettings],
        *,
        region: str,
        account: str,
        environment: Callable[[], Mapping[str, str]],
        metrics: Metrics,
        monotonic_s: Callable[[], float] = time.monotonic,
        python: str = sys.executable,
        timing: Timing = _DEFAULT_TIMING,
    ) -> None:
        self._region = region
        self._account = account
        self._environment = environment
        counters = FunctionCounters(metrics)
        self._functions = {
            each.name: Function(
                each,
                python=python,
                environment=lambda each=each: self._variables(each),  # type: ignore[misc]
                counters=counters,
                monotonic_s=monotonic_s,
                timing=timing,
            )
            for each in settings
        }
        metrics.gauge("lambda.processes", self._processes)

    def names(self) -> list[str]:
        """Return the functions' names, sorted."""
        return sorted(self._functions)

    def find(self, function: str) -> str:
        """Return the name of the function that a name, an ARN or a part of one means.

        Raises:
            FunctionNotFound: There is none.
        """
        name = resolve_name(function)
        if name not in self._functions:
            shown = function[:_SHOWN_CHARACTERS]
            raise FunctionNotFound(
                f"there is no function {shown!r} on this gateway",
                hint="" if name_problem(name) else _declare(name),
            )
        return name

    async def invoke(
        self,
        function: str,
        payload: bytes,
        *,
        request_id: str = "",
        timeout_s: float | None = None,
    ) -> bytes:
        """Call a function with a JSON text and return its answer, a JSON text.

        One call of a function runs at a time; others wait in order.

        Args:
            function: Its name, ARN or a part of it, with alias or version or without.
            payload: The event.
            request_id: What the context gives as `aws_request_id`; empty for a new one.
            timeout_s: How long to wait for the answer, from now. A call that runs at its end runs
                on, up to the function's own limit, and its answer is dropped. None: no limit but
                the function's.

        Raises:
            FunctionNotFound: There is no such function.
            FunctionFailed: The handler raised, or the file cannot be imported.
            FunctionTimedOut: It took too long.
            FunctionCrashed: Its process ended, or ran out of memory.
            FunctionAnswerTooLarge: It returned too much.
            FunctionQuarantined: It crashed again and again, and rests.
            FunctionBusy: Too many calls wait.
            PayloadRefused: The payload is no JSON text, or too large.
            FunctionsStopped: The gateway is stopping.
        """
        called = self._functions[self.find(function)]
        return await called.invoke(
            payload,
            request_id=request_id or str(uuid.uuid4()),
            arn=arn_of(function, region=self._region, account=self._account),
            timeout_s=timeout_s,
        )

    def status(self) -> list[FunctionStatus]:
        """Return every function as it is now, by name."""
        return [self._functions[name].status() for name in self.names()]

    async def stop(self) -> None:
        """Kill every process; calls that run or wait end with FunctionsStopped."""
        await asyncio.gather(*(function.stop() for function in self._functions.values()))

    def pids(self) -> dict[str, int]:
        """Return the ids of the processes that run now, by function."""
        found = {name: function.pid for name, function in self._functions.items()}
        return {name: pid for name, pid in found.items() if pid is not None}

    def _processes(self) -> float:
        return sum(function.is_running for function in self._functions.values())

    def _variables(self, settings: FunctionSettings) -> dict[str, str]:
        stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[$LATEST]{uuid.uuid4().hex}"
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            # Without keys boto3 would look for AWS's own machine first, for seconds.
            "AWS_EC2_METADATA_DISABLED": "true",
            **self._environment(),
            **settings.variables,
            "TZ": ":UTC",
            "AWS_REGION": self._region,
            "AWS_DEFAULT_REGION": self._region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info[0]}.{sys.version_info[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": settings.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(settings.memory_mb),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{settings.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            "LAMBDA_TASK_ROOT": str(settings.file.absolute().parent),
            "_HANDLER": f"{settings.file.stem}.{settings.handler}",
        }


def _declare(name: str) -> str:
    return (
        f'Add to the settings:\n[[lambda.functions]]\nname = "{name}"\nfile = "functions/{name}.py"'
    )
