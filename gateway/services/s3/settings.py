"""The settings of a local bucket, each default named once, with its unit and reason.

Owns also which names a bucket may have, how one is found from an ARN, and what buckets ask of each
other.

Source: Amazon S3 User Guide, "General purpose bucket naming rules".
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["BucketSettings", "bucket_problems", "name_problem", "resolve_name"]

_MIB: Final = 1024 * 1024

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]")
_ADDRESS: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_RESERVED_PREFIXES: Final = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_SUFFIXES: Final = ("-s3alias", "--ol-s3", ".mrap", "--x-s3")


def name_problem(name: str) -> str:
    """Return why this cannot be a bucket's name; empty where it can."""
    if _NAME.fullmatch(name) is None:
        return (
            "it must be 3 to 63 lowercase letters, digits, dots and hyphens, begin and end with a "
            "letter or digit, and have no two dots in a row"
        )
    if _ADDRESS.fullmatch(name):
        return "it looks like an IP address"
    for affix in _RESERVED_PREFIXES:
        if name.startswith(affix):
            return f"AWS keeps names that begin with {affix} for itself"
    for affix in _RESERVED_SUFFIXES:
        if name.endswith(affix):
            return f"AWS keeps names that end with {affix} for itself"
    return ""


def resolve_name(name_or_arn: str) -> str:
    """Return the bucket's name: the last part of an ARN such as `arn:aws:s3:::name`."""
    return name_or_arn.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """One `[[s3.buckets]]` section: a folder that stands for a bucket.

    Attributes are documented by their metadata, from which the settings reference is made.
    """

    name: str = field(
        metadata={
            "unit": "text",
            "doc": "The bucket's name, by S3's rules: 3 to 63 lowercase letters, digits, dots and "
            "hyphens. Rules name it so.",
        },
    )
    dir: Path = field(
        metadata={
            "unit": "folder",
            "doc": "The folder, made with mode 0750 where it is missing. A file in it is an "
            "object: its path is the key, so that `aws s3 sync` of the folder gives the bucket.",
        },
    )
    max_bytes: int = field(
        default=1024 * _MIB,
        metadata={
            "unit": "bytes",
            "doc": "What the folder may take of its disk, each file and folder rounded up to "
            "4 KiB. Above it new objects are refused; move or delete files to make room.",
        },
    )
    min_free_bytes: int = field(
        default=128 * _MIB,
        metadata={
            "unit": "bytes",
            "doc": "What the bucket leaves free on its disk: a bucket beside the gateway's "
            "database must not be what fills the disk for everything else.",
        },
    )

    def problems(self) -> list[str]:
        """Return what cannot be used in these settings, a sentence each."""
        found = []
        problem = name_problem(self.name)
        if problem:
            found.append(f'the bucket\'s name "{self.name}" cannot be used: {problem}')
        if self.max_bytes < _MIB:
            found.append(f"max_bytes is {self.max_bytes}; it must be at least 1MiB")
        return found


def bucket_problems(
    buckets: Sequence[BucketSettings], reserved: Mapping[str, Path] | None = None
) -> list[str]:
    """Return what the buckets' folders contradict in each other, and beside, a sentence each.

    Args:
        buckets: The buckets.
        reserved: Files and folders of the gateway's own, by what to call them: keys come out of
            payloads, and none may name one of these.
    """
    found = []
    folders = [Path(os.path.realpath(bucket.dir)) for bucket in buckets]
    for bucket, folder in zip(buckets, folders, strict=True):
        for what, path in (reserved or {}).items():
            if Path(os.path.realpath(path)).is_relative_to(folder):
                found.append(
                    f'the folder "{bucket.dir}" of the bucket "{bucket.name}" holds {what}, which '
                    "an object could replace; give the bucket a folder of its own"
                )
                break
    for at, (bucket, folder) in enumerate(zip(buckets, folders, strict=True)):
        for earlier, other in zip(buckets[:at], folders[:at], strict=True):
            if folder.is_relative_to(other) or other.is_relative_to(folder):
                found.append(
                    f'the folder "{bucket.dir}" is that of the bucket "{earlier.name}" too, or one '
                    "lies in the other; give each bucket a folder of its own"
                )
    return found
