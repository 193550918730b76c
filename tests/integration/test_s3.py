"""Data from S3, against moto; what moto waves through is refused by a hook in botocore's place."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import boto3
import pytest
from botocore.exceptions import ClientError, ResponseStreamingError
from moto import mock_aws

from mlctl.aws.live import s3_source
from mlctl.data import source
from mlctl.errors import ExitCode, MlctlError
from mlctl.progress import Event
from mlctl.settings import DataSettings, Settings
from mlctl.settings.deploy import DeploySettings

REGION: Literal["eu-west-1"] = "eu-west-1"
ROWS = b"a,b\n1,x\n2,y\n"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
    with mock_aws():
        made = boto3.resource("s3", region_name=REGION).Bucket("ours-only")
        made.create(CreateBucketConfiguration={"LocationConstraint": REGION})
        yield made


def read(uri: str, folder: Path, told: list[Event] | None = None, **deploy: Any) -> Any:
    report = told.append if told is not None else lambda event: None
    return source.read(uri, Settings(data=DataSettings(), deploy=DeploySettings(**deploy)), folder, report)


def refused(uri: str, folder: Path, **deploy: Any) -> MlctlError:
    with pytest.raises(MlctlError) as raised:
        read(uri, folder, **deploy)
    return raised.value


def refuse_with(monkeypatch: pytest.MonkeyPatch, code: str, message: str = "No.") -> None:
    """S3 answers every request with ``code``."""

    def call(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
        raise ClientError({"Error": {"Code": code, "Message": message}}, operation)

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", call)


def test_an_object_is_read(bucket: Any, tmp_path: Path) -> None:
    bucket.put_object(Key="some/rows.csv", Body=ROWS)
    told: list[Event] = []
    table = read("s3://ours-only/some/rows.csv", tmp_path, told, region=REGION)
    assert table.name == "rows.csv"
    assert {name: each.for_request() for name, each in table.columns.items()} == {"a": [1.0, 2.0], "b": ["x", "y"]}
    assert told[:2] == [
        Event("start", "download", "Downloading s3://ours-only/some/rows.csv", unit="MB"),
        Event("finish", "download", "0.0 MB"),
    ]
    assert list(tmp_path.iterdir()) == []


def test_the_region_of_the_bucket_need_not_be_known(bucket: Any, tmp_path: Path) -> None:
    bucket.put_object(Key="rows.csv", Body=ROWS)
    assert read("s3://ours-only/rows.csv", tmp_path).rows == 2
    assert read("s3://ours-only/rows.csv", tmp_path, region="us-west-2").rows == 2


@pytest.mark.parametrize("key", ["what?.csv", "a#b.csv", "/begins/with/a/slash.csv", "ω é.csv", "x" * 300])
def test_a_key_may_hold_any_sign(bucket: Any, tmp_path: Path, key: str) -> None:
    bucket.put_object(Key=key, Body=ROWS)
    assert read(f"s3://ours-only/{key}", tmp_path).rows == 2


def test_the_name_of_the_key_tells_of_tabs(bucket: Any, tmp_path: Path) -> None:
    bucket.put_object(Key="rows.tsv.gz", Body=gzip.compress(ROWS.replace(b",", b"\t")))
    assert list(read("s3://ours-only/rows.tsv.gz", tmp_path).columns) == ["a", "b"]


def test_how_far_a_download_is_is_told(bucket: Any, tmp_path: Path) -> None:
    bucket.put_object(Key="rows.csv", Body=b"a,b\n" + b"1,2\n" * 600_000)
    done: list[tuple[int, int]] = []
    with (tmp_path / "rows.csv").open("wb") as file:
        s3_source.download(
            "s3://ours-only/rows.csv", file, region=None, profile=None, advance=lambda *at: done.append(at)
        )
    assert [at for at, _ in done] == [0, 1 << 20, 2 << 20, 2_400_004]
    assert {size for _, size in done} == {2_400_004}
    told: list[Event] = []
    read("s3://ours-only/rows.csv", tmp_path, told)
    assert [(event.kind, event.done, event.total) for event in told if event.name == "download"] == [
        ("start", 0, 2),
        ("advance", 1, 2),
        ("advance", 2, 2),
        ("advance", 2, 2),
        ("finish", 0, None),
    ]
    assert (tmp_path / "rows.csv").stat().st_size == 2_400_004


def test_a_bucket_or_a_key_that_is_not_there(bucket: Any, tmp_path: Path) -> None:
    error = refused("s3://nobodys-bucket/rows.csv", tmp_path)
    assert error.message == "There is no bucket 'nobodys-bucket'."
    assert (error.hint, error.code) == ("Check the name in [data] source.", "data_not_found")
    assert error.exit_code == ExitCode.NOT_FOUND
    error = refused("s3://ours-only/some/none.csv", tmp_path)
    assert error.message == "There is no object 'some/none.csv' in bucket 'ours-only'."
    assert (error.hint, error.exit_code) == ("Check the key in [data] source.", ExitCode.NOT_FOUND)


def test_a_bucket_of_somebody_else(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_with(monkeypatch, "AccessDenied")
    error = refused("s3://theirs/rows.csv", tmp_path)
    assert error.message == "AWS refuses to let you read s3://theirs/rows.csv: AccessDenied."
    assert (error.code, error.exit_code) == ("data_forbidden", ExitCode.AWS)
    assert error.hint == (
        "The bucket may be somebody else's; you need s3:GetObject on the key, and s3:ListBucket to tell "
        "a missing key from a forbidden one."
    )


def test_credentials_that_are_wrong(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_with(monkeypatch, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
    error = refused("s3://ours-only/rows.csv", tmp_path)
    assert error.message.startswith("AWS does not accept the credentials: ")
    assert "does not exist in our records" in error.message
    assert (error.code, error.exit_code) == ("aws_credentials_invalid", ExitCode.AWS)


def test_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not those of a machine either, which would be asked for over the network.
    for name, value in {
        "AWS_CONFIG_FILE": "none",
        "AWS_SHARED_CREDENTIALS_FILE": "none",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    error = refused("s3://ours-only/rows.csv", tmp_path)
    assert error.message == "No AWS credentials were found."
    assert error.hint == "Log in (`aws sso login`), or set AWS_PROFILE or [deploy] profile."
    assert error.exit_code == ExitCode.AWS


def test_a_profile_that_is_none(bucket: Any, tmp_path: Path) -> None:
    error = refused("s3://ours-only/rows.csv", tmp_path, profile="nobody")
    assert error.message == "AWS cannot be reached: The config profile (nobody) could not be found."
    assert (error.hint, error.exit_code) == ("Check [deploy] profile against ~/.aws/config.", ExitCode.AWS)


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("s3://ours-only", "'s3://ours-only' names no object."),
        ("s3://ours-only/", "'s3://ours-only/' names no object."),
        ("s3:///rows.csv", "'' cannot be the name of a bucket."),
        ("s3://my bucket/rows.csv", "'my bucket' cannot be the name of a bucket."),
    ],
)
def test_a_uri_that_names_no_object(tmp_path: Path, uri: str, told: str) -> None:
    error = refused(uri, tmp_path)
    assert (error.message, error.hint) == (told, "Write s3://BUCKET/KEY.")
    assert (error.code, error.exit_code) == ("source_invalid", ExitCode.USAGE)


def test_a_connection_that_breaks_off(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Any, size: int) -> Iterator[bytes]:
        yield b"a,b\n1,"
        raise ResponseStreamingError(error="it broke off")

    bucket.put_object(Key="rows.csv", Body=ROWS)
    monkeypatch.setattr("botocore.response.StreamingBody.iter_chunks", broken)
    error = refused("s3://ours-only/rows.csv", tmp_path)
    assert error.message == (
        "The call to AWS failed: An error occurred while reading from response stream: it broke off"
    )
    assert (error.hint, error.exit_code) == ("Run the same command again.", ExitCode.AWS)
