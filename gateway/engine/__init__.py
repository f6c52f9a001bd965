"""The rules in force: loaded from documents, evaluated per message, their actions carried out."""

from gateway.engine.engine import Engine, RuleStatus
from gateway.engine.loading import LoadedRules, load_rules
from gateway.engine.settings import RulesSettings

__all__ = ["Engine", "LoadedRules", "RuleStatus", "RulesSettings", "load_rules"]
