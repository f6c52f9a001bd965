"""A bucket's settings: S3's naming rules, and folders that are each bucket's own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from gateway.services.s3 import BucketSettings, bucket_problems, resolve_name

HERE = Path("/srv/images")


@pytest.mark.parametrize("name", ["abc", "greenhouse-1", "a.b.c", "1-2", "a" * 63])
def test_names_that_s3_has(name: str) -> None:
    assert BucketSettings(name, HERE).problems() == []


@pytest.mark.parametrize(
    "name",
    [
        *("", "ab", "a" * 64, "Abc", "a_b", "-abc", "abc-", ".abc", "abc.", "a..b", "a/b", "a b"),
        *("192.168.5.4", "xn--abc", "sthree-abc", "amzn-s3-demo-abc"),
        *("abc-s3alias", "abc--ol-s3", "abc.mrap", "abc--x-s3", "abc\n"),
    ],
)
def test_names_that_s3_does_not_have(name: str) -> None:
    (problem,) = BucketSettings(name, HERE).problems()
    assert "cannot be used" in problem


def test_every_field_says_what_it_is() -> None:
    for field in dataclasses.fields(BucketSettings):
        assert field.metadata["doc"].endswith(".")
        assert field.metadata["unit"]


def test_a_limit_under_a_megabyte_is_a_mistake() -> None:
    (problem,) = BucketSettings("abc", HERE, max_bytes=1000).problems()
    assert "max_bytes is 1000" in problem


@pytest.mark.parametrize("named", ["images", "arn:aws:s3:::images"])
def test_a_bucket_is_found_by_name_or_arn(named: str) -> None:
    assert resolve_name(named) == "images"


def test_each_bucket_has_a_folder_of_its_own() -> None:
    def problems(*folders: str) -> int:
        return len(
            bucket_problems([BucketSettings(f"b-{n}", Path(f)) for n, f in enumerate(folders)])
        )

    assert problems("/srv/a", "/srv/b", "/srv/ab") == 0
    assert problems("/srv/a", "/srv/a") == 1
    assert problems("/srv/a", "/srv/a/b") == 1
    assert problems("/srv/a/b/c", "/srv/x", "/srv/a/") == 1


def test_no_bucket_holds_what_is_the_gateways_own(tmp_path: Path) -> None:
    """Keys come out of payloads: one could be `weir.db`, a rule, or a function that runs next."""
    data_dir, function = tmp_path / "data", tmp_path / "functions" / "f.py"
    for folder in (data_dir / "images", function.parent):
        folder.mkdir(parents=True)
    (tmp_path / "link").symlink_to(data_dir)
    reserved = {"data_dir": data_dir, 'the function "f"': function}

    def problems(folder: Path) -> list[str]:
        return bucket_problems([BucketSettings("images", folder)], reserved)

    for wrong in (data_dir, tmp_path, tmp_path / "link", tmp_path / "functions", data_dir / "a/.."):
        (problem,) = problems(wrong)
        assert "which an object could replace; give the bucket a folder of its own" in problem
    for right in (data_dir / "images", tmp_path / "images", tmp_path / "link" / "images"):
        assert problems(right) == []
