"""API Gateway, HTTP APIs: with the conflicts and the calls that moto lacks."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.cloud.wire import ACCOUNT, REGION, Refusal

Item = dict[str, Any]

_FIRST = datetime(2030, 1, 1, tzinfo=UTC)
# What belongs to an API: how it is called in the calls, what identifies it, whether AWS chooses that.
_PARTS = {
    "Integration": ("Integrations", "IntegrationId"),
    "Route": ("Routes", "RouteId"),
    "Authorizer": ("Authorizers", "AuthorizerId"),
    "Stage": ("Stages", "StageName"),
}


class Gateway:
    """The service in one account and region. Parts of an API stand in it under ``Routes``, ``Stages`` and so on."""

    def __init__(self) -> None:
        self.apis: dict[str, Item] = {}
        self.domains: dict[str, Item] = {}
        self._made = 0

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request. Raises Refusal."""
        own = getattr(self, "_" + re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower(), None)
        if own is not None:
            found: dict[str, Any] = own(params)
            return found
        matched = re.fullmatch(r"(Create|Get|Update|Delete)(\w+)", operation)
        verb, noun = matched.groups() if matched else ("", "")
        for part, (plural, key) in _PARTS.items():
            if noun in (part, plural):
                parts = self._api(params)[plural]
                return self._part(verb, part, key, parts, params) if noun == part else _page(parts, params)
        raise NotImplementedError(f"the cloud has no apigatewayv2:{operation}")

    # APIs

    def _create_api(self, params: dict[str, Any]) -> dict[str, Any]:
        api_id = self._id()
        self.apis[api_id] = {
            "RouteSelectionExpression": "$request.method $request.path",
            "ApiKeySelectionExpression": "$request.header.x-api-key",
            **params,
            "ApiId": api_id,
            "ApiEndpoint": f"https://{api_id}.execute-api.{REGION}.amazonaws.com",
            "CreatedDate": _FIRST + timedelta(seconds=self._made),
            **{plural: {} for plural, _ in _PARTS.values()},
        }
        if "Target" in params:
            self._quick(api_id, params)
        return self.apis[api_id]

    def _quick(self, api_id: str, params: dict[str, Any]) -> None:
        """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop.html#http-api-examples.cli.quick-create"""
        uri = params["Target"]
        made = self.call(
            "CreateIntegration",
            {"ApiId": api_id, "IntegrationType": "AWS_PROXY", "IntegrationUri": uri, "PayloadFormatVersion": "2.0"},
        )
        target = f"integrations/{made['IntegrationId']}"
        key = params.get("RouteKey", "$default")
        self.call("CreateRoute", {"ApiId": api_id, "RouteKey": key, "Target": target})
        self.call("CreateStage", {"ApiId": api_id, "StageName": "$default", "AutoDeploy": True})

    def _get_api(self, params: dict[str, Any]) -> dict[str, Any]:
        return self._api(params)

    def _get_apis(self, params: dict[str, Any]) -> dict[str, Any]:
        return _page(self.apis, params)

    def _update_api(self, params: dict[str, Any]) -> dict[str, Any]:
        api = self._api(params)
        # CORS is replaced as a whole.
        api.update(params)
        return api

    def _delete_api(self, params: dict[str, Any]) -> dict[str, Any]:
        api_id = self._api(params)["ApiId"]
        if any(each["ApiId"] == api_id for domain in self.domains.values() for each in domain["Mappings"].values()):
            raise Refusal(
                400,
                "BadRequestException",
                f"Deleting API {api_id} failed. "
                "Please remove all API mappings for the API from your custom domain names.",
            )
        del self.apis[api_id]
        return {}

    def _delete_cors_configuration(self, params: dict[str, Any]) -> dict[str, Any]:
        self._api(params).pop("CorsConfiguration", None)
        return {}

    def _api(self, params: dict[str, Any]) -> Item:
        return _one(self.apis, params["ApiId"], f"Invalid API identifier specified {ACCOUNT}:{params['ApiId']}")

    # Their parts

    def _part(self, verb: str, part: str, key: str, parts: dict[str, Item], params: dict[str, Any]) -> dict[str, Any]:
        if verb == "Create":
            name = params["StageName"] if part == "Stage" else self._id()
            self._check(part, parts, params)
            parts[name] = {**_defaults(part), **params, key: name}
            return parts[name]
        item = _one(parts, params[key], f"Unable to find {part} by ID {params[key]} within the scope of API")
        if verb == "Update":
            self._check(part, {name: each for name, each in parts.items() if each is not item}, params)
            item.update(params)
            if part == "Route" and item.get("AuthorizationType") in ("NONE", "AWS_IAM"):
                # It goes with the type: https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2184
                item.pop("AuthorizerId", None)
        if verb == "Delete":
            self._check_unused(part, params)
            del parts[params[key]]
        return item

    def _check(self, part: str, others: dict[str, Item], params: dict[str, Any]) -> None:
        """What AWS refuses of a new or changed part."""
        if part == "Route":
            if any(each["RouteKey"] == params.get("RouteKey") for each in others.values()):
                raise _conflict(f"Route with key {params['RouteKey']} already exists for this API")
            kind, _, integration = params.get("Target", "").partition("/")
            if kind and integration not in self._api(params)["Integrations"]:
                raise Refusal(404, "NotFoundException", f"Unable to find Integration by ID {integration}")
            if params.get("AuthorizationType") == "JWT":
                _one(self._api(params)["Authorizers"], params.get("AuthorizerId", ""), "Unable to find Authorizer")
        elif part == "Stage" and params["StageName"] in others:
            raise _conflict("Stage already exists")
        elif part == "Authorizer" and any(each["Name"] == params.get("Name") for each in others.values()):
            raise Refusal(
                400, "BadRequestException", f"Authorizer name must be unique. {params['Name']} already exists"
            )

    def _check_unused(self, part: str, params: dict[str, Any]) -> None:
        routes = self._api(params)["Routes"].values()
        if part == "Integration":
            target = f"integrations/{params['IntegrationId']}"
            using = ", ".join(route["RouteId"] for route in routes if route.get("Target") == target)
            if using:
                raise _conflict(
                    f"Cannot delete Integration because it is referenced by the following Routes with Ids: [{using}]"
                )
        if part == "Authorizer":
            for route in routes:
                if route.get("AuthorizerId") == params["AuthorizerId"]:
                    raise _conflict(f"Cannot delete authorizer, is referenced in route: {route['RouteKey']}")

    # Tags and domain names

    def _tag_resource(self, params: dict[str, Any]) -> dict[str, Any]:
        item = self._tagged(params)
        item["Tags"] = {**item.get("Tags", {}), **params["Tags"]}
        return {}

    def _untag_resource(self, params: dict[str, Any]) -> dict[str, Any]:
        item = self._tagged(params)
        item["Tags"] = {key: value for key, value in item.get("Tags", {}).items() if key not in params["TagKeys"]}
        return {}

    def _get_tags(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"Tags": self._tagged(params).get("Tags", {})}

    def _tagged(self, params: dict[str, Any]) -> Item:
        _, _, path = params["ResourceArn"].partition("::/")
        kind, _, name = path.partition("/")
        there = {"apis": self.apis, "domainnames": self.domains}
        return _one(there.get(kind, {}), name, f"Invalid resource {params['ResourceArn']}")

    def _create_domain_name(self, params: dict[str, Any]) -> dict[str, Any]:
        name = params["DomainName"]
        if name in self.domains:
            raise _conflict("The domain name you provided already exists.")
        self.domains[name] = {**params, "Mappings": {}}
        return self._configured(name, params)

    def _update_domain_name(self, params: dict[str, Any]) -> dict[str, Any]:
        _one(self.domains, params["DomainName"], "Invalid domain name identifier specified")
        return self._configured(params["DomainName"], params)

    def _configured(self, name: str, params: dict[str, Any]) -> Item:
        told = {
            "ApiGatewayDomainName": f"d-{abs(hash(name)) % 10**10:010d}.execute-api.{REGION}.amazonaws.com",
            "DomainNameStatus": "AVAILABLE",
            "HostedZoneId": "Z0000000000000000000",
        }
        domain = self.domains[name]
        if "DomainNameConfigurations" in params:
            domain["DomainNameConfigurations"] = [{**each, **told} for each in params["DomainNameConfigurations"]]
        return domain

    def _get_domain_name(self, params: dict[str, Any]) -> dict[str, Any]:
        return _one(self.domains, params["DomainName"], "Invalid domain name identifier specified")

    def _get_domain_names(self, params: dict[str, Any]) -> dict[str, Any]:
        return _page(self.domains, params)

    def _delete_domain_name(self, params: dict[str, Any]) -> dict[str, Any]:
        _one(self.domains, params["DomainName"], "Invalid domain name identifier specified")
        del self.domains[params["DomainName"]]
        return {}

    def _create_api_mapping(self, params: dict[str, Any]) -> dict[str, Any]:
        mappings: dict[str, Item] = self._get_domain_name(params)["Mappings"]
        stages = self._api(params)["Stages"]
        _one(stages, params["Stage"], "Invalid stage identifier specified")
        if any(each.get("ApiMappingKey", "") == params.get("ApiMappingKey", "") for each in mappings.values()):
            raise _conflict("ApiMapping key already exists for this domain name")
        name = self._id()
        mappings[name] = {**params, "ApiMappingId": name}
        return mappings[name]

    def _get_api_mappings(self, params: dict[str, Any]) -> dict[str, Any]:
        return _page(self._get_domain_name(params)["Mappings"], params)

    def _update_api_mapping(self, params: dict[str, Any]) -> dict[str, Any]:
        mapping = _one(self._get_domain_name(params)["Mappings"], params["ApiMappingId"], "Invalid mapping")
        mapping.update(params)
        return mapping

    def _delete_api_mapping(self, params: dict[str, Any]) -> dict[str, Any]:
        mappings = self._get_domain_name(params)["Mappings"]
        _one(mappings, params["ApiMappingId"], "Invalid mapping")
        del mappings[params["ApiMappingId"]]
        return {}

    # HTTP

    def find(self, tags: dict[str, str]) -> Item | None:
        """The oldest API with these tags."""
        ours = [api for api in self.apis.values() if tags.items() <= api.get("Tags", {}).items()]
        return min(ours, key=lambda each: (each["CreatedDate"], each["ApiId"]), default=None)

    def route(self, api: Item, method: str, path: str, *, authorized: bool) -> tuple[str, str]:
        """The URI of the integration that a request reaches, and the ARN that it comes from. Raises Refusal."""
        routes = {route["RouteKey"]: route for route in api["Routes"].values()}
        route = routes.get(f"{method} /{{proxy+}}") or routes.get("$default") or {}
        integration = api["Integrations"].get(route.get("Target", "").partition("/")[2])
        if integration is None or not api["Stages"].get("$default", {}).get("AutoDeploy"):
            raise Refusal(404, "", "Not Found")
        auth = route["AuthorizationType"]
        if auth != "NONE" and not authorized:
            raise Refusal(403, "", "Forbidden") if auth == "AWS_IAM" else Refusal(401, "", "Unauthorized")
        # What an HTTP API names as the source: stage, then the route's key.
        source = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api['ApiId']}/$default/{route['RouteKey']}"
        return integration["IntegrationUri"], source

    def _id(self) -> str:
        self._made += 1
        return f"i{self._made:09d}"


def _page(items: dict[str, Item], params: dict[str, Any]) -> dict[str, Any]:
    start, size = int(params.get("NextToken", 0)), int(params.get("MaxResults", 500))
    found = list(items.values())
    more = {"NextToken": str(start + size)} if start + size < len(found) else {}
    return {"Items": found[start : start + size], **more}


def _defaults(part: str) -> Item:
    if part == "Integration":
        return {"ConnectionType": "INTERNET", "IntegrationMethod": "POST", "TimeoutInMillis": 30000}
    if part == "Route":
        return {"AuthorizationType": "NONE", "ApiKeyRequired": False}
    if part == "Stage":
        return {"DefaultRouteSettings": {"DetailedMetricsEnabled": False}, "RouteSettings": {}, "StageVariables": {}}
    return {}


def _one(items: dict[str, Item], name: str, message: str) -> Item:
    if name not in items:
        raise Refusal(404, "NotFoundException", message)
    return items[name]


def _conflict(message: str) -> Refusal:
    return Refusal(409, "ConflictException", message)
