"""Whether a caller's policy allows a call: asked once it is known who calls, and what for.

Owns what a refusal says, which is AWS's own sentence. What a call asks permission for is the
service's to say (`Demands`), what a policy allows is `gateway.identity.policy`'s. A refusal tells
nothing of what there is: the same sentence stands for a queue that exists and for one that does
not.

Sources: "Troubleshoot access denied error messages" in the AWS IAM User Guide; that SQS names the
action in lower case, and a list of queues by an ARN without a name, is what it is seen to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, final

from gateway.aws_api.errors import AwsError, access_denied, unrecognized_client
from gateway.identity.credentials import Credentials
from gateway.identity.policy import Decision
from gateway.metrics import Metrics

__all__ = ["Authorizer", "Demands", "on_anything"]

Demands = Callable[[str, Mapping[str, object]], Sequence[tuple[str, str]]]
"""Takes an operation's name and its checked parameters; returns what the caller must be allowed:
actions as the service itself names them, each with the ARN of what it is on. None: anybody may."""

# Longer than any ARN there is here, so that what is cut off names nothing.
_MAX_ARN: Final = 2048


def on_anything(service: str) -> Demands:
    """Return the demands of a service whose operations are on nothing in particular.

    Args:
        service: Its prefix in actions, such as `sqs`.
    """
    return lambda operation, parameters: ((f"{service}:{operation}", "*"),)


@final
class Authorizer:
    """Holds callers to the policies of their keys.

    Args:
        credentials: The keys with their policies.
        account: Appears in the ARN of a caller.
        metrics: Where the counter `aws.requests.unauthorized` lives.
    """

    __slots__ = ("_account", "_credentials", "_refused")

    def __init__(self, credentials: Credentials, account: str, metrics: Metrics) -> None:
        self._credentials = credentials
        self._account = account
        self._refused = metrics.counter(
            "aws.requests.unauthorized", "requests that the caller's policy does not allow"
        )

    def check(
        self, access_key_id: str, demands: Demands, operation: str, parameters: Mapping[str, object]
    ) -> None:
        """Return if the caller may do this.

        Args:
            access_key_id: The key that signed the request, which was verified.
            demands: The service's.
            operation: What is called.
            parameters: What with, checked against the model.

        Raises:
            AwsError: `AccessDeniedException` where the policy does not allow it,
                `UnrecognizedClientException` where the key is none any more.
        """
        policy = self._credentials.policy(access_key_id)
        if policy is None:
            raise unrecognized_client("The security token included in the request is invalid.")
        if policy.unrestricted:
            return
        for action, resource in demands(operation, parameters):
            arn = resource[:_MAX_ARN]
            decision = policy.decide(action, arn)
            if decision is not Decision.ALLOWED:
                self._refused.value += 1
                raise self._refusal(access_key_id, action, arn, decision)

    def _refusal(
        self, access_key_id: str, action: str, resource: str, decision: Decision
    ) -> AwsError:
        name = self._credentials.name(access_key_id)
        why = (
            "with an explicit deny in an identity-based policy"
            if decision is Decision.DENIED
            else f"because no identity-based policy allows the {action} action"
        )
        return access_denied(
            f"User: arn:aws:iam::{self._account}:user/{name} is not authorized to perform: "
            f"{action} on resource: {resource} {why}"
        )
