"""The catalogue of rules: which there are, from files and from the API, and which are in force.

Owns which rule a name stands for, and the order of writes. A file wins over an API rule of its
name, which stays in the registry and comes back when the file goes. How a rule runs is the
engine's; what a document means is `rules`'s.

Source: AWS IoT API reference, `CreateTopicRule`, `ReplaceTopicRule`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar, final

from gateway.engine.catalogue.api_rules import ApiRules
from gateway.engine.catalogue.enforcement import RuleEngine, RulesInForce
from gateway.engine.catalogue.entry import Applied, CatalogueRule, Refusal
from gateway.engine.catalogue.errors import (
    CatalogueError,
    InvalidRule,
    RuleExists,
    RuleInFile,
    RuleNotFound,
    TooManyRules,
)
from gateway.engine.catalogue.file_rules import FileRules
from gateway.engine.catalogue.loading import told
from gateway.engine.catalogue.rule_files import Payload, is_same, read_rule, read_text
from gateway.engine.in_turn import InTurn
from gateway.registry import Registry
from rules import Problem, RuleDocument, RuleDocumentError

__all__ = [
    "Applied",
    "CatalogueError",
    "CatalogueRule",
    "InvalidRule",
    "RuleCatalogue",
    "RuleExists",
    "RuleInFile",
    "RuleNotFound",
    "TooManyRules",
]

_T = TypeVar("_T")


@final
class RuleCatalogue:
    """Keeps the rules, and keeps them in force.

    A write is effective when it returns, and on disk by then. Writes run one after the other, each
    to its end, whatever becomes of its caller.

    Args:
        engine: Where rules run.
        registry: Where rules of the API are kept.
        folder: The folder of rule files, or None.
        now_ms: Wall time, in milliseconds since 1970.
        region: Appears in ARNs.
        account: Appears in ARNs.
        on_rule: Called with each enabled rule that comes in force.

    Attributes:
        folder: The folder of rule files, or None.
    """

    def __init__(
        self,
        engine: RuleEngine,
        registry: Registry,
        folder: Path | None,
        *,
        now_ms: Callable[[], int],
        region: str,
        account: str,
        on_rule: Callable[[RuleDocument], None] = lambda document: None,
    ) -> None:
        self.folder = folder
        self._now_ms = now_ms
        arn_prefix = f"arn:aws:iot:{region}:{account}:rule/"
        self._api = ApiRules(registry, arn_prefix)
        self._files = FileRules(folder, arn_prefix)
        self._in_force = RulesInForce(engine, on_rule)
        self._turns = InTurn()

    async def start(self) -> None:
        """Read the registry and the folder, and put every rule in force that can be."""
        await self._api.load()
        self._files.take(await self._files.look())
        for name in sorted(self._files.rules.keys() | self._api.rules.keys()):
            self._bring_in_force(name)

    async def stop(self) -> None:
        """Wait for the writes under way."""
        await self._turns.close()

    # --- looking ---------------------------------------------------------------------------------

    def get(self, name: str) -> CatalogueRule | None:
        """Return the rule of this name; where a file hides an API rule, the file's."""
        return self._in_force.rules.get(name)

    def all(self) -> list[CatalogueRule]:
        """Return every rule, by name."""
        return [rule for _, rule in sorted(self._in_force.rules.items())]

    @property
    def broken(self) -> list[tuple[Path | str, str]]:
        """What gave no rule, and why: files, and names of API rules that are kept all the same."""
        found: list[tuple[Path | str, str]] = [
            (problem.file, "; ".join(problem.problems)) for problem in self._files.broken
        ]
        found += sorted(self._api.broken.items())
        for name, reason in sorted(self._in_force.refused.items()):
            rule = self._files.rules.get(name)
            found.append((rule.file if rule is not None and rule.file else name, reason))
        return found

    # --- the API ---------------------------------------------------------------------------------

    async def create(self, name: str, payload: Payload) -> CatalogueRule:
        """Make a rule.

        Raises:
            RuleExists: There is one of this name.
            RuleInFile: There is one, and it comes from a file.
            InvalidRule: The payload or the name cannot be used.
            TooManyRules: There is no room for another.
            RegistryError: The disk refused; nothing has changed.
        """

        async def create() -> CatalogueRule:
            self._files.refuse_if_here(name)
            if name in self._api.names():
                raise RuleExists(name)
            return await self._write(name, payload)

        return await self._turns.run(create)

    async def replace(self, name: str, payload: Payload) -> CatalogueRule:
        """Give a rule another payload; the same one changes nothing.

        Raises:
            RuleNotFound: There is none of this name.
            RuleInFile: It comes from a file.
            InvalidRule: The payload cannot be used.
            TooManyRules: There is no room for it.
            RegistryError: The disk refused; nothing has changed.
        """

        async def replace() -> CatalogueRule:
            self._check_is_of_api(name)
            return await self._write(name, payload)

        return await self._turns.run(replace)

    async def set_disabled(self, name: str, disabled: bool) -> CatalogueRule:
        """Disable or enable a rule; its payload says so from then on.

        Raises:
            RuleNotFound: There is none of this name.
            RuleInFile: It comes from a file.
            InvalidRule: It is a rule that cannot be used.
            RegistryError: The disk refused; nothing has changed.
        """

        async def set_disabled() -> CatalogueRule:
            try:
                self._check_is_of_api(name)
            except RuleInFile as error:
                raise RuleInFile(name, error.file, disabled=disabled) from None
            reason = self._api.broken.get(name)
            if reason is not None:
                raise InvalidRule(name, (Problem("$", reason, "replace the rule"),))
            rule = self._api.rules[name]
            if rule.document.disabled == disabled:
                return rule
            return await self._write(name, {**rule.payload, "ruleDisabled": disabled})

        return await self._turns.run(set_disabled)

    async def delete(self, name: str) -> None:
        """Remove a rule.

        Raises:
            RuleNotFound: There is none of this name.
            RuleInFile: It comes from a file.
            RegistryError: The disk refused; nothing has changed.
        """

        async def delete() -> None:
            self._check_is_of_api(name)
            await self._api.remove(name)
            self._bring_in_force(name)

        await self._turns.run(delete)

    async def apply(self, texts: Sequence[tuple[str, str]], *, dry_run: bool = False) -> Applied:
        """Create or replace rules of the API: all of them, or none if one cannot be used.

        Args:
            texts: Documents, each with what to call it; a file name without its ending is the
                rule's name where the document has none.
            dry_run: Whether to tell only what would come of it.

        Raises:
            TooManyRules: There is no room for them.
            InvalidRule: The engine refuses one.
            RegistryError: The disk refused. What was written before is taken back, if it lets us.
        """
        return await self._turns.run(lambda: self._apply(texts, dry_run))

    async def reload(self, *, dry_run: bool = False) -> Applied:
        """Read the folder again; effective at once, and rules that are the same go on.

        A file that gives no rule any more leaves what it gave before in force.

        Args:
            dry_run: Whether to tell only what would come of it.
        """
        return await self._turns.run(lambda: self._reload(dry_run))

    # --- writing ---------------------------------------------------------------------------------

    async def _apply(self, texts: Sequence[tuple[str, str]], dry_run: bool) -> Applied:
        given, refused = await asyncio.to_thread(self._judge, texts)
        if refused:
            return Applied(refused=tuple(refused))
        api = self._api
        changed = {
            name: read
            for name, read in given.items()
            if name not in api.rules or not is_same(api.rules[name].payload, read[0])
        }
        applied = Applied(
            created=tuple(name for name in changed if name not in api.names()),
            replaced=tuple(name for name in changed if name in api.names()),
            unchanged=tuple(name for name in given if name not in changed),
        )
        api.check_room({name: payload for name, (payload, _) in changed.items()})
        if dry_run:
            return applied
        await self._write_all(changed)
        return applied

    def _judge(
        self, texts: Sequence[tuple[str, str]]
    ) -> tuple[dict[str, tuple[Payload, RuleDocument]], list[Refusal]]:
        given: dict[str, tuple[Payload, RuleDocument]] = {}
        sources: dict[str, str] = {}
        refused: list[Refusal] = []
        for source, text in texts:
            try:
                payload, document = read_text(text.encode(errors="surrogatepass"), source=source)
            except RuleDocumentError as error:
                refused.append((source, tuple(map(told, error.problems))))
                continue
            name = document.name
            try:
                self._files.refuse_if_here(name)
            except RuleInFile as error:
                refused.append((source, (f"{error}. {error.hint}",)))
                continue
            if name in given:
                reason = f"the rule {name} is in {sources[name]} already; rename one of them"
                refused.append((source, (reason,)))
                continue
            given[name] = (payload, document)
            sources[name] = source
        return given, refused

    def _check_is_of_api(self, name: str) -> None:
        self._files.refuse_if_here(name)
        if name not in self._api.names():
            raise RuleNotFound(name)

    async def _write(self, name: str, payload: Payload) -> CatalogueRule:
        try:
            read = await asyncio.to_thread(read_rule, name, payload, source=f"the rule {name}")
        except RuleDocumentError as error:
            raise InvalidRule(name, error.problems) from None
        before = self._api.rules.get(name)
        if before is not None and before.payload == read[0]:
            return before
        self._api.check_room({name: read[0]})
        await self._write_all({name: read})
        return self._in_force.rules[name]

    async def _write_all(self, rules: Mapping[str, tuple[Payload, RuleDocument]]) -> None:
        """Write these rules and put them in force, or none of them."""
        before = {name: self._api.kept(name) for name in rules}
        await self._api.put_all(rules, self._now_ms())
        for name in rules:
            self._bring_in_force(name)
        for name in rules:
            reason = self._in_force.refused.get(name)
            if reason is not None:
                for other, kept in before.items():
                    await self._api.take_back(other, kept)
                    self._bring_in_force(other)
                raise InvalidRule(name, (Problem("$.topicRulePayload", reason),))

    async def _reload(self, dry_run: bool) -> Applied:
        found = await self._files.look()
        names = sorted(found.rules.keys() | self._files.rules.keys())
        refused: list[Refusal] = [(str(bad.file), bad.problems) for bad in found.broken]
        before = dict(self._in_force.rules)
        if dry_run:
            return Applied.between(before, self._api.rules | found.rules, names, refused)
        self._files.take(found)
        for name in names:
            self._bring_in_force(name)
        for name in found.rules.keys() & self._in_force.refused.keys():
            refused.append((str(found.rules[name].file), (self._in_force.refused[name],)))
        return Applied.between(before, self._in_force.rules, names, refused)

    def _bring_in_force(self, name: str) -> None:
        """Let the engine have what the catalogue has under this name."""
        rule = self._files.rules.get(name)
        shadows = rule is not None and name in self._api.names()
        self._in_force.set(name, rule or self._api.rules.get(name), shadows=shadows)
