"""Where data comes from: a path, ``s3://``, or standard input; and the table that is read there."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from mlctl.data import chunks, column_builder, input_files, readers
from mlctl.data.chunks import Part
from mlctl.data.column_builder import MixedFormsError
from mlctl.data.columns import Column
from mlctl.data.readers import ReadOptions
from mlctl.data.values import Kind
from mlctl.errors import ExitCode, MlctlError
from mlctl.files import no_file
from mlctl.progress import Event, Report, silent
from mlctl.scratch import scratch_folder
from mlctl.settings import Settings

STDIN = "-"
_S3 = "s3://"
_MB = 1_000_000
_TEXT: Kind = "category"


@dataclass(frozen=True, eq=False)
class Table:
    """The columns of a file by name, in its order; ``ignored`` are those that were not read."""

    name: str
    columns: Mapping[str, Column]
    ignored: frozenset[str] = frozenset()

    @property
    def rows(self) -> int:
        """The number of rows."""
        return next(iter(self.columns.values())).rows if self.columns else 0


def name_of(source: str) -> str:
    """A source without its place: what stands in messages and in a manifest."""
    return "standard input" if source == STDIN else PurePosixPath(source).name


def read(source: str, settings: Settings, folder: Path, report: Report = silent, *, all_text: bool = False) -> Table:
    """The table at ``source`` (a path is relative to ``folder``), read as ``[data]`` says.

    ``all_text``: every value is taken as it is written, whatever it is.

    Raises MlctlError: exit 6 where there is nothing, exit 5 when AWS refuses, exit 3 for a file that
    cannot be read, and for a value that is not of its column's kind.
    """
    data = settings.data
    wanted = ReadOptions(
        name=name_of(source),
        ignore=frozenset(data.ignore) - {*data.target_names(data.ignore), data.split_by or ""},
        missing=data.missing,
        delimiter=data.delimiter,
        encoding=data.encoding,
        decimal=data.decimal,
        all_text=all_text,
    )
    with _local(source, settings, folder, report) as path:
        return read_file(path, wanted, data.kinds, report)


def read_file(path: Path, wanted: ReadOptions, kinds: Mapping[str, Kind], report: Report = silent) -> Table:
    """The table in a file on this machine; ``kinds`` are those that are not to be guessed."""
    size = path.stat().st_size
    report(Event("start", "read", f"Reading {wanted.name}", total=size // _MB or None, unit="MB"))
    as_text = frozenset(name for name, kind in kinds.items() if kind == "category")
    while True:
        gathered, ignored = _gathered(path, replace(wanted, as_text=as_text), report)
        try:
            # Popped, so that a column's parts are gone when the column is made.
            columns = {
                name: column_builder.column(
                    name, gathered.pop(name), _TEXT if wanted.all_text else kinds.get(name), wanted.name, wanted.decimal
                )
                for name in [*gathered]
            }
            break
        except MixedFormsError as mixed:
            if str(mixed) in as_text:
                raise
            as_text |= {str(mixed)}
    table = Table(wanted.name, columns, ignored)
    report(Event("finish", "read", f"{table.rows:,} rows, {len(columns)} columns"))
    return table


def _gathered(path: Path, wanted: ReadOptions, report: Report) -> tuple[dict[str, list[Part]], frozenset[str]]:
    """The parts of each column, with empty ones where a part of JSON lines does not name it; and what is ignored."""
    size = path.stat().st_size
    told = -1

    def advance(done: int) -> None:
        nonlocal told
        if size >= _MB and done // _MB > told:
            told = done // _MB
            report(Event("advance", "read", done=told, total=size // _MB))

    gathered: dict[str, list[Part]] = {}
    ignored: frozenset[str] = frozenset()
    before = 0
    for rows in readers.parts(path, wanted, advance):
        for name in rows.columns:
            if name not in gathered:
                gathered[name] = [chunks.empty(before)] if before else []
        for name, found in gathered.items():
            found.append(rows.columns[name] if name in rows.columns else chunks.empty(rows.count))
        ignored |= rows.ignored
        before += rows.count
    if not gathered:
        raise input_files.bad(
            wanted, "has no column that is not ignored", "Correct [data] ignore, or give more columns."
        )
    return gathered, ignored


@contextmanager
def _local(source: str, settings: Settings, folder: Path, report: Report) -> Iterator[Path]:
    """The source as a file on this machine, for as long as the block runs."""
    if source == STDIN:
        if sys.stdin.isatty():
            report(Event("note", "read", "Reading rows from standard input; end with Ctrl-D."))
        with scratch_folder() as scratch:
            path = scratch / "rows"
            with path.open("wb") as spooled:
                shutil.copyfileobj(sys.stdin.buffer, spooled)
            yield path
    elif source.startswith(_S3):
        from mlctl.aws.live import s3_source

        with scratch_folder() as scratch:
            path = scratch / f"object{''.join(PurePosixPath(source).suffixes[-2:])}"

            def advance(done: int, size: int) -> None:
                if done == 0:
                    total = size // _MB or None
                    report(Event("start", "download", f"Fetching {source}", total=total, unit="MB"))
                elif size >= _MB:
                    report(Event("advance", "download", done=done // _MB, total=size // _MB))

            deploy = settings.deploy
            with path.open("wb") as spooled:
                s3_source.download(source, spooled, region=deploy.region, profile=deploy.profile, advance=advance)
            report(Event("finish", "download", f"{path.stat().st_size / _MB:.1f} MB"))
            yield path
    else:
        path = folder / source
        # A name that the locale has no bytes for would only seem not to be there. Raises UnicodeEncodeError.
        os.fsencode(path)
        if not path.is_file():
            raise MlctlError(
                no_file(path, source),
                code="data_not_found",
                exit_code=ExitCode.NOT_FOUND,
                hint=f"[data] source is a path from {folder}, s3://BUCKET/KEY, - (stdin), or a built-in set.",
            )
        yield path
