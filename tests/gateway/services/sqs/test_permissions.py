"""AddPermission and RemovePermission: statements of a queue's policy."""

from __future__ import annotations

import json

import pytest

from gateway.services.sqs.errors import SqsError
from gateway.services.sqs.permissions import (
    MAX_POLICY_BYTES,
    MAX_STATEMENTS,
    check_policy,
    with_permission,
    without_permission,
)

ARN = "arn:aws:sqs:us-east-1:000000000000:q"
ACCOUNTS = ["111111111111"]


def test_statements_come_and_go() -> None:
    one = with_permission("", ARN, "first", ACCOUNTS, ["SendMessage"])
    assert json.loads(one) == {
        "Version": "2008-10-17",
        "Id": f"{ARN}/SQSDefaultPolicy",
        "Statement": [
            {
                "Sid": "first",
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
                "Action": "SQS:SendMessage",
                "Resource": ARN,
            }
        ],
    }
    check_policy(one)
    two = with_permission(
        one, ARN, "second", ["111111111111", "222222222222"], ["ReceiveMessage", "DeleteMessage"]
    )
    second = json.loads(two)["Statement"][1]
    assert second["Principal"] == {
        "AWS": ["arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:root"]
    }
    assert second["Action"] == ["SQS:ReceiveMessage", "SQS:DeleteMessage"]
    assert json.loads(without_permission(two, "second")) == json.loads(one)
    assert without_permission(one, "first") == "", "the last statement takes the policy with it"


def test_a_policy_of_ones_own_keeps_what_it_has() -> None:
    own = {"Version": "2012-10-17", "Id": "mine", "Statement": {"Effect": "Deny", "Sid": "own"}}
    more = json.loads(with_permission(json.dumps(own), ARN, "more", ACCOUNTS, ["*"]))
    assert (more["Version"], more["Id"]) == ("2012-10-17", "mine")
    assert [statement["Sid"] for statement in more["Statement"]] == ["own", "more"]


@pytest.mark.parametrize(
    ("label", "accounts", "actions", "code", "message"),
    [
        (
            "taken",
            ACCOUNTS,
            ["SendMessage"],
            "InvalidParameterValueException",
            "Value taken for parameter Label is invalid. Reason: Already exists.",
        ),
        *(
            (
                label,
                ACCOUNTS,
                ["SendMessage"],
                "InvalidParameterValueException",
                "1 to 80 in length.",
            )
            for label in ("", "a b", "x" * 81)
        ),
        (
            "new",
            ACCOUNTS,
            ["RemovePermission"],
            "InvalidParameterValueException",
            "Value SQS:RemovePermission for parameter ActionName is invalid. Reason: Only the "
            "queue owner is allowed to invoke this action.",
        ),
        (
            "new",
            ACCOUNTS,
            ["Dance"],
            "InvalidParameterValueException",
            "Please refer to the appropriate WSDL for a list of valid actions.",
        ),
        (
            "new",
            ACCOUNTS,
            ["SendMessage"] * 8,
            "OverLimit",
            "8 Actions were found, maximum allowed is 7.",
        ),
        *(
            (
                "new",
                accounts,
                ["SendMessage"],
                "InvalidParameterValueException",
                f"Value [{', '.join(accounts)}] for parameter PrincipalId is invalid. Reason: "
                "Unable to verify.",
            )
            for accounts in ([], ["me"], ["111111111111", "11111111111"])
        ),
    ],
)
def test_what_is_refused(
    label: str, accounts: list[str], actions: list[str], code: str, message: str
) -> None:
    taken = with_permission("", ARN, "taken", ACCOUNTS, ["SendMessage"])
    with pytest.raises(SqsError) as raised:
        with_permission(taken, ARN, label, accounts, actions)
    assert raised.value.code == code
    assert str(raised.value).endswith(message)


def test_a_policy_does_not_grow_beyond_its_limits() -> None:
    policy = ""
    for number in range(MAX_STATEMENTS):
        policy = with_permission(policy, ARN, f"s{number}", ACCOUNTS, ["*"])
    check_policy(policy)
    with pytest.raises(SqsError) as raised:
        with_permission(policy, ARN, "more", ACCOUNTS, ["*"])
    assert raised.value.code == "OverLimit"
    long, many = "", [str(100_000_000_000 + n) for n in range(50)]
    with pytest.raises(SqsError) as raised:
        for number in range(MAX_STATEMENTS):
            long = with_permission(long, ARN, f"s{number}", many, ["*"])
    assert raised.value.code == "OverLimit"
    assert len(long) <= MAX_POLICY_BYTES


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("", "can't find label."),
        ('{"Statement":[{"Sid":"other"}]}', "can't find label on existing policy."),
    ],
)
def test_a_label_that_is_not_there(policy: str, said: str) -> None:
    with pytest.raises(SqsError, match=f"{said}$") as raised:
        without_permission(policy, "gone")
    assert raised.value.code == "InvalidParameterValueException"
