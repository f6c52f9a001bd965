"""`weir check`: functions, buckets and secrets that the settings declare, on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.cli import check_services
from tests.rig.judged import Site

FUNCTION = ("[[lambda.functions]]", 'name = "alarm"', 'file = "alarm.py"')
GOOD = "def lambda_handler(event, context):\n    return event\n"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def judged(site: Site, source: str | bytes) -> tuple[list[str], list[str]]:
    data = source if isinstance(source, bytes) else source.encode()
    (site.folder / "alarm.py").write_bytes(data)
    site.add(*FUNCTION)
    verdict = site.judge()
    return verdict.problems, verdict.warnings


# --- functions ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        GOOD,
        "from other import lambda_handler",
        "from other import *",
        "import other\nlambda_handler = other.run",
        "try:\n    import fast\nexcept ImportError:\n    def lambda_handler(e, c): return 1",
        "# -*- coding: latin-1 -*-\nname = '\xfc'\n".encode("latin-1") + GOOD.encode(),
        GOOD + "PATTERN = '\\d'\n",  # Python would warn
    ],
)
def test_a_function_that_can_be_one(site: Site, source: str | bytes) -> None:
    assert judged(site, source) == ([], [])


def test_a_file_is_never_executed(site: Site) -> None:
    trace = site.folder / "executed"
    source = f"open({str(trace)!r}, 'w').close()\nraise SystemExit\n{GOOD}"
    assert judged(site, source) == ([], [])
    assert not trace.exists()


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def lambda_handler(event, context)\n    pass", "it is not Python here: line 1: expected"),
        ("x = 1\nreturn x", "line 2: 'return' outside function; correct it."),
        (b"\xff\xfe", "alarm.py: it is not Python here: "),
        ("x = '\0'", "null byte"),
        ("(" * 100_000, "alarm.py: "),
    ],
)
def test_a_file_that_python_cannot_read(site: Site, source: str | bytes, told: str) -> None:
    (problem,), warnings = judged(site, source)
    assert problem.startswith(f"{site.settings}:9: lambda.functions[0].file is ")
    assert told in problem and warnings == []


def test_a_file_that_is_too_large_or_none(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_services, "_MAX_SOURCE_BYTES", len(GOOD))
    assert judged(site, GOOD) == ([], [])
    (site.folder / "alarm.py").write_text(GOOD + "#")
    (problem,) = site.judge().problems
    assert f"it has more than {len(GOOD)} bytes" in problem
    (site.folder / "alarm.py").unlink()
    (problem,) = site.judge().problems
    assert problem.endswith("alarm.py: there is no such file; put the function there, or correct "
                            "the setting.")  # fmt: skip
    os.mkfifo(site.folder / "alarm.py")
    (problem,) = site.judge().problems
    assert "it is no plain file" in problem


def test_a_handler_that_is_not_there_or_is_async(site: Site) -> None:
    file = site.folder / "alarm.py"
    _, (warning,) = judged(site, "def handler(event, context): pass\nlambda_handlers = 1")
    assert f'lambda.functions[0].handler is "lambda_handler", which {file} does not def' in warning
    file.write_text("async " + GOOD)
    (warning,) = site.judge().warnings
    assert "an async function" in warning and "write it with def" in warning


# --- buckets --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dir", ["images", "a/b/images", "link"])
def test_a_folder_that_is_there_or_can_be_made(site: Site, dir: str) -> None:  # noqa: A002
    (site.folder / "there").mkdir()
    (site.folder / "link").symlink_to("there")
    site.add("[[s3.buckets]]", 'name = "images"', f'dir = "{dir}"')
    assert site.judge().problems == []


@pytest.mark.parametrize("dir", ["file", "file/images", "dangling"])
def test_a_folder_that_cannot_be(site: Site, dir: str) -> None:  # noqa: A002
    (site.folder / "file").write_text("")
    (site.folder / "dangling").symlink_to("nowhere")
    site.add("[[s3.buckets]]", 'name = "images"', f'dir = "{dir}"')
    (problem,) = site.judge().problems
    at = site.folder / dir.partition("/")[0]
    assert problem == (
        f"{site.settings}:9: s3.buckets[0].dir is {site.folder / dir}: {at} is no folder; name "
        "another, or move it away."
    )


# --- secrets --------------------------------------------------------------------------------------


def test_a_secrets_file_that_others_may_read(site: Site) -> None:
    site.add("[secrets]", 'file = "secrets.json"')
    file = site.folder / "secrets.json"
    file.write_text("{}")
    file.chmod(0o640)
    (problem,) = site.judge().problems
    assert problem.startswith(f"{site.settings}:8: secrets.file: the secrets file {file} has mode")
    assert problem.endswith(f"chmod 600 {file}.")
    file.chmod(0o600)
    assert site.judge().problems == []


def test_what_a_secrets_file_says_is_not_shown(site: Site) -> None:
    site.add("[secrets]", 'file = "secrets.json"')
    file = site.folder / "secrets.json"
    file.write_text('{"a": "hush", }')
    file.chmod(0o600)
    (problem,) = site.judge().problems
    assert "no JSON at line 1, column" in problem and "hush" not in problem


def test_a_secrets_file_of_another_user(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.add("[secrets]", 'file = "secrets.json"')
    file = site.folder / "secrets.json"
    file.write_text("no JSON")
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    if owner == 0:
        os.chown(file, 1, -1)
        owner = 1
        monkeypatch.setattr(os, "geteuid", lambda: 2)
    verdict = site.judge()
    (warning,) = verdict.warnings
    assert f"secrets.file is {file}, which belongs to user {owner}: it was not" in warning
    assert verdict.problems == []
