"""What stands around a function's versions in Lambda: aliases, policies, tags, concurrency."""

import json
from typing import Any

from tests.cloud.lambda_state import LATEST, Alias, Function, Version, absent, conflict, invalid, statement
from tests.cloud.wire import ACCOUNT, REGION, Refusal

_STALE = (
    "The RevisionId provided does not match the latest RevisionId for the Lambda function or alias. "
    "Call the GetFunction or the GetAlias API to retrieve the latest RevisionId for your resource."
)


class Around:
    """The calls that change no code and no configuration."""

    def __init__(self) -> None:
        self.functions: dict[str, Function] = {}
        self._prefix = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
        self._revisions = 0

    # Aliases

    def _create_alias(self, params: dict[str, Any]) -> dict[str, Any]:
        function, _ = self._named(params)
        name, version = params["Name"], params["FunctionVersion"]
        if name in function.aliases:
            raise conflict(f"Alias already exists: {function.arn}:{name}")
        weights = self._weights(function, version, params.get("RoutingConfig"))
        alias = Alias(name, version, params.get("Description", ""), weights, self._revision())
        function.aliases[name] = alias
        return self._alias_document(function, alias)

    def _update_alias(self, params: dict[str, Any]) -> dict[str, Any]:
        function, _ = self._named(params)
        alias = function.alias(params["Name"])
        self._check_revision(params, alias.revision)
        version = params.get("FunctionVersion", alias.version)
        routing = params.get("RoutingConfig", {"AdditionalVersionWeights": alias.weights})
        weights = self._weights(function, version, routing)
        if weights and alias.provisioned is not None:
            raise invalid("Alias with weights can not be used with Provisioned Concurrency")
        alias.version, alias.weights = version, weights
        alias.description = params.get("Description", alias.description)
        alias.revision = self._revision()
        return self._alias_document(function, alias)

    def _get_alias(self, params: dict[str, Any]) -> dict[str, Any]:
        function, _ = self._named(params)
        return self._alias_document(function, function.alias(params["Name"]))

    def _list_aliases(self, params: dict[str, Any]) -> dict[str, Any]:
        function, _ = self._named(params)
        wanted = params.get("FunctionVersion")
        found = [each for each in function.aliases.values() if wanted in (None, each.version)]
        return {"Aliases": [self._alias_document(function, each) for each in found]}

    def _delete_alias(self, params: dict[str, Any]) -> dict[str, Any]:
        function, _ = self._named(params)
        function.aliases.pop(params["Name"], None)
        function.policies.pop(params["Name"], None)
        return {}

    @staticmethod
    def _weights(function: Function, version: str, routing: dict[str, Any] | None) -> dict[str, float]:
        weights = dict((routing or {}).get("AdditionalVersionWeights", {}))
        if len(weights) > 1:
            raise invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
        if weights and LATEST in (version, *weights):
            raise invalid("$LATEST is not supported for an alias pointing to more than 1 version")
        if version in weights:
            raise invalid(f"Invalid function version {version}. It is already included in routing configuration.")
        for number in (version, *weights):
            if number != LATEST and number not in function.versions:
                raise absent(f"Function not found: {function.arn}:{number}")
        if any(not 0 <= weight <= 1 for weight in weights.values()):
            raise Refusal(400, "ValidationException", "A weight must be between 0.0 and 1.0")
        return weights

    # Policies, tags, concurrency

    def _add_permission(self, params: dict[str, Any]) -> dict[str, Any]:
        function, qualifier = self._named(params)
        arn = f"{function.arn}:{qualifier}" if qualifier else function.arn
        self._check_revision(params, self._touched(function, qualifier).revision)
        statements = function.policies.setdefault(qualifier, {})
        name = params["StatementId"]
        if name in statements:
            raise conflict(
                f"The statement id ({name}) provided already exists. "
                "Please provide a new statement id, or remove the existing statement."
            )
        statements[name] = statement(params, arn)
        self._touched(function, qualifier).revision = self._revision()
        return {"Statement": json.dumps(statements[name])}

    def _remove_permission(self, params: dict[str, Any]) -> dict[str, Any]:
        function, qualifier = self._named(params)
        self._check_revision(params, self._touched(function, qualifier).revision)
        statements = function.policies.get(qualifier, {})
        if statements.pop(params["StatementId"], None) is None:
            raise absent(f"Statement {params['StatementId']} is not found in resource policy.")
        self._touched(function, qualifier).revision = self._revision()
        return {}

    def _get_policy(self, params: dict[str, Any]) -> dict[str, Any]:
        function, qualifier = self._named(params)
        touched, statements = self._touched(function, qualifier), function.policies.get(qualifier)
        if not statements:
            raise absent("The resource you requested does not exist.")
        policy = {"Version": "2012-10-17", "Id": "default", "Statement": list(statements.values())}
        return {"Policy": json.dumps(policy), "RevisionId": touched.revision}

    @staticmethod
    def _touched(function: Function, qualifier: str | None) -> Alias | Version:
        """What a permission belongs to: its revision is the policy's."""
        return function.aliases[qualifier] if qualifier in function.aliases else function.version(qualifier)

    def _tag_resource(self, params: dict[str, Any]) -> dict[str, Any]:
        self._named({"FunctionName": params["Resource"]})[0].tags.update(params["Tags"])
        return {}

    def _untag_resource(self, params: dict[str, Any]) -> dict[str, Any]:
        function, _ = self._named({"FunctionName": params["Resource"]})
        for key in params["TagKeys"]:
            function.tags.pop(key, None)
        return {}

    def _list_tags(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"Tags": self._named({"FunctionName": params["Resource"]})[0].tags}

    def _put_function_concurrency(self, params: dict[str, Any]) -> dict[str, Any]:
        function, _ = self._named(params)
        function.reserved = params["ReservedConcurrentExecutions"]
        return {"ReservedConcurrentExecutions": function.reserved}

    def _get_function_concurrency(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"ReservedConcurrentExecutions": self._named(params)[0].reserved}

    def _delete_function_concurrency(self, params: dict[str, Any]) -> dict[str, Any]:
        self._named(params)[0].reserved = None
        return {}

    def _put_provisioned_concurrency_config(self, params: dict[str, Any]) -> dict[str, Any]:
        function, qualifier = self._named(params)
        if qualifier == LATEST:
            raise invalid("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
        owner = self._touched(function, qualifier)
        if isinstance(owner, Alias) and owner.weights:
            raise invalid("Alias with weights can not be used with Provisioned Concurrency")
        rivals = [owner, *function.aliases.values(), *function.versions.values()]
        for rival in rivals:
            same = isinstance(rival, Alias) != isinstance(owner, Alias) and _number(rival) == _number(owner)
            if same and rival.provisioned is not None:
                raise Refusal(409, "ResourceConflictException", "Alias and its version cannot both be provisioned.")
        owner.provisioned = params["ProvisionedConcurrentExecutions"]
        return self._provisioned(function, str(qualifier), owner)

    def _get_provisioned_concurrency_config(self, params: dict[str, Any]) -> dict[str, Any]:
        function, qualifier = self._named(params)
        owner = self._touched(function, qualifier)
        if owner.provisioned is None:
            raise _unprovisioned(qualifier)
        return self._provisioned(function, str(qualifier), owner)

    def _list_provisioned_concurrency_configs(self, params: dict[str, Any]) -> dict[str, Any]:
        function, _ = self._named(params)
        owners: dict[str, Alias | Version] = {**function.aliases, **function.versions}
        found = [self._provisioned(function, name, each) for name, each in owners.items() if each.provisioned]
        return {"ProvisionedConcurrencyConfigs": found}

    def _delete_provisioned_concurrency_config(self, params: dict[str, Any]) -> dict[str, Any]:
        function, qualifier = self._named(params)
        owner = self._touched(function, qualifier)
        if owner.provisioned is None:
            raise _unprovisioned(qualifier)
        owner.provisioned = None
        return {}

    @staticmethod
    def _provisioned(function: Function, qualifier: str, owner: Alias | Version) -> dict[str, Any]:
        return {
            "FunctionArn": f"{function.arn}:{qualifier}",
            "RequestedProvisionedConcurrentExecutions": owner.provisioned,
            "AvailableProvisionedConcurrentExecutions": owner.provisioned,
            "AllocatedProvisionedConcurrentExecutions": owner.provisioned,
            "Status": "READY",
        }

    def _get_account_settings(self, _: dict[str, Any]) -> dict[str, Any]:
        reserved = sum(function.reserved or 0 for function in self.functions.values())
        size = sum(len(function.latest.code) for function in self.functions.values())
        return {
            "AccountLimit": {
                "TotalCodeSize": 80_530_636_800,
                "CodeSizeUnzipped": 262_144_000,
                "CodeSizeZipped": 52_428_800,
                "ConcurrentExecutions": 1000,
                "UnreservedConcurrentExecutions": 1000 - reserved,
            },
            "AccountUsage": {"TotalCodeSize": size, "FunctionCount": len(self.functions)},
        }

    # What all calls share

    def _named(self, params: dict[str, Any]) -> tuple[Function, str | None]:
        name = params["FunctionName"].removeprefix(self._prefix)
        name, _, inline = name.partition(":")
        if name not in self.functions:
            raise absent(f"Function not found: {self._prefix}{name}")
        return self.functions[name], params.get("Qualifier") or inline or None

    @staticmethod
    def _check_revision(params: dict[str, Any], revision: str) -> None:
        if params.get("RevisionId", revision) != revision:
            raise Refusal(412, "PreconditionFailedException", _STALE)

    def _revision(self) -> str:
        self._revisions += 1
        return f"00000000-0000-4000-8000-{self._revisions:012d}"

    @staticmethod
    def _alias_document(function: Function, alias: Alias) -> dict[str, Any]:
        return {
            "AliasArn": f"{function.arn}:{alias.name}",
            "Name": alias.name,
            "FunctionVersion": alias.version,
            "Description": alias.description,
            "RoutingConfig": {"AdditionalVersionWeights": alias.weights} if alias.weights else None,
            "RevisionId": alias.revision,
        }


def _number(owner: Alias | Version) -> str:
    return owner.version if isinstance(owner, Alias) else owner.number


def _unprovisioned(qualifier: str | None) -> Refusal:
    return Refusal(
        404,
        "ProvisionedConcurrencyConfigNotFoundException",
        f"No Provisioned Concurrency Config found for this function at {qualifier}",
    )
