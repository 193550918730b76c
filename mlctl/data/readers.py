"""Files of rows, read a part at a time: CSV, TSV, JSON lines, Parquet, gzipped or not."""

import csv
import io
import json
import re
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mlctl.data.chunks import Part, arrow_part, part, without, written
from mlctl.data.input_files import Advance, ReadOptions, UnreadableColumnError, bad, no_rows, opened, sample
from mlctl.scratch import scratch_folder

__all__ = ["ReadOptions", "Rows", "delimiter_of", "is_text", "is_tsv", "parts", "sample_of"]

# Bytes of text that are parsed at once, and at most so many rows.
_PART_BYTES = 32_000_000
_PART_ROWS = 262_144
_DELIMITERS = (",", ";", "\t", "|")
_NAMED = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_OBJECTS = "Give one JSON object a line, or one list of objects."


@dataclass(frozen=True, eq=False)
class Rows:
    """So many rows of a file: a Part a column, and the names of the columns that are ignored."""

    count: int
    columns: dict[str, Part]
    ignored: frozenset[str]


def parts(path: Path, options: ReadOptions, advance: Advance = lambda done: None) -> Iterator[Rows]:
    """The rows of a file, a part at a time; at least one part, and no part without rows.

    ``advance`` is told how many bytes of the file are through. Raises MlctlError (exit 3) for a file
    that is empty, that cannot be read, or whose rows do not fit its header.
    """
    if path.stat().st_size == 0:
        raise bad(options, "is empty", "A table has a line with the names of its columns, and rows below it.")
    if not is_text(path):
        with _unzipped(path, options, advance) as plain:
            yield from _parquet(plain, options, advance)
        return
    head, options = sample(path, options)
    if head.lstrip("\ufeff \r\n\t")[:1] in ("{", "["):
        yield from _json(path, options, head, advance)
    else:
        yield from _csv(path, options, head, advance)


def delimiter_of(sample: str) -> str:
    """The delimiter that the first line of ``sample`` uses most: a comma unless another is more frequent."""
    header = next(iter(sample.lstrip("\ufeff\r\n").splitlines()), "")
    return max(_DELIMITERS, key=header.count)


def is_text(path: Path) -> bool:
    """Whether a file is one of lines, not Parquet. Raises MlctlError (exit 3) where it cannot be unzipped."""
    with opened(path, ReadOptions(path.name)) as file:
        return file.read(4) != b"PAR1"


def is_tsv(path: Path) -> bool:
    """Whether a file is separated by tabs, by its name."""
    return bool({".tsv", ".tab"} & set(path.suffixes))


def sample_of(path: Path, encoding: str = "utf-8") -> str:
    """The first lines of a text file, unzipped."""
    return sample(path, ReadOptions(path.name, encoding=encoding))[0]


