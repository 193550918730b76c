"""Shows the live release of a stage, its health, recent errors and drift, for ``mlctl status``."""

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
    """The current state of a stage.

    ``healthy``: ``GET /health`` answers 200 with the version of the live release or of its canary. ``url``: base URL of
    the API. ``domain``: URL of the custom domain, if any. ``verified``: the live release has answered the golden
    examples. ``errors``: errors of the last hour. ``errors`` and ``drift`` are None if AWS denies reading them; then
    ``notes`` says so. ``flag``: the flag that selects this stage, such as `` --stage prod``.
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
        """The command that restores the settings of the stage."""
        return f"mlctl deploy{self.flag}"

    @property
    def error(self) -> MlctlError | None:
        """The error for an unhealthy stage (exit 5)."""
        if self.healthy:
            return None
        return MlctlError(
            f"Stage '{self.stage}' is not healthy: {self.detail}.",
            code="not_healthy",
            exit_code=ExitCode.AWS,
            hint=f"`mlctl logs{self.flag}` may show the reason; `{self.remedy}` restores the settings.",
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
    """Return the state of a stage. ``token``: the token for ``auth = "jwt"``.

    If such an API has no token, the health check invokes the live release directly. Raises MlctlError: exit 6 if
    nothing is deployed there; exit 5 if AWS rejects a call that everything else depends on.
    """
    stage = open_stage(project_folder, settings, stage_name, report)
    api = api_client.open_api(stage, settings.deploy.auth, None)
    with translate_errors():
        alias = resources.alias(stage.aws, stage.names)
        releases = {release.number: release for release in resources.releases(stage.aws, stage.names)}
    live = releases.get(alias.release) if alias else None
    if alias is None or live is None or live.text is None:
        raise stage.not_deployed()
    canary = canary_of(alias)
    canary_release = releases.get(canary.release) if canary else None
    if canary:
        report(Event("warning", "status", advice(canary, canary_release, stage, now())))
    notes: list[str] = []
    actual, drift = _drift(stage, live, notes)
    auth = (actual.api.config.auth if actual and actual.api else None) or api.auth
    versions = {release.text.model for release in (live, canary_release) if release and release.text}
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
    """Return the actual resources and their differences from the settings. The live model is not part of the drift."""
    deploy, text = stage.settings.deploy, live.text
    try:
        with translate_errors():
            identity = resources.identity(stage.aws)
            actual = resources.actual(stage.aws, stage.names, domain=deploy.domain.name if deploy.domain else None)
    except MlctlError as error:
        notes.append(f"Differences from the settings are unknown. {error.message}")
        return None, None
    # The size and digest of the zip are unknown, and are not compared.
    code = Code(deploy.python, text.model if text else "", text.package if text else "", sha256="", size=0)
    # An active canary is not drift.
    without_canary = replace(actual, alias=replace(actual.alias, weights={}) if actual.alias else None)
    return actual, plan.drift(desired(stage.names, identity, deploy, code), without_canary)


def _errors(stage: Stage, live: ReleaseState, now: Callable[[], float], notes: list[str]) -> Failures | None:
    if live.config.log_level == "FATAL":
        notes.append('log_level = "FATAL" keeps errors out of the log.')
    try:
        with translate_errors():
            return failures(stage.aws, stage.names.log_group, int(now() * 1000))
    except MlctlError as error:
        notes.append(f"Recent errors are unknown. {error.message}")
        return None


def _domain(actual: Actual | None, api_id: str) -> str | None:
    """Return the URL of the custom domain of an API. A wildcard domain has no single URL."""
    mapped = [domain.config.name for domain in actual.domains if domain.api_id == api_id] if actual else []
    return next((f"https://{name}" for name in mapped if not name.startswith("*")), None)


def _health(api: api_client.Api, versions: set[str]) -> tuple[bool, str]:
    try:
        if api.auth == "jwt" and api.token is None:
            response = _health_by_invoke(api.stage)
            note = ", invoked directly: the API needs a token (--token TOKEN, or MLCTL_TOKEN)"
        else:
            response = api.send("GET", "/health")
            note = ""
    except MlctlError as error:
        hint = f" {error.hint}" if error.code == "api_closed" else ""
        return False, f"{error.message}{hint}".rstrip(".")
    try:
        model_version = json.loads(response.body)["model_version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False, "the answer to GET /health is not from mlctl's handler"
    if response.status != 200 or model_version not in versions:
        return False, f"GET /health answers {response.status} with model version {str(model_version)[:12]}"
    return True, f"answered in {response.elapsed_ms:.0f} ms{note}"


def _health_by_invoke(stage: Stage) -> Response:
    """Invoke the alias ``live`` with GET /health. Raises MlctlError if the release fails."""
    started = time.perf_counter()
    with translate_errors():
        result = invocation.invoke(stage.aws, stage.names, ALIAS, event("GET", "/health"))
    payload = result.payload if isinstance(result.payload, dict) else {}
    if result.error:
        raise MlctlError(
            f"The release fails when it is invoked: {payload.get('errorMessage', result.error)}.",
            code="release_fails",
            exit_code=ExitCode.AWS,
        )
    elapsed = (time.perf_counter() - started) * 1000
    return Response(int(payload.get("statusCode", 0)), {}, str(payload.get("body", "")).encode(), elapsed)
