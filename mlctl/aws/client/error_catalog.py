"""What AWS and its SDK say when they refuse, in words a user can act on: tables, read from the top."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

AGAIN = "Run the same command again: it goes on where it stopped."
_POLICY = "`mlctl doctor --policy` prints all that is needed"


@dataclass(frozen=True)
class ErrorText:
    """What a refusal becomes. ``{operation}``, ``{message}`` and groups of the pattern are filled in."""

    code: str
    text: str
    hint: str


@dataclass(frozen=True)
class Refusal:
    """Refusals by a service: those with one of ``codes`` (any, where there is none) whose message ``says`` this."""

    words: ErrorText
    codes: frozenset[str] = frozenset()
    says: str = ""
    operations: frozenset[str] = frozenset()

    def match(self, code: str, message: str, operation: str) -> Mapping[str, str] | None:
        """The groups of the pattern; None when it is another refusal."""
        if (self.codes and code not in self.codes) or (self.operations and operation not in self.operations):
            return None
        found = re.search(self.says, message, re.IGNORECASE)
        return found.groupdict() if found else None


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


FORBIDDEN = _codes(
    "AccessDenied AccessDeniedException UnauthorizedOperation AuthorizationError Forbidden ForbiddenException 403"
)
_EXPIRED = ErrorText(
    "aws_credentials_expired",
    "Your AWS session has expired.",
    "Log in again (`aws sso login`, or however you get credentials), then run the same command.",
)
_CLOCK = ErrorText(
    "aws_clock",
    "This machine's clock and AWS's differ by too much: {message}",
    "Set the clock, then run the same command again.",
)
_BUSY = ErrorText(
    "aws_busy",
    "AWS refused {operation}: another change of the same thing is still in progress.",
    "Run the same command again in a minute: it goes on where it stopped.",
)
_CONCURRENCY = ErrorText(
    "aws_concurrency",
    "AWS refused {operation}: too little concurrency is left. {message}",
    "Lower [deploy] reserved_concurrency or provisioned_concurrency, or ask AWS for a higher quota of concurrent "
    "executions.",
)

REFUSALS = (
    Refusal(
        ErrorText(
            "aws_role_not_assumable",
            "AWS refused {operation}: Lambda cannot assume the function's role.",
            "A role made just now needs a minute: run the same command again. One of your own ([deploy] role) must "
            "trust lambda.amazonaws.com: `mlctl doctor` checks it.",
        ),
        says="cannot be assumed by Lambda",
    ),
    Refusal(
        ErrorText(
            "aws_role_lacks",
            "AWS refused {operation}: the function's role lacks the right to call {action} on {service}.",
            "A role that mlctl made needs a minute: run the same command again. One of your own ([deploy] role) needs "
            "what the managed policies AWSLambdaVPCAccessExecutionRole and AWSXRayDaemonWriteAccess hold.",
        ),
        says=r"execution role does not have permissions to call (?P<action>\w+) on (?P<service>EC2|XRAY)",
    ),
    Refusal(
        ErrorText(
            "aws_pass_role",
            "AWS refused {operation}: the role belongs to another account.",
            "Name a role of the stage's own account in [deploy] role, or none: mlctl makes one.",
        ),
        says="Cross-account pass role",
    ),
    Refusal(_BUSY, _codes("ResourceConflictException"), "in progress|pending"),
    Refusal(_BUSY, says="concurrent modification|conflicting conditional operation|concurrent requests"),
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
        says=r"UnreservedConcurrentExecution below its minimum value of \[(?P<least>\d+)\]",
    ),
    Refusal(_CONCURRENCY, says="Requested Provisioned Concurrency should not be greater"),
    Refusal(_CONCURRENCY, _codes("TooManyRequestsException"), "Concurrent(Invocation|Snapshot)"),
    Refusal(
        ErrorText(
            "aws_unzipped_too_large",
            "AWS refused {operation}: the package is larger than {limit} bytes unzipped, which is Lambda's limit.",
            'Use the portable engine ([deploy] engine = "portable"), or a smaller model.',
        ),
        says=r"Unzipped size must be smaller than (?P<limit>\d+)",
    ),
    Refusal(
        ErrorText(
            "aws_request_too_large",
            "AWS refused {operation}: the request is too large. {message}",
            "A package over 50 MB goes through a bucket by itself; a request to the function holds 6 MB at most.",
        ),
        _codes("RequestEntityTooLargeException RequestTooLargeException RequestEntityTooLarge EntityTooLarge"),
    ),
    Refusal(
        ErrorText(
            "aws_code_storage",
            "AWS refused {operation}: the account's storage for packages in this region is full.",
            "Lower [deploy] keep_releases: a deploy deletes the releases beyond it. Or delete functions that nobody "
            "uses, or ask AWS for a higher quota.",
        ),
        _codes("CodeStorageExceededException"),
    ),
    Refusal(
        ErrorText(
            "aws_certificate",
            "AWS refused {operation}: the certificate of [deploy] domain cannot be used. {message}",
            "It must stand in ACM in the stage's account and region, be issued, and cover the name: `mlctl doctor` "
            "checks it.",
        ),
        says="certificate",
        operations=_codes("DescribeCertificate CreateDomainName UpdateDomainName"),
    ),
    Refusal(
        _CLOCK,
        says=r"Signature not yet current|Signature expired|difference between the request time",
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
            "be missing, or the region has to be switched on for the account first.",
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
            "Switch it on in the AWS console, or choose another [deploy] region.",
        ),
        _codes("OptInRequired SubscriptionRequiredException"),
    ),
    Refusal(
        ErrorText(
            "aws_throttled",
            "AWS throttles {operation}: the account makes too many calls. It was tried several times.",
            "Wait a minute and run the same command again: it goes on where it stopped.",
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
            "AWS refused {operation}: a quota of the account is used up. {message}",
            "Delete what is not needed, or ask AWS for more (Service Quotas in the console).",
        ),
        _codes(
            "LimitExceeded LimitExceededException ServiceQuotaExceededException TooManyBuckets TooManyTagsException "
            "ENILimitReachedException SubnetIPAddressLimitReachedException"
        ),
    ),
    Refusal(
        ErrorText(
            "overtaken",
            "AWS refused {operation}: somebody else changed the stage meanwhile.",
            "`mlctl releases` shows what is there; run the same command again if it is still wanted.",
        ),
        _codes("PreconditionFailedException PreconditionFailed 412"),
    ),
    Refusal(
        ErrorText(
            "aws_conflict",
            "AWS refused {operation}: {message}",
            "Something of that name is there, or another command is at work. Run the same command again in a minute; "
            "`mlctl doctor` tells whose it is.",
        ),
        _codes(
            "ResourceConflictException ConflictException EntityAlreadyExists ResourceAlreadyExistsException "
            "BucketAlreadyExists ResourceInUseException"
        ),
    ),
    Refusal(
        ErrorText("aws_unavailable", "AWS itself failed at {operation}: {message}", AGAIN),
        _codes(
            "ServiceException InternalFailure InternalError InternalServerError InternalServerErrorException "
            "ServiceFailure ServiceFailureException ServiceUnavailable ServiceUnavailableException 500 502 503 504"
        ),
    ),
    Refusal(
        ErrorText(
            "aws_refused",
            "AWS refused {operation}: {message}",
            "The refusal is {code}. Correct the cause and run the same command again.",
        )
    ),
)

_LOG_IN = "Log in (`aws sso login`), or set AWS_PROFILE or [deploy] profile."
_CONNECTION = "Check the network, the proxy and the region. On stage local: `mlctl local start`."

# By the names of the SDK's exceptions or of what they inherit from, the nearest first: it has more with every year.
SDK: Mapping[str, ErrorText] = {
    "NoCredentialsError": ErrorText("aws_no_credentials", "There are no AWS credentials.", _LOG_IN),
    "PartialCredentialsError": ErrorText(
        "aws_partial_credentials",
        "The AWS credentials are incomplete: {message}",
        "Set the missing one beside the other, or neither: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together.",
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
        "Check the profile in ~/.aws/config and what it asks: a program, a role, a token.",
    ),
    "NoRegionError": ErrorText(
        "aws_no_region", "No AWS region is set.", 'Set [deploy] region = "eu-west-1", or AWS_REGION.'
    ),
    "InvalidRegionError": ErrorText("aws_region_invalid", "{message}", "Correct [deploy] region, or AWS_REGION."),
    "ProfileNotFound": ErrorText(
        "aws_profile", "AWS cannot be reached: {message}.", "Check [deploy] profile against ~/.aws/config."
    ),
    "ConfigParseError": ErrorText("aws_profile", "AWS cannot be reached: {message}.", "Mend that file."),
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
    "ConnectionClosedError": ErrorText("aws_connection_closed", "The connection to AWS broke off: {message}", AGAIN),
    "ProxyConnectionError": ErrorText("aws_proxy", "The proxy cannot be reached: {message}", "Check HTTPS_PROXY."),
    "SSLError": ErrorText(
        "aws_tls",
        "The certificate of AWS cannot be checked: {message}",
        "A proxy of your network may hold a certificate of its own: name it in AWS_CA_BUNDLE.",
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

# Who refused, as AWS's messages call it, and what can be done:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
LAYERS: Mapping[str, tuple[str, str]] = {
    "service control policy": (
        "a service control policy of the organization",
        "A policy of your own cannot help: ask whoever manages the organization",
    ),
    "resource control policy": (
        "a resource control policy of the organization",
        "A policy of your own cannot help: ask whoever manages the organization",
    ),
    "permissions boundary": (
        "your permissions boundary",
        f"The boundary must allow it too, not only a policy: ask whoever set it. {_POLICY}",
    ),
    "session policy": (
        "the policy of your session",
        f"Ask for a session with more rights, or log in with another role. {_POLICY}",
    ),
    "vpc endpoint policy": (
        "the policy of the VPC endpoint",
        "Call from elsewhere, or ask whoever manages the endpoint",
    ),
    "resource-based policy": ("a policy of the resource itself", "Ask whoever manages that resource"),
    "identity-based policy": ("an identity-based policy", f"Ask whoever manages the account. {_POLICY}"),
}
UNTOLD = f"Ask whoever manages the account. {_POLICY}"
