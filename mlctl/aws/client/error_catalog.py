"""Tables that map the errors of AWS and its SDK to mlctl's error codes, messages and hints."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

AGAIN = "Run the same command again: it continues where it stopped."
_POLICY = "`mlctl doctor --policy` prints the required policy"


@dataclass(frozen=True)
class ErrorText:
    """Error code, message and hint. ``{operation}``, ``{message}`` and groups of the pattern are placeholders."""

    code: str
    text: str
    hint: str


@dataclass(frozen=True)
class Refusal:
    """A rule for errors of a service: ``codes`` and ``operations`` (all if empty), and a pattern for the message."""

    text: ErrorText
    codes: frozenset[str] = frozenset()
    pattern: str = ""
    operations: frozenset[str] = frozenset()

    def match(self, code: str, message: str, operation: str) -> Mapping[str, str] | None:
        """The groups of the pattern; None if the rule does not apply to this error."""
        if (self.codes and code not in self.codes) or (self.operations and operation not in self.operations):
            return None
        matched = re.search(self.pattern, message, re.IGNORECASE)
        return matched.groupdict() if matched else None


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


FORBIDDEN = _codes(
    "AccessDenied AccessDeniedException UnauthorizedOperation AuthorizationError Forbidden ForbiddenException 403"
)
_EXPIRED = ErrorText(
    "aws_credentials_expired",
    "Your AWS session has expired.",
    "Log in again (for example with `aws sso login`), then run the same command.",
)
_CLOCK = ErrorText(
    "aws_clock",
    "The clock of this machine differs too much from that of AWS: {message}",
    "Set the clock, then run the same command again.",
)
_BUSY = ErrorText(
    "aws_busy",
    "AWS refused {operation}: another change of this resource is still in progress.",
    "Run the same command again in a minute: it continues where it stopped.",
)
_CONCURRENCY = ErrorText(
    "aws_concurrency",
    "AWS refused {operation}: there is not enough unused concurrency. {message}",
    "Lower [deploy] reserved_concurrency or provisioned_concurrency, or ask AWS for a higher quota of concurrent "
    "executions.",
)

REFUSALS = (
    Refusal(
        ErrorText(
            "aws_role_not_assumable",
            "AWS refused {operation}: Lambda cannot assume the function's role.",
            "A new role takes up to a minute to work: run the same command again. Your own role ([deploy] role) must "
            "trust lambda.amazonaws.com: `mlctl doctor` checks it.",
        ),
        pattern="cannot be assumed by Lambda",
    ),
    Refusal(
        ErrorText(
            "aws_role_lacks",
            "AWS refused {operation}: the function's role has no permission to call {action} on {service}.",
            "A new role takes up to a minute to work: run the same command again. Your own role ([deploy] role) needs "
            "the permissions of the managed policies AWSLambdaVPCAccessExecutionRole and AWSXRayDaemonWriteAccess.",
        ),
        pattern=r"execution role does not have permissions to call (?P<action>\w+) on (?P<service>EC2|XRAY)",
    ),
    Refusal(
        ErrorText(
            "aws_pass_role",
            "AWS refused {operation}: the role belongs to another account.",
            "Set [deploy] role to a role in the stage's account, or remove the setting: mlctl then creates a role.",
        ),
        pattern="Cross-account pass role",
    ),
    Refusal(_BUSY, _codes("ResourceConflictException"), "in progress|pending"),
    Refusal(_BUSY, pattern="concurrent modification|conflicting conditional operation|concurrent requests"),
    Refusal(
        _BUSY,
        _codes("ConcurrentModification ConcurrentModificationException OperationAborted OperationAbortedException"),
    ),
    Refusal(
        ErrorText(
            _CONCURRENCY.code,
            "AWS refused {operation}: it would leave fewer than {least} concurrent executions to the account's other "
            "functions.",
            _CONCURRENCY.hint,
        ),
        pattern=r"UnreservedConcurrentExecution below its minimum value of \[(?P<least>\d+)\]",
    ),
    Refusal(_CONCURRENCY, pattern="Requested Provisioned Concurrency should not be greater"),
    Refusal(_CONCURRENCY, _codes("TooManyRequestsException"), "Concurrent(Invocation|Snapshot)"),
    Refusal(
        ErrorText(
            "aws_unzipped_too_large",
            "AWS refused {operation}: the package is larger than {limit} bytes unzipped, which is Lambda's limit.",
            'Use the portable engine ([deploy] engine = "portable"), or a smaller model.',
        ),
        pattern=r"Unzipped size must be smaller than (?P<limit>\d+)",
    ),
    Refusal(
        ErrorText(
            "aws_request_too_large",
            "AWS refused {operation}: the request is too large. {message}",
            "mlctl uploads packages over 50 MB through S3. A request to the function has at most 6 MB.",
        ),
        _codes("RequestEntityTooLargeException RequestTooLargeException RequestEntityTooLarge EntityTooLarge"),
    ),
    Refusal(
        ErrorText(
            "aws_code_storage",
            "AWS refused {operation}: the account's storage for packages in this region is full.",
            "Lower [deploy] keep_releases: a deploy deletes the older releases. You can also delete unused functions, "
            "or ask AWS for a higher quota.",
        ),
        _codes("CodeStorageExceededException"),
    ),
    Refusal(
        ErrorText(
            "aws_certificate",
            "AWS refused {operation}: the certificate of [deploy] domain cannot be used. {message}",
            "It must be in ACM in the stage's account and region, be issued, and cover the name: `mlctl doctor` "
            "checks it.",
        ),
        pattern="certificate",
        operations=_codes("DescribeCertificate CreateDomainName UpdateDomainName"),
    ),
    Refusal(
        _CLOCK,
        pattern=r"Signature not yet current|Signature expired|difference between the request time",
    ),
    Refusal(_CLOCK, _codes("RequestTimeTooSkewed")),
    Refusal(
        _EXPIRED,
        _codes(
            "ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired UnauthorizedException "
            "InvalidGrantException"
        ),
    ),
    Refusal(
        ErrorText(
            "aws_credentials_invalid",
            "AWS does not accept the credentials: {message}",
            "Check them with `aws sts get-caller-identity`: a key may be mistyped or deleted, its session token may "
            "be missing, or the region may not be enabled for the account.",
        ),
        _codes(
            "InvalidClientTokenId UnrecognizedClientException SignatureDoesNotMatch InvalidSignatureException "
            "InvalidAccessKeyId InvalidToken AuthFailure IncompleteSignature IncompleteSignatureException "
            "MissingAuthenticationToken MissingAuthenticationTokenException NotAuthorized"
        ),
    ),
    Refusal(
        ErrorText(
            "aws_not_enabled",
            "AWS refused {operation}: the account is not signed up for this service or region. {message}",
            "Enable it in the AWS console, or choose another [deploy] region.",
        ),
        _codes("OptInRequired SubscriptionRequiredException"),
    ),
    Refusal(
        ErrorText(
            "aws_throttled",
            "AWS throttles {operation}: the account makes too many calls. mlctl retried several times.",
            "Wait a minute and run the same command again: it continues where it stopped.",
        ),
        _codes(
            "Throttling ThrottlingException ThrottledException RequestThrottled RequestThrottledException "
            "TooManyRequestsException RequestLimitExceeded BandwidthLimitExceeded SlowDown EC2ThrottledException "
            "PriorRequestNotComplete ProvisionedThroughputExceededException"
        ),
    ),
    Refusal(
        ErrorText(
            "aws_quota",
            "AWS refused {operation}: the account has reached a quota. {message}",
            "Delete unused resources, or ask AWS for a higher quota (Service Quotas in the console).",
        ),
        _codes(
            "LimitExceeded LimitExceededException ServiceQuotaExceededException TooManyBuckets TooManyTagsException "
            "ENILimitReachedException SubnetIPAddressLimitReachedException"
        ),
    ),
    Refusal(
        ErrorText(
            "overtaken",
            "AWS refused {operation}: another command changed the stage at the same time.",
            "Check `mlctl releases`, and run the same command again if you still need it.",
        ),
        _codes("PreconditionFailedException PreconditionFailed 412"),
    ),
    Refusal(
        ErrorText(
            "aws_conflict",
            "AWS refused {operation}: {message}",
            "The resource exists already, or another command is changing it. Run the same command again in a minute; "
            "`mlctl doctor` shows whose it is.",
        ),
        _codes(
            "ResourceConflictException ConflictException EntityAlreadyExists ResourceAlreadyExistsException "
            "BucketAlreadyExists ResourceInUseException"
        ),
    ),
    Refusal(
        ErrorText("aws_unavailable", "{operation} failed on the side of AWS: {message}", AGAIN),
        _codes(
            "ServiceException InternalFailure InternalError InternalServerError InternalServerErrorException "
            "ServiceFailure ServiceFailureException ServiceUnavailable ServiceUnavailableException 500 502 503 504"
        ),
    ),
    Refusal(
        ErrorText(
            "aws_refused",
            "AWS refused {operation}: {message}",
            "The error code is {code}. Correct the cause and run the same command again.",
        )
    ),
)

_LOG_IN = "Log in (`aws sso login`), or set AWS_PROFILE or [deploy] profile."
_CONNECTION = "Check the network, the proxy and the region. On stage local: `mlctl local start`."

# Keys are names of the SDK's exceptions or of their base classes. The nearest class wins, so new exceptions match too.
SDK: Mapping[str, ErrorText] = {
    "NoCredentialsError": ErrorText("aws_no_credentials", "No AWS credentials were found.", _LOG_IN),
    "PartialCredentialsError": ErrorText(
        "aws_partial_credentials",
        "The AWS credentials are incomplete: {message}",
        "Set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither.",
    ),
    "SSOError": ErrorText(_EXPIRED.code, "Your AWS session has expired, or there is none: {message}", _EXPIRED.hint),
    "TokenRetrievalError": ErrorText(
        _EXPIRED.code, "Your AWS session has expired, or there is none: {message}", _EXPIRED.hint
    ),
    "LoginError": ErrorText(
        _EXPIRED.code,
        "Your AWS session has expired, or there is none: {message}",
        "Log in again (`aws login`), then run the same command.",
    ),
    "RefreshWithMFAUnsupportedError": ErrorText(_EXPIRED.code, _EXPIRED.text, _EXPIRED.hint),
    "CredentialRetrievalError": ErrorText(
        "aws_credentials_failed",
        "The AWS credentials cannot be fetched: {message}",
        "Check the profile in ~/.aws/config, and its program, role or token.",
    ),
    "NoRegionError": ErrorText(
        "aws_no_region", "No AWS region is set.", 'Set [deploy] region = "eu-west-1", or AWS_REGION.'
    ),
    "InvalidRegionError": ErrorText("aws_region_invalid", "{message}", "Correct [deploy] region, or AWS_REGION."),
    "ProfileNotFound": ErrorText(
        "aws_profile", "AWS cannot be reached: {message}.", "Check [deploy] profile against ~/.aws/config."
    ),
    "ConfigParseError": ErrorText("aws_profile", "AWS cannot be reached: {message}.", "Correct that file."),
    **dict.fromkeys(
        (
            "ConfigNotFound",
            "InfiniteLoopConfigError",
            "InvalidConfigError",
            "InvalidDefaultsMode",
            "InvalidRetryConfigurationError",
            "InvalidRetryModeError",
            "UnknownCredentialError",
        ),
        ErrorText(
            "aws_configuration",
            "The AWS configuration cannot be used: {message}",
            "Check the AWS_* variables, ~/.aws/config and ~/.aws/credentials.",
        ),
    ),
    "ConnectTimeoutError": ErrorText("aws_timeout", "AWS did not answer in time: {message}", f"{_CONNECTION} {AGAIN}"),
    "ReadTimeoutError": ErrorText("aws_timeout", "AWS did not answer in time: {message}", AGAIN),
    "ConnectionClosedError": ErrorText("aws_connection_closed", "The connection to AWS was closed: {message}", AGAIN),
    "ProxyConnectionError": ErrorText("aws_proxy", "The proxy cannot be reached: {message}", "Check HTTPS_PROXY."),
    "SSLError": ErrorText(
        "aws_tls",
        "The TLS certificate of AWS cannot be verified: {message}",
        "If your network has a proxy with its own certificate, set AWS_CA_BUNDLE to that certificate.",
    ),
    "ForeignAnswerError": ErrorText(
        "aws_foreign_answer",
        "Something other than AWS answered: {message}",
        "A proxy or another program may answer instead. On stage local, check local_endpoint "
        "or run `mlctl local status`.",
    ),
    "ConnectionError": ErrorText("aws_unreachable", "AWS does not answer: {message}", _CONNECTION),
    "BotoCoreError": ErrorText("aws_failed", "The call to AWS failed: {message}", "Run the same command again."),
    "Boto3Error": ErrorText("aws_failed", "The call to AWS failed: {message}", "Run the same command again."),
}

# The kind of policy that denied a call, as AWS's messages call it: its description, and the hint.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
LAYERS: Mapping[str, tuple[str, str]] = {
    "service control policy": (
        "a service control policy of the organization",
        "Your own policies cannot allow it: ask an administrator of the organization",
    ),
    "resource control policy": (
        "a resource control policy of the organization",
        "Your own policies cannot allow it: ask an administrator of the organization",
    ),
    "permissions boundary": (
        "your permissions boundary",
        f"The boundary must allow it, and so must a policy: ask an administrator of the account. {_POLICY}",
    ),
    "session policy": (
        "the policy of your session",
        f"Ask for a session with more permissions, or log in with another role. {_POLICY}",
    ),
    "vpc endpoint policy": (
        "the policy of the VPC endpoint",
        "Call from another network, or ask an administrator of the endpoint",
    ),
    "resource-based policy": ("a policy of the resource itself", "Ask the owner of that resource"),
    "identity-based policy": ("an identity-based policy", f"Ask an administrator of the account. {_POLICY}"),
}
DEFAULT_DENIED_HINT = f"Ask an administrator of the account. {_POLICY}"
