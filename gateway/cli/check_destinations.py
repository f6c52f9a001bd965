"""Where `http` actions of rules post to, against the destinations that the settings declare.

Owns which addresses need a confirmation. Asks nobody: what was confirmed before is kept by the
gateway, and not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gateway.cli.naming import Naming, Rules, constant, parameters_of, quoted
from gateway.cli.output import sentence
from gateway.http.url import HttpUrl

if TYPE_CHECKING:
    from gateway.cli.verdict import Verdict
    from gateway.config import Settings

__all__ = ["judge_destinations"]


def judge_destinations(found: Rules, settings: Settings, verdict: Verdict) -> None:
    """Tell of addresses that no declared destination covers, and of those that cannot be used.

    Args:
        found: The rules.
        settings: What they may post to.
        verdict: Where warnings, notes and lines to add go.
    """
    declared = [HttpUrl.parse(destination.url) for destination in settings.destinations]
    uncovered = Naming()
    for file, document in found:
        for action in parameters_of(document, "http"):
            try:
                needed = _needed(action, declared)
            except ValueError as error:
                told = f"{file}: the rule {document.name} can post nothing, {error}"
                verdict.warnings.append(sentence(told))
                continue
            if needed:
                uncovered.add(needed, file, document)
    for url in uncovered:
        told = (
            f"{uncovered.who(url, ('posts', 'post'))} to {url}, which no section "
            "[[rules.destinations]] covers"
        )
        if settings.aws is None:
            verdict.warnings.append(
                f"{told}, and without a section [aws] its server cannot confirm that it may; add "
                "the lines below to the settings."
            )
            verdict.lines_to_add += ["[[rules.destinations]]", f"url = {quoted(url)}"]
        else:
            verdict.notes.append(
                f"{told}: its server is asked to confirm once, unless it has done so."
            )


def _needed(action: Mapping[str, object], declared: list[HttpUrl]) -> str:
    """Return the address that has to be confirmed; empty where none has to, or it is not known.

    Raises:
        ValueError: An address cannot be used; the message says which and why.
    """
    texts = [constant(action.get("url")), constant(action.get("confirmationUrl"))]
    urls = [_parse(text) for text in texts if text]
    if not urls or any(url.begins_with(prefix) for url in urls for prefix in declared):
        return ""
    return str(urls[-1])


def _parse(text: str) -> HttpUrl:
    try:
        return HttpUrl.parse(text)
    except ValueError as error:
        raise ValueError(f"for the address {quoted(text[:200])} cannot be used: {error}") from None
