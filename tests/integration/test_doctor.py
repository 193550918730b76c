"""``mlctl doctor``: what it finds, what it does not touch, and the policy that it prints."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from mlctl.aws.access import preflight
from mlctl.aws.access.permissions import policy
from mlctl.aws.client.session import Aws
from mlctl.aws.stack.desired import UNZIPPED_BYTES
from mlctl.aws.stack.names import Identity, Names
from mlctl.errors import ExitCode, MlctlError
from mlctl.packaging.build import Package
from mlctl.settings.deploy import DeploySettings
from tests.cloud import Cloud
from tests.cloud.wire import response
from tests.conftest import Cli, Result

PROD = ("--stage", "prod")
ACCOUNT = "123456789012"
CERTIFICATE = f"arn:aws:acm:eu-west-1:{ACCOUNT}:certificate/11111111-2222-3333-4444-555555555555"
DOMAIN = f'[deploy.domain]\nname = "api.example.com"\ncertificate = "{CERTIFICATE}"\n'
PLACE = Identity(ACCOUNT, "aws", "eu-west-1", "ana")
# What only looks, by the names of its operations.
LOOKING = ("Get", "List", "Describe", "Head", "Simulate", "Filter")

Rule = Callable[[str, str], dict[str, Any]]


class Account:
    """An account in this process, with a say in what it answers."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.asked: list[dict[str, Any]] = []
        self.judge: Rule = lambda action, resource: {"EvalDecision": "allowed"}
        self.caller = f"arn:aws:iam::{ACCOUNT}:user/ana"
        cloud.aws.sts.meta.events.register("before-call.sts.GetCallerIdentity", self._identity)
        cloud.aws.iam.meta.events.register("before-call.iam.SimulatePrincipalPolicy", self._simulate)
        cloud.aws.iam.meta.events.register("provide-client-params.iam.SimulatePrincipalPolicy", self._asked)

    def answer(self, service: str, operation: str, document: dict[str, Any]) -> None:
        """Let an operation answer with ``document``."""
        self._register(service, operation, 200, document)

    def refuse(self, service: str, operation: str, code: str = "AccessDenied", message: str = "Access Denied") -> None:
        """Let an operation be refused."""
        self._register(service, operation, 403, {"Error": {"Code": code, "Message": message}})

    def _identity(self, **_: Any) -> Any:
        return response("https://x", 200, {}, b""), {"Account": ACCOUNT, "Arn": self.caller, "UserId": "x"}

    def _register(self, service: str, operation: str, status: int, document: dict[str, Any]) -> None:
        client: Any = getattr(self.cloud.aws, {"lambda": "lambda_", "apigatewayv2": "api"}.get(service, service))
        client.meta.events.register(
            f"before-call.{service}.{operation}", lambda **_: (response("https://x", status, {}, b""), document)
        )

    def _asked(self, params: dict[str, Any], **_: Any) -> None:
        self.asked.append(params)

    def _simulate(self, **_: Any) -> Any:
        params = self.asked[-1]
        results = [
            {"EvalActionName": action, "EvalResourceName": resource, **self.judge(action, resource)}
            for action in params["ActionNames"]
            for resource in params.get("ResourceArns", ["*"])
        ]
        return response("https://x", 200, {}, b""), {"EvaluationResults": results, "IsTruncated": False}


