"""AWS's refusals in words a user can act on: the messages are AWS's own, as its services and users report them."""

from typing import Any

import pytest
from boto3.exceptions import S3UploadFailedError
from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from mlctl.aws.client.error_catalog import LAYERS, REFUSALS, SDK
from mlctl.aws.client.errors import Forbidden, translate_errors
from mlctl.errors import ExitCode, MlctlError

WHO = "User: arn:aws:sts::123456789012:assumed-role/ci/session is not authorized to perform:"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:iris-prod"
ROLE = "arn:aws:iam::123456789012:role/iris-prod-lambda"
POLICY = "`mlctl doctor --policy` prints the required policy."


def client_error(code: str, message: str = "", operation: str = "CreateFunction", **more: Any) -> ClientError:
    document: Any = {"Error": {"Code": code, "Message": message}, **more}
    return ClientError(document, operation)


def told(error: Exception) -> MlctlError:
    with pytest.raises(MlctlError) as raised, translate_errors():
        raise error
    found = raised.value
    assert found.exit_code == ExitCode.AWS
    assert found.__cause__ is error
    assert found.hint.endswith("."), found.hint
    assert "\n" not in found.message + found.hint
    assert "{" not in found.message + found.hint
    return found


def test_what_is_lacking_is_named_with_what_it_is_lacking_on() -> None:
    message = (
        f"{WHO} lambda:CreateFunction on resource: {FUNCTION} because no identity-based policy allows the "
        "lambda:CreateFunction action"
    )
    found = told(client_error("AccessDeniedException", message))
    assert found.message == (
        f"AWS refused CreateFunction: you lack lambda:CreateFunction on {FUNCTION}; "
        "an identity-based policy must allow it."
    )
    assert found.code == "aws_access_denied"
    assert found.hint == f"Ask an administrator of the account. {POLICY}"
    assert isinstance(found, Forbidden)
    assert found.action == "lambda:CreateFunction"


@pytest.mark.parametrize(
    ("because", "says", "hint"),
    [
        (
            "with an explicit deny in an identity-based policy",
            "is explicitly denied by an identity-based policy.",
            "the deny statement must change",
        ),
        (
            "with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o-1/scp/p-1",
            "is explicitly denied by a service control policy of the organization.",
            "ask an administrator of the organization",
        ),
        (
            "because no service control policy allows the lambda:CreateFunction action",
            "; a service control policy of the organization must allow it.",
            "Your own policies cannot allow it",
        ),
        (
            "because no permissions boundary allows the lambda:CreateFunction action",
            "; your permissions boundary must allow it.",
            "The boundary must allow it, and so must a policy",
        ),
        (
            "because no session policy allows the lambda:CreateFunction action",
            "; the policy of your session must allow it.",
            "log in with another role",
        ),
        (
            "because no resource-based policy allows the lambda:CreateFunction action",
            "; a policy of the resource itself must allow it.",
            "the owner of that resource",
        ),
        (
            "with an explicit deny in a VPC endpoint policy",
            "is explicitly denied by the policy of the VPC endpoint.",
            "Call from another network",
        ),
        ("with an explicit deny", "is explicitly denied.", "the deny statement must change"),
        ("", f"on {FUNCTION}.", "Ask an administrator of the account"),
    ],
)
def test_whose_policy_refuses_is_told(because: str, says: str, hint: str) -> None:
    message = f"{WHO} lambda:CreateFunction on resource: {FUNCTION} {because}".strip()
    found = told(client_error("AccessDeniedException", message))
    assert found.message.endswith(says)
    assert hint in found.hint
    assert isinstance(found, Forbidden)
    assert found.action == "lambda:CreateFunction"


