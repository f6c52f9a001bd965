"""Every error that SQS's model lists, provoked by botocore, in both protocols.

A pair of operation and error has a case in `error_cases`, or a row in docs/compatibility.md that
says why it cannot occur; not both. What code and status an error has is AWS's own word: the model
in the JavaScript SDK, which botocore's lacks.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from gateway.aws_api import errors
from tests.gateway.aws_api.clients.compatibility_page import impossible_errors
from tests.gateway.aws_api.clients.error_cases import CASES, Case, Site
from tests.gateway.aws_api.clients.query_2023 import client_of_2023
from tests.gateway.aws_api.query_models import whole_model
from tests.gateway.aws_api.sqs_serving import KEY, SqsServing

ROOT = Path(__file__).parents[4]
CLIENTS_JS = ROOT / "tests" / "clients-js"
# What the front itself gives, whatever the operation.
COMMON = [
    errors.access_denied(""),
    errors.incomplete_signature(""),
    errors.internal_failure(""),
    errors.invalid_signature(""),
    errors.malformed_query(""),
    errors.missing_action(),
    errors.serialization(""),
    errors.service_unavailable(""),
    errors.unknown_action(""),
    errors.unknown_operation(""),
    errors.unrecognized_client(""),
]
MODEL = whole_model("sqs", "2012-11-05")
LISTED = {
    name: [error["shape"] for error in operation["errors"]]
    for name, operation in MODEL["operations"].items()
}
EVERY_PAIR = {(name, error) for name, errors in LISTED.items() for error in errors}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with SqsServing(tmp_path_factory.mktemp("sqs")) as serving:
        yield Site(serving)


@pytest.fixture(scope="module")
def of_2023(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return client_of_2023(tmp_path_factory.mktemp("model"), site.serving.address, KEY)


@pytest.fixture(scope="module")
def terms() -> dict[str, list[object]]:
    """By error: its code under the Query protocol, and its HTTP status."""
    done = subprocess.run(
        ["node", "sqs-errors.mjs"], cwd=CLIENTS_JS, capture_output=True, check=True, timeout=60
    )
    found: dict[str, list[object]] = json.loads(done.stdout)
    return found


def test_every_pair_is_provoked_or_explained() -> None:
    provoked = Counter((case.operation, case.error) for case in CASES)
    assert max(provoked.values()) == 1
    explained = impossible_errors(LISTED)
    assert provoked.keys() & explained == set(), "said not to occur, and does"
    assert EVERY_PAIR - provoked.keys() - explained == set(), "nobody speaks of these"
    assert provoked.keys() - EVERY_PAIR == set(), "not in the model"


def test_the_terms_are_those_of_every_error(terms: dict[str, list[object]]) -> None:
    assert terms.keys() == {error for _, error in EVERY_PAIR}


def test_the_reference_lists_every_error_as_it_is(terms: dict[str, list[object]]) -> None:
    page = (ROOT / "docs" / "reference" / "sqs.md").read_text(encoding="utf-8")
    table = page.partition("## Errors")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\w+) \| (\S+) \| (\d+) \| (.+) \|$", table, re.MULTILINE)
    said = {name: [code, int(status)] for name, code, status, _ in rows}
    assert len(said) == len(rows)
    occurring = {case.error: terms[case.error] for case in CASES}
    assert said == {
        **occurring,
        **{error.code: [error.query_code, error.status] for error in COMMON},
        "InvalidParameterValueException": ["InvalidParameterValue", 400],
        "MissingRequiredParameterException": ["MissingParameter", 400],
    }


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_error(case: Case, site: Site, of_2023: Any, terms: dict[str, list[object]]) -> None:
    code, status = terms[case.error]
    for client in (site.sqs, of_2023):
        members = case.members(site)
        before = site.state()
        call = getattr(client, xform_name(case.operation))
        with case.while_(site):
            if case.in_entry:
                (failed,) = call(**members)["Failed"]
                assert (failed["Code"], failed["SenderFault"]) == (code, True)
                assert failed["Message"]
                assert site.state() == before
                continue
            with pytest.raises(ClientError) as refused:
                call(**members)
        assert site.state() == before, "something of it was done"
        answer = refused.value.response
        error, metadata = answer["Error"], answer["ResponseMetadata"]
        assert (error["Code"], metadata["HTTPStatusCode"]) == (code, status)
        assert error["Type"] == "Sender"
        assert error["Message"]
        if client is site.sqs:
            # Caught by its class, as programs do.
            assert isinstance(refused.value, getattr(client.exceptions, case.error))
            assert metadata["HTTPHeaders"]["x-amzn-query-error"] == f"{code};Sender"
            assert error["QueryErrorCode"] == case.error
        else:
            assert metadata["HTTPHeaders"]["content-type"] == "text/xml"
