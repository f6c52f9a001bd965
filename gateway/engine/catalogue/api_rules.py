"""Rules that the API made: the registry's table `rules`, and what of it can run.

Owns the records, their bounds, and that one which cannot be read is kept. Knows nothing of files,
nor of what is in force.

Source: AWS service quotas, rules engine.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, cast, final

import orjson

from gateway.engine.catalogue.entry import CatalogueRule
from gateway.engine.catalogue.errors import TooManyRules
from gateway.engine.catalogue.loading import told
from gateway.engine.catalogue.rule_files import Payload, read_rule
from gateway.errors import RegistryError
from gateway.registry import Registry
from gateway.registry.storage import Json
from rules import RuleDocument, RuleDocumentError

__all__ = ["MAX_API_BYTES", "MAX_API_RULES", "ApiRules", "Kept"]

log = logging.getLogger(__name__)

TABLE: Final = "rules"

MAX_API_RULES: Final = 1000

# The registry is one file, written whole at each change.
MAX_API_BYTES: Final = 4 * 1024 * 1024

Record = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Kept:
    """All there is under a name.

    Attributes:
        record: What the registry has.
        rule: The rule, if it can run.
        broken: Why it cannot.
    """

    record: Record | None
    rule: CatalogueRule | None
    broken: str | None


@final
class ApiRules:
    """The rules of the registry. One caller writes at a time.

    Args:
        registry: Where they are kept.
        arn_prefix: What their ARNs begin with.

    Attributes:
        rules: Those that can run, by name.
        broken: Why the others cannot, by name.
    """

    def __init__(self, registry: Registry, arn_prefix: str) -> None:
        self.rules: dict[str, CatalogueRule] = {}
        self.broken: dict[str, str] = {}
        self._registry = registry
        self._arn_prefix = arn_prefix

    def names(self) -> Collection[str]:
        """Return the name of every one, broken ones included."""
        return self.rules.keys() | self.broken.keys()

    async def load(self) -> None:
        """Read the registry."""
        records = self._registry.all(TABLE)
        self.rules, self.broken = await asyncio.to_thread(self._parse, records)
        for name, reason in self.broken.items():
            log.error("rule %s of the API is not in force: %s", name, reason)

    def kept(self, name: str) -> Kept:
        """Return all there is under a name, so that a write can be taken back."""
        return Kept(self._registry.get(TABLE, name), self.rules.get(name), self.broken.get(name))

    def check_room(self, payloads: Mapping[str, Payload]) -> None:
        """Ask whether these fit, in place of those of their names.

        Raises:
            TooManyRules: They do not.
        """
        if len(self.names() | payloads.keys()) > MAX_API_RULES:
            raise TooManyRules(f"there would be more than {MAX_API_RULES} rules of the API")
        size_bytes = sum(_size_bytes(payload) for payload in payloads.values())
        size_bytes += sum(
            rule.size_bytes for name, rule in self.rules.items() if name not in payloads
        )
        if size_bytes > MAX_API_BYTES:
            raise TooManyRules(
                f"the rules of the API would take {size_bytes} bytes, and may take {MAX_API_BYTES}"
            )

    async def put_all(self, rules: Mapping[str, tuple[Payload, RuleDocument]], now_ms: int) -> None:
        """Set rules, all or none; returns when they are on disk.

        A rule that there was keeps the time of its creation.

        Raises:
            RegistryError: The disk refused; nothing has changed.
        """
        created_ms = {
            name: now_ms if (before := self.rules.get(name)) is None else before.created_ms
            for name in rules
        }
        records: dict[str, Record] = {
            name: {"payload": cast("Record", payload), "created_ms": created_ms[name]}
            for name, (payload, _) in rules.items()
        }
        await self._registry.put_all(TABLE, records)
        for name, (payload, document) in rules.items():
            self.broken.pop(name, None)
            self.rules[name] = self._rule(name, payload, document, created_ms[name])

    async def remove(self, name: str) -> None:
        """Remove a rule; returns when that is on disk.

        Raises:
            RegistryError: The disk refused; nothing has changed.
        """
        await self._registry.remove(TABLE, name)
        self.rules.pop(name, None)
        self.broken.pop(name, None)

    async def take_back(self, name: str, before: Kept) -> None:
        """Make of a name what it was before a write, if the disk lets us."""
        try:
            if before.record is None:
                await self.remove(name)
            else:
                await self._registry.put(TABLE, name, before.record)
        except RegistryError as error:
            log.error("rule %s: what was written cannot be taken back: %s", name, error)
            return
        self.rules.pop(name, None)
        if before.rule is not None:
            self.rules[name] = before.rule
        if before.broken is not None:
            self.broken[name] = before.broken

    def _parse(
        self, records: Mapping[str, Record]
    ) -> tuple[dict[str, CatalogueRule], dict[str, str]]:
        rules: dict[str, CatalogueRule] = {}
        broken: dict[str, str] = {}
        for name, record in records.items():
            written, created_ms = record.get("payload"), record.get("created_ms")
            if not isinstance(written, dict) or not isinstance(created_ms, int):
                broken[name] = "its record in the registry is damaged; replace or delete the rule"
                continue
            try:
                payload, document = read_rule(
                    name, cast("Payload", written), source=f"the rule {name}"
                )
            except RuleDocumentError as error:
                broken[name] = "; ".join(map(told, error.problems))
            else:
                rules[name] = self._rule(name, payload, document, created_ms)
        return rules, broken

    def _rule(
        self, name: str, payload: Payload, document: RuleDocument, created_ms: int
    ) -> CatalogueRule:
        arn = self._arn_prefix + name
        size_bytes = _size_bytes(payload)
        return CatalogueRule(name, payload, document, None, created_ms, arn, size_bytes=size_bytes)


def _size_bytes(payload: Payload) -> int:
    return len(orjson.dumps(payload))
