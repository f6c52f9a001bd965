"""IAM identity policies as documents: what one may say here, judged before anybody has it.

Owns the form. An element that would change what a statement means and is not evaluated here
(`Condition`, `Principal`, policy variables) is refused: a policy that is not understood whole would
allow what its author meant to forbid. What a policy allows is `policy`'s.

Source: "IAM JSON policy elements reference" and "IAM and AWS STS quotas" in the AWS IAM User Guide.
"""

from __future__ import annotations

import json
import re
from typing import Final, cast

from gateway.errors import GatewayError

__all__ = ["MAX_CHARACTERS", "PolicyDocument", "PolicyError", "check_policy", "parse_policy"]

MAX_CHARACTERS: Final = 6_144
"""AWS's limit for a managed policy; white space between the parts does not count."""

# White space does not count in the document, but it does take memory to read.
_MAX_TEXT: Final = 64 * 1024

PolicyDocument = dict[str, object]
"""A policy as its author wrote it, checked."""

_VERSIONS: Final = ("2012-10-17", "2008-10-17")
_DOCUMENT_KEYS: Final = ("Version", "Id", "Statement")
_STATEMENT_KEYS: Final = (
    "Sid", "Effect", "Action", "NotAction", "Resource", "NotResource",
)  # fmt: skip
_NOT_EVALUATED: Final = {
    "Condition": "name what is allowed in Action and Resource instead",
    "Principal": "leave it out: a policy is for the key that has it",
    "NotPrincipal": "leave it out: a policy is for the key that has it",
}
_SID: Final = re.compile(r"[A-Za-z0-9]*")
_ACTION: Final = re.compile(r"\*|(?:\*|[A-Za-z0-9-]+):[A-Za-z0-9*?]+")
_RESOURCE: Final = re.compile(r"\*|arn:[^:]+:[^:]+:[^:]*:[^:]*:.+", re.DOTALL)


class PolicyError(GatewayError):
    """This is no policy that can be held to here."""

    code = "policy"


def parse_policy(text: str) -> PolicyDocument:
    """Return the policy that a text holds.

    Args:
        text: JSON.

    Raises:
        PolicyError: It is none, or says something that is not evaluated here.
    """
    if len(text) > _MAX_TEXT:
        raise PolicyError(f"the policy has {len(text)} characters", hint=_too_long())
    try:
        document: object = json.loads(text, object_pairs_hook=_without_doubles)
    except ValueError as error:
        raise PolicyError(f"the policy is no JSON: {error}") from None
    except RecursionError:
        raise PolicyError("the policy is nested too deeply") from None
    return check_policy(document)


def check_policy(document: object) -> PolicyDocument:
    """Return a policy that was read from JSON before, checked.

    Raises:
        PolicyError: It is none, or says something that is not evaluated here.
    """
    if not isinstance(document, dict):
        raise PolicyError("the policy is no JSON object")
    policy = cast(PolicyDocument, document)
    _check_keys(policy, _DOCUMENT_KEYS, "the policy")
    version = policy.get("Version", _VERSIONS[0])
    if version not in _VERSIONS:
        raise PolicyError(f"Version is {_shown(version)}", hint=f'it is "{_VERSIONS[0]}"')
    named = policy.get("Id", "")
    if not isinstance(named, str) or not named.isprintable():
        raise PolicyError("Id is no text that can be printed")
    statements = policy.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise PolicyError("Statement is missing, or no statement is in it")
    sids: set[str] = set()
    for number, statement in enumerate(cast("list[object]", statements)):
        _check_statement(statement, f"Statement[{number}]", sids)
    length = len(json.dumps(policy, ensure_ascii=False, separators=(",", ":")))
    if length > MAX_CHARACTERS:
        raise PolicyError(f"the policy has {length} characters", hint=_too_long())
    return policy


def _check_statement(statement: object, where: str, sids: set[str]) -> None:
    if not isinstance(statement, dict):
        raise PolicyError(f"{where} is no JSON object")
    parts = cast("dict[str, object]", statement)
    for key, remedy in _NOT_EVALUATED.items():
        if key in parts:
            raise PolicyError(f"{where}.{key} is not evaluated here", hint=remedy)
    _check_keys(parts, _STATEMENT_KEYS, where)
    sid = parts.get("Sid", "")
    if not isinstance(sid, str) or _SID.fullmatch(sid) is None:
        raise PolicyError(f"{where}.Sid is {_shown(sid)}", hint="use letters and digits only")
    if sid in sids:
        raise PolicyError(
            f"{where}.Sid is {sid!r}, as another statement's", hint="they must differ"
        )
    if sid:
        sids.add(sid)
    if parts.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError(f'{where}.Effect must be "Allow" or "Deny"')
    for either, other, form, means in (
        ("Action", "NotAction", _ACTION, 'a service and an action, such as "sqs:SendMessage"'),
        ("Resource", "NotResource", _RESOURCE, 'an ARN or "*"'),
    ):
        if (either in parts) == (other in parts):
            raise PolicyError(f"{where} must have one of {either} and {other}")
        key = either if either in parts else other
        _check_patterns(parts[key], f"{where}.{key}", form, means)


def _check_patterns(given: object, where: str, form: re.Pattern[str], means: str) -> None:
    patterns = [given] if isinstance(given, str) else given
    if not isinstance(patterns, list) or not patterns:
        raise PolicyError(f"{where} must be a text, or a list of at least one")
    for pattern in cast("list[object]", patterns):
        if isinstance(pattern, str) and "${" in pattern:
            raise PolicyError(
                f"{where}: {_shown(pattern)} has a policy variable, which is not evaluated here",
                hint="write the value itself",
            )
        if not isinstance(pattern, str) or form.fullmatch(pattern) is None:
            raise PolicyError(f"{where}: {_shown(pattern)} is not {means}")
        if not pattern.isprintable():
            raise PolicyError(f"{where}: {_shown(pattern)} has characters that cannot be printed")


def _check_keys(found: dict[str, object], known: tuple[str, ...], where: str) -> None:
    for key in found:
        if key not in known:
            raise PolicyError(
                f"{where} has {_shown(key)}, which is not known here",
                hint=f"it may have {', '.join(known)}; upper and lower case matter",
            )


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise PolicyError(f"the policy has {_shown(double)} twice in one object")
    return found


def _too_long() -> str:
    return f"{MAX_CHARACTERS} may be, white space aside; wildcards make it shorter"


def _shown(value: object) -> str:
    return f"{value!r:.100}"
