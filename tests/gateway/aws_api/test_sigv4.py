"""Signature Version 4: botocore signs, the gateway verifies."""

from __future__ import annotations

import datetime
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.aws_api import sigv4
from gateway.aws_api.errors import AwsError
from gateway.aws_api.sigv4 import MAX_SKEW_S, SignatureVerifier
from gateway.http.message import Headers

KEY_ID = "AKIAWEIRTESTKEY00001"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

repeatable = settings(derandomize=True, max_examples=80, deadline=None)


class Wire:
    """A request as it is sent: what the verifier sees, open to tampering."""

    def __init__(self, method: str, target: str, fields: list[tuple[str, str]], body: bytes):
        self.method = method
        self.path, _, self.query_string = target.partition("?")
        self.fields = fields
        self.body = body

    def field(self, name: str) -> str:
        return {key.lower(): value for key, value in self.fields}[name.lower()]

    def with_field(self, name: str, value: str | None) -> Wire:
        kept = [pair for pair in self.fields if pair[0].lower() != name.lower()]
        added = [] if value is None else [(name, value)]
        return Wire(self.method, self.target, kept + added, self.body)

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query_string}" if self.query_string else self.path


def now() -> float:
    return datetime.datetime.now(datetime.UTC).timestamp()


def sign(
    method: str = "POST",
    url: str = "http://127.0.0.1:4566/",
    *,
    body: bytes = b'{"QueueUrl":"u"}',
    fields: dict[str, str] | None = None,
    params: dict[str, str] | None = None,
    token: str | None = None,
    key_id: str = KEY_ID,
    secret: str = SECRET,
    region: str = "eu-central-1",
    service: str = "sqs",
) -> Wire:
    request = AWSRequest(
        method=method,
        url=url,
        data=body,
        params=params or {},
        headers=fields
        if fields is not None
        else {
            "X-Amz-Target": "AmazonSQS.ListQueues",
            "Content-Type": "application/x-amz-json-1.0",
        },
    )
    signer = botocore.auth.SigV4Auth(Credentials(key_id, secret, token), service, region)
    signer.add_auth(request)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    sent = [(name, str(value)) for name, value in prepared.headers.items()]
    sent = [
        (name, value.decode() if isinstance(value, bytes) else value) for name, value in sent
    ] + [("Host", parts.netloc)]
    return Wire(method, target, sent, body)


def verifier() -> SignatureVerifier:
    return SignatureVerifier({KEY_ID: SECRET}.get)


def verify(
    wire: Wire,
    by: SignatureVerifier | None = None,
    *,
    now_s: float | None = None,
    check_skew: bool = True,
):
    return (by or verifier()).verify(
        wire.method,
        wire.path,
        wire.query_string,
        Headers(wire.fields),
        wire.body,
        now_s=now() if now_s is None else now_s,
        check_skew=check_skew,
    )


def refused(wire: Wire, **more: object) -> AwsError:
    with pytest.raises(AwsError) as caught:
        verify(wire, **more)  # type: ignore[arg-type]
    return caught.value


def test_what_botocore_signs_is_verified_and_its_scope_is_known() -> None:
    caller = verify(sign())
    assert (caller.access_key_id, caller.region, caller.service) == (KEY_ID, "eu-central-1", "sqs")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/000000000000/alarms",
        "/a/b/",
        "/a//b///",
        "/a/./b/../c",
        "/..",
        "/../..//x/.",
        "/with%20space",
        "/plus+and%2Bencoded",
        "/~tilde-_.dots",
        "/%C3%BC/%E2%82%AC",
        "/colon:and@at,comma;semi=eq&amp",
        "/%2F/%25",
        "/thing/shadow$name",
    ],
)
def test_odd_paths_are_verified_as_botocore_signs_them(path: str) -> None:
    verify(sign(url=f"http://127.0.0.1:4566{path}"))


