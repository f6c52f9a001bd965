"""The checker: compared with botocore's own validator, and case by case."""

from __future__ import annotations

import base64
from typing import Any

import botocore.loaders
import botocore.model
import botocore.validate
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.aws_api.checker import Check, body_checkers, compile_document_checkers
from gateway.aws_api.errors import AwsError
from gateway.aws_api.model import Metadata, Operation, ServiceModel, Shape, load_model
from gateway.aws_api.violations import CommonViolations, SqsViolations, Violations

repeatable = settings(derandomize=True, max_examples=60, deadline=None)


def compile_checkers(model: ServiceModel, violations: Violations) -> dict[str, Check]:
    return body_checkers(compile_document_checkers(model, violations, model.operations))


def a_model(shapes: dict[str, Any], operations: dict[str, Any]) -> ServiceModel:
    return ServiceModel(Metadata(), operations, shapes)


def from_botocore(service: str, version: str) -> tuple[ServiceModel, botocore.model.ServiceModel]:
    loader = botocore.loaders.Loader(include_default_search_paths=True)
    whole = loader.load_service_model(service, "service-2", version)
    operations = {
        name: Operation(input=operation["input"]["shape"])
        for name, operation in whole["operations"].items()
        if "input" in operation
    }
    return a_model(whole["shapes"], operations), botocore.model.ServiceModel(whole)


SQS = from_botocore("sqs", "2012-11-05")
KINESIS = from_botocore("kinesis", "2013-12-02")


# Values of a shape: mostly right, sometimes of another type, out of bounds or incomplete.


def values_of(shape: botocore.model.Shape) -> st.SearchStrategy[object]:
    # No null: botocore takes none, AWS takes it for absent. No float: 5.0 is a way to write 5.
    wrong = st.one_of(st.booleans(), st.integers(-5, 5), st.text(max_size=3), st.just([]))
    return st.one_of(right_of(shape), right_of(shape), right_of(shape), right_of(shape), wrong)


def right_of(shape: botocore.model.Shape) -> st.SearchStrategy[object]:
    if shape.type_name == "structure":
        members = {name: values_of(member) for name, member in shape.members.items()}
        required = {name: members[name] for name in shape.required_members}
        optional = {name: one for name, one in members.items() if name not in required}
        whole = st.fixed_dictionaries(required, optional=optional)
        partial = st.fixed_dictionaries({}, optional=members)
        return st.one_of(whole, whole, whole, partial)
    if shape.type_name == "list":
        return st.lists(values_of(shape.member), max_size=2)
    if shape.type_name == "map":
        return st.dictionaries(right_of(shape.key), values_of(shape.value), max_size=2)
    if shape.type_name == "string":
        return st.sampled_from(shape.enum) if shape.enum else st.text("ab.:/*", max_size=4)
    if shape.type_name == "boolean":
        return st.booleans()
    if shape.type_name == "blob":
        return st.binary(max_size=4)
    if shape.type_name == "timestamp":
        return st.integers(0, 2_000_000_000)
    return st.integers(-(2**33), 2**33) if shape.type_name == "long" else st.integers(-9, 99_999)


