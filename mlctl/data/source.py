"""Reads a table from a path, ``s3://`` or standard input."""

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
    """The columns of a file by name, in the order of the file; ``ignored`` names the columns that were not read."""

    name: str
    columns: Mapping[str, Column]
    ignored: frozenset[str] = frozenset()

    @property
    def rows(self) -> int:
        """The number of rows."""
        return next(iter(self.columns.values())).rows if self.columns else 0


def name_of(source: str) -> str:
    """The name of a source, without its folder, for messages and manifests."""
    return "standard input" if source == STDIN else PurePosixPath(source).name


def read(source: str, settings: Settings, folder: Path, report: Report = silent, *, all_text: bool = False) -> Table:
    """Read the table at ``source`` (a path is relative to ``folder``) with the options in ``[data]``.

    ``all_text`` keeps every value as text.

    Raises MlctlError: exit 6 if the source does not exist, exit 5 if AWS denies access, exit 3 if the file cannot
    be read or a value is not of the kind of its column.
    """
    data = settings.data
    options = ReadOptions(
        name=name_of(source),
        ignore=frozenset(data.ignore) - {*data.target_names(data.ignore), data.split_by or ""},
        missing=data.missing,
        delimiter=data.delimiter,
        encoding=data.encoding,
        decimal=data.decimal,
        all_text=all_text,
    )
    with _local(source, settings, folder, report) as path:
        return read_file(path, options, data.kinds, report)


def read_file(path: Path, options: ReadOptions, kinds: Mapping[str, Kind], report: Report = silent) -> Table:
    """Read the table in a local file; ``kinds`` gives the kinds that are not inferred."""
    size = path.stat().st_size
    report(Event("start", "read", f"Reading {options.name}", total=size // _MB or None, unit="MB"))
    as_text = frozenset(name for name, kind in kinds.items() if kind == "category")
    while True:
        parts, ignored = _collect_parts(path, replace(options, as_text=as_text), report)
        try:
            # pop() frees the parts of a column as soon as the column is built.
            columns = {
                name: column_builder.column(
                    name, parts.pop(name), _TEXT if options.all_text else kinds.get(name), options.name, options.decimal
                )
                for name in [*parts]
            }
            break
        except MixedFormsError as mixed:
            if str(mixed) in as_text:
                raise
            as_text |= {str(mixed)}
    table = Table(options.name, columns, ignored)
    report(Event("finish", "read", f"{table.rows:,} rows, {len(columns)} columns"))
    return table


def _collect_parts(path: Path, options: ReadOptions, report: Report) -> tuple[dict[str, list[Part]], frozenset[str]]:
    """The parts of each column, empty where some JSON lines lack the column; and the ignored columns."""
    size = path.stat().st_size
    reported = -1

    def advance(done: int) -> None:
        nonlocal reported
        if size >= _MB and done // _MB > reported:
            reported = done // _MB
            report(Event("advance", "read", done=reported, total=size // _MB))

    parts: dict[str, list[Part]] = {}
    ignored: frozenset[str] = frozenset()
    rows_before = 0
    for rows in readers.parts(path, options, advance):
        for name in rows.columns:
            if name not in parts:
                parts[name] = [chunks.empty(rows_before)] if rows_before else []
        for name, column_parts in parts.items():
            column_parts.append(rows.columns[name] if name in rows.columns else chunks.empty(rows.count))
        ignored |= rows.ignored
        rows_before += rows.count
    if not parts:
        raise input_files.unreadable(
            options, "has no columns left after [data] ignore", "Remove a column from [data] ignore."
        )
    return parts, ignored


@contextmanager
def _local(source: str, settings: Settings, folder: Path, report: Report) -> Iterator[Path]:
    """Provide the source as a local file within the block."""
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
                    report(Event("start", "download", f"Downloading {source}", total=total, unit="MB"))
                elif size >= _MB:
                    report(Event("advance", "download", done=done // _MB, total=size // _MB))

            deploy = settings.deploy
            with path.open("wb") as spooled:
                s3_source.download(source, spooled, region=deploy.region, profile=deploy.profile, advance=advance)
            report(Event("finish", "download", f"{path.stat().st_size / _MB:.1f} MB"))
            yield path
    else:
        path = folder / source
        # Raises UnicodeEncodeError for a name that the locale cannot encode; is_file() would only be False.
        os.fsencode(path)
        if not path.is_file():
            raise MlctlError(
                no_file(path, source),
                code="data_not_found",
                exit_code=ExitCode.NOT_FOUND,
                hint=f"[data] source is a path from {folder}, s3://BUCKET/KEY, - (stdin), or a built-in set.",
            )
        yield path
