"""What the settings declare for rules, judged on this machine: functions, buckets, secrets.

Owns whether a declared file or folder can be what it is declared to be. Runs nothing: a function's
file is compiled and never executed. Knows nothing of rules.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import symtable
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.cli.output import sentence
from gateway.cli.verdict import Verdict, at

if TYPE_CHECKING:
    from gateway.config import Settings
    from gateway.services.functions import FunctionSettings

__all__ = ["judge_services"]

# Beyond, it is no source that a person wrote, and compiling it takes seconds.
_MAX_SOURCE_BYTES: Final = 4 * 1024 * 1024


class _UnusableError(Exception):
    """A function's file is none; the text says why and what to do."""


def judge_services(settings: Settings, verdict: Verdict) -> None:
    """Note what cannot work of the functions, buckets and secrets that the settings declare."""
    for index, function in enumerate(settings.functions):
        key = f"lambda.functions[{index}]"
        try:
            text = _source(function.file)
        except _UnusableError as error:
            where = at(settings, f"{key}.file")
            verdict.problems.append(sentence(f"{where} is {function.file}: {error}"))
            continue
        where = at(settings, f"{key}.handler")
        verdict.warnings += [sentence(f"{where} {fault}") for fault in _handler(text, function)]
    for index, bucket in enumerate(settings.buckets):
        fault = _folder(bucket.dir)
        if fault:
            where = at(settings, f"s3.buckets[{index}].dir")
            verdict.problems.append(sentence(f"{where} is {bucket.dir}: {fault}"))
    _judge_secrets(settings, verdict)


def _source(file: Path) -> str:
    """Return the text of a function's file that Python can compile.

    Raises:
        _UnusableError: There is none, or Python cannot read it.
    """
    try:
        if not file.is_file():  # opening a pipe would wait for ever
            what = "it is no plain file" if file.exists() else "there is no such file"
            raise _UnusableError(f"{what}; put the function there, or correct the setting")
        with file.open("rb") as opened:
            data = opened.read(_MAX_SOURCE_BYTES + 1)
    except OSError as error:
        raise _UnusableError(
            f"it cannot be read ({error.strerror}); check its permissions"
        ) from error
    if len(data) > _MAX_SOURCE_BYTES:
        raise _UnusableError(f"it has more than {_MAX_SOURCE_BYTES} bytes; this is no source")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are for whoever writes the function
            text = importlib.util.decode_source(data)
            compile(text, str(file), "exec", dont_inherit=True)
    except SyntaxError as error:
        place = "" if error.lineno is None else f"line {error.lineno}: "
        raise _UnusableError(f"it is not Python here: {place}{error.msg}; correct it") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise _UnusableError(f"Python cannot read it: {error}; correct it") from error
    return text


def _handler(text: str, function: FunctionSettings) -> Iterator[str]:
    """Give what can hardly be meant by a function's handler."""
    name = function.handler
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text)
        bound = symtable.symtable(text, str(function.file), "exec").get_symbols()
    for node in tree.body:
        if isinstance(node, ast.AsyncFunctionDef) and node.name == name:
            yield (
                f'is "{name}", an async function in {function.file}: what it returns is no JSON, '
                "so each call fails; write it with def"
            )
    if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in tree.body):
        return
    if not any(each.get_name() == name and _gives_value(each) for each in bound):
        yield f'is "{name}", which {function.file} does not define; name what it defines'


def _gives_value(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported()


def _folder(folder: Path) -> str:
    """Return why a folder cannot be made or used; empty where it can."""
    for path in (folder, *folder.parents):
        try:
            if path.is_dir():
                return ""
            if path.exists() or path.is_symlink():
                return f"{path} is no folder; name another, or move it away"
        except OSError as error:
            return f"{path} cannot be looked at ({error.strerror}); check its permissions"
    return ""


def _judge_secrets(settings: Settings, verdict: Verdict) -> None:
    from gateway.services.secrets import Secrets, SecretsError

    file = settings.secrets.file
    if file is None:
        return
    where = at(settings, "secrets.file")
    try:
        owner = file.lstat().st_uid
    except OSError:
        owner = os.geteuid()  # what is wrong with it is told below
    if owner not in (os.geteuid(), 0):
        verdict.warnings.append(
            f"{where} is {file}, which belongs to user {owner}: it was not looked into, for the "
            "gateway reads it only if it runs as that user. Check it as that user."
        )
        return
    try:
        Secrets(file).check()
    except SecretsError as error:
        told = f"{where}: {error}"
        if error.hint:
            told = f"{told}; {error.hint[:1].lower()}{error.hint[1:]}"
        verdict.problems.append(sentence(told))