def as_json(shape: botocore.model.Shape, value: object) -> object:
    """Return a value as botocore's serializer would: blobs in base64, and the rest as it is."""
    if shape.type_name == "blob" and isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if shape.type_name == "structure" and isinstance(value, dict):
        return {name: as_json(shape.members[name], member) for name, member in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [as_json(shape.member, item) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {name: as_json(shape.value, item) for name, item in value.items()}
    return value


def blobs_and_times_are_right(shape: botocore.model.Shape, value: object) -> bool:
    # On the wire a blob is text and a time a number; botocore takes a str or a date for them too.
    if shape.type_name == "blob":
        return isinstance(value, bytes)
    if shape.type_name == "timestamp":
        return type(value) is int
    if shape.type_name == "structure" and isinstance(value, dict):
        return all(
            blobs_and_times_are_right(shape.members[name], one) for name, one in value.items()
        )
    if shape.type_name == "list" and isinstance(value, list):
        return all(blobs_and_times_are_right(shape.member, item) for item in value)
    if shape.type_name == "map" and isinstance(value, dict):
        return all(blobs_and_times_are_right(shape.value, item) for item in value.values())
    return True


BEYOND_BOTOCORE = (
    "less than or equal",
    "regular expression",
    "enum value set",
    "Must be one of",
    "Unknown Attribute",
    "out of range",
    "TRUE_VALUE can not be converted to a",  # to Python a bool is an int
    "FALSE_VALUE can not be converted to a",
    "Value '{}' at",  # the least size of a map
)
"""What botocore leaves to the service: it checks no maximum, pattern or enum."""


def beyond_botocore(error: AwsError) -> bool:
    return any(said in error.message for said in BEYOND_BOTOCORE)


CASES = [
    *(("sqs", name) for name in SQS[0].operations),
    *(("kinesis", name) for name in KINESIS[0].operations),
]
CHECKERS = {
    "sqs": compile_checkers(SQS[0], SqsViolations()),
    "kinesis": compile_checkers(KINESIS[0], CommonViolations()),
}


@pytest.mark.parametrize(("service", "operation"), CASES)
def test_it_agrees_with_botocores_validator(service: str, operation: str) -> None:
    theirs = (SQS if service == "sqs" else KINESIS)[1].operation_model(operation).input_shape
    check = CHECKERS[service][operation]
    judge = botocore.validate.ParamValidator()

    @settings(derandomize=True, max_examples=25, deadline=None, database=None)
    @given(right_of(theirs))
    def agree(value: object) -> None:
        if not blobs_and_times_are_right(theirs, value):
            return
        report = judge.validate(value, theirs)
        body = orjson.dumps(as_json(theirs, value))
        try:
            checked = check(body)
        except AwsError as error:
            assert report.has_errors() or beyond_botocore(error), (error, value)
        else:
            assert not report.has_errors(), report.generate_report()
            assert checked == value

    agree()


def sqs(operation: str, body: object) -> dict[str, object]:
    return CHECKERS["sqs"][operation](orjson.dumps(body))


def error_of(operation: str, body: object, service: str = "sqs") -> AwsError:
    with pytest.raises(AwsError) as caught:
        CHECKERS[service][operation](orjson.dumps(body))
    return caught.value


def test_unknown_members_and_nulls_are_as_if_absent() -> None:
    body = {"QueueUrl": "u", "MessageBody": "b", "DelaySeconds": None, "New": {"a": [1]}}
    assert sqs("SendMessage", body) == {"QueueUrl": "u", "MessageBody": "b"}
    assert "MessageBody" in error_of("SendMessage", {"QueueUrl": "u", "MessageBody": None}).message


def test_a_whole_number_may_be_written_with_a_point() -> None:
    body = {"QueueUrl": "u", "MessageBody": "b", "DelaySeconds": 5.0}
    assert type(sqs("SendMessage", body)["DelaySeconds"]) is int


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("5", "STRING_VALUE can not be converted to an Integer"),
        (True, "TRUE_VALUE can not be converted to an Integer"),
        (5.5, "DECIMAL_VALUE can not be converted to an Integer"),
        ([5], "Start of list found where not expected"),
        ({}, "Start of structure or map found where not expected."),
        (2**31, "Numeric value out of range of Integer"),
        (-(2**31) - 1, "Numeric value out of range of Integer"),
        (10**30, "Numeric value out of range of Integer"),
    ],
)
def test_a_value_that_is_no_integer_is_a_serialization_exception(value: object, said: str) -> None:
    if value == 10**30:
        with pytest.raises(AwsError) as caught:
            CHECKERS["sqs"]["SendMessage"](
                b'{"QueueUrl":"u","MessageBody":"b","DelaySeconds":1' + b"0" * 30 + b"}"
            )
        error = caught.value
    else:
        error = error_of(
            "SendMessage", {"QueueUrl": "u", "MessageBody": "b", "DelaySeconds": value}
        )
    assert error.code == "SerializationException"
    assert error.message == f"{said} (DelaySeconds)"


def test_the_path_leads_to_the_member() -> None:
    entries = [
        {"Id": "1", "MessageBody": "b"},
        {"Id": "2", "MessageBody": "b", "MessageAttributes": {"a": {"DataType": 1}}},
    ]
    error = error_of("SendMessageBatch", {"QueueUrl": "u", "Entries": entries})
    assert error.message.endswith("(Entries.2.MessageAttributes.a.DataType)")
    error = error_of("SendMessageBatch", {"QueueUrl": "u", "Entries": [{"Id": "1"}]})
    assert error.message == "The request must contain the parameter Entries.1.MessageBody."


@pytest.mark.parametrize("text", ["*", "YQ", "YQ===", "YQ==YQ==", "ü", "Y Q=", "Y\nQ=="])
def test_a_blob_that_is_not_base64_is_refused(text: str) -> None:
    attribute = {"DataType": "Binary", "BinaryValue": text}
    body = {"QueueUrl": "u", "MessageBody": "b", "MessageAttributes": {"a": attribute}}
    assert error_of("SendMessage", body).code == "SerializationException"


