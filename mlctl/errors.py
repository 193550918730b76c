"""The exception for expected failures, and the exit codes."""

import difflib
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of mlctl. Scripts rely on them."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    BAD_INPUT = 3
    VERIFICATION = 4
    AWS = 5
    NOT_FOUND = 6
    INTERRUPTED = 130


class MlctlError(Exception):
    r"""A failure a user can act on.

    ``message`` says what failed and where, ``hint`` what to do next. ``code`` is a stable snake_case name for scripts,
    ``exit_code`` the exit code of the process. Each of ``details`` is a separate line after ``message``. A line break
    within ``message``, ``hint`` or a detail comes from outside, and is shown as ``\n``.
    """

    def __init__(
        self, message: str, *, code: str, exit_code: ExitCode, hint: str = "", details: Iterable[str] = ()
    ) -> None:
        self._details = tuple(details)
        self.message = "\n".join((message, *self._details))
        super().__init__(self.message)
        self.hint = hint
        self.code = code
        self.exit_code = exit_code

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of ``message`` for a terminal."""
        details = "".join(f"\n{detail}" for detail in self._details)
        return (self.message.removesuffix(details), *self._details)

    def to_document(self) -> dict[str, str]:
        """The ``error`` object of the ``--json`` form."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


def first_line(error: BaseException | str, otherwise: str = "no message") -> str:
    """The first line of the text of an exception, or ``otherwise`` if it has no text."""
    return (str(error).strip() or otherwise).splitlines()[0]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``" Did you mean 'x'?"``, or an empty string if no known name is similar to ``name``."""
    originals = {candidate.casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.casefold(), list(originals), n=1, cutoff=0.6)
    return f" Did you mean '{originals[matches[0]]}'?" if matches else ""
