"""A queue's record: what it keeps, and that those of earlier releases are read."""

from __future__ import annotations

import dataclasses
import json

import pytest

from gateway.errors import RegistryError
from gateway.services.sqs import QueueAttributes
from gateway.services.sqs.record import QueueRecord
from gateway.services.sqs.redrive_policy import RedrivePolicy

UID = bytes(range(16))
ARN = "arn:aws:sqs:us-east-1:000000000000:dead.fifo"
FULL = QueueRecord(
    "q.fifo",
    7,
    UID,
    QueueAttributes(
        visibility_timeout_s=1,
        message_retention_s=60,
        delay_s=2,
        receive_wait_time_s=3,
        max_message_bytes=1024,
        fifo=True,
        content_based_deduplication=True,
        deduplication_scope="messageGroup",
        fifo_throughput_limit="perMessageGroupId",
        redrive=RedrivePolicy(ARN, 5),
        redrive_allow_policy='{"redrivePermission":"denyAll"}',
        policy='{"Statement":[]}',
        kms_master_key_id="alias/aws/sqs",
        kms_data_key_reuse_s=60,
        managed_sse=True,
    ),
    1000,
    2000,
    {"team": "pumps"},
)


def test_a_record_is_what_was_written() -> None:
    for field in dataclasses.fields(QueueAttributes):
        default = getattr(QueueAttributes(), field.name)
        assert getattr(FULL.attributes, field.name) != default, f"{field.name} is not tried"
    document = json.loads(json.dumps(FULL.document()))
    assert QueueRecord.read("q.fifo", document) == FULL
    plain = QueueRecord("q", 1, UID, QueueAttributes(), 0, 0)
    assert QueueRecord.read("q", json.loads(json.dumps(plain.document()))) == plain


def test_a_record_of_an_earlier_release_has_the_defaults() -> None:
    document = {
        "number": 7,
        "uid": UID.hex(),
        "attributes": {
            "visibility_timeout_s": 5,
            "message_retention_s": 345_600,
            "delay_s": 0,
            "receive_wait_time_s": 0,
            "max_message_bytes": 1_048_576,
        },
        "created_wall_ms": 1,
        "modified_wall_ms": 2,
    }
    record = QueueRecord.read("q", document)
    assert record.attributes == QueueAttributes(visibility_timeout_s=5)
    assert record.tags == {}


@pytest.mark.parametrize(
    "attributes",
    [
        {"fifo": 1},
        {"fifo": "true"},
        {"delay_s": True},
        {"policy": 5},
        {"redrive": "dead"},
        {"redrive": {"dead_letter_target_arn": ARN}},
        {"redrive": {"dead_letter_target_arn": ARN, "max_receive_count": "5"}},
        {"colour": "red"},
        {"fifo": False},  # and the name says that it is one
    ],
)
def test_damaged_attributes_are_reported(attributes: dict[str, object]) -> None:
    document = FULL.document()
    document["attributes"] = {**FULL.document()["attributes"], **attributes}  # type: ignore[dict-item]
    with pytest.raises(RegistryError, match=r"record of the queue 'q\.fifo' is damaged"):
        QueueRecord.read("q.fifo", document)


@pytest.mark.parametrize("tags", [None, [], {"team": 1}])
def test_damaged_tags_are_reported(tags: object) -> None:
    with pytest.raises(RegistryError, match="is damaged"):
        QueueRecord.read("q.fifo", {**FULL.document(), "tags": tags})  # type: ignore[dict-item]
