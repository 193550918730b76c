"""The private, encrypted S3 bucket for packages over 50 MB, with automatic expiry."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from mlctl.aws.client.errors import code_of
from mlctl.aws.client.session import Aws
from mlctl.aws.stack.state import Desired
from mlctl.errors import ExitCode, MlctlError

_KEPT_DAYS = 7
_PART_BYTES = 16 * 1024 * 1024
# In this region alone S3 wants no location: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
_NO_LOCATION = "us-east-1"
_MINE_ALREADY = {"BucketAlreadyOwnedByYou"}


def ensure(aws: Aws, desired: Desired) -> None:
    """Make the bucket, or what it lacks. Each part is put again: a run that was cut off may have left it open.

    Raises MlctlError (exit 5) when somebody else has a bucket of that name.
    """
    bucket, owner = desired.bucket, desired.account
    location = {} if aws.region == _NO_LOCATION else {"CreateBucketConfiguration": {"LocationConstraint": aws.region}}
    try:
        aws.s3.create_bucket(Bucket=bucket, **location)  # type: ignore[arg-type]  # any region's name, not a list of them
    except ClientError as error:
        if code_of(error) == "BucketAlreadyExists":
            raise MlctlError(
                f"The bucket {bucket} belongs to another account.",
                code="name_taken",
                exit_code=ExitCode.AWS,
                hint="Give the project another name in mlctl.toml: the bucket's name follows from it.",
            ) from None
        if code_of(error) not in _MINE_ALREADY:
            raise
    aws.s3.put_public_access_block(
        Bucket=bucket,
        ExpectedBucketOwner=owner,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    encryption: Any = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    aws.s3.put_bucket_encryption(
        Bucket=bucket,
        ExpectedBucketOwner=owner,
        ServerSideEncryptionConfiguration=encryption,
    )
    aws.s3.put_bucket_lifecycle_configuration(
        Bucket=bucket,
        ExpectedBucketOwner=owner,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "mlctl",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "Expiration": {"Days": _KEPT_DAYS},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                }
            ]
        },
    )
    tags = [{"Key": key, "Value": value} for key, value in desired.all_tags.items()]
    aws.s3.put_bucket_tagging(Bucket=bucket, ExpectedBucketOwner=owner, Tagging={"TagSet": tags})  # type: ignore[typeddict-item]  # as above


def upload(aws: Aws, desired: Desired, code: bytes, advance: Callable[[int], None]) -> str:
    """Put the package into the bucket in parts, each with its SHA-256; return its key. ``advance`` gets bytes sent."""
    key = f"{desired.release.package}.zip"
    aws.s3.upload_fileobj(
        BytesIO(code),
        desired.bucket,
        key,
        ExtraArgs={"ChecksumAlgorithm": "SHA256", "ExpectedBucketOwner": desired.account},
        Config=TransferConfig(multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, max_concurrency=4),
        Callback=advance,
    )
    return key


def remove(aws: Aws, bucket: str, account: str) -> None:
    """Delete the bucket with all that is in it, parts of unfinished uploads included."""
    for uploads in aws.s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, ExpectedBucketOwner=account):
        for each in uploads.get("Uploads", []):
            aws.s3.abort_multipart_upload(
                Bucket=bucket, Key=each["Key"], UploadId=each["UploadId"], ExpectedBucketOwner=account
            )
    for page in aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, ExpectedBucketOwner=account):
        keys = [{"Key": each["Key"]} for each in page.get("Contents", [])]
        if keys:
            aws.s3.delete_objects(Bucket=bucket, Delete={"Objects": keys}, ExpectedBucketOwner=account)  # type: ignore[typeddict-item]  # as above
    aws.s3.delete_bucket(Bucket=bucket, ExpectedBucketOwner=account)
