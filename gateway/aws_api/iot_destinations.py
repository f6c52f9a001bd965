"""IoT's operations on topic rule destinations: from checked parameters to the engine's, and back.

Owns what IoT answers where a destination is not there or is refused. What a destination is, and how
it is confirmed, is `gateway.engine.destinations.destinations`'s.

Source: the AWS IoT API reference; that operations on a destination that is not there are denied
instead of not found is what the service is seen to do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast, final

from gateway.aws_api.errors import AwsError
from gateway.aws_api.iot_answers import page_of, unavailable
from gateway.aws_api.service import Call, Handler
from gateway.engine.destinations.destinations import Destinations
from gateway.engine.destinations.values import (
    Destination,
    DestinationError,
    DestinationExists,
    DestinationNotFound,
)
from gateway.errors import RegistryError

__all__ = ["destination_operations"]

Members = dict[str, object]


def destination_operations(destinations: Destinations) -> dict[str, Handler]:
    """Return the handlers of the operations on destinations, by name.

    Args:
        destinations: The topic rule destinations.
    """
    operations = _Operations(destinations)
    table: dict[str, Callable[[Members, Call], Awaitable[Members]]] = {
        "ConfirmTopicRuleDestination": operations.confirm,
        "CreateTopicRuleDestination": operations.create,
        "DeleteTopicRuleDestination": operations.delete,
        "GetTopicRuleDestination": operations.get,
        "ListTopicRuleDestinations": operations.list,
        "UpdateTopicRuleDestination": operations.update,
    }
    return {name: _in_aws_terms(handler) for name, handler in table.items()}


def _in_aws_terms(handler: Callable[[Members, Call], Awaitable[Members]]) -> Handler:
    async def answer(parameters: Members, call: Call) -> Members:
        try:
            return await handler(parameters, call)
        except DestinationNotFound as error:
            raise AwsError(
                "UnauthorizedException",
                f"Access to TopicRuleDestination '{parameters['arn']}' was denied: there is no "
                "such destination.",
            ) from error
        except DestinationError as error:
            raise AwsError("InvalidRequestException", error.told()) from error
        except RegistryError as error:
            raise unavailable(error) from error

    return answer


@final
class _Operations:
    """The handlers. Parameters are checked against the model already."""

    def __init__(self, destinations: Destinations) -> None:
        self._destinations = destinations

    async def create(self, parameters: Members, call: Call) -> Members:
        configuration = cast("dict[str, dict[str, str]]", parameters["destinationConfiguration"])
        others = sorted(configuration.keys() - {"httpUrlConfiguration"})
        if others or not configuration:
            named = others[0] if others else "No destination"
            raise AwsError(
                "InvalidRequestException",
                f"{named} in destinationConfiguration: this gateway has destinations of the kind "
                "httpUrlConfiguration only.",
            )
        url = configuration["httpUrlConfiguration"]["confirmationUrl"]
        try:
            destination = await self._destinations.create(url)
        except DestinationExists as error:
            raise AwsError(
                "ResourceAlreadyExistsException",
                error.told(),
                members={"resourceId": url, "resourceArn": error.arn},
            ) from error
        return {"topicRuleDestination": _members(destination, "httpUrlProperties")}

    async def get(self, parameters: Members, call: Call) -> Members:
        destination = self._destinations.get(cast(str, parameters["arn"]))
        return {"topicRuleDestination": _members(destination, "httpUrlProperties")}

    async def list(self, parameters: Members, call: Call) -> Members:
        found = sorted(self._destinations.all(), key=lambda destination: destination.arn)
        page, token = page_of(((one.arn, one) for one in found), parameters)
        return {
            "destinationSummaries": [_members(one, "httpUrlSummary") for one in page],
            "nextToken": token,
        }

    async def update(self, parameters: Members, call: Call) -> Members:
        arn, status = cast(str, parameters["arn"]), cast(str, parameters["status"])
        await self._destinations.update(arn, status)
        return {}

    async def delete(self, parameters: Members, call: Call) -> Members:
        await self._destinations.delete(cast(str, parameters["arn"]))
        return {}

    async def confirm(self, parameters: Members, call: Call) -> Members:
        await self._destinations.confirm(cast(str, parameters["confirmationToken"]))
        return {}


def _members(destination: Destination, properties: str) -> Members:
    return {
        "arn": destination.arn,
        "status": destination.status.value,
        "statusReason": destination.status_reason,
        "createdAt": destination.created_ms / 1000,
        "lastUpdatedAt": destination.updated_ms / 1000,
        properties: {"confirmationUrl": destination.url},
    }
