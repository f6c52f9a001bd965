"""SQS's model as clients of the autumn of 2023 had it: the last that spoke the Query protocol.

Debian's model is of the start of that year, when there were no message move tasks; they are added
here to it as they stood in the models that followed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config

from gateway.identity.credentials import AccessKey
from tests.gateway.aws_api.query_models import old_sqs, whole_model

MOVING = ("CancelMessageMoveTask", "ListMessageMoveTasks", "StartMessageMoveTask")


def model_of_2023() -> dict[str, Any]:
    """Return the whole model."""
    model, today = old_sqs(), whole_model("sqs", "2012-11-05")
    for name in MOVING:
        operation = dict(today["operations"][name])
        # What an answer holds stood inside an element of its own, as every operation's did.
        operation["output"] = {**operation["output"], "resultWrapper": f"{name}Result"}
        model["operations"][name] = operation
        for part in ("input", "output"):
            _add(model, today, operation[part]["shape"])
        for error in operation["errors"]:
            _add(model, today, error["shape"])
    listed = model["shapes"]["ListMessageMoveTasksResultEntryList"]
    listed["flattened"] = True
    listed["member"] = {**listed["member"], "locationName": "ListMessageMoveTasksResultEntry"}
    return model


def _add(model: dict[str, Any], today: dict[str, Any], name: str) -> None:
    if name in model["shapes"]:
        return
    shape = model["shapes"][name] = json.loads(json.dumps(today["shapes"][name]))
    inner = [*shape.get("members", {}).values(), *(shape[k] for k in ("member",) if k in shape)]
    for member in inner:
        _add(model, today, member["shape"])


def lay_out(folder: Path) -> Path:
    """Write the model where a client finds it before its own; return the folder to name to it."""
    place = folder / "sqs" / "2012-11-05"
    place.mkdir(parents=True, exist_ok=True)
    (place / "service-2.json").write_text(json.dumps(model_of_2023()))
    return folder


def client_of_2023(folder: Path, address: str, key: AccessKey) -> Any:
    """Return a client of SQS that speaks Query and has every operation.

    Args:
        folder: Where the model is laid out.
        address: Host and port.
        key: What to sign with.
    """
    session = botocore.session.Session()
    session.set_config_variable("data_path", str(lay_out(folder)))
    session.set_credentials(key.access_key_id, key.secret_access_key)
    client = session.create_client(
        "sqs",
        region_name="us-east-1",
        endpoint_url=f"http://{address}",
        config=Config(
            retries={"total_max_attempts": 1, "mode": "standard"}, parameter_validation=False
        ),
    )
    assert client.meta.service_model.metadata["protocol"] == "query"
    return client
