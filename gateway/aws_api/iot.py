"""IoT's control plane for rules: from checked parameters to the catalogue, and back to members.

Owns what IoT answers where a rule is not there, exists, or is none. The operations on topic rule
destinations are `iot_destinations`'s. The catalogue gets a payload as the caller wrote it: what a
newer SDK knows and the model here does not is for `rules` to judge.

Sources: the AWS IoT API reference; that deleting a rule that is not there succeeds, and that other
operations on it are denied instead of not found, is what the service is seen to do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Final, cast, final

from gateway.aws_api.errors import AwsError
from gateway.aws_api.iot_answers import page_of, unavailable
from gateway.aws_api.iot_demands import iot_demands
from gateway.aws_api.iot_destinations import destination_operations
from gateway.aws_api.model import load_model
from gateway.aws_api.service import Call, Handler, Service
from gateway.aws_api.violations import CommonViolations
from gateway.engine.catalogue.catalogue import CatalogueRule, RuleCatalogue
from gateway.engine.catalogue.errors import (
    CatalogueError,
    InvalidRule,
    RuleExists,
    RuleInFile,
    RuleNotFound,
)
from gateway.engine.catalogue.loading import told
from gateway.engine.catalogue.rule_files import MAX_DEPTH
from gateway.engine.destinations.destinations import Destinations
from gateway.errors import RegistryError
from gateway.mqtt.topics import Dialect, matches

__all__ = ["iot_operations", "iot_service"]

Members = dict[str, object]

_COMMON_ERRORS: Final = {
    "InternalFailure": "InternalException",
    "ServiceUnavailable": "ServiceUnavailableException",
}
_UNSIGNED: Final = ("ConfirmTopicRuleDestination",)
"""The link that a person opens carries no signature; its token is the proof."""

_RULE_MEMBERS: Final = (
    "sql", "description", "actions", "ruleDisabled", "awsIotSqlVersion", "errorAction",
)  # fmt: skip
_MAX_PROBLEMS: Final = 10
"""How many problems of a rule one error tells."""


def iot_service(
    catalogue: RuleCatalogue, destinations: Destinations, *, region: str, account: str
) -> Service:
    """Return the part of IoT that is served, as the front serves it.

    Args:
        catalogue: The rules.
        destinations: The topic rule destinations.
        region: Appears in ARNs.
        account: Appears in ARNs.
    """
    return Service(
        "iot",
        load_model("iot"),
        iot_operations(catalogue, destinations, region=region, account=account),
        violations=CommonViolations("InvalidRequestException", namespace=None),
        common_errors=_COMMON_ERRORS,
        signing_names=("execute-api",),  # what SDKs signed for until May 2023
        unsigned=_UNSIGNED,
        demands=iot_demands(region=region, account=account),
    )


def iot_operations(
    catalogue: RuleCatalogue, destinations: Destinations, *, region: str, account: str
) -> dict[str, Handler]:
    """Return the handlers of the operations that are served, by name."""
    operations = _Operations(catalogue, f"arn:aws:iot:{region}:{account}:rule/")
    table: dict[str, Callable[[Members, Call], Awaitable[Members]]] = {
        "CreateTopicRule": operations.create,
        "DeleteTopicRule": operations.delete,
        "DisableTopicRule": operations.disable,
        "EnableTopicRule": operations.enable,
        "GetTopicRule": operations.get,
        "ListTopicRules": operations.list,
        "ReplaceTopicRule": operations.replace,
    }
    handlers = {name: _in_aws_terms(handler) for name, handler in table.items()}
    return handlers | destination_operations(destinations)


def _in_aws_terms(handler: Callable[[Members, Call], Awaitable[Members]]) -> Handler:
    async def answer(parameters: Members, call: Call) -> Members:
        try:
            return await handler(parameters, call)
        except RuleNotFound as error:
            name = cast(str, parameters["ruleName"])
            raise AwsError(
                "UnauthorizedException",
                f"Access to topic rule '{name}' was denied: there is no such rule.",
            ) from error
        except InvalidRule as error:
            code = "SqlParseException" if error.is_sql else "InvalidRequestException"
            raise AwsError(code, _problems(error)) from error
        except CatalogueError as error:
            raise AwsError("InvalidRequestException", error.told()) from error
        except RegistryError as error:
            raise unavailable(error) from error

    return answer


def _problems(error: InvalidRule) -> str:
    sentences = [told(problem) for problem in error.problems[:_MAX_PROBLEMS]]
    left = len(error.problems) - len(sentences)
    if left:
        sentences.append(f"and {left} more")
    return "; ".join(sentences)


@final
class _Operations:
    """The handlers. Parameters are checked against the model already."""

    def __init__(self, catalogue: RuleCatalogue, arn_prefix: str) -> None:
        self._catalogue = catalogue
        self._arn_prefix = arn_prefix

    async def create(self, parameters: Members, call: Call) -> Members:
        name = cast(str, parameters["ruleName"])
        if parameters.get("tags"):
            raise AwsError(
                "InvalidRequestException", "Tags are not there yet: create the rule without them."
            )
        try:
            await self._catalogue.create(name, _payload(call))
        except (RuleExists, RuleInFile) as error:
            raise AwsError(
                "ResourceAlreadyExistsException",
                error.told(),
                members={"resourceId": name, "resourceArn": self._arn_prefix + name},
            ) from error
        return {}

    async def replace(self, parameters: Members, call: Call) -> Members:
        await self._catalogue.replace(cast(str, parameters["ruleName"]), _payload(call))
        return {}

    async def delete(self, parameters: Members, call: Call) -> Members:
        with suppress(RuleNotFound):
            await self._catalogue.delete(cast(str, parameters["ruleName"]))
        return {}

    async def enable(self, parameters: Members, call: Call) -> Members:
        await self._catalogue.set_disabled(cast(str, parameters["ruleName"]), False)
        return {}

    async def disable(self, parameters: Members, call: Call) -> Members:
        await self._catalogue.set_disabled(cast(str, parameters["ruleName"]), True)
        return {}

    async def get(self, parameters: Members, call: Call) -> Members:
        name = cast(str, parameters["ruleName"])
        rule = self._catalogue.get(name)
        if rule is None:
            raise RuleNotFound(name)
        members: Members = {
            member: rule.payload[member] for member in _RULE_MEMBERS if member in rule.payload
        }
        members["ruleName"] = rule.name
        members["createdAt"] = rule.created_ms / 1000
        members["ruleDisabled"] = rule.document.disabled
        members["awsIotSqlVersion"] = rule.document.version
        return {"ruleArn": rule.arn, "rule": members}

    async def list(self, parameters: Members, call: Call) -> Members:
        found: Iterable[CatalogueRule] = self._catalogue.all()
        disabled = parameters.get("ruleDisabled")
        if disabled is not None:
            found = (rule for rule in found if rule.document.disabled == disabled)
        topic = cast("str | None", parameters.get("topic"))
        if topic is not None:
            found = (rule for rule in found if _listens(rule, topic))
        page, token = page_of(((rule.name, rule) for rule in found), parameters)
        return {"rules": [_item(rule) for rule in page], "nextToken": token}


def _payload(call: Call) -> Members:
    """Return the rule as the caller wrote it; a null stands for nothing, as everywhere in AWS."""
    return cast(Members, _without_nulls(call.document, MAX_DEPTH))


def _without_nulls(value: object, levels: int) -> object:
    if not levels:
        return value  # deeper than any rule may be: the catalogue says so
    if isinstance(value, dict):
        return {
            name: _without_nulls(member, levels - 1)
            for name, member in value.items()
            if member is not None
        }
    if isinstance(value, list):
        return [_without_nulls(item, levels - 1) for item in value]
    return value


def _listens(rule: CatalogueRule, topic: str) -> bool:
    topic_filter = rule.document.statement.topic_filter
    if topic_filter is None:
        return False
    return topic_filter == topic or matches(topic_filter, topic, Dialect.AWS)


def _item(rule: CatalogueRule) -> Members:
    item: Members = {
        "ruleArn": rule.arn,
        "ruleName": rule.name,
        "createdAt": rule.created_ms / 1000,
        "ruleDisabled": rule.document.disabled,
    }
    if rule.document.statement.topic_filter is not None:
        item["topicPattern"] = rule.document.statement.topic_filter
    return item
