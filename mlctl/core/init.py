"""``mlctl init``: look at a table, guess what is to be predicted from what, and write it down in ``mlctl.toml``."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlctl.data import builtin, checks, loading, reading, source, split
from mlctl.data import target as targets
from mlctl.data.columns import Column
from mlctl.data.dataset import Dataset
from mlctl.data.opening import Reading
from mlctl.data.source import Table
from mlctl.errors import ExitCode, MlctlError
from mlctl.files import write_atomic
from mlctl.model.describe import Described, described
from mlctl.model.pipeline import DEFAULT_ESTIMATOR
from mlctl.progress import Report, silent
from mlctl.settings import DataSettings
from mlctl.settings_sources import FILE_NAME

# Names that a target often has; the first that is there is taken, else the last column that can be one.
_LIKELY = ("target", "label", "class", "y", "outcome", "response")
_USUAL_FOLDS = 5
_DECIMAL_COMMA = re.compile(r"-?\d+(,\d+)?")


@dataclass(frozen=True)
class Guess:
    """What was found in a table, and the file that says so."""

    path: Path
    source: str
    rows: int
    target: str
    task: str
    columns: tuple[Described, ...]
    ignored: dict[str, str]
    text: str


def run(
    folder: Path,
    source_word: str,
    *,
    target: str | None = None,
    missing: Sequence[str] = (),
    force: bool = False,
    report: Report = silent,
) -> Guess:
    """Write ``mlctl.toml`` for the data at ``source_word``: a path from ``folder``, or a built-in set.

    Raises MlctlError: exit 2 when the file is there already and ``force`` is false, exit 3 for data that
    cannot be read or predicted, exit 6 for data that is not there.
    """
    path = folder / FILE_NAME
    if path.exists() and not force:
        raise MlctlError(
            f"{FILE_NAME} is here already.",
            code="already_initialised",
            exit_code=ExitCode.USAGE,
            hint="Change it by hand, or give --force to write a new one over it.",
        )
    data = DataSettings(source=source_word, missing=tuple(missing))
    if loading.is_builtin(source_word, folder):
        table, dataset = builtin.table(source_word), builtin.load(source_word, target)
    else:
        data, table = _read(folder, data, report)
        ignore = _useless(table, target)
        chosen = target or _likely_target(table, ignore)
        data = data.model_copy(update={"target": chosen, "ignore": tuple(n for n in ignore if n != chosen)})
        dataset = targets.dataset(table, data)
    columns = tuple(described(column) for column in table.columns.values())
    reasons = {name: reason for name, reason in _useless(table, target).items() if name in data.ignore}
    text = _document(data, dataset, columns, reasons)
    write_atomic(path, text.encode())
    return Guess(path, source_word, dataset.rows, dataset.target.name, dataset.task, columns, reasons, text)


def _read(folder: Path, data: DataSettings, report: Report) -> tuple[DataSettings, Table]:
    """The table, and the settings with which it can be read."""
    path = folder / data.source
    if not path.is_file():
        is_elsewhere = data.source == source.STDIN or data.source.startswith("s3://")
        raise MlctlError(
            f"init looks at a file on this machine, which {data.source} is not."
            if is_elsewhere
            else f"There is no file {data.source}" + (" (it is a folder)." if path.is_dir() else "."),
            code="data_not_found",
            exit_code=ExitCode.NOT_FOUND,
            hint="Look at a copy of it here; [data] source may then name the place of the whole."
            if is_elsewhere
            else "Give a CSV, TSV, JSON lines or Parquet file, or --dataset with a built-in set.",
        )
    wanted = Reading(path.name, missing=data.missing)
    try:
        wanted, table = _with_encoding(path, wanted, report)
    except MlctlError as error:
        if error.code == "kind_broken":
            # There is no mlctl.toml yet, which the reader would have corrected.
            error.hint = "Correct the row; or give --missing TEXT if that text stands for no value."
        raise
    return data.model_copy(
        update={"delimiter": wanted.delimiter, "encoding": wanted.encoding, "decimal": wanted.decimal}
    ), table


def _with_encoding(path: Path, wanted: Reading, report: Report) -> tuple[Reading, Table]:
    try:
        return _with_delimiter(path, wanted, report)
    except MlctlError as error:
        if error.code != "encoding_wrong":
            raise
    # Every byte is a letter in Latin-1; what it says is for the user to check.
    return _with_delimiter(path, replace(wanted, encoding="latin-1"), report)


def _with_delimiter(path: Path, wanted: Reading, report: Report) -> tuple[Reading, Table]:
    if not reading.is_text(path):
        return wanted, source.read_file(path, wanted, {}, report)
    likely = reading.delimiter_of(reading.sample_of(path, wanted.encoding))
    if likely != ("\t" if reading.is_tsv(path) else ","):
        wanted = replace(wanted, delimiter=likely)
    table = source.read_file(path, wanted, {}, report)
    if likely == ";" and any(_has_decimal_commas(column) for column in table.columns.values()):
        wanted = replace(wanted, decimal=",")
        table = source.read_file(path, wanted, {}, report)
    return wanted, table


def _has_decimal_commas(column: Column) -> bool:
    texts = column.texts()
    return any("," in text for text in texts) and all(_DECIMAL_COMMA.fullmatch(text) for text in texts)


def _useless(table: Table, target: str | None) -> dict[str, str]:
    """Columns that cannot help, each with the reason."""
    found = {}
    for name, column in table.columns.items():
        if name == target:
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
        if name not in useless and column.kind != "date" and not column.missing
    ]
    if not possible:
        raise MlctlError(
            f"{table.name} has no column that could be predicted: each is constant, an identifier, a date or has gaps.",
            code="target_missing",
            exit_code=ExitCode.BAD_INPUT,
            hint="Name it with --target.",
        )
    return possible[-1]


def _document(data: DataSettings, dataset: Dataset, columns: Sequence[Described], ignored: dict[str, str]) -> str:
    """The text of ``mlctl.toml``, with a comment at each key."""
    metric = {"binary": "roc_auc = 0.75", "multiclass": "accuracy = 0.8", "regression": "r2 = 0.7"}[dataset.task]
    lines = [
        _one_line(f"# {dataset.name}: {dataset.rows:,} rows. Every key is optional; `mlctl config` shows all of them."),
        f"project = {_quoted(_project_name(data.source))}",
        "",
        "[data]",
        _with_comment(f"source = {_quoted(data.source)}", "a path, s3://…, - for standard input, or a built-in set"),
        _with_comment(f"target = {_quoted(dataset.target.name)}", _told(dataset)),
        _with_comment(f'# task = "{dataset.task}"', "found from the target; binary, multiclass or regression"),
    ]
    if ignored:
        listed = ", ".join(_quoted(name) for name in ignored)
        reasons = "; ".join(f"{name}: {reason}" for name, reason in ignored.items())
        lines.append(_with_comment(f"ignore = [{listed}]", reasons))
    else:
        lines.append(_with_comment("# ignore = []", "columns to leave out"))
    lines += _how_to_read(data)
    lines += [
        _with_comment("test_size = 0.2", "the share of rows held out for the metrics"),
        "seed = 42",
        _with_comment('# split = "group"', 'or "time"; with split_by = "a column"'),
        "",
        "# The columns as they were read; the kinds can be set above.",
        *(f"#   {line}" for line in _listed(columns)),
        "",
        "[model]",
        _with_comment(f"estimator = {_quoted(DEFAULT_ESTIMATOR[dataset.task])}", "any scikit-learn estimator"),
        _with_comment("params = { n_estimators = 100 }", "of the estimator; STEP__NAME for a step before it"),
        _with_comment(
            'preprocess = "auto"', "by kind: impute, one-hot or ordinal, standardise; or a list of transformers"
        ),
        _with_comment(f"cv = {_folds(dataset)}", "folds of cross-validation, at most the rows of the rarest class"),
        "",
        _with_comment("[gates]", "a version that misses one is not deployed"),
        f"# {metric}",
        "",
        "[deploy]",
        _with_comment("memory = 256", "MB"),
        "",
        _with_comment("# [stage.prod]", "any key of [deploy], for one stage"),
        '# region = "eu-west-1"',
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _folds(dataset: Dataset) -> int:
    """The usual number of folds, or as many as the rarest class has rows to train on."""
    if dataset.is_regression:
        return max(2, min(_USUAL_FOLDS, dataset.rows))
    try:
        training = split.hold_out(dataset, DataSettings()).train
    except MlctlError:
        # A class of one row: `data validate` tells of it, and the file has to be written all the same.
        return _USUAL_FOLDS
    return max(2, min(_USUAL_FOLDS, *checks.balance(dataset, training).values()))


def _how_to_read(data: DataSettings) -> list[str]:
    lines = [
        _with_comment('# kinds = { zip = "category" }', "number, category, boolean or date, where the guess is wrong")
    ]
    if data.missing:
        lines.append(_with_comment(f"missing = [{', '.join(map(_quoted, data.missing))}]", "texts that are no value"))
    else:
        lines.append(_with_comment('# missing = ["?"]', "texts that stand for no value, besides the usual ones"))
    for key, usual in (("delimiter", None), ("encoding", "utf-8"), ("decimal", ".")):
        value = getattr(data, key)
        if value != usual:
            lines.append(f"{key} = {_quoted(value)}")
    return lines


def _listed(columns: Sequence[Described]) -> list[str]:
    width = max(len(column.name) for column in columns)
    lines = []
    for column in columns:
        kind = "whole number" if column.entry.get("integer") else column.kind
        gaps = f", {column.missing} missing" if column.missing else ""
        lines.append(_one_line(f"{column.name.ljust(width)}  {kind}{gaps}"))
    return lines


def _told(dataset: Dataset) -> str:
    if dataset.is_regression:
        return "regression: a number to predict"
    counts = checks.balance(dataset)
    shown = ", ".join(f"{name} {count / dataset.rows:.0%}" for name, count in list(counts.items())[:4])
    return f"{dataset.task}: {shown}{', …' if len(counts) > 4 else ''}"


def _with_comment(line: str, comment: str) -> str:
    return f"{line.ljust(34)} # {_one_line(comment)}"


def _one_line(comment: str) -> str:
    """A comment without the control characters and line ends that TOML does not allow in one."""
    return "".join(each if each.isprintable() else " " for each in comment)


def _quoted(text: str) -> str:
    # A JSON string is a TOML basic string, but for DEL, which TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _project_name(source_word: str) -> str:
    """A name for the project from that of the file: letters, digits, - and _."""
    stem = Path(source_word).name.split(".")[0]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_")[:40] or "model"
