"""SQS's operations on whole queues: making, finding, listing, emptying and deleting them.

Owns what GetQueueAttributes tells. What changes a queue that is there is `sqs_configuration`'s.

Source: the Amazon SQS API reference.
"""

from __future__ import annotations

from typing import cast, final

from gateway.aws_api.service import Call, Handler
from gateway.aws_api.sqs_terms import Members, page_of, queue_of, url_of
from gateway.services.sqs import SqsService
from gateway.services.sqs.errors import QueueDoesNotExist

__all__ = ["queue_operations"]


def queue_operations(service: SqsService) -> dict[str, Handler]:
    """Return the handlers of the operations on whole queues, by name."""
    operations = _Operations(service)
    return {
        "CreateQueue": operations.create_queue,
        "DeleteQueue": operations.delete_queue,
        "GetQueueAttributes": operations.get_queue_attributes,
        "GetQueueUrl": operations.get_queue_url,
        "ListDeadLetterSourceQueues": operations.list_dead_letter_source_queues,
        "ListQueues": operations.list_queues,
        "PurgeQueue": operations.purge_queue,
    }


@final
class _Operations:
    """The handlers. Parameters are checked against the model already."""

    def __init__(self, service: SqsService) -> None:
        self._service = service

    async def create_queue(self, parameters: Members, call: Call) -> Members:
        attributes = cast("dict[str, str]", parameters.get("Attributes", {}))
        tags = cast("dict[str, str]", parameters.get("tags", {}))
        name = cast(str, parameters["QueueName"])
        queue = await self._service.create(name, attributes, tags)
        return {"QueueUrl": url_of(queue.record.name, self._service, call)}

    async def get_queue_url(self, parameters: Members, call: Call) -> Members:
        queue = self._service.queue(cast(str, parameters["QueueName"]))
        if queue is None:
            raise QueueDoesNotExist
        return {"QueueUrl": url_of(queue.record.name, self._service, call)}

    async def list_queues(self, parameters: Members, call: Call) -> Members:
        names = self._service.names(cast(str, parameters.get("QueueNamePrefix", "")))
        page, token = page_of(parameters, names)
        urls = [url_of(name, self._service, call) for name in page]
        return {"QueueUrls": urls or None, "NextToken": token}

    async def list_dead_letter_source_queues(self, parameters: Members, call: Call) -> Members:
        queue = queue_of(self._service, parameters)
        page, token = page_of(parameters, self._service.dead_letter_sources(queue))
        urls = [url_of(name, self._service, call) for name in page]
        return {"queueUrls": urls, "NextToken": token}

    async def delete_queue(self, parameters: Members, call: Call) -> Members:
        await self._service.delete(queue_of(self._service, parameters))
        return {}

    async def purge_queue(self, parameters: Members, call: Call) -> Members:
        await self._service.purge(queue_of(self._service, parameters))
        return {}

    async def get_queue_attributes(self, parameters: Members, call: Call) -> Members:
        queue = queue_of(self._service, parameters)
        names = cast("list[str]", parameters.get("AttributeNames", []))
        if not names:
            return {}
        depths = queue.depths()
        record = queue.record
        texts = {
            **queue.attributes.texts(),
            "ApproximateNumberOfMessages": str(depths.visible),
            "ApproximateNumberOfMessagesNotVisible": str(depths.in_flight),
            "ApproximateNumberOfMessagesDelayed": str(depths.delayed),
            "CreatedTimestamp": str(record.created_wall_ms // 1000),
            "LastModifiedTimestamp": str(record.modified_wall_ms // 1000),
            "QueueArn": self._service.arn(record.name),
        }
        if "All" not in names:
            texts = {name: texts[name] for name in names if name in texts}
        return {"Attributes": texts} if texts else {}
