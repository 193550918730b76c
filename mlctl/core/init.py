"""``mlctl init``: look at a table, guess what is to be predicted from what, and write it down in ``mlctl.toml``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlctl.core.shared.column_description import Described, described
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

# Names that a target often has; the first that is there is taken, else the last column that can be one.
_LIKELY = ("target", "label", "class", "y", "outcome", "response")
_CODE = re.compile(r"0\d+")
_ASKED_FOR = "left out by --ignore"


@dataclass(frozen=True)
class Guess:
    """What was found in a table, and the file that says so."""

    path: Path
    source: str
    rows: int
    targets: tuple[str, ...]
    task: str
    columns: tuple[Described, ...]
    ignored: dict[str, str]
    text: str


@dataclass(frozen=True)
class _Found:
    """A table, the settings with which it can be read, and why.

    ``unreadable``: columns that hold no values, each with what they hold; ``codes``: columns that are
    written with leading zeros, each with such a value.
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
    """Write ``mlctl.toml`` for the data at ``source_word``: a path from ``folder``, or a built-in set.

    Columns that hold no values, such as lists, are left out like those in ``ignore``, with a warning.

    Raises MlctlError: exit 2 when the file is there already and ``force`` is false, and for a target that is
    to be ignored, exit 3 for data that cannot be read or predicted, exit 6 for data that is not there.
    """
    path = folder / FILE_NAME
    if path.exists() and not force:
        raise MlctlError(
            f"{FILE_NAME} is here already.",
            code="already_initialised",
            exit_code=ExitCode.USAGE,
            hint="Change it by hand, or give --force to write a new one over it.",
        )
    asked = tuple(dict.fromkeys(ignore))
    for word in (source_word, target or "", *missing, *asked):
        _check_text(word)
    data = DataSettings(source=source_word, target=target, missing=tuple(missing), ignore=asked)
    for name in data.target_names(asked):
        if name in asked:
            raise MlctlError(
                f"{name} cannot be the target and be left out.",
                code="target_ignored",
                exit_code=ExitCode.USAGE,
                hint="Name it with --target or with --ignore.",
            )
    if loading.is_builtin(source_word, folder):
        whole = builtin.table(source_word)
        dataset = loading.load(Settings(data=data), folder)
        kept = {name: column for name, column in whole.columns.items() if name not in asked}
        found = _Found(data, replace(whole, columns=kept), {}, {})
        reasons = dict.fromkeys(asked, _ASKED_FOR)
    else:
        found = _read(folder, data, report)
        chosen = data.target_names(found.table.columns)
        useless = _useless(found.table, chosen)
        chosen = chosen or (_likely_target(found.table, useless),)
        reasons = {**dict.fromkeys(asked, _ASKED_FOR), **found.unreadable}
        reasons |= {name: reason for name, reason in useless.items() if name not in chosen}
        kinds = {name: kind for name, kind in found.data.kinds.items() if name not in reasons}
        update = {"target": chosen if len(chosen) > 1 else chosen[0], "ignore": tuple(reasons), "kinds": kinds}
        found = replace(found, data=found.data.model_copy(update=update))
        dataset = targets.dataset(found.table, found.data)
    _warn(found, reasons, report)
    columns = tuple(described(column) for column in found.table.columns.values())
    text = document(found.data, dataset, columns, reasons, found.codes)
    write_atomic(path, text.encode())
    names = tuple(column.name for column in dataset.targets)
    return Guess(path, source_word, dataset.rows, names, dataset.task, columns, reasons, text)


def _warn(found: _Found, ignored: Mapping[str, str], report: Report) -> None:
    for name, reason in found.unreadable.items():
        report(Event("warning", "init", f"{name} {reason}: it is left out."))
    for name, column in found.table.columns.items():
        if name not in ignored and name not in found.codes and (misread := checks.notation_warning(column)):
            report(Event("warning", "init", misread))


def _check_text(word: str) -> None:
    """Raise MlctlError (exit 2) for a word of the command line that is not UTF-8, such as the name of a file."""
    try:
        word.encode()
    except UnicodeEncodeError:
        raise MlctlError(
            f"'{word}' is not valid UTF-8, and {FILE_NAME} holds only UTF-8 text.",
            code="name_not_text",
            exit_code=ExitCode.USAGE,
            hint="Rename the file, or give the name in UTF-8.",
        ) from None


