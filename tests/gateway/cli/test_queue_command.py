"""`weir queue list` and `show`, on a control socket and real queues."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.cli.main import main
from tests.gateway.control.queue_room import QueueRoom

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


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_a_table_of_all_queues(room: QueueRoom, weir: Weir) -> None:
    assert weir("list") == (0, "no queues\n", "")
    alarms, _ = room.with_dead_letters("alarms", "dead")
    room.queue("f.fifo", FifoQueue="true")
    room.send(alarms, "a", "b", delay_s=9)
    room.time.advance(75)
    room.send(alarms, "c", delay_s=60)
    code, out, err = weir("list")
    assert (code, err) == (0, "")
    lines = words(out)
    assert lines[0] == ["3", "queues,", "3", "messages,", "none", "encrypted"]
    assert lines[2][:3] == ["Queue", "Kind", "Visible"]
    assert lines[3] == ["alarms", "standard", "2", "0", "1", "00:01:15", "to", "dead"]
    assert lines[4] == ["dead", "standard", "0", "0", "0", "-", "from", "alarms"]
    assert lines[5] == ["f.fifo", "FIFO", "0", "0", "0", "-", "-"]
    assert "\x1b" not in out and "dead letter" not in out


def test_encryption_is_told_where_there_is_any(room: QueueRoom, weir: Weir) -> None:
    room.queue("open")
    room.queue("sealed", SqsManagedSseEnabled="true")
    lines = words(weir("list")[1])
    assert lines[0] == ["2", "queues,", "0", "messages"]
    assert lines[3] == ["open", "standard", "0", "0", "0", "-", "none", "-"]
    assert lines[4] == ["sealed", "standard", "0", "0", "0", "-", "SSE-SQS", "-"]
    out = weir("show", "sealed")[1]
    assert "encryption          SSE-SQS, with the gateway's own key\n" in out
    assert "encryption          none\n" in weir("show", "open")[1]
    room.queue("keyed", KmsMasterKeyId="alias/aws/sqs")
    out = weir("show", "keyed")[1]
    assert "encryption          SSE-KMS, with the key alias/aws/sqs\n" in out


def test_dead_letters_stand_out(
    room: QueueRoom, weir: Weir, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarms, _ = room.with_dead_letters("alarms", "dead")
    room.give_up(alarms, "a", "b")
    _, out, _ = weir("list")
    assert "Dead letters\n  2 dead letters  in dead\n" in out
    assert "weir queue redrive NAME moves them back." in out
    monkeypatch.setattr("gateway.cli.action.wants_colour", lambda stream: True)
    _, out, _ = weir("list")
    assert "\x1b[31mdead " in out and "\x1b[31mfrom alarms\x1b[0m" in out
    assert "\x1b[31malarms" not in out


def test_programs_get_what_the_gateway_answers(room: QueueRoom, weir: Weir) -> None:
    room.with_dead_letters("alarms", "dead")
    assert [each["name"] for each in json.loads(weir("list", "--json")[1])["queues"]] == [
        "alarms",
        "dead",
    ]
    shown = json.loads(weir("show", "alarms", "--json")[1])
    assert (shown["name"], shown["dead_letter_queue"]) == ("alarms", "dead")


def test_one_queue_in_full(room: QueueRoom, weir: Weir) -> None:
    alarms, _ = room.with_dead_letters("alarms", "dead", 3, DelaySeconds="5")
    room.call(room.bench.service.configuration.tag(alarms, {"site": "north", "by": "me"}))
    room.send(alarms, *"abcdefgh", delay_s=0)
    room.send(alarms, "x", "y", delay_s=60)
    room.call(alarms.receive(most=2))
    room.time.advance(3)
    code, out, err = weir("show", "alarms")
    assert (code, err) == (0, "")
    lines = words(out)
    assert lines[0] == ["alarms", "standard", "queue"]
    assert lines[1] == ["visible", "6", "█" * 18]
    assert lines[2] == ["in", "flight", "2", "█" * 6]
    assert lines[3] == ["delayed", "2", "█" * 6]
    assert lines[4] == ["oldest", "00:00:03,", "kept", "for", "4", "d", "00:00:00"]
    for line in (
        "visibility timeout  hidden for 30 s once received",
        "delay               new messages hidden for 5 s",
        "receive wait        none, unless a receive asks for it",
        "largest message     1.0 MiB",
        "created             2027-01-15 08:00:00 UTC",
        "ARN                 arn:aws:sqs:us-east-1:000000000000:alarms",
        "its own  go to dead after 3 receives",
    ):
        assert f"  {line}\n" in out
    assert "Tags\n  by    me\n  site  north\n" in out
    assert "Last moved out of it" not in out and "deduplication" not in out


def test_a_fifo_queue_says_how_it_tells_messages_apart(room: QueueRoom, weir: Weir) -> None:
    room.queue("f.fifo", FifoQueue="true")
    assert "by the sender's id, within the whole queue\n" in weir("show", "f.fifo")[1]
    room.queue(
        "g.fifo",
        FifoQueue="true",
        ContentBasedDeduplication="true",
        DeduplicationScope="messageGroup",
        FifoThroughputLimit="perMessageGroupId",
        ReceiveMessageWaitTimeSeconds="20",
    )
    out = weir("show", "g.fifo")[1]
    assert "by the sender's id, or else the body's digest, within each message group\n" in out
    assert "up to 20 s\n" in out and "perMessageGroupId\n" in out


def test_a_dead_letter_queue_says_whose_and_what_was_moved(room: QueueRoom, weir: Weir) -> None:
    alarms, dead = room.with_dead_letters("alarms", "dead")
    room.with_dead_letters("pumps", "dead")
    room.give_up(alarms, "a", "b")
    out = weir("show", "dead")[1]
    assert "it takes  those of alarms, pumps\n" in out and "its own" not in out
    assert "it holds  2 dead letters: weir queue redrive dead moves them back\n" in out
    assert weir("redrive", "dead")[0] == 0
    room.call(room.bench.service.mover.idle())
    out = weir("show", "dead")[1]
    assert "Last moved out of it\n  status   COMPLETED\n  moved    2 of 2  " + "█" * 30 in out
    assert "to       where each came from\n" in out
    assert "it holds" not in out
    room.call(room.bench.service.delete(dead))
    assert "which is not there, so they stay\n" in weir("show", "alarms")[1]


def test_a_policy_is_shown_as_it_was_written(room: QueueRoom, weir: Weir) -> None:
    policy = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*"}]}'
    )
    room.queue("q", Policy=policy)
    out = weir("show", "q")[1]
    assert 'Policy\n  {\n    "Version": "2012-10-17",\n    "Statement": [\n      {\n' in out


def test_at_80_columns_nothing_is_lost(
    room: QueueRoom, weir: Weir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    room.with_dead_letters("a-queue-with-a-rather-long-name", "its-dead-letter-queue")
    room.with_dead_letters("another-queue-with-a-long-name", "its-dead-letter-queue")
    for arguments in (["list"], ["show", "its-dead-letter-queue"]):
        _, out, _ = weir(*arguments)
        assert "…" not in out
        assert all(len(line) <= 80 for line in out.splitlines())
        # Names may go on below, and are never cut.
        assert "another-queue-with-a-long-name" in out


def test_what_a_terminal_could_act_on_is_shown_escaped(room: QueueRoom, weir: Weir) -> None:
    statement = '{"Effect": "Allow", "Principal": "*", "Action": "*"}'
    queue = room.queue("q", Policy=f'{{"Statement": [{statement}], "Id": "\x9b"}}')
    room.call(room.bench.service.configuration.tag(queue, {"\x1b]0;x": "\x1b[2J\n"}))
    for arguments in (["list"], ["show", "q"], ["show", "q", "--json"]):
        _, out, _ = weir(*arguments)
        assert "\x1b" not in out and "\x9b" not in out


@pytest.mark.parametrize("action", ["show", "receive", "purge", "redrive"])
@pytest.mark.parametrize("name", ["alrams", "", "a/b\x1b", "\udcff"])
def test_a_queue_that_there_is_not(room: QueueRoom, weir: Weir, action: str, name: str) -> None:
    room.queue("alarms")
    code, out, err = weir(action, name, *(["--yes"] if action == "purge" else []))
    assert (code, out) == (1, "")
    assert err.startswith("weir: there is no queue '")
    assert err.endswith("See which there are with weir queue list.\n")
    assert ("Did you mean alarms?" in err) == (name == "alrams")
    assert "\x1b" not in err


@pytest.mark.parametrize(
    "arguments",
    [["list"], ["show", "a"], ["send", "a", "b"], ["receive", "a"], ["purge", "a", "--yes"]],
)
def test_no_gateway_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(["queue", *arguments, "--data-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("weir: no gateway is running: ")


def test_the_status_says_which_queues_hold_dead_letters(
    room: QueueRoom, capsys: pytest.CaptureFixture[str]
) -> None:
    alarms, _ = room.with_dead_letters("alarms", "dead")
    room.queue("f.fifo", FifoQueue="true")
    room.give_up(alarms, "a")
    assert main(["status", "--data-dir", str(room.data_dir)]) == 0
    out = capsys.readouterr().out
    assert "  dead    1 waiting  0 in flight  0 delayed  dead letters\n" in out
    assert "  f.fifo  0 waiting  0 in flight  0 delayed  FIFO\n" in out
    assert "  alarms  0 waiting  0 in flight  0 delayed\n" in out
