"""`mlctl releases`: what stands in versions and alias, as a list."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mlctl.aws.live import resources
from mlctl.aws.stack.names import AliasText, CanaryText, ReleaseText
from mlctl.aws.stack.state import AliasState, FunctionConfig, ReleaseState
from mlctl.core import releases
from mlctl.core.shared.canary_status import ActiveCanary, canary_of, published, to_minute
from mlctl.settings import load
from tests.conftest import Cli

if TYPE_CHECKING:
    from mlctl.progress import Event

CONFIG = FunctionConfig("python3.13", "arm64", "handler.app.lambda_handler", 256, 10, "role", "group")
NOON = int(datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp())
MODEL, PACKAGE = "ab" * 32, "cd" * 32


def release(number: str, created: str = "2026-03-01T09:30:15.000+0000", by: str | None = "ana") -> ReleaseState:
    text = ReleaseText(model=MODEL, package=PACKAGE, by=by) if by else None
    return ReleaseState(number, CONFIG, text, created)


class Nothing:
    """AWS, which the test answers for."""


@pytest.fixture
def on_aws(project: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts releases and an alias on stage prod."""

    def put(found: tuple[ReleaseState, ...], alias: AliasState | None) -> None:
        monkeypatch.setattr("mlctl.stages.Aws.connect", lambda **_: Nothing())
        monkeypatch.setattr(resources, "releases", lambda aws, names: found)
        monkeypatch.setattr(resources, "alias", lambda aws, names: alias)

    return put


def row(number: str, by: str | None, **marks: bool) -> dict[str, Any]:
    """A release in the JSON form."""
    what = {"release": number, "version": MODEL, "created_at": "2026-03-01T09:30:15Z", "by": by, "package": PACKAGE}
    return {**what, "live": False, "canary": None, "previous": False, "verified": False, **marks}


def test_releases_are_listed_the_newest_first_with_what_they_are(on_aws: Any, cli: Cli) -> None:
    text = AliasText(previous="8", verified=frozenset({"8", "10"}))
    on_aws((release("8"), release("9", by=None), release("10", by="ci")), AliasState("10", text))
    listed = cli("releases", "--stage", "prod", "--json").json
    assert listed == [
        row("10", "ci", live=True, verified=True),
        {**row("9", None), "version": None, "package": None},
        row("8", "ana", previous=True, verified=True),
    ]
    result = cli("releases", "--stage", "prod")
    assert result.code == 0
    assert [line.split() for line in result.out.splitlines()] == [
        ["release", "model", "published", "(UTC)", "by"],
        ["10", MODEL[:12], "2026-03-01", "09:30", "ci", "live,", "verified"],
        ["9", "not", "by", "mlctl", "2026-03-01", "09:30"],
        ["8", MODEL[:12], "2026-03-01", "09:30", "ana", "previous,", "verified"],
    ]
    assert result.err == ""


@pytest.fixture
def with_canary(on_aws: Any) -> None:
    told = CanaryText("2", percent=10, since=NOON, bake=300)
    text = AliasText(previous=None, verified=frozenset({"1", "2"}), canary=told)
    on_aws((release("1"), release("2")), AliasState("1", text, {"2": 0.1}))


def warnings(project: Path, now: float) -> list[str]:
    told: list[Event] = []
    found = releases.run(project, load(project), "prod", told.append, now=lambda: now)
    assert found.canary == ActiveCanary("2", 10, NOON, 300)
    assert [each.canary for each in found.releases] == [10, None]
    assert {event.kind for event in told} == {"warning"}
    return [event.text for event in told]


def test_a_canary_that_nobody_watches_any_more_is_told_with_what_to_do(with_canary: None, project: Path) -> None:
    share = "Release 2 gets 10 % of the traffic since 2026-03-01 12:00 UTC, for 300 s"
    onward = f"`mlctl deploy {MODEL[:12]} --stage prod` continues it, `mlctl rollback --stage prod` ends it."
    assert warnings(project, NOON + 1000) == [f"{share}. The command that watched it was interrupted. {onward}"]
    # Its command may be at work somewhere.
    assert warnings(project, NOON + 10) == [f"{share}. If the command that watches it is interrupted: {onward}"]


def test_the_canary_is_told_on_stderr_and_marked_in_the_table(with_canary: None, cli: Cli) -> None:
    result = cli("releases", "--stage", "prod")
    assert "canary 10 %, verified" in result.out
    assert "! Release 2 gets 10 % of the traffic since" in result.err
    result = cli("releases", "--stage", "prod", "--json")
    assert [each["canary"] for each in result.json] == [10, None]
    assert "mlctl rollback --stage prod" in result.err


def test_weights_that_mlctl_did_not_set_are_told_too(on_aws: Any, cli: Cli) -> None:
    on_aws((release("1"), release("2", by=None)), AliasState("1", AliasText(), {"2": 0.25}))
    result = cli("releases", "--stage", "prod")
    assert "Release 2 gets 25 % of the traffic; mlctl has no record of the start. `mlctl deploy --stage" in result.err


def test_a_canary_is_what_has_traffic() -> None:
    left = AliasText(canary=CanaryText("2", 10, NOON, 300))
    assert canary_of(None) is None
    assert canary_of(AliasState("1", left)) is None
    # What the text tells of another release is not told of this one.
    assert canary_of(AliasState("1", left, {"3": 0.5})) == ActiveCanary("3", 50, None, None)


def test_releases_before_the_first_is_live(on_aws: Any, cli: Cli) -> None:
    on_aws((release("1"),), None)
    (only,) = cli("releases", "--stage", "prod", "--json").json
    assert (only["live"], only["verified"], only["previous"]) == (False, False, False)


def test_nothing_deployed_is_exit_6(on_aws: Any, cli: Cli) -> None:
    on_aws((), None)
    result = cli("releases", "--stage", "prod", "--json")
    assert (result.code, result.json["error"]["code"]) == (6, "not_deployed")
    assert "Nothing is deployed to stage 'prod' yet." in result.err
    assert "mlctl deploy --stage prod" in result.err


def test_times_are_utc_to_the_minute_and_what_is_none_stays_as_it_is() -> None:
    assert published(release("1", "2026-03-01T09:30:15.123+0200")) == "2026-03-01T07:30:15Z"
    assert published(release("1", "soon")) == "soon"
    assert to_minute("2026-03-01T07:30:15Z") == "2026-03-01 07:30"
