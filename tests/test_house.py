"""The order of the house: nothing imports upwards, and every file has the form of the house."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig.house import FIRST_PARTY, ROOMS, form_problems, import_problems, modules

ROOT = Path(__file__).resolve().parents[1]

# Files of more than 400 lines, each with the reason why it is one subject still.
LONG: dict[str, str] = {}


def test_nothing_imports_what_the_house_does_not_allow() -> None:
    assert import_problems(ROOT) == []


def test_every_file_has_a_docstring_a_telling_name_and_one_subject() -> None:
    assert form_problems(ROOT, LONG) == []
    counts = {str(module.path): module.lines for module in modules(ROOT)}
    assert all(counts.get(path, 0) > 400 for path in LONG), "a reason is given for a short file"


def test_the_checker_saw_the_whole_house() -> None:
    names = {module.name for module in modules(ROOT)}
    assert {"gateway.broker.router", "gateway.message", "rules.parser", "drivers.driver"} <= names
    in_the_house = {name.split(".")[1] for name in names if name.startswith("gateway.")}
    assert {"cli", "app", "config", "store", "mqtt"} <= in_the_house


# --- the checker itself ---------------------------------------------------------------------------


def house(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("path", "line", "problem"),
    [
        ("gateway/store/x.py", "from gateway.broker import Broker", "store imports broker"),
        ("gateway/store/x.py", "import gateway.broker.router", "which is above it"),
        ("gateway/store/x.py", "from gateway import broker", "store imports broker"),
        ("gateway/store/x.py", "from ..broker import Broker", "relatively"),
        ("gateway/broker/x.py", "def late():\n    import gateway.engine", "broker imports engine"),
        (
            "gateway/broker/x.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import gateway.engine",
            "broker imports engine",
        ),
        ("gateway/engine/x.py", "try:\n    import gateway.config\nexcept E:\n    pass", "only"),
        ("gateway/control/x.py", "from gateway.config import Settings", "for app and cli only"),
        ("gateway/config/x.py", "from gateway.app import Gateway", "for cli only"),
        ("gateway/mqtt/x.py", "from gateway.errors import GatewayError", "may not know it"),
        ("gateway/http/x.py", "from gateway.mqtt import packets", "may not know it"),
        ("gateway/errors.py", "import gateway.metrics", "may not know it"),
        ("gateway/clock.py", "from gateway.store import Store", "may not know it"),
        ("gateway/message.py", "import rules", "gateway.message imports rules"),
        ("gateway/broker/x.py", "import rules", "gateway.broker.x imports rules"),
        ("gateway/engine/x.py", "from drivers.driver import Driver", "imports drivers"),
        ("gateway/somewhere/x.py", "from gateway.store import Store", "no place in the order"),
        ("rules/x.py", "from gateway.message import Message", "rules imports gateway"),
        ("rules/x.py", "import drivers", "rules imports drivers"),
        ("drivers/x.py", "import gateway.errors", "drivers imports gateway"),
        ("shadow/x.py", "import rules", "shadow imports rules"),
        ("firmware-sim/firmware_sim/x.py", "from drivers import pins", "imports drivers"),
        ("firmware-sim/firmware_sim/x.py", "import gateway.mqtt", "imports gateway"),
        ("gateway/engine/x.py", "import firmware_sim", "gateway imports firmware_sim"),
        ("gateway/engine/x.py", "from tests.rig import house", "gateway imports tests"),
        ("gateway/aws_api/x.py", "from aiohttp import web", "imports aiohttp"),
        ("gateway/broker/x.py", "import sqlite3", "imports sqlite3"),
        ("gateway/store/x.py", "import tinydb", "imports tinydb"),
        ("gateway/devices/x.py", "import serial.tools", "imports serial"),
        ("rules/x.py", "import gpiozero", "imports gpiozero"),
        ("gateway/store/x.py", "import pickle", "imports pickle"),
        ("gateway/aws_api/x.py", "import botocore.model", "imports botocore"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path: Path, path: str, line: str, problem: str) -> None:
    found = import_problems(house(tmp_path, {path: f'"""A file."""\n{line}\n'}))
    assert len(found) == 1
    assert found[0].startswith(f"{path}:")
    assert problem in found[0]


def test_allowed_imports_are_left_alone(tmp_path: Path) -> None:
    files = {
        "gateway/cli/x.py": "from gateway.app import run\nfrom gateway import __version__",
        "gateway/app.py": "import gateway.config\nfrom gateway.broker import Broker",
        "gateway/broker/x.py": "from gateway.mqtt import packets\nimport gateway.broker.y",
        "gateway/message.py": "import typing\nif typing.TYPE_CHECKING:\n    import rules",
        "gateway/engine/x.py": "import rules\nfrom rules.parser import parse",
        "gateway/store/x.py": "import sqlite3\nfrom gateway.clock import Clock",
        "gateway/http/server.py": "from aiohttp import web\nimport gateway.errors",
        "rules/x.py": "import orjson\nimport rules.parser",
        "firmware-sim/firmware_sim/x.py": "import paho.mqtt.client\nimport firmware_sim.faults",
    }
    assert import_problems(house(tmp_path, files)) == []


@pytest.mark.parametrize(
    ("path", "text", "problem"),
    [
        ("rules/x.py", "x = 1\n", "no docstring"),
        ("rules/utils.py", '"""Things."""\n', "name"),
        ("gateway/store/helpers.py", '"""Things."""\n', "name"),
        ("rules/x.py", '"""Long."""\n' + "\n" * 500, "more than 500"),
        ("rules/x.py", '"""Rather long."""\n' + "\n" * 400, "give the reason"),
        ("rules/__init__.py", '"""R."""\n__all__ = ["gone"]\n', "__all__ names gone"),
    ],
)
def test_a_file_without_the_form_of_the_house_is_found(
    tmp_path: Path, path: str, text: str, problem: str
) -> None:
    found = form_problems(house(tmp_path, {path: text}), {})
    assert len(found) == 1
    assert found[0].startswith(f"{path}:")
    assert problem in found[0]


# --- what a start imports -------------------------------------------------------------------------


def loaded_after(statement: str) -> set[str]:
    """Import something in a new interpreter; return every module that this brings in."""
    script = f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def third_party(loaded: set[str]) -> set[str]:
    names = {name.partition(".")[0] for name in loaded}
    ours = {"gateway", "rules", "shadow", "drivers"}
    started_by_python = {name.partition(".")[0] for name in loaded_after("pass")}
    return {
        name
        for name in names - set(sys.stdlib_module_names) - ours - started_by_python
        if not name.startswith("_") and name != "cython_runtime"
    }


def test_the_broker_and_the_store_import_nothing_but_the_standard_library() -> None:
    loaded = loaded_after("import gateway.broker, gateway.store, gateway.clock, gateway.metrics")
    assert third_party(loaded) == set()
    rooms = {name.split(".")[1] for name in loaded if name.startswith("gateway.")}
    assert rooms & set(ROOMS) == {"broker", "mqtt", "store"}
    assert {name.partition(".")[0] for name in loaded} & FIRST_PARTY == {"gateway"}
    heavy = {"asyncio.subprocess", "email", "http", "ssl", "multiprocessing", "unittest"}
    assert heavy & loaded <= {"asyncio.subprocess", "ssl"}  # asyncio itself brings these two


@pytest.mark.parametrize("package", ["rules", "drivers", "gateway.mqtt"])
def test_a_pure_package_can_be_imported_without_the_gateway(package: str) -> None:
    loaded = loaded_after(f"import {package}")
    theirs = {name for name in loaded if name.partition(".")[0] in FIRST_PARTY}
    assert {name for name in theirs if not f"{name}.".startswith(f"{package}.")} <= {"gateway"}
    assert third_party(loaded) <= {"orjson"}


def test_what_the_whole_gateway_imports_before_any_setting_asks_for_more() -> None:
    """Hardware, cloud and simulation libraries come in only where a setting names them."""
    loaded = third_party(loaded_after("import gateway.app"))
    assert loaded - {"typing_extensions"} == {  # of aiohttp, in older Pythons
        "orjson",  # JSON
        "tinydb",  # the registry
        # The control socket speaks HTTP: aiohttp and what it stands on.
        "aiohttp",
        "aiohappyeyeballs",
        "aiosignal",
        "attr",
        "frozenlist",
        "idna",
        "multidict",
        "propcache",
        "yarl",
    }
