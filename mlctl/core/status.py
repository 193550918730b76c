"""``mlctl status``: what serves on a stage, and whether it answers."""

import json
from dataclasses import dataclass
from pathlib import Path

from mlctl.aws import read
from mlctl.aws.errors import explained
from mlctl.errors import MlctlError
from mlctl.http import request
from mlctl.progress import Report, silent
from mlctl.settings import Settings
from mlctl.stages import open_stage


@dataclass(frozen=True)
class Status:
    """``healthy``: ``GET /health`` answers 200 with the version that the release says it serves."""

    stage: str
    url: str
    release: str
    version: str
    healthy: bool
    detail: str


def run(project_folder: Path, settings: Settings, stage_name: str, report: Report = silent) -> Status:
    """The state of a stage. Raises MlctlError (exit 6) when nothing is deployed there."""
    stage = open_stage(project_folder, settings, stage_name, report)
    url = stage.live_url()
    with explained():
        live = read.live_release(stage.aws, stage.names)
    if live is None or live.text is None:
        raise stage.not_deployed()
    healthy, detail = _health(url, live.text.model)
    return Status(
        stage=stage_name, url=url, release=live.number, version=live.text.model, healthy=healthy, detail=detail
    )


def _health(url: str, version: str) -> tuple[bool, str]:
    try:
        response = request("GET", f"{url}/health")
        answered = json.loads(response.body)["model_version"]
    except MlctlError as error:
        return False, error.message
    except (ValueError, KeyError, TypeError):
        return False, "GET /health does not answer as mlctl's handler does"
    if response.status != 200 or answered != version:
        return False, f"GET /health answers {response.status} with model version {str(answered)[:12]}"
    return True, f"answered in {response.elapsed_ms:.0f} ms"
