"""Every normative statement has a test or a written reason, and the documentation says which."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.table import PAGE, Version, page, problems, read_version, versions

VERSIONS = versions()


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_every_statement_has_a_test_or_one_of_few_reasons(version: Version) -> None:
    assert problems(version) == []


def test_the_tables_hold_all_statements_of_both_versions() -> None:
    assert [len(version.statements) for version in VERSIONS] == [141, 251]


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_the_statements_stand_in_the_order_of_their_sections(version: Version) -> None:
    sections = [section_of(statement.id) for statement in version.statements]
    assert sections == sorted(sections)


def section_of(statement: str) -> list[int]:
    return [int(part) for part in statement.removeprefix("MQTT-").replace("-", ".").split(".")]


def test_the_page_says_what_the_tables_and_the_tests_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(VERSIONS), (
        "python -m tests.conformance.table > docs/reference/conformance.md"
    )


# --- the checker itself ---------------------------------------------------------------------------

STATEMENT = '[[statement]]\nid = "MQTT-1.1.1-{}"\nsays = "Something."\n'
ENOUGH = "".join(STATEMENT.format(number) for number in range(1, 41))
TESTS = "".join(f"def test_MQTT_1_1_1_{number}_something():\n    pass\n" for number in range(1, 41))


def version_of(folder: Path, table: str, tests: str) -> Version:
    (folder / "mqtt.toml").write_text(table)
    (folder / "test_something.py").write_text(tests)
    return read_version("MQTT 9", folder / "mqtt.toml", folder)


def test_a_table_with_a_test_for_each_statement_is_in_order(tmp_path: Path) -> None:
    version = version_of(tmp_path, ENOUGH, TESTS)
    assert problems(version) == []
    assert (version.tested, version.reasons) == (40, 0)


@pytest.mark.parametrize(
    ("table", "tests", "problem"),
    [
        (STATEMENT.format(41), "", "MQTT-1.1.1-41 has neither a test nor a reason"),
        (STATEMENT.format(7), "", "MQTT-1.1.1-7 stands there twice"),
        (
            STATEMENT.format(41),
            "def test_MQTT_1_1_1_4_something_more(): pass",
            "MQTT-1.1.1-41 has neither a test nor a reason",
        ),
        (
            "",
            "async def test_MQTT_1_1_1_41_something(): pass",
            "test_something.py::test_MQTT_1_1_1_41_something tests MQTT-1.1.1-41, unknown",
        ),
        ("", "def test_anything(): pass", "test_something.py::test_anything is not named after a"),
        ("", "def test_MQTT_1_1_1_4(): pass", "test_something.py::test_MQTT_1_1_1_4 is not named"),
        ("", "class TestIt: pass", "test_something.py::TestIt is not named after a statement"),
        (
            STATEMENT.format("41") + 'reason = "Nobody can see it."',
            "def test_MQTT_1_1_1_41_it_can_be_seen(): pass",
            "MQTT-1.1.1-41 has a test, and a reason to have none",
        ),
        (
            '[[statement]]\nid = "MQTT-1.1.1.41"\nsays = "It."\nreason = "So."\n',
            "",
            "MQTT-1.1.1.41 is not the name of a statement",
        ),
        (
            '[[statement]]\nid = "MQTT-1.1.1-41"\nsays = ""\nreason = "So."\n',
            "",
            "MQTT-1.1.1-41 says nothing",
        ),
        (
            "".join(STATEMENT.format(number) + 'reason = "So."\n' for number in (41, 42, 43)),
            "",
            "3 of 43 statements have a reason in place of a test: more than 5%",
        ),
    ],
)
def test_what_is_missing_unknown_double_or_too_much_is_reported(
    tmp_path: Path, table: str, tests: str, problem: str
) -> None:
    found = problems(version_of(tmp_path, ENOUGH + table, TESTS + tests))
    assert len(found) == 1
    assert found[0].startswith(problem)


def test_reasons_for_five_in_a_hundred_are_borne(tmp_path: Path) -> None:
    table = ENOUGH + "".join(STATEMENT.format(n) + 'reason = "So."\n' for n in (41, 42))
    assert problems(version_of(tmp_path, table, TESTS)) == []


def test_the_page_lists_each_statement_with_its_tests_or_its_reason(tmp_path: Path) -> None:
    table = STATEMENT.format(1) + STATEMENT.format(2) + 'reason = "A | B < C."\n'
    tests = "def test_MQTT_1_1_1_1_one(): pass\ndef test_MQTT_1_1_1_1_two(): pass\n"
    written = page([version_of(tmp_path, table, tests)])
    assert "| MQTT 9 | 2 | 1 | 1 |" in written
    both = (
        "`test_something.py::test_MQTT_1_1_1_1_one`<br>`test_something.py::test_MQTT_1_1_1_1_two`"
    )
    assert f"| MQTT-1.1.1-1 | Something. | {both} |" in written
    assert "| MQTT-1.1.1-2 | Something. | none: A \\| B &lt; C. |" in written
