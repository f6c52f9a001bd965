"""The endpoints of queues, asked over a real unix socket with real queues behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.client import ControlClient, GatewayRefused
from gateway.services.sqs import QueueAttributes
from gateway.services.sqs.moving.checks import MAX_PER_S
from tests.gateway.control.queue_room import QueueRoom


@pytest.fixture
def room(tmp_path: Path) -> Iterator[QueueRoom]:
    with QueueRoom(tmp_path) as running:
        yield running


def get(room: QueueRoom, path: str = "") -> Any:
    return ControlClient(room.socket).get(f"/v1/queues{path}")


def post(room: QueueRoom, path: str, **document: object) -> Any:
    return ControlClient(room.socket).post(f"/v1/queues{path}", document)


def refused(room: QueueRoom, path: str, **document: object) -> GatewayRefused:
    with pytest.raises(GatewayRefused) as caught:
        post(room, path, **document)
    return caught.value


def test_queues_are_listed_with_what_they_hold(room: QueueRoom) -> None:
    assert get(room) == {"queues": []}
    alarms, dead = room.with_dead_letters("alarms", "dead", 3)
    room.send(alarms, "a", "b")
    room.time.advance(7.5)
    room.send(alarms, "c", delay_s=60)
    room.call(alarms.receive())
    every = {each["name"]: each for each in get(room)["queues"]}
    assert list(every) == ["alarms", "dead"]
    assert every["alarms"] == {
        "name": "alarms",
        "fifo": False,
        "visible": 1,
        "in_flight": 1,
        "delayed": 1,
        "oldest_age_s": 7.5,
        "encryption": "",
        "encryption_problem": "",
        "dead_letter_queue": "dead",
        "dead_letter_queue_missing": False,
        "max_receive_count": 3,
        "dead_letter_sources": [],
    }
    assert every["dead"]["dead_letter_sources"] == ["alarms"]
    assert every["dead"]["oldest_age_s"] is None
    room.call(room.bench.service.delete(dead))
    (line,) = get(room)["queues"]
    assert (line["dead_letter_queue"], line["dead_letter_queue_missing"]) == ("dead", True)


def test_one_queue_is_shown_by_name_url_or_arn(room: QueueRoom) -> None:
    queue, _ = room.with_dead_letters("q.fifo", "dead.fifo", 5, DelaySeconds="9")
    room.call(room.bench.service.configuration.tag(queue, {"site": "north"}))
    shown = get(room, "/q.fifo")
    arn = room.bench.service.arn("q.fifo")
    assert shown["arn"] == arn
    assert shown["attributes"] == queue.attributes.texts()
    assert shown["attributes"]["DelaySeconds"] == "9"
    assert shown["tags"] == {"site": "north"}
    assert shown["created_ms"] == 1_800_000_000_000
    assert shown["fifo"] and shown["move_tasks"] == []
    assert get(room, f"/{arn}") == shown
    assert get(room, "/http:%2F%2F127.0.0.1:4566%2F000000000000%2Fq.fifo") == shown


@pytest.mark.parametrize("name", ["alrams", "", "%FF", "a%0Ab", "x" * 5000])
@pytest.mark.parametrize("action", ["", "/move-tasks", "/purge", "/redrive", "/send", "/receive"])
def test_a_queue_that_there_is_not_is_404_and_the_nearest_is_named(
    room: QueueRoom, name: str, action: str
) -> None:
    room.queue("alarms")
    with pytest.raises(GatewayRefused, match=r"^there is no queue '") as caught:
        if action in ("", "/move-tasks"):
            get(room, f"/{name}{action}")
        else:
            post(room, f"/{name}{action}", **({"body": "eA=="} if action == "/send" else {}))
    assert caught.value.status == 404
    near = "Did you mean alarms? " if name == "alrams" else ""
    assert caught.value.hint == f"{near}See which there are with weir queue list."
    assert len(str(caught.value)) < 200


def test_how_bodies_are_encrypted_is_told(room: QueueRoom) -> None:
    from gateway.control.queues import _encryption

    assert _encryption(QueueAttributes()) == ""
    assert _encryption(QueueAttributes(managed_sse=True)) == "SSE-SQS"
    assert _encryption(QueueAttributes(kms_master_key_id="alias/a")) == "SSE-KMS"


def test_a_queue_is_purged_once_a_minute(room: QueueRoom) -> None:
    queue = room.queue("q")
    room.send(queue, "a", "b")
    assert post(room, "/q/purge")["name"] == "q"
    room.call(room.bench.service.removals_done())
    assert room.depths(queue) == (0, 0, 0)
    error = refused(room, "/q/purge")
    assert (error.status, error.hint) == (409, "Wait a minute, then purge it again.")


# --- moving dead letters --------------------------------------------------------------------------


def test_dead_letters_go_back_where_they_came_from(room: QueueRoom) -> None:
    alarms, dead = room.with_dead_letters("alarms", "dead")
    pumps, _ = room.with_dead_letters("pumps", "dead")
    room.give_up(alarms, "a", "b")
    room.give_up(pumps, "c")
    assert room.depths(dead) == (3, 0, 0)
    task = post(room, "/dead/redrive")
    assert (task["source"], task["destination"], task["status"]) == ("dead", None, "RUNNING")
    assert (task["to_move"], task["max_per_s"], task["started_ms"]) == (3, None, 1_800_000_000_000)
    room.call(room.bench.service.mover.idle())
    assert sorted(room.bodies(alarms)) == ["a", "b"]
    assert room.bodies(pumps) == ["c"]
    (ended,) = get(room, "/dead/move-tasks")["move_tasks"]
    assert (ended["status"], ended["moved"]) == ("COMPLETED", 3)
    assert get(room, "/dead")["move_tasks"] == [ended]


def test_dead_letters_go_where_one_says(room: QueueRoom) -> None:
    alarms, dead = room.with_dead_letters("alarms", "dead")
    other = room.queue("other")
    room.give_up(alarms, "a")
    room.send(dead, "sent straight")
    post(room, "/dead/redrive", destination=room.bench.service.arn("other"), max_per_s=500)
    room.call(room.bench.service.mover.idle())
    assert sorted(room.bodies(other)) == ["a", "sent straight"]


def test_a_task_under_way_is_cancelled_and_there_is_one_at_a_time(
    room: QueueRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = asyncio.Event()

    async def hold(seconds: float) -> None:
        await go_on.wait()

    monkeypatch.setattr(room.bench.service.mover, "_sleep", hold)
    alarms, dead = room.with_dead_letters("alarms", "dead")
    room.give_up(alarms, "a", "b", "c")
    post(room, "/dead/redrive", max_per_s=1)
    error = refused(room, "/dead/redrive")
    assert (error.status, str(error)) == (409, "messages of dead are being moved already")
    assert "--cancel" in error.hint
    cancelled = post(room, "/dead/cancel-redrive")
    assert (cancelled["status"], cancelled["to_move"]) == ("CANCELLING", 3)
    assert "is just being cancelled" in str(refused(room, "/dead/redrive"))
    assert refused(room, "/dead/cancel-redrive").status == 409

    async def release() -> None:
        go_on.set()
        await room.bench.service.mover.idle()

    room.call(release())
    (task,) = get(room, "/dead/move-tasks")["move_tasks"]
    assert (task["status"], task["moved"]) == ("CANCELLED", 1)
    assert room.depths(dead) == (2, 0, 0)
    error = refused(room, "/dead/cancel-redrive")
    assert (error.status, str(error)) == (409, "no messages of dead are being moved")


def test_what_is_no_dead_letter_queue_has_nothing_to_move(room: QueueRoom) -> None:
    room.queue("other")
    assert refused(room, "/other/redrive").hint == "There is none here."
    room.with_dead_letters("alarms", "dead")
    error = refused(room, "/alarms/redrive")
    assert error.status == 409
    assert "alarms is no queue's dead-letter queue" in str(error)
    assert error.hint == "Dead-letter queues are dead."


@pytest.mark.parametrize(
    ("document", "status", "reason"),
    [
        ({"destination": "oter"}, 404, "there is no queue 'oter'"),
        ({"destination": "dead"}, 400, "must be different queues"),
        ({"destination": "f.fifo"}, 400, "must be of the same type"),
        ({"max_per_s": 0}, 400, f"Must be between 1 and {MAX_PER_S}"),
        ({"max_per_s": True}, 400, "'max_per_s' is bool, not int"),
        ({"destination": 1}, 400, "'destination' is int, not str"),
        ({"to": "other"}, 400, "the unknown keys to"),
    ],
)
def test_a_redrive_that_cannot_be_is_refused(
    room: QueueRoom, document: dict[str, object], status: int, reason: str
) -> None:
    room.with_dead_letters("alarms", "dead")
    room.queue("other")
    room.queue("f.fifo", FifoQueue="true")
    error = refused(room, "/dead/redrive", **document)
    assert error.status == status
    assert reason in str(error)


def test_the_wrong_method_and_unknown_parameters_are_refused(room: QueueRoom) -> None:
    room.queue("q")
    assert refused(room, "/q").status == 405
    with pytest.raises(GatewayRefused, match="takes no parameter 'x'"):
        get(room, "?x=1")
