"""Checks whether an emulator answers on a port."""

import http.client
from contextlib import closing

from mlctl.stages.guard import MARK, SECRET_HEADER
from mlctl.stages.record import HOST, Emulator

# A busy emulator answers late; one that hangs does not answer at all.
_SECONDS = 10.0
_HEALTH = "/_ministack/health"


def answers(emulator: Emulator, seconds: float = _SECONDS) -> bool:
    """Whether the emulator, behind its guard, says within ``seconds`` that it is well."""
    answer = _ask(emulator.port, {SECRET_HEADER.decode(): emulator.secret}, seconds)
    return answer is not None and answer.status == 200


def is_emulator(port: int) -> bool:
    """Whether what listens on ``port`` is an emulator: one of mlctl's, or one of the user's own."""
    answer = _ask(port, {}, 1)
    return answer is not None and (answer.status == 200 or answer.getheader(MARK.decode()) is not None)


def _ask(port: int, headers: dict[str, str], seconds: float) -> http.client.HTTPResponse | None:
    # No proxy of the user's environment is asked for this machine.
    with closing(http.client.HTTPConnection(HOST, port, timeout=seconds)) as connection:
        try:
            connection.request("GET", _HEALTH, headers=headers)
            return connection.getresponse()
        except (OSError, http.client.HTTPException):
            return None
