"""Reads objects in S3 as data."""

import re
from collections.abc import Callable
from typing import IO

from botocore.config import Config
from botocore.exceptions import ClientError

from mlctl.aws.client.configuration import configured, open_session
from mlctl.aws.client.errors import code_of, translate_errors
from mlctl.errors import ExitCode, MlctlError

_BLOCK = 1 << 20
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, with the names of old buckets
_BUCKET = re.compile(r"[A-Za-z0-9._-]{3,255}")
# Where none is set. S3 names buckets over all regions and redirects to the right one.
_REGION = "us-east-1"


def download(
    uri: str,
    file: IO[bytes],
    *,
    region: str | None,
    profile: str | None,
    advance: Callable[[int, int], None] = lambda done, size: None,
) -> None:
    """Write the object at ``s3://bucket/key`` to ``file``; ``advance`` is told the bytes done, from 0, and in all.

    Raises MlctlError: exit 2 for a URI that is none, exit 6 for a bucket or key that is not there,
    exit 5 when AWS refuses it, as it does for a bucket of somebody else's.
    """
    bucket, key = _parts(uri)
    with translate_errors():
        try:
            session = open_session(region, profile)
            with configured():
                client = session.client(
                    "s3",
                    region_name=session.region_name or _REGION,
                    config=Config(retries={"mode": "standard", "total_max_attempts": 5}),
                )
            found = client.get_object(Bucket=bucket, Key=key)
            done, size = 0, int(found["ContentLength"])
            advance(done, size)
            for block in found["Body"].iter_chunks(_BLOCK):
                file.write(block)
                done += len(block)
                advance(done, size)
        except ClientError as error:
            raise _explained(uri, bucket, key, error) from error


def _parts(uri: str) -> tuple[str, str]:
    # Not as a URL is parsed: a key may hold any sign, such as ? and #, or begin with a slash.
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not key or not _BUCKET.fullmatch(bucket):
        raise MlctlError(
            f"'{uri}' names no object." if not key else f"'{bucket}' cannot be the name of a bucket.",
            code="source_invalid",
            exit_code=ExitCode.USAGE,
            hint="Write s3://BUCKET/KEY.",
        )
    return bucket, key


def _explained(uri: str, bucket: str, key: str, error: ClientError) -> MlctlError:
    code = code_of(error)
    if code == "NoSuchBucket":
        return _missing(f"There is no bucket '{bucket}'.", "Check the name in [data] source.")
    if code in ("NoSuchKey", "404"):
        return _missing(f"There is no object '{key}' in bucket '{bucket}'.", "Check the key in [data] source.")
    if code in ("AccessDenied", "403", "AllAccessDisabled"):
        return MlctlError(
            f"AWS refuses to let you read {uri}: {code}.",
            code="data_forbidden",
            exit_code=ExitCode.AWS,
            hint="The bucket may be somebody else's; you need s3:GetObject on the key, and s3:ListBucket to tell "
            "a missing key from a forbidden one.",
        )
    raise error


def _missing(message: str, hint: str) -> MlctlError:
    return MlctlError(message, code="data_not_found", exit_code=ExitCode.NOT_FOUND, hint=hint)
