"""``<id>.info.json``: facts about a version that are not part of its identity.

No digest covers this file. If it cannot be read, the times and the order are lost, but the version stays usable.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlctl.files import canonical_json, read_regular
from mlctl.registry import strict_json, validation

MAX_BYTES = 1_000_000
# Far more versions than anybody trains, and far below 2**53, where JSON numbers lose precision.
MAX_SEQUENCE = 10**15


@dataclass(frozen=True)
class Origin:
    """Where a version came from, as far as is known. It is not part of the identity of the version.

    ``source``: the location of the data; ``base``: the settings of the last training without the changes by flags;
    ``files``: SHA-256 by path of the input files.
    """

    source: str | None = None
    base: dict[str, Any] | None = None
    files: dict[str, str] | None = None


UNKNOWN = Origin()


@dataclass(frozen=True)
class Info:
    """``created_at`` and ``trained_at`` are RFC 3339 times in UTC, ``sequence`` is the position in the training order.

    ``sequence`` is None if there is no file, or an older release wrote it. ``problem``: why the file is unreadable.
    """

    created_at: str
    trained_at: str
    sequence: int | None = None
    origin: Origin = UNKNOWN
    problem: str | None = None

    def to_bytes(self) -> bytes:
        """The content of the file."""
        times = {"created_at": self.created_at, "trained_at": self.trained_at, "sequence": self.sequence}
        return canonical_json({**times, **asdict(self.origin)})


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    created_at: Annotated[str, Field(max_length=40)]
    trained_at: Annotated[str, Field(max_length=40)]
    sequence: Annotated[int, Field(ge=1, le=MAX_SEQUENCE)] | None = None
    source: str | None = None
    base: dict[str, Any] | None = None
    files: dict[str, str] | None = None


def read(path: Path, folder: Path) -> Info:
    """Read the info file at ``path`` of the version in ``folder``. Never raises."""
    try:
        document = _Shape.model_validate(strict_json.parsed(read_regular(path, limit=MAX_BYTES)))
        times = _in_utc(document.created_at), _in_utc(document.trained_at)
    except FileNotFoundError:
        # The version was copied without its info file: use the time of the folder.
        return Info(_time_of(folder), _time_of(folder))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        reason = validation.first_problem(error) if isinstance(error, ValidationError) else reason
        return Info(_time_of(folder), _time_of(folder), problem=f"{path.name} cannot be read: {reason}.")
    return Info(*times, document.sequence, Origin(document.source, document.base, document.files))


def now() -> str:
    """The current time as an RFC 3339 text in UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _in_utc(text: str) -> str:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    try:
        return time.astimezone(UTC).isoformat(timespec="microseconds")
    except OverflowError:
        raise ValueError(f"{text!r} is not a time in UTC") from None


def _time_of(folder: Path) -> str:
    try:
        stamp = datetime.fromtimestamp(folder.lstat().st_mtime, UTC)
    except (OSError, ValueError, OverflowError):
        stamp = datetime.fromtimestamp(0, UTC)
    return stamp.isoformat(timespec="microseconds")
