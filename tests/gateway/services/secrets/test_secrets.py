"""The secrets file: who may read it, what it may say, and that nothing of it is ever shown."""

from __future__ import annotations

import dataclasses
import os
import threading
from pathlib import Path

import pytest

from gateway.services.secrets import Secret, Secrets, SecretsError, SecretsSettings

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"


def secrets_file(folder: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path = folder / "secrets.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def test_texts_objects_and_bytes(tmp_path: Path) -> None:
    text = (
        '{"plain": "hunter2", "json": {"user": "u", "n": 1.10, "big": 12345678901234567890123},'
        ' "bytes": {"SecretBinary": "AP8="}, "both": {"SecretBinary": "AP8=", "x": 1}, "empty": ""}'
    )
    secrets = Secrets(secrets_file(tmp_path, text))
    secrets.check()
    assert secrets.get("plain") == Secret(string="hunter2")
    assert secrets.get("json") == Secret(
        string='{"user":"u","n":1.10,"big":12345678901234567890123}'
    )
    assert secrets.get("bytes") == Secret(binary=b"\0\xff")
    assert secrets.get("both") == Secret(string='{"SecretBinary":"AP8=","x":1}')
    assert secrets.get("empty") == Secret(string="")
    assert secrets.get("missing") is None


def test_names_and_arns(tmp_path: Path) -> None:
    text = '{"a/b": "1", "key-AbCdEf": "2", "key": "3", "with:colon": "4"}'
    secrets = Secrets(secrets_file(tmp_path, text))
    for secret_id, string in (
        ("a/b", "1"),
        (ARN + "a/b-Xy12Zz", "1"),
        (ARN + "a/b", "1"),
        ("key", "3"),
        (ARN + "key-AbCdEf", "2"),  # the name as it stands comes first
        (ARN + "key-Zzzzzz", "3"),
        (ARN + "with:colon-Zzzzzz", "4"),
    ):
        assert secrets.get(secret_id) == Secret(string=string), secret_id
    for secret_id in ("", "b", "key-Zzzzzz", "a/b-Xy12Zz", ARN, "arn:aws:sqs:a:b:secret:key"):
        assert secrets.get(secret_id) is None, secret_id


def test_no_file_at_all() -> None:
    secrets = Secrets(None)
    secrets.check()
    with pytest.raises(SecretsError, match="no secrets file") as refused:
        secrets.get("x")
    assert "[secrets] file" in refused.value.hint


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620, 0o601, 0o777])
def test_a_file_that_others_may_open_is_not_read(tmp_path: Path, mode: int) -> None:
    path = secrets_file(tmp_path, '{"plain": "hunter2"}', mode)
    secrets = Secrets(path)
    for call in (secrets.check, lambda: secrets.get("plain")):
        with pytest.raises(SecretsError, match=f"has mode {mode:04o}") as refused:
            call()
        assert refused.value.hint == f"Run chmod 600 {path}"
    path.chmod(0o400)
    assert secrets.get("plain") == Secret(string="hunter2")
    path.chmod(mode)
    with pytest.raises(SecretsError, match="has mode"):  # what was read before is not given, too
        secrets.get("plain")


@pytest.mark.system
def test_a_file_of_another_user_is_not_read(tmp_path: Path) -> None:
    path = secrets_file(tmp_path, '{"plain": "hunter2"}')
    os.chown(path, 12345, -1)
    with pytest.raises(SecretsError, match="belongs to user 12345") as refused:
        Secrets(path).get("plain")
    assert "chown" in refused.value.hint


