"""The rules in force: loaded from documents, evaluated per message, their actions carried out."""

from gateway.engine.catalogue.loading import LoadedRules, load_rules
from gateway.engine.engine import Engine
from gateway.engine.settings import RulesSettings
from gateway.engine.tally import ActionStatus, RuleStatus

__all__ = [
    "ActionStatus",
    "Engine",
    "LoadedRules",
    "RuleStatus",
    "RulesSettings",
    "load_rules",
]
