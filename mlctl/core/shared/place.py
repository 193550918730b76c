"""The AWS account, region and profile that a command works with."""

from dataclasses import dataclass

from mlctl.aws.client.errors import translate_errors
from mlctl.aws.live import resources
from mlctl.aws.stack.names import Identity
from mlctl.progress import Event, Report
from mlctl.stages import Stage


@dataclass(frozen=True)
class Place:
    """An AWS account and region. ``profile`` is None if neither the settings nor AWS_PROFILE set one."""

    account: str
    region: str
    profile: str | None

    def __str__(self) -> str:
        """Return the text for a line of output."""
        profile = f", profile {self.profile}" if self.profile else ""
        return f"AWS account {self.account}, region {self.region}{profile}"


def place_of(stage: Stage, identity: Identity | None = None) -> Place | None:
    """Return the place of ``stage``, or None for an emulator.

    ``identity``: the caller's identity; by default this function requests it from STS. Raises MlctlError (exit 5) if
    the credentials are invalid.
    """
    if stage.endpoint is not None:
        return None
    with translate_errors():
        caller = identity or resources.identity(stage.aws)
    return Place(caller.account, stage.aws.region, stage.aws.profile)


def report_place(place: Place | None, report: Report) -> None:
    """Report where a command is about to make changes."""
    if place is not None:
        report(Event("note", "place", str(place)))
