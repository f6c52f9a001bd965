"""What SQS's operations share: which queue is meant, pages of queues, batches, errors' codes.

Owns how members name a queue and how a batch with partial failure is told. Knows no operation.

Source: the Amazon SQS API reference.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Final, cast

from gateway.aws_api.errors import CORAL, SQS_QUERY_ERRORS, AwsError
from gateway.aws_api.service import Call
from gateway.aws_api.sqs_messages import integer
from gateway.services.sqs import Queue, SqsError, SqsService
from gateway.services.sqs.batches import check_batch
from gateway.services.sqs.errors import InvalidAddress, InvalidParameterValue

__all__ = [
    "Entry",
    "Members",
    "aws_error",
    "batch_result",
    "entries_of",
    "failed_entry",
    "page_of",
    "queue_of",
    "url_of",
]

Members = dict[str, object]
Entry = Mapping[str, object]

MAX_LISTED: Final = 1000
"""How many queues one answer lists."""

_ENDPOINT: Final = re.compile(r"https?://[^/]*/+")

_CORAL_CODES: Final[Mapping[str, str]] = {
    # Errors that AWS's request front raises -> their code under the Query protocol.
    "InvalidParameterValueException": "InvalidParameterValue",
    "MissingRequiredParameterException": "MissingParameter",
}


def aws_error(error: SqsError) -> AwsError:
    """Return what the engine refused as AWS's error."""
    query_code = _CORAL_CODES.get(error.code)
    return AwsError(
        error.code,
        error.told(),
        query_code=query_code,
        namespace=None if query_code is None else CORAL,
    )


def queue_of(service: SqsService, parameters: Members) -> Queue:
    """Return the queue that a request means.

    Raises:
        InvalidAddress: Its URL names none at all.
        QueueDoesNotExist: There is none of that name.
    """
    url = cast(str, parameters["QueueUrl"])
    # An endpoint's own address, such as https://sqs.us-east-1.amazonaws.com/, is no queue's.
    if not url.strip("/") or _ENDPOINT.fullmatch(url):
        raise InvalidAddress(f"The address {url} is not valid for this endpoint.")
    return service.find(url)


def url_of(name: str, service: SqsService, call: Call) -> str:
    """Return a queue's URL: it begins with the address that the caller used."""
    return f"http://{call.host or 'localhost'}/{service.account}/{name}"


def page_of(parameters: Members, names: Sequence[str]) -> tuple[list[str], str | None]:
    """Return the page of names that a request asks for, and the token of the next, if any.

    Args:
        parameters: With `MaxResults` and `NextToken`, where they are given.
        names: All of them, in order.

    Raises:
        InvalidParameterValue: The token is none, or the number is out of its range.
    """
    most = integer(parameters, "MaxResults", 1, MAX_LISTED)
    token = cast("str | None", parameters.get("NextToken"))
    after = "" if token is None else _name_of_token(token)
    left = [name for name in names if name > after]
    page = left[: most or MAX_LISTED]
    if most is None or len(left) <= most:  # AWS gives no token to who names no MaxResults
        return page, None
    return page, urlsafe_b64encode(page[-1].encode()).decode()


def entries_of(parameters: Members, shape: str) -> Sequence[Entry]:
    """Return a batch's entries.

    Raises:
        SqsError: There is none, there are too many, or their ids are not in order.
    """
    entries = cast("list[Entry]", parameters["Entries"])
    check_batch([cast(str, entry["Id"]) for entry in entries], shape)
    return entries


def failed_entry(entry: Entry, error: SqsError) -> Members:
    """Return what a refused batch entry gets: codes are the Query protocol's."""
    code = _CORAL_CODES.get(error.code) or SQS_QUERY_ERRORS.get(error.code, (error.code, 0))[0]
    return {"Id": entry["Id"], "SenderFault": True, "Code": code, "Message": str(error)}


def batch_result(successful: list[Members], failed: list[Members]) -> Members:
    """Return a batch's lists; an empty one is absent, or the Java SDK's `hasFailed()` is true."""
    return {"Successful": successful or None, "Failed": failed or None}


def _name_of_token(token: str) -> str:
    try:
        name = urlsafe_b64decode(token)
        if urlsafe_b64encode(name).decode() == token:  # decoding passes over what is not base64
            return name.decode("ascii")
    except ValueError:
        pass
    raise InvalidParameterValue("Invalid or expired next token.")
