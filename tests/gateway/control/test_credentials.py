"""The endpoints of credentials, asked over a real unix socket with a real file behind them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.client import ControlClient, GatewayRefused
from gateway.identity.credentials import Credentials
from tests.gateway.control.credential_room import CredentialRoom

OWN = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:*:*:alarms"}
    ],
}


@pytest.fixture
def room(tmp_path: Path) -> Iterator[CredentialRoom]:
    with CredentialRoom(tmp_path / "data") as running:
        yield running


def get(room: CredentialRoom, path: str = "") -> Any:
    return ControlClient(room.socket).get(f"/v1/credentials{path}")


def post(room: CredentialRoom, path: str, document: dict[str, object] | None = None) -> Any:
    return ControlClient(room.socket).post(f"/v1/credentials/{path}", document or {})


def refused(
    room: CredentialRoom, path: str, document: dict[str, object] | None = None
) -> GatewayRefused:
    with pytest.raises(GatewayRefused) as caught:
        post(room, path, document)
    return caught.value


def test_keys_are_made_listed_and_changed_and_each_change_is_on_disk(
    room: CredentialRoom,
) -> None:
    made = post(room, "create", {"name": "reader", "policy": "read-only"})
    own = post(room, "create", {"name": "sender", "document": json.dumps(OWN)})
    assert (made["name"], made["policy"], made["active"]) == ("reader", "read-only", True)
    assert (own["policy"], own["document"]) == ("custom", OWN)
    assert len(made["secret_access_key"]) == 40
    listed = get(room)
    assert listed["auth"] == "sigv4"
    assert [(key["name"], key["default"]) for key in listed["credentials"]] == [
        ("default", True),
        ("reader", False),
        ("sender", False),
    ]
    rotated = post(room, "reader/rotate")
    assert rotated["access_key_id"] == made["access_key_id"]
    assert rotated["secret_access_key"] != made["secret_access_key"]
    assert post(room, f"{made['access_key_id']}/disable")["active"] is False
    assert Credentials.open(room.data_dir).secret(made["access_key_id"]) is None
    assert post(room, "reader/enable")["active"] is True
    assert post(room, "sender/delete")["name"] == "sender"
    kept = Credentials.open(room.data_dir).all()
    assert [key.name for key in kept] == ["default", "reader"]
    assert kept[1].secret_access_key == rotated["secret_access_key"]


def test_secrets_are_told_by_create_rotate_and_env_alone(room: CredentialRoom) -> None:
    made = post(room, "create", {"name": "reader", "policy": "read-only"})
    secret = made["secret_access_key"]
    for answer in (get(room), post(room, "reader/disable"), post(room, "reader/enable")):
        assert secret not in json.dumps(answer)
    assert get(room, "/reader/env")["AWS_SECRET_ACCESS_KEY"] == secret
    assert secret not in json.dumps(post(room, "reader/delete"))


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({}, "the body does not have 'name', and one of 'policy' and 'document'"),
        ({"name": "a"}, "the body does not have 'name', and one of 'policy' and 'document'"),
        ({"name": "a", "policy": "full", "document": "{}"}, "the body does not have 'name'"),
        ({"name": 1, "policy": "full"}, "'name' is no text"),
        ({"name": "a", "document": {}}, "'document' is no text"),
        ({"name": "a", "policy": "all"}, "there is no policy 'all'"),
        ({"name": "a", "document": "{"}, "the policy is no JSON"),
        ({"name": "a", "document": "{}"}, "Statement is missing"),
        ({"name": "a b", "policy": "full"}, "a credential cannot be called 'a b'"),
    ],
)
def test_what_makes_no_key_is_told(
    room: CredentialRoom, document: dict[str, object], says: str
) -> None:
    error = refused(room, "create", document)
    assert (error.status, says in str(error)) == (400, True)
    assert [key["name"] for key in get(room)["credentials"]] == ["default"]


def test_what_cannot_be_is_refused_with_a_sentence(room: CredentialRoom) -> None:
    error = refused(room, "create", {"name": "default", "policy": "full"})
    assert (error.status, str(error)) == (409, "there is a credential default already")
    for action in ("rotate", "enable", "disable", "delete"):
        error = refused(room, f"nobody/{action}")
        assert (error.status, str(error)) == (404, "no credential is called 'nobody'")
        assert error.hint == "see which there are with weir credentials list"
    for action, how in (("disable", "disabled"), ("delete", "deleted")):
        error = refused(room, f"default/{action}")
        assert error.status == 409
        assert str(error) == (
            f"default cannot be {how}: it is the last active credential that may do everything"
        )
    (room.data_dir / ".credentials.json.new").mkdir()
    error = refused(room, "default/rotate")
    assert error.status == 503
    assert "cannot write" in str(error)


def test_a_gateway_without_an_aws_endpoint_says_so(tmp_path: Path) -> None:
    with CredentialRoom(tmp_path / "data", with_aws=False) as room:
        error = refused(room, "default/rotate")
        assert (error.status, error.hint.startswith("Add a section [aws]")) == (404, True)
        with pytest.raises(GatewayRefused, match="no AWS endpoint"):
            get(room)