@pytest.fixture
def account(cloud: Cloud, trained: Path, iris_package: Package, monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account that lets everything, and a project with a model version whose package is built already."""
    monkeypatch.setattr("mlctl.packaging.build.build_package", lambda *_, **__: iris_package)
    return Account(cloud)


def found(result: Result) -> dict[str, dict[str, str]]:
    """The checks by name."""
    return {check["name"]: check for check in result.json["checks"]}


def states(result: Result) -> dict[str, str]:
    return {name: check["state"] for name, check in found(result).items()}


def one(cli: Cli, name: str, code: int) -> dict[str, str]:
    """The check of that name, of a run that must end with ``code``."""
    result = cli("doctor", *PROD, "--json")
    assert result.code == code, result.out + result.err
    assert result.json["ok"] is (code == 0)
    return found(result)[name]


def test_all_is_well(account: Account, cli: Cli) -> None:
    result = cli("doctor", *PROD, "--json")
    assert (result.code, result.json["stage"], result.json["ok"]) == (0, "prod", True)
    assert "error" not in result.json
    assert states(result) == dict.fromkeys(
        (
            "settings",
            "model version",
            "gates",
            "package",
            "region",
            "credentials",
            "reads",
            "permissions",
            "names",
            "account limits",
        ),
        "ok",
    )
    assert found(result)["region"]["detail"] == "eu-west-1"
    assert found(result)["credentials"]["detail"] == f"arn:aws:iam::{ACCOUNT}:user/ana, account {ACCOUNT}"
    assert found(result)["names"]["detail"] == "iris-prod is free"
    assert found(result)["gates"]["detail"] == "none are set"
    assert set(result.json["checks"][0]) == {"name", "state", "detail", "hint"}


def test_it_reads_well(account: Account, cli: Cli, trained: Path) -> None:
    account.judge = lambda action, _: {"EvalDecision": "implicitDeny" if action == "iam:CreateRole" else "allowed"}
    result = cli("doctor", *PROD)
    assert result.code == 5
    lines = result.out.splitlines()
    assert lines[0] == "✓ settings        valid for stage prod"
    (at,) = [at for at, line in enumerate(lines) if line.startswith("✗ permissions")]
    assert "actions are lacking: iam:CreateRole." in lines[at]
    assert lines[at + 1].strip().startswith("Ask an administrator of the account.")
    assert "Error: A deploy to stage 'prod' would fail: 1 of " in result.err


@pytest.mark.parametrize("deployed", [False, True])
def test_it_changes_nothing(account: Account, cli: Cli, trained: Path, deployed: bool) -> None:
    account.answer("acm", "DescribeCertificate", {"Certificate": {"Status": "ISSUED", "DomainName": "api.example.com"}})
    if deployed:
        assert cli("deploy", *PROD).code == 0
    (trained / "mlctl.toml").write_text(DOMAIN, encoding="utf-8")
    before = account.cloud.snapshot()
    account.cloud.begin()
    result = cli("doctor", *PROD, "--json")
    assert (result.code, result.json["ok"]) == (0, True)
    assert [name for name in account.cloud.calls.names if not name.startswith(LOOKING)] == []
    assert account.cloud.snapshot() == before
    if deployed:
        assert found(result)["names"]["detail"] == "ours already: role, log group, function, API"
        # The very reads that a deploy makes, and some more.
        seen = set(account.cloud.calls.names)
        account.cloud.begin()
        assert cli("deploy", *PROD, "--dry-run").code == 0
        assert set(account.cloud.calls.names) <= seen


def test_every_change_is_put_to_iam_and_no_read(account: Account, cli: Cli, trained: Path) -> None:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
    (trained / "mlctl.toml").write_text(f'[deploy]\npermissions_boundary = "{boundary}"\n', encoding="utf-8")
    assert one(cli, "permissions", 0)["detail"].startswith("all ")
    assert {request["PolicySourceArn"] for request in account.asked} == {f"arn:aws:iam::{ACCOUNT}:user/ana"}
    actions = [action for request in account.asked for action in request["ActionNames"]]
    deploy = DeploySettings(permissions_boundary=boundary)
    document = policy(Names("iris", "prod"), PLACE, deploy)
    everything = {action for statement in document["Statement"] for action in statement["Action"]}
    reads = {each for each in everything if each.partition(":")[2].startswith((*LOOKING, "GET"))} - {"s3:GetObject"}
    assert set(actions) == everything - reads - {"apigateway:TagResource"}
    assert not any("*" in arn for request in account.asked for arn in request.get("ResourceArns", []))
    contexts = {
        entry["ContextKeyName"]: entry["ContextKeyValues"]
        for request in account.asked
        for entry in request.get("ContextEntries", [])
    }
    assert contexts == {"iam:PassedToService": ["lambda.amazonaws.com"], "iam:PermissionsBoundary": [boundary]}


def test_who_stands_in_the_way_is_told(account: Account, cli: Cli) -> None:
    refusals: dict[str, dict[str, Any]] = {
        "lambda:CreateFunction": {"EvalDecision": "implicitDeny"},
        "s3:PutObject": {"EvalDecision": "explicitDeny"},
        "iam:PassRole": {
            "EvalDecision": "implicitDeny",
            "PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False},
        },
        "cloudwatch:PutMetricAlarm": {
            "EvalDecision": "explicitDeny",
            "OrganizationsDecisionDetail": {"AllowedByOrganizations": False},
        },
    }
    account.judge = lambda action, _: refusals.get(action, {"EvalDecision": "allowed"})
    check = one(cli, "permissions", 5)
    assert check["state"] == "failed"
    assert check["detail"].startswith("4 of ")
    assert check["detail"].endswith(
        " actions are lacking: lambda:CreateFunction, iam:PassRole (not allowed by your permissions boundary), "
        "cloudwatch:PutMetricAlarm (denied by the organization), s3:PutObject (denied explicitly)."
    )
    assert check["hint"] == "Ask an administrator of the account. `mlctl doctor --policy` prints the required policy."


def test_results_by_resource_count_as_well(account: Account, cli: Cli) -> None:
    def judge(action: str, resource: str) -> dict[str, Any]:
        decision = "implicitDeny" if action == "lambda:InvokeFunction" else "allowed"
        specific = {"EvalResourceName": resource, "EvalResourceDecision": decision}
        return {"EvalDecision": "allowed", "ResourceSpecificResults": [specific]}

    account.judge = judge
    assert "actions are lacking: lambda:InvokeFunction." in one(cli, "permissions", 5)["detail"]


def test_what_is_allowed_on_a_part_only_is_a_warning(account: Account, cli: Cli) -> None:
    account.judge = lambda action, resource: {
        "EvalDecision": "implicitDeny" if action == "lambda:InvokeFunction" and resource.endswith(":x") else "allowed"
    }
    check = one(cli, "permissions", 0)
    assert check["state"] == "warning"
    function = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:iris-prod:x"
    assert check["detail"] == f"These may be refused: lambda:InvokeFunction on {function}."


def test_what_depends_on_unknown_conditions_is_a_warning(account: Account, cli: Cli) -> None:
    account.judge = lambda action, _: (
        {"EvalDecision": "implicitDeny", "MissingContextValues": ["aws:MultiFactorAuthPresent"]}
        if action == "iam:CreateRole"
        else {"EvalDecision": "allowed"}
    )
    check = one(cli, "permissions", 0)
    assert check["state"] == "warning"
    assert check["detail"] == "These may be refused: iam:CreateRole (depends on aws:MultiFactorAuthPresent)."


def test_a_session_is_judged_by_its_role_with_the_path_of_that(account: Account, cli: Cli) -> None:
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    account.cloud.aws.iam.create_role(RoleName="ci", Path="/team/", AssumeRolePolicyDocument=trust)
    account.caller = f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/build-17"
    assert one(cli, "permissions", 0)["state"] == "ok"
    assert {request["PolicySourceArn"] for request in account.asked} == {f"arn:aws:iam::{ACCOUNT}:role/team/ci"}


def test_a_session_that_may_not_look_its_role_up(account: Account, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    account.caller = f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/build-17"
    account.refuse("iam", "GetRole")
    result = cli("doctor", *PROD, "--json")
    # Its own role's policy, then, is all that is missing: the reads say so.
    assert found(result)["reads"]["detail"] == "AWS refused GetRole: you lack iam:GetRole."
    assert found(result)["permissions"]["state"] == "ok"
    assert {request["PolicySourceArn"] for request in account.asked} == {f"arn:aws:iam::{ACCOUNT}:role/ci"}


@pytest.mark.parametrize(
    ("arn", "detail"),
    [
        (f"arn:aws:iam::{ACCOUNT}:root", "The account's root user may do everything."),
        (
            f"arn:aws:sts::{ACCOUNT}:federated-user/ana",
            "Whether you may change things was not checked. IAM cannot judge "
            f"arn:aws:sts::{ACCOUNT}:federated-user/ana.",
        ),
    ],
)
def test_callers_that_iam_does_not_judge(account: Account, cli: Cli, arn: str, detail: str) -> None:
    account.caller = arn
    check = one(cli, "permissions", 0)
    assert (check["state"], check["detail"]) == ("warning", detail)
    assert account.asked == []


def test_who_may_not_ask_is_warned(account: Account, cli: Cli) -> None:
    account.cloud.aws.iam.meta.events.unregister("before-call.iam.SimulatePrincipalPolicy", account._simulate)
    account.refuse("iam", "SimulatePrincipalPolicy")
    check = one(cli, "permissions", 0)
    assert check["state"] == "warning"
    assert check["detail"] == (
        "Whether you may change things was not checked. "
        "AWS refused SimulatePrincipalPolicy: you lack iam:SimulatePrincipalPolicy."
    )


def test_reads_that_are_refused_are_all_named(account: Account, cli: Cli) -> None:
    account.refuse("lambda", "GetFunction", "AccessDeniedException")
    account.refuse("lambda", "GetAlias", "AccessDeniedException")
    account.refuse("apigatewayv2", "GetApis", "AccessDeniedException")
    result = cli("doctor", *PROD, "--json")
    assert result.code == 5
    assert found(result)["reads"]["detail"] == "You lack lambda:GetFunction, lambda:GetAlias, apigateway:GET."
    assert found(result)["names"] == {"name": "names", "state": "skipped", "detail": "needs the reads", "hint": ""}
    assert states(result)["account limits"] == "skipped"
    assert result.json["error"]["code"] == "aws_access_denied"


def test_a_name_that_is_taken(account: Account, cli: Cli) -> None:
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    account.cloud.aws.iam.create_role(RoleName="iris-prod-lambda", AssumeRolePolicyDocument=trust)
    check = one(cli, "names", 5)
    assert check["detail"].startswith("The role 'iris-prod-lambda' does not belong to this project and stage")
    assert cli("doctor", *PROD, "--json").json["error"]["code"] == "name_taken"


def test_a_bucket_of_somebody_else(account: Account, cli: Cli) -> None:
    account.refuse("s3", "HeadBucket", "403", "Forbidden")
    check = one(cli, "names", 0)
    bucket = Names("iris", "prod").bucket(ACCOUNT, "eu-west-1")
    assert check["state"] == "warning"
    assert check["detail"] == f"The bucket {bucket} belongs to another account, or you lack s3:ListBucket on it."


def limits(every: int, unreserved: int, *, stored: int = 0) -> dict[str, Any]:
    return {
        "AccountLimit": {
            "TotalCodeSize": 1_000_000,
            "ConcurrentExecutions": every,
            "UnreservedConcurrentExecutions": unreserved,
        },
        "AccountUsage": {"TotalCodeSize": stored},
    }


@pytest.mark.parametrize(
    ("every", "unreserved", "wanted", "free"),
    [(1000, 1000, 901, 900), (1000, 300, 201, 200), (10, 10, 1, 0), (1000, 50, 1, 0)],
)
def test_more_concurrency_than_the_account_has(
    account: Account, cli: Cli, trained: Path, every: int, unreserved: int, wanted: int, free: int
) -> None:
    account.answer("lambda", "GetAccountSettings", limits(every, unreserved))
    (trained / "mlctl.toml").write_text(f"[deploy]\nreserved_concurrency = {wanted}\n", encoding="utf-8")
    check = one(cli, "account limits", 5)
    assert check["detail"] == (
        f"reserved_concurrency is {wanted}, but at most {free} of the account's {every} concurrent executions can be "
        "set apart."
    )
    if free:
        (trained / "mlctl.toml").write_text(f"[deploy]\nreserved_concurrency = {free}\n", encoding="utf-8")
        assert one(cli, "account limits", 0)["state"] == "ok"


def test_what_only_the_doctor_asks_may_be_forbidden(account: Account, cli: Cli, trained: Path) -> None:
    account.refuse("lambda", "GetAccountSettings", "AccessDeniedException")
    account.refuse("acm", "DescribeCertificate", "AccessDeniedException")
    (trained / "mlctl.toml").write_text(DOMAIN, encoding="utf-8")
    result = cli("doctor", *PROD, "--json")
    assert result.code == 0
    for name, action in (("account limits", "lambda:GetAccountSettings"), ("certificate", "acm:DescribeCertificate")):
        operation = action.partition(":")[2]
        assert found(result)[name]["state"] == "warning"
        assert found(result)[name]["detail"] == f"Not checked. AWS refused {operation}: you lack {action}."


def test_what_the_stage_has_reserved_already_counts_as_free(account: Account, cli: Cli, trained: Path) -> None:
    (trained / "mlctl.toml").write_text("[deploy]\nreserved_concurrency = 900\n", encoding="utf-8")
    assert cli("deploy", *PROD).code == 0
    assert one(cli, "account limits", 0)["detail"].startswith("900 concurrent executions can be set apart")


def test_no_room_for_the_package(account: Account, cli: Cli) -> None:
    account.answer("lambda", "GetAccountSettings", limits(1000, 1000, stored=999_000))
    check = one(cli, "account limits", 5)
    assert check["detail"].endswith("of the account's storage for packages 0.0 MB are left.")
    assert "keep_releases" in check["hint"]


@pytest.mark.parametrize(
    ("certificate", "detail"),
    [
        ({"Status": "PENDING_VALIDATION"}, "The certificate of api.example.com is not issued: PENDING_VALIDATION."),
        (
            {
                "Status": "ISSUED",
                "DomainName": "example.com",
                "SubjectAlternativeNames": ["example.com", "*.a.example.com"],
            },
            "The certificate is for example.com, *.a.example.com, not for api.example.com.",
        ),
    ],
)
def test_a_certificate_that_will_not_do(
    account: Account, cli: Cli, trained: Path, certificate: dict[str, Any], detail: str
) -> None:
    (trained / "mlctl.toml").write_text(DOMAIN, encoding="utf-8")
    account.answer("acm", "DescribeCertificate", {"Certificate": certificate})
    assert one(cli, "certificate", 5)["detail"] == detail


@pytest.mark.parametrize("names", [["api.example.com"], ["example.com", "*.example.com"], ["API.Example.com"]])
def test_a_certificate_that_covers_the_name(account: Account, cli: Cli, trained: Path, names: list[str]) -> None:
    (trained / "mlctl.toml").write_text(DOMAIN, encoding="utf-8")
    told = {"Status": "ISSUED", "DomainName": names[0], "SubjectAlternativeNames": names}
    account.answer("acm", "DescribeCertificate", {"Certificate": told})
    assert one(cli, "certificate", 0)["detail"] == "issued for api.example.com"


def test_a_certificate_that_is_not_there(account: Account, cli: Cli, trained: Path) -> None:
    (trained / "mlctl.toml").write_text(DOMAIN, encoding="utf-8")
    assert "the certificate of [deploy] domain cannot be used" in one(cli, "certificate", 5)["detail"]
    (trained / "mlctl.toml").write_text(DOMAIN.replace("acm:eu-west-1", "acm:us-east-1"), encoding="utf-8")
    assert one(cli, "certificate", 5)["detail"] == "The certificate is in us-east-1, the stage in eu-west-1."


def statement(principal: Any, action: Any = "sts:AssumeRole", effect: str = "Allow") -> dict[str, Any]:
    return {"Effect": effect, "Principal": principal, "Action": action}


@pytest.mark.parametrize(
    ("trust", "passes"),
    [
        (statement({"Service": "lambda.amazonaws.com"}), True),
        ([statement({"Service": ["edgelambda.amazonaws.com", "lambda.amazonaws.com"]}, ["sts:AssumeRole"])], True),
        (statement({"Service": "ec2.amazonaws.com"}), False),
        (statement({"Service": "lambda.amazonaws.com"}, effect="Deny"), False),
        (statement({"Service": "lambda.amazonaws.com"}, "sts:TagSession"), False),
        (statement("*"), False),
    ],
)
def test_a_role_of_ones_own(account: Account, cli: Cli, trained: Path, trust: Any, passes: bool) -> None:
    (trained / "mlctl.toml").write_text(f'[deploy]\nrole = "arn:aws:iam::{ACCOUNT}:role/serving"\n', encoding="utf-8")
    assert one(cli, "role", 5)["detail"] == "There is no role 'serving'."
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    account.cloud.aws.iam.create_role(RoleName="serving", AssumeRolePolicyDocument=document)
    if passes:
        assert one(cli, "role", 0)["detail"] == "serving is there and trusts Lambda"
    else:
        assert one(cli, "role", 5)["detail"] == "The role 'serving' does not trust Lambda."


def test_a_role_at_another_path_or_of_another_account(account: Account, cli: Cli, trained: Path) -> None:
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement({"Service": "lambda.amazonaws.com"})]})
    account.cloud.aws.iam.create_role(RoleName="serving", Path="/team/", AssumeRolePolicyDocument=trust)
    (trained / "mlctl.toml").write_text(f'[deploy]\nrole = "arn:aws:iam::{ACCOUNT}:role/serving"\n', encoding="utf-8")
    assert f"arn:aws:iam::{ACCOUNT}:role/team/serving, not" in one(cli, "role", 5)["detail"]
    (trained / "mlctl.toml").write_text('[deploy]\nrole = "arn:aws:iam::999999999999:role/serving"\n', encoding="utf-8")
    assert "belongs to account 999999999999" in one(cli, "role", 5)["detail"]


def test_actions_of_alarms(account: Account, cli: Cli, trained: Path) -> None:
    def settle(*actions: str) -> None:
        text = f"[deploy.alarms]\nerrors = 1\nactions = {json.dumps(actions)}\n"
        (trained / "mlctl.toml").write_text(text, encoding="utf-8")

    topic = f"arn:aws:sns:eu-west-1:{ACCOUNT}:pager"
    settle(topic)
    assert one(cli, "alarm actions", 0)["detail"] == "1 well-formed"
    settle(topic, f"arn:aws:sns:us-east-1:{ACCOUNT}:pager", "arn:aws:s3:::bucket")
    check = one(cli, "alarm actions", 2)
    assert check["detail"] == (
        f"arn:aws:sns:us-east-1:{ACCOUNT}:pager is in us-east-1, the alarm in eu-west-1; "
        "arn:aws:s3:::bucket is no action of an alarm."
    )


def test_without_a_model_version_the_account_is_looked_at_all_the_same(
    account: Account, cli: Cli, trained: Path
) -> None:
    (trained / "mlctl.toml").write_text('project = "other"\n', encoding="utf-8")
    result = cli("doctor", *PROD, "--json")
    assert result.code == 6
    assert result.json["error"]["code"] == "no_version"
    assert states(result)["gates"] == states(result)["package"] == "skipped"
    assert (states(result)["model version"], states(result)["account limits"]) == ("failed", "ok")


def test_a_version_that_was_changed_on_disk(account: Account, cli: Cli, trained: Path) -> None:
    (schema,) = trained.glob("artifacts/iris/*/schema.json")
    schema.write_bytes(schema.read_bytes() + b" ")
    assert "schema.json in model version" in one(cli, "model version", 4)["detail"]


def test_a_missed_gate(account: Account, cli: Cli, trained: Path) -> None:
    (trained / "mlctl.toml").write_text("[gates]\naccuracy = 0.99\n", encoding="utf-8")
    assert "misses its gates: accuracy 0.9000 is below 0.99." in one(cli, "gates", 4)["detail"]
    (trained / "mlctl.toml").write_text("[gates]\naccuracy = 0.8\n", encoding="utf-8")
    assert one(cli, "gates", 0)["detail"] == "passed: accuracy 0.9000"


def test_a_package_that_is_too_large(
    account: Account, cli: Cli, iris_package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert one(cli, "package", 0)["detail"].endswith("uploaded directly; answers as scikit-learn does")
    monkeypatch.setattr("mlctl.core.doctor.DIRECT_BYTES", len(iris_package.zip) - 1)
    assert "uploaded through a bucket" in one(cli, "package", 0)["detail"]
    monkeypatch.setattr("mlctl.core.shared.release_package.UNZIPPED_BYTES", 1000)
    assert one(cli, "package", 3)["detail"].endswith("the limit of Lambda is 0 MB.")
    assert UNZIPPED_BYTES == 262_144_000


def test_settings_that_are_wrong_leave_nothing_to_look_at(account: Account, cli: Cli, trained: Path) -> None:
    (trained / "mlctl.toml").write_text("[deploy]\nmemory = 1\n", encoding="utf-8")
    account.cloud.begin()
    result = cli("doctor", *PROD, "--json")
    assert (result.code, result.json["error"]["code"]) == (2, "settings_invalid")
    assert {state for name, state in states(result).items() if name != "settings"} == {"skipped"}
    assert account.cloud.calls == []


def test_a_stage_that_the_settings_do_not_know(account: Account, cli: Cli, trained: Path) -> None:
    (trained / "mlctl.toml").write_text("[stage.production]\nmemory = 512\n", encoding="utf-8")
    result = cli("doctor", "--stage", "prodution", "--json")
    assert result.code == 0
    assert found(result)["settings"]["detail"] == (
        "There is no table [stage.prodution], so only [deploy] applies. Did you mean 'production'?"
    )
    assert states(result)["settings"] == "warning"


def test_no_region(trained: Path, cli: Cli, iris_package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    no_account(monkeypatch)
    monkeypatch.setattr("mlctl.packaging.build.build_package", lambda *_, **__: iris_package)
    (trained / "mlctl.toml").write_text(DOMAIN, encoding="utf-8")
    result = cli("doctor", *PROD, "--json")
    assert (result.code, result.json["error"]["code"]) == (5, "aws_no_region")
    assert states(result)["credentials"] == states(result)["certificate"] == "skipped"
    assert "role" not in states(result)


def test_no_credentials(trained: Path, cli: Cli, iris_package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    no_account(monkeypatch)
    monkeypatch.setattr("mlctl.packaging.build.build_package", lambda *_, **__: iris_package)
    monkeypatch.setenv("MLCTL_DEPLOY__REGION", "eu-west-1")
    result = cli("doctor", *PROD, "--json")
    assert (result.code, result.json["error"]["code"]) == (5, "aws_no_credentials")
    assert states(result)["region"] == "ok"
    assert [name for name, state in states(result).items() if state == "skipped"] == [
        "reads",
        "permissions",
        "names",
        "account limits",
    ]


def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither files with credentials nor a machine that would give some."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_on_stage_local_the_emulator_is_asked(account: Account, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLCTL_LOCAL_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setattr("mlctl.stages.Aws.emulated", lambda *_, **__: account.cloud.aws)
    result = cli("doctor", "--json")
    assert (result.code, result.json["stage"]) == (0, "local")
    assert found(result)["region"]["detail"] == "eu-west-1, emulated at http://127.0.0.1:1"
    assert found(result)["permissions"]["state"] == "skipped"
    assert found(result)["names"]["detail"] == "iris-local is free"
    assert account.asked == []


def test_an_account_that_does_not_answer_is_one_finding(
    account: Account, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://lambda.eu-west-1.amazonaws.com")

    account.cloud.aws.lambda_.meta.events.register("before-call.lambda.ListVersionsByFunction", broken)
    result = cli("doctor", *PROD, "--json")
    assert (result.code, result.json["error"]["code"]) == (5, "aws_unreachable")
    assert states(result)["names"] == "skipped"


# The policy


def test_the_policy_of_an_account_that_is_known(account: Account, cli: Cli) -> None:
    account.cloud.begin()
    result = cli("doctor", "--policy", *PROD)
    assert (result.code, result.err) == (0, "")
    assert result.json == policy(Names("iris", "prod"), PLACE, DeploySettings())
    assert result.out.startswith('{\n  "Version": "2012-10-17",')
    assert set(account.cloud.calls.names) <= {"GetCallerIdentity"}


def test_the_policy_without_credentials(trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    no_account(monkeypatch)
    monkeypatch.setenv("MLCTL_DEPLOY__REGION", "cn-north-1")
    result = cli("doctor", "--policy", *PROD, "--json")
    assert result.code == 0
    assert result.err == "Fill in ACCOUNT_ID: the credentials and settings do not contain this information.\n"
    assert len(result.out.splitlines()) == 1
    function = next(each for each in result.json["Statement"] if each["Sid"] == "Function")
    assert function["Resource"][0] == "arn:aws-cn:lambda:cn-north-1:ACCOUNT_ID:function:iris-prod"


def test_the_policy_without_anything(trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    no_account(monkeypatch)
    result = cli("doctor", "--policy", *PROD)
    assert result.code == 0
    assert (
        result.err == "Fill in ACCOUNT_ID and REGION: the credentials and settings do not contain this information.\n"
    )
    assert "arn:aws:lambda:REGION:ACCOUNT_ID:function:iris-prod" in result.out


def test_a_profile_that_does_not_exist_leaves_the_policy_open(
    trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_account(monkeypatch)
    (trained / "mlctl.toml").write_text('[deploy]\nprofile = "nobody"\nregion = "eu-west-1"\n', encoding="utf-8")
    result = cli("doctor", "--policy", *PROD)
    assert (result.code, result.err) == (
        0,
        "Fill in ACCOUNT_ID: the credentials and settings do not contain this information.\n",
    )


def test_the_account_is_told_without_a_region_too(account: Account, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []

    def connect(*, region: str | None, profile: str | None) -> Aws:
        asked.append(region)
        if region is None:
            raise MlctlError("No region.", code="aws_no_region", exit_code=ExitCode.AWS)
        return account.cloud.aws

    # Undone before the cloud, which has its own in this place, is left.
    with monkeypatch.context() as patched:
        patched.setattr("mlctl.aws.client.session.Aws.connect", connect)
        result = cli("doctor", "--policy", *PROD)
    assert result.err == "Fill in REGION: the credentials and settings do not contain this information.\n"
    assert f"arn:aws:lambda:REGION:{ACCOUNT}:function:iris-prod" in result.out
    assert asked == [None, "us-east-1"]


def test_the_policy_of_all_stages_starts_no_emulator(account: Account, cli: Cli, trained: Path) -> None:
    result = cli("doctor", "--policy")
    assert result.code == 0
    assert result.err == "This policy is for every stage of 'iris' on AWS; --stage NAME limits it to one.\n"
    assert f"arn:aws:iam::{ACCOUNT}:role/iris-*-lambda" in result.out
    assert not (trained / ".mlctl" / "local").exists()


def test_the_policy_of_wrong_settings_is_none(trained: Path, cli: Cli) -> None:
    (trained / "mlctl.toml").write_text("[deploy]\nmemory = 1\n", encoding="utf-8")
    result = cli("doctor", "--policy", "--json")
    assert (result.code, result.json["error"]["code"]) == (2, "settings_invalid")


def test_names_of_certificates() -> None:
    assert preflight._covers("*.example.com", "*.example.com")
    assert not preflight._covers("*.example.com", "a.b.example.com")
    assert not preflight._covers("*.example.com", "example.com")
    assert not preflight._covers("*.com", "example.org")


def test_the_fixture_refuses_as_aws_does(account: Account) -> None:
    account.refuse("iam", "GetRole")
    with pytest.raises(ClientError, match="AccessDenied"):
        account.cloud.aws.iam.get_role(RoleName="x")
