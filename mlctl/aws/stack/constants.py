"""Constants of the stack that the plan, the steps and the SAM template share."""

from collections.abc import Mapping
from typing import Final, Literal

# The inline policies of the function's role.
LOGS_POLICY = "logs"
TRACING_POLICY = "tracing"
VPC_POLICY = "vpc"

# The stage and the route of an HTTP API that need no name in its URL.
API_STAGE = "$default"
DEFAULT_ROUTE = "$default"
AUTHORIZATION_TYPES: Mapping[Literal["none", "iam", "jwt"], Literal["NONE", "AWS_IAM", "JWT"]] = {
    "none": "NONE",
    "iam": "AWS_IAM",
    "jwt": "JWT",
}
# The maximum of an HTTP API: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
INTEGRATION_TIMEOUT_MS = 30_000
INTEGRATION_TYPE = "AWS_PROXY"
PAYLOAD_FORMAT_VERSION = "2.0"
IDENTITY_SOURCE = "$request.header.Authorization"
INVOKE_ACTION = "lambda:InvokeFunction"
API_PRINCIPAL = "apigateway.amazonaws.com"
DOMAIN_ENDPOINT_TYPE = "REGIONAL"
DOMAIN_SECURITY_POLICY = "TLS_1_2"

ALARM_NAMESPACE = "AWS/Lambda"
ALARM_PERIOD_SECONDS = 300
ALARM_COMPARISON: Final = "GreaterThanOrEqualToThreshold"
# Without requests there are no data points, which is no reason to raise an alarm.
ALARM_MISSING_DATA = "notBreaching"
