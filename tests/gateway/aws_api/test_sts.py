"""STS through the front: boto3 and Debian's AWS CLI ask who they are."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator

import botocore.exceptions
import pytest

from gateway.aws_api.front import Front
from gateway.aws_api.sigv4 import SignatureVerifier
from gateway.aws_api.sts import sts_service
from gateway.http.message import Headers, Request
from gateway.identity.credentials import AccessKey, Credentials
from gateway.metrics import Metrics
from tests.gateway.aws_api.test_front import Serving

ACCOUNT = "123456789012"
KEYS = tuple(AccessKey.generate(name) for name in ("default", "pump", "pump-2"))
CREDENTIALS = Credentials(KEYS)


def a_front(*, auth: bool = True, region: str = "us-east-1") -> Front:
    return Front(
        [sts_service(account=ACCOUNT, user_name=CREDENTIALS.name)],
        region=region,
        verifier=SignatureVerifier(CREDENTIALS.secret) if auth else None,
        wall_s=time.time,
        wall_is_trusted=lambda: True,
        metrics=Metrics(),
    )


@pytest.fixture(scope="module")
def serving() -> Iterator[Serving]:
    with Serving(a_front()) as serving:
        yield serving


def test_a_key_is_a_user_with_the_keys_name(serving: Serving) -> None:
    seen = set()
    for key in KEYS:
        answer = serving.client(key=key, service="sts").get_caller_identity()
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
        assert answer["Account"] == ACCOUNT
        assert answer["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/{key.name}"
        assert re.fullmatch(r"AIDA[A-Z2-7]{16}", answer["UserId"])
        seen.add(answer["UserId"])
    assert len(seen) == len(KEYS)
    again = serving.client(key=KEYS[0], service="sts").get_caller_identity()
    assert again["UserId"] in seen


def code_of(call: object) -> tuple[str, int, str]:
    assert callable(call)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call()
    answer = caught.value.response
    error = answer["Error"]
    return error["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], error["Message"]


def test_other_operations_are_not_served(serving: Serving) -> None:
    client = serving.client(key=KEYS[0], service="sts")
    code, status, said = code_of(client.get_session_token)
    assert (code, status) == ("UnsupportedOperation", 400)
    assert said == "Weir does not serve GetSessionToken yet."


def test_strangers_are_told_nothing(serving: Serving) -> None:
    client = serving.client(key=AccessKey.generate(), service="sts")
    assert code_of(client.get_caller_identity)[:2] == ("InvalidClientTokenId", 403)


def test_a_request_that_is_signed_for_another_region_is_told_which_one_is_here() -> None:
    with Serving(a_front(region="eu-north-1")) as serving:
        client = serving.client(key=KEYS[0], service="sts")
        code, status, said = code_of(client.get_caller_identity)
    assert (code, status) == ("SignatureDoesNotMatch", 403)
    assert said.startswith("Credential should be scoped to a valid region, not 'us-east-1'.")
    assert "'eu-north-1'" in said


def test_where_signatures_are_not_checked_everybody_is_the_account() -> None:
    form = Headers([("Content-Type", "application/x-www-form-urlencoded"), ("Host", "localhost")])
    request = Request("POST", "/", "", form, b"Action=GetCallerIdentity&Version=2011-06-15")
    response = asyncio.run(a_front(auth=False).handle(request))
    assert response.status == 200
    assert b"<Arn>arn:aws:iam::123456789012:root</Arn>" in response.body
    assert b"<UserId>123456789012</UserId>" in response.body
