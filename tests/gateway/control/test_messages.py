"""Questions about recent messages, asked over a real control socket of a real engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.client import ControlClient, GatewayRefused
from gateway.control.messages import MAX_AT_ONCE, MAX_FOLLOWERS
from tests.rig.traced_rules import SLOW, SQS, TraceRoom, rule

HOT = rule("SELECT celsius FROM 'site/+' WHERE celsius > 30", SQS)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[TraceRoom]:
    with TraceRoom(tmp_path) as running:
        running.do(lambda here: here.put(hot=HOT, slow=rule("SELECT * FROM 'slow/+'", SLOW)))
        yield running


def get(room: TraceRoom, path: str, **query: str) -> dict[str, Any]:
    return ControlClient(room.socket).get(path, **query)


def trace(room: TraceRoom, name: str, **query: str) -> Iterator[dict[str, Any]]:
    return ControlClient(room.socket).stream(f"/v1/rules/{name}/trace", **query)


def follow(room: TraceRoom, name: str) -> Iterator[dict[str, Any]]:
    """Follow a rule from its first message on."""
    lines = trace(room, name, follow="")
    assert next(lines)["tracing"] == name
    return lines


def test_recent_messages(room: TraceRoom) -> None:
    assert get(room, "/v1/messages") == {"messages": []}
    room.publish("site/1", b'{"celsius": 31}')
    room.publish("site/2", b'{"celsius": 3}')
    room.publish("slow/1")
    one, two, three = get(room, "/v1/messages")["messages"]
    assert [each["topic"] for each in (one, two, three)] == ["site/1", "site/2", "slow/1"]
    assert (one["fired"], two["fired"], three["waiting"]) == (["hot"], [], ["slow"])
    assert get(room, "/v1/messages", last="1") == {"messages": [three]}


@pytest.mark.parametrize("last", ["", "0", "-1", "1001", "x", "²", "9" * 400])
def test_a_number_that_is_none_is_refused(room: TraceRoom, last: str) -> None:
    for path in ("/v1/messages", "/v1/rules/hot/trace"):
        with pytest.raises(GatewayRefused, match="last is") as caught:
            get(room, path, last=last)
        assert (caught.value.status, caught.value.hint) == (
            400,
            "Give a whole number from 1 to 1000.",
        )


def test_why(room: TraceRoom) -> None:
    room.publish("site/1", b'{"celsius": 31}')
    (given,) = room.ids()
    found = get(room, f"/v1/messages/{given}")
    assert (found["id"], found["rules"][0]["fired"], found["others"]) == (given, True, 1)
    assert get(room, f"/v1/messages/{given[:6]}")["id"] == given
    slow = get(room, "/v1/messages/last", rule="slow")
    assert (slow["rules"][0]["concerned"], slow["others"]) == (False, 0)


def test_what_is_not_there_is_404_and_what_is_not_clear_409(room: TraceRoom) -> None:
    for given in ("last", "abcd"):
        with pytest.raises(GatewayRefused, match="no message has reached a rule yet") as caught:
            get(room, f"/v1/messages/{given}")
        assert caught.value.status == 404
        assert "weir tail" in caught.value.hint
    room.publish("site/1")
    for path, query in (
        ("/v1/messages/%FF%00", {}),
        ("/v1/rules/nope/trace", {}),
        ("/v1/rules/nope/trace", {"follow": "1"}),
    ):
        with pytest.raises(GatewayRefused, match=r"is kept|no rule") as caught:
            get(room, path, **query)
        assert caught.value.status == 404
        assert "weir rule" in caught.value.hint
    room.publish("site/1")
    room.ids()

    def name_alike(here: Any) -> None:
        for number, traced in enumerate(here.engine.traces.recent()):
            traced.subject.trace_id = f"abcd-{number}"

    room.do(name_alike)
    with pytest.raises(GatewayRefused, match="2 messages begin with 'abcd'") as caught:
        get(room, "/v1/messages/abcd")
    assert caught.value.status == 409
    with pytest.raises(GatewayRefused, match="no rule 'nope'") as caught:
        get(room, "/v1/messages/abcd-0", rule="nope")
    assert caught.value.status == 404


def test_a_trace_ends_and_has_the_latest_messages_of_the_rule(room: TraceRoom) -> None:
    for celsius in (31, 3, 33):
        room.publish("site/1", b'{"celsius": %d}' % celsius)
        room.publish("slow/1")
    head, *lines = trace(room, "hot")
    assert head == {"tracing": "hot", "from": "site/+", "disabled": False}
    assert [line["rule"]["fired"] for line in lines] == [True, False, True]
    assert [line["rule"]["reason"] for line in lines] == ["", "celsius > 30 is false", ""]
    assert lines[0]["topic"] == "site/1"
    assert len(list(trace(room, "hot", last="2"))) == 3


def test_a_trace_without_messages_names_the_topics_there_were(room: TraceRoom) -> None:
    room.publish("slow/1")
    room.publish("slow/2")
    assert list(trace(room, "hot"))[1:] == [{"topics": ["slow/2", "slow/1"]}]


def test_following_gives_what_is_kept_and_then_what_comes(room: TraceRoom) -> None:
    room.publish("site/1", b'{"celsius": 31}')
    lines = follow(room, "hot")
    assert next(lines)["topic"] == "site/1"
    room.publish("slow/1")
    room.publish("site/2", b'{"celsius": 1}')
    room.publish("site/3", b'{"celsius": 41}')
    second, third = next(lines), next(lines)
    assert (second["topic"], second["rule"]["reason"]) == ("site/2", "celsius > 30 is false")
    assert (third["topic"], third["rule"]["fired"]) == ("site/3", True)


def test_a_message_comes_again_once_its_slow_actions_are_done(room: TraceRoom) -> None:
    room.publish("slow/1")
    lines = follow(room, "slow")
    first = next(lines)
    assert (first["rule"]["actions"][0]["result"], "settled" in first) == ("waiting", False)
    room.call(room.rules.settle())
    again = next(lines)
    assert (again["id"], again["settled"]) == (first["id"], True)
    assert again["rule"]["actions"][0]["result"] == "done"
    room.publish("slow/2")
    assert next(lines)["topic"] == "slow/2"


def test_what_came_too_fast_is_counted(room: TraceRoom) -> None:
    lines = follow(room, "hot")
    assert next(lines) == {"topics": []}
    room.publish("site/1", count=MAX_AT_ONCE)  # of which the ring keeps 50
    assert next(lines) == {"missed": MAX_AT_ONCE - 50}
    assert [next(lines)["topic"] for _ in range(50)] == ["site/1"] * 50


def test_following_goes_on_with_a_changed_rule_and_ends_with_the_rule(room: TraceRoom) -> None:
    lines = follow(room, "hot")
    assert next(lines) == {"topics": []}
    room.do(lambda here: here.put(hot=rule("SELECT * FROM 'other'", SQS)))
    room.publish("other")
    assert next(lines)["topic"] == "other"
    room.do(lambda here: here.remove("hot"))
    assert list(lines) == [{"gone": "hot"}]


def test_followers_are_bounded_and_leave_nothing_behind(room: TraceRoom) -> None:
    followers = [follow(room, "hot") for _ in range(MAX_FOLLOWERS)]
    with pytest.raises(GatewayRefused, match="16 traces") as caught:
        follow(room, "hot")
    assert caught.value.status == 503
    for follower in followers:
        follower.close()  # type: ignore[attr-defined]
    room.call(_until(lambda: room.endpoints.followers == 0))
    assert next(follow(room, "hot")) == {"topics": []}


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.001)


def test_a_stream_ends_when_the_gateway_stops(tmp_path: Path) -> None:
    with TraceRoom(tmp_path) as room:
        room.do(lambda here: here.put(hot=HOT))
        lines = follow(room, "hot")
        assert next(lines) == {"topics": []}
    assert list(lines) == []
    assert room.endpoints.followers == 0
