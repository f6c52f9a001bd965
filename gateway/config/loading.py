"""From a settings file to `Settings`: every problem is gathered before one is raised.

Owns the order of reading and what sections ask of each other. A setting that is not understood is
never ignored.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

from gateway.aws_api.settings import AwsSettings
from gateway.broker.settings import ListenerSettings, MqttSettings
from gateway.config.addresses import overlaps
from gateway.config.gateway_settings import GatewaySettings
from gateway.config.places import KeyPath, Places, find_places
from gateway.config.reader import Problems, Reader
from gateway.config.settings import NOT_YET, SECTIONS, Settings
from gateway.config.values import show
from gateway.devices import device_problems
from gateway.devices.settings import DeviceSettings
from gateway.engine.destinations.settings import DestinationSettings
from gateway.engine.settings import RulesSettings
from gateway.errors import SettingsError
from gateway.services.dynamodb.settings import TableSettings
from gateway.services.functions.settings import FunctionSettings
from gateway.services.s3.settings import BucketSettings, bucket_problems
from gateway.services.secrets.settings import SecretsSettings
from gateway.services.sqs.settings import QueueSettings, queue_problems
from gateway.store.settings import StoreSettings

__all__ = ["load"]

# No gateway needs a thousandth of it; a device file or a log given by mistake stops here.
MAX_FILE_BYTES: Final = 1024 * 1024

_QUOTED: Final = re.compile(r'"([^"]*)"')
_TOML_PLACE: Final = re.compile(r" \(at line (\d+), column (\d+)\)$")

# Sections that only hold entries of their own.
_GROUPS: Final = {"sqs": "queues", "lambda": "functions", "s3": "buckets", "dynamodb": "tables"}

T = TypeVar("T")


def load(path: Path) -> Settings:
    """Read and check a settings file.

    Args:
        path: The file. Relative paths in it start at its folder.

    Raises:
        SettingsError: It cannot be used; `problems` holds every reason, a sentence each with file,
            line, key and remedy.
    """
    text = _read(path)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _error(path, (_not_toml(path, str(error)),)) from None
    except RecursionError:
        raise _error(path, (f"{path}: its tables are nested too deeply; flatten them",)) from None
    places = find_places(text)
    problems = Problems(path, places)
    reader = Reader(document, path.absolute().parent, problems, NOT_YET)
    reader.check_names((), {section.name.partition(".")[0] for section in SECTIONS})
    for name, entries in _GROUPS.items():
        reader.check_names((name,), (entries,))

    gateway = reader.one(("gateway",), GatewaySettings)
    store = reader.one(("store",), StoreSettings)
    mqtt = reader.one(("mqtt",), MqttSettings, nested=("listeners",))
    listeners = reader.many(("mqtt", "listeners"), ListenerSettings)
    aws = reader.one(("aws",), AwsSettings) if "aws" in document else None
    rules = reader.one(("rules",), RulesSettings, nested=("destinations",))
    destinations = reader.many(("rules", "destinations"), DestinationSettings)
    functions = reader.many(("lambda", "functions"), FunctionSettings)
    buckets = reader.many(("s3", "buckets"), BucketSettings)
    tables = reader.many(("dynamodb", "tables"), TableSettings)
    secrets = reader.one(("secrets",), SecretsSettings)
    queues = reader.many(("sqs", "queues"), QueueSettings)
    devices = reader.many(("devices",), DeviceSettings, judge=False)

    _check_devices(devices, document, problems)
    _check_names("queue", queues, lambda queue: queue.name, problems)
    for index, sentence in queue_problems([settings for _, settings in queues]):
        problems.add((*queues[index][0], "dead_letter_queue"), sentence)
    _check_names("function", functions, lambda function: function.name, problems)
    _check_names("bucket", buckets, lambda bucket: bucket.name, problems)
    _check_names("table", tables, lambda table: table.name, problems)
    reserved = _reserved(path, gateway, rules, functions, secrets)
    for sentence in bucket_problems([settings for _, settings in buckets], reserved):
        problems.add(("s3", "buckets"), sentence)
    _check_addresses(listeners, aws, problems)
    found = problems.sentences()
    if (
        gateway is None
        or store is None
        or mqtt is None
        or rules is None
        or secrets is None
        or found
    ):
        raise _error(path, found)
    return Settings(
        gateway=gateway,
        store=store,
        mqtt=mqtt,
        listeners=tuple(settings for _, settings in listeners),
        aws=aws,
        rules=rules,
        destinations=tuple(settings for _, settings in destinations),
        functions=tuple(settings for _, settings in functions),
        buckets=tuple(settings for _, settings in buckets),
        tables=tuple(settings for _, settings in tables),
        secrets=secrets,
        queues=tuple(settings for _, settings in queues),
        devices=tuple(settings for _, settings in devices),
        source=path,
        lines=dict(_lines(document, places)),
    )


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        problem = f"{path}: there is no such file; create it, or name another with --config"
        raise _error(path, (problem,)) from None
    except OSError as error:
        problem = f"{path}: it cannot be read ({error.strerror}); check its permissions"
        raise _error(path, (problem,)) from None
    if len(data) > MAX_FILE_BYTES:
        problem = f"{path}: it is larger than {MAX_FILE_BYTES} bytes; this is no settings file"
        raise _error(path, (problem,))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = f"{path}:{line}: this line is not UTF-8 text; save the file as UTF-8"
        raise _error(path, (problem,)) from None


def _not_toml(path: Path, reason: str) -> str:
    place = _TOML_PLACE.search(reason)
    where = str(path) if place is None else f"{path}:{place[1]}"
    column = "" if place is None else f" at column {place[2]}"
    return f"{where}: this is not TOML{column} ({_TOML_PLACE.sub('', reason)}); correct it there"


def _error(path: Path, problems: tuple[str, ...]) -> SettingsError:
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return SettingsError(f"{path} has {count}", problems=problems, hint="correct them, and retry")


def _check_devices(
    devices: Sequence[tuple[KeyPath, DeviceSettings]],
    document: dict[str, object],
    problems: Problems,
) -> None:
    entries = document.get("devices")
    path_by_name = {settings.name: path for path, settings in devices}
    for sentence in device_problems([settings for _, settings in devices]):
        quoted = _QUOTED.search(sentence)
        path = path_by_name.get(quoted[1], ("devices",)) if quoted is not None else ("devices",)
        index = path[-1]
        table = entries[index] if isinstance(entries, list) and isinstance(index, int) else {}
        problems.add_of_class(path, sentence, table)


def _check_names(
    kind: str,
    entries: Sequence[tuple[KeyPath, T]],
    name_of: Callable[[T], str],
    problems: Problems,
) -> None:
    seen: set[str] = set()
    for path, settings in entries:
        name = name_of(settings)
        if name in seen:
            problems.add(
                (*path, "name"), f'two {kind}s are named "{name}"; rename or remove one of them'
            )
        seen.add(name)


def _reserved(
    path: Path,
    gateway: GatewaySettings | None,
    rules: RulesSettings | None,
    functions: Sequence[tuple[KeyPath, FunctionSettings]],
    secrets: SecretsSettings | None,
) -> dict[str, Path]:
    """Return the gateway's own files and folders, by what to call them."""
    found = {"the settings file": path.absolute()}
    if gateway is not None:
        found["data_dir"] = gateway.data_dir
    if rules is not None and rules.dir is not None:
        found["the rule files"] = rules.dir
    if secrets is not None and secrets.file is not None:
        found["the secrets file"] = secrets.file
    for _, function in functions:
        found[f'the function "{function.name}"'] = function.file
    return found


def _check_addresses(
    listeners: Sequence[tuple[KeyPath, ListenerSettings]],
    aws: AwsSettings | None,
    problems: Problems,
) -> None:
    binds = [(path, settings.bind) for path, settings in listeners]
    if aws is not None:
        binds.append((("aws",), aws.bind))
    for at, (path, bind) in enumerate(binds):
        for earlier_path, earlier in binds[:at]:
            if overlaps(bind, earlier):
                key = ".".join(part for part in (*earlier_path, "bind") if isinstance(part, str))
                problems.add(
                    (*path, "bind"),
                    f"{bind} is taken by {key} = {show(earlier)} already; choose another port",
                )
                break


def _lines(node: object, places: Places, path: KeyPath = ()) -> Iterator[tuple[str, int]]:
    """Yield every value of the document with its line, named as `Settings.lines` names it."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _lines(value, places, (*path, key))
    elif isinstance(node, list) and any(isinstance(entry, dict) for entry in node):
        for index, entry in enumerate(node):
            yield from _lines(entry, places, (*path, index))
    else:
        line = places.line(path)
        if line is not None:
            named = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path)
            yield named.removeprefix("."), line
