"""Topic rule destinations: where the `http` action may post to, and how that is confirmed.

Owns which destinations there are, their statuses, and the asking for confirmation. An endpoint
confirms by opening the address it was sent, so nobody can turn the gateway against a server that
has not agreed. Those of the settings file need none: whoever writes that file has agreed already.
Knows nothing of messages, nor of the API's wire.

Source: AWS IoT Core Developer Guide, "HTTP action destinations"; API reference,
`CreateTopicRuleDestination`, `UpdateTopicRuleDestination`, `ConfirmTopicRuleDestination`.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, final

from gateway.engine.destinations.asking import Asked, Asking
from gateway.engine.destinations.confirmation import confirmation_request
from gateway.engine.destinations.coverage import why_not_covered
from gateway.engine.destinations.values import (
    Destination,
    DestinationError,
    DestinationExists,
    DestinationNotFound,
    DestinationRecord,
    DestinationRefused,
    DestinationStatus,
    TooManyDestinations,
    read_confirmation_url,
    token_digest,
)
from gateway.engine.in_turn import InTurn
from gateway.errors import RegistryError
from gateway.http.client import HttpClient
from gateway.http.url import HttpUrl
from gateway.metrics import Metrics
from gateway.registry import Registry

__all__ = ["MAX_DESTINATIONS", "Destinations"]

_log = logging.getLogger(__name__)

MAX_DESTINATIONS: Final = 500
"""Of the API and of rules together; each is a few lines of the registry's file."""

_TABLE: Final = "destinations"
_NO_ENDPOINT: Final = (
    "this gateway has no AWS endpoint that could be opened to confirm it; add an [aws] section to "
    "the settings, or name the address in a [[rules.destinations]] section"
)
_NEW_TOKEN: Final = partial(secrets.token_urlsafe, 48)
_ENABLED, _DISABLED = DestinationStatus.ENABLED, DestinationStatus.DISABLED
_IN_PROGRESS, _ERROR = DestinationStatus.IN_PROGRESS, DestinationStatus.ERROR


