"""Batches of the `http` action: what shares a request, when it goes out, and what it can hold."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from gateway.engine.actions.http_batches import HttpBatches
from gateway.engine.actions.http_request import BatchConfig, HttpActionRequest
from gateway.engine.failures import ActionFailed
from gateway.http.url import HttpUrl
from tests.gateway.engine.actions.a_job import a_job
from tests.gateway.engine.actions.endpoint import Endpoint, endpoint
from tests.gateway.engine.actions.http_acting import Acting, acting, headers

ORIGIN = ("r", "bench/a")


def batching(**config: object) -> dict[str, Any]:
    return {"enableBatching": True, "batchConfig": config}


async def together(gateway: Acting, server: Endpoint, payloads: list[bytes], **more: Any) -> Any:
    """Run an action for each payload at once; return the bodies that arrived."""
    await asyncio.gather(*(gateway.run(server.url, payload, **more) for payload in payloads))
    return [got.json for got in server.got]


def test_messages_are_gathered_into_an_array(run_on_both_loops, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server, acting(tmp_path, server.url) as gateway:
            payloads = [b'{"n":%d}' % number for number in range(25)]
            bodies = await together(gateway, server, payloads, **batching(maxBatchOpenMs=50))
            assert sorted(map(len, bodies)) == [5, 10, 10]
            assert sorted(item["n"] for body in bodies for item in body) == list(range(25))
            assert server.got[0].headers["content-type"] == "application/json"

    run_on_both_loops(main())


@pytest.mark.parametrize(
    ("across_topics", "expected"), [(False, [[1], [2], [3, 4]]), (True, [[1, 3, 4], [2]])]
)
def test_messages_of_other_rules_and_topics_go_apart(
    run, tmp_path, across_topics: bool, expected: list[list[int]]
) -> None:
    jobs = [a_job("a", "x"), a_job("b", "y"), a_job("a", "y"), a_job("a", "y")]
    config = batching(maxBatchOpenMs=50, batchAcrossTopics=across_topics)

    async def main() -> None:
        async with endpoint() as server, acting(tmp_path, server.url) as gateway:
            await asyncio.gather(
                *(
                    gateway.action.run({"url": server.url, **config}, b"%d" % number, 1, job)
                    for number, job in enumerate(jobs, start=1)
                )
            )
            assert sorted(got.json for got in server.got) == expected

    run(main())


def test_a_full_batch_does_not_wait(run) -> None:
    async def main() -> None:
        posted: list[bytes] = []

        async def post(request: HttpActionRequest, body: bytes) -> None:
            posted.append(body)

        config = BatchConfig(max_open_ms=3_600_000, max_items=3)
        request = HttpActionRequest(HttpUrl.parse("https://h/"), (), config)
        batches = HttpBatches(post)
        async with asyncio.timeout(10):
            await asyncio.gather(
                *(batches.post(request, config, b"%d" % n, ORIGIN) for n in range(6))
            )
        assert posted == [b"[0,1,2]", b"[3,4,5]"]

    run(main())


def test_a_fault_in_posting_reaches_everybody_who_waits(run) -> None:
    async def main() -> None:
        async def post(request: HttpActionRequest, body: bytes) -> None:
            raise RuntimeError("a fault of ours")

        config = BatchConfig(max_items=2)
        request = HttpActionRequest(HttpUrl.parse("https://h/"), (), config)
        batches = HttpBatches(post)
        results = await asyncio.gather(
            *(batches.post(request, config, b"1", ORIGIN) for _ in range(2)), return_exceptions=True
        )
        assert [type(result) for result in results] == [RuntimeError] * 2

    run(main())


def test_a_lone_message_goes_out_when_its_time_is_over(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server, acting(tmp_path, server.url) as gateway:
            assert await together(gateway, server, [b"1"], **batching(maxBatchOpenMs=5)) == [[1]]

    run(main())


def test_a_batch_keeps_to_its_size(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server, acting(tmp_path, server.url) as gateway:
            payloads = [json.dumps("x" * size).encode() for size in (40, 40, 40, 400, 10)]
            await together(
                gateway, server, payloads, **batching(maxBatchSizeBytes=100, maxBatchOpenMs=5)
            )
            sizes = sorted(len(got.body) for got in server.got)
            assert sizes == [14, 44, 87, 404], "one alone may be larger"

    run(main())


def test_values_go_into_a_batch_as_they_are_and_text_as_a_string(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server, acting(tmp_path, server.url) as gateway:
            payloads = [b'{"a":1.0}', b"12345678901234567890123", b"plain \xc3\xbc", b'"s"', b""]
            await together(gateway, server, payloads, **batching(maxBatchSize=5))
            assert server.got[0].body == (
                b'[{"a":1.0},12345678901234567890123,"plain \xc3\xbc","s",""]'
            )
            error = await gateway.failure(server.url, b"\xff", **batching())
            assert "UTF-8" in str(error) and "base64" in error.hint
            assert len(server.got) == 1

    run(main())


def test_only_what_is_posted_alike_shares_a_request(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server, acting(tmp_path, server.url) as gateway:
            alike = [{"headers": headers(X_Key="1")}, {"headers": headers(X_Key="2")}, {}]
            await asyncio.gather(
                *(
                    gateway.run(f"{server.url}{path}", b"1", **more, **batching(maxBatchOpenMs=20))
                    for path in ("/a", "/b")
                    for more in alike
                    for _ in range(2)
                )
            )
            assert [got.json for got in server.got] == [[1, 1]] * 6
            keys = sorted((got.target, got.headers.get("x-key", "")) for got in server.got)
            assert keys == [(path, key) for path in ("/a", "/b") for key in ("", "1", "2")]

    run(main())


def test_a_batch_that_fails_fails_for_each_of_its_messages(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint(503) as server, acting(tmp_path, server.url) as gateway:
            results = await asyncio.gather(
                *(gateway.run(server.url, b"1", **batching(maxBatchSize=4)) for _ in range(4)),
                return_exceptions=True,
            )
            assert [type(result) for result in results] == [ActionFailed] * 4
            assert len(set(map(id, results))) == 4
            assert [got.json for got in server.got] == [[1, 1, 1, 1]] * 3

    run(main())


def test_a_message_that_is_given_up_does_not_take_its_batch_along(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server, acting(tmp_path, server.url) as gateway:
            config = batching(maxBatchOpenMs=20)
            first = asyncio.create_task(gateway.run(server.url, b"1", **config))
            second = asyncio.create_task(gateway.run(server.url, b"2", **config))
            await asyncio.sleep(0)
            first.cancel()
            await second
            assert 2 in server.got[0].json
            lonely = asyncio.create_task(gateway.run(server.url, b"3", **config))
            await asyncio.sleep(0)
            lonely.cancel()
            await asyncio.gather(lonely, return_exceptions=True)
            await gateway.run(server.url, b"4", **config)
            assert [got.json for got in server.got[1:]] == [[4]], "nobody waited for it any more"

    run(main())


@pytest.mark.parametrize(
    "config", [{"maxBatchSize": 11}, {"maxBatchOpenMs": 1}, {"maxBatchSizeBytes": "5"}]
)
def test_batches_out_of_their_range_fail(run, tmp_path, config: Any) -> None:
    async def main() -> None:
        async with endpoint() as server, acting(tmp_path, server.url) as gateway:
            error = await gateway.failure(server.url, **batching(**config))
            assert next(iter(config)) in str(error)
            assert server.got == []

    run(main())


def test_without_enable_batching_each_goes_alone(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server, acting(tmp_path, server.url) as gateway:
            more = {"enableBatching": False, "batchConfig": {"maxBatchSize": 5}}
            assert await together(gateway, server, [b"1", b"2"], **more) in ([1, 2], [2, 1])

    run(main())
