"""SQS behind the real endpoint on a TCP port, on a loop of its own, for boto3 to call."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config

from gateway.aws_api.endpoint import AwsEndpoint
from gateway.aws_api.settings import AwsSettings
from gateway.aws_api.sqs import sqs_service
from gateway.clock import Clock, system_sources
from gateway.identity.credentials import AccessKey, Credentials
from gateway.metrics import Metrics
from gateway.registry import Registry
from gateway.services.sqs import SqsService
from gateway.store import Store, StoreSettings
from gateway.store.encryption import KeyRing

ACCOUNT = "000000000000"
KEY = AccessKey.generate()


class SqsServing:
    """A gateway's SQS and nothing else; `call` runs something on its loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._ready = threading.Event()
        self.service: SqsService
        self.address = ""
        self._client: Any = None

    def __enter__(self) -> SqsServing:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()

    async def _start(self) -> None:
        self.metrics = Metrics()
        clock = Clock(system_sources())
        settings = StoreSettings(synchronous="OFF", reserve_bytes=8 * 1024 * 1024)
        self.store = Store(self._folder / "weir.db", settings, clock, self.metrics)
        self.keys = KeyRing.open(self._folder, {})
        registry = await Registry.open(self._folder / "registry.json")
        self.service = SqsService(
            self.store,
            registry,
            clock,
            self.metrics,
            region="us-east-1",
            account=ACCOUNT,
            keys=self.keys,
        )
        await self.service.start()
        self._endpoint = AwsEndpoint(
            AwsSettings(bind="127.0.0.1:0"),
            Credentials((KEY,)),
            [sqs_service(self.service)],
            region="us-east-1",
            clock=clock,
            metrics=self.metrics,
        )
        self.address = await self._endpoint.start()

    async def _stop(self) -> None:
        await self._endpoint.stop(1)
        await self.service.stop()
        await self.store.close()

    def call(self, function: Any, *args: object) -> Any:
        """Run a function on the gateway's loop; a coroutine it returns is awaited."""

        async def run() -> Any:
            result = function(*args)
            return await result if asyncio.iscoroutine(result) else result

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def client(self) -> Any:
        """Return the one client; making another takes botocore a tenth of a second."""
        if self._client is None:
            self._client = self._new_client()
        return self._client

    def _new_client(self) -> Any:
        session = botocore.session.Session()
        session.set_credentials(KEY.access_key_id, KEY.secret_access_key)
        return session.create_client(
            "sqs",
            region_name="us-east-1",
            endpoint_url=f"http://{self.address}",
            config=Config(
                retries={"total_max_attempts": 1, "mode": "standard"}, parameter_validation=False
            ),
        )
