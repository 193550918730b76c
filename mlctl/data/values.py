"""Single values: what a request may hold, and the rule that turns a date into a number.

The rule: a date is the days since 1970-01-01T00:00 UTC, to the millisecond (rounded down). A text
without an offset is UTC. The handler applies the same rule to a request.
"""

from datetime import UTC, datetime, timedelta

from mlctl.settings import Kind

# One feature as JSON carries it: a date is its ISO 8601 text, a missing value is null.
Value = float | str | bool | None
Label = bool | int | float | str

__all__ = ["FIRST_MS", "FLOAT32_LIMIT", "LAST_MS", "MS_A_DAY", "Kind", "Label", "Value", "iso_text", "milliseconds"]

# From here on a float64 rounds to infinity as float32, which trees compute with; the handler refuses it.
FLOAT32_LIMIT = 3.4028235677973366e38
MS_A_DAY = 86_400_000
# 0001-01-01T00:00:00.000 and 9999-12-31T23:59:59.999, beyond which ISO 8601 has no text.
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def milliseconds(text: str) -> int:
    """Milliseconds since 1970-01-01T00:00 UTC of an ISO 8601 date or time.

    Raises ValueError for any other text, and where the years 1 to 9999 are left on the way to UTC.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = (moment - _EPOCH) // _MS
    if not FIRST_MS <= since <= LAST_MS:
        raise ValueError(f"{text} is outside of the years 1 to 9999 UTC")
    return since


def iso_text(since_epoch: int) -> str:
    """The shortest ISO 8601 text of ``since_epoch`` milliseconds: without a time at midnight, without idle digits."""
    moment = _EPOCH + since_epoch * _MS
    if since_epoch % MS_A_DAY == 0:
        return moment.date().isoformat()
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds" if since_epoch % 1000 else "seconds")
