"""The documents hold together: links lead somewhere, examples parse, settings and keys exist."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

import rules
from gateway.config import load

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def prose(document: Path) -> str:
    """Return a document without its code."""
    return _CODE.sub("", _FENCE.sub("", document.read_text(encoding="utf-8")))


def links(text: str) -> list[str]:
    """Return the targets of the links that stay inside the repository."""
    return [target for target in _LINK.findall(text) if "://" not in target]


def anchors(document: Path) -> set[str]:
    """Return the anchors that its headings have."""
    text = _FENCE.sub("", document.read_text(encoding="utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in _HEADING.findall(text)
    }


def broken_links(document: Path, text: str) -> list[str]:
    broken = []
    for target in links(text):
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or not file.is_relative_to(ROOT):
            broken.append(f"{target}: no such file")
        elif anchor and anchor not in anchors(file):
            broken.append(f"{target}: no such heading")
    return broken


def blocks(document: Path, language: str) -> list[str]:
    found = _FENCE.findall(document.read_text(encoding="utf-8"))
    return [text for marked, text in found if marked == language]


def name(document: Path) -> str:
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_somewhere(document: Path) -> None:
    assert broken_links(document, prose(document)) == []


def test_a_broken_link_is_found() -> None:
    index = DOCS / "README.md"
    text = "[a](nowhere.md) [b](compatibility.md#no-such) [c](../README.md) [d](https://a.test/)"
    assert broken_links(index, text) == [
        "nowhere.md: no such file",
        "compatibility.md#no-such: no such heading",
    ]


def test_every_page_is_reachable_from_the_index() -> None:
    seen: set[Path] = set()
    todo = [DOCS / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen:
            continue
        seen.add(page)
        for target in links(prose(page)):
            file = (page.parent / target.partition("#")[0]).resolve()
            if file.suffix == ".md" and file.exists():
                todo.append(file)
    assert {name(d) for d in DOCUMENTS} - {name(d) for d in seen} == set()


def test_the_index_itself_lists_every_page() -> None:
    listed = {(DOCS / target).resolve() for target in links(prose(DOCS / "README.md"))}
    assert {name(d) for d in DOCUMENTS} - {name(d) for d in listed} - {"docs/README.md"} == set()


def test_every_picture_is_used_and_well_formed() -> None:
    text = "".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    for picture in (DOCS / "pictures").iterdir():
        assert f"pictures/{picture.name}" in text
        assert ElementTree.parse(picture).getroot().tag.endswith("svg")


TOML = [(d, text) for d in DOCUMENTS for text in blocks(d, "toml")]


@pytest.mark.parametrize(("document", "text"), TOML, ids=[name(d) for d, _ in TOML])
def test_toml_blocks_are_settings_the_gateway_takes(
    document: Path, text: str, tmp_path: Path
) -> None:
    if "gateway" not in tomllib.loads(text):
        text = f'[gateway]\ndata_dir = "data"\n{text}'
    file = tmp_path / "weir.toml"
    file.write_text(text, encoding="utf-8")
    load(file)  # every key known, every value usable


JSON = [(d, text) for d in DOCUMENTS for text in blocks(d, "json")]


@pytest.mark.parametrize(("document", "text"), JSON, ids=[name(d) for d, _ in JSON])
def test_json_blocks_parse_and_rules_compile(document: Path, text: str) -> None:
    value = json.loads(text)
    if "topicRulePayload" in value:
        rule = rules.parse_rule(text, source=name(document))
        assert rule.warnings == ()


def test_the_rule_of_the_how_to_gives_the_body_it_shows() -> None:
    shown = blocks(DOCS / "how-to" / "rules.md", "json")
    rule = rules.parse_rule(shown[0], source="rules.md")
    message = rules.Message("site/north/temperature", b'{"celsius": 31.5, "humidity": 40}')
    output = rule.statement.evaluate(message, rules.Environment(now_ms=lambda: 1_793_491_200_000))
    assert output == shown[1].strip().encode()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_nothing_is_left_to_fill_in(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    markers = re.findall(r"<!-- .* -->", text)
    assert markers == []
