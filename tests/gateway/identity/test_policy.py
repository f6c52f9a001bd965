"""Policies as they are evaluated: against a reference that is slow and plain, and case by case."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from gateway.identity import policy as policy_module
from gateway.identity.policy import BUILT_IN, FULL, READ_ONLY, Decision, Policy

ALARMS = "arn:aws:sqs:us-east-1:000000000000:alarms"
OTHER = "arn:aws:sqs:us-east-1:000000000000:other"

SEEDS = range(400)


def policy(*statements: dict[str, Any]) -> Policy:
    return Policy("custom", {"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: object, resource: object = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def deny(action: object, resource: object = "*") -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource}


# --- a reference ----------------------------------------------------------------------------------


def matches(pattern: str, text: str) -> bool:
    """Wildcards by the book: a table of which beginnings match which."""
    row = [True] + [False] * len(text)
    for wanted in pattern:
        following = [row[0] and wanted == "*"]
        for at, character in enumerate(text):
            if wanted == "*":
                following.append(row[at + 1] or following[at])
            else:
                following.append(row[at] and wanted in ("?", character))
        row = following
    return row[-1]


def decision_by_the_book(document: Any, action: str, resource: str) -> Decision:
    effects = set()
    for statement in document["Statement"]:
        speaks = True
        for key, text, fold in (("Action", action, str.lower), ("Resource", resource, str)):
            negated = f"Not{key}" in statement
            patterns = statement[f"Not{key}" if negated else key]
            patterns = [patterns] if isinstance(patterns, str) else patterns
            found = any(matches(fold(pattern), fold(text)) for pattern in patterns)
            speaks &= found != negated
        if speaks:
            effects.add(statement["Effect"])
    if "Deny" in effects:
        return Decision.DENIED
    return Decision.ALLOWED if effects else Decision.NOT_ALLOWED


def drawn_case(rng: random.Random) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return a policy, and calls that are near to what it speaks of."""

    def text(alphabet: str, most: int, least: int = 0) -> str:
        return "".join(rng.choice(alphabet) for _ in range(rng.randint(least, most)))

    def drawn(form: Callable[[], str]) -> object:
        return form() if rng.random() < 0.5 else [form() for _ in range(rng.randint(1, 3))]

    def statement() -> dict[str, Any]:
        not_action, not_resource = rng.random() < 0.2, rng.random() < 0.2
        return {
            "Effect": rng.choice(["Allow", "Allow", "Deny"]),
            "NotAction" if not_action else "Action": drawn(
                lambda: rng.choice(["*", "a:" + text("aB*?", 5, 1), "a:" + text("ab", 3, 1)])
            ),
            "NotResource" if not_resource else "Resource": drawn(
                lambda: rng.choice(["*", "arn:aws:s:r:1:" + text("ab:.*?+", 6, 1)])
            ),
        }

    document = {
        "Version": "2012-10-17",
        "Statement": [statement() for _ in range(rng.randint(1, 4))],
    }
    calls = [("a:" + text("aAb", 4), "arn:aws:s:r:1:" + text("abB:.\n*", 6)) for _ in range(20)] + [
        ("a:a", "*")
    ]
    return document, calls


def disagreements(evaluate: Callable[[dict[str, Any]], Policy]) -> list[str]:
    found = []
    for seed in SEEDS:
        document, calls = drawn_case(random.Random(seed))
        evaluated = evaluate(document)
        for action, resource in calls:
            expected = decision_by_the_book(document, action, resource)
            for _ in range(2):  # the second time it is remembered
                if (got := evaluated.decide(action, resource)) is not expected:
                    found.append(f"seed {seed}: {action} {resource}: {got}, not {expected}")
            if evaluated.allows(action, resource) != (expected is Decision.ALLOWED):
                found.append(f"seed {seed}: allows {action} {resource} tells otherwise")
    return found


def test_it_decides_as_the_reference_does() -> None:
    assert disagreements(lambda document: Policy("custom", document)) == []


def test_an_evaluator_that_ignores_deny_is_caught() -> None:
    def without_deny(document: dict[str, Any]) -> Policy:
        kept = [one for one in document["Statement"] if one["Effect"] == "Allow"]
        return policy(*(kept or [allow("none:none")]))

    assert any("not Decision.DENIED" in text for text in disagreements(without_deny))


def test_an_evaluator_whose_last_statement_wins_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def last_wins(self: Any, action: str, resource: str) -> Decision:
        decision = Decision.NOT_ALLOWED
        for statement in self._statements:
            if statement.applies(action, resource):
                decision = Decision.ALLOWED if statement.allows else Decision.DENIED
        return decision

    monkeypatch.setattr(Policy, "_evaluate", last_wins)
    assert disagreements(lambda document: Policy("custom", document))


def test_the_reference_agrees_with_examples_written_by_hand() -> None:
    assert matches("a*b?d", "axxbcd") and matches("*", "") and matches("a*", "a")
    assert not matches("a?", "a") and not matches("a*b", "abc") and not matches("", "a")


# --- case by case ---------------------------------------------------------------------------------


