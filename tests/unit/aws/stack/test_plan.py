"""The plan is pure: desired and actual state in, steps out."""

from dataclasses import replace
from typing import Any

import pytest

from mlctl.aws.stack.names import AliasText, CanaryText, Names, ReleaseText
from mlctl.aws.stack.plan import Step, drift, plan, resumed
from mlctl.aws.stack.state import (
    Actual,
    Alarm,
    AliasState,
    ApiConfig,
    ApiState,
    Canary,
    Cors,
    Desired,
    Domain,
    DomainState,
    FunctionConfig,
    FunctionState,
    Jwt,
    LogGroupState,
    ReleaseState,
    RoleConfig,
    RoleState,
    RouteState,
    Throttling,
)

CONFIG = FunctionConfig(
    runtime="python3.12",
    architecture="arm64",
    handler="handler.app.lambda_handler",
    memory=256,
    timeout=10,
    role="arn:aws:iam::1:role/iris-prod-lambda",
    log_group="/aws/lambda/iris-prod",
)
TEXT = ReleaseText(model="a" * 64, package="b" * 64, by="ana")
ALIAS_ARN = "arn:aws:lambda:eu-west-1:1:function:iris-prod:live"
API = ApiConfig(integration=ALIAS_ARN, auth="none", jwt=None, throttling=Throttling(50, 100), cors=None)
ROLE = RoleConfig(policies={"logs": "{}"}, trust="{}")
CORS = Cors(("https://a.example",), ("GET", "POST"), ("content-type",), (), 300, credentials=False)
JWT = Jwt("https://issuer.example", ("iris",))
DESIRED = Desired(
    names=Names("iris", "prod"),
    account="1",
    partition="aws",
    region="eu-west-1",
    config=CONFIG,
    release=TEXT,
    code_sha256="sha",
    retention_days=14,
    role=ROLE,
    api=API,
)
ROUTE = RouteState("route", "integrations/int", "NONE", None)
API_STATE = ApiState("api", "https://x", API, integration_id="int", routes={"$default": ROUTE}, has_stage=True)
DONE = Actual(
    role=RoleState(ROLE, ours=True),
    log_group=LogGroupState(14),
    function=FunctionState(CONFIG, "sha", ours=True, tags=dict(DESIRED.names.tags)),
    releases=(ReleaseState("1", CONFIG, TEXT),),
    alias=AliasState("1", AliasText(verified=frozenset({"1"}))),
    api=API_STATE,
    allowed_source=DESIRED.source_arn("api"),
)
OTHER = replace(TEXT, model="c" * 64)


def with_release(
    number: str, *, text: ReleaseText | None = OTHER, config: FunctionConfig = CONFIG, **alias: Any
) -> Actual:
    """DONE with one more release, and the alias as told."""
    return replace(
        DONE,
        releases=(*DONE.releases, ReleaseState(number, config, text)),
        alias=replace(DONE.alias, **alias) if DONE.alias and alias else DONE.alias,
    )


def actions(desired: Desired, actual: Actual) -> dict[str, str]:
    return {step.resource: step.action for step in plan(desired, actual).steps}


def changes(desired: Desired, actual: Actual) -> list[str]:
    return [change for step in plan(desired, actual).steps for change in step.changes]


def test_a_first_deploy_creates_everything_and_verifies_before_the_alias() -> None:
    steps = plan(DESIRED, Actual()).steps
    assert [(step.action, step.resource) for step in steps] == [
        ("create", "role"),
        ("create", "log group"),
        ("create", "function"),
        ("create", "release"),
        ("verify", "golden examples"),
        ("create", "alias"),
        ("create", "api"),
        ("create", "permission"),
    ]


def test_nothing_to_do_is_no_change() -> None:
    done = plan(DESIRED, DONE)
    assert not done.changed
    assert {step.action for step in done.steps} == {"unchanged"}


