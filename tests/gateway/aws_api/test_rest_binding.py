"""REST requests as documents: where each member stands, and what is refused in whose words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from gateway.aws_api.errors import AwsError
from gateway.aws_api.model import Metadata, ServiceModel, load_model
from gateway.aws_api.rest_binding import Bind, Bound, compile_binders
from gateway.aws_api.violations import CommonViolations
from gateway.http.message import Headers

VIOLATIONS = CommonViolations("InvalidRequestException", namespace=None)
IOT = compile_binders(
    load_model("iot"),
    VIOLATIONS,
    ["CreateTopicRule", "ListTopicRules", "UpdateTopicRuleDestination", "EnableTopicRule"],
)

SHAPES: dict[str, Any] = {
    "In": {
        "type": "structure",
        "required": ["label"],
        "members": {
            "label": {"shape": "Text", "location": "uri", "locationName": "the-label"},
            "count": {"shape": "Count", "location": "header", "locationName": "x-count"},
            "flag": {"shape": "Flag", "location": "querystring", "locationName": "isFlag"},
            "text": {"shape": "Text"},
        },
    },
    "Text": {"type": "string"},
    "Count": {"type": "integer", "max": 9},
    "Flag": {"type": "boolean"},
    "Time": {"type": "timestamp"},
}


def a_binder(shapes: dict[str, Any]) -> Bind:
    model = ServiceModel(Metadata(), {"Op": {"input": "In"}}, shapes)
    return compile_binders(model, VIOLATIONS, ["Op"])["Op"]


def bind(
    binder: Bind,
    body: bytes = b"",
    query: Mapping[str, str] | str = "",
    headers: Mapping[str, str] | None = None,
    **labels: str,
) -> Bound:
    query_string = query if isinstance(query, str) else urlencode(query)
    fields = Headers((headers or {}).items())
    named = {name.replace("_", "-"): text for name, text in labels.items()}
    return binder(named, query_string, fields, body)


def refusal(*args: Any, **more: Any) -> tuple[str, str]:
    with pytest.raises(AwsError) as caught:
        bind(*args, **more)
    return caught.value.code, caught.value.message


def test_members_come_from_where_the_model_places_them() -> None:
    bound = bind(
        a_binder(SHAPES),
        b'{"text": "t", "label": "not this", "flag": false, "unknown": 1}',
        {"isFlag": "true", "flag": "false", "other": "x"},
        {"X-Count": "7"},
        the_label="l",
    )
    assert bound.parameters == {"label": "l", "count": 7, "flag": True, "text": "t"}
    assert bound.document == {"text": "t", "label": "not this", "flag": False, "unknown": 1}


def test_what_only_the_body_says_of_a_label_does_not_count() -> None:
    code, message = refusal(a_binder(SHAPES), b'{"label": "l"}')
    assert code == "InvalidRequestException"
    assert "'label'" in message


def test_a_payload_is_the_whole_body_and_is_handed_on_as_it_was_written() -> None:
    rule = b'{"sql": "SELECT 1", "actions": [{"newest": {"a": 1}}], "newMember": null}'
    bound = bind(IOT["CreateTopicRule"], rule, ruleName="r")
    assert bound.parameters == {
        "ruleName": "r",
        "topicRulePayload": {"sql": "SELECT 1", "actions": [{}]},
    }
    assert bound.document == {
        "sql": "SELECT 1",
        "actions": [{"newest": {"a": 1}}],
        "newMember": None,
    }


def test_a_body_that_no_member_comes_from_is_not_looked_at() -> None:
    bound = bind(IOT["EnableTopicRule"], b"{not json", ruleName="r")
    assert bound == ({"ruleName": "r"}, None)


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("", {}),
        ("maxResults=5&ruleDisabled=true", {"maxResults": 5, "ruleDisabled": True}),
        ("topic=a%2Fb+c%C3%BC&topic=second", {"topic": "a/b cü"}),
        ("topic=", {"topic": ""}),
        ("topic", {"topic": ""}),
        ("&&unknown=1&", {}),
    ],
)
def test_a_query_is_read_by_the_members_types(query: str, parameters: dict[str, object]) -> None:
    assert bind(IOT["ListTopicRules"], query=query).parameters == parameters


@pytest.mark.parametrize(
    ("query", "code", "said"),
    [
        ("maxResults=x", "SerializationException", "an Integer (maxResults)"),
        ("maxResults=1.5", "SerializationException", "an Integer (maxResults)"),
        ("maxResults=+5", "SerializationException", "an Integer (maxResults)"),
        ("maxResults=", "SerializationException", "an Integer (maxResults)"),
        ("maxResults=" + "9" * 19, "SerializationException", "out of range"),
        ("maxResults=" + "9" * 9000, "SerializationException", "an Integer (maxResults)"),
        ("maxResults=0", "InvalidRequestException", "greater than or equal to 1"),
        ("maxResults=10001", "InvalidRequestException", "less than or equal to 10000"),
        ("ruleDisabled=TRUE", "SerializationException", "a Boolean (ruleDisabled)"),
        ("topic=%ff", "SerializationException", "query"),
        ("a=1&" * 101, "SerializationException", "query"),
    ],
)
def test_a_query_that_cannot_be_is_refused(query: str, code: str, said: str) -> None:
    got, message = refusal(IOT["ListTopicRules"], query=query)
    assert got == code
    assert said in message


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (b"", "InvalidRequestException", "'topicRulePayload'"),
        (b"null", "InvalidRequestException", "'topicRulePayload'"),
        (b"{", "SerializationException", "not JSON"),
        (b"[" * 100_000, "SerializationException", "not JSON"),
        (b"\xff", "SerializationException", "not JSON"),
        (b"[]", "SerializationException", "list found"),
        (b'"x"', "SerializationException", "(topicRulePayload)"),
        (b"{}", "InvalidRequestException", "'topicRulePayload.sql'"),
        (b'{"sql": 1, "actions": []}', "SerializationException", "(topicRulePayload.sql)"),
        (b'{"sql": "", "actions": {}}', "SerializationException", "(topicRulePayload.actions)"),
        (
            b'{"sql": "", "actions": [{"sqs": {}}]}',
            "InvalidRequestException",
            "'topicRulePayload.actions.1.sqs.roleArn'",
        ),
    ],
)
def test_a_payload_that_the_model_forbids_is_refused(body: bytes, code: str, said: str) -> None:
    got, message = refusal(IOT["CreateTopicRule"], body, ruleName="r")
    assert got == code
    assert said in message


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"1", b"true"])
def test_a_body_of_members_is_an_object(body: bytes) -> None:
    assert refusal(IOT["UpdateTopicRuleDestination"], body)[0] == "SerializationException"


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b'{"arn": null, "status": "ENABLED"}'])
def test_a_member_that_is_absent_is_named(body: bytes) -> None:
    code, message = refusal(IOT["UpdateTopicRuleDestination"], body)
    assert code == "InvalidRequestException"
    assert "Value null at 'arn'" in message


def test_a_label_is_held_to_its_shape() -> None:
    code, message = refusal(IOT["EnableTopicRule"], ruleName="a-b")
    assert code == "InvalidRequestException"
    assert message == (
        "1 validation error detected: Value 'a-b' at 'ruleName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: ^[a-zA-Z0-9_]+$"
    )
    assert refusal(IOT["EnableTopicRule"], ruleName="a\n")[0] == "InvalidRequestException"
    assert refusal(IOT["EnableTopicRule"], ruleName="a" * 129)[0] == "InvalidRequestException"


@pytest.mark.parametrize(
    "member",
    [
        {"shape": "Text", "location": "headers"},
        {"shape": "Text", "locationName": "anotherName"},
        {"shape": "Time", "location": "querystring", "locationName": "since"},
    ],
)
def test_a_place_that_is_not_known_is_refused_at_start(member: dict[str, str]) -> None:
    shapes = {**SHAPES, "In": {"type": "structure", "members": {"odd": member}}}
    with pytest.raises(ValueError, match=r"Op: odd .* not known here"):
        a_binder(shapes)


def test_a_payload_that_is_no_structure_is_refused_at_start() -> None:
    shapes = {
        **SHAPES,
        "In": {"type": "structure", "members": {"text": {"shape": "Text"}}, "payload": "text"},
    }
    with pytest.raises(ValueError, match="the payload text is no structure"):
        a_binder(shapes)