@final
class Destinations:
    """All destinations of the gateway.

    Args:
        registry: Where those of the API and of rules are kept.
        client: What sends confirmation requests.
        declared_urls: The addresses of the settings file, checked.
        region: Part of ARNs.
        account: Part of ARNs.
        enable_base: Where the AWS endpoint is, such as `http://127.0.0.1:4566`; empty if there is
            none.
        now_ms: Wall time in milliseconds since 1970, told to people.
        gateway_ms: Gateway time, which a token's age is counted in.
        metrics: Where `rules.destinations…` live.
        new_token: Makes a token of characters that need no encoding in an address.
        retry_after_s: The waits before an endpoint that could not be reached is asked again.
        timeout_s: How long an endpoint may take to answer.
    """

    def __init__(
        self,
        registry: Registry,
        client: HttpClient,
        declared_urls: Sequence[str],
        *,
        region: str,
        account: str,
        enable_base: Callable[[], str],
        now_ms: Callable[[], int],
        gateway_ms: Callable[[], int],
        metrics: Metrics,
        new_token: Callable[[], str] = _NEW_TOKEN,
        retry_after_s: Sequence[float] = (1, 10, 60, 600),
        timeout_s: float = 10.0,
    ) -> None:
        self._registry = registry
        self._arn_prefix = f"arn:aws:iot:{region}:{account}:ruledestination/http/"
        self._enable_base = enable_base
        self._now_ms = now_ms
        self._gateway_ms = gateway_ms
        self._new_token = new_token
        self._declared = {
            self._arn_prefix + str(uuid.uuid5(uuid.NAMESPACE_URL, str(url))): url
            for url in map(HttpUrl.parse, declared_urls)
        }
        self._declared_ms = now_ms()
        self._records: dict[str, DestinationRecord] = {}
        self._turns = InTurn()
        self._asking = Asking(client, metrics, retry_after_s=retry_after_s, timeout_s=timeout_s)
        self._confirmed = metrics.counter(
            "rules.destinations.confirmed", "destinations confirmed with their token"
        )
        self._bad_tokens = metrics.counter(
            "rules.destinations.bad_tokens", "confirmations with a wrong or expired token"
        )
        metrics.gauge("rules.destinations", lambda: len(self._records) + len(self._declared))
        metrics.gauge("rules.destinations.asking", lambda: len(self._asking))

    def start(self) -> None:
        """Read the registry; ask those again that were not reached before the last stop."""
        for arn, document in self._registry.all(_TABLE).items():
            try:
                self._records[arn] = DestinationRecord.read(dict(document))
            except ValueError as error:
                _log.warning("the destination %s in the registry cannot be used: %s", arn, error)
        for arn, record in self._records.items():
            if record.status is _IN_PROGRESS and not record.asked:
                self._asking.run(arn, self._quietly(arn, self._ask_anew(arn)))

    async def close(self) -> None:
        """Stop asking; what was not reached is asked at the next start."""
        await self._asking.close()
        await self._turns.close()

    # --- what there is ----------------------------------------------------------------------------

    def get(self, arn: str) -> Destination:
        """Return one destination.

        Raises:
            DestinationNotFound: There is none with this ARN.
        """
        if arn in self._declared:
            return self._told_declared(arn)
        return self._told(arn, self._record(arn))

    def all(self) -> list[Destination]:
        """Return all destinations: those of the settings file, then by their making."""
        declared = [self._told_declared(arn) for arn in self._declared]
        return declared + [self._told(arn, record) for arn, record in self._records.items()]

    def covers(self, url: HttpUrl) -> str:
        """Return why an address may not be posted to, with a remedy; empty if it may."""
        return why_not_covered(
            url, self._declared.values(), self._records.values(), self._gateway_ms()
        )

    # --- changes ----------------------------------------------------------------------------------

    async def create(self, confirmation_url: str) -> Destination:
        """Make a destination and ask it, in the background, to confirm.

        Raises:
            DestinationRefused: The address cannot be used.
            DestinationExists: There is one with this address.
            TooManyDestinations: There are too many.
            RegistryError: The disk refused.
        """
        url = read_confirmation_url(confirmation_url)

        async def create() -> Destination:
            for destination in self.all():
                if destination.url == str(url):
                    raise DestinationExists(
                        f"there is a destination for {url.shown} already", arn=destination.arn
                    )
            if len(self._records) >= MAX_DESTINATIONS:
                raise TooManyDestinations(
                    f"there are {MAX_DESTINATIONS} destinations already",
                    hint="delete one, or let one destination cover a whole server: https://host",
                )
            arn = self._arn_prefix + str(uuid.uuid4())
            now_ms = self._now_ms()
            record = DestinationRecord(url, _IN_PROGRESS, "", now_ms, now_ms, "", 0, False)
            return await self._ask(arn, record)

        return await self._turns.run(create)

    async def update(self, arn: str, status: str) -> Destination:
        """Set a destination's status: ENABLED, DISABLED, or IN_PROGRESS to ask it again.

        Raises:
            DestinationNotFound: There is none with this ARN.
            DestinationRefused: It cannot have this status now.
            RegistryError: The disk refused.
        """

        async def update() -> Destination:
            if arn in self._declared:
                if status != _ENABLED:
                    raise self._in_the_settings(arn)
                return self._told_declared(arn)
            record = self._record(arn)
            if status == _IN_PROGRESS:
                return await self._ask(arn, record)
            if status not in (_ENABLED, _DISABLED):
                raise DestinationRefused(
                    f"the status of a destination cannot be set to {status[:40]!r}",
                    hint="set ENABLED, DISABLED, or IN_PROGRESS to ask for confirmation again",
                )
            if record.status not in (_ENABLED, _DISABLED):
                raise DestinationRefused(
                    f"the destination {arn} is {self._told(arn, record).status}, not confirmed",
                    hint="confirm it with its token; IN_PROGRESS sends it a new one",
                )
            set_to = replace(record, status=DestinationStatus(status), updated_ms=self._now_ms())
            return await self._keep(arn, set_to)

        return await self._turns.run(update)

    async def delete(self, arn: str) -> None:
        """Remove a destination.

        Raises:
            DestinationNotFound: There is none with this ARN.
            DestinationRefused: The settings file names it.
            RegistryError: The disk refused.
        """

        async def delete() -> None:
            if arn in self._declared:
                raise self._in_the_settings(arn)
            self._record(arn)
            await self._registry.remove(_TABLE, arn)
            del self._records[arn]
            self._asking.stop(arn)

        await self._turns.run(delete)

    async def confirm(self, token: str) -> Destination:
        """Enable the destination that this token was sent to; a second time changes nothing.

        Raises:
            DestinationRefused: No destination waits for this token, or not any more.
            RegistryError: The disk refused.
        """

        async def confirm() -> Destination:
            digest = token_digest(token)
            found = ""
            for arn, record in self._records.items():
                if hmac.compare_digest(record.token_sha256, digest):
                    found = arn
            waiting = self._records.get(found)
            if waiting is None or not (
                waiting.status is _ENABLED or waiting.awaits_token(self._gateway_ms())
            ):
                self._bad_tokens.value += 1
                raise DestinationRefused(
                    "no destination waits for this confirmation token: it is wrong, was used "
                    "already, or is more than 3 days old",
                    hint="set the destination's status to IN_PROGRESS to get a new one",
                )
            if waiting.status is _ENABLED:
                return self._told(found, waiting)
            enabled = replace(waiting, status=_ENABLED, status_reason="", asked=True)
            told = await self._keep(found, replace(enabled, updated_ms=self._now_ms()))
            self._confirmed.value += 1
            _log.info("%s is confirmed: rules may post to it", waiting.url.shown)
            return told

        return await self._turns.run(confirm)

    def ensure(self, confirmation_url: str) -> None:
        """Make a destination, in the background, for a rule that needs one, unless it is there.

        One that could not be confirmed before is asked again. Whatever is wrong is logged: the
        rule runs, and its action says so for each message.
        """
        try:
            url = read_confirmation_url(confirmation_url)
        except DestinationRefused as error:
            _log.warning("no destination is made for a rule's http action: %s", error)
            return
        if any(url.begins_with(declared) for declared in self._declared.values()):
            return
        asked_in_vain = ""
        for arn, record in self._records.items():
            if url.begins_with(record.url):
                if self._told(arn, record).status is not _ERROR:
                    return
                if url == record.url:
                    asked_in_vain = arn
        name = str(url)
        if self._asking.is_busy(asked_in_vain or name):
            return
        if len(self._asking) >= MAX_DESTINATIONS:
            _log.warning("no destination is made for %s: too many are being made", url.shown)
        elif asked_in_vain:
            self._asking.run(asked_in_vain, self._quietly(name, self._ask_anew(asked_in_vain)))
        else:
            self._asking.run(name, self._quietly(name, self.create(name)))

    # --- asking for confirmation ------------------------------------------------------------------

    async def _ask_anew(self, arn: str) -> None:
        async def ask_anew() -> None:
            if arn in self._records:
                await self._ask(arn, self._records[arn])

        await self._turns.run(ask_anew)

    async def _ask(self, arn: str, record: DestinationRecord) -> Destination:
        """Give a destination a new token, and send it in the background; the lock is held."""
        base = self._enable_base()
        token = self._new_token()
        digest = token_digest(token)
        told = await self._keep(
            arn,
            replace(
                record,
                status=_IN_PROGRESS if base else _ERROR,
                status_reason="" if base else _NO_ENDPOINT,
                updated_ms=self._now_ms(),
                token_sha256=digest,
                token_gateway_ms=self._gateway_ms(),
                asked=not base,
            ),
        )
        if base:
            request = confirmation_request(record.url, arn, token, base)
            self._asking.ask(arn, request, partial(self._report, arn, digest))
        else:
            _log.warning("%s cannot be confirmed: %s", record.url.shown, _NO_ENDPOINT)
        return told

    async def _report(self, arn: str, digest: str, went: Asked, reason: str) -> bool:
        """Note how a request with a token went; tell whether it is still the one that counts."""

        async def report() -> bool:
            record = self._records.get(arn)
            if record is None or record.token_sha256 != digest or record.status != _IN_PROGRESS:
                return False  # deleted, asked anew or confirmed meanwhile
            noted = replace(record, status_reason=reason)
            if went is Asked.AGAIN:
                self._records[arn] = noted  # told, not kept: the disk need not know of each try
                return True
            if went is Asked.IN_VAIN:
                noted = replace(noted, status=_ERROR, updated_ms=self._now_ms())
            if reason:
                _log.warning("%s is %s: %s", record.url.shown, noted.status, reason)
            else:
                _log.info("%s was asked to confirm that rules may post to it", record.url.shown)
            await self._quietly(arn, self._keep(arn, replace(noted, asked=True)))
            return False

        return await self._turns.run(report)

    async def _quietly(
        self, what: str, work: Coroutine[object, object, Destination | None]
    ) -> None:
        try:
            await work
        except (DestinationError, RegistryError) as error:
            _log.warning("the destination %s: %s", what, error)

    # --- the parts --------------------------------------------------------------------------------

    async def _keep(self, arn: str, record: DestinationRecord) -> Destination:
        await self._registry.put(_TABLE, arn, record.document())
        self._records[arn] = record
        return self._told(arn, record)

    def _record(self, arn: str) -> DestinationRecord:
        record = self._records.get(arn)
        if record is None:
            raise DestinationNotFound(f"there is no destination with the ARN {arn[:200]!r}")
        return record

    def _told(self, arn: str, record: DestinationRecord) -> Destination:
        return record.told(arn, self._gateway_ms())

    def _told_declared(self, arn: str) -> Destination:
        made_ms = self._declared_ms
        url = str(self._declared[arn])
        return Destination(arn, url, _ENABLED, "", made_ms, made_ms, True)

    def _in_the_settings(self, arn: str) -> DestinationRefused:
        return DestinationRefused(
            f"the destination {self._declared[arn].shown} is named in the settings file",
            hint="change or remove its [[rules.destinations]] section there",
        )