def test_another_model_is_a_new_release() -> None:
    other = replace(DESIRED, release=replace(TEXT, model="c" * 64), code_sha256="other")
    found = actions(other, DONE)
    assert found == {
        "role": "unchanged",
        "log group": "unchanged",
        "function": "update",
        "release": "create",
        "golden examples": "verify",
        "alias": "update",
        "api": "unchanged",
        "permission": "unchanged",
    }
    assert changes(other, DONE) == ["code", "release: 1 → the new release"]
    assert not any(step.shared for step in plan(other, DONE).steps)


def test_another_maker_of_the_same_release_is_no_change() -> None:
    assert not plan(replace(DESIRED, release=replace(TEXT, by="bob")), DONE).changed


def test_other_settings_are_a_new_release_and_shown_field_by_field() -> None:
    other = replace(DESIRED, config=replace(CONFIG, memory=512, timeout=5))
    assert actions(other, DONE)["release"] == "create"
    assert changes(other, DONE) == ["memory: 256 → 512", "timeout: 10 → 5", "release: 1 → the new release"]


def test_going_back_to_an_older_release_publishes_nothing_but_verifies() -> None:
    found = actions(DESIRED, with_release("2", release="2"))
    assert (found["function"], found["release"], found["golden examples"], found["alias"]) == (
        "unchanged",
        "unchanged",
        "verify",
        "update",
    )


def test_a_deploy_that_was_cut_off_goes_on_where_it_stopped() -> None:
    published = replace(DONE, alias=None, api=None, allowed_source=None)
    found = actions(DESIRED, published)
    assert (found["release"], found["golden examples"], found["alias"], found["api"], found["permission"]) == (
        "unchanged",
        "verify",
        "create",
        "create",
        "create",
    )
    half = replace(DONE, api=replace(API_STATE, routes={}, has_stage=False))
    assert changes(DESIRED, half) == ["route $default: made", "stage $default: made"]


def role(**config: Any) -> Actual:
    return replace(DONE, role=RoleState(replace(ROLE, **config), ours=True))


def api(**config: Any) -> Actual:
    return replace(DONE, api=replace(API_STATE, config=replace(API, **config)))


@pytest.mark.parametrize(
    ("actual", "resource", "told"),
    [
        (replace(DONE, log_group=LogGroupState(None)), "log group", "retention: for ever → 14 days"),
        (role(policies={}), "role", "policy logs: none → may write to its own log group only"),
        (
            role(policies={"logs": "wide"}),
            "role policy",
            "policy logs: another document → may write to its own log group only",
        ),
        (
            role(policies={"logs": "{}", "tracing": "{}"}),
            "role policy",
            "policy tracing: may send traces to X-Ray → none",
        ),
        (role(trust="anybody"), "role policy", "trust: another document → Lambda only"),
        (role(boundary="arn:b"), "role policy", "permissions boundary: arn:b → none"),
        (replace(DONE, allowed_source="*"), "permission", "source: another one → this API"),
        (api(integration="x"), "api", f"integration: x → {ALIAS_ARN}"),
        (api(auth="iam"), "api", "auth: iam → none"),
        (api(auth="jwt", jwt=JWT), "api", "jwt: https://issuer.example for iris → none"),
        (api(cors=CORS), "api", "cors: GET POST from https://a.example → none"),
        (api(throttling=Throttling(1, 2)), "api", "throttling: 1 a second, 2 at once → 50 a second, 100 at once"),
        (replace(DONE, other_apis=("twin",)), "api", "duplicate, left by an interrupted deploy"),
        (
            replace(DONE, function=replace(DONE.function, reserved=5)) if DONE.function else DONE,
            "reserved concurrency",
            "executions at once: 5 → none",
        ),
        (
            replace(DONE, function=replace(DONE.function, tags={})) if DONE.function else DONE,
            "tags",
            "mlctl:project: none → iris",
        ),
        (
            replace(DONE, releases=(replace(DONE.releases[0], provisioned=2),)),
            "provisioned concurrency",
            "environments: 2 → none",
        ),
    ],
)
def test_each_drifted_field_is_corrected_and_shown(actual: Actual, resource: str, told: str) -> None:
    changing = [step for step in plan(DESIRED, actual).steps if step.action != "unchanged"]
    assert [step.resource for step in changing] == [resource]
    assert told in changing[0].changes
    assert f"{resource}: {told}" in drift(DESIRED, actual)
    assert drift(DESIRED, DONE) == ()


