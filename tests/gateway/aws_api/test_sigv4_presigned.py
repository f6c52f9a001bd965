"""Presigned requests: botocore presigns, the gateway verifies and keeps to the time it gave."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.aws_api.errors import AwsError
from gateway.aws_api.service import Caller
from gateway.aws_api.sigv4 import SignatureVerifier
from gateway.aws_api.sigv4_presigned import MAX_LIFETIME_S
from gateway.http.message import Headers, Request
from gateway.identity.credentials import AccessKey
from tests.gateway.aws_api.query_models import old_client
from tests.gateway.aws_api.test_front import KEY, Toy, a_front

SECRET = KEY.secret_access_key
HOST = "127.0.0.1:4566"


def now_s() -> float:
    return datetime.datetime.now(datetime.UTC).timestamp()


def presign(
    query: str,
    *,
    method: str = "GET",
    body: bytes = b"",
    fields: dict[str, str] | None = None,
    expires_s: int = 600,
    secret: str = SECRET,
    token: str | None = None,
    region: str = "us-east-1",
) -> Request:
    credentials = Credentials(KEY.access_key_id, secret, token)
    request = AWSRequest(method, f"http://{HOST}/000000000000/toy?{query}", data=body)
    for name, value in (fields or {}).items():
        request.headers[name] = value
    botocore.auth.SigV4QueryAuth(credentials, "sqs", region, expires_s).add_auth(request)
    parts = urlsplit(request.url)
    sent = Headers([("Host", HOST), *request.headers.items()])
    return Request(method, parts.path, parts.query, sent, body)


def changed(
    request: Request,
    *,
    query: Callable[[str], str] = str,
    method: str | None = None,
    path: str | None = None,
    body: bytes | None = None,
    more: tuple[tuple[str, str], ...] = (),
) -> Request:
    return Request(
        method or request.method,
        path or request.path,
        query(request.query_string),
        Headers([*request.headers.items(), *more]),
        request.body if body is None else body,
    )


def verify(request: Request, *, later_s: float = 0, check_skew: bool = True) -> Caller:
    verifier = SignatureVerifier({KEY.access_key_id: SECRET}.get)
    return verifier.verify(
        request.method,
        request.path,
        request.query_string,
        request.headers,
        request.body,
        now_s=now_s() + later_s,
        check_skew=check_skew,
    )


def refused(request: Request, *, later_s: float = 0) -> AwsError:
    with pytest.raises(AwsError) as caught:
        verify(request, later_s=later_s)
    return caught.value


SEND = "Action=SendMessage&MessageBody=a%20b&Version=2012-11-05"


def test_a_presigned_url_names_its_signer() -> None:
    caller = verify(presign(SEND))
    assert (caller.access_key_id, caller.region, caller.service) == (
        KEY.access_key_id, "us-east-1", "sqs",
    )  # fmt: skip


@settings(derandomize=True, max_examples=80, deadline=None)
@given(st.dictionaries(st.text("aZ.1", min_size=1, max_size=4), st.text(max_size=6), max_size=4))
def test_any_query_that_botocore_presigns(fields: dict[str, str]) -> None:
    query = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in fields.items())
    verify(presign(query))


def test_the_body_is_signed_with_a_post() -> None:
    request = presign("", method="POST", body=b"", fields={"X-Amz-Target": "AmazonSQS.X"})
    verify(request)
    assert refused(changed(request, body=b"{}")).query_code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "tampered",
    [
        lambda r: changed(r, query=lambda q: q.replace("a%20b", "a%20c")),
        lambda r: changed(r, query=lambda q: q + "&DelaySeconds=9"),
        lambda r: changed(r, query=lambda q: q.replace("X-Amz-Expires=600", "X-Amz-Expires=601")),
        lambda r: changed(r, method="DELETE"),
        lambda r: changed(r, path="/000000000000/other"),
        lambda r: changed(r, body=b"MessageBody=other"),
        lambda r: changed(r, more=(("X-Amz-Target", "AmazonSQS.DeleteQueue"),)),
        lambda r: changed(r, query=lambda q: q[:-1] + ("0" if q[-1] != "0" else "1")),
        lambda r: changed(r, query=lambda q: q.replace("us-east-1", "eu-west-1")),
        lambda r: presign(SEND, secret="wrong"),
    ],
)
def test_what_was_changed_does_not_match(tampered: Callable[[Request], Request]) -> None:
    request = tampered(presign(SEND))
    error = refused(request)
    assert (error.query_code, error.status) == ("SignatureDoesNotMatch", 403)


def test_it_lasts_as_long_as_it_says() -> None:
    request = presign(SEND, expires_s=3600)
    verify(request, later_s=3590)
    error = refused(request, later_s=3610)
    assert (error.query_code, error.status) == ("SignatureDoesNotMatch", 403)
    assert error.message.startswith("Signature expired: ")
    assert error.message.endswith(" - 60 min.)")
    assert refused(presign(SEND, expires_s=30), later_s=40).message.endswith(" - 30 sec.)")
    verify(presign(SEND, expires_s=MAX_LIFETIME_S), later_s=MAX_LIFETIME_S - 10)


def test_it_is_not_good_before_its_time() -> None:
    assert refused(presign(SEND), later_s=-1000).message.startswith("Signature not yet current")
    verify(presign(SEND), later_s=-800)


def test_a_wrong_clock_locks_nobody_out() -> None:
    verify(presign(SEND), later_s=10 * 365 * 86400, check_skew=False)


def test_without_a_lifetime_it_is_a_quarter_of_an_hour() -> None:
    request = changed(presign(SEND), query=lambda q: q.replace("&X-Amz-Expires=600", ""))
    assert refused(request, later_s=901).message.startswith("Signature expired")
    assert refused(request, later_s=800).message.startswith("The request signature we calculated")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("X-Amz-Expires=600", "X-Amz-Expires=0"),
        ("X-Amz-Expires=600", "X-Amz-Expires=604801"),
        ("X-Amz-Expires=600", "X-Amz-Expires=-1"),
        ("X-Amz-Expires=600", "X-Amz-Expires=1e3"),
        ("X-Amz-Expires=600", "X-Amz-Expires=" + "9" * 5000),
        ("X-Amz-Expires=600", "X-Amz-Expires="),
        ("X-Amz-Expires=600", "X-Amz-Expires=600&X-Amz-Expires=604800"),
        ("X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=AWS4-HMAC-SHA1"),
        ("X-Amz-Algorithm=AWS4-HMAC-SHA256&", ""),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders="),
        ("X-Amz-Credential", "X-Amz-Credentials"),
        ("X-Amz-Date", "X-Amz-Time"),
    ],
)
def test_what_is_missing_or_malformed_is_incomplete(old: str, new: str) -> None:
    request = presign(SEND)
    assert old in request.query_string
    error = refused(changed(request, query=lambda q: q.replace(old, new)))
    assert (error.query_code, error.status) == ("IncompleteSignature", 400)


def test_all_that_is_missing_is_named() -> None:
    request = Request("GET", "/", "X-Amz-Algorithm=AWS4-HMAC-SHA256", Headers([("Host", HOST)]))
    assert refused(request).message == (
        "AWS query-string parameters must include 'X-Amz-Credential'. "
        "AWS query-string parameters must include 'X-Amz-Signature'. "
        "AWS query-string parameters must include 'X-Amz-SignedHeaders'. "
        "AWS query-string parameters must include 'X-Amz-Date'. "
        "Re-examine the query-string parameters."
    )


def test_the_words_within_a_value_are_no_signature() -> None:
    request = Request("GET", "/", "MessageBody=X-Amz-Signature", Headers([("Host", HOST)]))
    assert refused(request).code == "AccessDeniedException"


def test_two_signatures_are_one_too_many() -> None:
    fields = (("Authorization", "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=b"),)
    assert refused(changed(presign(SEND), more=fields)).query_code == "IncompleteSignature"


def test_a_session_token_is_refused_with_the_remedy() -> None:
    error = refused(presign(SEND, token="leftover"))
    assert error.query_code == "InvalidClientTokenId"
    assert "AWS_SESSION_TOKEN" in error.message


def test_the_presigned_urls_of_the_old_client_are_served(tmp_path: Path) -> None:
    toy = Toy()
    front = a_front(toy)
    client = old_client(tmp_path, HOST, KEY)
    for method in ("GET", "POST"):
        url = client.generate_presigned_url(
            "send_message",
            Params={"QueueUrl": f"http://{HOST}/000000000000/toy", "MessageBody": "grün & +"},
            HttpMethod=method,
        )
        parts = urlsplit(url)
        request = Request(method, parts.path, parts.query, Headers([("Host", HOST)]))
        response = asyncio.run(front.handle(request))
        assert response.status == 200, response.body
        assert b"<MessageId>m-1</MessageId>" in response.body
        assert toy.calls.pop()[0]["MessageBody"] == "grün & +"
    stranger = old_client(tmp_path, HOST, AccessKey.generate())
    parts = urlsplit(stranger.generate_presigned_url("list_queues"))
    request = Request("GET", parts.path, parts.query, Headers([("Host", HOST)]))
    response = asyncio.run(front.handle(request))
    assert response.status == 403
    assert b"<Code>InvalidClientTokenId</Code>" in response.body
