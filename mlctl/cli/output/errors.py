"""Any exception as an error that a user can act on."""

from pathlib import Path

from typer.exceptions import TyperException

from mlctl.cli.output import system_errors
from mlctl.errors import ExitCode, MlctlError


def to_mlctl_error(error: Exception) -> MlctlError:
    """The MlctlError of any exception. Only what nothing in the environment can cause is called a defect."""
    if isinstance(error, MlctlError):
        return error
    failure = _known(error) or MlctlError(
        f"Unexpected {type(error).__name__}: {error}",
        code="unexpected",
        exit_code=ExitCode.UNEXPECTED,
        hint="This is a defect of mlctl. `mlctl --debug …` shows the trace; please report it.",
    )
    failure.__cause__ = error
    return failure


def output_failed(error: OSError) -> MlctlError:
    """The error of a result that standard output did not take (exit 1)."""
    failure = MlctlError(
        f"The output could not be written: {error.strerror or error}.",
        code="output_failed",
        exit_code=ExitCode.UNEXPECTED,
    )
    failure.__cause__ = error
    return failure


def interrupted() -> MlctlError:
    """The error of Ctrl-C (exit 130)."""
    return MlctlError("Interrupted.", code="interrupted", exit_code=ExitCode.INTERRUPTED)


def _known(error: Exception) -> MlctlError | None:
    if isinstance(error, TyperException):
        return MlctlError(error.format_message(), code="usage", exit_code=ExitCode.USAGE, hint=_usage_hint(error))
    if isinstance(error, FileNotFoundError) and not error.filename and not _has_folder():
        return MlctlError(
            "The current folder does not exist any more.",
            code="project_not_found",
            exit_code=ExitCode.NOT_FOUND,
            hint="Change to a folder that exists, or give -C the folder of a project.",
        )
    if isinstance(error, OSError):
        return system_errors.to_mlctl_error(error)
    if isinstance(error, MemoryError):
        return system_errors.out_of_memory()
    if isinstance(error, RecursionError):
        return MlctlError(
            "A document is nested too deeply to be read.",
            code="nested_too_deeply",
            exit_code=ExitCode.BAD_INPUT,
            hint="`mlctl --debug …` shows where it was read.",
        )
    if isinstance(error, UnicodeEncodeError):
        return system_errors.not_encodable(error)
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        # What pathlib raises: https://docs.python.org/3/library/pathlib.html#pathlib.Path.home
        return MlctlError(
            "Your home folder is not known.",
            code="no_home",
            exit_code=ExitCode.UNEXPECTED,
            hint="Set HOME, or name folders that start with / instead of ~.",
        )
    return system_errors.links_in_a_circle(error) if isinstance(error, RuntimeError) else None


def _has_folder() -> bool:
    try:
        Path.cwd()
    except OSError:
        return False
    return True


def _usage_hint(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"`{context.command_path} --help` shows the usage." if context else "`mlctl --help` lists the commands."
