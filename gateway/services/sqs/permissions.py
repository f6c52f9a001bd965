"""A queue's policy: what AWS takes as one, and the statements that AddPermission writes into it.

Owns the policy document's form and limits. The policy is kept and given back, as a cloud's tools
expect; who may call this gateway is decided by access keys.

Source: AddPermission and RemovePermission in the Amazon SQS API reference, and the quotas of
policies in the Amazon SQS developer guide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, cast

import orjson

from gateway.services.sqs.errors import InvalidAttributeValue, InvalidParameterValue, OverLimit

__all__ = [
    "MAX_ACTIONS",
    "MAX_POLICY_BYTES",
    "MAX_STATEMENTS",
    "check_policy",
    "with_permission",
    "without_permission",
]

MAX_POLICY_BYTES: Final = 8192
MAX_STATEMENTS: Final = 20
MAX_ACTIONS: Final = 7
"""How many actions one AddPermission may name."""

MAX_PRINCIPALS: Final = 50

_VERSIONS: Final = ("2008-10-17", "2012-10-17")
_LABEL: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ACCOUNT: Final = re.compile(r"[0-9]{12}")

_FOR_OTHERS: Final = frozenset(
    {
        "*",
        "ChangeMessageVisibility",
        "DeleteMessage",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ListDeadLetterSourceQueues",
        "PurgeQueue",
        "ReceiveMessage",
        "SendMessage",
    }
)
_FOR_THE_OWNER: Final = frozenset(
    {
        "AddPermission",
        "CancelMessageMoveTask",
        "CreateQueue",
        "DeleteQueue",
        "ListMessageMoveTasks",
        "ListQueueTags",
        "ListQueues",
        "RemovePermission",
        "SetQueueAttributes",
        "StartMessageMoveTask",
        "TagQueue",
        "UntagQueue",
    }
)

Document = dict[str, object]


def check_policy(text: str) -> None:
    """Refuse what cannot be a queue's policy; an empty text is none.

    Raises:
        InvalidAttributeValue: It is no policy document, or too long.
        OverLimit: It has too many statements.
    """
    if not text:
        return
    if len(text.encode()) > MAX_POLICY_BYTES:
        raise _invalid_policy()
    document = _document(text)
    if document is None or document.keys() - {"Version", "Id", "Statement"}:
        raise _invalid_policy()
    if document.get("Version", _VERSIONS[0]) not in _VERSIONS:
        raise _invalid_policy()
    statements = _statements(document)
    if not statements or not all(_is_statement(statement) for statement in statements):
        raise _invalid_policy()
    if len(statements) > MAX_STATEMENTS:
        raise OverLimit(
            f"{len(statements)} statements were found in the submitted policy, max allowed is "
            f"{MAX_STATEMENTS}"
        )


def with_permission(
    text: str, arn: str, label: str, accounts: Sequence[str], actions: Sequence[str]
) -> str:
    """Return a queue's policy with one statement more.

    Args:
        text: The policy as it is; empty for none.
        arn: The queue's ARN.
        label: The statement's id.
        accounts: Whom it allows something.
        actions: What it allows, as `SendMessage` or `*`.

    Raises:
        InvalidParameterValue: The label is taken or has another form, an account is none, or an
            action is none that others can be allowed.
        OverLimit: Too many actions or statements.
    """
    if _LABEL.fullmatch(label) is None:
        raise _invalid(
            label,
            "Label",
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.",
        )
    if len(actions) > MAX_ACTIONS:
        raise OverLimit(f"{len(actions)} Actions were found, maximum allowed is {MAX_ACTIONS}.")
    for action in actions:
        _check_action(action)
    if not accounts or len(accounts) > MAX_PRINCIPALS or not all(map(_ACCOUNT.fullmatch, accounts)):
        shown = f"[{', '.join(account[:80] for account in accounts[:5])}]"
        raise _invalid(shown, "PrincipalId", "Unable to verify.")
    document = _document(text) if text else None
    if document is None:
        document = {"Version": _VERSIONS[0], "Id": f"{arn}/SQSDefaultPolicy", "Statement": []}
    statements = _statements(document)
    if any(statement.get("Sid") == label for statement in statements):
        raise _invalid(label, "Label", "Already exists.")
    principals = [f"arn:aws:iam::{account}:root" for account in accounts]
    statements.append(
        {
            "Sid": label,
            "Effect": "Allow",
            "Principal": {"AWS": _one_or_all(principals)},
            "Action": _one_or_all([f"SQS:{action}" for action in actions]),
            "Resource": arn,
        }
    )
    changed = orjson.dumps({**document, "Statement": statements}).decode()
    if len(statements) > MAX_STATEMENTS or len(changed) > MAX_POLICY_BYTES:
        raise OverLimit(
            f"{len(statements)} statements were found in the submitted policy, max allowed is "
            f"{MAX_STATEMENTS}, and {MAX_POLICY_BYTES} bytes."
        )
    return changed


def without_permission(text: str, label: str) -> str:
    """Return a queue's policy without the statement of this label; empty where it was the last.

    Raises:
        InvalidParameterValue: No statement has the label.
    """
    document = _document(text) if text else None
    statements = [] if document is None else _statements(document)
    left = [statement for statement in statements if statement.get("Sid") != label]
    if document is None:
        raise _invalid(label, "Label", "can't find label.")
    if len(left) == len(statements):
        raise _invalid(label, "Label", "can't find label on existing policy.")
    return orjson.dumps({**document, "Statement": left}).decode() if left else ""


def _check_action(action: str) -> None:
    if action in _FOR_OTHERS:
        return
    if action in _FOR_THE_OWNER:
        reason = "Only the queue owner is allowed to invoke this action."
    else:
        reason = "Please refer to the appropriate WSDL for a list of valid actions."
    raise _invalid(f"SQS:{action}", "ActionName", reason)


def _document(text: str) -> Document | None:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _statements(document: Mapping[str, object]) -> list[Document]:
    """Return a policy's statements; a single one may stand without a list."""
    statements = document.get("Statement")
    if isinstance(statements, dict):
        return [statements]
    if isinstance(statements, list) and all(isinstance(each, dict) for each in statements):
        return cast("list[Document]", list(statements))
    return []


def _is_statement(statement: Document) -> bool:
    return (
        statement.get("Effect") in ("Allow", "Deny")
        and ("Principal" in statement or "NotPrincipal" in statement)
        and ("Action" in statement or "NotAction" in statement)
        and isinstance(statement.get("Sid", ""), str)
    )


def _one_or_all(texts: list[str]) -> str | list[str]:
    return texts[0] if len(texts) == 1 else texts


def _invalid(value: str, parameter: str, reason: str) -> InvalidParameterValue:
    return InvalidParameterValue(
        f"Value {value[:256]} for parameter {parameter} is invalid. Reason: {reason}"
    )


def _invalid_policy() -> InvalidAttributeValue:
    return InvalidAttributeValue("Invalid value for the parameter Policy.")
