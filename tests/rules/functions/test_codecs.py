"""encode and decode: base64, and protobuf from the payload or from text in it."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorSet
from hypothesis import given, settings
from hypothesis import strategies as st

import rules
from rules.outside import Outside
from rules.payload import encode
from rules.values import MAX_TEXT_CHARACTERS, V2016

Result = Callable[..., str]

FEW = settings(max_examples=150, derandomize=True, deadline=None, database=None)

PAYLOAD = """{"i": 7, "d": 2.5, "whole": 10.0, "s": "Text", "n": "-5.5", "t": true, "nul": null,
    "arr": [1, "x"], "obj": {"k": 1}, "scheme": "base64", "other": "hex"}"""


def b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("encode(s, 'base64')", f'"{b64("Text")}"'),
        ("encode('', 'base64')", '""'),
        ("encode('é', 'base64')", '"w6k="'),
        ("encode(i, 'base64')", f'"{b64("7")}"'),
        ("encode(d, 'base64')", f'"{b64("2.5")}"'),
        ("encode(whole, 'base64')", f'"{b64("10")}"'),
        ("encode(n, 'base64')", f'"{b64("-5.5")}"'),
        ("encode(t, 'base64')", f'"{b64("true")}"'),
        ("encode(arr, 'base64')", '"WzEsIngiXQ=="'),
        ("encode(obj, 'base64')", '"eyJrIjoxfQ=="'),
        ("encode(*, 'base64')", f'"{b64(PAYLOAD)}"'),
        ("encode(s, scheme)", f'"{b64("Text")}"'),
        ("Encode(s, \"base64\")", f'"{b64("Text")}"'),
        ("encode(nul, 'base64')", "U"), ("encode(nope, 'base64')", "U"),
        ("encode(s, other)", "U"), ("encode(s, nope)", "U"), ("encode(s, nul)", "U"),
        ("encode(s, i)", "U"),

        ("decode('VGV4dA==', 'base64')", '"Text"'),
        ("decode('VGV4dA', 'base64')", '"Text"'),  # padding may be missing
        ("decode('', 'base64')", '""'),
        ("decode('ODA=', 'base64')", "80"),
        ("decode('eyAidGVtcGVyYXR1cmUiOiAzMyB9Cg==', 'base64').temperature", "33"),
        ("decode('eyAidGVtcGVyYXR1cmUiOiAzMyB9Cg==', \"base64\")", '{"temperature":33}'),
        ("decode(encode(s, 'base64'), 'base64')", '"Text"'),
        ("decode(encode(n, 'base64'), 'base64')", "-5.5"),
        ("decode(encode('10.0', 'base64'), 'base64')", "10"),
        ("decode(encode('[10.0,0.00001,0.5]', 'base64'), 'base64')", "[10,0.00001,0.5]"),
        ("decode(encode('{\"a\":{\"b\":1.0}}', 'base64'), 'base64')", '{"a":{"b":1}}'),
        ("decode(encode('1234567890123456789012345678901234', 'base64'), 'base64')",
         "1234567890123456789012345678901234"),
        ("decode(encode('1e3', 'base64'), 'base64')", "1000"),
        ("decode(encode('true', 'base64'), 'base64')", "true"),
        ("decode(encode('null', 'base64'), 'base64')", "null"),
        ("decode(encode('\"x\"', 'base64'), 'base64')", '"x"'),
        ("decode(encode('nan', 'base64'), 'base64')", '"nan"'),
        ("decode(encode('{a}', 'base64'), 'base64')", '"{a}"'),
        ("decode(encode(*, 'base64'), 'base64').arr", '[1,"x"]'),
        ("decode(encode(s, scheme), scheme)", '"Text"'),
        # cannot be decoded
        ("decode('not base64!', 'base64')", "null"),
        ("decode('VGV4\ndA==', 'base64')", "null"),
        ("decode('VGV4dA==VGV4dA==', 'base64')", "null"),
        ("decode('VGV4d', 'base64')", "null"),
        ("decode('é', 'base64')", "null"),
        ("decode('_-8=', 'base64')", "null"),
        ("decode('/+8=', 'base64')", "null"),  # bytes that are not UTF-8
        ("decode(s, 'base64')", "null"),  # "Text" is base64 of other bytes
        ("decode(*, 'base64')", "null"),
        # not a String
        ("decode(i, 'base64')", "U"), ("decode(d, 'base64')", "U"), ("decode(t, 'base64')", "U"),
        ("decode(arr, 'base64')", "U"), ("decode(obj, 'base64')", "U"),
        ("decode(nul, 'base64')", "U"), ("decode(nope, 'base64')", "U"),
        ("decode(7, 'base64')", "U"), ("decode(NULL, 'base64')", "U"),
        ("decode(s, other)", "U"), ("decode(s, nope)", "U"), ("decode(s, nul)", "U"),
    ],
)  # fmt: skip
def test_base64(result: Result, expression: str, expected: str) -> None:
    assert result(expression, PAYLOAD) == expected


@pytest.mark.parametrize(
    ("expression", "payload", "expected"),
    [
        ("encode(*, 'base64')", b"\x00\xff", '"AP8="'),
        ("encode(*, 'base64')", b"", '""'),
        ("decode(encode(*, 'base64'), 'base64')", b"80", "80"),
        ("decode(encode(*, 'base64'), 'base64')", b"plain", '"plain"'),
        ("decode(encode(*, 'base64'), 'base64')", b"", '""'),
        ("decode(encode(*, 'base64'), 'base64')", b"\xff", "null"),
        ("decode(encode(*, 'base64'), 'base64')", b"10.0", "10"),
        ("decode(*, 'base64')", b"ODA=", "80"),
        ("decode(*, 'base64')", b'"ODA="', "80"),
        ("decode(*, 'base64')", b"\xff\xfe", "null"),
    ],
)  # fmt: skip
def test_the_whole_payload_whatever_it_is(
    result: Result, expression: str, payload: bytes, expected: str
) -> None:
    assert result(expression, payload) == expected


@pytest.mark.parametrize(
    ("expression", "warning"),
    [
        ("encode(a, 'hex')", "column 18: encode knows the scheme 'base64' only"),
        ("encode(a, 'BASE64')", "encode knows the scheme 'base64' only"),
        ("encode(a, 1)", "encode knows the scheme 'base64' only"),
        ("decode(a, 'hex')", "with 2 arguments knows the scheme 'base64' only"),
        ("decode(a, 'proto')", "with 2 arguments knows the scheme 'base64' only"),
        ("decode(a, 'base64', 'b', 'k', 'f', 'M')", "with 6 arguments knows the scheme 'proto'"),
        ("decode(a, 'proto', 7, 'k', 'f', 'M')", "the bucket of decode is no String"),
        ("decode(a, 'proto', 'b', TRUE, 'f', 'M')", "the object key of decode is no String"),
        ("decode(a, 'proto', 'b', 'k', NULL, 'M')", "the proto name of decode is no String"),
        ("decode(a, 'proto', 'b', 'k', 'f', 1.5)", "the message type of decode is no String"),
        ("encode(a)", "encode takes 2 arguments, not 1"),
        ("encode()", "encode takes 2 arguments, not 0"),
        ("encode(a, 'base64', 'x')", "encode takes 2 arguments, not 3"),
        ("decode(a)", "decode takes 2 or 6 arguments, not 1"),
        ("decode(a, 'proto', 'b', 'k', 'f')", "decode takes 2 or 6 arguments, not 5"),
    ],
)  # fmt: skip
def test_what_can_only_be_undefined_is_warned_of(
    result: Result, expression: str, warning: str
) -> None:
    statement = rules.compile(f"SELECT {expression} AS r FROM 'a/b'", "2016-03-23")
    assert any(warning in each for each in statement.warnings), statement.warnings
    assert result(expression, b'{"a": "ODA="}') == "U"


@pytest.mark.parametrize("name", ["encode", "decode"])
def test_the_first_version_has_neither(name: str) -> None:
    with pytest.raises(rules.SqlError, match=f"{name} is not part of version 2015-10-08"):
        rules.compile(f"SELECT {name}(a, 'base64') AS r FROM 't'", "2015-10-08")


def test_constant_arguments_are_decoded_once() -> None:
    assert (
        rules.compile_template("${encode('Text', 'base64')}", "2016-03-23").constant == "VGV4dA=="
    )


def test_text_beyond_the_bound_is_undefined(result: Result) -> None:
    longest = MAX_TEXT_CHARACTERS // 4 * 3
    for length, is_there in ((longest, True), (longest + 1, False)):
        text = result("length(encode(*, 'base64'))", b"x" * length)
        assert (text != "U") is is_there


@FEW
@given(st.binary(max_size=300))
def test_what_is_encoded_decodes_to_itself(result: Result, data: bytes) -> None:
    encoded = result("encode(*, 'base64')", data)
    assert base64.b64decode(encoded.strip('"')) == data


@FEW
@given(st.text(max_size=300))
def test_decoding_any_text_gives_a_value(result: Result, text: str) -> None:
    payload = encode({"s": text}, V2016)
    assert result("decode(s, 'base64')", payload) is not None
    assert result("decode(encode(s, 'base64'), 'base64')", payload) != "U"


# protobuf


def reading_descriptors(field: str = "sensor_id") -> bytes:
    every = FileDescriptorSet()
    file = every.file.add(name="readings.proto", package="plant", syntax="proto3")
    message = file.message_type.add(name="Reading")
    message.field.add(name=field, number=1, label=1, type=FieldDescriptorProto.TYPE_STRING)
    message.field.add(name="celsius", number=2, label=1, type=FieldDescriptorProto.TYPE_DOUBLE)
    return every.SerializeToString()


READING = b"\x0a\x02s1\x11" + bytes.fromhex("0000000000002440")  # s1, 10.0
AS_JSON = '{"sensor_id":"s1","celsius":10}'
NAMES = "'proto', 'descs', 'readings.desc', 'readings', 'Reading'"


class Bucket(Outside):
    def __init__(self) -> None:
        self.files = {("descs", "readings.desc"): reading_descriptors(), ("descs", "bad"): b"?"}

    def descriptor_set(self, bucket: str, key: str) -> bytes | None:
        return self.files.get((bucket, key))


def decoded(expression: str, payload: bytes, outside: Outside | None = None) -> str:
    environment = rules.Environment(now_ms=lambda: 0, outside=outside or Bucket())
    statement = rules.compile(f"SELECT {expression} AS r FROM 't'", "2016-03-23")
    outgoing = statement.evaluate(rules.Message("t", payload), environment)
    assert outgoing is not None
    text = outgoing.decode()
    return "U" if text == "{}" else text.removeprefix('{"r":').removesuffix("}")


IN_JSON = encode({"p": base64.b64encode(READING).decode(), "i": 7, "nul": None, "bad": "%%"}, V2016)


@pytest.mark.parametrize(
    ("expression", "payload", "expected"),
    [
        (f"decode(*, {NAMES})", READING, AS_JSON),
        (f"decode(*, {NAMES}).celsius", READING, "10"),
        (f"decode(*, {NAMES}).celsius > 9.5", READING, "true"),
        (f"decode(encode(*, 'base64'), {NAMES})", READING, AS_JSON),
        # a payload that is a JSON string is base64
        (f"decode(*, {NAMES})", f'"{b64(READING)}"'.encode(), AS_JSON),
        (f"decode(p, {NAMES})", IN_JSON, AS_JSON),
        (f"decode(p, {NAMES}).sensor_id", IN_JSON, '"s1"'),
        (f"decode(*, {NAMES})", b"", "{}"),
        ("decode(*, 'proto', 'descs', 'readings.desc', 'readings.proto', 'plant.Reading')", READING,
         AS_JSON),
        # not decodable
        (f"decode(*, {NAMES})", b"\xff\xff", "null"),
        (f"decode(*, {NAMES})", b'"%%"', "null"),
        (f"decode(bad, {NAMES})", IN_JSON, "null"),
        (f"decode(decode(p, 'base64'), {NAMES})", b'{"p": "/+8="}', "U"),  # base64 only once
        # no String
        (f"decode(i, {NAMES})", IN_JSON, "U"), (f"decode(nul, {NAMES})", IN_JSON, "U"),
        (f"decode(nope, {NAMES})", IN_JSON, "U"),
        ("decode(p, 'proto', nope, 'readings.desc', 'readings', 'Reading')", IN_JSON, "U"),
        ("decode(p, 'proto', 'descs', i, 'readings', 'Reading')", IN_JSON, "U"),
        ("decode(p, 'proto', 'descs', 'readings.desc', nul, 'Reading')", IN_JSON, "U"),
        ("decode(p, 'proto', 'descs', 'readings.desc', 'readings', i)", IN_JSON, "U"),
        ("decode(p, nope, 'descs', 'readings.desc', 'readings', 'Reading')", IN_JSON, "U"),
    ],
)  # fmt: skip
def test_protobuf(expression: str, payload: bytes, expected: str) -> None:
    assert decoded(expression, payload) == expected


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("'descs', 'nowhere', 'readings', 'Reading'", "no descriptor file 'nowhere' in 'descs'"),
        ("'descs', 'bad', 'readings', 'Reading'", "no FileDescriptorSet"),
        ("'descs', 'readings.desc', 'reading', 'Reading'", "has no 'reading'"),
        ("'descs', 'readings.desc', 'readings', 'Writing'", "no message type 'Writing'"),
    ],
)  # fmt: skip
def test_descriptors_that_cannot_be_used_end_the_rule(arguments: str, reason: str) -> None:
    with pytest.raises(rules.EvaluationFailed, match=reason):
        decoded(f"decode(*, 'proto', {arguments})", READING)


def test_without_an_outside_there_are_no_descriptors() -> None:
    with pytest.raises(rules.EvaluationFailed, match="no protobuf descriptors registered"):
        decoded(f"decode(*, {NAMES})", READING, Outside())


def test_a_new_descriptor_file_counts_from_the_next_message() -> None:
    bucket = Bucket()
    assert decoded(f"decode(*, {NAMES})", READING, bucket) == AS_JSON
    bucket.files["descs", "readings.desc"] = reading_descriptors("probe")
    assert decoded(f"decode(*, {NAMES})", READING, bucket) == '{"probe":"s1","celsius":10}'


def test_names_may_come_from_the_message() -> None:
    payload = encode({"p": b64(READING), "type": "Reading"}, V2016)
    assert decoded("decode(p, 'proto', 'descs', 'readings.desc', 'readings', type)", payload) == (
        AS_JSON
    )


def test_decoding_constants_asks_when_the_message_comes() -> None:
    sql = f"SELECT decode('{b64(READING)}', {NAMES}) AS r FROM 't'"
    statement = rules.compile(sql, "2016-03-23")  # asks nothing
    environment = rules.Environment(now_ms=lambda: 0, outside=Bucket())
    assert statement.evaluate(rules.Message("t", b"{}"), environment) == (
        f'{{"r":{AS_JSON}}}'.encode()
    )
