"""What a key may do: an identity policy, compiled once, asked for every call.

Owns evaluation: denied unless a statement allows it, and one that denies wins. Action names are
compared without regard to case, ARNs with it; `*` stands for any characters and `?` for one, across
the colons of an ARN too. Touches nothing; knows no service and no request.

Source: "Policy evaluation logic" and "IAM JSON policy elements reference" in the AWS IAM User
Guide; the actions of `read-only` are those of AWS's managed policies AmazonSQSReadOnlyAccess and
AWSIoTConfigReadOnlyAccess for what is served here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, cast, final

from gateway.identity.policy_document import PolicyDocument, check_policy

__all__ = ["BUILT_IN", "CUSTOM", "FULL", "READ_ONLY", "Decision", "Policy"]

CUSTOM: Final = "custom"
"""What every policy is called that is not built in."""

MAX_DECISIONS: Final = 1_024
"""How many decisions one policy remembers; a key uses few actions on few queues."""

# Whoever asks for ever new names that cannot be any resource's would fill the memory with them.
_MAX_REMEMBERED_CHARACTERS: Final = 256

_RUN: Final = re.compile(r"\*+")


class Decision(Enum):
    """What a policy says of an action on a resource."""

    ALLOWED = "allowed"
    NOT_ALLOWED = "not allowed"
    DENIED = "denied"


@final
class Policy:
    """One policy in force.

    Args:
        name: What a person calls it: `full`, `read-only` or `custom`.
        document: What it says.

    Attributes:
        name: As given.
        document: As given.
        unrestricted: Whether it allows everything, whatever is asked.

    Raises:
        PolicyError: The document is no policy that can be held to here.
    """

    __slots__ = ("_decisions", "_statements", "document", "name", "unrestricted")

    def __init__(self, name: str, document: PolicyDocument) -> None:
        self.name: Final = name
        self.document: Final = check_policy(document)
        given = document["Statement"]
        statements = [given] if isinstance(given, dict) else given
        self._statements = [_Statement(one) for one in cast("list[dict[str, object]]", statements)]
        self._decisions: dict[tuple[str, str], Decision] = {}
        self.unrestricted: Final = all(one.allows for one in self._statements) and any(
            one.is_everything for one in self._statements
        )

    def __repr__(self) -> str:
        return f"Policy({self.name})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Policy):
            return NotImplemented
        return self.name == other.name and self.document == other.document

    def __hash__(self) -> int:
        return hash(self.name)

    def allows(self, action: str, resource: str) -> bool:
        """Tell whether an action on a resource is allowed.

        Args:
            action: Service and action, such as `sqs:SendMessage`; upper or lower case.
            resource: The ARN of what it is on; `*` where an action is on nothing in particular.
        """
        return self.unrestricted or self.decide(action, resource) is Decision.ALLOWED

    def decide(self, action: str, resource: str) -> Decision:
        """Return whether an action on a resource is allowed, and if not, in which way.

        Args:
            action: Service and action, such as `sqs:SendMessage`; upper or lower case.
            resource: The ARN of what it is on; `*` where an action is on nothing in particular.
        """
        asked = action, resource
        decision = self._decisions.get(asked)
        if decision is None:
            decision = self._evaluate(action.lower(), resource)
            if len(resource) <= _MAX_REMEMBERED_CHARACTERS:
                if len(self._decisions) >= MAX_DECISIONS:
                    del self._decisions[next(iter(self._decisions))]
                self._decisions[asked] = decision
        return decision

    def _evaluate(self, action: str, resource: str) -> Decision:
        decision = Decision.NOT_ALLOWED
        for statement in self._statements:
            if statement.applies(action, resource):
                if not statement.allows:
                    return Decision.DENIED
                decision = Decision.ALLOWED
        return decision


@final
class _Statement:
    """One statement, its wildcards compiled."""

    __slots__ = (
        "_actions", "_all_but_actions", "_all_but_resources", "_resources", "allows",
        "is_everything",
    )  # fmt: skip

    def __init__(self, parts: Mapping[str, object]) -> None:
        self.allows: Final = parts["Effect"] == "Allow"
        actions = _texts(parts, "Action", "NotAction")
        resources = _texts(parts, "Resource", "NotResource")
        self._all_but_actions: Final = "NotAction" in parts
        self._all_but_resources: Final = "NotResource" in parts
        self._actions: Final = _any_of(pattern.lower() for pattern in actions)
        self._resources: Final = _any_of(resources)
        self.is_everything: Final = (
            not self._all_but_actions
            and not self._all_but_resources
            and "*" in actions
            and "*" in resources
        )

    def applies(self, action: str, resource: str) -> bool:
        """Tell whether the statement speaks of this; `action` is in lower case."""
        return (self._actions.fullmatch(action) is None) == self._all_but_actions and (
            self._resources.fullmatch(resource) is None
        ) == self._all_but_resources


def _texts(parts: Mapping[str, object], *keys: str) -> list[str]:
    given = next(parts[key] for key in keys if key in parts)
    return [given] if isinstance(given, str) else cast("list[str]", given)


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(_expression, patterns)), re.DOTALL)


def _expression(pattern: str) -> str:
    """Return wildcards as a regular expression whose time is bounded by pattern times text.

    What stands between two `*` is looked for where it comes first, and never again: another place
    further on would leave less for the rest.
    """
    first, *rest = (
        "".join("." if character == "?" else re.escape(character) for character in piece)
        for piece in _RUN.split(pattern)
    )
    if not rest:
        return first
    *between, last = rest
    return first + "".join(f"(?>.*?{piece})" for piece in between) + ".*" + last


def _built_in(name: str, *actions: str) -> Policy:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return Policy(name, {"Version": "2012-10-17", "Statement": [statement]})


FULL: Final = _built_in("full", "*")
"""Everything, whatever services are served."""

READ_ONLY: Final = _built_in(
    "read-only",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ListDeadLetterSourceQueues",
    "sqs:ListMessageMoveTasks",
    "sqs:ListQueueTags",
    "sqs:ListQueues",
    "iot:Get*",
    "iot:List*",
    "sts:GetCallerIdentity",
)
"""Looking, without taking: receiving a message hides it from others, so it is not among these."""

BUILT_IN: Final[Mapping[str, Policy]] = MappingProxyType(
    {policy.name: policy for policy in (FULL, READ_ONLY)}
)
"""The policies that need no document, by name."""
