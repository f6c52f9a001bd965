"""The types of the status document: they say what the gateway's parts really report."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from gateway.control import status
from gateway.control.rule_documents import ActionLine
from gateway.engine.actions.cloudwatch import MetricStatus
from gateway.engine.outbox import LaneStatus
from gateway.engine.tally import ActionStatus, RuleStatus
from gateway.services.dynamodb import TableStatus
from gateway.services.functions import FunctionStatus
from gateway.services.s3 import BucketStatus
from gateway.services.sqs import QueueStatus


@pytest.mark.parametrize(
    ("document", "value"),
    [
        (status.RuleStatus, RuleStatus),
        (ActionLine, ActionStatus),
        (status.LaneStatus, LaneStatus),
        (status.FunctionStatus, FunctionStatus),
        (status.BucketStatus, BucketStatus),
        (status.TableStatus, TableStatus),
        (status.MetricStatus, MetricStatus),
        (status.QueueStatus, QueueStatus),
    ],
)
def test_a_document_has_the_keys_of_what_is_reported(document: Any, value: Any) -> None:
    assert list(document.__annotations__) == [field.name for field in dataclasses.fields(value)]
