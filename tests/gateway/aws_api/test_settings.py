"""The settings of the AWS endpoint."""

from __future__ import annotations

import dataclasses

import pytest

from gateway.aws_api.settings import AwsSettings
from gateway.http.settings import HttpLimits


def test_the_defaults_have_no_problems_and_are_loopback_only() -> None:
    settings = AwsSettings()
    assert settings.problems() == []
    assert settings.address.is_loopback
    assert settings.auth == "sigv4"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bind": "4566"}, "aws.bind: '4566' is not host:port"),
        ({"auth": "None"}, "aws.auth is 'None'; it can be"),
        ({"bind": "0.0.0.0:4566"}, "aws.bind is 0.0.0.0:4566: plain HTTP"),
        ({"auth": "none", "bind": "[::]:4566"}, "aws.bind is [::]:4566: plain HTTP"),
        ({"max_connections": 0}, "aws.max_connections is 0"),
        ({"idle_timeout_s": -1.0}, "aws.idle_timeout_s is -1.0"),
        ({"max_held_bytes": 10}, "aws.max_held_bytes is less than"),
    ],
)
def test_each_problem_is_a_sentence_that_names_its_key(
    change: dict[str, object], said: str
) -> None:
    problems = AwsSettings(**change).problems()  # type: ignore[arg-type]
    assert len(problems) == 1
    assert said in problems[0]


def test_without_signatures_loopback_is_allowed() -> None:
    assert AwsSettings(auth="none").problems() == []


def test_every_limit_reaches_the_server() -> None:
    settings = AwsSettings(
        max_body_bytes=1, max_held_bytes=2, max_connections=3, idle_timeout_s=4, body_timeout_s=5
    )
    limits = settings.limits
    assert (limits.max_body_bytes, limits.max_held_bytes, limits.max_connections) == (1, 2, 3)
    assert (limits.idle_timeout_s, limits.body_timeout_s) == (4, 5)


@pytest.mark.parametrize("settings", [AwsSettings, HttpLimits])
def test_every_field_is_documented(settings: type) -> None:
    for field in dataclasses.fields(settings):
        assert field.metadata["doc"], field.name
        assert "unit" in field.metadata, field.name
