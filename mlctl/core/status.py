"""``mlctl status``: what serves on a stage, whether it answers, what failed of late, what has drifted."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mlctl.aws.client.errors import translate_errors
from mlctl.aws.live import invocation, resources
from mlctl.aws.live.recent_errors import Failures, failures
from mlctl.aws.stack import plan
from mlctl.aws.stack.desired import Code, desired
from mlctl.aws.stack.names import ALIAS
from mlctl.aws.stack.state import Actual, ReleaseState
from mlctl.core.shared import api_client
from mlctl.core.shared.canary_status import ActiveCanary, advice, canary_of
from mlctl.core.shared.golden_examples import event
from mlctl.errors import ExitCode, MlctlError
from mlctl.http import Response
from mlctl.progress import Event, Report, silent
from mlctl.settings import Settings
from mlctl.settings.deploy import Auth
from mlctl.stages import Stage, open_stage


@dataclass(frozen=True)
class Status:
    """A stage as it is now.

    ``healthy``: ``GET /health`` answers 200 with the version of the live release, or of a canary beside it.
    ``url`` is the base of the API, ``domain`` that of the custom domain where one is mapped. ``verified``: the live
    release has answered the golden examples. ``errors`` are those of the last hour; they and ``drift`` are None where
    AWS denies reading them, which ``notes`` tell. ``flag`` is what a command needs to mean this stage.
    """

    stage: str
    url: str
    release: str
    version: str
    healthy: bool
    detail: str
    domain: str | None
    auth: Auth
    canary: ActiveCanary | None
    previous: str | None
    verified: bool
    errors: Failures | None
    drift: tuple[str, ...] | None
    notes: tuple[str, ...]
    flag: str

    @property
    def remedy(self) -> str:
        """The command that brings the stage back to its settings."""
        return f"mlctl deploy{self.flag}"

    @property
    def error(self) -> MlctlError | None:
        """The error for a stage that does not answer (exit 5)."""
        if self.healthy:
            return None
        return MlctlError(
            f"Stage '{self.stage}' does not answer as it should: {self.detail}.",
            code="not_healthy",
            exit_code=ExitCode.AWS,
            hint=f"`mlctl logs{self.flag}` may tell why; `{self.remedy}` puts right what has drifted.",
        )


def run(
    project_folder: Path,
    settings: Settings,
    stage_name: str,
    report: Report = silent,
    *,
    token: str | None = None,
    now: Callable[[], float] = time.time,
) -> Status:
    """The state of a stage; ``token`` is for an API that wants one.

    Without a token such an API is not asked: the live release is, by Lambda's own Invoke. Raises MlctlError: exit 6
    when nothing is deployed there, exit 5 when AWS refuses what all else hangs on.
    """
    stage = open_stage(project_folder, settings, stage_name, report)
    api = api_client.open_api(stage, settings.deploy.auth, None)
    with translate_errors():
        alias = resources.alias(stage.aws, stage.names)
        releases = {each.number: each for each in resources.releases(stage.aws, stage.names)}
    live = releases.get(alias.release) if alias else None
    if alias is None or live is None or live.text is None:
        raise stage.not_deployed()
    canary = canary_of(alias)
    beside = releases.get(canary.release) if canary else None
    if canary:
        report(Event("warning", "status", advice(canary, beside, stage, now())))
    notes: list[str] = []
    actual, drift = _drift(stage, live, notes)
    auth = (actual.api.config.auth if actual and actual.api else None) or api.auth
    versions = {each.text.model for each in (live, beside) if each and each.text}
    token = api_client.find_token(project_folder, token) if auth == "jwt" else None
    healthy, detail = _health(replace(api, auth=auth, token=token), versions)
    return Status(
        stage=stage_name,
        url=api.url,
        release=live.number,
        version=live.text.model,
        healthy=healthy,
        detail=detail,
        domain=_domain(actual, api.id),
        auth=auth,
        canary=canary,
        previous=alias.text.previous,
        verified=live.number in alias.text.verified,
        errors=_errors(stage, live, now, notes),
        drift=drift,
        notes=tuple(notes),
        flag=stage.flag(),
    )


def _drift(stage: Stage, live: ReleaseState, notes: list[str]) -> tuple[Actual | None, tuple[str, ...] | None]:
    """Everything that is there, and what of it is not as the settings say. Which model is live is no drift."""
    deploy, text = stage.settings.deploy, live.text
    try:
        with translate_errors():
            identity = resources.identity(stage.aws)
            actual = resources.actual(stage.aws, stage.names, domain=deploy.domain.name if deploy.domain else None)
    except MlctlError as error:
        notes.append(f"What differs from the settings is not known. {error.message}")
        return None, None
    # Neither the size nor the digest of the zip is known here, nor compared.
    code = Code(deploy.python, text.model if text else "", text.package if text else "", sha256="", size=0)
    # A canary under way is told apart: it is no drift.
    settled = replace(actual, alias=replace(actual.alias, weights={}) if actual.alias else None)
    return actual, plan.drift(desired(stage.names, identity, deploy, code), settled)


def _errors(stage: Stage, live: ReleaseState, now: Callable[[], float], notes: list[str]) -> Failures | None:
    if live.config.log_level == "FATAL":
        notes.append('log_level = "FATAL" keeps errors out of the log.')
    try:
        with translate_errors():
            return failures(stage.aws, stage.names.log_group, int(now() * 1000))
    except MlctlError as error:
        notes.append(f"Recent errors are not known. {error.message}")
        return None


def _domain(actual: Actual | None, api_id: str) -> str | None:
    """What the API answers at besides; of a wildcard there is no one URL to name."""
    mapped = [each.config.name for each in actual.domains if each.api_id == api_id] if actual else []
    return next((f"https://{name}" for name in mapped if not name.startswith("*")), None)


def _health(api: api_client.Api, versions: set[str]) -> tuple[bool, str]:
    try:
        if api.auth == "jwt" and api.token is None:
            response = _health_by_invoke(api.stage)
            asked = ", by Lambda itself; the API was not asked, it wants a token (--token TOKEN, or MLCTL_TOKEN)"
        else:
            response = api.ask("GET", "/health")
            asked = ""
    except MlctlError as error:
        hint = f" {error.hint}" if error.code == "api_closed" else ""
        return False, f"{error.message}{hint}".rstrip(".")
    try:
        answered = json.loads(response.body)["model_version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False, "GET /health does not answer as mlctl's handler does"
    if response.status != 200 or answered not in versions:
        return False, f"GET /health answers {response.status} with model version {str(answered)[:12]}"
    return True, f"answered in {response.elapsed_ms:.0f} ms{asked}"


def _health_by_invoke(stage: Stage) -> Response:
    """GET /health, asked of whatever the alias ``live`` points at. Raises MlctlError when the release fails."""
    started = time.perf_counter()
    with translate_errors():
        found = invocation.invoke(stage.aws, stage.names, ALIAS, event("GET", "/health"))
    payload = found.payload if isinstance(found.payload, dict) else {}
    if found.error:
        raise MlctlError(
            f"The release fails when it is invoked: {payload.get('errorMessage', found.error)}.",
            code="release_fails",
            exit_code=ExitCode.AWS,
        )
    elapsed = (time.perf_counter() - started) * 1000
    return Response(int(payload.get("statusCode", 0)), {}, str(payload.get("body", "")).encode(), elapsed)
