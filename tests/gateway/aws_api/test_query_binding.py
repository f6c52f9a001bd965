"""Query requests as documents: what botocore writes as a form means what it writes as JSON."""

from __future__ import annotations

import functools
from typing import Any
from urllib.parse import urlencode

import botocore.model
import botocore.serialize
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.aws_api.checker import CheckDocument, body_checkers, compile_document_checkers
from gateway.aws_api.errors import AwsError
from gateway.aws_api.model import ServiceModel, load_model
from gateway.aws_api.query_binding import compile_query_readers
from gateway.aws_api.query_forms import parse_form
from gateway.aws_api.query_names import QueryNames
from gateway.aws_api.violations import CommonViolations, SqsViolations
from tests.gateway.aws_api.query_models import old_sqs, values_of, whole_model
from tests.gateway.aws_api.test_model import TOOL

repeatable = settings(derandomize=True, max_examples=40, deadline=None)


class Spoken:
    """One service in both protocols: botocore's side, and the gateway's."""

    def __init__(self, whole: dict[str, Any], model: ServiceModel, violations: Any) -> None:
        self.botocore = botocore.model.ServiceModel(whole)
        self.checks = compile_document_checkers(model, violations, model.operations)
        self.bodies = body_checkers(self.checks)
        self.readers = compile_query_readers(model, QueryNames(model), model.operations)
        self.query = botocore.serialize.create_serializer("query", include_validation=False)
        self.json = botocore.serialize.create_serializer("json", include_validation=False)

    def form(self, operation: str, parameters: dict[str, Any]) -> str:
        request = self.query.serialize_to_request(
            parameters, self.botocore.operation_model(operation)
        )
        return urlencode(request["body"])


def trimmed_sns() -> ServiceModel:
    trimmed = TOOL.trim(whole_model("sns", "2010-03-31"))
    return ServiceModel(trimmed["metadata"], trimmed["operations"], trimmed["shapes"])


@functools.cache
def sqs() -> Spoken:
    return Spoken(old_sqs(), load_model("sqs"), SqsViolations())


@functools.cache
def sns() -> Spoken:
    return Spoken(whole_model("sns", "2010-03-31"), trimmed_sns(), CommonViolations())


def outcome(check: Any, document: object) -> object:
    try:
        return check(document)
    except AwsError as error:
        return error.code


def read(check: CheckDocument, spoken: Spoken, operation: str, form: str) -> object:
    return outcome(check, spoken.readers[operation](parse_form(form)))


CASES = [("sqs", name) for name in old_sqs()["operations"]] + [
    ("sns", name) for name in whole_model("sns", "2010-03-31")["operations"]
]


@pytest.mark.parametrize(("service", "operation"), CASES)
def test_a_form_says_what_json_says(service: str, operation: str) -> None:
    spoken = sqs() if service == "sqs" else sns()
    shape = spoken.botocore.operation_model(operation).input_shape
    if shape is None:
        assert spoken.readers[operation](parse_form("Action=X")) == {}
        return

    @repeatable
    @given(values_of(shape))
    def same(parameters: dict[str, Any]) -> None:
        as_json = spoken.json.serialize_to_request(
            parameters, _in_json(spoken.botocore.operation_model(operation))
        )
        expected = outcome(spoken.bodies[operation], as_json["body"])
        form = spoken.form(operation, parameters)
        assert read(spoken.checks[operation], spoken, operation, form) == expected

    same()


