"""Writes the text of a new ``mlctl.toml`` for ``mlctl init``."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlctl.core.shared.column_description import ColumnDescription
from mlctl.data import checks, split
from mlctl.data.dataset import Dataset
from mlctl.errors import MlctlError
from mlctl.settings import DataSettings
from mlctl.text import printable
from mlctl.toml import toml_key, toml_text
from mlctl.training.pipeline import DEFAULT_ESTIMATOR

_USUAL_FOLDS = 5


def document(
    data: DataSettings,
    dataset: Dataset,
    columns: Sequence[ColumnDescription],
    ignored: Mapping[str, str],
    codes: Mapping[str, str],
) -> str:
    """Return the text of ``mlctl.toml``, with a comment at each key.

    ``ignored``: columns to leave out, each with the reason. ``codes``: columns with leading zeros, each with such a
    value.
    """
    metric = {"binary": "roc_auc = 0.75", "multiclass": "accuracy = 0.8", "regression": "r2 = 0.7"}[dataset.task]
    lines = [
        printable(f"# {dataset.name}: {dataset.rows:,} rows. Every key is optional; `mlctl config` shows all of them."),
        f"project = {toml_text(_project_name(data.source))}",
        "",
        "[data]",
        _with_comment(f"source = {toml_text(data.source)}", "a path, s3://…, - for standard input, or a built-in set"),
        _with_comment(f"target = {_target(dataset)}", _target_comment(dataset)),
        _with_comment(f'# task = "{dataset.task}"', "found from the target; binary, multiclass or regression"),
    ]
    if ignored:
        listed = ", ".join(toml_text(name) for name in ignored)
        reasons = "; ".join(f"{name}: {reason}" for name, reason in ignored.items())
        lines.append(_with_comment(f"ignore = [{listed}]", reasons))
    else:
        lines.append(_with_comment("# ignore = []", "columns to leave out"))
    lines += _reading_lines(data, codes)
    lines += [
        _with_comment("test_size = 0.2", "the share of rows held out for the metrics"),
        "seed = 42",
        _with_comment('# split = "group"', 'or "time"; with split_by = "a column"'),
        "",
        "# The columns as they were read; the kinds can be set above.",
        *(f"#   {line}" for line in _column_lines(columns)),
        "",
        "[model]",
        _with_comment(f"estimator = {toml_text(DEFAULT_ESTIMATOR[dataset.task])}", "any scikit-learn estimator"),
        # A comment: as a setting it would break another estimator, and override a pipeline of the user's own.
        _with_comment("# params = { n_estimators = 300 }", "of the estimator; STEP__NAME for a step before it"),
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
    """Return the usual number of folds, or the number of training rows of the rarest class if it is smaller."""
    try:
        training = split.hold_out(dataset, DataSettings()).train
    except MlctlError:
        # A class has only one row. `data validate` reports it; the file is useful anyway.
        return _USUAL_FOLDS
    if dataset.is_regression:
        return max(2, min(_USUAL_FOLDS, len(training)))
    return max(2, min(_USUAL_FOLDS, *checks.balance(dataset, training).values()))


def _reading_lines(data: DataSettings, codes: Mapping[str, str]) -> list[str]:
    if data.kinds:
        listed = ", ".join(f"{toml_key(name)} = {toml_text(kind)}" for name, kind in data.kinds.items())
        reasons = "; ".join(f"{name}: codes, for some have leading zeros ('{codes[name]}')" for name in data.kinds)
        lines = [_with_comment(f"kinds = {{ {listed} }}", reasons)]
    else:
        meaning = "number, category, boolean or date, if the guess is wrong"
        lines = [_with_comment('# kinds = { zip = "category" }', meaning)]
    if data.missing:
        lines.append(_with_comment(f"missing = [{', '.join(map(toml_text, data.missing))}]", "texts that are no value"))
    else:
        lines.append(_with_comment('# missing = ["?"]', "texts that stand for no value, besides the usual ones"))
    for key, usual in (("delimiter", None), ("encoding", "utf-8"), ("decimal", ".")):
        value = getattr(data, key)
        if value != usual:
            lines.append(f"{key} = {toml_text(value)}")
    return lines


def _column_lines(columns: Sequence[ColumnDescription]) -> list[str]:
    width = max(len(column.name) for column in columns)
    lines = []
    for column in columns:
        kind = "whole number" if column.entry.get("integer") else column.kind
        gaps = f", {column.missing} missing" if column.missing else ""
        lines.append(printable(f"{column.name.ljust(width)}  {kind}{gaps}"))
    return lines


def _target(dataset: Dataset) -> str:
    names = [toml_text(column.name) for column in dataset.targets]
    return names[0] if len(names) == 1 else f"[{', '.join(names)}]"


def _target_comment(dataset: Dataset) -> str:
    if dataset.is_regression:
        return f"regression: {'a number' if len(dataset.targets) == 1 else 'several numbers'} to predict"
    counts = checks.balance(dataset)
    shown = ", ".join(f"{name} {count / dataset.rows:.0%}" for name, count in list(counts.items())[:4])
    return f"{dataset.task}: {shown}{', …' if len(counts) > 4 else ''}"


def _with_comment(line: str, comment: str) -> str:
    return f"{line.ljust(34)} # {printable(comment)}"


def _project_name(source_word: str) -> str:
    """A name for the project from that of the file: letters, digits, - and _."""
    stem = Path(source_word).name.split(".")[0]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_")[:40] or "model"
