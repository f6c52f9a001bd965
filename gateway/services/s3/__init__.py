"""Local S3 buckets: folders laid out as the buckets, objects written so that a crash tears none."""

from gateway.services.s3.buckets import Buckets, BucketStatus
from gateway.services.s3.errors import (
    BucketError,
    BucketFull,
    DiskRefused,
    KeyRefused,
    NoSuchBucket,
)
from gateway.services.s3.settings import BucketSettings, bucket_problems, resolve_name

__all__ = [
    "BucketError",
    "BucketFull",
    "BucketSettings",
    "BucketStatus",
    "Buckets",
    "DiskRefused",
    "KeyRefused",
    "NoSuchBucket",
    "bucket_problems",
    "resolve_name",
]
