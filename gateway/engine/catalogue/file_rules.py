"""Rules that come from files: what the folder gave when it was read last.

Owns that a file which gives no rule any more takes no rule out of force. Knows nothing of the API's
rules.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import final

from gateway.engine.catalogue.entry import CatalogueRule
from gateway.engine.catalogue.errors import RuleInFile
from gateway.engine.catalogue.loading import RuleFileProblem
from gateway.engine.catalogue.rule_files import RuleFile, read_rule_files

__all__ = ["FileRules", "Folder"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Folder:
    """What a folder gives.

    Attributes:
        rules: Rules, by name.
        broken: What gives no rule.
    """

    rules: dict[str, CatalogueRule]
    broken: list[RuleFileProblem]


@final
class FileRules:
    """The rules of a folder.

    Args:
        folder: The folder, or None for no rules.
        arn_prefix: What their ARNs begin with.

    Attributes:
        folder: The folder, or None.
        rules: The rules, by name.
        broken: What gave no rule.
    """

    def __init__(self, folder: Path | None, arn_prefix: str) -> None:
        self.folder = folder
        self.rules: dict[str, CatalogueRule] = {}
        self.broken: list[RuleFileProblem] = []
        self._arn_prefix = arn_prefix

    async def look(self) -> Folder:
        """Read the folder, and change nothing; a rule that is the same keeps its document.

        What a file that cannot be used gave before stays, unless another file has the rule now.
        """
        found, broken = await asyncio.to_thread(read_rule_files, self.folder)
        rules = {file.document.name: self._rule(file) for file in found}
        before = {rule.file: rule for rule in self.rules.values()}
        for problem in broken:
            unread = list(before) if problem.file == self.folder else [problem.file]
            for path in unread:
                kept = before.get(path)
                if kept is not None:
                    rules.setdefault(kept.name, kept)
        return Folder(rules, broken)

    def take(self, found: Folder) -> None:
        """Let what was found be the rules, and log what is wrong."""
        self.rules = found.rules
        self.broken = found.broken
        for problem in found.broken:
            log.error("rule file %s gives no rule: %s", problem.file, "; ".join(problem.problems))
            for rule in found.rules.values():
                if problem.file in (rule.file, self.folder):
                    log.warning("rule %s stays in force as it was", rule.name)

    def refuse_if_here(self, name: str) -> None:
        """Leave a rule to its file.

        Raises:
            RuleInFile: There is a file with a rule of this name.
        """
        rule = self.rules.get(name)
        if rule is not None and rule.file is not None:
            raise RuleInFile(name, rule.file)

    def _rule(self, file: RuleFile) -> CatalogueRule:
        name, document = file.document.name, file.document
        before = self.rules.get(name)
        if before is not None and before.payload == file.payload:
            document = before.document
        arn = self._arn_prefix + name
        return CatalogueRule(name, file.payload, document, file.file, file.written_ms, arn)
