"""Destinations of the `http` action: confirmed end to end, kept, and never fooled by an address."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import rules
from gateway.engine.destinations import destinations as destinations_module
from gateway.engine.destinations.confirmation import urls_to_confirm
from gateway.engine.destinations.destinations import Destinations
from gateway.engine.destinations.settings import DestinationSettings
from gateway.engine.destinations.values import (
    TOKEN_LIFE_MS,
    Destination,
    DestinationExists,
    DestinationNotFound,
    DestinationRefused,
    TooManyDestinations,
)
from gateway.errors import RegistryError
from gateway.http.client import HttpClient
from gateway.http.url import HttpUrl
from gateway.metrics import Metrics
from gateway.registry import Registry
from tests.gateway.engine.actions.endpoint import HANG, Answer, Endpoint, Got, endpoint, until
from tests.rig.fake_time import FakeTime

ROLE = "arn:aws:iam::000000000000:role/any"
UNKNOWN_ARN = "arn:aws:iot:us-east-1:000000000000:ruledestination/http/none"


class Held:
    """Destinations on a real registry."""

    def __init__(self, path: Path, registry: Registry, time: FakeTime, **options: Any) -> None:
        self.path = path
        self.registry = registry
        self.time = time
        self.metrics = Metrics()
        self.client = HttpClient()
        self.base = "http://127.0.0.1:4566"
        options = {"declared_urls": [], "retry_after_s": (0.0, 0.0), "timeout_s": 5.0} | options
        self.all = Destinations(
            registry,
            self.client,
            region="us-east-1",
            account="000000000000",
            enable_base=lambda: self.base,
            now_ms=lambda: time.wall_ms,
            gateway_ms=lambda: time.boot_ms,
            metrics=self.metrics,
            **options,
        )
        self.all.start()

    def why_not(self, url: str) -> str:
        return self.all.covers(HttpUrl.parse(url))

    def is_now(self, arn: str, status: str) -> bool:
        return self.all.get(arn).status == status

    def is_quiet(self) -> bool:
        """Whether nobody is being asked just now."""
        return self.metrics.snapshot()["rules.destinations.asking"] == 0

    async def close(self) -> None:
        await self.all.close()
        await self.client.close()


@asynccontextmanager
async def held(tmp_path: Path, time: FakeTime | None = None, **options: Any) -> AsyncIterator[Held]:
    path = tmp_path / "registry.json"
    opened = Held(path, await Registry.open(path), time or FakeTime(), **options)
    try:
        yield opened
    finally:
        await opened.close()


async def asked(server: Endpoint, times: int = 1) -> dict[str, str]:
    """Wait for a confirmation request; return the last one's body."""
    await until(lambda: len(server.got) >= times)
    body: dict[str, str] = server.got[times - 1].json
    return body


async def enabled(gateway: Held, url: str, server: Endpoint) -> Destination:
    await gateway.all.create(url)
    await until(lambda: bool(server.got))
    return await gateway.all.confirm(server.got[-1].json["confirmationToken"])


# --- confirmation ---------------------------------------------------------------------------------


