"""The `s3` action: a rule's result as an object of a local bucket; run from the outbox.

Owns what the action's parameters mean, and when a failure is worth another try. The canned ACL is
not looked at: whoever may read the folder may read its objects.

Source: AWS IoT Core Developer Guide, "S3" rule action.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, final

from gateway.engine.actions.templates import text_of
from gateway.engine.failures import ActionFailed, TryAgain
from gateway.engine.outbox import NewJob
from gateway.errors import Disposition
from gateway.services.s3 import BucketError, Buckets, NoSuchBucket, resolve_name

__all__ = ["S3Action"]

# A folder that is full, or a disk that is gone for a moment: about a minute in all.
RETRY_AFTER_S: Final = (1.0, 5.0, 20.0, 40.0)


@final
class S3Action:
    """Writes objects; a slow action, run from the outbox.

    Args:
        buckets: The local buckets.
        retry_after_s: How long to wait before each further try; then it has failed.

    Attributes:
        concurrency: How many objects of one bucket are written at once.
    """

    __slots__ = ("_buckets", "_retry_after_s", "concurrency")

    def __init__(self, buckets: Buckets, *, retry_after_s: Sequence[float] = RETRY_AFTER_S) -> None:
        self.concurrency = 1
        self._buckets = buckets
        self._retry_after_s = tuple(retry_after_s)

    def target(self, parameters: Mapping[str, object]) -> str:
        """Return the bucket's name.

        Raises:
            ActionFailed: There is no such bucket.
        """
        name = resolve_name(text_of(parameters, "bucketName"))
        try:
            self._buckets.find(name)
        except NoSuchBucket as error:
            raise ActionFailed(str(error), hint=error.hint) from error
        return name

    async def run(
        self, parameters: Mapping[str, object], payload: bytes, attempt: int, job: NewJob
    ) -> None:
        """Write the object.

        Args:
            parameters: What stands under the action's key, templates rendered.
            payload: The object's content.
            attempt: Which try this is, from 1.
            job: Not used.

        Raises:
            TryAgain: There is no room, or the disk refused: later there may be, or it may not.
            ActionFailed: It cannot be written, or was tried often enough.
        """
        name = resolve_name(text_of(parameters, "bucketName"))
        try:
            await self._buckets.put(name, text_of(parameters, "key"), payload)
        except BucketError as error:
            may_help = error.disposition is Disposition.RETRY
            if may_help and attempt <= len(self._retry_after_s):
                after_s = self._retry_after_s[attempt - 1]
                raise TryAgain(str(error), hint=error.hint, after_s=after_s) from error
            raise ActionFailed(str(error), hint=error.hint) from error
