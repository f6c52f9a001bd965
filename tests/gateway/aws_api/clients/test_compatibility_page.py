"""That docs/compatibility.md says of every operation of SQS whether it is served, and how."""

from __future__ import annotations

import pytest

from gateway.aws_api.model import load_model
from gateway.aws_api.sqs import sqs_operations
from tests.gateway.aws_api.clients import compatibility_page
from tests.gateway.aws_api.clients.compatibility_page import impossible_errors, table
from tests.gateway.aws_api.sqs_serving import SqsServing


def test_every_operation_has_its_row(tmp_path) -> None:
    rows = table("Operations of SQS")
    assert [operation for operation, *_ in rows] == sorted(load_model("sqs").operations)
    with SqsServing(tmp_path) as serving:
        served = sqs_operations(serving.service).keys()
    for operation, today, differs in rows:
        assert today in ("yes", "partly", "no"), operation
        assert (today != "no") == (operation in served), operation
        assert differs or today == "yes", f"{operation}: what differs is not said"


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ("| `E` | every operation | |", "no reason"),
        ("| `E` | every operation but Z | because |", "an operation that does not have it"),
        ("| `F` | every operation | because |", "an error that nobody has"),
        ("| `E` | A | because |\n| `E` | every operation | because |", "twice"),
    ],
)
def test_a_table_that_says_nonsense_is_noticed(
    rows: str, wrong: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    head = "### Errors of SQS that do not occur\n\n| Error | Where | Why not |\n|---|---|---|\n"
    good = "| `G` | B | because |\n"
    page.write_text(f"{head}{good}{rows}\n\n## Next\n")
    monkeypatch.setattr(compatibility_page, "PAGE", page)
    with pytest.raises(AssertionError):
        impossible_errors({"A": ["E"], "B": ["E", "G"]})
    page.write_text(f"{head}{good}| `E` | every operation but B | because |\n\n## Next\n")
    assert impossible_errors({"A": ["E"], "B": ["E", "G"]}) == {("B", "G"), ("A", "E")}
