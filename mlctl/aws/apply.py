"""Carries out a plan, step by step. Each step can be repeated: a deploy that was cut off is run again."""

import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from mlctl.aws.errors import code_of
from mlctl.aws.names import ALIAS, POLICY, STATEMENT
from mlctl.aws.plan import Actual, Desired, Plan, Step, alias_arn, existing_release, source_arn
from mlctl.aws.session import Aws
from mlctl.progress import Event, Report

# IAM agrees with itself after some seconds: until then Lambda cannot assume a new role.
_ROLE_ATTEMPTS = 15
_ROLE_PAUSE_SECONDS = 4.0
_INTEGRATION_TIMEOUT_MS = 30_000


class Deployment:
    """One run of a plan. ``verify`` takes a release number and raises when its answers are wrong."""

    def __init__(
        self,
        aws: Aws,
        desired: Desired,
        actual: Actual,
        code: bytes,
        verify: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._aws = aws
        self._desired = desired
        self._actual = actual
        self._code = code
        self._verify = verify
        self._sleep = sleep
        release = existing_release(desired, actual)
        self.release = release.number if release else ""
        self.api_id = actual.api.id if actual.api else ""
        self.api_endpoint = actual.api.endpoint if actual.api else ""

    def run(self, plan: Plan, report: Report) -> None:
        """Apply every step that changes something. Raises what boto3 or ``verify`` raises."""
        steps = {
            "role": self._role,
            "log group": self._log_group,
            "function": self._function,
            "release": self._publish,
            "golden examples": self._check,
            "alias": self._alias,
            "api": self._api,
            "permission": self._permission,
        }
        for step in plan.steps:
            if step.action != "unchanged":
                report(Event("start", step.resource, f"{step.action} {step.resource} {step.name}"))
                done = steps[step.resource](step)
                report(Event("finish", step.resource, done))

    def _role(self, step: Step) -> str:
        names = self._desired.names
        if step.action == "create":
            self._aws.iam.create_role(
                RoleName=names.role,
                AssumeRolePolicyDocument=self._desired.trust,
                Tags=[{"Key": key, "Value": value} for key, value in names.tags.items()],
            )
        else:
            self._aws.iam.update_assume_role_policy(RoleName=names.role, PolicyDocument=self._desired.trust)
        self._aws.iam.put_role_policy(RoleName=names.role, PolicyName=POLICY, PolicyDocument=self._desired.policy)
        return "may write to its own log group"

    def _log_group(self, step: Step) -> str:
        names, days = self._desired.names, self._desired.retention_days
        if step.action == "create":
            self._aws.logs.create_log_group(logGroupName=names.log_group, tags=names.tags)
        self._aws.logs.put_retention_policy(logGroupName=names.log_group, retentionInDays=days)
        return f"kept for {days} days"

    def _function(self, step: Step) -> str:
        names, config = self._desired.names, self._desired.config
        settings: dict[str, Any] = {
            "FunctionName": names.function,
            "Runtime": config.runtime,
            "Role": config.role,
            "Handler": config.handler,
            "MemorySize": config.memory,
            "Timeout": config.timeout,
            "LoggingConfig": {"LogFormat": config.log_format, "LogGroup": config.log_group},
        }
        if step.action == "create":
            self._when_role_is_known(
                lambda: self._aws.lambda_.create_function(
                    **settings, Code={"ZipFile": self._code}, Architectures=[config.architecture], Tags=names.tags
                )
            )
            self._wait("function_active_v2")
        else:
            self._when_role_is_known(lambda: self._aws.lambda_.update_function_configuration(**settings))
            self._wait("function_updated_v2")
            self._aws.lambda_.update_function_code(
                FunctionName=names.function, ZipFile=self._code, Architectures=[config.architecture]
            )
            self._wait("function_updated_v2")
        return f"{len(self._code) / 1000:.0f} kB uploaded"

    def _publish(self, _: Step) -> str:
        published = self._aws.lambda_.publish_version(
            FunctionName=self._desired.names.function,
            CodeSha256=self._desired.code_sha256,
            Description=self._desired.release.to_description(),
        )
        self.release = published["Version"]
        self._wait("published_version_active", Qualifier=self.release)
        return f"release {self.release}"

    def _check(self, _: Step) -> str:
        self._verify(self.release)
        return f"release {self.release} answers as scikit-learn does"

    def _alias(self, step: Step) -> str:
        function, client = self._desired.names.function, self._aws.lambda_
        if step.action == "create":
            client.create_alias(FunctionName=function, Name=ALIAS, FunctionVersion=self.release)
        else:
            client.update_alias(FunctionName=function, Name=ALIAS, FunctionVersion=self.release, RoutingConfig={})
        return f"live → release {self.release}"

    def _api(self, step: Step) -> str:
        api, state, names = self._aws.api, self._actual.api, self._desired.names
        if step.action == "create" or state is None:
            created = api.create_api(Name=names.function, ProtocolType="HTTP", Tags=names.tags)
            self.api_id, self.api_endpoint = created["ApiId"], created["ApiEndpoint"]
        integration_id = state.integration_id if state else None
        integration: dict[str, Any] = {
            "ApiId": self.api_id,
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": alias_arn(self._desired),
            "PayloadFormatVersion": "2.0",
            "TimeoutInMillis": _INTEGRATION_TIMEOUT_MS,
        }
        if integration_id is None:
            integration_id = api.create_integration(**integration)["IntegrationId"]
        elif state and state.integration_uri != integration["IntegrationUri"]:
            api.update_integration(IntegrationId=integration_id, **integration)
        target = f"integrations/{integration_id}"
        if state is None or state.route_id is None:
            api.create_route(ApiId=self.api_id, RouteKey="$default", Target=target)
        elif state.route_target != target:
            api.update_route(ApiId=self.api_id, RouteId=state.route_id, Target=target)
        throttling = self._desired.throttling
        limits: dict[str, Any] = {
            "ApiId": self.api_id,
            "StageName": "$default",
            "AutoDeploy": True,
            "DefaultRouteSettings": {
                "ThrottlingRateLimit": throttling.rate,
                "ThrottlingBurstLimit": throttling.burst,
            },
        }
        if state is None or not state.has_stage:
            api.create_stage(**limits, Tags=names.tags)
        elif state.throttling != throttling:
            api.update_stage(**limits)
        return f"at most {throttling.rate:g} requests a second"

    def _permission(self, step: Step) -> str:
        function, client = self._desired.names.function, self._aws.lambda_
        if step.action == "update":
            client.remove_permission(FunctionName=function, Qualifier=ALIAS, StatementId=STATEMENT)
        client.add_permission(
            FunctionName=function,
            Qualifier=ALIAS,
            StatementId=STATEMENT,
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=source_arn(self._desired, self.api_id),
        )
        return "this API only"

    def _when_role_is_known(self, call: Callable[[], object]) -> None:
        for attempt in range(1, _ROLE_ATTEMPTS + 1):
            try:
                call()
            except ClientError as error:
                message = str(error.response.get("Error", {}).get("Message", ""))
                young = code_of(error) == "InvalidParameterValueException" and "cannot be assumed by Lambda" in message
                if not young or attempt == _ROLE_ATTEMPTS:
                    raise
                self._sleep(_ROLE_PAUSE_SECONDS * self._aws.pace)
            else:
                return

    def _wait(self, waiter: Any, **target: str) -> None:
        self._aws.lambda_.get_waiter(waiter).wait(
            FunctionName=self._desired.names.function,
            **target,
            WaiterConfig={"Delay": self._aws.pace, "MaxAttempts": 300},
        )
