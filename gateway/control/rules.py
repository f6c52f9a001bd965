"""The control socket's endpoints of rules: which there are, and how they are doing.

Owns the documents under `/v1/rules`. What a rule is and whether it may be written is the
catalogue's; what it has done is the engine's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol, cast, final

import orjson

from gateway.control.routing import Endpoints, Refused, json_response, query
from gateway.engine import RuleStatus
from gateway.engine.catalogue.catalogue import (
    Applied,
    CatalogueError,
    CatalogueRule,
    RuleCatalogue,
    RuleExists,
    RuleInFile,
    RuleNotFound,
    TooManyRules,
)
from gateway.engine.catalogue.loading import told
from gateway.http.message import Request, Response

__all__ = ["EngineStatus", "rule_endpoints"]

_APPLY_FORM: Final = 'Send {"rules": [{"source": name, "text": document}, …]}.'


class EngineStatus(Protocol):
    """What the endpoints need of the engine."""

    def status(self) -> list[RuleStatus]:
        """Return how every rule is doing."""

    def status_of(self, name: str) -> RuleStatus | None:
        """Return how the rule of this name is doing."""


def rule_endpoints(catalogue: RuleCatalogue, engine: EngineStatus) -> Endpoints:
    """Return the endpoints under `/v1/rules`.

    Args:
        catalogue: Which rules there are.
        engine: How they are doing.
    """
    answers = _Answers(catalogue, engine)
    return {
        "/v1/rules": ("GET", answers.every),
        "/v1/rules/{name}": ("GET", answers.one),
        "/v1/rules/{name}/enable": ("POST", answers.enable),
        "/v1/rules/{name}/disable": ("POST", answers.disable),
        "/v1/rules/apply": ("POST", answers.apply),
        "/v1/rules/reload": ("POST", answers.reload),
    }


@final
class _Answers:
    def __init__(self, catalogue: RuleCatalogue, engine: EngineStatus) -> None:
        self._catalogue = catalogue
        self._engine = engine

    async def every(self, request: Request) -> Response:
        query(request, set())
        catalogue = self._catalogue
        status = {status.name: status for status in self._engine.status()}
        return json_response(
            {
                "dir": None if catalogue.folder is None else str(catalogue.folder),
                "rules": [_line(rule, status.get(rule.name)) for rule in catalogue.all()],
                "broken": [
                    {"file": str(source), "problem": reason} for source, reason in catalogue.broken
                ],
            }
        )

    async def one(self, request: Request, name: str) -> Response:
        query(request, set())
        return self._answer(name)

    async def enable(self, request: Request, name: str) -> Response:
        async with _refusing():
            await self._catalogue.set_disabled(name, False)
        return self._answer(name)

    async def disable(self, request: Request, name: str) -> Response:
        async with _refusing():
            await self._catalogue.set_disabled(name, True)
        return self._answer(name)

    async def apply(self, request: Request) -> Response:
        dry_run = "dry_run" in query(request, {"dry_run"})
        texts = _texts(request.body)
        async with _refusing():
            return json_response(_applied(await self._catalogue.apply(texts, dry_run=dry_run)))

    async def reload(self, request: Request) -> Response:
        dry_run = "dry_run" in query(request, {"dry_run"})
        if self._catalogue.folder is None:
            raise Refused(
                409,
                "no-rules-folder",
                "this gateway has no folder of rule files",
                "Set rules.dir in its settings, and restart it.",
            )
        return json_response(_applied(await self._catalogue.reload(dry_run=dry_run)))

    def _answer(self, name: str) -> Response:
        rule = self._catalogue.get(name)
        if rule is None:
            raise self._unknown(name)
        return json_response(
            {
                **_line(rule, self._engine.status_of(name)),
                "rule": rule.payload,
                "arn": rule.arn,
                "created_ms": rule.created_ms,
                "warnings": [told(warning) for warning in rule.document.warnings],
            }
        )

    def _unknown(self, name: str) -> Refused:
        for source, reason in self._catalogue.broken:
            if name == (source if isinstance(source, str) else source.stem):
                return Refused(
                    404, "broken-rule", f"{source} gives no rule: {reason}", "Correct it."
                )
        missing = RuleNotFound(name)
        return Refused(404, missing.code, str(missing), missing.hint)


@asynccontextmanager
async def _refusing() -> AsyncIterator[None]:
    try:
        yield
    except CatalogueError as error:
        status = 400
        if isinstance(error, RuleNotFound):
            status = 404
        elif isinstance(error, RuleExists | RuleInFile | TooManyRules):
            status = 409
        raise Refused(status, error.code, str(error), error.hint) from error


def _line(rule: CatalogueRule, status: RuleStatus | None) -> dict[str, object]:
    fields: dict[str, object] = {"name": rule.name, "disabled": rule.document.disabled}
    if status is not None:
        fields |= {field.name: getattr(status, field.name) for field in dataclasses.fields(status)}
    fields["source"] = "api" if rule.file is None else "file"
    fields["file"] = None if rule.file is None else str(rule.file)
    fields["shadows"] = rule.shadows
    return fields


def _applied(applied: Applied) -> dict[str, object]:
    return {
        "created": applied.created,
        "replaced": applied.replaced,
        "unchanged": applied.unchanged,
        "removed": applied.removed,
        "refused": [
            {"source": source, "problems": problems} for source, problems in applied.refused
        ],
    }


def _texts(body: bytes) -> list[tuple[str, str]]:
    def refused(message: str) -> Refused:
        return Refused(400, "bad-apply", message, _APPLY_FORM)

    try:
        document: object = orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        raise refused(f"the body is no JSON: {fault}") from None
    if not isinstance(document, dict) or document.keys() != {"rules"}:
        raise refused("the body is no object with the key 'rules' alone")
    if not isinstance(document["rules"], list):
        raise refused("'rules' is no array")
    texts = []
    for given in cast("list[object]", document["rules"]):
        if not isinstance(given, dict) or given.keys() != {"source", "text"}:
            raise refused("a rule is no object with the keys 'source' and 'text'")
        source, text = given["source"], given["text"]
        if not isinstance(source, str) or not isinstance(text, str):
            raise refused("a rule's source and text must be strings")
        texts.append((source, text))
    return texts