def test_an_unknown_attribute_is_sqss_own_error() -> None:
    error = error_of("GetQueueAttributes", {"QueueUrl": "u", "AttributeNames": ["Nonsense"]})
    assert (error.code, error.message) == ("InvalidAttributeName", "Unknown Attribute Nonsense.")
    error = error_of("CreateQueue", {"QueueName": "q", "Attributes": {"Nonsense": "1"}})
    assert error.code == "InvalidAttributeName"
    attributes = {"Nonsense": {"DataType": "String", "StringValue": "x"}}
    body = {"QueueUrl": "u", "MessageBody": "b", "MessageSystemAttributes": attributes}
    assert error_of("SendMessage", body).code == "InvalidParameterValueException"


def test_receive_takes_the_names_of_message_attributes_under_the_old_member() -> None:
    names = ["ApproximateReceiveCount", "SentTimestamp", "All"]
    assert sqs("ReceiveMessage", {"QueueUrl": "u", "AttributeNames": names})
    body = {"QueueUrl": "u", "MessageSystemAttributeNames": ["Nonsense"]}
    assert error_of("ReceiveMessage", body).code == "InvalidAttributeName"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "Value null at 'StreamName' failed to satisfy constraint: Member must not be null"),
        ({"StreamName": ""}, "Value '' at 'StreamName' failed to satisfy constraint: Member must "
            "have length greater than or equal to 1"),
        ({"StreamName": "x" * 129}, "have length less than or equal to 128"),
        ({"StreamName": "a b"}, "satisfy regular expression pattern: [a-zA-Z0-9_.-]+"),
        ({"StreamName": "a\n"}, "satisfy regular expression pattern"),
        ({"StreamName": "a", "ShardCount": 0}, "have value greater than or equal to 1"),
        ({"StreamName": "a", "StreamModeDetails": {"StreamMode": "X"}},
            "at 'StreamModeDetails.StreamMode' failed to satisfy constraint: Member must satisfy "
            "enum value set: [PROVISIONED, ON_DEMAND]"),
    ],
)  # fmt: skip
def test_most_services_answer_a_validation_exception(body: object, said: str) -> None:
    error = error_of("CreateStream", body, "kinesis")
    assert (error.code, error.namespace) == ("ValidationException", "com.amazon.coral.validate")
    assert error.message.startswith("1 validation error detected: Value ")
    assert said in error.message


def test_an_error_repeats_a_bounded_part_of_a_value() -> None:
    assert len(error_of("CreateStream", {"StreamName": "x" * 100_000}, "kinesis").message) < 500


def one_string(**constraints: object) -> dict[str, Any]:
    return {
        "In": {"type": "structure", "members": {"S": {"shape": "S"}}},
        "S": {"type": "string", **constraints},
    }


def test_a_pattern_matches_the_whole_text_and_ascii_only() -> None:
    model = a_model(one_string(pattern=r"\d+|\w"), {"Op": Operation(input="In")})
    check = compile_checkers(model, CommonViolations())["Op"]
    assert check(b'{"S":"12"}') == {"S": "12"}
    for text in ("12x", "٣", "1\n", ""):
        with pytest.raises(AwsError):
            check(orjson.dumps({"S": text}))


def test_what_cannot_be_compiled_is_refused_at_start() -> None:
    operations: dict[str, Any] = {"Op": Operation(input="In")}
    with pytest.raises(ValueError, match=r"pattern .* of the shape S"):
        compile_checkers(a_model(one_string(pattern="("), operations), CommonViolations())
    members = {"In": {"shape": "In"}}
    recursive: dict[str, Any] = {"In": Shape(type="structure", members=members)}
    with pytest.raises(ValueError, match="In contains itself"):
        compile_checkers(a_model(recursive, operations), CommonViolations())
    strange: dict[str, Any] = {"In": Shape(type="stream")}
    with pytest.raises(ValueError, match="type stream"):
        compile_checkers(a_model(strange, operations), CommonViolations())


def test_an_operation_without_input_takes_any_object() -> None:
    check = compile_checkers(a_model({}, {"Op": Operation()}), CommonViolations())["Op"]
    assert check(b'{"a":1}') == {}
    with pytest.raises(AwsError):
        check(b"[]")


@repeatable
@given(body=st.binary(max_size=60))
def test_bytes_that_are_no_json_give_an_aws_error_and_nothing_else(body: bytes) -> None:
    with pytest.raises(AwsError):
        CHECKERS["sqs"]["SendMessage"](body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
MEMBERS = list(load_model("sqs").shapes["SendMessageRequest"]["members"])


@repeatable
@given(body=st.dictionaries(st.sampled_from(MEMBERS), json_values))
def test_any_json_gives_parameters_or_an_aws_error(body: dict[str, object]) -> None:
    import json

    try:
        checked = CHECKERS["sqs"]["SendMessage"](json.dumps(body).encode())
    except AwsError as error:
        assert error.message
    else:
        assert {"QueueUrl", "MessageBody"} <= checked.keys()
