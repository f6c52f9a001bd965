"""What the functions tell about a message, its publisher, its MQTT 5 properties and the rule."""

from __future__ import annotations

from itertools import count

import pytest

import rules
from rules.message import MqttProperties

PROPERTIES = MqttProperties(
    payload_format_indicator=1,
    content_type="application/json",
    response_topic="re/ply",
    correlation_data=b"\x00\xff1",
    user_properties=(("site", "a"), ("line", "2"), ("site", "b"), ("", "empty")),
)
PAYLOAD = b"""{"i": 2, "d": 2.9, "s": "site", "n": "2", "t": true, "nul": null, "arr": [1],
    "obj": {"a": 1}, "name": "content_type"}"""


def environment() -> rules.Environment:
    numbers = count(1)
    return rules.Environment(
        now_ms=lambda: 0, account="123456789012", new_uuid=lambda: f"uuid-{next(numbers)}"
    )


def told(
    expression: str,
    *,
    version: str = "2016-03-23",
    topic: str = "a/b/c",
    client_id: str | None = "bench-7",
    principal: str | None = "0f" * 32,
    source_ip: str | None = "192.0.2.7",
    properties: MqttProperties | None = PROPERTIES,
) -> str:
    statement = rules.compile(f"SELECT {expression} AS r FROM 'a/#'", version)
    message = rules.Message(topic, PAYLOAD, client_id, principal, source_ip, properties=properties)
    outgoing = statement.evaluate(message, environment())
    assert outgoing is not None
    text = outgoing.decode()
    return "U" if text == "{}" else text.removeprefix('{"r":').removesuffix("}")


@pytest.mark.parametrize("version", ["2015-10-08", "2016-03-23", "beta"])
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("topic()", '"a/b/c"'), ("topic(1)", '"a"'), ("topic(3)", '"c"'), ("topic(4)", "U"),
        ("topic(0)", "U"), ("topic(-1)", "U"), ("topic(i)", '"b"'), ("topic(d)", '"b"'),
        ("topic(n)", '"b"'), ("topic(s)", "U"), ("topic(t)", "U"), ("topic(nul)", "U"),
        ("topic(nope)", "U"), ("topic(arr)", "U"), ("topic(obj)", "U"), ("topic(1, 2)", "U"),
        ("topic(1E30)", "U"),
        ("clientid()", '"bench-7"'), ("clientId()", '"bench-7"'), ("clientid(1)", "U"),
        ("principal()", f'"{"0f" * 32}"'), ("principal(1)", "U"),
        ("accountid()", '"123456789012"'), ("accountId()", '"123456789012"'),
        ("accountid(1)", "U"),
        ("traceid()", '"uuid-1"'), ("traceid(1)", "U"),
        ("sql_version(1)", "U"),
    ],
)  # fmt: skip
def test_in_every_version(version: str, expression: str, expected: str) -> None:
    assert told(expression, version=version) == expected


@pytest.mark.parametrize("version", ["2015-10-08", "2016-03-23", "beta"])
def test_the_version_is_the_rules(version: str) -> None:
    assert told("sql_version()", version=version) == f'"{version}"'
    assert rules.compile_template("${sql_version()}", version).constant == version


@pytest.mark.parametrize("name", ["sourceip", "get_mqtt_property", "get_user_properties"])
def test_not_in_the_first_version(name: str) -> None:
    with pytest.raises(rules.SqlError, match=f"{name} is not part of version 2015-10-08"):
        told(f"{name}('x')", version="2015-10-08")


def test_who_did_not_publish_by_mqtt() -> None:
    assert told("clientid()", client_id=None) == '"n/a"'
    assert told("traceid()", client_id=None) == "U"
    assert told("principal()", principal=None) == "U"
    assert told("sourceip()", source_ip=None) == "U"


def test_the_address_of_the_publisher() -> None:
    assert told("sourceip()") == '"192.0.2.7"'
    assert told("SourceIp()", source_ip="2001:db8::1") == '"2001:db8::1"'
    assert told("sourceip(1)") == "U"


def test_empty_levels_of_a_topic_count() -> None:
    assert told("topic(1)", topic="/a") == '""'
    assert told("topic(2)", topic="/a") == '"a"'


def test_a_message_has_one_trace_id_for_every_rule() -> None:
    one = environment()
    statement = rules.compile("SELECT traceid() AS x, traceid() AS y FROM 'a'")
    first, second = (rules.Message("a", b"{}", "bench-7") for _ in range(2))
    assert statement.evaluate(first, one) == b'{"x":"uuid-1","y":"uuid-1"}'
    assert statement.evaluate(second, one) == b'{"x":"uuid-2","y":"uuid-2"}'
    assert statement.evaluate(first, one) == b'{"x":"uuid-1","y":"uuid-1"}'
    assert first.trace_id == "uuid-1"
    given = rules.Message("a", b"{}", "bench-7", trace_id="given")
    assert statement.evaluate(given, one) == b'{"x":"given","y":"given"}'