def _csv(path: Path, options: ReadOptions, head: str, advance: Advance) -> Iterator[Rows]:
    delimiter = options.delimiter or ("\t" if is_tsv(path) else ",")
    header = _header(options, head, delimiter)
    line = max(sum(map(len, head.splitlines(keepends=True)[:100])) // min(100, head.count("\n") + 1), 1)
    with opened(path, options, advance) as file, warnings.catch_warnings():
        # More values in every row than names in the header: pandas would drop some and only warn.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        # Of numbers and text in one part, which are read again as text.
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)
        try:
            yield from _chunks(
                # All columns are parsed, ignored or not: with `usecols`, a row that is too long is cut short.
                pd.read_csv(
                    file,
                    sep=delimiter,
                    header=0,
                    names=header,
                    index_col=False,
                    dtype={name: str for name in header if options.is_text(name)},
                    na_values=list(options.missing),
                    skipinitialspace=True,
                    encoding=options.encoding,
                    decimal=options.decimal,
                    chunksize=max(min(_PART_BYTES // line, _PART_ROWS), 1),
                ),
                options,
            )
        except pd.errors.ParserWarning:
            raise bad(
                options,
                f"has rows of more than the {len(header)} values that its header names",
                "Name every column; a value with a delimiter in it is quoted.",
            ) from None
        except pd.errors.EmptyDataError:
            raise no_rows(options) from None
        except pd.errors.ParserError as error:
            raise _broken_csv(options, str(error), len(header)) from None


def _broken_csv(options: ReadOptions, told: str, width: int) -> Exception:
    """What pandas told of a file that it could not parse, in words that name the line."""
    if found := re.search(r"Expected \d+ fields in line (\d+), saw (\d+)", told):
        return bad(
            options,
            f"line {found[1]} has {found[2]} values, but the header names {width}",
            "Mend that line; a value with a delimiter in it is quoted.",
        )
    if found := re.search(r"EOF inside string starting at row (\d+)", told):
        where = f"row {found[1]}" if found[1] != "0" else "its header"
        return bad(
            options, f"has a quote in {where} that is never closed", 'Close it; a quote within a value is written "".'
        )
    told = told.replace("Error tokenizing data. C error: ", "").strip().removesuffix(".")
    return bad(options, f"cannot be read: {told}", "Mend that line; a value with a delimiter in it is quoted.")


def _chunks(frames: Any, options: ReadOptions) -> Iterator[Rows]:
    found = False
    for frame in frames:
        if len(frame):
            found = True
            yield _rows_of(frame, options)
    if not found:
        raise no_rows(options)


def _rows_of(frame: pd.DataFrame, options: ReadOptions) -> Rows:
    made = {}
    for name in frame.columns:
        if name not in options.ignore:
            try:
                made[str(name)] = part(frame[name], is_guess=not options.is_text(name))
            except ValueError as error:
                raise UnreadableColumnError(options, str(name), error) from None
    return Rows(len(frame), made, options.ignore & set(frame.columns))


def _header(options: ReadOptions, head: str, delimiter: str) -> list[str]:
    # Lines may end as on any system.
    text = io.StringIO(head.lstrip("\ufeff\r\n"), newline=None)
    likely = delimiter_of(head)
    try:
        names = [name.strip() for name in next(csv.reader(text, delimiter=delimiter, skipinitialspace=True), [])]
    except csv.Error as error:
        raise bad(options, f"has a header that cannot be read: {error}", "Mend the first line.") from None
    if len(names) == 1 and likely != delimiter and likely in names[0]:
        spelled = "\\t" if likely == "\t" else likely
        raise bad(
            options,
            f"looks separated by {_NAMED[likely]}, not by {_NAMED.get(delimiter, repr(delimiter))}",
            f'Set [data] delimiter = "{spelled}" in mlctl.toml.',
        )
    # What `DataFrame.to_csv` writes for an index has no name.
    names = [name or f"column_{at}" for at, name in enumerate(names, start=1)]
    _refuse_duplicates(options, names)
    return names


def _refuse_duplicates(options: ReadOptions, names: Sequence[str]) -> None:
    # A set first: a table may have tens of thousands of columns.
    if len(set(names)) < len(names):
        twice = min(name for name in names if names.count(name) > 1)
        raise bad(options, f"has more than one column named '{twice}'", "Rename one: a column is known by its name.")


def _json(path: Path, options: ReadOptions, head: str, advance: Advance) -> Iterator[Rows]:
    """JSON lines; a file that is one list of objects will do too."""
    names: dict[str, None] = {}
    found: list[tuple[int, Any]] = []
    is_list = head.lstrip("\ufeff \r\n\t")[0] == "["
    unit = "item" if is_list else "line"
    with opened(path, options, advance) as file:
        text = io.TextIOWrapper(file, encoding=options.encoding)
        for number, row in _listed(text, options) if is_list else _lines(text, options):
            found.append((number, row))
            if len(found) >= _PART_ROWS // 4:
                yield _records(found, unit, options, names)
                found = []
        if found:
            yield _records(found, unit, options, names)
        elif not names:
            raise no_rows(options)


class _Twice(dict[str, Any]):
    """A JSON object in which ``name`` stands twice; a dict would keep the last value alone."""

    name: str


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) == len(pairs):
        return row
    twice = _Twice(row)
    names = [name for name, _ in pairs]
    twice.name = next(name for at, name in enumerate(names) if name in names[:at])
    return twice


def _lines(text: io.TextIOWrapper, options: ReadOptions) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text, start=1):
        if line.strip():
            try:
                yield number, json.loads(line, object_pairs_hook=_object)
            except (ValueError, RecursionError) as error:
                why = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
                raise bad(options, f"line {number} is not valid JSON: {why.removesuffix('.')}", _OBJECTS) from None


