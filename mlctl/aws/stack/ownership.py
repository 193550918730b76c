"""Errors for resources that belong to others, and for stages that another command changed."""

from mlctl.aws.stack.names import Names
from mlctl.aws.stack.state import Actual, Desired
from mlctl.errors import ExitCode, MlctlError


def check_ownership(actual: Actual, names: Names, desired: Desired | None = None) -> None:
    """Check that each existing resource with one of our names has our tags.

    Raises MlctlError (exit 5) when a resource belongs to another project, stage or tool.
    """
    for kind, name, state in (
        ("function", names.function, actual.function),
        ("role", names.role, actual.role),
        ("log group", names.log_group, actual.log_group),
    ):
        if state is not None and not state.ours:
            raise _name_taken(kind, name, "Give the project another name in mlctl.toml.")
    if desired is not None:
        for domain in actual.domains:
            if not domain.ours:
                hint = "Set another name in [deploy] domain, or delete the existing one."
                raise _name_taken("domain name", domain.config.name, hint)
        for alarm in desired.alarms:
            if alarm.name in actual.foreign_alarms:
                hint = "Delete or rename that alarm, or give the project another name."
                raise _name_taken("alarm", alarm.name, hint)


def overtaken(names: Names, change: str) -> MlctlError:
    """The error when another command changed the stage during this one (exit 5)."""
    return MlctlError(
        f"Another command changed stage '{names.stage}' at the same time: {change}.",
        code="overtaken",
        exit_code=ExitCode.AWS,
        hint=f"This command did not change what is live. Check `mlctl releases{names.stage_option}`, "
        "and run this command again if you still need it.",
    )


def _name_taken(kind: str, name: str, hint: str) -> MlctlError:
    return MlctlError(
        f"The {kind} '{name}' does not belong to this project and stage: it does not have their tags.",
        code="name_taken",
        exit_code=ExitCode.AWS,
        hint=f"mlctl did not change it. {hint}",
    )
