"""What the callers of one queue know, and what the gateway may not do after that.

Every message has a name, which is its body, and in a FIFO queue a group. A ledger takes in what was
asked and answered, each with a stamp: seconds of the monotonic clock, or how long a disk's log was.
Faults are kept in words.
"""

from __future__ import annotations

import time
from typing import Any


class Told:
    """What is known of one message.

    Attributes:
        group: The message group; empty in a standard queue.
        sent_at: The stamp after its send was answered; None before.
        message_id: As the gateway told it, with the sequence number.
        delete_asked_at: The stamp before its delete was asked for.
        deleted_at: The stamp after that was answered.
        handle: The last receipt handle.
        count: How often it has been received, as the gateway told last.
        held_until_s: Until then nobody may receive it; monotonic.
    """

    __slots__ = (
        "count",
        "delete_asked_at",
        "deleted_at",
        "group",
        "handle",
        "held_until_s",
        "message_id",
        "name",
        "sent_at",
        "sequence_number",
    )

    def __init__(self, name: str, group: str) -> None:
        self.name = name
        self.group = group
        self.sent_at: float | None = None
        self.message_id = ""
        self.sequence_number = ""
        self.delete_asked_at: float | None = None
        self.deleted_at: float | None = None
        self.handle = ""
        self.count = 0
        self.held_until_s = 0.0


class Ledger:
    """What is known of the messages of one queue.

    Attributes:
        told: By name, in the order in which they were first sent.
        faults: What the gateway may not have done.
        arrivals: How many messages receives have given out.
    """

    def __init__(self) -> None:
        self.told: dict[str, Told] = {}
        self.faults: list[str] = []
        self.arrivals = 0
        self._groups: dict[str, list[Told]] = {}

    def sending(self, name: str, group: str = "") -> None:
        """A message is about to be sent, for the first time or again."""
        if name not in self.told:
            self.told[name] = told = Told(name, group)
            if group:
                self._groups.setdefault(group, []).append(told)

    def sent(self, name: str, answer: dict[str, Any], stamp: float) -> None:
        """A send was answered."""
        told = self.told[name]
        self._identify(told, answer["MessageId"], answer.get("SequenceNumber", ""))
        if told.sent_at is None:
            told.sent_at = stamp

    def arrived(
        self,
        messages: list[dict[str, Any]],
        asked_s: float,
        timeout_s: float,
        *,
        again: bool = False,
    ) -> list[Told]:
        """A receive was answered; return what is known of its messages.

        Args:
            messages: As they came.
            asked_s: When it was asked for; monotonic.
            timeout_s: The visibility timeout that it asked for.
            again: It repeats one whose answer was lost, or had come: the same messages are due.
        """
        now_s = time.monotonic()
        found: list[Told] = []
        for message in messages:
            self.arrivals += 1
            told = self.told.get(message["Body"])
            if told is None:
                self.faults.append(f"{message['Body']} was never sent")
                continue
            number = message.get("Attributes", {}).get("SequenceNumber", "")
            self._identify(told, message["MessageId"], number)
            if told in found:
                self.faults.append(f"{told.name} came twice in one answer")
            if told.deleted_at is not None and told.deleted_at < asked_s:
                self.faults.append(f"{told.name} is back after its delete was acknowledged")
            if told.held_until_s > now_s and not again:
                self.faults.append(f"{told.name} was given out again while it was hidden")
            if told.group and not again:
                self._check_order(told, found, now_s)
            found.append(told)
        for told, message in zip(found, messages, strict=False):
            if now_s < asked_s + timeout_s:  # or it lay here for so long that it is nobody's
                told.held_until_s = asked_s + timeout_s
            told.handle = message["ReceiptHandle"]
            told.count = int(message["Attributes"]["ApproximateReceiveCount"])
        return found

    def letting_go(self, told: Told) -> float:
        """A message is about to be made visible; return until when it was held."""
        held_until_s, told.held_until_s = told.held_until_s, 0.0
        return held_until_s

    def deleting(self, told: Told, stamp: float) -> None:
        """A delete is about to be asked for."""
        if told.delete_asked_at is None:
            told.delete_asked_at = stamp

    def deleted(self, told: Told, stamp: float) -> None:
        """A delete was answered."""
        # One that comes so late may have met a message that somebody else has received since.
        if time.monotonic() < told.held_until_s and told.deleted_at is None:
            told.deleted_at = stamp

    def unanswered(self) -> list[Told]:
        """Return messages of which nobody knows whether they were sent, in order."""
        return [told for told in self.told.values() if told.sent_at is None]

    def missing(self) -> list[str]:
        """Return messages that were acknowledged and never came, and whose delete nobody asked."""
        return [
            told.name
            for told in self.told.values()
            if told.sent_at is not None and told.delete_asked_at is None
        ]

    def check_sequences(self) -> None:
        """Sequence numbers grow within a group."""
        for group, known in self._groups.items():
            numbers = [int(told.sequence_number) for told in known if told.sequence_number]
            if numbers != sorted(set(numbers)):
                self.faults.append(f"the sequence numbers of {group} do not grow")

    def _identify(self, told: Told, message_id: str, sequence_number: str) -> None:
        if told.message_id and told.message_id != message_id:
            self.faults.append(f"{told.name} is two messages")
        told.message_id = message_id
        if sequence_number:
            if told.sequence_number and told.sequence_number != sequence_number:
                self.faults.append(f"{told.name} has two sequence numbers")
            told.sequence_number = sequence_number

    def _check_order(self, told: Told, before: list[Told], now_s: float) -> None:
        """Complain if a message of the same group had to come first, or the group was blocked."""
        for other in self._groups[told.group]:
            if other is told:
                break
            if other.delete_asked_at is None and other not in before:
                self.faults.append(f"{told.name} came before {other.name}")
                break
        for other in self._groups[told.group]:
            if other.held_until_s > now_s and other.delete_asked_at is None and other is not told:
                self.faults.append(f"{told.name} came while {other.name} was in flight")
                break