def test_what_is_no_plain_file(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(secrets_file(tmp_path, "{}"))
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    for path in (tmp_path / "missing", link, fifo, tmp_path):
        with pytest.raises(SecretsError, match=r"cannot open|not a plain file"):
            Secrets(path).get("plain")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "no JSON at line 1, column 1"),
        (b'{"a": "hunter2"', "no JSON at line 1, column 16"),
        (b'{"a":\n "hunter2",}', "no JSON at line 2"),
        (b'["hunter2"]', "no JSON object"),
        (b'"hunter2"', "no JSON object"),
        (b'{"a": "hunter2\xff"}', "no JSON in UTF-8"),
        (b'{"a": ' + b"[" * 100_000, "no JSON"),
        (b'{"hunter2": 1' + b" " * (4 * 1024 * 1024) + b"}", "larger than 4194304 bytes"),
    ],
)
def test_a_damaged_file_says_where_and_never_what(tmp_path: Path, text: bytes, why: str) -> None:
    secrets = Secrets(secrets_file(tmp_path, text))
    with pytest.raises(SecretsError, match=why) as refused:
        secrets.get("a")
    error: BaseException | None = refused.value
    while error is not None:
        assert "hunter2" not in f"{error} {error.args} {getattr(error, 'doc', '')}"
        assert error.__suppress_context__ or error.__context__ is None
        error = error.__cause__


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("7", "neither a text nor an object"),
        ("null", "neither a text nor an object"),
        ('["hunter2"]', "neither a text nor an object"),
        ('{"SecretBinary": "hunter2?"}', "SecretBinary that is no base64"),
        ('{"SecretBinary": 7}', "SecretBinary that is no text"),
        ('"hunter2\\ud800"', "surrogate"),
        ('{"hunter2": "\\ud800"}', "cannot be written"),
        ('"' + "x" * 65537 + '"', "65537 bytes; 65536 is the most"),
    ],
)
def test_one_bad_secret_is_one_bad_secret(tmp_path: Path, value: str, why: str) -> None:
    secrets = Secrets(secrets_file(tmp_path, f'{{"good": "1", "bad": {value}}}'))
    assert secrets.get("good") == Secret(string="1")
    for call in (secrets.check, lambda: secrets.get("bad")):
        with pytest.raises(SecretsError, match=why) as refused:
            call()
        assert "'bad'" in str(refused.value)
        assert "hunter2" not in f"{refused.value}{refused.value.hint}"


def test_a_change_holds_at_once(tmp_path: Path) -> None:
    path = secrets_file(tmp_path, '{"a": "1"}')
    secrets = Secrets(path)
    assert secrets.get("a") == Secret(string="1")
    with path.open("r+") as file:  # in place, of the same size
        file.write('{"a": "2"}')
    assert secrets.get("a") == Secret(string="2")
    before = path.stat()
    new = tmp_path / "new"
    new.write_text('{"a": "3"}')
    new.chmod(0o600)
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.rename(path)
    assert secrets.get("a") == Secret(string="3")
    path.unlink()
    with pytest.raises(SecretsError, match="cannot open"):
        secrets.get("a")
    secrets_file(tmp_path, "{}")
    assert secrets.get("a") is None


def test_nothing_is_shown(tmp_path: Path) -> None:
    secrets = Secrets(secrets_file(tmp_path, '{"a": "hunter2", "b": {"SecretBinary": "aHVudGVy"}}'))
    shown = f"{secrets!r} {secrets.get('a')!r} {secrets.get('b')!s}"
    assert "hunter" not in shown


def test_many_threads_at_once(tmp_path: Path) -> None:
    path = secrets_file(tmp_path, '{"a": "0000"}')
    secrets = Secrets(path)
    found: list[object] = []

    def ask() -> None:
        for _ in range(200):
            found.append(secrets.get("a"))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(50):
        new = tmp_path / "new"
        new.write_text(f'{{"a": "{number:04}"}}')
        new.chmod(0o600)
        new.rename(path)
    for thread in threads:
        thread.join()
    assert len(found) == 800
    assert all(isinstance(secret, Secret) for secret in found)
    assert secrets.get("a") == Secret(string="0049")


def test_every_field_says_what_it_is() -> None:
    (field,) = dataclasses.fields(SecretsSettings)
    assert field.metadata["doc"].endswith(".")
    assert SecretsSettings().file is None
