"""All settings of a gateway as one value, and which section fills which part of it.

Owns the assembly of the packages' own settings classes; knows nothing of TOML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.aws_api.settings import AwsSettings
from gateway.broker.settings import ListenerSettings, MqttSettings
from gateway.config.gateway_settings import GatewaySettings
from gateway.devices.settings import DeviceSettings
from gateway.engine.destinations.settings import DestinationSettings
from gateway.engine.settings import RulesSettings
from gateway.services.dynamodb.settings import TableSettings
from gateway.services.functions.settings import FunctionSettings
from gateway.services.s3.settings import BucketSettings
from gateway.services.secrets.settings import SecretsSettings
from gateway.services.sqs.settings import QueueSettings
from gateway.store.settings import StoreSettings

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["NOT_YET", "SECTIONS", "Occurrence", "Section", "Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a person can set, checked.

    Attributes:
        gateway: The `[gateway]` section.
        store: The `[store]` section.
        mqtt: The limits in the `[mqtt]` section.
        listeners: The `[[mqtt.listeners]]` entries.
        aws: The `[aws]` section; None where there is none, and then no AWS endpoint.
        rules: The `[rules]` section.
        destinations: The `[[rules.destinations]]` entries.
        functions: The `[[lambda.functions]]` entries.
        buckets: The `[[s3.buckets]]` entries.
        tables: The `[[dynamodb.tables]]` entries.
        secrets: The `[secrets]` section.
        queues: The `[[sqs.queues]]` entries.
        devices: The `[[devices]]` entries.
        source: The file they came from, as it was named.
        lines: The line of each value that the file sets, by its place: `store.max_bytes`,
            `mqtt.listeners[0].bind`. What is not here is a default.
    """

    gateway: GatewaySettings
    store: StoreSettings
    mqtt: MqttSettings
    listeners: tuple[ListenerSettings, ...]
    aws: AwsSettings | None
    rules: RulesSettings
    destinations: tuple[DestinationSettings, ...]
    functions: tuple[FunctionSettings, ...]
    buckets: tuple[BucketSettings, ...]
    tables: tuple[TableSettings, ...]
    secrets: SecretsSettings
    queues: tuple[QueueSettings, ...]
    devices: tuple[DeviceSettings, ...]
    source: Path
    lines: Mapping[str, int] = field(default_factory=dict, repr=False, compare=False)


class Occurrence(Enum):
    """How often a section may stand in the file."""

    ONCE = "once; its defaults hold where it is left out"
    AT_MOST_ONCE = "once, or left out for doing without"
    ANY = "any number of times"


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the file.

    Attributes:
        name: Its dotted name.
        attribute: The attribute of `Settings` that it fills.
        settings: The class it fills.
        occurrence: How often it may stand.
        doc: What it is for.
    """

    name: str
    attribute: str
    settings: type[DataclassInstance]
    occurrence: Occurrence
    doc: str


SECTIONS: Final = (
    Section("gateway", "gateway", GatewaySettings, Occurrence.ONCE, "The gateway as a whole."),
    Section(
        "store",
        "store",
        StoreSettings,
        Occurrence.ONCE,
        "The one database on disk: how much room it has, and when it commits.",
    ),
    Section(
        "mqtt", "mqtt", MqttSettings, Occurrence.ONCE, "The MQTT broker's limits, per gateway."
    ),
    Section(
        "mqtt.listeners",
        "listeners",
        ListenerSettings,
        Occurrence.ANY,
        "An address on which MQTT clients are let in.",
    ),
    Section(
        "aws",
        "aws",
        AwsSettings,
        Occurrence.AT_MOST_ONCE,
        "The endpoint that speaks AWS's own protocols, for boto3, the AWS CLI and the SDKs.",
    ),
    Section("rules", "rules", RulesSettings, Occurrence.ONCE, "The rules engine."),
    Section(
        "rules.destinations",
        "destinations",
        DestinationSettings,
        Occurrence.ANY,
        "An address that `http` actions may post to without having confirmed it.",
    ),
    Section(
        "lambda.functions",
        "functions",
        FunctionSettings,
        Occurrence.ANY,
        "A local Python function for the `lambda` action and `aws_lambda()`.",
    ),
    Section(
        "s3.buckets",
        "buckets",
        BucketSettings,
        Occurrence.ANY,
        "A local folder for the `s3` action, laid out as the bucket.",
    ),
    Section(
        "dynamodb.tables",
        "tables",
        TableSettings,
        Occurrence.ANY,
        "A local table for the `dynamoDB` and `dynamoDBv2` actions and `get_dynamodb()`.",
    ),
    Section(
        "secrets", "secrets", SecretsSettings, Occurrence.ONCE, "Local secrets, for `get_secret()`."
    ),
    Section(
        "sqs.queues",
        "queues",
        QueueSettings,
        Occurrence.ANY,
        "A queue that is there from the start.",
    ),
    Section(
        "devices",
        "devices",
        DeviceSettings,
        Occurrence.ANY,
        "A device on this machine's own pins and ports.",
    ),
)

_LATER: Final = "this version does without; remove it"

# What the finished gateway will take. Naming it is no typing error, but it must not be ignored.
NOT_YET: Final[Mapping[str, str]] = {
    "http": _LATER,
    "https": _LATER,
    "kinesis": _LATER,
    "sns": _LATER,
    "uplink": _LATER,
    "mqtt.listeners.tls": "listen on loopback with anonymous = true, and remove it",
    "mqtt.listeners.cert_file": _LATER,
    "mqtt.listeners.key_file": _LATER,
    "mqtt.listeners.client_ca_file": _LATER,
}
