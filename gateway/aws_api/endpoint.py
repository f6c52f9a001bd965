"""The AWS endpoint of a gateway: one port, the front, and who may come in.

Owns the wiring of listener, signature check and services; knows no service.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from gateway.address import Address
from gateway.aws_api.authorization import Authorizer
from gateway.aws_api.front import Front
from gateway.aws_api.service import Service
from gateway.aws_api.settings import AwsSettings
from gateway.aws_api.sigv4 import SignatureVerifier
from gateway.clock import Clock
from gateway.http.server import HttpServer
from gateway.identity.credentials import Credentials
from gateway.metrics import Metrics

__all__ = ["AwsEndpoint"]


@final
class AwsEndpoint:
    """Listens where AWS clients connect.

    Args:
        settings: Address, authentication and limits.
        credentials: The keys that signatures are checked with, and what each may do.
        services: What is served.
        region: The gateway's region.
        clock: Wall time, which dates signatures; while it is not trusted, their age is not
            checked, or a board without a battery clock would lock its clients out.
        metrics: Where requests are counted.
        account: Appears in the ARNs of callers.
    """

    def __init__(
        self,
        settings: AwsSettings,
        credentials: Credentials,
        services: Sequence[Service],
        *,
        region: str,
        clock: Clock,
        metrics: Metrics,
        account: str = "000000000000",
    ) -> None:
        self._address = settings.address
        checked = settings.auth == "sigv4"
        front = Front(
            services,
            region=region,
            verifier=SignatureVerifier(credentials.secret) if checked else None,
            authorizer=Authorizer(credentials, account, metrics) if checked else None,
            wall_s=lambda: clock.wall_ms() / 1000,
            wall_is_trusted=lambda: clock.wall_trusted,
            metrics=metrics,
        )
        self._server = HttpServer(
            front.handle, settings.limits, metrics=metrics, name="aws", refuse=front.refuse
        )

    async def start(self) -> str:
        """Listen; return the address with the port that was bound.

        Raises:
            OSError: The address cannot be had.
        """
        port = await self._server.listen_tcp(self._address.host, self._address.port)
        return str(Address(self._address.host, port))

    async def stop(self, timeout_s: float) -> None:
        """Accept nothing more; requests under way have `timeout_s` to finish."""
        await self._server.close(timeout_s)