def step(desired: Desired, actual: Actual, resource: str) -> Step:
    (found,) = (each for each in plan(desired, actual).steps if each.resource == resource)
    return found


def test_what_acts_on_the_live_release_at_once_is_marked_shared_and_comes_after_the_alias() -> None:
    alarm = Alarm("iris-prod-errors", "Errors", "Sum", 1.0)
    wanted = replace(
        DESIRED,
        release=OTHER,
        role=replace(ROLE, policies={"logs": "new"}, boundary="arn:b"),
        api=replace(API, auth="iam"),
        reserved=5,
        domain=Domain("a.example", "arn:c"),
        alarms=(alarm,),
    )
    steps = plan(wanted, replace(DONE, allowed_source="*")).steps
    names = [each.resource for each in steps]
    shared = {each.resource for each in steps if each.shared}
    assert shared == {"role policy", "reserved concurrency", "api", "permission", "domain"}
    # More room for requests at once is there before any of it is provisioned; all else waits for the alias.
    after = shared - {"reserved concurrency"}
    assert all(names.index(resource) > names.index("alias") > names.index("golden examples") for resource in after)
    assert names.index("golden examples") < names.index("reserved concurrency") < names.index("alias")
    # Of a first deploy nothing is live that it could act on.
    assert not any(each.shared for each in plan(wanted, Actual()).steps)


def test_more_rights_come_before_the_function_that_needs_them() -> None:
    wanted = replace(
        DESIRED, role=replace(ROLE, policies={"logs": "{}", "vpc": "v"}), config=replace(CONFIG, subnets=("s",))
    )
    names = [each.resource for each in plan(wanted, DONE).steps if each.action != "unchanged"]
    assert names[:2] == ["role", "function"]


def test_rights_that_a_release_to_go_back_to_needs_are_kept() -> None:
    in_vpc = replace(CONFIG, subnets=("s",))
    had = replace(role(policies={"logs": "{}", "vpc": "v"}), releases=(ReleaseState("1", CONFIG, TEXT),))
    assert step(DESIRED, had, "role policy").changes == ("policy vpc: may use network interfaces → none",)
    older = replace(had, releases=(ReleaseState("0", in_vpc, OTHER), *had.releases))
    assert not any(each.resource == "role policy" for each in plan(DESIRED, older).steps)


def test_a_role_of_the_users_own_is_left_alone() -> None:
    config = replace(CONFIG, role="arn:aws:iam::1:role/mine")
    wanted = replace(DESIRED, role=None, config=config)
    steps = [each for each in plan(wanted, Actual()).steps if each.resource.startswith("role")]
    assert steps == [Step("unchanged", "role", "mine")]


def test_the_values_of_variables_are_not_shown() -> None:
    before = (
        replace(DONE, function=replace(DONE.function, config=replace(CONFIG, environment={"A1": "x", "B1": "y"})))
        if DONE.function
        else DONE
    )
    wanted = replace(DESIRED, config=replace(CONFIG, environment={"B1": "secret", "C1": "z"}))
    assert changes(wanted, before)[:3] == [
        "environment: A1 goes",
        "environment: B1 changes",
        "environment: C1 is new",
    ]


def test_a_browser_may_ask_what_it_may_where_the_api_is_closed() -> None:
    closed = replace(DESIRED, api=replace(API, auth="iam", cors=CORS))
    assert "route OPTIONS /{proxy+}: made" in step(closed, DONE, "api").changes
    preflight = {"$default": ROUTE, "OPTIONS /{proxy+}": ROUTE}
    opened = replace(DONE, api=replace(API_STATE, routes=preflight))
    assert step(DESIRED, opened, "api").changes == ("route OPTIONS /{proxy+}: goes",)


def test_provisioned_concurrency_is_ready_on_the_release_before_it_serves() -> None:
    served = replace(DONE, releases=(replace(DONE.releases[0], provisioned=2),))
    steps = plan(replace(DESIRED, release=OTHER, provisioned=3), served).steps
    told = [(each.action, each.resource, each.name) for each in steps if each.action != "unchanged"]
    assert told[-3:] == [
        ("create", "provisioned concurrency", "the new release"),
        ("update", "alias", "live"),
        ("delete", "provisioned concurrency", "release 1"),
    ]


