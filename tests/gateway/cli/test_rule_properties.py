"""MQTT 5 properties to test with: every form that is taken, and the sentence for the others."""

from __future__ import annotations

import base64
import json

import pytest

from gateway.cli.rule_cases import answer

DIGITS = "1234567890123456789012345678901234"


def ask(expression: str, mqtt5: object) -> str:
    """Evaluate an expression as a case does; gives the text of the answer behind the id.

    The properties are a JSON text, or what is written as one.
    """
    properties = mqtt5 if isinstance(mqtt5, str) else json.dumps(mqtt5)
    sql = json.dumps(f"SELECT ({expression}) AS r")
    case = f'{{"id":1,"sql":{sql},"sql_version":"2016-03-23","context":{{"mqtt5":{properties}}}}}'
    return answer(case, 1).removeprefix('{"id":1,')[:-1]


PROPERTIES = {
    "content_type": "text/plain",
    "response_topic": "a/b",
    "correlation_data": base64.b64encode(b"\xff").decode(),
    "format_indicator": "UTF8_DATA",
}


@pytest.mark.parametrize(("name", "value"), PROPERTIES.items())
def test_properties_come_back(name: str, value: str) -> None:
    found = ask(f"get_mqtt_property('{name}')", PROPERTIES)
    assert found == f'"output":{{"r":"{value}"}}'


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("content_type", "contentType"),
        ("response_topic", "responseTopic"),
        ("correlation_data", "correlationData"),
        ("format_indicator", "formatIndicator"),
        ("format_indicator", "payload_format_indicator"),
        ("format_indicator", "payloadFormatIndicator"),
    ],
)
def test_properties_have_other_spellings(name: str, spelling: str) -> None:
    found = ask(f"get_mqtt_property('{name}')", {spelling: PROPERTIES[name]})
    assert found == f'"output":{{"r":"{PROPERTIES[name]}"}}'


@pytest.mark.parametrize(
    "unseen",
    [
        "message_expiry",
        "message_expiry_interval",
        "messageExpiry",
        "messageExpiryInterval",
        "topic_alias",
        "topicAlias",
        "subscription_identifier",
        "subscription_identifiers",
        "subscriptionIdentifier",
        "subscriptionIdentifiers",
    ],
)
def test_properties_that_rules_cannot_see_are_passed_over(unseen: str) -> None:
    mqtt5 = {unseen: [1], "content_type": "x"}
    assert ask("get_mqtt_property('content_type')", mqtt5) == '"output":{"r":"x"}'


@pytest.mark.parametrize(
    ("text", "raw"),
    [("", b""), ("AQI=", b"\1\2"), ("abcd", b"i\xb7\x1d"), ("req-1", b"req-1"), ("é", b"\xc3\xa9")],
)
def test_correlation_data_is_base64_or_else_a_text(text: str, raw: bytes) -> None:
    found = ask("get_mqtt_property('correlation_data')", {"correlation_data": text})
    assert found == f'"output":{{"r":"{base64.b64encode(raw).decode()}"}}'


@pytest.mark.parametrize("key", ["format_indicator", "payload_format_indicator"])
@pytest.mark.parametrize(
    ("indicator", "text"),
    [
        (0, "UNSPECIFIED_BYTES"),
        (1, "UTF8_DATA"),
        (False, "UNSPECIFIED_BYTES"),
        (True, "UTF8_DATA"),
        ("UNSPECIFIED_BYTES", "UNSPECIFIED_BYTES"),
        ("UTF8_DATA", "UTF8_DATA"),
    ],
)
def test_the_format_indicator_has_three_forms(indicator: object, text: str, key: str) -> None:
    found = ask("get_mqtt_property('format_indicator')", {key: indicator})
    assert found == f'"output":{{"r":"{text}"}}'