def _listed(text: io.TextIOWrapper, options: ReadOptions) -> Iterator[tuple[int, Any]]:
    try:
        yield from enumerate(json.load(text, object_pairs_hook=_object), start=1)
    except UnicodeDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise bad(options, f"is not valid JSON: {str(error).removesuffix('.')}", _OBJECTS) from None


def _records(rows: list[tuple[int, Any]], unit: str, options: ReadOptions, names: dict[str, None]) -> Rows:
    """``names``: the columns met so far, in order; it grows."""
    for number, row in rows:
        if not isinstance(row, dict):
            raise bad(options, f"{unit} {number} is no JSON object", _OBJECTS)
        if isinstance(row, _Twice):
            raise bad(options, f"{unit} {number} names {row.name!r} twice", "Keep one of the two values.")
        names.update(dict.fromkeys(row))
    made = {}
    for name in names:
        if name in options.ignore:
            continue
        if not _is_text(name):
            raise bad(options, f"names a column {name!a}, which is no text", "Rename it.")
        values = without([row.get(name) for _, row in rows], options.missing)
        try:
            if options.is_text(name):
                values = [written(each) for each in values]
            made[name] = part(pd.Series(values, dtype=object))
        except ValueError as error:
            nested = (number for number, row in rows if isinstance(row.get(name), list | dict))
            where = next((f"{unit} {number}" for number in nested), None)
            raise UnreadableColumnError(options, name, error, where) from None
    return Rows(len(rows), made, options.ignore & names.keys())


def _is_text(name: str) -> bool:
    """Whether a name can be written at all: JSON may hold one half of a surrogate pair."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def _unzipped(path: Path, options: ReadOptions, advance: Advance) -> Iterator[Path]:
    """Parquet is read from its end: one that is gzipped is unzipped to the disk first."""
    with path.open("rb") as file:
        is_plain = file.read(4) == b"PAR1"
    if is_plain:
        yield path
        return
    with scratch_folder() as scratch:
        unzipped = scratch / "table"
        with opened(path, options, advance) as file, unzipped.open("wb") as plain:
            shutil.copyfileobj(file, plain)
        yield unzipped


def _parquet(path: Path, options: ReadOptions, advance: Advance) -> Iterator[Rows]:
    try:
        file = pq.ParquetFile(path)
        names = [name for name in file.schema_arrow.names if not name.startswith("__index_level_")]
        _refuse_duplicates(options, names)
        wanted = [name for name in names if name not in options.ignore]
        ignored = options.ignore & set(names)
        if file.metadata.num_rows == 0:
            raise no_rows(options)
        size, total, done = path.stat().st_size, file.metadata.num_rows, 0
        for batch in file.iter_batches(_PART_ROWS, columns=wanted):
            columns = {name: _arrow_part(batch.column(name), name, options) for name in wanted}
            yield Rows(batch.num_rows, columns, ignored)
            done += batch.num_rows
            advance(size * done // total)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk, not of what is in the file
        why = str(error).strip().splitlines()[0].rstrip(".: ")
        raise bad(options, f"is not valid Parquet: {why}", "It may be cut off or damaged; write it again.") from None


def _arrow_part(values: pa.Array, name: str, options: ReadOptions) -> Part:
    try:
        return arrow_part(values, options.missing, as_text=options.is_text(name))
    except (ValueError, pa.ArrowException) as error:
        raise UnreadableColumnError(options, name, error) from None
