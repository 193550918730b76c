"""Readers for CSV, TSV, JSON lines and Parquet, compressed or not, in parts of limited size."""

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

from mlctl.data.chunks import Part, arrow_part, json_text, part, replace_missing
from mlctl.data.input_files import Advance, ReadOptions, UnreadableColumnError, no_rows, open_bytes, sample, unreadable
from mlctl.scratch import scratch_folder

__all__ = ["ReadOptions", "Rows", "delimiter_of", "is_text", "is_tsv", "parts", "sample_of"]

# The size of a part of a text file in bytes, and the most rows of any part.
_PART_BYTES = 32_000_000
_PART_ROWS = 262_144
_DELIMITERS = (",", ";", "\t", "|")
_DELIMITER_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_OBJECTS = "Use one JSON object per line, or a single list of objects."


@dataclass(frozen=True, eq=False)
class Rows:
    """``count`` rows of a file: one Part per column, and the names of the ignored columns."""

    count: int
    columns: dict[str, Part]
    ignored: frozenset[str]


def parts(path: Path, options: ReadOptions, advance: Advance = lambda done: None) -> Iterator[Rows]:
    """Yield the rows of a file in parts: at least one part, and no empty part.

    ``advance`` gets the number of bytes read so far. Raises MlctlError (exit 3) for a file that is empty, cannot be
    read, or has rows that do not match its header.
    """
    if path.stat().st_size == 0:
        raise unreadable(options, "is empty", "A table needs a header line with the column names, and rows below it.")
    if not is_text(path):
        with _unzipped(path, options, advance) as unzipped:
            yield from _parquet(unzipped, options, advance)
        return
    head, options = sample(path, options)
    if head.lstrip("\ufeff \r\n\t")[:1] in ("{", "["):
        yield from _json(path, options, head, advance)
    else:
        yield from _csv(path, options, head, advance)


def delimiter_of(sample: str) -> str:
    """The most frequent delimiter in the first line of ``sample``; a comma if none is more frequent."""
    header = next(iter(sample.lstrip("\ufeff\r\n").splitlines()), "")
    return max(_DELIMITERS, key=header.count)


def is_text(path: Path) -> bool:
    """Whether a file is text and not Parquet. Raises MlctlError (exit 3) if it cannot be decompressed."""
    with open_bytes(path, ReadOptions(path.name)) as file:
        return file.read(4) != b"PAR1"


def is_tsv(path: Path) -> bool:
    """Whether the name of a file says that it is separated by tabs."""
    return bool({".tsv", ".tab"} & set(path.suffixes))


def sample_of(path: Path, encoding: str = "utf-8") -> str:
    """The first lines of a text file, decompressed."""
    return sample(path, ReadOptions(path.name, encoding=encoding))[0]


