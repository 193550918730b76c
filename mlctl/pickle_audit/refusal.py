"""Errors for refused files, with printable texts."""

from typing import NoReturn

from mlctl.errors import ExitCode, MlctlError


def refusal(message: str, code: str = "pickle_unreadable") -> MlctlError:
    """The error for a file, exit code 3: ``pickle_unreadable``, or ``pickle_unsupported`` for an unread format."""
    return MlctlError(
        message,
        code=code,
        exit_code=ExitCode.BAD_INPUT,
        hint="Save the fitted model again: joblib.dump(model, 'model.joblib')",
    )


def refuse(message: str, code: str = "pickle_unreadable") -> NoReturn:
    """Raise that error."""
    raise refusal(message, code)


def printable(text: str) -> str:
    """A text from the file as it may be shown on a terminal."""
    return ascii(text)[1:-1][:300]
