"""The serializer: what it writes, botocore's parser reads."""

from __future__ import annotations

import base64
from typing import Any

import botocore.loaders
import botocore.model
import botocore.parsers
import orjson
import pytest

from gateway.aws_api.model import Metadata, Operation, ServiceModel, load_model
from gateway.aws_api.serializer import compile_serializers, error_body

SQS = compile_serializers(load_model("sqs"))


def read(operation: str, body: bytes) -> dict[str, Any]:
    loader = botocore.loaders.Loader(include_default_search_paths=True)
    model = botocore.model.ServiceModel(loader.load_service_model("sqs", "service-2"))
    shape = model.operation_model(operation).output_shape
    response = {"body": body, "headers": {}, "status_code": 200}
    parsed: dict[str, Any] = botocore.parsers.create_parser("json").parse(response, shape)
    del parsed["ResponseMetadata"]
    return parsed


def test_botocore_reads_what_is_written() -> None:
    message = {
        "MessageId": "m",
        "Body": "\u2028 ü \U0001f331 \x01",
        "Attributes": {"SentTimestamp": "1"},
        "MessageAttributes": {
            "raw": {"DataType": "Binary", "BinaryValue": bytes(range(256))},
            "text": {"DataType": "String", "StringValue": "x"},
        },
    }
    body = SQS["ReceiveMessage"]({"Messages": [message, {"MessageId": "n"}]})
    assert read("ReceiveMessage", body) == {"Messages": [message, {"MessageId": "n"}]}


def test_what_it_converts_is_left_as_it_was() -> None:
    value = {"DataType": "Binary", "BinaryValue": b"x"}
    messages = {"Messages": [{"MessageAttributes": {"raw": value}}]}
    SQS["ReceiveMessage"](messages)
    assert value["BinaryValue"] == b"x"


def test_members_that_are_none_are_left_out() -> None:
    assert SQS["ListQueues"]({"QueueUrls": ["u"], "NextToken": None}) == b'{"QueueUrls":["u"]}'


def test_an_operation_without_output_answers_nothing() -> None:
    assert SQS["DeleteMessage"]({}) == b""


def a_service(member: dict[str, Any], shape: dict[str, Any]) -> ServiceModel:
    shapes: dict[str, Any] = {
        "Out": {"type": "structure", "members": {"V": member}},
        member["shape"]: shape,
    }
    return ServiceModel(Metadata(), {"Op": Operation(output="Out")}, shapes)


def test_a_timestamp_is_in_seconds_with_milliseconds() -> None:
    write = compile_serializers(a_service({"shape": "T"}, {"type": "timestamp"}))["Op"]
    assert write({"V": 1_700_000_000.123456}) == b'{"V":1700000000.123}'
    assert write({"V": None}) == b"{}"


def test_a_time_format_that_is_not_known_is_refused_at_start() -> None:
    member = {"shape": "T", "timestampFormat": "rfc822"}
    with pytest.raises(ValueError, match="rfc822"):
        compile_serializers(a_service(member, {"type": "timestamp"}))


def test_a_list_and_a_map_of_blobs_are_converted() -> None:
    shapes: dict[str, Any] = {
        "Out": {"type": "structure", "members": {"L": {"shape": "L"}, "M": {"shape": "M"}}},
        "L": {"type": "list", "member": {"shape": "B"}},
        "M": {"type": "map", "key": {"shape": "S"}, "value": {"shape": "B"}},
        "B": {"type": "blob"},
        "S": {"type": "string"},
    }
    model = ServiceModel(Metadata(), {"Op": Operation(output="Out")}, shapes)
    written = orjson.loads(compile_serializers(model)["Op"]({"L": [b"a"], "M": {"k": b"b"}}))
    assert base64.b64decode(written["L"][0]) == b"a"
    assert base64.b64decode(written["M"]["k"]) == b"b"


def test_an_error_may_repeat_what_is_no_unicode() -> None:
    body = orjson.loads(error_body("com.example", "Bad", "not \udcff utf-8"))
    assert body == {"__type": "com.example#Bad", "message": "not ? utf-8"}
