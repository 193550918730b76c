"""Reads the HTTP API and its domain names from API Gateway."""

from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from mlctl.aws.client.errors import raise_unless_absent
from mlctl.aws.client.session import Aws
from mlctl.aws.stack.constants import API_STAGE, AUTHORIZATION_TYPES, DEFAULT_ROUTE
from mlctl.aws.stack.names import Names
from mlctl.aws.stack.state import ApiConfig, ApiState, Cors, Domain, DomainState, Jwt, RouteState, Throttling

if TYPE_CHECKING:
    from collections.abc import Mapping

_AUTH: dict[str, Literal["none", "iam", "jwt"]] = {kind: auth for auth, kind in AUTHORIZATION_TYPES.items()}


def address(aws: Aws, names: Names) -> tuple[str, str] | None:
    """``(id, endpoint)`` of our API, the oldest should there be several.

    It is found by its tags: API names are not unique.
    """
    return next(iter(addresses(aws, names)), None)


def addresses(aws: Aws, names: Names) -> list[tuple[str, str]]:
    """Every API of ours, the oldest first."""
    ours = []
    for page in aws.api.get_paginator("get_apis").paginate():
        ours += [api for api in page["Items"] if names.tags.items() <= api.get("Tags", {}).items()]
    return [
        (api["ApiId"], api["ApiEndpoint"]) for api in sorted(ours, key=lambda api: (api["CreatedDate"], api["ApiId"]))
    ]


def api(aws: Aws, api_id: str, endpoint: str) -> ApiState:
    """The parts of an API."""
    integration = next(iter(aws.api.get_integrations(ApiId=api_id)["Items"]), None)
    routes = {each["RouteKey"]: _route(each) for each in aws.api.get_routes(ApiId=api_id)["Items"]}
    stages = aws.api.get_stages(ApiId=api_id)["Items"]
    stage = next((each for each in stages if each["StageName"] == API_STAGE), None)
    authorizer = next(iter(aws.api.get_authorizers(ApiId=api_id)["Items"]), None)
    default = routes.get(DEFAULT_ROUTE)
    return ApiState(
        id=api_id,
        endpoint=endpoint,
        config=ApiConfig(
            integration=integration.get("IntegrationUri") if integration else None,
            auth=_AUTH.get(default.auth) if default else None,
            jwt=_jwt(authorizer) if authorizer else None,
            throttling=_throttling(stage.get("DefaultRouteSettings", {})) if stage else None,
            cors=_cors(aws.api.get_api(ApiId=api_id).get("CorsConfiguration", {})),
        ),
        integration_id=integration["IntegrationId"] if integration else None,
        routes=routes,
        authorizer_id=authorizer["AuthorizerId"] if authorizer else None,
        has_stage=stage is not None,
    )


def domains(aws: Aws, names: Names, wanted: str | None) -> tuple[DomainState, ...]:
    """Domain names with our tags, and the one called ``wanted`` whosever it is."""
    found = []
    for page in aws.api.get_paginator("get_domain_names").paginate():
        for each in page["Items"]:
            ours = names.tags.items() <= each.get("Tags", {}).items()
            if ours or each["DomainName"] == wanted:
                found.append(_domain(aws, each, ours=ours))
    return tuple(found)


def _domain(aws: Aws, item: "Mapping[str, Any]", *, ours: bool) -> DomainState:
    name = item["DomainName"]
    configuration: Mapping[str, Any] = next(iter(item.get("DomainNameConfigurations", [])), {})
    try:
        mappings = aws.api.get_api_mappings(DomainName=name)["Items"]
    except ClientError as error:
        raise_unless_absent(error)
        mappings = []
    mapping = next((each for each in mappings if not each.get("ApiMappingKey")), None)
    return DomainState(
        config=Domain(name, configuration.get("CertificateArn", "")),
        ours=ours,
        target=configuration.get("ApiGatewayDomainName", ""),
        api_id=mapping["ApiId"] if mapping else None,
        mapping_id=mapping.get("ApiMappingId") if mapping else None,
    )


def _route(item: "Mapping[str, Any]") -> RouteState:
    return RouteState(
        id=item["RouteId"],
        target=item.get("Target"),
        auth=item.get("AuthorizationType") or "NONE",
        authorizer_id=item.get("AuthorizerId"),
    )


def _jwt(authorizer: "Mapping[str, Any]") -> Jwt:
    told = authorizer.get("JwtConfiguration", {})
    return Jwt(told.get("Issuer", ""), tuple(sorted(told.get("Audience", []))))


def _throttling(limits: "Mapping[str, Any]") -> Throttling | None:
    if "ThrottlingRateLimit" not in limits or "ThrottlingBurstLimit" not in limits:
        return None
    return Throttling(rate=limits["ThrottlingRateLimit"], burst=limits["ThrottlingBurstLimit"])


def _cors(told: "Mapping[str, Any]") -> Cors | None:
    if not told:
        return None
    return Cors(
        origins=tuple(sorted(told.get("AllowOrigins", []))),
        methods=tuple(sorted(told.get("AllowMethods", []))),
        headers=tuple(sorted(told.get("AllowHeaders", []))),
        expose=tuple(sorted(told.get("ExposeHeaders", []))),
        max_age=told.get("MaxAge", 0),
        credentials=told.get("AllowCredentials", False),
    )
