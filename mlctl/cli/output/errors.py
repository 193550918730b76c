"""Converts any exception to an error with a hint."""

from pathlib import Path

from typer.exceptions import TyperException

from mlctl.cli.output import system_errors
from mlctl.errors import ExitCode, MlctlError


def to_mlctl_error(error: Exception) -> MlctlError:
    """Return the MlctlError of an exception. Exceptions that the environment cannot cause are reported as defects."""
    if isinstance(error, MlctlError):
        return error
    converted = _known(error) or MlctlError(
        f"Unexpected {type(error).__name__}: {error}",
        code="unexpected",
        exit_code=ExitCode.UNEXPECTED,
        hint="This is a defect of mlctl. `mlctl --debug …` shows the traceback; please report it.",
    )
    converted.__cause__ = error
    return converted


def output_failed(error: OSError) -> MlctlError:
    """Return the error for a result that could not be written to standard output (exit 1)."""
    converted = MlctlError(
        f"The output could not be written: {error.strerror or error}.",
        code="output_failed",
        exit_code=ExitCode.UNEXPECTED,
    )
    converted.__cause__ = error
    return converted


def interrupted() -> MlctlError:
    """Return the error for Ctrl-C (exit 130)."""
    return MlctlError("Interrupted.", code="interrupted", exit_code=ExitCode.INTERRUPTED)


def _known(error: Exception) -> MlctlError | None:
    if isinstance(error, TyperException):
        return MlctlError(error.format_message(), code="usage", exit_code=ExitCode.USAGE, hint=_usage_hint(error))
    if isinstance(error, FileNotFoundError) and not error.filename and not _current_folder_exists():
        return MlctlError(
            "The current folder no longer exists.",
            code="project_not_found",
            exit_code=ExitCode.NOT_FOUND,
            hint="Change to a folder that exists, or set -C to a project folder.",
        )
    if isinstance(error, OSError):
        return system_errors.to_mlctl_error(error)
    if isinstance(error, MemoryError):
        return system_errors.out_of_memory()
    if isinstance(error, RecursionError):
        return MlctlError(
            "A document is nested too deeply.",
            code="nested_too_deeply",
            exit_code=ExitCode.BAD_INPUT,
            hint="`mlctl --debug …` shows where mlctl read it.",
        )
    if isinstance(error, UnicodeEncodeError):
        return system_errors.not_encodable(error)
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        # pathlib raises it: https://docs.python.org/3/library/pathlib.html#pathlib.Path.home
        return MlctlError(
            "Your home folder is unknown.",
            code="no_home",
            exit_code=ExitCode.UNEXPECTED,
            hint="Set HOME, or use paths that start with / instead of ~.",
        )
    return system_errors.symlink_loop(error) if isinstance(error, RuntimeError) else None


def _current_folder_exists() -> bool:
    try:
        Path.cwd()
    except OSError:
        return False
    return True


def _usage_hint(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"`{context.command_path} --help` shows the usage." if context else "`mlctl --help` lists the commands."
