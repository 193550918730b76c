"""Parses durations such as ``90s`` and ``10m`` in command-line options."""

import re
from math import isfinite

from mlctl.errors import ExitCode, MlctlError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


def parse_seconds(text: str) -> float:
    """Return the seconds of a duration: a number with the unit s, m, h or d.

    Raises MlctlError (exit 2, ``duration_invalid``) for any other text.
    """
    match = _DURATION.fullmatch(text.strip())
    seconds = float(match[1]) * _SECONDS[match[2]] if match else float("nan")
    if not isfinite(seconds):
        raise MlctlError(
            f"Invalid duration '{text}'.",
            code="duration_invalid",
            exit_code=ExitCode.USAGE,
            hint="Give a number with a unit (s, m, h or d), such as 10m.",
        )
    return seconds
