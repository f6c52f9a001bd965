"""What a call of IoT's asks permission for: the action, and the rule or destination that it is on.

Owns which parameter names the resource.

Source: "Actions, resources, and condition keys for AWS IoT" in the Service Authorization Reference.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.aws_api.authorization import Demands

__all__ = ["iot_demands"]


def iot_demands(*, region: str, account: str) -> Demands:
    """Return what IoT's operations on rules and destinations ask permission for.

    Args:
        region: Appears in ARNs.
        account: Appears in ARNs.
    """
    prefix = f"arn:aws:iot:{region}:{account}:"

    def demands(operation: str, parameters: Mapping[str, object]) -> list[tuple[str, str]]:
        if "ruleName" in parameters:
            resource = f"{prefix}rule/{parameters['ruleName']}"
        elif "arn" in parameters:
            resource = str(parameters["arn"])
        elif operation == "CreateTopicRuleDestination":
            resource = f"{prefix}destination/http/*"  # which one, is known once it is there
        else:
            resource = "*"
        return [(f"iot:{operation}", resource)]

    return demands
