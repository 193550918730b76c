"""Examines a table, guesses target, kinds and task, and writes ``mlctl.toml``, for ``mlctl init``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlctl.core.shared.column_description import ColumnDescription, describe_column
from mlctl.core.shared.settings_file import document
from mlctl.data import builtin, checks, loading, readers, source
from mlctl.data import target as targets
from mlctl.data.input_files import ReadOptions, UnreadableColumnError
from mlctl.data.source import Table
from mlctl.errors import ExitCode, MlctlError
from mlctl.files import no_file, write_atomic
from mlctl.progress import Event, Report, silent
from mlctl.settings import DataSettings, Kind, Settings
from mlctl.settings.sources import FILE_NAME

# Common names of a target. The first that exists is the guess, otherwise the last column that can be a target.
_TARGET_NAMES = ("target", "label", "class", "y", "outcome", "response")
_CODE = re.compile(r"0\d+")
_IGNORED_BY_FLAG = "left out by --ignore"


@dataclass(frozen=True)
class Guess:
    """The guesses about a table, and the file with them."""

    path: Path
    source: str
    rows: int
    targets: tuple[str, ...]
    task: str
    columns: tuple[ColumnDescription, ...]
    ignored: dict[str, str]
    text: str


@dataclass(frozen=True)
class _TableGuess:
    """A table and the settings to read it.

    ``unreadable``: columns without plain values, each with what it has instead. ``codes``: columns with leading zeros,
    each with such a value.
    """

    data: DataSettings
    table: Table
    unreadable: Mapping[str, str]
    codes: Mapping[str, str]


def run(
    folder: Path,
    source_word: str,
    *,
    target: str | None = None,
    missing: Sequence[str] = (),
    ignore: Sequence[str] = (),
    force: bool = False,
    report: Report = silent,
) -> Guess:
    """Write ``mlctl.toml`` for the data at ``source_word``: a path relative to ``folder``, or a built-in dataset.

    Leaves out columns without plain values, such as lists, with a warning.

    Raises MlctlError: exit 2 if the file exists and ``force`` is false, and for a target in ``ignore``; exit 3 for data
    that cannot be read or predicted; exit 6 for data that does not exist.
    """
    path = folder / FILE_NAME
    if path.exists() and not force:
        raise MlctlError(
            f"{FILE_NAME} already exists.",
            code="already_initialised",
            exit_code=ExitCode.USAGE,
            hint="Edit it, or give --force to overwrite it.",
        )
    ignored_by_flag = tuple(dict.fromkeys(ignore))
    for word in (source_word, target or "", *missing, *ignored_by_flag):
        _check_utf8(word)
    data = DataSettings(source=source_word, target=target, missing=tuple(missing), ignore=ignored_by_flag)
    for name in data.target_names(ignored_by_flag):
        if name in ignored_by_flag:
            raise MlctlError(
                f"{name} is in both --target and --ignore.",
                code="target_ignored",
                exit_code=ExitCode.USAGE,
                hint="Remove it from --target or from --ignore.",
            )
    if loading.is_builtin(source_word, folder):
        table = builtin.table(source_word)
        dataset = loading.load(Settings(data=data), folder)
        used_columns = {name: column for name, column in table.columns.items() if name not in ignored_by_flag}
        guess = _TableGuess(data, replace(table, columns=used_columns), {}, {})
        ignored = dict.fromkeys(ignored_by_flag, _IGNORED_BY_FLAG)
    else:
        guess = _read(folder, data, report)
        target_names = data.target_names(guess.table.columns)
        useless = _useless_columns(guess.table, target_names)
        target_names = target_names or (_likely_target(guess.table, useless),)
        ignored = {**dict.fromkeys(ignored_by_flag, _IGNORED_BY_FLAG), **guess.unreadable}
        ignored |= {name: reason for name, reason in useless.items() if name not in target_names}
        kinds = {name: kind for name, kind in guess.data.kinds.items() if name not in ignored}
        update = {
            "target": target_names if len(target_names) > 1 else target_names[0],
            "ignore": tuple(ignored),
            "kinds": kinds,
        }
        guess = replace(guess, data=guess.data.model_copy(update=update))
        dataset = targets.dataset(guess.table, guess.data)
    _report_warnings(guess, ignored, report)
    columns = tuple(describe_column(column) for column in guess.table.columns.values())
    text = document(guess.data, dataset, columns, ignored, guess.codes)
    write_atomic(path, text.encode())
    names = tuple(column.name for column in dataset.targets)
    return Guess(path, source_word, dataset.rows, names, dataset.task, columns, ignored, text)


def _report_warnings(guess: _TableGuess, ignored: Mapping[str, str], report: Report) -> None:
    for name, reason in guess.unreadable.items():
        report(Event("warning", "init", f"{name} {reason}: it is left out."))
    for name, column in guess.table.columns.items():
        if name not in ignored and name not in guess.codes and (misread := checks.notation_warning(column)):
            report(Event("warning", "init", misread))


def _check_utf8(word: str) -> None:
    """Raise MlctlError (exit 2) for a command-line argument that is not UTF-8, such as the name of a file."""
    try:
        word.encode()
    except UnicodeEncodeError:
        raise MlctlError(
            f"'{word}' is not valid UTF-8, and {FILE_NAME} can only contain UTF-8 text.",
            code="name_not_text",
            exit_code=ExitCode.USAGE,
            hint="Rename the file, or give the name in UTF-8.",
        ) from None


def _read(folder: Path, data: DataSettings, report: Report) -> _TableGuess:
    """Read the table, and guess the settings to read it."""
    path = folder / data.source
    if not path.is_file():
        raise _no_file(data.source, path)
    options = ReadOptions(path.name, missing=data.missing, ignore=frozenset(data.ignore))
    unreadable: dict[str, str] = {}
    while True:
        try:
            options, table = _guess_encoding(path, options, report)
            break
        except MlctlError as error:
            if error.code == "kind_broken":
                # The hint of the reader names mlctl.toml, which does not exist yet.
                error.hint = "Correct the row, or give --missing TEXT if that text means a missing value."
            if not isinstance(error, UnreadableColumnError):
                raise
            if error.column in {*data.target_names((error.column,)), *options.ignore}:
                raise
            unreadable[error.column] = error.why
            options = replace(options, ignore=options.ignore | {error.column})
    codes = _find_codes(path, options, table)
    kinds: dict[str, Kind] = dict.fromkeys(codes, "category")
    if codes:
        table = source.read_file(path, options, kinds, report)
    update = {"delimiter": options.delimiter, "encoding": options.encoding, "decimal": options.decimal, "kinds": kinds}
    return _TableGuess(data.model_copy(update=update), table, unreadable, codes)


def _no_file(word: str, path: Path) -> MlctlError:
    if word == source.STDIN:
        message = "init reads a file on this machine, not standard input."
        hint = "Without init: `mlctl train --source - --target COLUMN`. Or save the rows to a file for init."
    elif word.startswith("s3://"):
        message = f"init reads a file on this machine, which {word} is not."
        hint = "Use a local copy; then change [data] source to the s3:// address."
    else:
        message = no_file(path, word)
        hint = "Give a CSV, TSV, JSON lines or Parquet file, or --dataset with a built-in dataset."
    return MlctlError(message, code="data_not_found", exit_code=ExitCode.NOT_FOUND, hint=hint)


def _find_codes(path: Path, options: ReadOptions, table: Table) -> dict[str, str]:
    """Return columns of numbers with leading zeros in the first part of the file, each with such a value."""
    numbers = {name for name, column in table.columns.items() if column.is_whole}
    if not numbers:
        return {}
    ignore = options.ignore | (table.columns.keys() - numbers)
    first = next(readers.parts(path, replace(options, ignore=ignore, as_text=frozenset(numbers))))
    codes = {}
    for name, part in first.columns.items():
        if part.form == "text":
            texts = (text.strip() for text in part.values.dictionary.to_pylist())
            code = next((text for text in texts if _CODE.fullmatch(text)), None)
            if code is not None:
                codes[name] = code
    return codes


def _guess_encoding(path: Path, options: ReadOptions, report: Report) -> tuple[ReadOptions, Table]:
    try:
        return _guess_delimiter(path, options, report)
    except MlctlError as error:
        if error.code != "encoding_wrong":
            raise
    # Latin-1 can decode every byte. The user has to check the result.
    return _guess_delimiter(path, replace(options, encoding="latin-1"), report)


def _guess_delimiter(path: Path, options: ReadOptions, report: Report) -> tuple[ReadOptions, Table]:
    if not readers.is_text(path):
        return options, source.read_file(path, options, {}, report)
    delimiter = readers.delimiter_of(readers.sample_of(path, options.encoding))
    if delimiter != ("\t" if readers.is_tsv(path) else ","):
        options = replace(options, delimiter=delimiter)
    table = source.read_file(path, options, {}, report)
    if delimiter == ";" and any(checks.has_decimal_commas(column) for column in table.columns.values()):
        options = replace(options, decimal=",")
        table = source.read_file(path, options, {}, report)
    return options, table


def _useless_columns(table: Table, targets: Sequence[str]) -> dict[str, str]:
    """Return columns that cannot help a model, each with the reason."""
    reasons = {}
    for name, column in table.columns.items():
        if name in targets:
            continue
        if column.missing == column.rows:
            reasons[name] = "no value in any row"
        elif checks.is_constant(column):
            reasons[name] = "the same value in every row"
        elif checks.is_identifier(column):
            reasons[name] = "looks like an identifier"
    return reasons


def _likely_target(table: Table, useless: dict[str, str]) -> str:
    by_name = {name.lower(): name for name in table.columns}
    for target_name in _TARGET_NAMES:
        name = by_name.get(target_name, "")
        if name and name not in useless and table.columns[name].kind != "date":
            return name
    possible = [
        name
        for name, column in table.columns.items()
        if name not in useless and column.kind != "date" and not column.missing and not checks.notation_warning(column)
    ]
    if not possible:
        raise MlctlError(
            f"{table.name} has no column that can be a target: each is constant, an identifier, a date, or incomplete.",
            code="target_missing",
            exit_code=ExitCode.BAD_INPUT,
            hint="Name it with --target.",
        )
    return possible[-1]