def _csv(path: Path, options: ReadOptions, head: str, advance: Advance) -> Iterator[Rows]:
    delimiter = options.delimiter or ("\t" if is_tsv(path) else ",")
    header = _header(options, head, delimiter)
    line_size = max(sum(map(len, head.splitlines(keepends=True)[:100])) // min(100, head.count("\n") + 1), 1)
    with open_bytes(path, options, advance) as file, warnings.catch_warnings():
        # If every row has more values than the header has names, pandas drops values with a warning.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        # Numbers and text in one part: column_builder asks to read the column again as text.
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)
        try:
            yield from _nonempty(
                # Not `usecols`, which truncates rows that are too long without an error.
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
                    chunksize=max(min(_PART_BYTES // line_size, _PART_ROWS), 1),
                ),
                options,
            )
        except pd.errors.ParserWarning:
            raise unreadable(
                options,
                f"has rows with more values than the {len(header)} columns in its header",
                "Name every column, and quote values that contain the delimiter.",
            ) from None
        except pd.errors.EmptyDataError:
            raise no_rows(options) from None
        except pd.errors.ParserError as error:
            raise _broken_csv(options, str(error), len(header)) from None


def _broken_csv(options: ReadOptions, message: str, width: int) -> Exception:
    """Convert a parser error of pandas to an error that names the line."""
    if match := re.search(r"Expected \d+ fields in line (\d+), saw (\d+)", message):
        return unreadable(
            options,
            f"line {match[1]} has {match[2]} values, but the header has {width} columns",
            "Correct that line, and quote values that contain the delimiter.",
        )
    if match := re.search(r"EOF inside string starting at row (\d+)", message):
        location = f"row {match[1]}" if match[1] != "0" else "its header"
        return unreadable(
            options,
            f"has a quote in {location} that is never closed",
            'Close it, and write a quote inside a value as "".',
        )
    message = message.replace("Error tokenizing data. C error: ", "").strip().removesuffix(".")
    return unreadable(
        options, f"cannot be read: {message}", "Correct that line, and quote values that contain the delimiter."
    )


def _nonempty(frames: Any, options: ReadOptions) -> Iterator[Rows]:
    has_rows = False
    for frame in frames:
        if len(frame):
            has_rows = True
            yield _rows_of(frame, options)
    if not has_rows:
        raise no_rows(options)


def _rows_of(frame: pd.DataFrame, options: ReadOptions) -> Rows:
    columns = {}
    for name in frame.columns:
        if name not in options.ignore:
            try:
                columns[str(name)] = part(frame[name], is_guess=not options.is_text(name))
            except ValueError as error:
                raise UnreadableColumnError(options, str(name), error) from None
    return Rows(len(frame), columns, options.ignore & set(frame.columns))


def _header(options: ReadOptions, head: str, delimiter: str) -> list[str]:
    # newline=None accepts the line endings of any system.
    text = io.StringIO(head.lstrip("\ufeff\r\n"), newline=None)
    likely = delimiter_of(head)
    try:
        names = [name.strip() for name in next(csv.reader(text, delimiter=delimiter, skipinitialspace=True), [])]
    except csv.Error as error:
        raise unreadable(options, f"has a header that cannot be read: {error}", "Correct the first line.") from None
    if len(names) == 1 and likely != delimiter and likely in names[0]:
        escaped = "\\t" if likely == "\t" else likely
        raise unreadable(
            options,
            f"looks separated by {_DELIMITER_NAMES[likely]}, not by {_DELIMITER_NAMES.get(delimiter, repr(delimiter))}",
            f'Set [data] delimiter = "{escaped}" in mlctl.toml.',
        )
    # `DataFrame.to_csv` writes the index as a column without a name.
    names = [name or f"column_{number}" for number, name in enumerate(names, start=1)]
    _refuse_duplicates(options, names)
    return names


def _refuse_duplicates(options: ReadOptions, names: Sequence[str]) -> None:
    # The set comes first, because a table can have tens of thousands of columns.
    if len(set(names)) < len(names):
        duplicate = min(name for name in names if names.count(name) > 1)
        raise unreadable(
            options, f"has more than one column named '{duplicate}'", "Rename one: column names must be unique."
        )


def _json(path: Path, options: ReadOptions, head: str, advance: Advance) -> Iterator[Rows]:
    """Read JSON lines, or a file with a single list of objects."""
    names: dict[str, None] = {}
    records: list[tuple[int, Any]] = []
    is_list = head.lstrip("\ufeff \r\n\t")[0] == "["
    unit = "item" if is_list else "line"
    with open_bytes(path, options, advance) as file:
        text = io.TextIOWrapper(file, encoding=options.encoding)
        for number, row in _list_items(text, options) if is_list else _lines(text, options):
            records.append((number, row))
            if len(records) >= _PART_ROWS // 4:
                yield _records(records, unit, options, names)
                records = []
        if records:
            yield _records(records, unit, options, names)
        elif not names:
            raise no_rows(options)


class _DuplicateKey(dict[str, Any]):
    """A JSON object with the key ``name`` twice; a plain dict would keep the last value silently."""

    name: str


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) == len(pairs):
        return row
    duplicate = _DuplicateKey(row)
    names = [name for name, _ in pairs]
    duplicate.name = next(name for index, name in enumerate(names) if name in names[:index])
    return duplicate


