"""The XML of the Query protocol: botocore reads from it what it reads from JSON."""

from __future__ import annotations

import functools
from typing import Any
from xml.etree import ElementTree

import botocore.model
import botocore.parsers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.aws_api.errors import AwsError
from gateway.aws_api.model import ServiceModel, load_model
from gateway.aws_api.query_names import QueryNames
from gateway.aws_api.query_serializer import compile_query_serializers, query_error_body
from tests.gateway.aws_api.query_models import old_sqs, values_of, whole_model
from tests.gateway.aws_api.test_query_binding import trimmed_sns

repeatable = settings(derandomize=True, max_examples=40, deadline=None)

PARSER = botocore.parsers.QueryParser()
WHOLE = {"sqs": old_sqs(), "sns": whole_model("sns", "2010-03-31")}
HAVE_TIMES = ("ListOriginationNumbers", "ListSMSSandboxPhoneNumbers")
CASES = [
    (service, name)
    for service, whole in WHOLE.items()
    for name in whole["operations"]
    if name not in HAVE_TIMES
]


@functools.cache
def serializers(service: str) -> Any:
    model = load_model("sqs") if service == "sqs" else trimmed_sns()
    return compile_query_serializers(model, QueryNames(model), model.operations)


def parsed(body: bytes, shape: Any, status: int = 200) -> dict[str, Any]:
    answer: dict[str, Any] = PARSER.parse(
        {"body": body, "headers": {}, "status_code": status}, shape
    )
    return answer


@pytest.mark.parametrize(("service", "operation"), CASES)
def test_botocore_reads_what_was_written(service: str, operation: str) -> None:
    model = botocore.model.ServiceModel(WHOLE[service]).operation_model(operation)
    serialize = serializers(service)[operation]
    if model.output_shape is None:
        answer = parsed(serialize({}, "r-1"), None)
        assert answer == {"ResponseMetadata": {"RequestId": "r-1", "HTTPHeaders": {},
                                               "HTTPStatusCode": 200}}  # fmt: skip
        return
    assert model.output_shape.serialization["resultWrapper"] == f"{operation}Result"

    @repeatable
    @given(values_of(model.output_shape, required=False))
    def same(members: dict[str, Any]) -> None:
        answer = parsed(serialize({**members, "Unknown": None}, "r-1"), model.output_shape)
        assert answer.pop("ResponseMetadata")["RequestId"] == "r-1"
        # What is empty is not there in XML, and botocore says nothing or an empty list of it.
        assert _without_empty(answer) == _without_empty(members)

    same()


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        plain = {name: _without_empty(member) for name, member in value.items()}
        return {name: member for name, member in plain.items() if member not in ([], {})}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


def test_an_answer_to_the_letter() -> None:
    body = serializers("sqs")["ReceiveMessage"](
        {
            "Messages": [
                {
                    "Body": 'a <b> & "c"\r\n',
                    "Attributes": {"SenderId": "1"},
                    "MessageAttributes": {"n": {"DataType": "Binary", "BinaryValue": b"\xff"}},
                }
            ]
        },
        "r-1",
    )
    assert body.decode() == (
        '<?xml version="1.0"?>'
        '<ReceiveMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">'
        "<ReceiveMessageResult><Message>"
        "<Body>a &lt;b&gt; &amp; &quot;c&quot;&#xD;\n</Body>"
        "<Attribute><Name>SenderId</Name><Value>1</Value></Attribute>"
        "<MessageAttribute><Name>n</Name><Value><BinaryValue>/w==</BinaryValue>"
        "<DataType>Binary</DataType></Value></MessageAttribute>"
        "</Message></ReceiveMessageResult>"
        "<ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></ReceiveMessageResponse>"
    )
    assert b"<ReceiveMessageResult/>" in serializers("sqs")["ReceiveMessage"]({}, "r")


@repeatable
@given(st.text(st.characters(), max_size=20))
def test_no_character_makes_xml_that_no_parser_takes(text: str) -> None:
    error = AwsError("Strange", text, 400)
    body = query_error_body("urn:x", f"Code{text}", error, "r-1")
    said = ElementTree.fromstring(body).findtext("{urn:x}Error/{urn:x}Message")
    assert said is not None
    assert len(said) == len(text)
    for had, has in zip(text, said, strict=True):
        assert has in (had, "\ufffd")


def test_an_error_to_the_letter() -> None:
    error = AwsError("Gone", "no <b>", 404, fault="Receiver")
    assert query_error_body("urn:x", "AWS.Gone", error, "r-1").decode() == (
        '<?xml version="1.0"?><ErrorResponse xmlns="urn:x"><Error><Type>Receiver</Type>'
        "<Code>AWS.Gone</Code><Message>no &lt;b&gt;</Message><Detail/></Error>"
        "<RequestId>r-1</RequestId></ErrorResponse>"
    )
    answer = parsed(query_error_body("urn:x", "AWS.Gone", error, "r-1"), None, 404)
    said = answer["Error"]
    assert (said["Type"], said["Code"], said["Message"]) == ("Receiver", "AWS.Gone", "no <b>")


def test_a_time_is_written_as_iso_8601_has_it() -> None:
    members = {"PhoneNumbers": [{"CreatedAt": 1700000000.5}]}
    body = serializers("sns")["ListOriginationNumbers"](members, "r-1")
    assert b"<CreatedAt>2023-11-14T22:13:20.500Z</CreatedAt>" in body


def test_a_type_that_is_not_known_is_refused_at_start() -> None:
    shapes: Any = {
        "Out": {"type": "structure", "members": {"at": {"shape": "Far"}}},
        "Far": {"type": "double"},
    }
    model = ServiceModel({"xmlNamespace": "urn:x"}, {"Op": {"output": "Out"}}, shapes)
    with pytest.raises(ValueError, match="Far is of type double"):
        compile_query_serializers(model, QueryNames(model), model.operations)
