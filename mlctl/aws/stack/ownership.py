"""What does not carry our tags is never touched; and a stage that somebody else changes is left to them."""

from mlctl.aws.stack.names import Names
from mlctl.aws.stack.state import Actual, Desired
from mlctl.errors import ExitCode, MlctlError


def check_ownership(actual: Actual, names: Names, desired: Desired | None = None) -> None:
    """Raise MlctlError (exit 5) when a name is taken by something of another project, stage or maker."""
    for what, name, state in (
        ("function", names.function, actual.function),
        ("role", names.role, actual.role),
        ("log group", names.log_group, actual.log_group),
    ):
        if state is not None and not state.ours:
            raise _taken(what, name, "Give the project another name in mlctl.toml.")
    if desired is not None:
        for domain in actual.domains:
            if not domain.ours:
                raise _taken(
                    "domain name", domain.config.name, "Name another one in [deploy] domain, or delete that one."
                )
        for alarm in desired.alarms:
            if alarm.name in actual.foreign_alarms:
                raise _taken("alarm", alarm.name, "Delete or rename that alarm, or give the project another name.")


def overtaken(names: Names, what: str) -> MlctlError:
    """The error of a command that found the stage changed by another one meanwhile (exit 5)."""
    stage = "" if names.stage == "local" else f" --stage {names.stage}"
    return MlctlError(
        f"Another command changed stage '{names.stage}' meanwhile: {what}.",
        code="overtaken",
        exit_code=ExitCode.AWS,
        hint=f"This one did not change what is live. `mlctl releases{stage}` shows it; run this again if still wanted.",
    )


def _taken(what: str, name: str, hint: str) -> MlctlError:
    return MlctlError(
        f"There is a {what} '{name}' that is not of this project and stage: it lacks their tags.",
        code="name_taken",
        exit_code=ExitCode.AWS,
        hint=f"It is left alone. {hint}",
    )