def _lines(text: io.TextIOWrapper, options: ReadOptions) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text, start=1):
        if line.strip():
            try:
                yield number, json.loads(line, object_pairs_hook=_object)
            except (ValueError, RecursionError) as error:
                why = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
                raise unreadable(
                    options, f"line {number} is not valid JSON: {why.removesuffix('.')}", _OBJECTS
                ) from None


def _list_items(text: io.TextIOWrapper, options: ReadOptions) -> Iterator[tuple[int, Any]]:
    try:
        yield from enumerate(json.load(text, object_pairs_hook=_object), start=1)
    except UnicodeDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise unreadable(options, f"is not valid JSON: {str(error).removesuffix('.')}", _OBJECTS) from None


def _records(rows: list[tuple[int, Any]], unit: str, options: ReadOptions, names: dict[str, None]) -> Rows:
    """Convert JSON objects to rows. ``names`` collects the columns found so far, in order."""
    for number, row in rows:
        if not isinstance(row, dict):
            raise unreadable(options, f"{unit} {number} is not a JSON object", _OBJECTS)
        if isinstance(row, _DuplicateKey):
            raise unreadable(options, f"{unit} {number} has the key {row.name!r} twice", "Keep one of the two values.")
        names.update(dict.fromkeys(row))
    columns = {}
    for name in names:
        if name in options.ignore:
            continue
        if not _is_valid_unicode(name):
            raise unreadable(options, f"has a column name that is not valid Unicode: {name!a}", "Rename it.")
        values = replace_missing([row.get(name) for _, row in rows], options.missing)
        try:
            if options.is_text(name):
                values = [json_text(value) for value in values]
            columns[name] = part(pd.Series(values, dtype=object))
        except ValueError as error:
            nested = (number for number, row in rows if isinstance(row.get(name), list | dict))
            location = next((f"{unit} {number}" for number in nested), None)
            raise UnreadableColumnError(options, name, error, location) from None
    return Rows(len(rows), columns, options.ignore & names.keys())


def _is_valid_unicode(name: str) -> bool:
    """Whether a name is valid Unicode: JSON may contain half of a surrogate pair."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def _unzipped(path: Path, options: ReadOptions, advance: Advance) -> Iterator[Path]:
    """Parquet needs random access: a compressed file is first decompressed to the disk."""
    with path.open("rb") as file:
        is_plain = file.read(4) == b"PAR1"
    if is_plain:
        yield path
        return
    with scratch_folder() as scratch:
        unzipped = scratch / "table"
        with open_bytes(path, options, advance) as file, unzipped.open("wb") as plain:
            shutil.copyfileobj(file, plain)
        yield unzipped


def _parquet(path: Path, options: ReadOptions, advance: Advance) -> Iterator[Rows]:
    try:
        file = pq.ParquetFile(path)
        names = [name for name in file.schema_arrow.names if not name.startswith("__index_level_")]
        _refuse_duplicates(options, names)
        selected = [name for name in names if name not in options.ignore]
        ignored = options.ignore & set(names)
        if file.metadata.num_rows == 0:
            raise no_rows(options)
        size, total, done = path.stat().st_size, file.metadata.num_rows, 0
        for batch in file.iter_batches(_PART_ROWS, columns=selected):
            columns = {name: _arrow_part(batch.column(name), name, options) for name in selected}
            yield Rows(batch.num_rows, columns, ignored)
            done += batch.num_rows
            advance(size * done // total)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # an error of the disk, not of the content
        why = str(error).strip().splitlines()[0].rstrip(".: ")
        raise unreadable(
            options, f"is not valid Parquet: {why}", "It may be truncated or damaged; write it again."
        ) from None


def _arrow_part(values: pa.Array, name: str, options: ReadOptions) -> Part:
    try:
        return arrow_part(values, options.missing, as_text=options.is_text(name))
    except (ValueError, pa.ArrowException) as error:
        raise UnreadableColumnError(options, name, error) from None