def test_an_endpoint_confirms_with_the_token_it_was_sent(run_on_both_loops, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server, held(tmp_path) as gateway:
            url = f"{server.url}/hook"
            made = await gateway.all.create(url)
            assert (made.url, made.status, made.declared) == (url, "IN_PROGRESS", False)
            assert made.arn.startswith("arn:aws:iot:us-east-1:000000000000:ruledestination/http/")
            assert "IN_PROGRESS" in gateway.why_not(url)
            body = await asked(server)
            token = body["confirmationToken"]
            assert len(token) >= 43
            assert body == {
                "arn": made.arn,
                "confirmationToken": token,
                "enableUrl": f"http://127.0.0.1:4566/confirmdestination/{token}",
                "messageType": "DestinationConfirmation",
            }
            got = server.got[0]
            assert got.target == f"/hook/?confirmationToken={token}"
            assert got.headers["content-type"] == "application/json"
            assert got.headers["x-amz-rules-engine-message-type"] == "DestinationConfirmation"
            assert got.headers["x-amz-rules-engine-destination-arn"] == made.arn
            gateway.time.pass_ms(1000)
            confirmed = await gateway.all.confirm(token)
            assert (confirmed.status, confirmed.status_reason) == ("ENABLED", "")
            assert confirmed.updated_ms == made.updated_ms + 1000
            assert gateway.why_not(url) == ""
            assert gateway.all.all() == [confirmed] == [gateway.all.get(made.arn)]

    run_on_both_loops(main())


def test_an_endpoint_may_confirm_before_it_answers(run, tmp_path) -> None:
    """As one does that opens the enableUrl at once; its answer must not undo that."""

    async def main() -> None:
        async with held(tmp_path) as gateway:
            statuses: list[str] = []

            async def confirm_first(got: Got) -> Answer:
                done = await gateway.all.confirm(got.json["confirmationToken"])
                statuses.append(done.status)
                return 500, b""

            async with endpoint(confirm_first) as server:
                made = await gateway.all.create(server.url)
                await until(lambda: statuses == ["ENABLED"])
                await until(gateway.is_quiet)
                assert gateway.is_now(made.arn, "ENABLED")
                assert len(server.got) == 1

    run(main())


@pytest.mark.parametrize(
    ("url", "target"),
    [("", "/?"), ("/a", "/a/?"), ("/a/", "/a/?"), ("/a?b=1", "/a?b=1&")],
)
def test_the_token_is_put_behind_the_address(run, tmp_path, url: str, target: str) -> None:
    async def main() -> None:
        async with endpoint() as server, held(tmp_path) as gateway:
            await gateway.all.create(server.url + url)
            body = await asked(server)
            assert server.got[0].target == f"{target}confirmationToken={body['confirmationToken']}"

    run(main())


def test_a_wrong_token_confirms_nothing(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server, held(tmp_path) as gateway:
            made = await gateway.all.create(server.url)
            token = (await asked(server))["confirmationToken"]
            stored = json.loads(gateway.path.read_text())["destinations"][made.arn]["token_sha256"]
            for wrong in ("", token[:-1], token + "A", "x" * 100_000, "\ud800", stored):
                with pytest.raises(DestinationRefused):
                    await gateway.all.confirm(wrong)
            assert gateway.is_now(made.arn, "IN_PROGRESS")
            assert gateway.metrics.snapshot()["rules.destinations.bad_tokens"] == 6

    run(main())


def test_the_registry_does_not_hold_the_token(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server, held(tmp_path) as gateway:
            await gateway.all.create(server.url)
            token = (await asked(server))["confirmationToken"]
            assert token not in gateway.path.read_text()

    run(main())


def test_a_token_is_good_once_and_for_three_days_of_gateway_time(run, tmp_path) -> None:
    async def main() -> None:
        time = FakeTime()
        async with endpoint() as server, held(tmp_path, time) as gateway:
            made = await gateway.all.create(server.url)
            old = (await asked(server))["confirmationToken"]
            time.step_wall(10 * 365 * 86_400_000)
            assert gateway.is_now(made.arn, "IN_PROGRESS"), "a clock that is set expires nothing"
            time.pass_ms(TOKEN_LIFE_MS + 1)
            late = gateway.all.get(made.arn)
            assert (late.status, late.status_reason) == (
                "ERROR",
                "it was not confirmed within 3 days",
            )
            with pytest.raises(DestinationRefused, match="3 days"):
                await gateway.all.confirm(old)
            await gateway.all.update(made.arn, "IN_PROGRESS")
            new = (await asked(server, 2))["confirmationToken"]
            with pytest.raises(DestinationRefused):
                await gateway.all.confirm(old)
            assert (await gateway.all.confirm(new)).status == "ENABLED"
            assert (await gateway.all.confirm(new)).status == "ENABLED", "a link opened twice"
            await gateway.all.update(made.arn, "DISABLED")
            with pytest.raises(DestinationRefused):
                await gateway.all.confirm(new)
            assert gateway.is_now(made.arn, "DISABLED")

    run(main())


# --- endpoints that do not play along -------------------------------------------------------------


def test_an_endpoint_that_cannot_be_reached_is_asked_again_and_then_in_error(run, tmp_path) -> None:
    async def main() -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            port = silent.getsockname()[1]
            async with held(tmp_path) as gateway:
                made = await gateway.all.create(f"http://127.0.0.1:{port}/")
                await until(lambda: gateway.is_now(made.arn, "ERROR"))
                assert "refuses connections" in gateway.all.get(made.arn).status_reason
                assert "refuses connections" in gateway.why_not(made.url)
        async with held(tmp_path) as again, endpoint(port=port) as server:
            assert again.is_now(made.arn, "ERROR")
            again.all.ensure(made.url)
            token = (await asked(server))["confirmationToken"]
            assert (await again.all.confirm(token)).arn == made.arn

    run(main())


def test_an_endpoint_that_fails_at_first_gets_the_same_token_again(run, tmp_path) -> None:
    async def main() -> None:
        answers = iter([(503, b""), (429, b""), (200, b"")])

        async def answer(got: Got) -> Answer:
            return next(answers)

        async with endpoint(answer) as server, held(tmp_path) as gateway:
            made = await gateway.all.create(server.url)
            await asked(server, 3)
            assert len({got.json["confirmationToken"] for got in server.got}) == 1
            await until(gateway.is_quiet)
            assert gateway.all.get(made.arn).status_reason == ""
            assert gateway.is_now(made.arn, "IN_PROGRESS")

    run(main())


@pytest.mark.parametrize("status", [404, 302, 400])
def test_an_endpoint_that_does_not_know_the_request_says_why(run, tmp_path, status: int) -> None:
    async def main() -> None:
        async with endpoint(status) as server, held(tmp_path) as gateway:
            made = await gateway.all.create(server.url)
            await until(lambda: str(status) in gateway.all.get(made.arn).status_reason)
            await until(gateway.is_quiet)
            assert (gateway.all.get(made.arn).status, len(server.got)) == ("IN_PROGRESS", 1)
            assert "[[rules.destinations]]" in gateway.why_not(server.url)

    run(main())


def test_without_an_aws_endpoint_nothing_can_be_confirmed_and_it_says_so(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server, held(tmp_path) as gateway:
            gateway.base = ""
            made = await gateway.all.create(server.url)
            assert made.status == "ERROR"
            assert "[aws]" in made.status_reason
            assert server.got == []

    run(main())


def test_who_was_not_reached_before_a_stop_is_asked_at_the_next_start(run, tmp_path) -> None:
    async def main() -> None:
        async def silent(got: Got) -> Answer:
            return HANG

        async with endpoint(silent) as server:
            async with held(tmp_path) as gateway:
                made = await gateway.all.create(server.url)
                lost = (await asked(server))["confirmationToken"]
            async with held(tmp_path) as again:
                new = (await asked(server, 2))["confirmationToken"]
                assert again.all.get(made.arn).created_ms == made.created_ms
                with pytest.raises(DestinationRefused):
                    await again.all.confirm(lost)
                assert (await again.all.confirm(new)).arn == made.arn

    run(main())


# --- changes --------------------------------------------------------------------------------------


def test_destinations_survive_a_restart(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server:
            async with held(tmp_path) as gateway:
                made = await enabled(gateway, server.url, server)
                other = await gateway.all.create(f"{server.url}/other")
                await until(lambda: len(server.got) == 2 and gateway.is_quiet())
            async with held(tmp_path) as again:
                assert again.all.get(made.arn) == made
                assert again.is_now(other.arn, "IN_PROGRESS")
                token = server.got[1].json["confirmationToken"]
                assert (await again.all.confirm(token)).arn == other.arn

    run(main())


def test_a_confirmed_one_can_be_disabled_enabled_and_deleted(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server, held(tmp_path) as gateway:
            made = await enabled(gateway, server.url, server)
            assert (await gateway.all.update(made.arn, "ENABLED")) == made
            assert (await gateway.all.update(made.arn, "DISABLED")).status == "DISABLED"
            assert "is DISABLED; set its status to ENABLED" in gateway.why_not(server.url)
            assert (await gateway.all.update(made.arn, "ENABLED")).status == "ENABLED"
            assert gateway.why_not(server.url) == ""
            await gateway.all.delete(made.arn)
            assert gateway.all.all() == []
            assert "no destination covers" in gateway.why_not(server.url)
            assert json.loads(gateway.path.read_text()).get("destinations", {}) == {}

    run(main())


@pytest.mark.parametrize("status", ["ENABLED", "DISABLED", "ERROR", "DELETING", "enabled", ""])
def test_nobody_enables_what_is_not_confirmed(run, tmp_path, status: str) -> None:
    async def main() -> None:
        async with endpoint() as server, held(tmp_path) as gateway:
            made = await gateway.all.create(server.url)
            with pytest.raises(DestinationRefused):
                await gateway.all.update(made.arn, status)
            assert gateway.is_now(made.arn, "IN_PROGRESS")

    run(main())


def test_what_is_not_there_is_not_found(run, tmp_path) -> None:
    async def main() -> None:
        async with held(tmp_path) as gateway:
            with pytest.raises(DestinationNotFound):
                gateway.all.get(UNKNOWN_ARN)
            with pytest.raises(DestinationNotFound):
                await gateway.all.update(UNKNOWN_ARN, "ENABLED")
            with pytest.raises(DestinationNotFound):
                await gateway.all.delete(UNKNOWN_ARN)

    run(main())


def test_one_address_has_one_destination(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server, held(tmp_path) as gateway:
            made = await gateway.all.create(server.url)
            with pytest.raises(DestinationExists) as exists:
                await gateway.all.create(server.url.upper().replace("HTTP", "http") + "/")
            assert exists.value.arn == made.arn
            results = await asyncio.gather(
                *(gateway.all.create(f"{server.url}/b") for _ in range(5)), return_exceptions=True
            )
            assert sum(isinstance(result, DestinationExists) for result in results) == 4

    run(main())


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://x/",
        "http://u@x/",
        "http://x/${topic()}",
        "https://x/../y",
        "https://x/#y",
        "x" * 3000,
    ],
)
def test_an_address_that_cannot_be_used_is_refused(run, tmp_path, url: str) -> None:
    async def main() -> None:
        async with held(tmp_path) as gateway:
            with pytest.raises(DestinationRefused) as refused:
                await gateway.all.create(url)
            assert len(str(refused.value)) < 300
            gateway.all.ensure(url)
            assert gateway.all.all() == []

    run(main())


def test_there_is_a_bound(run, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(destinations_module, "MAX_DESTINATIONS", 2)

    async def main() -> None:
        async with endpoint() as server, held(tmp_path) as gateway:
            await gateway.all.create(f"{server.url}/1")
            made = await gateway.all.create(f"{server.url}/2")
            with pytest.raises(TooManyDestinations):
                await gateway.all.create(f"{server.url}/3")
            await gateway.all.delete(made.arn)
            await gateway.all.create(f"{server.url}/3")

    run(main())


def test_a_disk_that_refuses_changes_nothing(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server, held(tmp_path) as gateway:
            made = await enabled(gateway, server.url, server)
            gateway.path.unlink()
            os.mkdir(gateway.path)  # what cannot be replaced by a file
            with pytest.raises(RegistryError):
                await gateway.all.update(made.arn, "DISABLED")
            with pytest.raises(RegistryError):
                await gateway.all.delete(made.arn)
            with pytest.raises(RegistryError):
                await gateway.all.create(f"{server.url}/new")
            assert gateway.all.all() == [made]
            assert len(server.got) == 1, "an endpoint was asked for what is not kept"

    run(main())


def test_a_damaged_document_is_left_alone_and_the_others_work(run, tmp_path, caplog) -> None:
    async def main() -> None:
        async with endpoint() as server:
            async with held(tmp_path) as gateway:
                made = await enabled(gateway, server.url, server)
                good = gateway.registry.get("destinations", made.arn)
                assert good is not None
                for key, bad in [
                    ("url", "nowhere"),
                    ("url", 5),
                    ("status", "MAYBE"),
                    ("created_ms", "1"),
                    ("token_sha256", None),
                ]:
                    name = f"damaged-{key}-{bad}"
                    await gateway.registry.put("destinations", name, good | {key: bad})
                await gateway.registry.put("destinations", "empty", {})
            async with held(tmp_path) as again:
                assert again.all.all() == [made]
                assert len(again.registry.all("destinations")) == 7
        assert caplog.text.count("in the registry cannot be used") == 6

    run(main())


# --- what the settings declare --------------------------------------------------------------------


def test_the_settings_file_confirms_and_the_api_cannot_change_it(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server:
            async with held(tmp_path, declared_urls=[server.url]) as gateway:
                [declared] = gateway.all.all()
                assert (declared.status, declared.declared) == ("ENABLED", True)
                assert gateway.why_not(f"{server.url}/any?x") == ""
                assert gateway.all.get(declared.arn) == declared
                assert await gateway.all.update(declared.arn, "ENABLED") == declared
                for status in ("DISABLED", "IN_PROGRESS"):
                    with pytest.raises(DestinationRefused, match="settings file"):
                        await gateway.all.update(declared.arn, status)
                with pytest.raises(DestinationRefused, match="settings file"):
                    await gateway.all.delete(declared.arn)
                with pytest.raises(DestinationExists):
                    await gateway.all.create(server.url)
                gateway.all.ensure(f"{server.url}/hook")
                assert gateway.is_quiet()
            async with held(tmp_path, declared_urls=[server.url]) as again:
                assert again.all.all()[0].arn == declared.arn
            assert server.got == []

    run(main())


@pytest.mark.parametrize("url", ["", "ftp://x", "http://x/${a}", "http://user@x/", "http://x/../"])
def test_settings_that_cannot_be_used_have_a_problem(url: str) -> None:
    assert len(DestinationSettings(url).problems()) == 1
    assert DestinationSettings("https://example.com/hooks").problems() == []


# --- rules ----------------------------------------------------------------------------------------


def test_a_rule_s_address_is_asked_once_and_only_if_nothing_covers_it(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server, held(tmp_path) as gateway:
            for _ in range(3):
                gateway.all.ensure(f"{server.url}/hooks")
            token = (await asked(server))["confirmationToken"]
            await until(gateway.is_quiet)
            gateway.all.ensure(f"{server.url}/hooks/below")
            await gateway.all.confirm(token)
            gateway.all.ensure(f"{server.url}/hooks")
            assert gateway.is_quiet()
            assert [destination.url for destination in gateway.all.all()] == [f"{server.url}/hooks"]
            assert len(server.got) == 1

    run(main())


def test_which_address_a_rule_needs_confirmed() -> None:
    def of(**http: Any) -> list[str]:
        action = {"http": http}
        payload = {"sql": "SELECT * FROM 'a'", "actions": [action], "errorAction": action}
        document = {"ruleName": "r", "topicRulePayload": payload}
        return urls_to_confirm(rules.parse_rule(json.dumps(document), source="r.json"))

    assert of(url="https://h/a") == ["https://h/a"]
    assert of(url="https://h/a", confirmationUrl="https://h") == ["https://h"]
    assert of(url="https://h/${topic()}", confirmationUrl="https://h/") == ["https://h/"]
    assert of(url="https://h/${1+1}", confirmationUrl="https://h/${1+1}") == ["https://h/2"]
    assert of(url="https://${a}/", confirmationUrl="https://${a}/") == []


# --- what an address covers -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "is_covered"),
    [
        ("https://host.example/in", True),
        ("https://HOST.example:443/in", True),
        ("https://host.example/in/dev/1?x=1", True),
        ("https://host.example/in?x", True),
        ("https://host.example/inbox", True),  # as AWS: the url begins with the confirmationUrl
        ("https://host.example/", False),
        ("https://host.example/IN", False),
        ("https://host.example/%69n", False),
        ("http://host.example/in", False),
        ("http://host.example:443/in", False),
        ("https://host.example:8443/in", False),
        ("https://host.example.evil.example/in", False),
        ("https://host.examplee/in", False),
        ("https://evil.example/https://host.example/in", False),
        ("https://evil.example/in?https://host.example/in", False),
        ("https://evil.example?https://host.example/in", False),
        ("https://sub.host.example/in", False),
        ("https://host.example./in", False),
    ],
)
def test_only_what_begins_with_a_destination_is_covered(
    run, tmp_path, url: str, is_covered: bool
) -> None:
    async def main() -> None:
        async with held(tmp_path, declared_urls=["https://host.example/in"]) as gateway:
            assert (gateway.why_not(url) == "") is is_covered

    run(main())


def test_a_whole_server_is_covered_by_its_bare_address_and_only_it(run, tmp_path) -> None:
    async def main() -> None:
        async with held(tmp_path, declared_urls=["https://host.example"]) as gateway:
            assert gateway.why_not("https://host.example/any/path") == ""
            assert gateway.why_not("https://host.example.evil.example/")
            # Two readers of these would not agree on the host: they are no address at all.
            for fooling in ("https://host.example@evil.example/", "https://host.example\\@evil/"):
                with pytest.raises(ValueError, match=r"user name|backslash"):
                    HttpUrl.parse(fooling)

    run(main())


def test_the_nearest_destination_s_status_is_told(run, tmp_path) -> None:
    async def main() -> None:
        async with endpoint() as server, held(tmp_path) as gateway:
            await gateway.all.create(server.url)
            below = await gateway.all.create(f"{server.url}/a")
            await until(lambda: len(server.got) == 2)
            tokens = {got.json["arn"]: got.json["confirmationToken"] for got in server.got}
            await gateway.all.confirm(tokens[below.arn])
            await gateway.all.update(below.arn, "DISABLED")
            assert f"{server.url}/a is DISABLED" in gateway.why_not(f"{server.url}/a/b")
            assert "IN_PROGRESS" in gateway.why_not(f"{server.url}/c")

    run(main())
