"""The `s3` action on a real folder: what is written, what is tried again, and what has failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.engine.actions.s3 import RETRY_AFTER_S, S3Action
from gateway.engine.failures import ActionFailed, TryAgain
from gateway.metrics import Metrics
from gateway.services.s3 import Buckets, BucketSettings
from tests.gateway.engine.actions.a_job import a_job

Run = Callable[[Any], None]

MIB = 1024 * 1024


def action(folder: Path, **more: Any) -> S3Action:
    settings = BucketSettings("images", folder, max_bytes=MIB, min_free_bytes=0)
    return S3Action(Buckets([settings], Metrics()), **more)


def parameters(key: str = "a", bucket: str = "images") -> dict[str, object]:
    return {"bucketName": bucket, "key": key, "cannedAcl": "public-read", "roleArn": "any"}


def test_the_result_becomes_the_object(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        s3 = action(tmp_path)
        assert s3.concurrency == 1
        for bucket in ("images", "arn:aws:s3:::images"):
            assert s3.target(parameters(bucket=bucket)) == "images"
            await s3.run(parameters("bench/1", bucket), b"\0\xff" + bucket.encode(), 1, a_job())
            assert (tmp_path / "bench" / "1").read_bytes() == b"\0\xff" + bucket.encode()

    run(main())


def test_a_bucket_that_is_not_there_has_no_lane(tmp_path: Path) -> None:
    s3 = action(tmp_path)
    with pytest.raises(ActionFailed, match="there is no bucket 'others'") as failed:
        s3.target(parameters(bucket="others"))
    assert '[[s3.buckets]] name = "others"' in failed.value.hint
    for bad in ({}, {"bucketName": 7}):
        with pytest.raises(ActionFailed, match="there is no bucket ''"):
            s3.target(bad)


def test_a_key_that_cannot_be_fails_at_once(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        s3 = action(tmp_path)
        await s3.run(parameters("a"), b"x", 1, a_job())
        for key, sentence in (("", "is empty"), ("a/b", "is an object already")):
            with pytest.raises(ActionFailed, match=sentence) as failed:
                await s3.run(parameters(key), b"x", 1, a_job())
            assert not isinstance(failed.value, TryAgain)

    run(main())


def test_a_full_bucket_is_tried_again_and_then_has_failed(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        s3 = action(tmp_path)
        body = b"x" * (2 * MIB)
        for attempt, after_s in enumerate(RETRY_AFTER_S, 1):
            with pytest.raises(TryAgain, match="is full") as again:
                await s3.run(parameters(), body, attempt, a_job())
            assert again.value.after_s == after_s
            assert "max_bytes" in again.value.hint
        with pytest.raises(ActionFailed, match="is full") as failed:
            await s3.run(parameters(), body, len(RETRY_AFTER_S) + 1, a_job())
        assert not isinstance(failed.value, TryAgain)

    run(main())


def test_a_disk_that_comes_back_takes_the_object(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        s3 = action(tmp_path / "disk" / "images", retry_after_s=(0.0,))
        (tmp_path / "disk").write_bytes(b"")
        with pytest.raises(TryAgain, match="Not a directory"):
            await s3.run(parameters(), b"x", 1, a_job())
        (tmp_path / "disk").unlink()
        await s3.run(parameters(), b"x", 2, a_job())
        assert (tmp_path / "disk" / "images" / "a").read_bytes() == b"x"

    run(main())