@pytest.mark.parametrize(
    "query",
    [
        "a=1&b=2",
        "b=2&a=1",
        "a=2&a=1",
        "a",
        "a=",
        "=a",
        "a=b=c",
        "a=%20x&b=%C3%BC",
        "a=~-_.",
        "a=x+y",
        "A=1&a=2&aa=0&a-=3",
        "name=shadow%2Fone&x=%24",
    ],
)
def test_odd_queries_are_verified_as_botocore_signs_them(query: str) -> None:
    verify(sign("GET", f"http://127.0.0.1:4566/x?{query}", body=b""))


@repeatable
@given(
    params=st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=12), max_size=4),
    path=st.text("abcXYZ019-_.~/%+:@ü ", max_size=20),
    body=st.binary(max_size=64),
)
def test_any_path_query_and_body_that_botocore_sends_is_verified(
    params: dict[str, str], path: str, body: bytes
) -> None:
    from urllib.parse import quote

    url = f"http://127.0.0.1:4566/{quote(path)}"
    verify(sign("PUT", url, params=params, body=body))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:4566", "localhost:4566", "[::1]:4566", "greenhouse-1.local", "sqs.weir.local:80"],
)
def test_the_host_is_verified_as_it_was_addressed(host: str) -> None:
    wire = sign(url=f"http://{host}/")
    if host.endswith(":80"):
        host = host[:-3]  # clients leave the default port out of the header
    verify(wire.with_field("Host", host))


def test_header_values_are_compared_with_their_spaces_folded() -> None:
    wire = sign(fields={"X-Amz-Target": "AmazonSQS.ListQueues", "X-Amz-Note": "a b c"})
    verify(wire.with_field("X-Amz-Note", "  a   b \t c "))


def test_a_repeated_header_is_signed_as_one_joined_by_commas() -> None:
    wire = sign(fields={"X-Amz-Note": "one,two"})
    twice = wire.with_field("X-Amz-Note", None)
    twice.fields += [("X-Amz-Note", "one"), ("x-amz-note", "two")]
    verify(twice)
    twice.fields[-2:] = [("X-Amz-Note", "two"), ("x-amz-note", "one")]
    assert refused(twice).query_code == "SignatureDoesNotMatch"


def test_a_date_header_stands_in_for_x_amz_date() -> None:
    verify(sign(fields={"Date": "is replaced by the signer"}))


