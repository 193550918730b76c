"""Packages that are too large for the call itself go through a bucket of our own."""

from pathlib import Path
from typing import Any

import pytest

from mlctl.aws.apply import package_bucket
from mlctl.aws.stack.desired import Code, desired
from mlctl.aws.stack.names import Identity, Names
from mlctl.settings.deploy import DeploySettings
from tests.cloud import Cloud
from tests.conftest import Cli

PROD = ("--stage", "prod")
BUCKET = Names("iris", "prod").bucket("123456789012", "eu-west-1")


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package of Iris counts as large here."""
    monkeypatch.setattr("mlctl.aws.stack.desired.DIRECT_BYTES", 10_000)


def test_it_goes_through_a_private_bucket_of_our_own(cloud: Cloud, trained: Path, cli: Cli) -> None:
    result = cli("deploy", *PROD)
    assert result.code == 0, result.err
    assert f"+ create     bucket           {BUCKET}" in result.err
    assert f"Uploading to the bucket {BUCKET}" in result.err
    assert "its SHA-256 checked by S3" in result.err
    s3 = cloud.aws.s3
    blocked = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    assert len(blocked) == 4
    (rule,) = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (lifecycle,) = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert lifecycle["Expiration"]["Days"] == 7
    assert lifecycle["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 1
    code = cloud.calls.params("CreateFunction")["Code"]
    assert code == {"S3Bucket": BUCKET, "S3Key": code["S3Key"]}
    put = cloud.calls.params("PutObject")
    assert (put["ChecksumAlgorithm"], put["ExpectedBucketOwner"]) == ("SHA256", "123456789012")
    cloud.begin()
    assert cli("deploy", *PROD, "--json").json["changed"] is False
    assert cloud.calls.mutating == []


def test_a_large_one_is_uploaded_in_parts_and_tells_how_far_it_is(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package_bucket, "_PART_BYTES", 5 * 1024 * 1024)
    content = bytes(12 * 1024 * 1024)
    code = Code(python="3.12", model="a" * 64, package="b" * 64, sha256="", size=len(content))
    identity = Identity("123456789012", "aws", "eu-west-1", "me")
    wanted = desired(Names("iris", "prod"), identity, DeploySettings(), code)
    package_bucket.ensure(cloud.aws, wanted)
    sent: list[int] = []
    key = package_bucket.upload(cloud.aws, wanted, content, sent.append)
    assert key == f"{'b' * 64}.zip"
    assert cloud.calls.names.count("UploadPart") == 3
    assert cloud.calls.params("CreateMultipartUpload")["ChecksumAlgorithm"] == "SHA256"
    assert sum(sent) == len(content)
    assert cloud.aws.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == content


def test_destroy_empties_the_bucket_and_deletes_it(cloud: Cloud, trained: Path, cli: Cli) -> None:
    assert cli("deploy", *PROD).code == 0
    cloud.aws.s3.create_multipart_upload(Bucket=BUCKET, Key="half")
    removed = cli("destroy", "--yes", *PROD, "--json").json["removed"]
    assert removed[-1] == {"resource": "bucket", "name": BUCKET}
    assert cloud.aws.s3.list_buckets()["Buckets"] == []


def test_a_small_one_needs_no_bucket(cloud: Cloud, trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlctl.aws.stack.desired.DIRECT_BYTES", 50 * 1024 * 1024)
    assert cli("deploy", *PROD).code == 0
    assert not [call for call in cloud.calls if call.service == "s3"]


def test_one_that_lambda_would_refuse_is_refused_before_any_call(
    cloud: Cloud, trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlctl.core.shared.release_package.UNZIPPED_BYTES", 100_000)
    result = cli("deploy", *PROD)
    assert result.code == 3
    assert "MB unzipped; the limit of Lambda is 0 MB." in result.err
    assert cloud.calls.names == []


def test_a_bucket_of_somebody_else_is_not_used(
    cloud: Cloud, trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        from botocore.exceptions import ClientError

        raise ClientError({"Error": {"Code": "BucketAlreadyExists", "Message": "taken"}}, "CreateBucket")

    monkeypatch.setattr(type(cloud.aws.s3), "create_bucket", lambda self, **more: refuse(**more), raising=False)
    result = cli("deploy", *PROD)
    assert (result.code, f"The bucket {BUCKET} belongs to another account." in result.err) == (5, True)
    assert cloud.live() == {}


def test_a_bucket_whose_making_was_cut_off_is_finished(
    cloud: Cloud, trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.aws.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    result = cli("deploy", *PROD)
    assert result.code == 0, result.err
    assert f"~ update     bucket           {BUCKET}" in result.err
    assert cloud.aws.s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert cloud.aws.s3.get_public_access_block(Bucket=BUCKET)
