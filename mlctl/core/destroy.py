"""Deletes a stage, for ``mlctl destroy``."""

from dataclasses import dataclass
from pathlib import Path

from mlctl.aws.apply.removal import remove
from mlctl.aws.client.errors import translate_errors
from mlctl.aws.live import resources
from mlctl.aws.stack.ownership import check_ownership
from mlctl.core.shared.place import Place, place_of, report_place
from mlctl.progress import Report, silent
from mlctl.settings import Settings
from mlctl.stages import LOCAL, open_stage


@dataclass(frozen=True)
class Destroyed:
    """``removed``: (resource, name) of each deleted resource, in order; empty if there was none."""

    stage: str
    removed: tuple[tuple[str, str], ...]


def account_of(project_folder: Path, settings: Settings, stage_name: str) -> Place | None:
    """Return the account of a stage, for the confirmation; None for stage ``local``."""
    return None if stage_name == LOCAL else place_of(open_stage(project_folder, settings, stage_name))


def run(project_folder: Path, settings: Settings, stage_name: str, report: Report = silent) -> Destroyed:
    """Delete the API and its domain, the alarms, the function with all its releases, role, log group and bucket.

    Keeps model versions on disk. Raises MlctlError (exit 5) if AWS rejects a call. Running it again deletes the rest.
    """
    stage = open_stage(project_folder, settings, stage_name, report)
    with translate_errors(), stage.turn(report):
        identity = resources.identity(stage.aws)
        report_place(place_of(stage, identity), report)
        account = identity.account
        bucket = stage.names.bucket(account, stage.aws.region)
        actual = resources.actual(stage.aws, stage.names, bucket=bucket)
        check_ownership(actual, stage.names)
        removed = remove(stage.aws, stage.names, actual, account, report)
    stage.settled()
    return Destroyed(stage=stage_name, removed=removed)