def test_a_hash_of_the_body_in_a_header_must_be_the_bodys() -> None:
    import hashlib

    digest = hashlib.sha256(b"x").hexdigest()
    verify(sign(body=b"x", fields={"X-Amz-Content-SHA256": digest}))
    wire = sign(body=b"x", fields={"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    assert "x-amz-content-sha256" in refused(wire).message


# What an attacker on the wire may try: each changes what was signed.


def flip(text: str, at: int) -> str:
    at %= len(text)
    return text[:at] + ("b" if text[at] != "b" else "c") + text[at + 1 :]


def another_second(timestamp: str, at: int) -> str:
    return f"{(int(timestamp[-3:-1]) + 1 + at % 59) % 60:02}Z"


TAMPERING = {
    "method": lambda wire, at: Wire("PUT", wire.target, wire.fields, wire.body),
    "path": lambda wire, at: Wire(wire.method, flip(wire.path, 1 + at), wire.fields, wire.body),
    "path grown": lambda wire, at: Wire(wire.method, wire.path + "/x", wire.fields, wire.body),
    "query": lambda wire, at: Wire(wire.method, wire.target + "&d=4", wire.fields, wire.body),
    "query value": lambda wire, at: Wire(
        wire.method, wire.target.replace("b=2", f"b={at + 3}"), wire.fields, wire.body
    ),
    "query gone": lambda wire, at: Wire(wire.method, wire.path, wire.fields, wire.body),
    "body": lambda wire, at: Wire(
        wire.method, wire.target, wire.fields, flip(wire.body.decode(), at).encode()
    ),
    "body grown": lambda wire, at: Wire(wire.method, wire.target, wire.fields, wire.body + b" "),
    "body gone": lambda wire, at: Wire(wire.method, wire.target, wire.fields, b""),
    "host": lambda wire, at: wire.with_field("Host", flip(wire.field("Host"), at)),
    "target": lambda wire, at: wire.with_field("X-Amz-Target", "AmazonSQS.DeleteQueue"),
    "target gone": lambda wire, at: wire.with_field("X-Amz-Target", None),
    "content type": lambda wire, at: wire.with_field("Content-Type", "text/plain"),
    "date": lambda wire, at: wire.with_field(
        "X-Amz-Date", wire.field("X-Amz-Date")[:-3] + another_second(wire.field("X-Amz-Date"), at)
    ),
    "unsigned x-amz header": lambda wire, at: wire.with_field("X-Amz-Extra", "1"),
    "a second target": lambda wire, at: Wire(
        wire.method, wire.target, [*wire.fields, ("x-amz-target", "AmazonSQS.Other")], wire.body
    ),
    "signature": lambda wire, at: wire.with_field(
        "Authorization",
        wire.field("Authorization")[:-64] + flip(wire.field("Authorization")[-64:], at),
    ),
    "signature cut": lambda wire, at: wire.with_field(
        "Authorization", wire.field("Authorization")[: -1 - at % 64]
    ),
    "region": lambda wire, at: wire.with_field(
        "Authorization", wire.field("Authorization").replace("eu-central-1", "eu-central-2")
    ),
    "service": lambda wire, at: wire.with_field(
        "Authorization", wire.field("Authorization").replace("/sqs/", "/sns/")
    ),
    "key": lambda wire, at: wire.with_field(
        "Authorization", wire.field("Authorization").replace(KEY_ID, "AKIAWEIRTESTKEY00002")
    ),
    "signed headers": lambda wire, at: wire.with_field(
        "Authorization", wire.field("Authorization").replace("content-type;", "")
    ),
}


@pytest.mark.parametrize("part", TAMPERING)
@settings(derandomize=True, max_examples=12, deadline=None)
@given(at=st.integers(0, 200))
def test_changing_anything_that_was_signed_is_refused(part: str, at: int) -> None:
    by = SignatureVerifier({KEY_ID: SECRET, "AKIAWEIRTESTKEY00002": "another secret"}.get)
    wire = sign(url="http://127.0.0.1:4566/q/alarms?a=1&b=2", body=b'{"QueueUrl":"u"}')
    verify(wire, by)
    changed = TAMPERING[part](wire, at)
    error = refused(changed, by=by)
    assert error.query_code in ("SignatureDoesNotMatch", "IncompleteSignature")
    assert error.status in (400, 403)


def test_headers_that_proxies_change_need_not_be_signed() -> None:
    wire = sign().with_field("User-Agent", "other").with_field("X-Amzn-Trace-Id", "Root=1")
    verify(wire)


@pytest.mark.parametrize("off_s", [-MAX_SKEW_S - 2, MAX_SKEW_S + 2, -315_360_000, 315_360_000])
def test_a_time_too_far_from_ours_is_refused_unless_ours_is_not_trusted(off_s: int) -> None:
    wire = sign()
    error = refused(wire, now_s=now() + off_s)
    assert (error.code, error.query_code, error.status) == (
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        403,
    )
    assert error.message.startswith(
        "Signature expired: " if off_s > 0 else "Signature not yet current: "
    )
    verify(wire, now_s=now() + off_s, check_skew=False)


@pytest.mark.parametrize("off_s", [-MAX_SKEW_S + 5, MAX_SKEW_S - 5])
def test_fifteen_minutes_either_way_are_borne(off_s: int) -> None:
    verify(sign(), now_s=now() + off_s)


@pytest.mark.parametrize("day", ["20000101", "2026", ""])
def test_a_scope_of_another_day_is_refused(day: str) -> None:
    wire = sign()
    authorization = wire.field("Authorization")
    signed_day = wire.field("X-Amz-Date")[:8]
    changed = authorization.replace(f"/{signed_day}/", f"/{day}/")
    error = refused(wire.with_field("Authorization", changed))
    assert error.message.startswith("Date in Credential scope does not match")


def test_an_unknown_key_is_refused_as_an_invalid_token() -> None:
    error = refused(sign(key_id="AKIANOBODY0000000000"))
    assert (error.code, error.query_code, error.status) == (
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        403,
    )


def test_a_key_is_not_unknown_to_one_who_guesses_its_substitute() -> None:
    wire = sign(key_id="AKIANOBODY0000000000", secret=sigv4._NO_SECRET)
    assert refused(wire).query_code == "InvalidClientTokenId"


def test_a_session_token_is_refused_with_the_remedy() -> None:
    error = refused(sign(token="leftover"))
    assert error.query_code == "InvalidClientTokenId"
    assert "AWS_SESSION_TOKEN" in error.message


def test_no_signature_is_access_denied() -> None:
    error = refused(sign().with_field("Authorization", None))
    assert (error.code, error.status) == ("AccessDeniedException", 403)


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic YTpi",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 ",
        "AWS4-HMAC-SHA512 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/e/f, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=, Signature=0",
        "AWS4-HMAC-SHA256 Credential=x, Credential=y, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 " + "," * 5000,
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=ü\udcff",
    ],
)
def test_a_malformed_authorization_header_is_refused(authorization: str) -> None:
    error = refused(sign().with_field("Authorization", authorization))
    assert error.query_code in ("IncompleteSignature", "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    "date",
    ["", "now", "20261121", "20261321T000000Z", "20260230T000000Z", "2026-11-21T00:00:00Z", "ü"],
)
def test_a_malformed_date_is_refused(date: str) -> None:
    assert refused(sign().with_field("X-Amz-Date", date)).query_code == "IncompleteSignature"


