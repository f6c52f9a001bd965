"""Access keys of a whole gateway: made by the command, used by boto3, held to their policies."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.rig.gateway_process import WEIR, GatewayProcess

OWN = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["sqs:SendMessage", "sqs:GetQueueUrl"],
            "Resource": "arn:aws:sqs:*:*:readings",
        },
    ],
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path_factory.mktemp("site"), rules=[]) as running:
        yield running
        assert "Traceback" not in running.log_tail()


def weir(gateway: GatewayProcess, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [WEIR, "credentials", *arguments, "--config", str(gateway.config), "--json"],
        capture_output=True,
        check=True,
        text=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def client(gateway: GatewayProcess, key: dict[str, Any], service: str = "sqs") -> Any:
    return boto3.client(
        service,
        endpoint_url=gateway.aws_endpoint,
        region_name="us-east-1",
        aws_access_key_id=key["access_key_id"],
        aws_secret_access_key=key["secret_access_key"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def refusal(function: Any, **parameters: object) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        function(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_key_does_what_its_policy_allows_and_no_more(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    file = tmp_path / "own.json"
    file.write_text(json.dumps(OWN))
    sqs = client(gateway, weir(gateway, "create", "pump", "--policy", str(file)))
    url = sqs.get_queue_url(QueueName="readings")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="from the pump")
    assert refusal(sqs.receive_message, QueueUrl=url) == (
        "AccessDenied",
        "User: arn:aws:iam::000000000000:user/pump is not authorized to perform: "
        "sqs:receivemessage on resource: arn:aws:sqs:us-east-1:000000000000:readings because no "
        "identity-based policy allows the sqs:receivemessage action",
    )
    iot = client(gateway, weir(gateway, "rotate", "pump"), "iot")
    assert refusal(iot.list_topic_rules)[0] == "AccessDeniedException"
    assert refusal(sqs.get_queue_url, QueueName="readings")[0] == "SignatureDoesNotMatch"
    weir(gateway, "delete", "pump")
    assert refusal(iot.list_topic_rules)[0] == "UnrecognizedClientException"


def test_a_refusal_does_not_tell_whether_there_is_such_a_queue(gateway: GatewayProcess) -> None:
    sqs = client(gateway, weir(gateway, "create", "reader", "--policy", "read-only"))
    url = sqs.get_queue_url(QueueName="readings")["QueueUrl"]
    there = refusal(sqs.send_message, QueueUrl=url, MessageBody="x")
    missing = refusal(sqs.send_message, QueueUrl=url.replace("readings", "no"), MessageBody="x")
    assert missing[0] == there[0] == "AccessDenied"
    assert missing[1] == there[1].replace(":readings ", ":no ")
    for name in ("readings", "no"):
        assert refusal(sqs.create_queue, QueueName=name)[0] == "AccessDenied"
        assert refusal(sqs.delete_queue, QueueUrl=url.replace("readings", name))[0] == (
            "AccessDenied"
        )


def test_keys_are_there_after_a_restart_and_the_default_one_still_works(
    gateway: GatewayProcess,
) -> None:
    key = weir(gateway, "create", "later", "--policy", "read-only")
    weir(gateway, "rotate", "default")
    assert gateway.stop() == 0
    gateway.start()
    client(gateway, key).list_queues()
    url = gateway.sqs().get_queue_url(QueueName="readings")["QueueUrl"]
    gateway.sqs().send_message(QueueUrl=url, MessageBody="x")
    assert key["secret_access_key"] not in gateway.log.read_text()
