"""What does not carry our tags is never touched."""

from mlctl.aws.names import Names
from mlctl.aws.plan import Actual
from mlctl.errors import ExitCode, MlctlError


def check_ownership(actual: Actual, names: Names) -> None:
    """Raise MlctlError (exit 5) when a name is taken by something of another project, stage or maker."""
    for what, name, state in (
        ("function", names.function, actual.function),
        ("role", names.role, actual.role),
    ):
        if state is not None and not state.ours:
            raise MlctlError(
                f"There is a {what} '{name}' that is not of this project and stage: it lacks their tags.",
                code="name_taken",
                exit_code=ExitCode.AWS,
                hint="It is left alone. Give the project another name in mlctl.toml.",
            )
