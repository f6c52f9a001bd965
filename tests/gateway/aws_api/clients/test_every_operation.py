"""Every operation of SQS by boto3, by the AWS CLI of today and by Debian's, which speaks Query.

That nothing is left out is part of the test: the operations called are those of the model.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name

from gateway.aws_api.model import load_model
from gateway.aws_api.sqs import sqs_operations
from tests.gateway.aws_api.clients.query_2023 import client_of_2023, lay_out
from tests.gateway.aws_api.clients.walk import Call, walk
from tests.gateway.aws_api.query_models import whole_model
from tests.gateway.aws_api.sqs_serving import KEY, SqsServing

ALL = set(whole_model("sqs", "2012-11-05")["operations"])
TODAYS = str(Path(sys.executable).with_name("aws"))
DEBIANS = "/usr/bin/aws"


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqsServing]:
    with SqsServing(tmp_path_factory.mktemp("sqs")) as serving:
        yield serving


class Recorded:
    """A client that remembers which operations it called."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.operations: set[str] = set()

    def __call__(self, operation: str, **members: Any) -> dict[str, Any]:
        self.operations.add(operation)
        return self._call(operation, **members)


def by_client(client: Any) -> Call:
    def call(operation: str, **members: Any) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(client, xform_name(operation))(**members)
        assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
        return answer

    return call


def by_cli(program: str, address: str, more: Mapping[str, str]) -> Call:
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": f"http://{address}",
        "AWS_ACCESS_KEY_ID": KEY.access_key_id,
        "AWS_SECRET_ACCESS_KEY": KEY.secret_access_key,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_MAX_ATTEMPTS": "1",
        "LC_ALL": "C.UTF-8",
        **more,
    }

    def call(operation: str, **members: Any) -> dict[str, Any]:
        done = subprocess.run(
            [
                program,
                f"--endpoint-url=http://{address}",
                "--output=json",
                "sqs",
                xform_name(operation, "-"),
                *(_option(name, value) for name, value in members.items()),
            ],
            env=environment,
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 0, (operation, done.stderr)
        # What has no members prints nothing, or nothing in braces.
        answer: dict[str, Any] = json.loads(done.stdout or "{}")
        return answer

    return call


def _option(member: str, value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"--{xform_name(member, '-')}={text}"


def test_what_is_served_is_the_whole_model(serving: SqsServing) -> None:
    assert set(load_model("sqs").operations) == ALL
    assert set(sqs_operations(serving.service)) == ALL


def test_boto3_calls_every_operation(serving: SqsServing) -> None:
    client = boto3.client(
        "sqs",
        endpoint_url=f"http://{serving.address}",
        region_name="us-east-1",
        aws_access_key_id=KEY.access_key_id,
        aws_secret_access_key=KEY.secret_access_key,
    )
    recorded = Recorded(by_client(client))
    walk(recorded, "boto3")
    client.close()
    assert recorded.operations == ALL


def test_a_client_of_2023_calls_every_operation(serving: SqsServing, tmp_path: Path) -> None:
    recorded = Recorded(by_client(client_of_2023(tmp_path, serving.address, KEY)))
    walk(recorded, "of-2023")
    assert recorded.operations == ALL


def test_todays_cli_calls_every_operation(serving: SqsServing) -> None:
    recorded = Recorded(by_cli(TODAYS, serving.address, {}))
    walk(recorded, "todays-cli")
    assert recorded.operations == ALL


def test_debians_cli_calls_every_operation(serving: SqsServing, tmp_path: Path) -> None:
    recorded = Recorded(by_cli(DEBIANS, serving.address, {"AWS_DATA_PATH": str(lay_out(tmp_path))}))
    walk(recorded, "debians-cli")
    assert recorded.operations == ALL
