"""What rules did lately: a bounded ring of the messages that concerned any.

Owns the ring, its bounds, and the identifiers of its messages. What a message costs here is a few
references: what each clause gave is worked out when somebody asks. Knows nothing of rules in force.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, final

import rules
from gateway.engine.subjects import make_subject
from gateway.message import Message

__all__ = ["Outcome", "Traced", "Traces"]

# How long the wall clock is taken to go on as it did, and what makes it another.
_CLOCK_S: Final = 1.0
_CLOCK_STEP_MS: Final = 2.0

# What an outcome weighs beside its texts, but for the one of a rule that fired and was done.
_OUTCOME_BYTES: Final = 300

# What an entry weighs beside its topic, payload and properties.
_ENTRY_BYTES: Final = 400


@final
class Outcome:
    """What one rule did with one message: one whose WHERE was true, or that failed.

    Attributes:
        rule: The rule's name.
        error: Why the statement came to no result; empty if it did.
        failures: By the number of the action, from 0, why it failed; None while none did.
        waiting: The numbers of the actions that wait in the outbox or run; None if none ever did.
            A rule that reaches out waits as a whole: -1.
    """

    __slots__ = ("error", "failures", "rule", "waiting")

    def __init__(
        self,
        rule: str,
        error: str = "",
        failures: dict[int, str] | None = None,
        waiting: set[int] | None = None,
    ) -> None:
        self.rule = rule
        self.error = error
        self.failures = failures
        self.waiting = waiting

    @property
    def size_bytes(self) -> int:
        """What it weighs; nothing if it is shared by all messages of its rule."""
        failures = self.failures
        if self.waiting is None and not failures and not self.error:
            return 0
        told = sum(len(message) + 80 for message in failures.values()) if failures else 0
        return len(self.error) + told + _OUTCOME_BYTES

    def end(self, number: int, failure: str) -> None:
        """Note that an action of the outbox is at an end, and why it failed, if it did."""
        if self.waiting is not None:
            self.waiting.discard(number)
        if failure:
            self.failures = {**(self.failures or {}), number: failure}


@final
class Traced:
    """One message that concerned a rule.

    Args:
        message: The message.
        sequence: Its place among all of them since the gateway started.
        at_s: When it came, in monotonic time.
        clock_ms: What wall time was ahead of monotonic time then, in milliseconds.

    Attributes:
        topic: The topic it was published to.
        publisher: Who published it.
        properties: Its MQTT 5 properties, as on the wire.
        depth: How many republish actions led to it.
        outcomes: What rules did with it, in the order in which they did.
        subject: What rules see of it, made once however many rules match.
        size_bytes: What it weighs in the ring.
        told: By the name of a rule, what came of its error action: `done`, `waiting` or `failed`,
            and why it failed. None while no error action was told of anything.
    """

    __slots__ = (
        "at_s",
        "clock_ms",
        "depth",
        "outcomes",
        "properties",
        "publisher",
        "sequence",
        "size_bytes",
        "subject",
        "told",
        "topic",
    )

    def __init__(self, message: Message, sequence: int, at_s: float, clock_ms: float) -> None:
        payload = message.payload
        self.sequence = sequence
        self.topic = topic = message.topic
        self.publisher = publisher = message.publisher
        self.properties = properties = message.properties
        self.depth = message.depth
        self.at_s = at_s
        self.clock_ms = clock_ms
        self.outcomes: list[Outcome] = []
        self.told: dict[str, tuple[str, str]] | None = None
        self.subject = make_subject(topic, payload, publisher, properties)
        self.size_bytes = len(payload) + len(topic) + len(properties) + _ENTRY_BYTES

    @property
    def payload(self) -> bytes:
        """Its payload."""
        return self.subject.payload


@final
class Traces:
    """The latest messages that concerned rules.

    Args:
        max_messages: How many are kept.
        max_bytes: What they may weigh together.
        monotonic_s: The clock.
        now_ms: Wall time, in milliseconds since 1970.
        new_uuid: Makes identifiers.
    """

    def __init__(
        self,
        max_messages: int,
        max_bytes: int,
        *,
        monotonic_s: Callable[[], float],
        now_ms: Callable[[], int],
        new_uuid: Callable[[], str],
    ) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._monotonic_s = monotonic_s
        self._now_ms = now_ms
        self._new_uuid = new_uuid
        self._ring: deque[Traced] = deque()
        self._bytes = 0
        self._last: rules.Message | None = None
        self._sequence = 0
        self._by_id: dict[str, Traced] = {}
        self._clock_ms = 0.0
        self._clock_until_s = 0.0

    def begin(self, message: Message) -> Traced:
        """Enter a message that a rule is about to look at; the first one that does calls this."""
        last = self._last
        if last is not None:
            last.forget()
        self._sequence = sequence = self._sequence + 1
        at_s = self._monotonic_s()
        if at_s >= self._clock_until_s:
            self._read_clock(at_s)
        traced = message.traced = Traced(message, sequence, at_s, self._clock_ms)
        self._last = traced.subject
        self._ring.append(traced)
        self._bytes += traced.size_bytes
        if len(self._ring) > self._max_messages or self._bytes > self._max_bytes:
            self._drop_oldest()
        return traced

    def note(self, traced: Traced, outcome: Outcome) -> None:
        """Note what a rule did with a message, where that was more than to fire."""
        traced.outcomes.append(outcome)
        self._weigh(traced, outcome.size_bytes)

    def _weigh(self, traced: Traced, size_bytes: int) -> None:
        if self._ring and traced.sequence >= self._ring[0].sequence:
            traced.size_bytes += size_bytes
            self._bytes += size_bytes
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        ring = self._ring
        while len(ring) > self._max_messages or self._bytes > self._max_bytes:
            oldest = ring.popleft()
            self._bytes -= oldest.size_bytes
            if self._by_id:
                self._by_id.pop(oldest.subject.trace_id or "", None)

    def id_of(self, traced: Traced) -> str:
        """Return the identifier of a message: what `traceid()` gives, and error actions name."""
        subject = traced.subject
        found = subject.trace_id
        if found is None:
            found = subject.trace_id = self._new_uuid()
        if self._ring and traced.sequence >= self._ring[0].sequence:
            self._by_id[found] = traced
        return found

    def find(self, trace_id: str) -> Traced | None:
        """Return the message with this identifier, while the ring still holds it."""
        found = self._by_id.get(trace_id)
        if found is None:  # SQL may have asked for it
            for traced in self._ring:
                if traced.subject.trace_id == trace_id:
                    return traced
        return found

    def outcome(self, trace_id: str, rule: str) -> Outcome | None:
        """Return what a rule did with a message, where the outbox has or had a part in it."""
        traced = self._by_id.get(trace_id)  # who hands over to the outbox has asked for it
        if traced is not None:
            for outcome in reversed(traced.outcomes):
                if outcome.rule == rule and outcome.waiting is not None:
                    return outcome
        return None

    def end(self, trace_id: str, rule: str, number: int, failure: str) -> None:
        """Note that an action of the outbox is at an end.

        Args:
            trace_id: The message's identifier.
            rule: The rule.
            number: The action's place in the rule, from 0.
            failure: Why it failed; empty if it did not.
        """
        traced = self._by_id.get(trace_id)
        outcome = self.outcome(trace_id, rule)
        if traced is not None and outcome is not None:
            before = outcome.size_bytes
            outcome.end(number, failure)
            self._weigh(traced, outcome.size_bytes - before)

    def note_error_action(self, trace_id: str, rule: str, result: str, message: str = "") -> None:
        """Note what came of a rule's error action for a message.

        Args:
            trace_id: The message's identifier.
            rule: The rule.
            result: `done`, `waiting` or `failed`.
            message: Why it failed.
        """
        traced = self._by_id.get(trace_id)
        if traced is not None:
            traced.told = {**(traced.told or {}), rule: (result, message)}
            self._weigh(traced, len(message) + _OUTCOME_BYTES)

    def recent(self) -> list[Traced]:
        """Return all that the ring holds, oldest first."""
        return list(self._ring)

    def after(self, sequence: int) -> list[Traced]:
        """Return what came after the message of this sequence, oldest first."""
        found = []
        for traced in reversed(self._ring):
            if traced.sequence <= sequence:
                break
            found.append(traced)
        return found[::-1]

    @property
    def last_sequence(self) -> int:
        """The sequence of the latest message; 0 before the first."""
        return self._sequence

    def wall_ms(self, traced: Traced) -> int:
        """Return when a message came, in milliseconds since 1970, by the clock of then."""
        return int(traced.at_s * 1000 + traced.clock_ms)

    def _read_clock(self, at_s: float) -> None:
        """Find out how wall time stands to monotonic time, which is cheap to ask for."""
        clock_ms = self._now_ms() - at_s * 1000
        if abs(clock_ms - self._clock_ms) > _CLOCK_STEP_MS:  # else it is the same clock, rounded
            self._clock_ms = clock_ms
        self._clock_until_s = at_s + _CLOCK_S
