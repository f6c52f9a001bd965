"""What a call asks permission for, and that every demand of it must be allowed."""

from __future__ import annotations

import asyncio
import random

import pytest

from gateway.aws_api.authorization import Authorizer, on_anything
from gateway.aws_api.errors import AwsError
from gateway.aws_api.iot_demands import iot_demands
from gateway.aws_api.model import load_model
from gateway.aws_api.sqs_demands import sqs_demands
from gateway.identity.credentials import AccessKey, Credentials
from gateway.identity.policy import CUSTOM, Policy
from gateway.metrics import Metrics
from gateway.services.sqs.names import resolve_name

REGION, ACCOUNT = "eu-central-1", "123456789012"
ALARMS = f"arn:aws:sqs:{REGION}:{ACCOUNT}:alarms"
URL = f"http://127.0.0.1:4566/{ACCOUNT}/alarms"
RULE = f"arn:aws:iot:{REGION}:{ACCOUNT}:rule/too_hot"


def a_key(action: str) -> AccessKey:
    statement = {"Effect": "Allow", "Action": action, "Resource": ALARMS}
    return AccessKey.generate("pump", Policy(CUSTOM, {"Statement": [statement]}))


def arn(name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def demanded(operation: str, **parameters: object) -> list[tuple[str, str]]:
    return list(sqs_demands(arn)(operation, parameters))


def test_what_sqs_asks_for() -> None:
    for operation in load_model("sqs").operations:
        ((action, resource), *_) = demanded(operation, QueueUrl=URL)
        assert action == f"sqs:{operation.removesuffix('Batch').lower()}"
        assert resource == ALARMS
    assert demanded("CreateQueue", QueueName="alarms") == [("sqs:createqueue", ALARMS)]
    tagged = demanded("CreateQueue", QueueName="alarms", tags={"a": "b"})
    assert tagged == [("sqs:createqueue", ALARMS), ("sqs:tagqueue", ALARMS)]
    moved = demanded("StartMessageMoveTask", SourceArn=ALARMS, DestinationArn=arn("other"))
    assert dict(moved) == {
        "sqs:startmessagemovetask": ALARMS,
        "sqs:receivemessage": ALARMS,
        "sqs:deletemessage": ALARMS,
        "sqs:getqueueattributes": ALARMS,
        "sqs:sendmessage": arn("other"),
    }
    assert demanded("ListQueues") == [("sqs:listqueues", arn(""))]
    # A handle is the caller's word: the task it names may be of another queue than it says.
    assert demanded("CancelMessageMoveTask", TaskHandle="e30=") == [
        ("sqs:cancelmessagemovetask", arn(""))
    ]


def test_what_iot_asks_for() -> None:
    demands = iot_demands(region=REGION, account=ACCOUNT)
    destination = f"arn:aws:iot:{REGION}:{ACCOUNT}:destination/http/1"
    assert demands("GetTopicRule", {"ruleName": "too_hot"}) == [("iot:GetTopicRule", RULE)]
    assert demands("ListTopicRules", {}) == [("iot:ListTopicRules", "*")]
    assert demands("GetTopicRuleDestination", {"arn": destination})[0][1] == destination
    made = demands("CreateTopicRuleDestination", {"destinationConfiguration": {}})
    assert made == [("iot:CreateTopicRuleDestination", destination.removesuffix("1") + "*")]


def test_every_demand_of_a_call_must_be_allowed() -> None:
    key = a_key("sqs:*")
    authorizer = Authorizer(Credentials((key,)), ACCOUNT, Metrics())
    parameters = {"SourceArn": ALARMS}
    authorizer.check(key.access_key_id, sqs_demands(arn), "StartMessageMoveTask", parameters)
    with pytest.raises(AwsError, match=r"sqs:sendmessage on resource: \S+:other because"):
        authorizer.check(
            key.access_key_id,
            sqs_demands(arn),
            "StartMessageMoveTask",
            {**parameters, "DestinationArn": arn("other")},
        )


def test_a_service_that_names_no_resources_is_allowed_by_a_star_alone() -> None:
    demands = on_anything("sts")
    assert demands("GetCallerIdentity", {"anything": 1}) == (("sts:GetCallerIdentity", "*"),)


def test_a_key_that_went_between_signature_and_policy_is_unknown() -> None:
    key = AccessKey.generate()

    async def main() -> None:
        other = AccessKey.generate("other")
        credentials = Credentials((key, other))
        await credentials.delete("other")
        authorizer = Authorizer(credentials, ACCOUNT, Metrics())
        with pytest.raises(AwsError, match="UnrecognizedClientException"):
            authorizer.check(other.access_key_id, on_anything("sqs"), "ListQueues", {})

    asyncio.run(main())


def test_no_way_of_naming_a_queue_gets_past_a_policy() -> None:
    """Whatever a URL is made of, what is asked about is the queue that the engine would find."""
    policy = a_key("sqs:SendMessage").policy
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    pieces = [
        "alarms",
        "other",
        "/",
        ":",
        "*",
        "?",
        "//",
        "%2F",
        " ",
        "\n",
        "arn:aws:sqs:r:1:",
        "a",
    ]
    for _ in range(2000):
        url = "".join(rng.choice(pieces) for _ in range(rng.randint(0, 6)))
        ((_, resource),) = demanded("SendMessage", QueueUrl=url)
        allowed = policy.allows("sqs:sendmessage", resource)
        assert allowed == (resolve_name(url) == "alarms"), (url, resource)