@pytest.mark.parametrize(
    ("code", "message", "operation", "action"),
    [
        ("AccessDenied", "Access Denied", "PutBucketEncryption", "s3:PutEncryptionConfiguration"),
        ("403", "Forbidden", "HeadBucket", "s3:ListBucket"),
        ("AccessDeniedException", "", "Invoke", "lambda:InvokeFunction"),
        (
            "AccessDeniedException",
            "Forbidden",
            "TagResource",
            "lambda:TagResource or logs:TagResource or apigateway:POST",
        ),
        ("UnauthorizedOperation", "You are not authorized to perform this operation.", "RunInstances", ""),
        (
            "AccessDeniedException",
            f"{WHO} apigateway:POST on resource: arn:aws:apigateway:eu-west-1::/apis",
            "CreateApi",
            "apigateway:POST",
        ),
        (
            "AccessDeniedException",
            "Caller does not have permissions to create a Service Linked Role.",
            "CreateDomainName",
            "iam:CreateServiceLinkedRole",
        ),
        (
            "AccessDeniedException",
            "Your access has been denied by EC2, please make sure your request credentials have permission to "
            "DescribeSecurityGroups for sg-1. EC2 Error Code: UnauthorizedOperation.",
            "UpdateFunctionConfiguration",
            "ec2:DescribeSecurityGroups",
        ),
        (
            "InvalidParameterValueException",
            "Your access has been denied by S3, please make sure your request credentials have permission to GetObject "
            "for bucket/key.zip. S3 Error Code: AccessDenied. S3 Error Message: Access Denied",
            "UpdateFunctionCode",
            "s3:GetObject",
        ),
    ],
)
def test_the_action_is_named_however_aws_says_it(code: str, message: str, operation: str, action: str) -> None:
    found = told(client_error(code, message, operation))
    assert isinstance(found, Forbidden)
    assert (found.code, found.action) == ("aws_access_denied", action)
    assert f"you lack {action or 'the permission'}" in found.message


def test_a_role_that_may_not_be_given_to_lambda() -> None:
    message = f"{WHO} iam:PassRole on resource: {ROLE} because no identity-based policy allows the iam:PassRole action"
    found = told(client_error("AccessDeniedException", message))
    assert found.code == "aws_pass_role"
    assert f"you lack iam:PassRole on {ROLE}" in found.message
    assert found.hint == f"It is the permission to pass a role to Lambda. Ask an administrator of the account. {POLICY}"
    other = told(client_error("AccessDeniedException", "Cross-account pass role is not allowed."))
    assert (other.code, other.message) == (
        "aws_pass_role",
        "AWS refused CreateFunction: the role belongs to another account.",
    )


UNRESERVED = (
    "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
    "minimum value of [100]."
)
IN_PROGRESS = "The operation cannot be performed at this time. An update is in progress for resource: iris-prod"


