"""The `http` action against real servers: tries, answers, headers, batches, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.engine.actions.http import HttpAction, _Gate
from gateway.engine.actions.http_batches import HttpBatches
from gateway.engine.actions.http_request import BatchConfig, HttpActionRequest
from gateway.engine.destinations.destinations import Destinations
from gateway.engine.failures import ActionFailed, TryAgain
from gateway.http.client import HttpClient
from gateway.http.url import HttpUrl
from gateway.metrics import Metrics
from gateway.registry import Registry
from tests.gateway.engine.actions.a_job import a_job
from tests.gateway.engine.actions.endpoint import HANG, Answer, Endpoint, Got, endpoint, until
from tests.rig.fake_time import FakeTime


class Acting:
    """An action, and the client below it."""

    def __init__(self, action: HttpAction, client: HttpClient, destinations: Destinations) -> None:
        self.action, self.client, self.destinations = action, client, destinations

    async def run(self, url: str, payload: bytes = b"{}", **parameters: Any) -> None:
        await self.action.run({"url": url, **parameters}, payload, 1, a_job())

    async def failure(self, url: str, payload: bytes = b"{}", **parameters: Any) -> ActionFailed:
        with pytest.raises(ActionFailed) as failed:
            await self.run(url, payload, **parameters)
        return failed.value


@asynccontextmanager
async def acting(tmp_path: Path, *urls: str, **options: Any) -> AsyncIterator[Acting]:
    """An action that may post to these addresses."""
    registry = await Registry.open(tmp_path / "registry.json")
    client = HttpClient()
    time = FakeTime()
    destinations = Destinations(
        registry,
        client,
        urls,
        region="us-east-1",
        account="000000000000",
        enable_base=lambda: "http://127.0.0.1:4566",
        now_ms=lambda: time.wall_ms,
        gateway_ms=lambda: time.boot_ms,
        metrics=Metrics(),
        retry_after_s=(),
    )
    destinations.start()
    options = {"retry_after_s": (0.0, 0.0), "total_s": 5.0} | options
    try:
        yield Acting(HttpAction(client, destinations, **options), client, destinations)
    finally:
        await destinations.close()
        await client.close()


def answering(*answers: Answer) -> Any:
    """A server that gives one answer after the other, the last one for ever."""
    left: Iterator[Answer] = iter(answers[:-1])

    async def answer(got: Got) -> Answer:
        return next(left, answers[-1])

    return answer


def headers(**fields: str) -> list[dict[str, str]]:
    return [{"key": name.replace("_", "-"), "value": value} for name, value in fields.items()]


# --- what is sent ---------------------------------------------------------------------------------


def test_the_result_arrives_with_the_rule_s_headers(run_on_both_loops, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server, acting(tmp_path, server.url) as gateway:
            await gateway.run(
                f"{server.url}/in?a=b",
                b'{"t":1}',
                headers=headers(X_Device="pump", Auth="Bearer 1"),
            )
            [got] = server.got
            assert (got.target, got.body) == ("/in?a=b", b'{"t":1}')
            assert (got.headers["x-device"], got.headers["auth"]) == ("pump", "Bearer 1")

    run_on_both_loops(main())


@pytest.mark.parametrize(
    ("payload", "given", "sent"),
    [
        (b'{"a":1}', {}, "application/json"),
        (b"[1]", {}, "application/json"),
        (b"21.5", {}, "application/json"),
        (b"hello", {}, "application/octet-stream"),
        (b"\xff\x00", {}, "application/octet-stream"),
        (b"", {}, "application/octet-stream"),
        (b'{"a":1}', {"content_TYPE": "text/csv"}, "text/csv"),
    ],
)
def test_the_content_type(run, tmp_path, payload: bytes, given: Any, sent: str) -> None:
    async def main() -> None:
        async with endpoint() as server, acting(tmp_path, server.url) as gateway:
            await gateway.run(server.url, payload, headers=headers(**given))
            assert server.got[0].headers["content-type"] == sent
            assert server.got[0].body == payload

    run(main())


def test_the_target_is_the_server(run, tmp_path) -> None:
    async def main() -> None:
        async with acting(tmp_path) as gateway:
            target = gateway.action.target
            assert target({"url": "https://Host.example/a?b"}) == "https://host.example:443"
            assert target({"url": "http://host:8080/"}) == "http://host:8080"

    run(main())


@pytest.mark.parametrize(
    "parameters",
    [
        {"url": "nowhere"},
        {"url": ""},
        {},
        {"url": 5},
        {"url": "https://h/" + "a" * 2000},
        {"url": "https://h/dev/../../admin"},
        {"url": "https://h/", "auth": {"sigv4": {"signingRegion": "r", "serviceName": "s"}}},
    ],
)
def test_what_can_never_be_posted_has_no_target(run, tmp_path, parameters: Any) -> None:
    async def main() -> None:
        async with acting(tmp_path, "https://h/") as gateway:
            with pytest.raises(ActionFailed) as failed:
                gateway.action.target(parameters)
            assert len(failed.value.told()) < 400
            with pytest.raises(ActionFailed):
                await gateway.action.run(parameters, b"{}", 1, a_job())

    run(main())


@pytest.mark.parametrize(
    "wrong",
    [
        headers(X_A="1\r\nX-Admin: 1"),
        headers(Content_Length="0"),
        [{"key": "X A", "value": "1"}],
        [{"key": "k" * 257, "value": "1"}],
        [{"key": "X-A", "value": "1"}] * 101,
        [{"key": "X-A", "value": "v" * 16385}],
        [{"key": "X-A"}],
        ["X-A: 1"],
        "X-A: 1",
    ],
)
def test_headers_that_cannot_be_sent_fail_before_anything_is(run, tmp_path, wrong: Any) -> None:
    async def main() -> None:
        async with endpoint() as server, acting(tmp_path, server.url) as gateway:
            error = await gateway.failure(server.url, headers=wrong)
            assert not isinstance(error, TryAgain)
            assert len(str(error)) < 300
            assert server.got == []

    run(main())


def test_a_hundred_headers_are_sent(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server, acting(tmp_path, server.url) as gateway:
            await gateway.run(server.url, headers=headers(**{f"X_{n}": "v" for n in range(100)}))
            assert server.got[0].headers["x-99"] == "v"

    run(main())


# --- where to -------------------------------------------------------------------------------------


def test_nothing_is_posted_where_no_destination_allows_it(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server, acting(tmp_path, f"{server.url}/in/") as gateway:
            for url in (server.url, f"{server.url}/other", f"{server.url}/in/%2e%2e/other"):
                error = await gateway.failure(url)
                assert "destination" in str(error) or "step" in str(error)
            assert server.got == []
            await gateway.run(f"{server.url}/in/dev-1")
            assert len(server.got) == 1

    run(main())


def test_a_destination_has_to_be_confirmed_first(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server, acting(tmp_path) as gateway:
            await gateway.destinations.create(server.url)
            await until(lambda: bool(server.got))
            assert "IN_PROGRESS" in str(await gateway.failure(server.url))
            assert len(server.got) == 1
            await gateway.destinations.confirm(server.got[0].json["confirmationToken"])
            await gateway.run(server.url, b'{"now":1}')
            assert server.got[1].json == {"now": 1}

    run(main())


# --- tries ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 503, 599])
def test_a_busy_or_failing_server_gets_three_tries(run, tmp_path, status: int) -> None:
    async def main() -> None:
        async with endpoint(status) as server, acting(tmp_path, server.url) as gateway:
            error = await gateway.failure(f"{server.url}/in?token=secret", b"[1]")
            assert not isinstance(error, TryAgain)
            assert f"/in answered {status}" in str(error) and "(3 tries)" in str(error)
            assert "secret" not in error.told()
            assert [got.body for got in server.got] == [b"[1]"] * 3

    run(main())


def test_a_later_try_may_succeed(run_on_both_loops, tmp_path) -> None:
    async def main() -> None:
        answer = answering((500, b""), (429, b"later"), (204, b""))
        async with endpoint(answer) as server, acting(tmp_path, server.url) as gateway:
            await gateway.run(server.url)
            assert len(server.got) == 3

    run_on_both_loops(main())


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 410])
def test_other_answers_are_final(run, tmp_path, status: int) -> None:
    async def main() -> None:
        async with endpoint(status) as server, acting(tmp_path, server.url) as gateway:
            error = await gateway.failure(server.url)
            assert f"answered {status} " in str(error) + " "
            assert ("redirects" in error.hint) is (status < 400)
            assert len(server.got) == 1

    run(main())


def test_after_a_long_answer_there_is_no_other_try(run, tmp_path) -> None:
    async def main() -> None:
        for size, tries in ((16384, 3), (16385, 1)):
            async with endpoint(answering((500, b"x" * size))) as server:
                async with acting(tmp_path, server.url) as gateway:
                    await gateway.failure(server.url)
                    assert len(server.got) == tries

    run(main())


def test_a_long_answer_of_success_is_success(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint(answering((200, b"x" * 100_000))) as server:
            async with acting(tmp_path, server.url) as gateway:
                await gateway.run(server.url)

    run(main())


def test_a_server_that_closes_the_connection_gets_no_other_try(run_on_both_loops, tmp_path) -> None:
    async def main() -> None:
        async with endpoint(answering(None)) as server, acting(tmp_path, server.url) as gateway:
            assert "closed the connection" in str(await gateway.failure(server.url))
            assert len(server.got) == 1

    run_on_both_loops(main())


def test_a_server_that_is_not_there_gets_three_tries(run, tmp_path) -> None:
    async def main() -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            async with acting(tmp_path, url) as gateway:
                error = await gateway.failure(url)
                assert "refuses connections (3 tries)" in str(error)
                assert "Check that the server runs" in error.told()

    run(main())


def test_a_server_that_comes_up_meanwhile_gets_the_message(run, tmp_path) -> None:
    async def main() -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            port = silent.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        async with acting(tmp_path, url, retry_after_s=(0.01,) * 400) as gateway:
            running = asyncio.create_task(gateway.run(url))
            await asyncio.sleep(0)
            async with endpoint(port=port) as server:
                await running
                assert len(server.got) == 1

    run(main())


def test_all_tries_together_take_no_longer_than_allowed(run, tmp_path) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with endpoint(answering((500, b""), HANG)) as server:
            async with acting(tmp_path, server.url, total_s=0.2) as gateway:
                began_s = loop.time()
                error = await gateway.failure(server.url)
                assert 0.15 < loop.time() - began_s < 2
                assert "no whole answer" in str(error) and "(2 tries)" in str(error)

    run(main())


def test_no_try_is_made_that_would_start_too_late(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint(500) as server:
            async with acting(tmp_path, server.url, retry_after_s=(60.0,)) as gateway:
                await gateway.failure(server.url)
                assert len(server.got) == 1

    run(main())


def test_one_server_gets_a_few_requests_at_once_and_waiting_costs_no_time(run, tmp_path) -> None:
    """The last ones wait longer than one request may take."""

    async def main() -> None:
        async def slow(got: Got) -> Answer:
            await asyncio.sleep(0.05)
            return 200, b""

        async with endpoint(slow) as server:
            async with acting(tmp_path, server.url, max_parallel=2, total_s=0.5) as gateway:
                await asyncio.gather(*(gateway.run(server.url) for _ in range(28)))
                assert (len(server.got), server.most_at_once) == (28, 2)

    run(main())


def test_a_server_that_hangs_holds_up_no_other(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint(answering(HANG)) as hanging, endpoint() as server:
            async with acting(tmp_path, hanging.url, server.url) as gateway:
                stuck = [asyncio.create_task(gateway.run(hanging.url)) for _ in range(64)]
                await until(lambda: hanging.most_at_once > 0 and len(hanging.got) == 8)
                async with asyncio.timeout(4):
                    await asyncio.gather(*(gateway.run(server.url) for _ in range(64)))
                for task in stuck:
                    task.cancel()
                await asyncio.gather(*stuck, return_exceptions=True)
                assert len(hanging.got) == 8, "a cancelled one was sent after all"

    run(main())


def test_at_the_gateway_s_end_nothing_fails_for_good(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint(answering(HANG)) as server, acting(tmp_path, server.url) as gateway:
            running = asyncio.create_task(gateway.run(server.url))
            batched = asyncio.create_task(gateway.run(server.url, enableBatching=True))
            await until(lambda: len(server.got) == 2)
            await gateway.client.close()
            for task in (running, batched, asyncio.create_task(gateway.run(server.url))):
                with pytest.raises(TryAgain):
                    await task

    run(main())


# --- batches --------------------------------------------------------------------------------------


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


# --- turns ----------------------------------------------------------------------------------------


def test_a_server_that_does_not_answer_gets_one_request_at_a_time(run, tmp_path) -> None:
    async def main() -> None:
        async with (
            endpoint(answering(HANG)) as server,
            acting(tmp_path, server.url, total_s=0.05, max_parallel=4) as gateway,
        ):
            gates = gateway.action._gates._gates
            tasks = [asyncio.create_task(gateway.failure(server.url)) for _ in range(8)]
            await until(lambda: sum(task.done() for task in tasks) >= 4)
            running = set()
            while not all(task.done() for task in tasks):
                running |= {gate.running for gate in gates.values()}
                await asyncio.sleep(0)
            assert max(running) == 1, "the server is known to be silent"
            assert not gates, "a server that nobody wants any more is remembered"

    run(main())


def test_a_turn_is_given_on_when_nobody_wants_it_any_more(run) -> None:
    async def main() -> None:
        gate = _Gate(1)
        await gate.enter()
        first, second = (asyncio.create_task(gate.enter()) for _ in range(2))
        await asyncio.sleep(0)
        gate.leave()  # the first is let in, and gives up before it gets there
        first.cancel()
        async with asyncio.timeout(5):
            await second
        assert first.cancelled()
        assert gate.running == 1

    run(main())
