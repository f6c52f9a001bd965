"""`weir queue purge` and `redrive`: asked before messages go, followed until they are there."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from gateway.cli import queue_changes
from gateway.cli.main import main
from gateway.cli.queue_changes import follow
from tests.gateway.control.queue_room import QueueRoom

if TYPE_CHECKING:
    from gateway.control.queue_documents import MoveTaskLine

Weir = Callable[..., tuple[int, str, str]]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[QueueRoom]:
    with QueueRoom(tmp_path / "data") as running:
        yield running


@pytest.fixture
def weir(room: QueueRoom, capsys: pytest.CaptureFixture[str]) -> Weir:
    def run(*arguments: object) -> tuple[int, str, str]:
        code = main(["queue", *map(str, arguments), "--data-dir", str(room.data_dir)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


# --- purging --------------------------------------------------------------------------------------


def purged(room: QueueRoom) -> None:
    room.call(room.bench.service.removals_done())


def test_without_a_terminal_it_has_to_be_said(
    room: QueueRoom, weir: Weir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    queue = room.queue("q")
    room.send(queue, "a", "b")
    code, out, err = weir("purge", "q")
    assert (code, out) == (2, "")
    assert err == ("weir: there is no terminal to ask on whether to purge.\n  Say so with --yes.\n")
    assert room.depths(queue) == (2, 0, 0)
    code, out, err = weir("purge", "q", "--yes")
    assert (code, err) == (0, "")
    assert out == "q is purged: all that was sent until now is being removed.\n"
    purged(room)
    assert room.depths(queue) == (0, 0, 0)
    code, _, err = weir("purge", "q", "--yes")
    assert code == 1
    assert err.endswith("  Wait a minute, then purge it again.\n")


@pytest.mark.parametrize(
    ("answer", "is_purged"), [("y", True), ("YES", True), ("n", False), ("", False), ("yo", False)]
)
def test_on_a_terminal_it_is_asked(room: QueueRoom, answer: str, is_purged: bool) -> None:
    queue = room.queue("q")
    room.send(queue, "a", "b")
    master, terminal = pty.openpty()
    arguments = ["queue", "purge", "q", "--data-dir", str(room.data_dir)]
    asked = subprocess.Popen(
        [sys.executable, "-m", "gateway.cli.main", *arguments],
        stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.write(master, f"{answer}\n".encode())
    out, err = asked.communicate(timeout=20)
    os.close(terminal)
    os.close(master)
    assert err.startswith("Remove all messages of q, about 2 messages? [y/N] ")
    purged(room)
    if is_purged:
        assert (asked.returncode, out.startswith("q is purged: ")) == (0, True)
        assert room.depths(queue) == (0, 0, 0)
    else:
        assert (asked.returncode, out) == (1, "")
        assert err.endswith("weir: nothing was removed.\n")
        assert room.depths(queue) == (2, 0, 0)


def test_programs_get_the_queue(room: QueueRoom, weir: Weir) -> None:
    room.queue("q")
    assert json.loads(weir("purge", "q", "--yes", "--json")[1])["name"] == "q"


# --- redriving ------------------------------------------------------------------------------------


def idle(room: QueueRoom) -> None:
    room.call(room.bench.service.mover.idle())


def test_dead_letters_are_moved_back(room: QueueRoom, weir: Weir) -> None:
    alarms, dead = room.with_dead_letters("alarms", "dead")
    room.give_up(alarms, "a", "b")
    assert weir("redrive", "dead") == (
        0,
        "2 messages of dead are being moved to where each came from.\n",
        "",
    )
    idle(room)
    assert sorted(room.bodies(alarms)) == ["a", "b"]
    assert room.depths(dead) == (0, 0, 0)


def test_dead_letters_are_moved_elsewhere(room: QueueRoom, weir: Weir) -> None:
    alarms, _ = room.with_dead_letters("alarms", "dead")
    other = room.queue("other")
    room.give_up(alarms, "a")
    _, out, _ = weir("redrive", "dead", "--to", "other", "--rate", 500, "--json")
    task = json.loads(out)
    assert (task["destination"], task["max_per_s"], task["to_move"]) == ("other", 500, 1)
    idle(room)
    assert room.bodies(other) == ["a"]


def test_it_is_watched_until_it_is_done(
    room: QueueRoom, weir: Weir, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    monkeypatch.setattr(queue_changes.time, "sleep", lambda seconds: looks.append(idle(room)))
    alarms, _ = room.with_dead_letters("alarms", "dead")
    room.give_up(alarms, *"abc")
    code, out, err = weir("redrive", "dead", "--watch")
    assert (code, err) == (0, "")
    assert out.splitlines()[-2:] == [
        f"dead to where each came from  {'█' * 30}  3 of 3  COMPLETED",
        "3 messages of dead moved.",
    ]
    room.give_up(alarms, "d")
    documents = [
        json.loads(line) for line in weir("redrive", "dead", "--watch", "--json")[1].splitlines()
    ]
    assert documents[-1]["status"] == "COMPLETED"
    assert all(each["source"] == "dead" for each in documents)


def test_what_nobody_knows_the_source_of_fails_with_what_to_do(
    room: QueueRoom, weir: Weir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_changes.time, "sleep", lambda seconds: idle(room))
    _, dead = room.with_dead_letters("alarms", "dead")
    room.send(dead, "sent straight")
    code, out, _ = weir("redrive", "dead", "--watch")
    assert code == 1
    assert out.splitlines()[-1].endswith("name a queue with --to.")
    assert "name a queue with --to" in weir("show", "dead")[1]


@pytest.fixture
def held(room: QueueRoom, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Hold a task with a pace after its first step, until this is called."""
    go_on = asyncio.Event()

    async def hold(seconds: float) -> None:
        await go_on.wait()

    async def release() -> None:
        go_on.set()
        await room.bench.service.mover.idle()

    monkeypatch.setattr(room.bench.service.mover, "_sleep", hold)
    alarms, _ = room.with_dead_letters("alarms", "dead")
    room.give_up(alarms, "a", "b", "c")
    yield lambda: room.call(release())


