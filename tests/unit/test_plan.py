"""The plan is pure: desired and actual state in, steps out."""

from dataclasses import replace

from mlctl.aws.names import Names, ReleaseText
from mlctl.aws.plan import (
    Actual,
    ApiState,
    Desired,
    FunctionConfig,
    FunctionState,
    LogGroupState,
    ReleaseState,
    RoleState,
    Throttling,
    alias_arn,
    plan,
    source_arn,
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
DESIRED = Desired(
    names=Names("iris", "prod"),
    account="1",
    partition="aws",
    region="eu-west-1",
    config=CONFIG,
    release=TEXT,
    code_sha256="sha",
    retention_days=14,
    throttling=Throttling(50, 100),
    policy="{}",
    trust="{}",
)
DONE = Actual(
    role=RoleState(policy="{}", trust="{}", ours=True),
    log_group=LogGroupState(14),
    function=FunctionState(config=CONFIG, code_sha256="sha", ours=True),
    releases=(ReleaseState("1", CONFIG, TEXT),),
    live="1",
    api=ApiState(
        "api", "https://x", "int", alias_arn(DESIRED), "route", "integrations/int", True, Throttling(50.0, 100)
    ),
    allowed_source=source_arn(DESIRED, "api"),
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


def test_another_maker_of_the_same_release_is_no_change() -> None:
    assert not plan(replace(DESIRED, release=replace(TEXT, by="bob")), DONE).changed


def test_other_settings_are_a_new_release_and_shown_field_by_field() -> None:
    other = replace(DESIRED, config=replace(CONFIG, memory=512, timeout=5))
    assert actions(other, DONE)["release"] == "create"
    assert changes(other, DONE) == ["memory: 256 → 512", "timeout: 10 → 5", "release: 1 → the new release"]


def test_going_back_to_an_older_release_publishes_nothing_but_verifies() -> None:
    newer = ReleaseState("2", CONFIG, replace(TEXT, model="c" * 64))
    found = actions(DESIRED, replace(DONE, releases=(*DONE.releases, newer), live="2"))
    assert (found["function"], found["release"], found["golden examples"], found["alias"]) == (
        "unchanged",
        "unchanged",
        "verify",
        "update",
    )


def test_a_deploy_that_was_cut_off_goes_on_where_it_stopped() -> None:
    published = replace(DONE, live=None, api=None, allowed_source=None)
    found = actions(DESIRED, published)
    assert (found["release"], found["golden examples"], found["alias"], found["api"], found["permission"]) == (
        "unchanged",
        "verify",
        "create",
        "create",
        "create",
    )
    assert DONE.api is not None
    half = replace(DONE, api=replace(DONE.api, route_id=None, route_target=None, has_stage=False))
    assert changes(DESIRED, half) == ["route: $default", "stage: $default"]


def test_each_field_that_drifted_is_put_right() -> None:
    assert DONE.role is not None
    assert DONE.api is not None
    assert changes(DESIRED, replace(DONE, log_group=LogGroupState(None))) == ["retention: None → 14"]
    assert actions(DESIRED, replace(DONE, role=replace(DONE.role, policy=None)))["role"] == "update"
    assert actions(DESIRED, replace(DONE, role=replace(DONE.role, trust="x")))["role"] == "update"
    assert actions(DESIRED, replace(DONE, allowed_source="*"))["permission"] == "update"
    assert actions(DESIRED, replace(DONE, api=replace(DONE.api, integration_uri="x")))["api"] == "update"
    assert changes(DESIRED, replace(DONE, api=replace(DONE.api, throttling=None)))[0].startswith("throttling")


def test_a_version_that_somebody_else_published_is_not_taken_for_ours() -> None:
    foreign = replace(DONE, releases=(ReleaseState("1", CONFIG, None),))
    assert actions(DESIRED, foreign)["release"] == "create"


def test_a_description_is_read_back_and_fits() -> None:
    text = ReleaseText(model="a" * 64, package="b" * 64, by="someone@example.com")
    assert ReleaseText.from_description(text.to_description()) == text
    assert len(replace(text, by="x" * 300).to_description()) == 256
    assert ReleaseText.from_description("made by hand") is None
