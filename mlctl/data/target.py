"""Turns a table into a dataset: selects targets and features, the task and the classes."""

import numpy as np

from mlctl.data.columns import Column
from mlctl.data.dataset import Dataset, Task
from mlctl.data.source import Table
from mlctl.data.values import Label
from mlctl.errors import ExitCode, MlctlError, did_you_mean
from mlctl.settings import DataSettings

# A target with at most this many distinct whole numbers holds classes.
CLASSES_AT_MOST = 10


def dataset(table: Table, settings: DataSettings) -> Dataset:
    """Turn ``table`` into a dataset as ``[data]`` sets. Raises MlctlError (exit 3) if the target is unsuitable."""
    if settings.target is None:
        raise MlctlError(
            f"{table.name}: no target column is set.",
            code="target_missing",
            exit_code=ExitCode.BAD_INPUT,
            hint=f"Set [data] target to one of: {_listed(list(table.columns))}; `mlctl init FILE` suggests one.",
        )
    targets = tuple(_require_column(table, name, "target") for name in settings.target_names(table.columns))
    if len(targets) > 1 and settings.task not in ("auto", "regression"):
        raise _invalid(
            table.name,
            f'has {len(targets)} targets, but [data] task = "{settings.task}" allows one: '
            "several targets must be numbers",
            'Set [data] task = "regression", or train a model for each target.',
        )
    split_by = _require_column(table, settings.split_by, "split_by") if settings.split_by else None
    _check_column_names(table, settings)
    for target in targets:
        if target.name in settings.ignore:
            raise _invalid(
                table.name,
                f"has the target {target.name}, but [data] ignore excludes it",
                "Remove it from one of the two settings.",
            )
    # The group column is no feature: a model would memorise the groups instead of what they have in common.
    names = {target.name for target in targets}
    excluded = {*names, *settings.ignore, *((settings.split_by or "",) if settings.split == "group" else ())}
    features = tuple(column for name, column in table.columns.items() if name not in excluded)
    if not features:
        which = "target" if len(targets) == 1 else "targets"
        listed = ", ".join(target.name for target in targets)
        raise _invalid(table.name, f"has no column but the {which} {listed}", "A model needs features to predict from.")
    for target in targets:
        _check_target_values(table, target)
    target = targets[0]
    task = settings.task if settings.task != "auto" else guess_task(target)
    if task == "regression" or len(targets) > 1:
        return _regression(table, features, targets, split_by)
    labels, classes = _classes(table, target)
    if len(labels) < 2:
        raise _invalid(
            table.name,
            f"has only one class: {target.name} is '{text_of(labels[0])}' in every row",
            "A classifier needs rows of at least two classes.",
        )
    if settings.task == "binary" and len(labels) != 2:
        raise _invalid(
            table.name, f"has {len(labels)} classes in {target.name}, not two", 'Set [data] task = "multiclass".'
        )
    class_task: Task = "binary" if len(labels) == 2 else "multiclass"
    text = tuple(text_of(label) for label in labels)
    return Dataset(table.name, features, targets, class_task, classes, labels, text, split_by)


def guess_task(target: Column) -> Task:
    """Infer the task from the values of a target.

    Texts and booleans are classes; so are whole numbers with at most CLASSES_AT_MOST different ones.
    Every other number is a quantity: regression.
    """
    if target.kind == "number":
        if not target.is_whole or (distinct := len(np.unique(target.values))) > CLASSES_AT_MOST:
            return "regression"
    elif target.kind == "category":
        distinct = len(target.texts())
    else:
        distinct = len(np.unique(target.values))
    return "binary" if distinct == 2 else "multiclass"


def text_of(label: Label) -> str:
    """A label as text; booleans are ``true`` and ``false`` as in JSON."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def _check_target_values(table: Table, target: Column) -> None:
    """Raise MlctlError (exit 3) if the target is missing or infinite in any row."""
    if target.missing:
        first = int(np.flatnonzero(target.is_missing)[0]) + 1
        everywhere = target.missing == target.rows
        raise _invalid(
            table.name,
            f"has no value of the target {target.name} in "
            + ("any row" if everywhere else f"{target.missing} of {target.rows} rows (first: row {first})"),
            "Training needs a target in every row: fill in the value, or remove the row.",
        )
    if target.kind == "number" and not np.isfinite(target.values).all():
        first = int(np.flatnonzero(~np.isfinite(target.values))[0]) + 1
        raise _invalid(
            table.name, f"has an infinite target {target.name} in row {first}", "Correct or remove that row."
        )


def _regression(
    table: Table, features: tuple[Column, ...], targets: tuple[Column, ...], split_by: Column | None
) -> Dataset:
    for target in targets:
        if target.kind == "number":
            continue
        problem = f"has a target {target.name} of kind {target.kind}"
        if len(targets) > 1:
            raise _invalid(table.name, f"{problem}: several targets must be numbers", "Train a separate model for it.")
        raise _invalid(
            table.name,
            f"{problem}, but a regression needs a number",
            'Set [data] task = "multiclass", or choose another target.',
        )
    return Dataset(table.name, features, targets, "regression", np.empty(0, dtype=np.int64), split_by=split_by)


def _classes(table: Table, target: Column) -> tuple[tuple[Label, ...], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """The labels in the order of scikit-learn's ``classes_`` (ascending), and the position of each row's label."""
    if target.kind == "date":
        raise _invalid(table.name, f"has dates in the target {target.name}", "Predict a number or a class instead.")
    distinct, positions = np.unique(target.values, return_inverse=True)
    positions = positions.reshape(-1).astype(np.int64)
    if target.kind == "category":
        texts = np.array(target.texts())[distinct]
        order = np.argsort(texts)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        return tuple(str(text) for text in texts[order]), rank[positions]
    if target.kind == "boolean":
        return tuple(bool(value) for value in distinct), positions
    whole = target.is_whole
    return tuple(int(value) if whole else float(value) for value in distinct), positions


def _require_column(table: Table, name: str, key: str) -> Column:
    column = table.columns.get(name)
    if column is None:
        raise _invalid(
            table.name,
            f"has no column '{name}', which [data] {key} names",
            f"It has: {_listed([*table.columns, *sorted(table.ignored)])}.{did_you_mean(name, table.columns)}",
        )
    return column


def _check_column_names(table: Table, settings: DataSettings) -> None:
    """Raise MlctlError (exit 3) if ``kinds`` or ``ignore`` name a column that does not exist, such as a typo."""
    for key, names in (("kinds", settings.kinds), ("ignore", settings.ignore)):
        for name in names:
            if name not in table.ignored:
                _require_column(table, name, key)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:12]) + (f", … ({len(names)} in all)" if len(names) > 12 else "")


def _invalid(source: str, problem: str, hint: str) -> MlctlError:
    return MlctlError(f"{source} {problem}.", code="data_invalid", exit_code=ExitCode.BAD_INPUT, hint=hint)
