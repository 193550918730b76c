"""Steps for the HTTP API, the permission to invoke the alias, and the domain name."""

from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from mlctl.aws.apply.context import DeployContext
from mlctl.aws.client.errors import code_of, raise_unless_absent
from mlctl.aws.live import api_resources, resources
from mlctl.aws.stack.constants import (
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
from mlctl.aws.stack.names import ALIAS, STATEMENT
from mlctl.aws.stack.ownership import overtaken
from mlctl.aws.stack.plan import Step, wanted_routes
from mlctl.aws.stack.state import ApiConfig, ApiState, Domain, DomainState


def api(run: DeployContext, step: Step) -> str:
    """Create the API, or correct its missing or different parts; or delete a duplicate."""
    if step.action == "delete":
        return _delete(run, step.target)
    state = run.actual.api or _found(run) or _create(run)
    integration_id = _integration(run, state)
    authorizer_id = _authorizer(run, state)
    for key in wanted_routes(run.desired):
        _route(run, state, key, f"integrations/{integration_id}", authorizer_id)
    _stage(run, state)
    _cors(run, state)
    # Last, when nothing points at them any more.
    for key in state.routes.keys() - set(wanted_routes(run.desired)):
        _gone(partial(run.aws.api.delete_route, ApiId=state.id, RouteId=state.routes[key].id))
    if state.authorizer_id and run.desired.api.jwt is None:
        _gone(partial(run.aws.api.delete_authorizer, ApiId=state.id, AuthorizerId=state.authorizer_id))
    limits = run.desired.api.throttling
    return f"at most {limits.rate:g} requests a second" if limits else "unthrottled"


def permission(run: DeployContext, step: Step) -> str:
    """Allow this API only to invoke the alias."""
    client = run.aws.lambda_
    source = run.desired.source_arn(run.api_id)
    if step.action == "update":
        try:
            client.remove_permission(FunctionName=run.function, Qualifier=ALIAS, StatementId=STATEMENT)
        except ClientError as error:
            raise_unless_absent(error)
    try:
        client.add_permission(
            FunctionName=run.function,
            Qualifier=ALIAS,
            StatementId=STATEMENT,
            Action=INVOKE_ACTION,
            Principal=API_PRINCIPAL,
            SourceArn=source,
        )
    except ClientError as error:
        if code_of(error) != "ResourceConflictException":
            raise
        # It is there: given by a call whose answer was lost, or by another command.
        if resources.allowed_source(run.aws, run.desired.names) != source:
            raise overtaken(run.desired.names, "it let another API invoke the alias") from None
    return "this API only"


def domain(run: DeployContext, step: Step) -> str:
    """Create the domain name and map it to the API, or delete one that is no longer in the settings."""
    client = run.aws.api
    state = next((each for each in run.actual.domains if each.config.name == step.target), None)
    if step.action == "delete":
        if state:
            delete_domain(run, state)
        return "deleted"
    wanted = run.desired.domain
    if wanted is None:
        raise AssertionError("a plan has no step for a domain that is not wanted")
    configuration: Any = [
        {
            "CertificateArn": wanted.certificate,
            "EndpointType": DOMAIN_ENDPOINT_TYPE,
            "SecurityPolicy": DOMAIN_SECURITY_POLICY,
        }
    ]
    if state is None:
        state = _make_domain(run, wanted, configuration)
    elif state.config != wanted:
        client.update_domain_name(DomainName=wanted.name, DomainNameConfigurations=configuration)
    if state.api_id != run.api_id:
        mapping: Any = {"ApiId": run.api_id, "DomainName": wanted.name, "Stage": API_STAGE}
        if state.mapping_id:
            client.update_api_mapping(ApiMappingId=state.mapping_id, **mapping)
        else:
            _map(run, mapping)
    return f"point its DNS record to {state.target}"


def _make_domain(run: DeployContext, wanted: Domain, configuration: Any) -> DomainState:
    try:
        made: Any = run.aws.api.create_domain_name(
            DomainName=wanted.name, DomainNameConfigurations=configuration, Tags=run.desired.all_tags
        )
    except ClientError as error:
        if code_of(error) != "ConflictException":
            raise
        found = _domain_now(run, wanted.name)
        # Made by a call whose answer was lost; anybody else's is theirs.
        if found is None or not found.ours:
            raise
        return found
    configurations = made.get("DomainNameConfigurations") or [{}]
    target = configurations[0].get("ApiGatewayDomainName", "")
    return DomainState(config=wanted, ours=True, target=target)


def _map(run: DeployContext, mapping: Any) -> None:
    try:
        run.aws.api.create_api_mapping(**mapping)
    except ClientError as error:
        if code_of(error) != "ConflictException":
            raise
        found = _domain_now(run, mapping["DomainName"])
        if found is None or found.api_id != run.api_id:
            raise


def _domain_now(run: DeployContext, name: str) -> DomainState | None:
    found = api_resources.domains(run.aws, run.desired.names, name)
    return next((each for each in found if each.config.name == name), None)


def delete_domain(run: DeployContext, state: DomainState) -> None:
    """Delete a domain name of ours; its mapping goes first."""
    name, client = state.config.name, run.aws.api
    if state.mapping_id:
        _gone(partial(client.delete_api_mapping, DomainName=name, ApiMappingId=state.mapping_id))
    _gone(partial(client.delete_domain_name, DomainName=name))


def _found(run: DeployContext) -> ApiState | None:
    """Our API, made since the plan by a deploy beside this one."""
    address = api_resources.address(run.aws, run.desired.names)
    if address is None:
        return None
    run.api_id, run.api_endpoint = address
    return api_resources.api(run.aws, *address)


def _create(run: DeployContext) -> ApiState:
    """A new API. Nothing on AWS keeps two deploys from making one each: the younger one is deleted at once."""
    names = run.desired.names
    cors = {"CorsConfiguration": run.desired.api.cors.to_document()} if run.desired.api.cors else {}
    created: Any = run.aws.api_once.create_api(
        Name=names.function, ProtocolType="HTTP", Tags=run.desired.all_tags, **cors
    )
    oldest = api_resources.address(run.aws, names)
    if oldest is not None and oldest[0] != created["ApiId"]:
        run.aws.api.delete_api(ApiId=created["ApiId"])
        run.api_id, run.api_endpoint = oldest
        return api_resources.api(run.aws, *oldest)
    run.api_id, run.api_endpoint = created["ApiId"], created["ApiEndpoint"]
    nothing = ApiConfig(integration=None, auth=None, jwt=None, throttling=None, cors=run.desired.api.cors)
    return ApiState(id=run.api_id, endpoint=run.api_endpoint, config=nothing)


def _delete(run: DeployContext, api_id: str) -> str:
    _gone(partial(run.aws.api.delete_api, ApiId=api_id))
    return "deleted"


def _gone(delete: Callable[[], object]) -> None:
    """Delete a resource that an earlier call may have deleted already."""
    try:
        delete()
    except ClientError as error:
        raise_unless_absent(error)


def _integration(run: DeployContext, state: ApiState) -> str:
    wanted: dict[str, Any] = {
        "ApiId": state.id,
        "IntegrationType": INTEGRATION_TYPE,
        "IntegrationUri": run.desired.api.integration,
        "PayloadFormatVersion": PAYLOAD_FORMAT_VERSION,
        "TimeoutInMillis": INTEGRATION_TIMEOUT_MS,
    }
    if state.integration_id is None:
        return run.aws.api_once.create_integration(**wanted)["IntegrationId"]
    if state.config.integration != run.desired.api.integration:
        run.aws.api.update_integration(IntegrationId=state.integration_id, **wanted)
    return state.integration_id


def _authorizer(run: DeployContext, state: ApiState) -> str | None:
    jwt = run.desired.api.jwt
    if jwt is None:
        return None
    wanted: dict[str, Any] = {
        "ApiId": state.id,
        "AuthorizerType": "JWT",
        "IdentitySource": [IDENTITY_SOURCE],
        "JwtConfiguration": {"Issuer": jwt.issuer, "Audience": list(jwt.audience)},
        "Name": run.function,
    }
    if state.authorizer_id is None:
        return run.aws.api_once.create_authorizer(**wanted)["AuthorizerId"]
    if state.config.jwt != jwt:
        run.aws.api.update_authorizer(AuthorizerId=state.authorizer_id, **wanted)
    return state.authorizer_id


def _route(run: DeployContext, state: ApiState, key: str, target: str, authorizer_id: str | None) -> None:
    # What a browser may ask is no secret: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
    auth = AUTHORIZATION_TYPES[run.desired.api.auth or "none"] if key == DEFAULT_ROUTE else "NONE"
    guarded_by = authorizer_id if auth == "JWT" else None
    wanted: dict[str, Any] = {"ApiId": state.id, "RouteKey": key, "Target": target, "AuthorizationType": auth}
    if guarded_by:
        wanted["AuthorizerId"] = guarded_by
    there = state.routes.get(key)
    if there is None:
        try:
            run.aws.api.create_route(**wanted)
        except ClientError as error:
            # Made by a call whose answer was lost: the next reading compares it.
            if code_of(error) != "ConflictException":
                raise
    elif (there.target, there.auth, there.authorizer_id) != (target, auth, guarded_by):
        run.aws.api.update_route(RouteId=there.id, **wanted)


def _stage(run: DeployContext, state: ApiState) -> None:
    throttling = run.desired.api.throttling
    limits: dict[str, Any] = {"ApiId": state.id, "StageName": API_STAGE, "AutoDeploy": True}
    if throttling:
        limits["DefaultRouteSettings"] = {
            "ThrottlingRateLimit": throttling.rate,
            "ThrottlingBurstLimit": throttling.burst,
        }
    if not state.has_stage:
        try:
            run.aws.api.create_stage(**limits, Tags=run.desired.all_tags)
        except ClientError as error:
            if code_of(error) != "ConflictException":
                raise
    elif state.config.throttling != throttling:
        run.aws.api.update_stage(**limits)


def _cors(run: DeployContext, state: ApiState) -> None:
    wanted = run.desired.api.cors
    if state.config.cors == wanted:
        return
    if wanted is None:
        run.aws.api.delete_cors_configuration(ApiId=state.id)
    else:
        run.aws.api.update_api(ApiId=state.id, CorsConfiguration=wanted.to_document())
