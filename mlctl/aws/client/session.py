"""AWS clients for one account and region, or for an emulator of it."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import NoCredentialsError

from mlctl.aws.client import response_checks
from mlctl.aws.client.configuration import configured, open_session
from mlctl.aws.client.isolated_session import isolated_session
from mlctl.aws.client.timeouts import Silence
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
_CONNECT_SECONDS = 10
_READ_SECONDS = 20
# Lambda may work for as long as [deploy] timeout allows, which is 29 s, and start before; packages take their time.
_SLOW_SECONDS = 60


class Aws:
    """The clients, made on first use. ``pace`` scales every wait: 1 on AWS, less where nothing is slow."""

    def __init__(self, session: boto3.Session, endpoint: str | None, *, pace: float = 1.0) -> None:
        self._session = session
        self._endpoint = endpoint
        self.pace = pace
        self.silence = Silence(endpoint)

    @classmethod
    def connect(cls, *, region: str | None, profile: str | None) -> "Aws":
        """AWS itself, with the usual chain of credentials.

        Raises MlctlError (exit 5) without a region, for a profile that does not exist, and for a broken configuration.
        """
        session = open_session(region, profile)
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
        session = boto3.Session(
            botocore_session=isolated_session(),
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

    @property
    def profile(self) -> str | None:
        """The profile that the settings or AWS_PROFILE name; None without one, which boto3 calls default."""
        name = self._session.profile_name
        return None if name == "default" else name

    @cached_property
    def iam(self) -> "IAMClient":
        """IAM."""
        client: IAMClient = self._client("iam")
        return client

    @cached_property
    def lambda_(self) -> "LambdaClient":
        """Lambda."""
        client: LambdaClient = self._client("lambda", slow=True)
        return client

    @cached_property
    def api(self) -> "ApiGatewayV2Client":
        """API Gateway, HTTP APIs: what may be asked twice."""
        client: ApiGatewayV2Client = self._client("apigatewayv2")
        return client

    @cached_property
    def api_once(self) -> "ApiGatewayV2Client":
        """The same for what must not be: creating an API twice makes two, so nothing is retried behind our back."""
        client: ApiGatewayV2Client = self._client("apigatewayv2", retries=False)
        return client

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        """CloudWatch Logs."""
        client: CloudWatchLogsClient = self._client("logs")
        return client

    @cached_property
    def cloudwatch(self) -> "CloudWatchClient":
        """CloudWatch metrics and alarms."""
        client: CloudWatchClient = self._client("cloudwatch")
        return client

    @cached_property
    def s3(self) -> "S3Client":
        """S3."""
        client: S3Client = self._client("s3", slow=True)
        return client

    @cached_property
    def acm(self) -> "ACMClient":
        """Certificates."""
        client: ACMClient = self._client("acm")
        return client

    @cached_property
    def sts(self) -> "STSClient":
        """STS."""
        client: STSClient = self._client("sts")
        return client

    def sign(self, method: str, url: str, body: bytes | None) -> dict[str, str]:
        """The headers that let an API with ``auth = "iam"`` know the caller (Signature Version 4, ``execute-api``).

        Raises botocore's NoCredentialsError without credentials.
        """
        with configured():
            credentials = self._session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        request = AWSRequest(method=method, url=url, data=body, headers={"content-type": "application/json"})
        SigV4Auth(credentials.get_frozen_credentials(), "execute-api", self.region).add_auth(request)
        return dict(request.headers.items())

    def _client(self, service: str, *, retries: bool = True, slow: bool = False) -> Any:
        # The overloads of boto3's stubs take literal names only; the properties say which client it is.
        make: Any = self._session.client
        with configured():
            client = make(service, endpoint_url=self._endpoint, config=self._config(retries=retries, slow=slow))
        response_checks.watch(client)
        return self.silence.watch(client)

    def _config(self, *, retries: bool = True, slow: bool = False) -> Config:
        return Config(
            retries={"mode": "standard", "total_max_attempts": 5 if retries else 1},
            # An emulator on loopback is not behind the user's proxy.
            proxies={} if self._endpoint else None,
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_SLOW_SECONDS if slow else _READ_SECONDS,
        )
