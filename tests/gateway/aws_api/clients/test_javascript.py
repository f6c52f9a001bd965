"""The AWS SDK for JavaScript against a whole gateway; what it does is in tests/clients-js."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.gateway.aws_api.clients.endpoint import Endpoint

CLIENTS_JS = Path(__file__).parents[3] / "clients-js"


def walk(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["node", "sqs-walk.mjs"],
        cwd=CLIENTS_JS,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_program_with_the_javascript_sdk(endpoint: Endpoint) -> None:
    done = walk(endpoint.environment)
    assert (done.returncode, done.stdout) == (0, "all as it should be\n"), done.stderr


def test_a_wrong_key_is_refused_by_name(endpoint: Endpoint) -> None:
    done = walk({**endpoint.environment, "AWS_SECRET_ACCESS_KEY": "w" * 40})
    assert done.returncode != 0
    assert "InvalidSignatureException" in done.stderr or "SignatureDoesNotMatch" in done.stderr