def test_a_domain_is_made_mapped_again_and_deleted() -> None:
    wanted = replace(DESIRED, domain=Domain("a.example", "arn:c"))
    there = replace(DONE, domains=(DomainState(Domain("a.example", "arn:c"), ours=True, api_id="api"),))
    assert step(wanted, DONE, "domain").action == "create"
    assert step(wanted, there, "domain").action == "unchanged"
    elsewhere = replace(DONE, domains=(DomainState(Domain("a.example", "arn:old"), ours=True, api_id="gone"),))
    assert step(wanted, elsewhere, "domain").changes == ("certificate: arn:old → arn:c", "mapping: API gone → this API")
    assert step(DESIRED, there, "domain").action == "delete"


def test_alarms_are_made_changed_and_deleted() -> None:
    errors = Alarm("iris-prod-errors", "Errors", "Sum", 1.0)
    wanted = replace(DESIRED, alarms=(errors,))
    assert step(wanted, DONE, "alarm").action == "create"
    assert step(wanted, replace(DONE, alarms=(errors,)), "alarm").action == "unchanged"
    louder = replace(DONE, alarms=(replace(errors, threshold=5.0),))
    assert step(wanted, louder, "alarm").changes == ("threshold: 5.0 → 1.0",)
    assert step(DESIRED, louder, "alarm").action == "delete"


def test_a_large_package_needs_a_bucket_and_a_small_one_none() -> None:
    large = replace(DESIRED, release=OTHER, through_bucket=True)
    assert step(large, DONE, "bucket").action == "create"
    assert step(large, replace(DONE, bucket_exists=True, bucket_is_whole=True), "bucket").action == "unchanged"
    # One whose making was cut off lacks what protects it.
    assert step(large, replace(DONE, bucket_exists=True), "bucket").action == "update"
    assert not any(each.resource == "bucket" for each in plan(replace(DESIRED, release=OTHER), DONE).steps)


def test_old_releases_go_but_never_live_previous_or_a_canary() -> None:
    releases = tuple(ReleaseState(str(number), CONFIG, OTHER) for number in range(1, 7))
    actual = replace(
        DONE, releases=releases, alias=AliasState("2", AliasText(previous="1", verified=frozenset("123456")))
    )
    wanted = replace(DESIRED, keep_releases=3)
    # One is made, so two of the six stay, and 2: it is the one to go back to.
    doomed = [each.name for each in plan(wanted, actual).steps if (each.action, each.resource) == ("delete", "release")]
    assert doomed == ["1", "3", "4"]
    going_back = replace(DESIRED, release=OTHER, keep_releases=2)
    doomed = [
        each.name for each in plan(going_back, actual).steps if (each.action, each.resource) == ("delete", "release")
    ]
    assert doomed == ["1", "3", "4"]
    foreign = replace(actual, releases=tuple(replace(each, text=None) for each in releases))
    assert not any((each.action, each.resource) == ("delete", "release") for each in plan(wanted, foreign).steps)


CANARY = CanaryText("2", percent=10, since=0, bake=300)


def test_a_canary_is_planned_and_one_that_was_cut_off_goes_on() -> None:
    wanted = replace(DESIRED, release=OTHER, canary=Canary(10, 300))
    assert step(wanted, DONE, "alias").changes == (
        "release: 1 → the new release",
        "canary: 10 % for 300 s first",
    )
    text = AliasText(verified=frozenset({"1", "2"}), canary=CANARY)
    cut_off = replace(with_release("2"), alias=AliasState("1", text, weights={"2": 0.1}))
    assert resumed(replace(DESIRED, release=OTHER), cut_off)
    assert "its canary goes on where it was cut off" in step(replace(DESIRED, release=OTHER), cut_off, "alias").changes