@pytest.mark.parametrize(
    "user_properties",
    [
        [{"k": "1"}, {"k": "2"}, {"l": "3"}],
        [["k", "1"], ["k", "2"], ["l", "3"]],
        [["k", "1"], {"k": ["2"], "l": "3"}],
        [["k", ["1", "2"]], ["l", 3]],
        {"k": ["1", "2"], "l": "3"},
        {"k": [1, 2], "l": 3},
        [{"key": "k", "value": "1"}, {"value": 2, "key": "k"}, {"name": "l", "value": "3"}],
        [{"key": "k", "value": ["1", "2"]}, {"l": "3"}],
    ],
)
@pytest.mark.parametrize("key", ["user_properties", "userProperties"])
def test_user_properties_have_four_forms(user_properties: object, key: str) -> None:
    mqtt5 = {key: user_properties}
    assert ask("get_user_properties()", mqtt5) == '"output":{"r":[{"k":"1"},{"k":"2"},{"l":"3"}]}'
    assert ask("get_user_properties('k')", mqtt5) == '"output":{"r":["1","2"]}'


@pytest.mark.parametrize(
    ("user_properties", "out"),
    [
        # only an object with exactly these two keys is one pair
        ('[{"key":"k"}]', '[{"key":"k"}]'),
        ('[{"value":"v"}]', '[{"value":"v"}]'),
        ('[{"key":"k","name":"n"}]', '[{"key":"k"},{"name":"n"}]'),
        ('[{"key":"k","value":"v","more":"m"}]', '[{"key":"k"},{"value":"v"},{"more":"m"}]'),
        ('{"key":"k","value":"v"}', '[{"k":"v"}]'),
        # a number's text is as it was written
        (f'{{"k":[1.50,-0,1E3,{DIGITS}0]}}',
         f'[{{"k":"1.50"}},{{"k":"-0"}},{{"k":"1E3"}},{{"k":"{DIGITS}0"}}]'),
        ('{"k":[],"l":"m"}', '[{"l":"m"}]'),
    ],
)  # fmt: skip
def test_user_properties_come_back_in_order(user_properties: str, out: str) -> None:
    found = ask("get_user_properties()", f'{{"user_properties":{user_properties}}}')
    assert found == f'"output":{{"r":{out}}}'


@pytest.mark.parametrize(
    ("mqtt5", "sentence"),
    [
        ([], "mqtt5 is no JSON object"),
        ({"contenttype": "x"},
         "mqtt5 has an unknown key 'contenttype' (did you mean 'contentType'?); known keys: con"),
        ({"content_type": "x", "contentType": "x"}, "mqtt5 has content_type twice"),
        ({"content_type": 1}, "content_type is no string"),
        ({"correlation_data": 1}, "correlation_data is no string"),
        ({"correlation_data": "\ud800"}, "correlation_data cannot be written in UTF-8"),
        ({"format_indicator": 2}, "format_indicator is 2, not 0 or 1 or "),
        ({"payload_format_indicator": "utf8"}, 'format_indicator is "utf8", not 0 or 1 or '),
        ({"user_properties": ["k"]}, "a user property is neither an object nor a pair"),
        ({"user_properties": [["k"]]}, "a user property is a list, but not of a name and a value"),
        ({"user_properties": [[1, "v"]]}, "a user property has a name that is no string"),
        ({"user_properties": [["k", True]]}, "a user property has a value that is no string"),
        ({"user_properties": {"k": None}}, "a user property has a value that is no string"),
        ({"user_properties": [{"key": 1, "value": "v"}]}, "a user property has a name that is no"),
        ({"user_properties": {"k": {"x": "y"}}}, "a user property has a value that is no string"),
        ({"user_properties": {"k": "\ud800"}}, "a user property cannot be written in UTF-8"),
        ({"user_properties": 1}, "a user property is neither an object nor a pair"),
    ],
)  # fmt: skip
def test_wrong_properties_are_told(mqtt5: object, sentence: str) -> None:
    assert json.loads("{" + ask("1", mqtt5) + "}")["error"].startswith(sentence)