def test_the_one_under_way_is_cancelled(
    room: QueueRoom, weir: Weir, held: Callable[[], None]
) -> None:
    assert weir("redrive", "dead", "--rate", 1)[0] == 0
    code, out, err = weir("redrive", "dead")
    assert (code, out) == (1, "")
    assert err.startswith("weir: messages of dead are being moved already.\n")
    code, out, _ = weir("redrive", "dead", "--cancel")
    assert (code, out.startswith("It is cancelled; ")) == (0, True)
    held()
    out = weir("show", "dead")[1]
    assert "CANCELLED" in out and "moved    1 of 3" in out
    assert weir("redrive", "dead", "--cancel")[0] == 1


def test_the_one_under_way_is_watched_and_ctrl_c_ends_the_watching_only(
    room: QueueRoom, weir: Weir, held: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(queue_changes.time, "sleep", interrupt)
    assert weir("redrive", "dead", "--rate", 1)[0] == 0
    code, out, err = weir("redrive", "dead", "--watch")
    assert (code, "RUNNING" in out) == (0, True)
    assert err == "weir: it goes on; weir queue redrive dead --cancel ends it.\n"
    assert weir("redrive", "dead", "--watch", "--rate", 2)[0] == 1
    held()
    (task,) = json.loads(weir("show", "dead", "--json")[1])["move_tasks"]
    assert (task["status"], task["moved"]) == ("COMPLETED", 3)


@pytest.mark.parametrize("option", [["--to", "a"], ["--rate", "1"], ["--watch"]])
def test_options_that_do_not_go_with_cancel(weir: Weir, option: list[str]) -> None:
    code, out, err = weir("redrive", "dead", "--cancel", *option)
    assert (code, out) == (2, "")
    assert err.startswith(f"weir: {option[0]} does not go with --cancel.\n")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def task(**changes: Any) -> MoveTaskLine:
    line: dict[str, object] = {
        "source": "dead",
        "destination": "other",
        "status": "RUNNING",
        "moved": 0,
        "to_move": 4,
        "max_per_s": 1,
        "started_ms": 0,
        "failure": None,
    }
    return cast("MoveTaskLine", {**line, **changes})


def test_on_a_terminal_the_bar_is_redrawn_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    looks = iter([task(), task(), task(moved=1), task(moved=5, status="COMPLETED")])
    out, slept = Terminal(), []
    assert follow(lambda: next(looks), out, as_json=False, sleep=slept.append) == "COMPLETED"
    first, second, rest = out.getvalue().split("\r\x1b[K")[1:]
    assert first == f"dead to other  {'░' * 30}  0 of 4  RUN…"
    assert second.startswith(f"dead to other  {'█' * 8}{'░' * 22}  1 of 4")
    assert rest.startswith(f"dead to other  {'█' * 30}  5 of 5")
    assert rest.endswith("\n5 messages of dead moved.\n")
    assert len(slept) == 3
