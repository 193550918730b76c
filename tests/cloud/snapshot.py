"""The whole state as plain data that two runs can be compared by: no ids, dates, revisions or release numbers."""

import json
from typing import Any

import boto3

from mlctl.aws.stack.names import AliasText
from tests.cloud.gateway import Gateway
from tests.cloud.lambda_ import Lambda
from tests.cloud.lambda_state import Function, Version

State = dict[str, Any]


def take(lambda_: Lambda, gateway: Gateway, plain: boto3.Session) -> State:
    """What is there. Empty parts are left out: nothing at all is ``{}``."""
    names = {api_id: f"API of {api['Name']}" for api_id, api in gateway.apis.items()}
    state = {
        "functions": {name: _function(function, names) for name, function in lambda_.functions.items()},
        "apis": sorted((_api(api) for api in gateway.apis.values()), key=_text),
        "domains": {name: _domain(domain, names) for name, domain in gateway.domains.items()},
        "roles": _roles(plain),
        "log groups": _log_groups(plain),
        "alarms": _alarms(plain),
        "buckets": sorted(bucket["Name"] for bucket in plain.client("s3").list_buckets()["Buckets"]),
    }
    return {part: found for part, found in state.items() if found}


def _function(function: Function, names: dict[str, str]) -> State:
    releases = {number: _version(version) for number, version in function.versions.items()}
    aliases = {name: _alias(alias, releases) for name, alias in function.aliases.items()}
    return {
        "latest": _version(function.latest),
        "releases": sorted(releases.values(), key=_text),
        "aliases": aliases,
        "tags": function.tags,
        "reserved": function.reserved,
        "policies": {
            qualifier or "": [_without_ids(each, names) for each in statements.values()]
            for qualifier, statements in function.policies.items()
            if statements
        },
    }


def _version(version: Version) -> State:
    return {
        "config": version.config,
        "code": version.sha256,
        "provisioned": version.provisioned,
        "settled": version.settled,
    }


def _alias(alias: Any, releases: dict[str, State]) -> State:
    text = AliasText.from_description(alias.description)
    return {
        "release": releases.get(alias.version),
        "weights": [[releases[number], weight] for number, weight in alias.weights.items()],
        "previous": releases.get(text.previous) if text.previous else None,
        "verified": sorted((releases[number] for number in text.verified if number in releases), key=_text),
        "canary": text.canary is not None,
        "provisioned": alias.provisioned,
    }


def _api(api: dict[str, Any]) -> State:
    integrations = api["Integrations"]
    authorizers = {name: _only(each, "AuthorizerId") for name, each in api["Authorizers"].items()}
    targets = {f"integrations/{name}": _only(each, "IntegrationId") for name, each in integrations.items()}
    routes = {
        route["RouteKey"]: {
            "target": targets.get(route.get("Target", "")),
            "auth": route["AuthorizationType"],
            "authorizer": authorizers.get(route.get("AuthorizerId", "")),
        }
        for route in api["Routes"].values()
    }
    parts = ("Integrations", "Routes", "Authorizers", "Stages")
    return {
        "api": _only(api, "ApiId", "ApiEndpoint", "CreatedDate", *parts),
        "routes": routes,
        "integrations": sorted(targets.values(), key=_text),
        "authorizers": sorted(authorizers.values(), key=_text),
        "stages": {name: _only(each) for name, each in api["Stages"].items()},
    }


def _domain(domain: dict[str, Any], names: dict[str, str]) -> State:
    mappings = [
        {**_only(each, "ApiMappingId"), "api": names.get(each["ApiId"])} for each in domain["Mappings"].values()
    ]
    return {"domain": _only(domain, "Mappings"), "mappings": sorted(mappings, key=_text)}


def _roles(plain: boto3.Session) -> State:
    iam = plain.client("iam")
    found = {}
    for listed in iam.list_roles()["Roles"]:
        name = listed["RoleName"]
        role: Any = iam.get_role(RoleName=name)["Role"]
        found[name] = {
            "trust": role["AssumeRolePolicyDocument"],
            "boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            "tags": {tag["Key"]: tag["Value"] for tag in role.get("Tags", [])},
            "policies": {
                policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
                for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
            },
            "attached": [
                each["PolicyArn"] for each in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
            ],
        }
    return found


def _log_groups(plain: boto3.Session) -> State:
    logs = plain.client("logs")
    return {
        group["logGroupName"]: {
            "retention": group.get("retentionInDays"),
            "tags": logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))["tags"],
        }
        for group in logs.describe_log_groups()["logGroups"]
    }


def _alarms(plain: boto3.Session) -> State:
    cloudwatch = plain.client("cloudwatch")
    kept = ("MetricName", "Statistic", "ExtendedStatistic", "Threshold", "Dimensions", "AlarmActions", "Period")
    return {
        alarm["AlarmName"]: {key: alarm.get(key) for key in kept}
        for alarm in cloudwatch.describe_alarms()["MetricAlarms"]
    }


def _only(item: dict[str, Any], *without: str) -> State:
    """An item without what is volatile."""
    return {key: value for key, value in item.items() if key not in ("ApiId", *without) and value not in ("", {}, [])}


def _without_ids(document: Any, names: dict[str, str]) -> Any:
    text = json.dumps(document)
    for api_id, name in names.items():
        text = text.replace(api_id, name)
    return json.loads(text)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