@pytest.mark.parametrize(
    ("expression", "expected", "absent"),
    [
        ("get_mqtt_property('content_type')", '"application/json"', "U"),
        ("get_mqtt_property('format_indicator')", '"UTF8_DATA"', '"UNSPECIFIED_BYTES"'),
        ("get_mqtt_property('response_topic')", '"re/ply"', "U"),
        ("get_mqtt_property('correlation_data')", '"AP8x"', "U"),
        ("get_mqtt_property(name)", '"application/json"', "U"),
        ("get_mqtt_property('Content_Type')", "U", "U"),
        ("get_mqtt_property('contentType')", "U", "U"),
        ("get_mqtt_property('message_expiry')", "U", "U"),
        ("get_mqtt_property('')", "U", "U"), ("get_mqtt_property(s)", "U", "U"),
        ("get_mqtt_property(i)", "U", "U"), ("get_mqtt_property(t)", "U", "U"),
        ("get_mqtt_property(nul)", "U", "U"), ("get_mqtt_property(nope)", "U", "U"),
        ("get_mqtt_property(arr)", "U", "U"), ("get_mqtt_property(obj)", "U", "U"),
        ("get_mqtt_property()", "U", "U"), ("get_mqtt_property(name, name)", "U", "U"),

        ("get_user_properties('line')", '["2"]', "U"),
        ("get_user_properties('site')", '["a","b"]', "U"),
        ("get_user_properties(s)", '["a","b"]', "U"),
        ("get_user_properties('')", '["empty"]', "U"),
        ("get_user_properties('Site')", "U", "U"), ("get_user_properties('none')", "U", "U"),
        ("get_user_properties()",
         '[{"site":"a"},{"line":"2"},{"site":"b"},{"":"empty"}]', "U"),
        ("get(get_user_properties('site'), 1)", '"b"', "U"),
        ("get_user_properties(i)", "U", "U"), ("get_user_properties(t)", "U", "U"),
        ("get_user_properties(nul)", "U", "U"), ("get_user_properties(nope)", "U", "U"),
        ("get_user_properties(arr)", "U", "U"), ("get_user_properties(obj)", "U", "U"),
        ("get_user_properties('a', 'b')", "U", "U"),
    ],
)  # fmt: skip
def test_mqtt_properties(expression: str, expected: str, absent: str) -> None:
    assert told(expression) == expected
    assert told(expression, properties=MqttProperties()) == absent
    assert told(expression, properties=None) == absent  # as from a client of MQTT 3.1.1


def test_properties_that_are_there_but_empty() -> None:
    empty = MqttProperties(0, "", "", b"", (("k", ""),))
    assert told("get_mqtt_property('content_type')", properties=empty) == '""'
    assert told("get_mqtt_property('response_topic')", properties=empty) == '""'
    assert told("get_mqtt_property('correlation_data')", properties=empty) == '""'
    assert told("get_mqtt_property('format_indicator')", properties=empty) == '"UNSPECIFIED_BYTES"'
    assert told("get_user_properties('k')", properties=empty) == '[""]'


@pytest.mark.parametrize(
    ("expression", "warning"),
    [
        ("get_mqtt_property('content-type')", "get_mqtt_property knows 'content_type', "),
        ("get_mqtt_property(7)", "get_mqtt_property knows 'content_type', "),
        ("get_mqtt_property()", "get_mqtt_property takes 1 argument, not 0"),
        ("get_user_properties('a', 'b')", "takes 0 or 1 arguments, not 2"),
        ("principal(1)", "principal takes no arguments, not 1"),
        ("sourceip(1)", "sourceip takes no arguments, not 1"),
    ],
)  # fmt: skip
def test_what_can_only_be_undefined_is_warned_of(expression: str, warning: str) -> None:
    [given] = rules.compile(f"SELECT {expression} AS r FROM 'a/b'", "2016-03-23").warnings
    assert warning in given


@pytest.mark.parametrize(
    "function",
    ["topic", "clientid", "principal", "accountid", "traceid", "sourceip", "get_user_properties"],
)
def test_what_depends_on_the_message_is_not_folded(function: str) -> None:
    assert rules.compile_template(f"${{{function}()}}", "2016-03-23").constant is None