def _in_json(operation: botocore.model.OperationModel) -> botocore.model.OperationModel:
    """Return the operation without the names it has in Query, which JSON does not use."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if not _is_wire_name(k, v)}
        return [plain(item) for item in value] if isinstance(value, list) else value

    whole = plain(operation.service_model._service_description)
    whole["metadata"] |= {"jsonVersion": "1.0", "targetPrefix": "X", "protocol": "json"}
    return botocore.model.ServiceModel(whole).operation_model(operation.name)


def _is_wire_name(key: str, value: object) -> bool:
    return key == "locationName" and isinstance(value, str)


def sqs_document(operation: str, form: str) -> object:
    return sqs().readers[operation](parse_form(form))


def test_items_stand_in_the_order_of_their_numbers_and_gaps_are_closed() -> None:
    form = "AttributeName.10=c&AttributeName.2=b&AttributeName.1=a&AttributeName.99999999=d"
    assert sqs_document("GetQueueAttributes", form) == {"AttributeNames": ["a", "b", "c", "d"]}


def test_what_old_clients_write_beside_the_rule() -> None:
    assert sqs_document("GetQueueAttributes", "AttributeName=All") == {"AttributeNames": ["All"]}
    assert sqs_document("SetQueueAttributes", "Attribute.Name=DelaySeconds&Attribute.Value=5") == {
        "Attributes": {"DelaySeconds": "5"}
    }
    assert sqs_document("SendMessageBatch", "SendMessageBatchRequestEntry.Id=a") == {
        "Entries": [{"Id": "a"}]
    }


def test_a_required_list_that_is_not_there_is_empty() -> None:
    assert sqs_document("DeleteMessageBatch", "QueueUrl=u") == {"QueueUrl": "u", "Entries": []}
    assert sqs_document("GetQueueAttributes", "QueueUrl=u") == {"QueueUrl": "u"}


def test_unknown_fields_are_passed_over() -> None:
    form = "Action=DeleteQueue&Version=2012-11-05&QueueUrl=u&Nonsense.1.x=1&AWSAccessKeyId=k"
    assert sqs_document("DeleteQueue", form) == {"QueueUrl": "u"}


@pytest.mark.parametrize(
    ("operation", "form"),
    [
        ("SendMessage", "QueueUrl=u&MessageBody=x&DelaySeconds=soon"),
        ("SendMessage", "QueueUrl=u&MessageBody=x&DelaySeconds="),
        ("SendMessage", "QueueUrl=u&MessageBody=x&DelaySeconds=1.5"),
        ("SendMessage", "QueueUrl=u&MessageBody=x&DelaySeconds=99999999999999999999"),
        ("SendMessage", "QueueUrl=u&MessageBody=x&DelaySeconds=2147483648"),
        ("SendMessage", "QueueUrl=u&MessageBody=x&DelaySeconds=٣"),
        ("SendMessage", "QueueUrl=u&MessageBody.1=x"),
        ("SendMessage", "QueueUrl=u&MessageBody=x&MessageAttribute=a"),
        ("SendMessage", "QueueUrl=u&MessageBody=x&MessageAttribute.1=a"),
        ("SendMessage", "QueueUrl=u&MessageBody=x&MessageAttribute.1.Name=a&"
         "MessageAttribute.1.Value=v"),
        ("SendMessage", "QueueUrl=u&MessageBody=x&MessageAttribute.1.Value.DataType=String"),
        ("SendMessage", "QueueUrl=u&MessageBody=x&MessageAttribute.1.Name=a&"
         "MessageAttribute.1.Value.DataType=Binary&MessageAttribute.1.Value.BinaryValue=***"),
        ("GetQueueAttributes", "QueueUrl=u&AttributeName.member.1=All"),
        ("GetQueueAttributes", "QueueUrl=u&AttributeName.0=All"),
        ("GetQueueAttributes", "QueueUrl=u&AttributeName.01=All"),
        ("TagQueue", "QueueUrl=u&Tag.1.Key=a&Tag.1.Value=1&Tag.2.Key=a&Tag.2.Value=2"),
        ("SendMessageBatch", "QueueUrl=u&SendMessageBatchRequestEntry=x"),
    ],
)  # fmt: skip
def test_what_has_another_form_than_its_shape_is_malformed(operation: str, form: str) -> None:
    with pytest.raises(AwsError) as caught:
        sqs().checks[operation](sqs_document(operation, form))
    assert (caught.value.query_code, caught.value.status) == ("MalformedInput", 400)


def test_lists_and_maps_that_are_not_flattened() -> None:
    form = (
        "TopicArn=t&PublishBatchRequestEntries.member.1.Id=a"
        "&PublishBatchRequestEntries.member.1.Message=m"
        "&PublishBatchRequestEntries.member.1.MessageAttributes.entry.1.Name=n"
        "&PublishBatchRequestEntries.member.1.MessageAttributes.entry.1.Value.DataType=String"
    )
    assert sns().readers["PublishBatch"](parse_form(form)) == {
        "TopicArn": "t",
        "PublishBatchRequestEntries": [
            {"Id": "a", "Message": "m", "MessageAttributes": {"n": {"DataType": "String"}}}
        ],
    }


NAMES = ["QueueUrl", "MessageAttribute", "Attribute", "Tag", "1", "2", "Name", "Value", "Key", "Id",
         "DataType", "StringListValue", "member", "entry", "", "SendMessageBatchRequestEntry",
         "0", "AttributeName"]  # fmt: skip
NONSENSE = st.lists(
    st.tuples(st.lists(st.sampled_from(NAMES), min_size=1, max_size=8), st.text(max_size=3)),
    max_size=12,
)


@settings(derandomize=True, max_examples=500, deadline=None)
@given(st.sampled_from(sorted(old_sqs()["operations"])), NONSENSE)
def test_nonsense_is_read_or_refused_and_nothing_else(
    operation: str, pairs: list[tuple[list[str], str]]
) -> None:
    form = urlencode([(".".join(parts), value) for parts, value in pairs])
    try:
        document = sqs_document(operation, form)
    except AwsError:
        return
    outcome(sqs().checks[operation], document)
