"""AWS clients for one account and region, or for an emulator of it."""

import os
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, NoCredentialsError

from mlctl.errors import ExitCode, MlctlError

if TYPE_CHECKING:
    from types_boto3_acm import ACMClient
    from types_boto3_apigatewayv2 import ApiGatewayV2Client
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_iam import IAMClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_s3 import S3Client
    from types_boto3_sts import STSClient

EMULATED_REGION = "us-east-1"
_ANY_KEY = "test"


class Aws:
    """The clients, made on first use. ``pace`` scales every wait: 1 on AWS, less where nothing is slow."""

    def __init__(self, session: boto3.Session, endpoint: str | None, *, pace: float = 1.0) -> None:
        self._session = session
        self._endpoint = endpoint
        self.pace = pace

    @classmethod
    def connect(cls, *, region: str | None, profile: str | None) -> "Aws":
        """AWS itself, with the usual chain of credentials. Raises MlctlError (exit 5) without a region."""
        try:
            # AWS_REGION is what the other SDKs read; botocore knows AWS_DEFAULT_REGION only.
            session = boto3.Session(region_name=region or os.environ.get("AWS_REGION"), profile_name=profile)
        except BotoCoreError as error:
            raise MlctlError(
                f"AWS cannot be reached: {error}.",
                code="aws_profile",
                exit_code=ExitCode.AWS,
                hint="Check [deploy] profile against ~/.aws/config.",
            ) from None
        if session.region_name is None:
            raise MlctlError(
                "No AWS region is set, which every stage but local needs.",
                code="aws_no_region",
                exit_code=ExitCode.AWS,
                hint='Set [deploy] region = "eu-west-1", or AWS_REGION.',
            )
        return cls(session, None)

    @classmethod
    def emulated(cls, endpoint: str, *, region: str | None, secret: str | None = None) -> "Aws":
        """An emulator at ``endpoint``, with credentials that mean nothing anywhere else.

        ``secret`` is what the guard of mlctl's own emulator asks for; other emulators take any credentials.
        """
        # Nothing of the user's AWS configuration: a profile that does not exist must not matter here.
        unset = (None, None, None, None)
        nowhere = (None, None, os.devnull, None)
        apart = botocore.session.Session(
            session_vars={"profile": unset, "config_file": nowhere, "credentials_file": nowhere}
        )
        session = boto3.Session(
            botocore_session=apart,
            # The access key id is what a request shows of its credentials; the signature is not checked.
            aws_access_key_id=secret or _ANY_KEY,
            aws_secret_access_key=secret or _ANY_KEY,
            region_name=region or EMULATED_REGION,
        )
        return cls(session, endpoint, pace=0.05)

    @property
    def region(self) -> str:
        """The region of all clients."""
        return str(self._session.region_name)

    @cached_property
    def iam(self) -> "IAMClient":
        """IAM."""
        return self._session.client("iam", endpoint_url=self._endpoint, config=self._config())

    @cached_property
    def lambda_(self) -> "LambdaClient":
        """Lambda."""
        return self._session.client("lambda", endpoint_url=self._endpoint, config=self._config())

    @cached_property
    def api(self) -> "ApiGatewayV2Client":
        """API Gateway, HTTP APIs: what may be asked twice."""
        return self._session.client("apigatewayv2", endpoint_url=self._endpoint, config=self._config())

    @cached_property
    def api_once(self) -> "ApiGatewayV2Client":
        """The same for what must not be: creating an API twice makes two, so nothing is retried behind our back."""
        return self._session.client("apigatewayv2", endpoint_url=self._endpoint, config=self._config(retries=False))

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        """CloudWatch Logs."""
        return self._session.client("logs", endpoint_url=self._endpoint, config=self._config())

    @cached_property
    def cloudwatch(self) -> "CloudWatchClient":
        """CloudWatch metrics and alarms."""
        return self._session.client("cloudwatch", endpoint_url=self._endpoint, config=self._config())

    @cached_property
    def s3(self) -> "S3Client":
        """S3."""
        return self._session.client("s3", endpoint_url=self._endpoint, config=self._config())

    @cached_property
    def acm(self) -> "ACMClient":
        """Certificates."""
        return self._session.client("acm", endpoint_url=self._endpoint, config=self._config())

    @cached_property
    def sts(self) -> "STSClient":
        """STS."""
        return self._session.client("sts", endpoint_url=self._endpoint, config=self._config())

    def sign(self, method: str, url: str, body: bytes | None) -> dict[str, str]:
        """The headers that let an API with ``auth = "iam"`` know the caller (Signature Version 4, ``execute-api``).

        Raises botocore's NoCredentialsError without credentials.
        """
        credentials = self._session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        request = AWSRequest(method=method, url=url, data=body, headers={"content-type": "application/json"})
        SigV4Auth(credentials.get_frozen_credentials(), "execute-api", self.region).add_auth(request)
        return dict(request.headers.items())

    def _config(self, *, retries: bool = True) -> Config:
        return Config(
            retries={"mode": "standard", "total_max_attempts": 5 if retries else 1},
            # An emulator on loopback is not behind the user's proxy.
            proxies={} if self._endpoint else None,
            read_timeout=60,
        )
