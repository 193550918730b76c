"""Renders the desired state as a template for AWS SAM."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from mlctl.aws.stack.constants import (
    ALARM_COMPARISON,
    ALARM_MISSING_DATA,
    ALARM_NAMESPACE,
    ALARM_PERIOD_SECONDS,
    API_PRINCIPAL,
    API_STAGE,
    AUTHORIZATION_TYPES,
    DEFAULT_ROUTE,
    DOMAIN_ENDPOINT_TYPE,
    DOMAIN_SECURITY_POLICY,
    IDENTITY_SOURCE,
    INTEGRATION_TIMEOUT_MS,
    INTEGRATION_TYPE,
    INVOKE_ACTION,
    PAYLOAD_FORMAT_VERSION,
)
from mlctl.aws.stack.desired import canonical
from mlctl.aws.stack.names import ALIAS, Identity
from mlctl.aws.stack.plan import wanted_routes
from mlctl.aws.stack.state import Alarm, Desired

# CloudFormation fills these in, so that the template is tied to no account.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
ANYWHERE = Identity(
    account="${AWS::AccountId}", partition="${AWS::Partition}", region="${AWS::Region}", caller="cloudformation"
)

Template = dict[str, Any]

_VERSION_IS_A_RESOURCE: Template = {"cfn-lint": {"config": {"ignore_checks": ["W2530"]}}}
_FUNCTION: Template = {"Ref": "Function"}
_ALIAS: Template = {"Ref": "Alias"}


def template(desired: Desired, package: str) -> Template:
    """The template; ``package`` is the path of the zip, seen from the template's folder.

    Not in it, because CloudFormation has nothing for them: ``keep_releases``, ``canary``, and the bucket, which
    ``sam deploy`` brings itself.
    """
    names = desired.names
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Description": f"Project {names.project}, stage {names.stage}, made by mlctl export",
        "Resources": {
            **_role(desired),
            "LogGroup": _resource(
                "AWS::Logs::LogGroup",
                LogGroupName=desired.config.log_group,
                RetentionInDays=desired.retention_days,
                Tags=_tag_list(desired),
            ),
            "Function": _function(desired, package),
            **_release(desired),
            **_api(desired),
            **_domain(desired),
            **_alarms(desired),
        },
        "Outputs": _outputs(desired),
    }


def to_yaml(document: Template, comment: str) -> str:
    """A template as YAML below ``comment``.

    YAML rather than JSON, for it is read and edited by people, and JSON has no comments; PyYAML rather than own code,
    for quoting is easily done wrong.
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True  # tags are written out each time: anchors are no pleasure to read

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        # CloudFormation's parser takes more for a number than PyYAML does: 1e3, 0o17.
        style = "'" if value[:1] in {*"+-.0123456789"} else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    head = "".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines())
    body: str = yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return f"{head}\n{body}"


def _resource(kind: str, /, **properties: Any) -> Template:
    """A resource; properties that are None are left to AWS's default."""
    return {"Type": kind, "Properties": {key: value for key, value in properties.items() if value is not None}}


def _filled(value: Any) -> Any:
    """The same with ``Fn::Sub`` where text holds ``${…}``. For what is made of an Identity, not for users' own text."""
    if isinstance(value, dict):
        return {key: _filled(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each) for each in value]
    return {"Fn::Sub": value} if isinstance(value, str) and "${" in value else value


def _tag_list(desired: Desired) -> list[Template]:
    return [{"Key": key, "Value": value} for key, value in desired.all_tags.items()]


def _number(value: float) -> float:
    """50 for 50.0."""
    return int(value) if value == int(value) else value


def _logical_id(words: str) -> str:
    """``OPTIONS /{proxy+} route`` as ``OptionsProxyRoute``: letters and digits only."""
    plain = "".join(each if each.isalnum() else " " for each in words)
    return "".join(word.capitalize() for word in plain.split())


def _role(desired: Desired) -> Template:
    role = desired.role
    if role is None:
        return {}
    policies = [
        {"PolicyName": name, "PolicyDocument": _filled(json.loads(document))}
        for name, document in role.policies.items()
    ]
    made = _resource(
        "AWS::IAM::Role",
        RoleName=desired.names.role,
        AssumeRolePolicyDocument=_filled(json.loads(role.trust)),
        Policies=policies,
        PermissionsBoundary=role.boundary,
        Tags=_tag_list(desired),
    )
    return {"Role": made}


