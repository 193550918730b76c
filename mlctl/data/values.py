"""Types and limits of single values, and the conversion between ISO 8601 dates and numbers.

A model sees a date as days since 1970-01-01T00:00 UTC, rounded down to the millisecond. A text without an
offset is in UTC. The handler applies the same rule to requests.
"""

from datetime import UTC, datetime, timedelta

from mlctl.settings import Kind

# The value of one feature in JSON: a date is an ISO 8601 text, a missing value is null.
Value = float | str | bool | None
Label = bool | int | float | str

__all__ = [
    "FIRST_MS",
    "FLOAT32_LIMIT",
    "LAST_MS",
    "MISSING_TEXTS",
    "MS_A_DAY",
    "Kind",
    "Label",
    "Value",
    "iso_text",
    "milliseconds",
]

# Texts that mean a missing value. They are the defaults of `pandas.read_csv`, which pandas does not export; a
# test compares them with the installed pandas. Importing pandas here would slow down `mlctl invoke`.
# https://pandas.pydata.org/docs/reference/api/pandas.read_csv.html (na_values)
MISSING_TEXTS = frozenset(
    (
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
        *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    )
)

# Trees compute with float32. A float64 from this limit on rounds to infinity there, and the handler rejects it.
FLOAT32_LIMIT = 3.4028235677973366e38
MS_A_DAY = 86_400_000
# 0001-01-01T00:00:00.000 and 9999-12-31T23:59:59.999: the range of `datetime`.
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def milliseconds(text: str) -> int:
    """Convert an ISO 8601 date or time to milliseconds since 1970-01-01T00:00 UTC.

    Raises ValueError for any other text, and for a time outside the years 1 to 9999 in UTC.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since_epoch = (moment - _EPOCH) // _MS
    if not FIRST_MS <= since_epoch <= LAST_MS:
        raise ValueError(f"{text} is outside of the years 1 to 9999 UTC")
    return since_epoch


def iso_text(since_epoch: int) -> str:
    """The shortest ISO 8601 text of ``since_epoch`` milliseconds: no time at midnight, no trailing zeros."""
    moment = _EPOCH + since_epoch * _MS
    if since_epoch % MS_A_DAY == 0:
        return moment.date().isoformat()
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds" if since_epoch % 1000 else "seconds")
