"""A whole gateway and Debian's AWS CLI, which calls SQS by its old protocol and asks STS first."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.rig.gateway_process import WEIR, GatewayProcess


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path_factory.mktemp("site"), rules=[]) as running:
        yield running
        assert "Traceback" not in running.log_tail()


@pytest.fixture(scope="module")
def key(gateway: GatewayProcess) -> dict[str, Any]:
    done = subprocess.run(
        [WEIR, "credentials", "create", "reader", "--policy", "read-only", "--config",
         str(gateway.config), "--json"],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def aws(
    gateway: GatewayProcess, key: dict[str, Any], *arguments: str, region: str = "us-east-1"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/usr/bin/aws", f"--endpoint-url={gateway.aws_endpoint}", *arguments],
        env={
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": key["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": key["secret_access_key"],
            "AWS_DEFAULT_REGION": region,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_cli_learns_who_it_is(gateway: GatewayProcess, key: dict[str, Any]) -> None:
    done = aws(gateway, key, "sts", "get-caller-identity")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["Account"] == "000000000000"
    assert told["Arn"] == "arn:aws:iam::000000000000:user/reader"


def test_a_policy_holds_in_the_query_protocol_too(
    gateway: GatewayProcess, key: dict[str, Any]
) -> None:
    done = aws(gateway, key, "sqs", "get-queue-url", "--queue-name=readings")
    assert done.returncode == 0, done.stderr
    url = json.loads(done.stdout)["QueueUrl"]
    done = aws(gateway, key, "sqs", "send-message", f"--queue-url={url}", "--message-body=x")
    assert done.returncode == 254
    assert "(AccessDenied)" in done.stderr
    assert "user/reader is not authorized to perform: sqs:sendmessage" in done.stderr


def test_another_region_is_refused(gateway: GatewayProcess, key: dict[str, Any]) -> None:
    done = aws(gateway, key, "sqs", "list-queues", region="eu-west-1")
    assert done.returncode == 254
    assert "(SignatureDoesNotMatch)" in done.stderr
    assert "This gateway's region is 'us-east-1'" in done.stderr