def test_nothing_is_allowed_that_no_statement_allows() -> None:
    one = policy(allow("sqs:SendMessage", ALARMS))
    assert one.decide("sqs:SendMessage", ALARMS) is Decision.ALLOWED
    assert one.decide("sqs:SendMessage", OTHER) is Decision.NOT_ALLOWED
    assert one.decide("sqs:ReceiveMessage", ALARMS) is Decision.NOT_ALLOWED
    assert not one.allows("sqs:SendMessageBatch", ALARMS)


@pytest.mark.parametrize("order", [1, -1])
def test_a_deny_wins_wherever_it_stands(order: int) -> None:
    one = policy(*[allow("*"), deny("sqs:Delete*", ALARMS)][::order])
    assert not one.unrestricted
    assert one.decide("sqs:deletequeue", ALARMS) is Decision.DENIED
    assert one.allows("sqs:deletequeue", OTHER)


def test_actions_have_no_case_and_resources_do() -> None:
    one = policy(allow("SQS:sendMESSAGE", ALARMS))
    assert one.allows("sqs:SendMessage", ALARMS)
    assert not one.allows("sqs:SendMessage", ALARMS.upper())


def test_not_action_and_not_resource() -> None:
    one = policy({"Effect": "Allow", "NotAction": ["sqs:Delete*", "iot:*"], "NotResource": [OTHER]})
    assert one.allows("sqs:SendMessage", ALARMS)
    assert not one.allows("sqs:DeleteQueue", ALARMS)
    assert not one.allows("sqs:SendMessage", OTHER)
    assert not one.unrestricted


@pytest.mark.parametrize(
    ("statements", "unrestricted"),
    [
        ([allow("*")], True),
        ([allow(["sqs:*", "*"], [ALARMS, "*"])], True),
        ([allow("sqs:SendMessage"), allow("*")], True),
        ([allow("*", ALARMS)], False),
        ([allow("sqs:*")], False),
        ([allow("*"), deny("sqs:DeleteQueue", OTHER)], False),
        ([{"Effect": "Allow", "NotAction": "*", "Resource": "*"}], False),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "*"}], False),
        ([deny("*")], False),
    ],
)
def test_what_is_unrestricted(statements: list[dict[str, Any]], unrestricted: bool) -> None:
    one = policy(*statements)
    assert one.unrestricted is unrestricted
    # Told apart from a policy that merely allows this one call.
    assert one.unrestricted <= one.allows("any:Thing", "arn:aws:any:::thing")


def test_one_statement_need_not_be_in_a_list() -> None:
    one = Policy("custom", {"Statement": allow("sqs:*")})
    assert one.allows("sqs:SendMessage", ALARMS)


def test_what_is_built_in() -> None:
    assert set(BUILT_IN) == {"full", "read-only"}
    assert FULL.unrestricted and FULL.allows("anything:AtAll", "*")
    assert not READ_ONLY.unrestricted
    for action in ("sqs:getqueueurl", "sqs:ListQueues", "iot:GetTopicRule", "iot:ListTopicRules"):
        assert READ_ONLY.allows(action, ALARMS), action
    for action in (
        "sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:PurgeQueue",
        "sqs:SetQueueAttributes", "sqs:TagQueue", "iot:CreateTopicRule", "iot:DeleteTopicRule",
        "iot:EnableTopicRule", "iot:UpdateTopicRuleDestination", "sns:Publish",
    ):  # fmt: skip
        assert READ_ONLY.decide(action, ALARMS) is Decision.NOT_ALLOWED, action


def test_decisions_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_module, "MAX_DECISIONS", 10)
    one = policy(allow("sqs:*", ALARMS))
    for number in range(100):
        assert not one.allows("sqs:SendMessage", f"{ALARMS}{number}")
        assert one.allows("sqs:SendMessage", ALARMS)
    assert len(one._decisions) == 10
    one.allows("sqs:SendMessage", "arn:" + "x" * 1000)
    assert all(len(resource) <= 256 for _, resource in one._decisions)


def test_wildcards_cannot_be_made_to_hang() -> None:
    """A pattern of many `*` against a long name that matches all but its end."""
    one = policy(allow("sqs:*", "arn:aws:sqs:::" + "a*" * 1000 + "b"))
    began_s = time.monotonic()
    assert not one.allows("sqs:SendMessage", "arn:aws:sqs:::" + "a" * 2000)
    assert time.monotonic() - began_s < 1.0


def test_asking_is_cheap() -> None:
    """Far below a microsecond in truth; ten times that, for a machine that is busy."""
    fastest_s = min(_time_s(FULL, 10_000) for _ in range(5)) / 10_000
    assert fastest_s < 1e-6
    fastest_s = min(_time_s(READ_ONLY, 10_000) for _ in range(5)) / 10_000
    assert fastest_s < 5e-6


def _time_s(asked: Policy, count: int) -> float:
    began_s = time.perf_counter()
    for _ in range(count):
        asked.allows("sqs:sendmessage", ALARMS)
    return time.perf_counter() - began_s
