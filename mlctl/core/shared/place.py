"""Where a command works: the AWS account, region and profile, which the settings of a project may choose."""

from dataclasses import dataclass

from mlctl.aws.client.errors import translate_errors
from mlctl.aws.live import resources
from mlctl.aws.stack.names import Identity
from mlctl.progress import Event, Report
from mlctl.stages import Stage


@dataclass(frozen=True)
class Place:
    """An account and a region of AWS; ``profile`` is None where neither the settings nor AWS_PROFILE name one."""

    account: str
    region: str
    profile: str | None

    def __str__(self) -> str:
        """In words, for a line of output."""
        profile = f", profile {self.profile}" if self.profile else ""
        return f"AWS account {self.account}, region {self.region}{profile}"


def place_of(stage: Stage, identity: Identity | None = None) -> Place | None:
    """Where ``stage`` is, None for an emulator; ``identity`` is what STS told, which is asked otherwise.

    Raises MlctlError (exit 5) where the credentials do not hold.
    """
    if stage.endpoint is not None:
        return None
    with translate_errors():
        known = identity or resources.identity(stage.aws)
    return Place(known.account, stage.aws.region, stage.aws.profile)


def tell(place: Place | None, report: Report) -> None:
    """Say where something is about to change."""
    if place is not None:
        report(Event("note", "place", str(place)))
