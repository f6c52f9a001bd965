"""The log is on disk before the acknowledgement leaves: seen from outside, system call by call.

strace writes down every write to the write-ahead log, every fdatasync and every byte sent. For each
PUBACK and each HTTP 200, the fdatasync that covers its message must have returned before. The
control switches durability off and must be caught.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rig.gateway_process import GatewayProcess
from tests.rig.mqtt_client import BarePublisher

MESSAGES = 25

_CALL = re.compile(r"^(?P<thread>\d+) +(?P<name>\w+)\((?P<rest>.*)$")
_RESUMED = re.compile(r"^(?P<thread>\d+) +<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)$")


@dataclass
class Event:
    """A system call: where in the trace it began and where it returned."""

    name: str
    text: str
    began: int
    returned: int


def read_trace(path: Path) -> list[Event]:
    """Read strace's output; a call that another thread interrupted is put together again."""
    events: list[Event] = []
    open_calls: dict[str, Event] = {}
    for number, line in enumerate(path.read_text(errors="replace").splitlines()):
        resumed = _RESUMED.match(line)
        if resumed:
            event = open_calls.pop(resumed["thread"])
            event.text += resumed["rest"]
            event.returned = number
            continue
        call = _CALL.match(line)
        if call is None:
            continue
        event = Event(call["name"], call["rest"], number, number)
        events.append(event)
        if line.endswith("<unfinished ...>"):
            open_calls[call["thread"]] = event
    return events


def covered(events: list[Event], marker: str, answered: int) -> bool:
    """Tell whether the message's write to the log was synced before line `answered`."""
    writes = [e for e in events if e.name == "pwrite64" and "weir.db-wal" in e.text]
    written = [e.returned for e in writes if marker in e.text]
    if not written:
        return False
    return any(
        event.name == "fdatasync"
        and "weir.db-wal" in event.text
        and event.text.rstrip().endswith("= 0")
        and event.began > written[0]
        and event.returned < answered
        for event in events
    )


@pytest.mark.system
@pytest.mark.timeout(120)
@pytest.mark.parametrize("synchronous", ["FULL", "OFF"])
def test_fdatasync_returns_before_the_answer_leaves(tmp_path: Path, synchronous: str) -> None:
    trace = tmp_path / "trace"
    calls = "pwrite64,fdatasync,fsync,write,writev,sendto,sendmsg"
    strace = ["strace", "-f", "-y", "-s", "8192", "-e", f"trace={calls}", "-o", str(trace)]
    gateway = GatewayProcess(tmp_path, prefix=strace, store=f'synchronous = "{synchronous}"')
    with gateway:
        sqs = gateway.sqs()
        url = sqs.get_queue_url(QueueName="readings")["QueueUrl"]
        with BarePublisher(gateway.mqtt_port) as publisher:
            for n in range(MESSAGES):
                publisher.publish("bench/t", f'{{"marker":"puback-{n:03d}-end"}}'.encode())
                publisher.wait_for_acks()
                sqs.send_message(QueueUrl=url, MessageBody=f"http-{n:03d}-end")
        assert gateway.stop() == 0
    events = read_trace(trace)
    sends = [e for e in events if e.name in ("write", "writev", "sendto", "sendmsg")]
    verdicts = []
    for n in range(MESSAGES):
        # The packet identifier is one of 25 that strace prints as an octal escape or a character.
        puback = next(e for e in sends if _is_puback(e.text, n + 1))
        verdicts.append(covered(events, f"puback-{n:03d}-end", puback.began))
    answers = [e for e in sends if "HTTP/1.1 200" in e.text and "MD5OfMessageBody" in e.text]
    assert len(answers) == MESSAGES
    for n, answer in enumerate(answers):
        verdicts.append(covered(events, f"http-{n:03d}-end", answer.began))
    print(f"{sum(verdicts)} of {len(verdicts)} answers left after their fdatasync")
    if synchronous == "FULL":
        assert all(verdicts)
    else:
        assert not any(verdicts), "the control waited for the disk: this test proves nothing"


def _is_puback(text: str, identifier: int) -> bool:
    data = re.search(r'"((?:[^"\\]|\\.)*)"', text)
    if data is None or ("socket:" not in text and "TCP" not in text):
        return False
    raw = data[1].encode("latin-1").decode("unicode_escape").encode("latin-1")
    return raw == b"\x40\x02" + identifier.to_bytes(2, "big")