@pytest.mark.parametrize(
    ("code", "message", "ours", "says"),
    [
        (
            "InvalidParameterValueException",
            "The role defined for the function cannot be assumed by Lambda.",
            "aws_role_not_assumable",
            "Lambda cannot assume the function's role",
        ),
        (
            "InvalidParameterValueException",
            "The provided execution role does not have permissions to call CreateNetworkInterface on EC2",
            "aws_role_lacks",
            "the function's role has no permission to call CreateNetworkInterface on EC2",
        ),
        ("ResourceConflictException", IN_PROGRESS, "aws_busy", "still in progress"),
        (
            "ResourceConflictException",
            "The function is currently in the following state: Pending",
            "aws_busy",
            "still in progress",
        ),
        (
            "ConflictException",
            "Unable to complete operation due to concurrent modification. Please try again later.",
            "aws_busy",
            "still in progress",
        ),
        ("ConcurrentModification", "Request was already in progress", "aws_busy", "still in progress"),
        ("OperationAbortedException", "", "aws_busy", "still in progress"),
        ("ResourceConflictException", "Function already exist: iris-prod", "aws_conflict", "already exist: iris-prod"),
        ("EntityAlreadyExists", "Role with name iris-prod-lambda already exists.", "aws_conflict", "already exists"),
        ("InvalidParameterValueException", UNRESERVED, "aws_concurrency", "fewer than 100 concurrent executions"),
        (
            "InvalidParameterValueException",
            "Unzipped size must be smaller than 262144000 bytes",
            "aws_unzipped_too_large",
            "larger than 262144000 bytes unzipped",
        ),
        (
            "RequestEntityTooLargeException",
            "Request must be smaller than 70167211 bytes for the CreateFunction operation",
            "aws_request_too_large",
            "Request must be smaller than 70167211 bytes",
        ),
        ("CodeStorageExceededException", "Code storage limit exceeded.", "aws_code_storage", "storage for packages"),
        ("LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000", "aws_quota", "RolesPerAccount: 1000"),
        ("LimitExceededException", "Resource limit exceeded.", "aws_quota", "Resource limit exceeded."),
        ("ServiceQuotaExceededException", "Too many.", "aws_quota", "Too many."),
        ("TooManyRequestsException", "Rate exceeded", "aws_throttled", "AWS throttles CreateFunction"),
        ("ThrottlingException", "Rate exceeded", "aws_throttled", "AWS throttles CreateFunction"),
        ("Throttling", "Rate exceeded", "aws_throttled", "AWS throttles CreateFunction"),
        ("RequestLimitExceeded", "", "aws_throttled", "AWS throttles CreateFunction"),
        ("SlowDown", "Please reduce your request rate.", "aws_throttled", "AWS throttles CreateFunction"),
        (
            "PreconditionFailedException",
            "The RevisionId provided does not match the latest RevisionId.",
            "overtaken",
            "another command changed the stage at the same time",
        ),
        ("ExpiredToken", "The security token included in the request is expired", "aws_credentials_expired", "expired"),
        ("ExpiredTokenException", "", "aws_credentials_expired", "Your AWS session has expired."),
        ("RequestExpired", "Request has expired.", "aws_credentials_expired", "Your AWS session has expired."),
        (
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
            "aws_credentials_invalid",
            "is invalid",
        ),
        ("UnrecognizedClientException", "The security token is invalid.", "aws_credentials_invalid", "is invalid"),
        (
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
            "aws_credentials_invalid",
            "does not match",
        ),
        (
            "SignatureDoesNotMatch",
            "Signature expired: 20250101T000000Z is now earlier than 20250101T001500Z (20250101T002000Z - 5 min.)",
            "aws_clock",
            "clock",
        ),
        ("InvalidSignatureException", "Signature not yet current: 20250101T000000Z", "aws_clock", "clock"),
        (
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            "aws_clock",
            "clock",
        ),
        ("OptInRequired", "You are not subscribed to this service.", "aws_not_enabled", "not signed up"),
        ("ServiceException", "Internal error", "aws_unavailable", "CreateFunction failed on the side of AWS"),
        ("InternalFailure", "", "aws_unavailable", "CreateFunction failed on the side of AWS: InternalFailure"),
        ("503", "Service Unavailable", "aws_unavailable", "failed on the side of AWS"),
        ("SomethingNew", "It says so.", "aws_refused", "AWS refused CreateFunction: It says so."),
    ],
)
def test_each_refusal_has_a_code_of_its_own(code: str, message: str, ours: str, says: str) -> None:
    found = told(client_error(code, message))
    assert found.code == ours
    assert says in found.message


def test_hints_say_what_to_do() -> None:
    def hint(code: str, message: str = "", **more: Any) -> str:
        return told(client_error(code, message, **more)).hint

    assert "`aws sso login`" in hint("ExpiredToken")
    assert "`aws sts get-caller-identity`" in hint("InvalidClientTokenId")
    assert "Set the clock" in hint("RequestTimeTooSkewed")
    assert "keep_releases" in hint("CodeStorageExceededException")
    assert "reserved_concurrency" in hint("InvalidParameterValueException", UNRESERVED)
    assert "continues where it stopped" in hint("ResourceConflictException", IN_PROGRESS)
    assert "continues where it stopped" in hint("Throttling")
    assert "`mlctl releases`" in hint("PreconditionFailedException")
    assert hint("SomethingNew").startswith("The error code is SomethingNew.")


