"""Checks whether the bucket for large packages exists and is complete."""

from collections.abc import Mapping

from botocore.exceptions import ClientError

from mlctl.aws.client.errors import code_of, raise_unless_absent
from mlctl.aws.client.session import Aws


def exists(aws: Aws, bucket: str) -> bool:
    """Whether we have that bucket; somebody else's, which S3 forbids us, is not ours."""
    try:
        aws.s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if code_of(error) != "403":
            raise_unless_absent(error)
        return False
    return True


def is_whole(aws: Aws, bucket: str, tags: Mapping[str, str]) -> bool:
    """Whether nothing of it is missing: it gets its tags last."""
    try:
        found = aws.s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    except ClientError as error:
        if code_of(error) != "NoSuchTagSet":
            raise_unless_absent(error)
        return False
    return tags.items() <= {tag["Key"]: tag["Value"] for tag in found}.items()
