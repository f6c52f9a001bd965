"""STS: who the caller is, which programs ask before they do anything else.

Owns GetCallerIdentity. There are no roles here to assume and no tokens to hand out, so the other
operations of STS are not served. Anybody who can sign may ask, whatever their policy says, as in
AWS.

Source: GetCallerIdentity in the AWS STS API reference; "Unique identifiers" in the IAM User Guide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.aws_api.model import load_model
from gateway.aws_api.service import Call, Service
from gateway.aws_api.violations import CommonViolations
from gateway.identity.user_id import user_id

__all__ = ["sts_service"]


def sts_service(*, account: str, user_name: Callable[[str], str | None]) -> Service:
    """Return STS as the front serves it.

    Args:
        account: The gateway's account.
        user_name: Gives the name of an access key, by its id; None where there is none any more.
    """

    async def get_caller_identity(parameters: dict[str, object], call: Call) -> Mapping[str, str]:
        access_key_id = call.caller.access_key_id
        if not access_key_id:  # signatures are not checked
            return {"UserId": account, "Account": account, "Arn": f"arn:aws:iam::{account}:root"}
        name = user_name(access_key_id) or access_key_id
        return {
            "UserId": user_id(account, name),
            "Account": account,
            "Arn": f"arn:aws:iam::{account}:user/{name}",
        }

    return Service(
        "sts",
        load_model("sts"),
        {"GetCallerIdentity": get_caller_identity},
        violations=CommonViolations(),
        demands=lambda operation, parameters: (),
    )
