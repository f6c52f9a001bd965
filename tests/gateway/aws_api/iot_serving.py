"""IoT's rules behind the real endpoint on a TCP port, on a loop of its own, for boto3 to call."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import botocore.session
import pytest
from botocore.config import Config

from gateway.aws_api.endpoint import AwsEndpoint
from gateway.aws_api.iot import iot_service
from gateway.aws_api.settings import AwsSettings
from gateway.clock import Clock, system_sources
from gateway.engine.catalogue.catalogue import RuleCatalogue
from gateway.engine.destinations.destinations import Destinations
from gateway.http.client import HttpClient
from gateway.identity.credentials import AccessKey, Credentials
from gateway.metrics import Metrics
from gateway.registry import Registry
from gateway.store import StoreSettings
from tests.gateway.engine.running import ACCOUNT, Running, running

REGION = "eu-central-1"
RULE_ARN = f"arn:aws:iot:{REGION}:{ACCOUNT}:rule/"
NOW_MS = 1_795_000_000_250
KEY = AccessKey.generate()


class IotServing:
    """A gateway's rules and their control plane; `call` runs something on its loop.

    Args:
        folder: An empty folder; rule files are in `rules.d` in it.
        declared_urls: Destinations of the settings file.
        has_base: Whether destinations know an address where they can be confirmed.
    """

    def __init__(
        self, folder: Path, declared_urls: Iterable[str] = (), *, has_base: bool = True
    ) -> None:
        self.folder = folder
        self.rules_dir = folder / "rules.d"
        self.registry_folder = folder / "registry"
        self.here: Running
        self.catalogue: RuleCatalogue
        self.address = ""
        self._declared_urls = list(declared_urls)
        self._has_base = has_base
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._client: Any = None

    def __enter__(self) -> IotServing:
        for folder in (self.rules_dir, self.registry_folder):
            folder.mkdir(exist_ok=True)
        self._thread.start()
        assert self._ready.wait(20)
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(20)
        self._loop.close()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._main())
        except BaseException as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._stopping = asyncio.Event()
        settings = StoreSettings(synchronous="OFF", reserve_bytes=8 * 1024 * 1024)
        async with running(self.folder, store_settings=settings) as self.here:
            clock = Clock(system_sources())
            registry = await Registry.open(self.registry_folder / "registry.json")
            client = HttpClient()
            destinations = Destinations(
                registry,
                client,
                self._declared_urls,
                region=REGION,
                account=ACCOUNT,
                enable_base=lambda: f"http://{self.address}" if self._has_base else "",
                now_ms=lambda: NOW_MS,
                gateway_ms=clock.gateway_ms,
                metrics=Metrics(),
            )
            destinations.start()
            self.catalogue = RuleCatalogue(
                self.here.engine,
                registry,
                self.rules_dir,
                now_ms=lambda: NOW_MS,
                region=REGION,
                account=ACCOUNT,
            )
            await self.catalogue.start()
            endpoint = AwsEndpoint(
                AwsSettings(bind="127.0.0.1:0"),
                Credentials((KEY,)),
                [iot_service(self.catalogue, destinations, region=REGION, account=ACCOUNT)],
                region=REGION,
                clock=clock,
                metrics=Metrics(),
            )
            self.address = await endpoint.start()
            self._ready.set()
            await self._stopping.wait()
            await endpoint.stop(1)
            await destinations.close()
            await client.close()
            await self.catalogue.stop()
            await registry.close()

    def call(self, function: Any, *args: object) -> Any:
        """Run a function on the gateway's loop; a coroutine it returns is awaited."""

        async def run() -> Any:
            result = function(*args)
            return await result if asyncio.iscoroutine(result) else result

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(20)

    def bodies_after(self, topic: str, payload: bytes = b'{"a":1}') -> list[bytes]:
        """Publish, and return what rules sent to the queue `alarms`."""
        self.call(self.here.publish, topic, payload)
        bodies: list[bytes] = self.call(self.here.bodies)
        return bodies

    def client(self) -> Any:
        """Return the one client; making another takes botocore a tenth of a second."""
        if self._client is None:
            session = botocore.session.Session()
            session.set_credentials(KEY.access_key_id, KEY.secret_access_key)
            self._client = session.create_client(
                "iot",
                region_name=REGION,
                endpoint_url=f"http://{self.address}",
                config=Config(
                    retries={"total_max_attempts": 1, "mode": "standard"},
                    parameter_validation=False,
                ),
            )
        return self._client

    def signed(self, method: str, path: str, document: object = None) -> tuple[int, Any]:
        """Call without an SDK, which refuses what it does not know; return status and JSON."""
        body = b"" if document is None else json.dumps(document).encode()
        request = botocore.awsrequest.AWSRequest(method, f"http://{self.address}{path}", {}, body)
        credentials = botocore.credentials.Credentials(KEY.access_key_id, KEY.secret_access_key)
        botocore.auth.SigV4Auth(credentials, "iot", REGION).add_auth(request)
        return self.plain(method, path, body, dict(request.headers.items()))

    def plain(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Call without a signature; return status and JSON."""
        connection = http.client.HTTPConnection(self.address, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            said = response.read()
        finally:
            connection.close()
        return response.status, json.loads(said) if said else None


def refusal(function: Any, **parameters: object) -> tuple[str, str, int]:
    """Return the code, the message and the status that a call of boto3's is refused with."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        function(**parameters)
    answer = caught.value.response
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    return answer["Error"]["Code"], answer["Error"]["Message"], status
