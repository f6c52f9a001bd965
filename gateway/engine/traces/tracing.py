"""Questions about recent messages: which rules they concerned, and why those did or did not fire.

Owns the answers as documents. They are worked out when somebody asks, one rule at a turn of the
loop, so that a person's curiosity delays no message. Knows nothing of HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, final

import rules
from gateway.engine.subjects import make_subject
from gateway.engine.traces.hindsight import (
    Past,
    concerns,
    look_back,
    look_back_without_rule,
    shown_payload,
)
from gateway.engine.traces.ring import Outcome, Traced, Traces
from gateway.errors import GatewayError
from rules.values import UNDEFINED

__all__ = [
    "LATEST",
    "AmbiguousMessage",
    "MessageNotFound",
    "RuleInForce",
    "RuleNotInForce",
    "Tracing",
]

LATEST: Final = "last"
"""Stands for the identifier of the latest message."""

# How many rules are told of in full; a message that concerns more has their number.
MAX_RULES: Final = 100

MAX_PAYLOAD_BYTES: Final = 16 * 1024
MAX_LISTED_PAYLOAD_BYTES: Final = 256

MAX_TOPICS: Final = 200

# Fewer would mean nothing to anybody.
_LEAST_CHARACTERS: Final = 4


class RuleInForce(Protocol):
    """A rule as the engine has it."""

    @property
    def document(self) -> rules.RuleDocument:
        """The rule."""

    @property
    def since(self) -> int:
        """`Traces.last_sequence` when it came, or was changed: later messages met it as it is."""


class MessageNotFound(GatewayError):  # noqa: N818 - named after what happened
    """No message of this identifier is kept."""

    code = "no-such-message"


class AmbiguousMessage(GatewayError):  # noqa: N818 - named after what happened
    """The beginning of an identifier fits more than one message."""

    code = "ambiguous-message"


class RuleNotInForce(GatewayError):  # noqa: N818 - named after what happened
    """There is no rule of this name."""

    code = "no-such-rule"


@final
class Tracing:
    """Answers questions about the messages that `Traces` keeps.

    Args:
        traces: The messages.
        rules_in_force: Gives every rule by its name, disabled ones included.
        account: The account number that appears in ARNs.
        now_ms: Wall time, in milliseconds since 1970: the clock of `traces`.
    """

    def __init__(
        self,
        traces: Traces,
        rules_in_force: Callable[[], Mapping[str, RuleInForce]],
        *,
        account: str,
        now_ms: Callable[[], int],
    ) -> None:
        self._traces = traces
        self._rules_in_force = rules_in_force
        self._account = account
        self._now_ms = now_ms

    @property
    def last_sequence(self) -> int:
        """The sequence of the latest message; 0 before the first."""
        return self._traces.last_sequence

    def find(self, given: str) -> Traced:
        """Return a message.

        Args:
            given: Its identifier, four characters or more of its beginning, or `last`.

        Raises:
            MessageNotFound: None fits.
            AmbiguousMessage: More than one fits.
        """
        recent = self._traces.recent()
        if not recent:
            raise MessageNotFound(
                "no message has reached a rule yet",
                hint="See what is published at all with weir tail.",
            )
        if given == LATEST:
            return recent[-1]
        beginning = given.lower()
        found = [traced for traced in recent if self._traces.id_of(traced).startswith(beginning)]
        if len(beginning) < _LEAST_CHARACTERS or not found:
            raise MessageNotFound(
                f"no message {given[:100]!r} is kept",
                hint="See those that are with weir rule why: the latest that reached a rule. "
                f"{_LEAST_CHARACTERS} characters of an ID's beginning are enough.",
            )
        if len(found) > 1:
            raise AmbiguousMessage(
                f"{len(found)} messages begin with {given[:100]!r}",
                hint="Give more of the ID: " + ", ".join(map(self._traces.id_of, found[:5])),
            )
        return found[0]

    def rule(self, name: str) -> RuleInForce:
        """Return a rule.

        Raises:
            RuleNotInForce: There is none of this name.
        """
        rule = self._rules_in_force().get(name)
        if rule is not None:
            return rule
        raise RuleNotInForce(
            f"there is no rule {name[:128]!r}", hint="See which there are with weir rule list."
        )

    def recent(self, most: int) -> list[dict[str, object]]:
        """Return the latest messages, oldest first, with the names of the rules that did something.

        Each is what `head` gives, and `fired`, `failed` and `waiting`: rules that fired, rules that
        failed or had an action fail, and rules of which something waits.
        """
        return [
            {
                **self.head(traced, MAX_LISTED_PAYLOAD_BYTES),
                "fired": [each.rule for each in traced.outcomes if not each.error],
                "failed": [each.rule for each in traced.outcomes if each.error or each.failures],
                "waiting": [each.rule for each in traced.outcomes if each.waiting],
            }
            for traced in self._traces.recent()[-most:]
        ]

    def head(self, traced: Traced, most_payload_bytes: int) -> dict[str, object]:
        """Return what a message was.

        That is `id`, `at_ms`, `age_s`, `topic`, `payload` (cut), `encoding`, `size_bytes` (of the
        whole payload), `publisher`, `client_id`, and `depth`: how many republish actions led to it.
        """
        at_ms = self._traces.wall_ms(traced)
        payload, encoding = shown_payload(traced.payload, most_payload_bytes)
        return {
            "id": self._traces.id_of(traced),
            "at_ms": at_ms,
            "age_s": max(self._now_ms() - at_ms, 0) / 1000,
            "topic": traced.topic,
            "payload": payload,
            "encoding": encoding,
            "size_bytes": len(traced.payload),
            "publisher": traced.publisher.name,
            "client_id": traced.publisher.client_id,
            "depth": traced.depth,
        }

    async def message(self, traced: Traced, only: str | None = None) -> dict[str, object]:
        """Return all there is to know about a message: what every rule made of it.

        Args:
            traced: The message.
            only: The one rule to tell of, whether it was concerned or not.

        Returns:
            What `head` gives; `is_json`, whether the payload is JSON; `rules`, each as
            `hindsight.look_back` has it, those that did something first; `others`,
            how many more rules there are, that the message did not come to; and `not_shown`, how
            many were left out because they are too many. With `only` the last two are 0.

        Raises:
            RuleNotInForce: There is no rule `only`, and it did nothing with the message.
        """
        in_force = dict(self._rules_in_force())
        outcomes = {outcome.rule: outcome for outcome in traced.outcomes}
        concerned = [
            name for name, rule in in_force.items() if concerns(rule.document, traced.topic)
        ]
        others = len(in_force) - len(concerned)
        if only is not None:
            others = 0
            if only not in outcomes:
                self.rule(only)
            names = [only]
        else:
            names = list(dict.fromkeys([*outcomes, *concerned]))
        past = self._past(traced)
        past.subject.read()
        shown: list[dict[str, object]] = []
        for name in names[:MAX_RULES]:
            shown.append(self._look_back(name, in_force.get(name), past, traced))
            await asyncio.sleep(0)  # messages go on between two evaluations
        return {
            **self.head(traced, MAX_PAYLOAD_BYTES),
            "is_json": past.subject.document is not UNDEFINED,
            "rules": shown,
            "others": others,
            "not_shown": max(len(names) - MAX_RULES, 0),
        }

    def concerned(self, messages: Sequence[Traced], name: str) -> list[Traced]:
        """Return those of these messages that came to a rule, or would if it was enabled then.

        Raises:
            RuleNotInForce: There is no rule of this name.
        """
        document = self.rule(name).document
        return [
            traced
            for traced in messages
            if concerns(document, traced.topic)
            or any(outcome.rule == name for outcome in traced.outcomes)
        ]

    def of_rule(self, traced: Traced, name: str) -> dict[str, object]:
        """Return what a rule made of a message: what `head` gives, and `rule`.

        Raises:
            RuleNotInForce: There is no rule of this name.
        """
        found = self._look_back(name, self.rule(name), self._past(traced), traced)
        return {**self.head(traced, MAX_LISTED_PAYLOAD_BYTES), "rule": found}

    def after(self, sequence: int) -> list[Traced]:
        """Return the messages after the one of this sequence, oldest first."""
        return self._traces.after(sequence)

    def topics(self) -> list[str]:
        """Return the topics of the latest messages, the latest first, each once."""
        recent = reversed(self._traces.recent())
        return list(dict.fromkeys(traced.topic for traced in recent))[:MAX_TOPICS]

    def _past(self, traced: Traced) -> Past:
        # Made anew: what rules see while they are at it must not be kept by a question.
        subject = make_subject(
            traced.topic,
            traced.payload,
            traced.publisher,
            traced.properties,
            self._traces.id_of(traced),
        )
        return Past(traced.topic, subject, self._traces.wall_ms(traced), self._account)

    def _look_back(
        self, name: str, rule: RuleInForce | None, past: Past, traced: Traced
    ) -> dict[str, object]:
        outcome = next((each for each in traced.outcomes if each.rule == name), None)
        if rule is None:
            found = look_back_without_rule(name, outcome or Outcome(name))
        else:
            is_newer = rule.since >= traced.sequence
            found = look_back(rule.document, past, outcome, is_newer=is_newer)
        told = (traced.told or {}).get(name)
        found["error_action"] = None
        if told is not None:
            result, message = told
            found["error_action"] = {"result": result, "message": message}
        return found