def test_lambda_tells_apart_too_many_calls_and_too_much_at_once() -> None:
    at_once = client_error(
        "TooManyRequestsException",
        "Rate Exceeded.",
        "Invoke",
        Reason="ReservedFunctionConcurrentInvocationLimitExceeded",
    )
    assert told(at_once).code == "aws_concurrency"
    too_fast = client_error("TooManyRequestsException", "Rate Exceeded.", "Invoke", Reason="CallerRateLimitExceeded")
    assert told(too_fast).code == "aws_throttled"


@pytest.mark.parametrize(
    ("code", "message", "operation"),
    [
        ("ResourceNotFoundException", "Could not find certificate arn:aws:acm:x.", "DescribeCertificate"),
        ("NotFoundException", "Unable to find certificate arn:aws:acm:x in this region", "CreateDomainName"),
        ("BadRequestException", "The certificate provided does not cover the domain name", "UpdateDomainName"),
    ],
)
def test_a_certificate_that_cannot_be_used(code: str, message: str, operation: str) -> None:
    found = told(client_error(code, message, operation))
    assert found.code == "aws_certificate"
    assert message in found.message


def test_a_domain_name_that_is_wrong_is_no_matter_of_its_certificate() -> None:
    assert told(client_error("BadRequestException", "Invalid domain name", "CreateDomainName")).code == "aws_refused"


def test_long_messages_are_cut_and_kept_on_one_line() -> None:
    found = told(client_error("SomethingNew", "one\ntwo  three " + "x" * 2000))
    assert found.message.startswith("AWS refused CreateFunction: one two three xxx")
    assert len(found.message) < 350


def test_a_message_with_braces_is_told_as_it_is() -> None:
    with pytest.raises(MlctlError) as raised, translate_errors():
        raise client_error("SomethingNew", 'it holds {"a": 1}')
    assert raised.value.message == 'AWS refused CreateFunction: it holds {"a": 1}'


@pytest.mark.parametrize(
    ("error", "code", "says", "hint"),
    [
        (exceptions.NoCredentialsError(), "aws_no_credentials", "No AWS credentials were found.", "aws sso login"),
        (
            exceptions.PartialCredentialsError(provider="env", cred_var="aws_secret_access_key"),
            "aws_partial_credentials",
            "Partial credentials found in env, missing: aws_secret_access_key",
            "AWS_SECRET_ACCESS_KEY",
        ),
        (
            exceptions.SSOTokenLoadError(error_msg="Token for dev does not exist"),
            "aws_credentials_expired",
            "Token for dev does not exist",
            "`aws sso login`",
        ),
        (exceptions.UnauthorizedSSOTokenError(), "aws_credentials_expired", "expired", "`aws sso login`"),
        (
            exceptions.TokenRetrievalError(provider="sso", error_msg="Token has expired and refresh failed"),
            "aws_credentials_expired",
            "Token has expired and refresh failed",
            "`aws sso login`",
        ),
        (exceptions.RefreshWithMFAUnsupportedError(), "aws_credentials_expired", "expired", "Log in again"),
        (
            exceptions.CredentialRetrievalError(provider="custom-process", error_msg="it ended with 1"),
            "aws_credentials_failed",
            "it ended with 1",
            "~/.aws/config",
        ),
        (exceptions.NoRegionError(), "aws_no_region", "No AWS region is set.", "AWS_REGION"),
        (exceptions.InvalidRegionError(region_name="x y"), "aws_region_invalid", "'x y'", "[deploy] region"),
        (exceptions.ProfileNotFound(profile="nobody"), "aws_profile", "(nobody)", "~/.aws/config"),
        (
            exceptions.EndpointConnectionError(endpoint_url="https://lambda.x"),
            "aws_unreachable",
            "https://lambda.x",
            "`mlctl local start`",
        ),
        (exceptions.ConnectTimeoutError(endpoint_url="https://x"), "aws_timeout", "did not answer in time", "network"),
        (
            exceptions.ReadTimeoutError(endpoint_url="https://x"),
            "aws_timeout",
            "did not answer in time",
            "continues where it stopped",
        ),
        (
            exceptions.ConnectionClosedError(endpoint_url="https://x"),
            "aws_connection_closed",
            "was closed",
            "continues where it stopped",
        ),
        (exceptions.ProxyConnectionError(proxy_url="http://p"), "aws_proxy", "http://p", "HTTPS_PROXY"),
        (
            exceptions.SSLError(endpoint_url="https://x", error=ValueError("self-signed")),
            "aws_tls",
            "self-signed",
            "AWS_CA_BUNDLE",
        ),
        (
            exceptions.ParamValidationError(report="Unknown parameter"),
            "aws_failed",
            "Parameter validation failed: Unknown parameter",
            "Run the same command again.",
        ),
    ],
)
def test_what_the_sdk_raises_itself(error: BotoCoreError, code: str, says: str, hint: str) -> None:
    found = told(error)
    assert found.code == code
    assert says in found.message
    assert hint in found.hint


