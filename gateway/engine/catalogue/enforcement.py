"""The rules that the engine runs, by name, and those that it refused.

Owns that the engine is told of changes only: a rule that stays the same goes on. Knows nothing of
where rules come from.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, final

from gateway.engine.catalogue.entry import CatalogueRule
from gateway.errors import GatewayError
from gateway.mqtt.errors import MqttError
from rules import RuleDocument

__all__ = ["RuleEngine", "RulesInForce"]

log = logging.getLogger(__name__)


class RuleEngine(Protocol):
    """What the catalogue needs of the engine."""

    def put(self, document: RuleDocument) -> None:
        """Put a rule in force, in place of the one of its name."""

    def remove(self, name: str) -> None:
        """Take a rule out of force."""


@final
class RulesInForce:
    """What the engine has.

    Args:
        engine: Where rules run.
        on_rule: Called with each enabled rule that comes in force.

    Attributes:
        rules: The rules, by name.
        refused: Why the engine did not take a rule, by name.
    """

    def __init__(self, engine: RuleEngine, on_rule: Callable[[RuleDocument], None]) -> None:
        self.rules: dict[str, CatalogueRule] = {}
        self.refused: dict[str, str] = {}
        self._engine = engine
        self._on_rule = on_rule

    def set(self, name: str, rule: CatalogueRule | None, *, shadows: bool) -> None:
        """Let the engine have this rule under its name, or none; what it refuses changes nothing.

        Args:
            name: The name.
            rule: The rule, or None.
            shadows: Whether an API rule of its name is hidden by it.
        """
        self.refused.pop(name, None)
        before = self.rules.get(name)
        if rule is None:
            if before is not None:
                del self.rules[name]
                self._engine.remove(name)
            return
        if shadows and not (before is not None and before.shadows):
            log.warning("rule %s: the file %s wins over the API's rule", name, rule.file)
        if before is None or before.document is not rule.document:
            try:
                self._engine.put(rule.document)
            except (GatewayError, MqttError) as error:
                self.refused[name] = str(error)
                log.error("rule %s cannot be put in force: %s", name, error)
                return
            if not rule.document.disabled:
                try:
                    self._on_rule(rule.document)
                except GatewayError as error:  # the rule runs; what it needs may come later
                    log.warning("rule %s: %s", name, error)
        self.rules[name] = replace(rule, shadows=shadows)
