"""SQS as the front serves it: its model, the operations that are there, its way with errors.

Owns the table of operations. The engine in `gateway.services.sqs` knows no wire; what it refuses
becomes AWS's error here.

Source: the Amazon SQS API reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.aws_api.errors import SQS_QUERY_ERRORS
from gateway.aws_api.model import load_model
from gateway.aws_api.service import Call, Handler, Service
from gateway.aws_api.sqs_configuration import configuration_operations
from gateway.aws_api.sqs_demands import sqs_demands
from gateway.aws_api.sqs_moving import moving_operations
from gateway.aws_api.sqs_queues import queue_operations
from gateway.aws_api.sqs_receiving import receiving_operations
from gateway.aws_api.sqs_sending import sending_operations
from gateway.aws_api.sqs_terms import Members, aws_error
from gateway.aws_api.violations import SqsViolations
from gateway.services.sqs import SqsError, SqsService

__all__ = ["sqs_operations", "sqs_service"]


def sqs_service(service: SqsService, user_id: Callable[[str], str] = str) -> Service:
    """Return SQS as the front serves it: its model, its operations, its way with errors.

    Args:
        service: The engine.
        user_id: Gives the user id that belongs to an access key; by default that itself.
    """
    return Service(
        "sqs",
        load_model("sqs"),
        sqs_operations(service, user_id),
        violations=SqsViolations(),
        namespace="com.amazonaws.sqs",
        query_errors=SQS_QUERY_ERRORS,
        path_member="QueueUrl",
        demands=sqs_demands(service.arn),
    )


def sqs_operations(service: SqsService, user_id: Callable[[str], str] = str) -> dict[str, Handler]:
    """Return the handlers of the operations that are served, by name."""
    table = {
        **queue_operations(service),
        **configuration_operations(service),
        **sending_operations(service, user_id),
        **receiving_operations(service),
        **moving_operations(service),
    }
    return {name: _in_aws_terms(handler) for name, handler in table.items()}


def _in_aws_terms(handler: Handler) -> Handler:
    async def answer(parameters: Members, call: Call) -> Mapping[str, object]:
        try:
            return await handler(parameters, call)
        except SqsError as error:
            raise aws_error(error) from error

    return answer
