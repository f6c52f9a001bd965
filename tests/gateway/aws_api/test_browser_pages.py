"""Pages in browsers are kept out where signatures are not checked; programs are not."""

from __future__ import annotations

import asyncio

import pytest

from gateway.aws_api.browser_pages import refuse_pages
from gateway.aws_api.errors import AwsError
from gateway.http.message import Headers, Request
from tests.gateway.aws_api.test_query_protocol import Toy


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:4566",
        "127.9.9.9:1",
        "[::1]",
        "[::1]:4566",
        "localhost",
        "LocalHost:4566",
        "localhost.:4566",
        "sqs.us-east-1.localhost:4566",
    ],
)
def test_this_machine_by_its_own_names(host: str) -> None:
    refuse_pages(Headers([("Host", host), ("Sec-Fetch-Site", "none")]))
    refuse_pages(Headers())


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:4566",
        "127.0.0.1.evil.example",
        "localhost.evil.example:4566",
        "notlocalhost",
        "192.168.1.9:4566",
        "0.0.0.0:4566",
        "[::]:4566",
        "[::1",
        "",
        ":4566",
        "localhost@evil.example",
        "127.0.0.1 evil.example",
    ],
)
def test_a_host_that_a_page_could_have_chosen(host: str) -> None:
    with pytest.raises(AwsError, match="host") as caught:
        refuse_pages(Headers([("Host", host)]))
    assert (caught.value.code, caught.value.status) == ("AccessDeniedException", 403)


@pytest.mark.parametrize(
    "field",
    [
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Referer", "http://evil.example/"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-origin"),
    ],
)
def test_what_only_a_page_says(field: tuple[str, str]) -> None:
    with pytest.raises(AwsError, match="pages in a browser"):
        refuse_pages(Headers([("Host", "localhost"), field]))


@pytest.mark.parametrize("field", [("Host", "evil.example"), ("Referer", "http://evil.example/")])
def test_no_handler_is_called_for_a_page(field: tuple[str, str]) -> None:
    toy = Toy()
    request = Request("GET", "/", "Action=ListQueues", Headers([field]))
    response = asyncio.run(toy.front().handle(request))
    assert response.status == 403
    assert b"<Code>AccessDenied</Code>" in response.body
    assert toy.calls == []