def _function(desired: Desired, package: str) -> Template:
    config = desired.config
    logging = {"LogFormat": config.log_format, "LogGroup": {"Ref": "LogGroup"}}
    if config.log_level:
        logging["ApplicationLogLevel"] = config.log_level
    vpc = {"SubnetIds": list(config.subnets), "SecurityGroupIds": list(config.security_groups)}
    function = _resource(
        "AWS::Serverless::Function",
        FunctionName=desired.names.function,
        CodeUri=package,
        Runtime=config.runtime,
        Handler=config.handler,
        Architectures=[config.architecture],
        MemorySize=config.memory,
        Timeout=config.timeout,
        EphemeralStorage={"Size": config.ephemeral_storage},
        Role={"Fn::GetAtt": ["Role", "Arn"]} if desired.role else config.role,
        LoggingConfig=logging,
        Tracing="Active" if config.tracing else "PassThrough",
        Environment={"Variables": dict(config.environment)} if config.environment else None,
        VpcConfig=vpc if config.subnets or config.security_groups else None,
        SnapStart={"ApplyOn": "PublishedVersions"} if config.snapstart else None,
        ReservedConcurrentExecutions=desired.reserved,
        Tags=desired.all_tags,
    )
    # The linter looks for a published version in AutoPublishAlias only, and here it is a resource; see _release.
    return {**function, **({"Metadata": _VERSION_IS_A_RESOURCE} if config.snapstart else {})}


