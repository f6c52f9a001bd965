"""SQS's operations on how a queue is configured: attributes, tags, permissions.

Owns where their members are; what may be set is the engine's business.

Source: the Amazon SQS API reference.
"""

from __future__ import annotations

from typing import cast, final

from gateway.aws_api.service import Call, Handler
from gateway.aws_api.sqs_terms import Members, queue_of
from gateway.services.sqs import SqsService

__all__ = ["configuration_operations"]


def configuration_operations(service: SqsService) -> dict[str, Handler]:
    """Return the handlers of the operations that configure a queue, by name."""
    operations = _Operations(service)
    return {
        "AddPermission": operations.add_permission,
        "ListQueueTags": operations.list_queue_tags,
        "RemovePermission": operations.remove_permission,
        "SetQueueAttributes": operations.set_queue_attributes,
        "TagQueue": operations.tag_queue,
        "UntagQueue": operations.untag_queue,
    }


@final
class _Operations:
    """The handlers. Parameters are checked against the model already."""

    def __init__(self, service: SqsService) -> None:
        self._service = service

    async def set_queue_attributes(self, parameters: Members, call: Call) -> Members:
        attributes = cast("dict[str, str]", parameters["Attributes"])
        await self._service.set_attributes(queue_of(self._service, parameters), attributes)
        return {}

    async def add_permission(self, parameters: Members, call: Call) -> Members:
        await self._service.configuration.add_permission(
            queue_of(self._service, parameters),
            cast(str, parameters["Label"]),
            cast("list[str]", parameters["AWSAccountIds"]),
            cast("list[str]", parameters["Actions"]),
        )
        return {}

    async def remove_permission(self, parameters: Members, call: Call) -> Members:
        queue = queue_of(self._service, parameters)
        await self._service.configuration.remove_permission(queue, cast(str, parameters["Label"]))
        return {}

    async def tag_queue(self, parameters: Members, call: Call) -> Members:
        queue = queue_of(self._service, parameters)
        await self._service.configuration.tag(queue, cast("dict[str, str]", parameters["Tags"]))
        return {}

    async def untag_queue(self, parameters: Members, call: Call) -> Members:
        queue = queue_of(self._service, parameters)
        await self._service.configuration.untag(queue, cast("list[str]", parameters["TagKeys"]))
        return {}

    async def list_queue_tags(self, parameters: Members, call: Call) -> Members:
        tags = queue_of(self._service, parameters).record.tags
        return {"Tags": dict(tags) or None}