def _read(folder: Path, data: DataSettings, report: Report) -> _Found:
    """The table, and the settings with which it can be read."""
    path = folder / data.source
    if not path.is_file():
        raise _no_file(data.source, path)
    wanted = ReadOptions(path.name, missing=data.missing, ignore=frozenset(data.ignore))
    unreadable: dict[str, str] = {}
    while True:
        try:
            wanted, table = _with_encoding(path, wanted, report)
            break
        except MlctlError as error:
            if error.code == "kind_broken":
                # There is no mlctl.toml yet, which the reader would have corrected.
                error.hint = "Correct the row; or give --missing TEXT if that text stands for no value."
            if not isinstance(error, UnreadableColumnError):
                raise
            if error.column in {*data.target_names((error.column,)), *wanted.ignore}:
                raise
            unreadable[error.column] = error.why
            wanted = replace(wanted, ignore=wanted.ignore | {error.column})
    codes = _codes(path, wanted, table)
    kinds: dict[str, Kind] = dict.fromkeys(codes, "category")
    if codes:
        table = source.read_file(path, wanted, kinds, report)
    how = {"delimiter": wanted.delimiter, "encoding": wanted.encoding, "decimal": wanted.decimal, "kinds": kinds}
    return _Found(data.model_copy(update=how), table, unreadable, codes)


def _no_file(word: str, path: Path) -> MlctlError:
    if word == source.STDIN:
        what = "init looks at a file on this machine, not at standard input."
        hint = "Without init: `mlctl train --source - --target COLUMN`. Or save the rows to a file, and look at that."
    elif word.startswith("s3://"):
        what = f"init looks at a file on this machine, which {word} is not."
        hint = "Look at a copy of it here; [data] source may then name the place of the whole."
    else:
        what = no_file(path, word)
        hint = "Give a CSV, TSV, JSON lines or Parquet file, or --dataset with a built-in set."
    return MlctlError(what, code="data_not_found", exit_code=ExitCode.NOT_FOUND, hint=hint)


def _codes(path: Path, wanted: ReadOptions, table: Table) -> dict[str, str]:
    """Columns read as numbers that are written with leading zeros in the first part of the file, each with one."""
    numbers = {name for name, column in table.columns.items() if column.is_whole}
    if not numbers:
        return {}
    others = wanted.ignore | (table.columns.keys() - numbers)
    first = next(readers.parts(path, replace(wanted, ignore=others, as_text=frozenset(numbers))))
    found = {}
    for name, part in first.columns.items():
        if part.form == "text":
            texts = (text.strip() for text in part.values.dictionary.to_pylist())
            code = next((text for text in texts if _CODE.fullmatch(text)), None)
            if code is not None:
                found[name] = code
    return found


def _with_encoding(path: Path, wanted: ReadOptions, report: Report) -> tuple[ReadOptions, Table]:
    try:
        return _with_delimiter(path, wanted, report)
    except MlctlError as error:
        if error.code != "encoding_wrong":
            raise
    # Every byte is a letter in Latin-1; what it says is for the user to check.
    return _with_delimiter(path, replace(wanted, encoding="latin-1"), report)


def _with_delimiter(path: Path, wanted: ReadOptions, report: Report) -> tuple[ReadOptions, Table]:
    if not readers.is_text(path):
        return wanted, source.read_file(path, wanted, {}, report)
    likely = readers.delimiter_of(readers.sample_of(path, wanted.encoding))
    if likely != ("\t" if readers.is_tsv(path) else ","):
        wanted = replace(wanted, delimiter=likely)
    table = source.read_file(path, wanted, {}, report)
    if likely == ";" and any(checks.has_decimal_commas(column) for column in table.columns.values()):
        wanted = replace(wanted, decimal=",")
        table = source.read_file(path, wanted, {}, report)
    return wanted, table


def _useless(table: Table, targets: Sequence[str]) -> dict[str, str]:
    """Columns that cannot help, each with the reason."""
    found = {}
    for name, column in table.columns.items():
        if name in targets:
            continue
        if column.missing == column.rows:
            found[name] = "no value in any row"
        elif checks.is_constant(column):
            found[name] = "the same value in every row"
        elif checks.is_identifier(column):
            found[name] = "looks like an identifier"
    return found


def _likely_target(table: Table, useless: dict[str, str]) -> str:
    by_name = {name.lower(): name for name in table.columns}
    for likely in _LIKELY:
        name = by_name.get(likely, "")
        if name and name not in useless and table.columns[name].kind != "date":
            return name
    possible = [
        name
        for name, column in table.columns.items()
        if name not in useless and column.kind != "date" and not column.missing and not checks.notation_warning(column)
    ]
    if not possible:
        raise MlctlError(
            f"{table.name} has no column that could be predicted: each is constant, an identifier, a date or has gaps.",
            code="target_missing",
            exit_code=ExitCode.BAD_INPUT,
            hint="Name it with --target.",
        )
    return possible[-1]
