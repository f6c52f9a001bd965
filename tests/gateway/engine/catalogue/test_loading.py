"""Rule files: each gives a rule or says what is wrong with it, and keeps no other from loading."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.engine import LoadedRules, load_rules
from gateway.engine.catalogue.loading import MAX_DOCUMENT_BYTES
from tests.gateway.engine.running import rule, sqs

GOOD = rule("SELECT * FROM 'bench/#'", sqs("alarms"))


def load(folder: Path, **files: object) -> LoadedRules:
    """Write each document (or text) to a file of its name, and load the folder."""
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / f"{name}.json").write_text(text)
    return load_rules(folder)


def names(loaded: LoadedRules) -> list[str]:
    return [document.name for _, document in loaded.rules]


def problem(loaded: LoadedRules) -> str:
    """The only sentence of the only problem."""
    (found,) = loaded.problems
    (sentence,) = found.problems
    return sentence


def test_every_form_of_document_is_a_rule_and_files_come_in_order(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        b={"ruleName": "wrapped", "topicRulePayload": GOOD},
        a=GOOD,
        c={"rule": {"ruleName": "answered", **GOOD}},
    )
    assert not loaded.problems
    assert names(loaded) == ["a", "wrapped", "answered"]
    assert [file.name for file, _ in loaded.rules] == ["a.json", "b.json", "c.json"]


def test_text_that_is_no_json_is_reported_with_its_place(tmp_path: Path) -> None:
    loaded = load(tmp_path, bad='{"sql":\n  oops}', good=GOOD)
    assert names(loaded) == ["good"]
    assert loaded.problems[0].file == tmp_path / "bad.json"
    assert "not valid JSON" in problem(loaded)
    assert "line 2, column 3" in problem(loaded)


def test_sql_is_reported_with_line_and_column(tmp_path: Path) -> None:
    sql = "SELECT celsius\nFROM 'bench/#' WHERE >"
    loaded = load(tmp_path, bad=rule(sql, sqs("alarms")), good=GOOD)
    assert names(loaded) == ["good"]
    assert "$.sql: line 2, column 22 of the SQL: " in problem(loaded)


def test_a_name_that_is_taken_is_a_problem_of_the_later_file(tmp_path: Path) -> None:
    document = {"ruleName": "one", "topicRulePayload": GOOD}
    loaded = load(tmp_path, first=document, second=document, third=GOOD)
    assert names(loaded) == ["one", "third"]
    assert loaded.problems[0].file.name == "second.json"
    assert "the rule one is in first.json already; rename one of them" in problem(loaded)


def test_every_problem_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    loaded = load(tmp_path, bad={"sql": "SELECT", "actions": [{"sqs": {}}], "extra": 1})
    (found,) = loaded.problems
    assert len(found.problems) >= 3
    assert any("extra" in sentence for sentence in found.problems)


def test_a_folder_that_is_missing_is_one_problem_and_none_is_none(tmp_path: Path) -> None:
    loaded = load_rules(tmp_path / "gone")
    assert not loaded.rules
    assert problem(loaded).endswith("gone does not exist; create it, or correct rules.dir")
    assert load_rules(None) == LoadedRules((), ())
    assert load_rules(tmp_path) == LoadedRules((), ()), "an empty folder is no problem"


def test_a_folder_that_is_a_file_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "rules.d"
    file.write_text("{}")
    assert "cannot be read: Not a directory" in problem(load_rules(file))


@contextmanager
def somebody_else() -> Iterator[None]:
    """Run as a user who is not root, whom permissions mean nothing to."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_may_not_be_read_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    load(tmp_path, good=GOOD)
    tmp_path.chmod(0)
    try:
        with somebody_else():
            loaded = load_rules(tmp_path)
    finally:
        tmp_path.chmod(0o700)
    assert not loaded.rules
    assert "cannot be read: Permission denied" in problem(loaded)


def test_a_file_at_the_limit_is_read_and_one_byte_more_is_not(tmp_path: Path) -> None:
    text = json.dumps(GOOD)
    fits = text + " " * (MAX_DOCUMENT_BYTES - len(text))
    loaded = load(tmp_path, fits=fits, larger=fits + " ")
    assert names(loaded) == ["fits"]
    assert loaded.problems[0].file.name == "larger.json"
    assert str(MAX_DOCUMENT_BYTES) in problem(loaded)


def test_what_is_no_regular_file_is_reported_and_not_opened(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")  # opening it for reading would wait for a writer
    (tmp_path / "nowhere.json").symlink_to(tmp_path / "gone")
    loaded = load(tmp_path, good=GOOD)
    assert names(loaded) == ["good"]
    assert [found.file.name for found in loaded.problems] == [
        "folder.json",
        "nowhere.json",
        "pipe.json",
    ]
    assert all("no regular file" in found.problems[0] for found in loaded.problems)


def test_other_files_of_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("rules")
    (tmp_path / "old.json.bak").write_text("{")
    assert load_rules(tmp_path) == LoadedRules((), ())


def test_bytes_that_are_not_utf_8_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "latin.json").write_bytes(b'{"sql": "SELECT * FROM \'caf\xe9\'"}')
    assert "not valid JSON" in problem(load(tmp_path, good=GOOD))
