"""A whole gateway for programs that use SQS, and what `weir env` tells them to find it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.aws_api.clients.endpoint import Endpoint
from tests.rig.gateway_process import GatewayProcess


@pytest.fixture(scope="package")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path_factory.mktemp("site"), rules=[]) as running:
        yield running
        assert running.stop() == 0
        assert "Traceback" not in running.log.read_text()


@pytest.fixture(scope="package")
def endpoint(gateway: GatewayProcess) -> Endpoint:
    known = gateway.credentials()
    return Endpoint(
        gateway.aws_endpoint,
        known["AWS_REGION"],
        known["AWS_ACCESS_KEY_ID"],
        known["AWS_SECRET_ACCESS_KEY"],
    )