def _release(desired: Desired) -> Template:
    """The published version, and the alias that points at it.

    The version is named after code and configuration, as mlctl knows its releases, for CloudFormation publishes one
    where a name is new. SAM's AutoPublishAlias leaves out some of the configuration, or with
    AutoPublishAliasAllProperties takes in tags, and then Lambda refuses to publish what it has already:
    https://github.com/aws/serverless-application-model/issues/3281
    """
    made_of = canonical([asdict(desired.config), desired.code_sha256])
    key = f"Release{hashlib.sha256(made_of.encode()).hexdigest()[:12]}"
    release = _resource(
        "AWS::Lambda::Version",
        FunctionName=_FUNCTION,
        CodeSha256=desired.code_sha256,
        Description=desired.release.to_description(),
    )
    # On the alias, for CloudFormation cannot change it on a version.
    provisioned = desired.provisioned and {"ProvisionedConcurrentExecutions": desired.provisioned}
    alias = _resource(
        "AWS::Lambda::Alias",
        FunctionName=_FUNCTION,
        Name=ALIAS,
        FunctionVersion={"Fn::GetAtt": [key, "Version"]},
        ProvisionedConcurrencyConfig=provisioned,
    )
    # Older releases stay, to go back to; deleting the function deletes them all.
    return {key: {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain", **release}, "Alias": alias}


def _api(desired: Desired) -> Template:
    """The API in single resources: SAM's own HttpApi cannot say all that mlctl sets."""
    api, name = {"Ref": "Api"}, desired.names.function
    integration = _resource(
        "AWS::ApiGatewayV2::Integration",
        ApiId=api,
        IntegrationType=INTEGRATION_TYPE,
        IntegrationUri=_ALIAS,
        PayloadFormatVersion=PAYLOAD_FORMAT_VERSION,
        TimeoutInMillis=INTEGRATION_TIMEOUT_MS,
    )
    permission = _resource(
        "AWS::Lambda::Permission",
        FunctionName=_ALIAS,
        Action=INVOKE_ACTION,
        Principal=API_PRINCIPAL,
        SourceArn=_filled(desired.source_arn("${Api}")),
    )
    throttling = desired.api.throttling
    limits = throttling and {
        "ThrottlingRateLimit": _number(throttling.rate),
        "ThrottlingBurstLimit": throttling.burst,
    }
    stage = _resource(
        "AWS::ApiGatewayV2::Stage",
        ApiId=api,
        StageName=API_STAGE,
        AutoDeploy=True,
        DefaultRouteSettings=limits,
        Tags=desired.all_tags,
    )
    return {
        "Api": _resource(
            "AWS::ApiGatewayV2::Api",
            Name=name,
            ProtocolType="HTTP",
            CorsConfiguration=desired.api.cors.to_document() if desired.api.cors else None,
            Tags=desired.all_tags,
        ),
        "Integration": integration,
        **_authorizer(desired),
        **{_logical_id(f"{key} route"): _route(desired, key) for key in wanted_routes(desired)},
        "Stage": stage,
        "Permission": permission,
    }


def _authorizer(desired: Desired) -> Template:
    jwt = desired.api.jwt
    if jwt is None:
        return {}
    made = _resource(
        "AWS::ApiGatewayV2::Authorizer",
        ApiId={"Ref": "Api"},
        Name=desired.names.function,
        AuthorizerType="JWT",
        IdentitySource=[IDENTITY_SOURCE],
        JwtConfiguration={"Issuer": jwt.issuer, "Audience": list(jwt.audience)},
    )
    return {"Authorizer": made}


def _route(desired: Desired, key: str) -> Template:
    # Any other route is for browsers that ask what they may, which is no secret; see wanted_routes.
    auth = AUTHORIZATION_TYPES[desired.api.auth or "none"] if key == DEFAULT_ROUTE else "NONE"
    return _resource(
        "AWS::ApiGatewayV2::Route",
        ApiId={"Ref": "Api"},
        RouteKey=key,
        Target={"Fn::Sub": "integrations/${Integration}"},
        AuthorizationType=auth,
        AuthorizerId={"Ref": "Authorizer"} if auth == "JWT" else None,
    )


def _domain(desired: Desired) -> Template:
    domain = desired.domain
    if domain is None:
        return {}
    configuration = {
        "CertificateArn": domain.certificate,
        "EndpointType": DOMAIN_ENDPOINT_TYPE,
        "SecurityPolicy": DOMAIN_SECURITY_POLICY,
    }
    return {
        "Domain": _resource(
            "AWS::ApiGatewayV2::DomainName",
            DomainName=domain.name,
            DomainNameConfigurations=[configuration],
            Tags=desired.all_tags,
        ),
        "DomainMapping": _resource(
            "AWS::ApiGatewayV2::ApiMapping",
            ApiId={"Ref": "Api"},
            DomainName={"Ref": "Domain"},
            Stage={"Ref": "Stage"},
        ),
    }


def _alarms(desired: Desired) -> Template:
    prefix = desired.names.alarm_prefix
    return {_logical_id(f"{each.name.removeprefix(prefix)} alarm"): _alarm(desired, each) for each in desired.alarms}


def _alarm(desired: Desired, alarm: Alarm) -> Template:
    function = desired.names.function
    is_percentile = alarm.statistic.startswith("p")
    return _resource(
        "AWS::CloudWatch::Alarm",
        AlarmName=alarm.name,
        Namespace=ALARM_NAMESPACE,
        MetricName=alarm.metric,
        Dimensions=[
            {"Name": "FunctionName", "Value": function},
            {"Name": "Resource", "Value": desired.names.qualified_function},
        ],
        Statistic=None if is_percentile else alarm.statistic,
        ExtendedStatistic=alarm.statistic if is_percentile else None,
        Period=ALARM_PERIOD_SECONDS,
        EvaluationPeriods=1,
        Threshold=_number(alarm.threshold),
        ComparisonOperator=ALARM_COMPARISON,
        TreatMissingData=ALARM_MISSING_DATA,
        AlarmActions=list(alarm.actions) or None,
        Tags=_tag_list(desired),
    )


def _outputs(desired: Desired) -> Template:
    url = {"Description": "The base of the API: POST <Url>/predict", "Value": {"Fn::GetAtt": ["Api", "ApiEndpoint"]}}
    if desired.domain is None:
        return {"Url": url}
    target = {"Fn::GetAtt": ["Domain", "RegionalDomainName"]}
    return {
        "Url": url,
        "DomainUrl": {"Description": "The same under its own name", "Value": f"https://{desired.domain.name}"},
        "DomainTarget": {"Description": "What the name's DNS record is to point to", "Value": target},
    }