@repeatable
@given(authorization=st.text(max_size=200), date=st.text(max_size=20))
def test_nothing_but_an_aws_error_comes_of_garbage(authorization: str, date: str) -> None:
    wire = sign().with_field("Authorization", "AWS4-HMAC-SHA256 " + authorization)
    refused(wire)
    refused(wire.with_field("X-Amz-Date", date))
    refused(wire.with_field("X-Amz-Date", None).with_field("Date", date))


@repeatable
@given(at=st.integers(0, 400), byte=st.integers(0, 255))
def test_any_byte_changed_in_the_authorization_header_is_refused(at: int, byte: int) -> None:
    wire = sign()
    before = wire.field("Authorization")
    raw = bytearray(before.encode())
    raw[at % len(raw)] = byte
    after = raw.decode("utf-8", "surrogateescape")
    if after.split() == before.split() or after.replace(" ", "") == before.replace(" ", ""):
        return
    refused(wire.with_field("Authorization", after))


def test_a_replaced_secret_replaces_its_signing_key() -> None:
    secrets = {KEY_ID: SECRET}
    by = SignatureVerifier(secrets.get)
    verify(sign(), by)
    secrets[KEY_ID] = "a new secret"
    refused(sign(), by=by)
    verify(sign(secret="a new secret"), by)
    del secrets[KEY_ID]
    refused(sign(secret="a new secret"), by=by)


def test_signing_keys_are_bounded_and_wrong_signatures_keep_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sigv4, "_MAX_KEYS", 3)
    by = verifier()
    refused(sign(secret="wrong"), by=by)
    assert by._keys == {}
    for number in range(8):
        verify(sign(region=f"r-{number}"), by)
    assert [scope[2] for scope in by._keys] == ["r-5", "r-6", "r-7"]
