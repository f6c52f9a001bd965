"""The Query protocol as botocore speaks it: SQS's model of before 2023, and SNS's of today.

The old model is that of Debian's AWS CLI, which still calls SQS by it.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.model
import botocore.session
from botocore.config import Config
from hypothesis import strategies as st

from gateway.identity.credentials import AccessKey

DEBIANS = Path("/usr/lib/python3/dist-packages/awscli/botocore/data")
OLD_SQS = DEBIANS / "sqs" / "2012-11-05" / "service-2.json"


def old_sqs() -> dict[str, Any]:
    """Return SQS's model of before it went over to JSON."""
    loader = botocore.loaders.JSONFileLoader()
    model: dict[str, Any] = loader.load_file(str(OLD_SQS.with_suffix("")))
    return model


def whole_model(service: str, version: str) -> dict[str, Any]:
    """Return a model of the botocore in use."""
    loader = botocore.loaders.Loader(include_default_search_paths=True)
    model: dict[str, Any] = loader.load_service_model(service, "service-2", version)
    return model


def old_client(folder: Path, address: str, key: AccessKey, *, region: str = "us-east-1") -> Any:
    """Return a client of SQS that speaks Query.

    Args:
        folder: Where the old model is laid out for botocore to find it first.
        address: Host and port.
        key: What to sign with.
        region: What to sign for.
    """
    place = folder / "sqs" / "2012-11-05"
    place.mkdir(parents=True, exist_ok=True)
    shutil.copy(OLD_SQS, place / "service-2.json")
    session = botocore.session.Session()
    session.set_config_variable("data_path", str(folder))
    session.set_credentials(key.access_key_id, key.secret_access_key)
    client = session.create_client(
        "sqs",
        region_name=region,
        endpoint_url=f"http://{address}",
        config=Config(
            retries={"total_max_attempts": 1, "mode": "standard"}, parameter_validation=False
        ),
    )
    assert client.meta.service_model.metadata["protocol"] == "query"
    return client


WRITABLE = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
ANY_TEXT = st.text(st.one_of(WRITABLE, st.sampled_from("\t\n\r &+=%<>\"'.")), max_size=8)


def values_of(shape: botocore.model.Shape, *, required: bool = True) -> st.SearchStrategy[Any]:
    """Return values of a shape, which both protocols can say.

    Args:
        shape: The shape.
        required: Whether the value is a required member: only there an empty list is said alike.
    """
    kind = shape.type_name
    if kind == "structure":
        needed = {
            name: values_of(member)
            for name, member in shape.members.items()
            if name in shape.required_members
        }
        optional = {
            name: values_of(member, required=False)
            for name, member in shape.members.items()
            if name not in needed
        }
        return st.fixed_dictionaries(needed, optional=optional).filter(
            lambda value: bool(value) or not shape.members
        )
    if kind == "list":
        return st.lists(values_of(shape.member), min_size=0 if required else 1, max_size=12)
    if kind == "map":
        return st.dictionaries(values_of(shape.key), values_of(shape.value), min_size=1, max_size=3)
    if kind == "string":
        return st.sampled_from(shape.enum) if shape.enum else ANY_TEXT
    if kind == "boolean":
        return st.booleans()
    if kind == "blob":
        return st.binary(max_size=4)
    assert kind in ("integer", "long"), kind
    return st.integers(-(2**31), 2**31 - 1)