def test_kinds_that_a_newer_sdk_adds_fall_under_what_they_inherit_from() -> None:
    class LoginRefreshRequired(type("LoginError", (BotoCoreError,), {})):  # type: ignore[misc]  # older SDKs lack it
        fmt = "Your session has expired."

    assert told(LoginRefreshRequired()).code == "aws_credentials_expired"

    class Other(exceptions.ConnectionError):
        fmt = "Something else."

    assert told(Other(error=ValueError("x"))).code == "aws_unreachable"


def waiter_error(response: Any, reason: str = "Max attempts exceeded") -> WaiterError:
    return WaiterError(name="FunctionUpdatedV2", reason=reason, last_response=response)


def test_a_state_that_does_not_come_is_told_with_aws_reason() -> None:
    states = {
        "State": "Active",
        "LastUpdateStatus": "Failed",
        "LastUpdateStatusReason": "The subnet has no free address",
    }
    found = told(waiter_error({"Configuration": states}))
    assert found.code == "aws_not_ready"
    assert "The subnet has no free address" in found.message
    found = told(waiter_error({"State": "Failed", "StateReason": "The image cannot be read"}))
    assert (found.code, "The image cannot be read" in found.message) == ("aws_not_ready", True)


def test_a_wait_that_takes_too_long() -> None:
    found = told(waiter_error({"Configuration": {"State": "Pending", "StateReason": "The function is being created."}}))
    assert found.code == "aws_wait_timeout"
    assert "The function is being created." in found.message
    assert "continues where it stopped" in found.hint
    assert "its state is Pending" in told(waiter_error({"State": "Pending"})).message
    assert "its state is unknown" in told(waiter_error(None)).message


def test_a_wait_that_is_refused_is_a_refusal() -> None:
    message = f"{WHO} lambda:GetFunction on resource: {FUNCTION}"
    found = told(waiter_error({"Error": {"Code": "AccessDeniedException", "Message": message}}))
    assert isinstance(found, Forbidden)
    assert found.action == "lambda:GetFunction"


def test_an_upload_that_fails_is_told_by_its_cause() -> None:
    def upload(cause: Exception | None) -> S3UploadFailedError:
        said = "An error occurred (AccessDenied) when calling the PutObject operation: Access Denied"
        error = S3UploadFailedError(f"Failed to upload x.zip to bucket/key: {said}")
        error.__cause__ = cause
        return error

    for cause in (client_error("AccessDenied", "Access Denied", "PutObject"), None):
        found = told(upload(cause))
        assert isinstance(found, Forbidden)
        assert found.action == "s3:PutObject"
    assert told(upload(exceptions.ReadTimeoutError(endpoint_url="https://x"))).code == "aws_timeout"
    assert told(S3UploadFailedError("Failed to upload.")).code == "aws_failed"


def test_what_is_explained_already_passes() -> None:
    error = MlctlError("as it is", code="x", exit_code=ExitCode.VERIFICATION)
    with pytest.raises(MlctlError) as raised, translate_errors():
        raise error
    assert raised.value is error


def test_the_last_refusal_of_the_table_takes_all() -> None:
    assert REFUSALS[-1].match("whatever", "", "Anything") == {}
    assert {"BotoCoreError", "Boto3Error"} <= SDK.keys()
    assert all(who and hint for who, hint in LAYERS.values())
