"""The `http` action against real servers: tries, answers, headers, turns, and what it refuses."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from gateway.engine.actions.http import _Gate
from gateway.engine.failures import ActionFailed, TryAgain
from tests.gateway.engine.actions.a_job import a_job
from tests.gateway.engine.actions.endpoint import HANG, Answer, Got, endpoint, until
from tests.gateway.engine.actions.http_acting import acting, answering, headers

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