def test_a_canary_of_another_release_is_taken_back_first() -> None:
    text = AliasText(verified=frozenset({"1", "2"}), canary=CANARY)
    cut_off = replace(with_release("2"), alias=AliasState("1", text, weights={"2": 0.1}))
    first = plan(replace(DESIRED, release=replace(TEXT, model="d" * 64)), cut_off).steps[0]
    assert first == Step("delete", "canary", "release 2", ("traffic: 10% → none",), shared=True)
    # Also when the live release is the one that is wanted.
    assert plan(DESIRED, cut_off).steps[0].resource == "canary"


def test_a_live_release_that_is_not_verified_is_verified() -> None:
    by_hand = replace(DONE, alias=AliasState("1"))
    assert actions(DESIRED, by_hand)["golden examples"] == "verify"
    assert changes(DESIRED, by_hand) == ["release 1: unverified → verified"]


def test_a_version_that_somebody_else_published_is_not_taken_for_ours() -> None:
    foreign = replace(DONE, releases=(ReleaseState("1", CONFIG, None),))
    assert actions(DESIRED, foreign)["release"] == "create"


def test_a_description_is_read_back_and_fits() -> None:
    text = ReleaseText(model="a" * 64, package="b" * 64, by="someone@example.com")
    assert ReleaseText.from_description(text.to_description()) == text
    assert len(replace(text, by="x" * 300).to_description()) == 256
    assert ReleaseText.from_description("made by hand") is None


def test_the_text_of_the_alias_is_read_back_and_fits() -> None:
    text = AliasText("6", frozenset({"1", "2", "3", "5", "7"}), CanaryText("8", 10, 1_764_000_000, 300))
    described = "mlctl previous=6 canary=8 percent=10 since=1764000000 bake=300 verified=1-3,5,7"
    assert text.to_description() == described
    assert AliasText.from_description(described) == text
    assert AliasText.from_description(AliasText().to_description()) == AliasText()
    for strange in ("", "by hand", "mlctl canary=8", "mlctl verified=x", "mlctl verified=1-"):
        assert AliasText.from_description(strange).canary is None
    many = AliasText(verified=frozenset(str(number) for number in range(1000, 1400, 2)))
    assert len(many.to_description()) <= 256
    # The newest are the ones to go back to.
    assert {"1398", "1396"} <= AliasText.from_description(many.to_description()).verified


def test_cors_is_told_field_by_field() -> None:
    wanted = replace(DESIRED, api=replace(API, cors=replace(CORS, max_age=60, credentials=True)))
    assert step(wanted, api(cors=CORS), "api").changes == ("cors max_age: 300 → 60", "cors credentials: off → on")


def test_less_reserved_concurrency_waits_until_the_other_release_has_given_its_own_back() -> None:
    function = replace(DONE.function, reserved=20) if DONE.function else None
    served = replace(DONE, function=function, releases=(replace(DONE.releases[0], provisioned=8),))
    steps = plan(replace(DESIRED, release=OTHER, reserved=10, provisioned=2), served).steps
    resources = [each.resource for each in steps if each.action != "unchanged"]
    assert resources[-2:] == ["provisioned concurrency", "reserved concurrency"]


def test_a_function_whose_last_update_failed_is_updated_again() -> None:
    failed = replace(DONE, function=replace(DONE.function, failure="no such subnet")) if DONE.function else DONE
    assert step(replace(DESIRED, release=OTHER), failed, "function").changes == ("the last update: failed → again",)


def test_a_release_that_failed_is_not_taken_up_again() -> None:
    failed = replace(with_release("2"), releases=(*DONE.releases, ReleaseState("2", CONFIG, OTHER, has_failed=True)))
    assert actions(replace(DESIRED, release=OTHER), failed)["release"] == "create"


@pytest.mark.parametrize(
    "verified", ["1-9999999999", "1-" + "9" * 200, "-".join(["9" * 30] * 2) + ",1-100000", ",".join(["1-99999"] * 3)]
)
def test_a_description_that_lists_more_releases_than_there_can_be_is_not_ours(verified: str) -> None:
    assert AliasText.from_description(f"mlctl verified={verified}") == AliasText()
    assert AliasText.from_description("mlctl previous=2 verified=1-3,7").verified == {"1", "2", "3", "7"}
