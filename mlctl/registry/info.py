"""``<id>.info.json``: what is known of a version and is no part of its identity.

It stands outside of the digests, so anything may stand in it: a file that cannot be read costs the times and the
order, never the version.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlctl.files import canonical_json, read_regular
from mlctl.registry import strict_json, validation

MAX_BYTES = 1_000_000
# Far beyond what is ever counted to, and far from where numbers of JSON lose their last digit.
MAX_SEQUENCE = 10**15


@dataclass(frozen=True)
class Origin:
    """Where a version came from, as far as is known; no part of its identity.

    ``source``: where its data lay; ``base``: the settings it was last trained with, less what flags had
    changed; ``files``: SHA-256 by path of the files that it was made of.
    """

    source: str | None = None
    base: dict[str, Any] | None = None
    files: dict[str, str] | None = None


UNKNOWN = Origin()


@dataclass(frozen=True)
class Info:
    """``created_at`` and ``trained_at``: RFC 3339 times in UTC. ``sequence``: the place in the order of training.

    ``sequence`` is None where an older release wrote the file, or nobody did. ``problem``: why it cannot be read.
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
    """What the file at ``path`` says of the version in ``folder``; never raises."""
    try:
        found = _Shape.model_validate(strict_json.parsed(read_regular(path, limit=MAX_BYTES)))
        times = _in_utc(found.created_at), _in_utc(found.trained_at)
    except FileNotFoundError:
        # Copied without it: the folder's own time will do.
        return Info(_time_of(folder), _time_of(folder))
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) else str(error)
        what = validation.first_problem(error) if isinstance(error, ValidationError) else what
        return Info(_time_of(folder), _time_of(folder), problem=f"{path.name} cannot be read: {what}.")
    return Info(*times, found.sequence, Origin(found.source, found.base, found.files))


def now() -> str:
    """The time, as these files have it."""
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
