"""The settings reference: made from the code, complete, and never out of date."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from gateway.config import describe, effective, load
from gateway.config.reference import markdown
from gateway.config.settings import SECTIONS, Settings

DOCUMENT = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"


def test_the_committed_reference_is_what_the_code_says() -> None:
    remake = "remake it: .venv/bin/python -m gateway.config.reference > docs/reference/settings.md"
    assert DOCUMENT.read_text(encoding="utf-8") == markdown(), remake


def test_every_setting_has_a_unit_and_a_reason() -> None:
    for setting in describe():
        where = f"{setting.section}.{setting.key}"
        assert setting.doc, where
        assert setting.unit or setting.type in ("text", "true or false"), where


def test_every_part_of_the_settings_is_described() -> None:
    filled = {section.attribute for section in SECTIONS} | {"source", "lines"}
    assert filled == {field.name for field in dataclasses.fields(Settings)}


def test_the_effective_settings_tell_defaults_from_what_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "weir.toml"
    file.write_text(
        '[gateway]\ndata_dir = "/d"\n[[mqtt.listeners]]\nanonymous = true\n', encoding="utf-8"
    )
    held = {setting.place: (setting.value, setting.line) for setting in effective(load(file))}
    assert held["gateway.data_dir"] == ('"/d"', 2)
    assert held["gateway.name"] == ('"weir"', None)
    assert held["mqtt.listeners[0].anonymous"] == ("true", 4)
    assert held["mqtt.listeners[0].bind"] == ('"127.0.0.1:1883"', None)
    assert held["rules.dir"] == ("", None)
    assert not any(place.startswith("aws.") for place in held)  # there is no such section
