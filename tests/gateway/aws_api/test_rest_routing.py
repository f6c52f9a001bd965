"""Paths of REST operations: what a template matches, what it gives, and what it refuses."""

from __future__ import annotations

import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.aws_api.model import load_model
from gateway.aws_api.rest_routing import RestRouter


def a_router(*templates: str) -> RestRouter[str]:
    router: RestRouter[str] = RestRouter()
    for template in templates:
        method, path = template.split(" ")
        router.add(method, path, template)
    return router


RULES = a_router(
    "GET /rules",
    "GET /rules/{ruleName}",
    "POST /rules/{ruleName}",
    "POST /rules/{ruleName}/enable",
    "GET /destinations",
    "GET /destinations/{arn+}",
    "GET /rules/special",
    "GET /rules/special/{part}/end",
)


@pytest.mark.parametrize(
    ("method", "path", "template", "labels"),
    [
        ("GET", "/rules", "GET /rules", {}),
        ("GET", "/rules/r1", "GET /rules/{ruleName}", {"ruleName": "r1"}),
        ("POST", "/rules/r1/enable", "POST /rules/{ruleName}/enable", {"ruleName": "r1"}),
        ("POST", "/rules/enable", "POST /rules/{ruleName}", {"ruleName": "enable"}),
        ("POST", "/rules/special", "POST /rules/{ruleName}", {"ruleName": "special"}),
        ("GET", "/rules/special", "GET /rules/special", {}),
        ("GET", "/rules/special/x/end", "GET /rules/special/{part}/end", {"part": "x"}),
        ("POST", "/rules/special/enable", "POST /rules/{ruleName}/enable", {"ruleName": "special"}),
        ("GET", "/rules/a%2Fb%20c%C3%BC", "GET /rules/{ruleName}", {"ruleName": "a/b cü"}),
        ("GET", "/rules/a+b", "GET /rules/{ruleName}", {"ruleName": "a+b"}),
        ("GET", "/rules/%2e%2e", "GET /rules/{ruleName}", {"ruleName": ".."}),
        (
            "GET",
            "/destinations/arn%3Aa/b%2Fc/d",
            "GET /destinations/{arn+}",
            {"arn": "arn:a/b/c/d"},
        ),
        ("GET", "/destinations/x", "GET /destinations/{arn+}", {"arn": "x"}),
    ],
)
def test_a_path_gives_its_operation_and_its_labels_decoded(
    method: str, path: str, template: str, labels: dict[str, str]
) -> None:
    assert RULES.find(method, path) == (template, labels)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/"),
        ("GET", "rules"),
        ("GET", "*"),
        ("GET", "http://127.0.0.1/rules"),
        ("GET", "/rules/"),
        ("GET", "//rules"),
        ("GET", "/rules//r1"),
        ("GET", "/rules/r1/"),
        ("GET", "/rules/r1/more"),
        ("GET", "/Rules"),
        ("GET", "/destinations/"),
        ("GET", "/destinations/arn/../../rules"),
        ("GET", "/rules/."),
        ("GET", "/rules/.."),
        ("GET", "/rules/../destinations"),
        ("GET", "/rules/%ff"),
        ("GET", "/rules/%ed%a0%80"),
        ("get", "/rules"),
        ("PUT", "/rules"),
        ("DELETE", "/rules/r1"),
        ("GET", "/" * 8000),
        ("GET", "/x" * 4000),
    ],
)
def test_what_is_no_operation_is_found_to_be_none(method: str, path: str) -> None:
    assert RULES.find(method, path) is None


@pytest.mark.parametrize(
    "template",
    ["rules", "/a/{b+}/c", "/a/{b", "/a/{b+", "/a?b=c"],
)
def test_a_template_of_another_form_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="not known here"):
        a_router(f"GET {template}")


def test_a_path_is_served_once() -> None:
    with pytest.raises(ValueError, match="served twice"):
        a_router("GET /rules/{a}", "GET /rules/{b}")


MODEL = load_model("iot")
IOT: RestRouter[str] = RestRouter()
for _name, _operation in MODEL.operations.items():
    IOT.add(_operation["http"]["method"], _operation["http"]["requestUri"], _name)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.sampled_from(sorted(MODEL.operations)), st.data())
def test_every_operation_of_iot_is_found_with_whatever_its_labels_are(
    name: str, data: st.DataObject
) -> None:
    http = MODEL.operations[name]["http"]
    path, labels = http["requestUri"], {}
    for part in http["requestUri"].split("/"):
        if part.startswith("{"):
            label = part.strip("{+}")
            # What is the next literal of another operation's path is another operation's.
            text = data.draw(st.text(min_size=1).map(lambda drawn: f"~{drawn}"))
            labels[label] = text
            safe = "/~" if part.endswith("+}") else "~"
            path = path.replace(part, urllib.parse.quote(text, safe=safe))
    segments = path.split("/")[1:]
    if any(segment in ("", ".", "..") for segment in segments):
        assert IOT.find(http["method"], path) is None
    else:
        assert IOT.find(http["method"], path) == (name, labels)
