"""What a policy may say: judged when a key gets it, each refusal with a sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.identity.policy_document import MAX_CHARACTERS, PolicyError, check_policy, parse_policy

ARN = "arn:aws:sqs:us-east-1:000000000000:alarms"
GOOD: dict[str, Any] = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": ARN}


def document(statement: object = GOOD, **more: object) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statement, **more}


def changed(**parts: object) -> dict[str, Any]:
    """Return the good statement with these parts; None takes one away."""
    return {key: value for key, value in {**GOOD, **parts}.items() if value is not None}


@pytest.mark.parametrize(
    "statement",
    [
        GOOD,
        [GOOD],
        [changed(Sid="One"), changed(Sid="Two", Effect="Deny"), changed(Sid=""), changed(Sid="")],
        changed(Action=["sqs:*", "iot:Get?opicRule", "*"]),
        changed(Action=None, NotAction="sqs:*"),
        changed(Resource=None, NotResource=[ARN, "arn:aws:sqs:*:*:a*"]),
        changed(Resource="arn:aws:iot:eu-central-1:000000000000:rule/*"),
        changed(Resource="arn:*:*:*:*:*"),
        changed(Action="*:*"),
    ],
)
def test_a_policy_is_taken_as_it_was_written(statement: object) -> None:
    text = json.dumps(document(statement, Id="mine"), indent=2)
    assert parse_policy(text) == document(statement, Id="mine")


def test_the_version_may_be_left_out_as_in_aws() -> None:
    assert check_policy({"Statement": [GOOD]})
    assert check_policy({"Version": "2008-10-17", "Statement": [GOOD]})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "the policy is no JSON object"),
        ({}, "Statement is missing"),
        (document([]), "Statement is missing, or no statement is in it"),
        (document("x"), "Statement is missing, or no statement is in it"),
        (document(["x"]), "Statement[0] is no JSON object"),
        (document(Version="2012-10-18"), "Version is '2012-10-18'"),
        (document(Id=1), "Id is no text that can be printed"),
        (document(Id="a\n"), "Id is no text that can be printed"),
        (document(statement=GOOD, Extra=1), "the policy has 'Extra', which is not known here"),
        (document([GOOD, changed(Condition={})]), "Statement[1].Condition is not evaluated here"),
        (document(changed(Principal="*")), "Statement[0].Principal is not evaluated here"),
        (document(changed(NotPrincipal="*")), "Statement[0].NotPrincipal is not evaluated here"),
        (document(changed(effect="Deny")), "Statement[0] has 'effect', which is not known here"),
        (document(changed(Sid="a b")), "Statement[0].Sid is 'a b'"),
        (document(changed(Sid=1)), "Statement[0].Sid is 1"),
        (document([changed(Sid="A"), changed(Sid="A")]), "Statement[1].Sid is 'A', as another"),
        (document(changed(Effect="allow")), 'Statement[0].Effect must be "Allow" or "Deny"'),
        (document(changed(Effect=None)), 'Statement[0].Effect must be "Allow" or "Deny"'),
        (document(changed(Action=None)), "must have one of Action and NotAction"),
        (document(changed(NotAction="*")), "must have one of Action and NotAction"),
        (document(changed(Resource=None)), "must have one of Resource and NotResource"),
        (document(changed(NotResource="*")), "must have one of Resource and NotResource"),
        (document(changed(Action=[])), "Statement[0].Action must be a text, or a list of at least"),
        (document(changed(Action=1)), "Statement[0].Action must be a text, or a list of at least"),
        (document(changed(Action=[1])), "Statement[0].Action: 1 is not a service and an action"),
        (document(changed(Action="SendMessage")), "'SendMessage' is not a service and an action"),
        (document(changed(Action="sqs:")), "'sqs:' is not a service and an action"),
        (document(changed(Action="s*:Send")), "'s*:Send' is not a service and an action"),
        (document(changed(Action="sqs:Send Message")), "is not a service and an action"),
        (document(changed(Resource="alarms")), "Resource: 'alarms' is not an ARN or \"*\""),
        (document(changed(Resource="arn:aws:sqs:us-east-1:alarms")), "is not an ARN"),
        (document(changed(Resource=ARN + "${aws:username}")), "has a policy variable"),
        (document(changed(Resource="${aws:username}")), "has a policy variable"),
        (document(changed(Resource=ARN + "\x1b[2J")), "characters that cannot be printed"),
        (document(changed(Resource=ARN + "\ud800")), "characters that cannot be printed"),
    ],
)
def test_what_is_no_policy_or_not_evaluated_is_refused(given: object, says: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(json.dumps(given))
    assert says in str(caught.value)
    with pytest.raises(PolicyError):
        check_policy(given)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the policy is no JSON"),
        ("{", "the policy is no JSON"),
        ("[" * 30_000, "the policy is nested too deeply"),
        (
            '{"Statement": {"Effect": "Deny", "Effect": "Allow", "Action": "*", "Resource": "*"}}',
            "the policy has 'Effect' twice in one object",
        ),
    ],
)
def test_what_is_no_json_is_refused(text: str, says: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text)
    assert says in str(caught.value)


def test_its_length_has_awss_limit_and_white_space_does_not_count() -> None:
    def of_length(characters: int) -> dict[str, Any]:
        short = len(json.dumps(document([changed(Resource=ARN)]), separators=(",", ":")))
        return document([changed(Resource=ARN + "x" * (characters - short))])

    longest = of_length(MAX_CHARACTERS)
    assert parse_policy(json.dumps(longest, indent=40)) == longest
    with pytest.raises(PolicyError, match="has 6145 characters") as caught:
        parse_policy(json.dumps(of_length(MAX_CHARACTERS + 1)))
    assert "6144" in caught.value.hint
    with pytest.raises(PolicyError, match="has 70000 characters"):
        parse_policy(" " * 70_000)
