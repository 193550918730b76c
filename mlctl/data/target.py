"""From a table to a dataset: which columns are targets, which task that is, what the classes are."""

import numpy as np

from mlctl.data.columns import Column
from mlctl.data.dataset import Dataset, Task
from mlctl.data.source import Table
from mlctl.data.values import Label
from mlctl.errors import ExitCode, MlctlError, did_you_mean
from mlctl.settings import DataSettings

# A target of whole numbers with at most so many different ones is taken for classes.
CLASSES_AT_MOST = 10


def dataset(table: Table, settings: DataSettings) -> Dataset:
    """The dataset that ``[data]`` makes of a table. Raises MlctlError (exit 3) where its target cannot be one."""
    if settings.target is None:
        raise MlctlError(
            f"{table.name}: which column is to be predicted is not set.",
            code="target_missing",
            exit_code=ExitCode.BAD_INPUT,
            hint=f"Set [data] target to one of: {_listed(list(table.columns))}; `mlctl init FILE` guesses it.",
        )
    targets = tuple(_named(table, name, "target") for name in settings.target_names(table.columns))
    if len(targets) > 1 and settings.task not in ("auto", "regression"):
        raise _bad(
            table.name,
            f"has {len(targets)} targets, which [data] task makes classes: several targets must be numbers",
            'Set [data] task = "regression", or train a model for each target.',
        )
    split_by = _named(table, settings.split_by, "split_by") if settings.split_by else None
    _known(table, settings)
    for target in targets:
        if target.name in settings.ignore:
            raise _bad(
                table.name, f"has the target {target.name}, which [data] ignore leaves out", "Name it in one of both."
            )
    # A group names who a row belongs to; a model that read it would know the groups, not what they have in common.
    names = {target.name for target in targets}
    apart = {*names, *settings.ignore, *((settings.split_by or "",) if settings.split == "group" else ())}
    features = tuple(column for name, column in table.columns.items() if name not in apart)
    if not features:
        which = "target" if len(targets) == 1 else "targets"
        listed = ", ".join(target.name for target in targets)
        raise _bad(table.name, f"has no column but the {which} {listed}", "A model needs features to predict from.")
    for target in targets:
        _refuse_gaps(table, target)
    target = targets[0]
    task = settings.task if settings.task != "auto" else guess_task(target)
    if task == "regression" or len(targets) > 1:
        return _regression(table, features, targets, split_by)
    labels, classes = _classes(table, target)
    if len(labels) < 2:
        raise _bad(
            table.name,
            f"has one class only: {target.name} is '{text_of(labels[0])}' in every row",
            "There is nothing to tell apart; give rows of other classes too.",
        )
    if settings.task == "binary" and len(labels) != 2:
        raise _bad(
            table.name, f"has {len(labels)} classes in {target.name}, not two", 'Set [data] task = "multiclass".'
        )
    found: Task = "binary" if len(labels) == 2 else "multiclass"
    text = tuple(text_of(label) for label in labels)
    return Dataset(table.name, features, targets, found, classes, labels, text, split_by)


def guess_task(target: Column) -> Task:
    """The task that a target's values tell.

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
    """A label as text: booleans as JSON writes them."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def _refuse_gaps(table: Table, target: Column) -> None:
    """Refuse a target that is missing or infinite in any row."""
    if target.missing:
        first = int(np.flatnonzero(target.is_missing)[0]) + 1
        everywhere = target.missing == target.rows
        raise _bad(
            table.name,
            f"has no value of the target {target.name} in "
            + ("any row" if everywhere else f"{target.missing} of {target.rows} rows, the first is row {first}"),
            "A row without a target cannot be learned from: fill it or remove the row.",
        )
    if target.kind == "number" and not np.isfinite(target.values).all():
        first = int(np.flatnonzero(~np.isfinite(target.values))[0]) + 1
        raise _bad(table.name, f"has an infinite target {target.name} in row {first}", "Correct or remove that row.")


def _regression(
    table: Table, features: tuple[Column, ...], targets: tuple[Column, ...], split_by: Column | None
) -> Dataset:
    for target in targets:
        if target.kind == "number":
            continue
        has = f"has a target {target.name} of kind {target.kind}"
        if len(targets) > 1:
            raise _bad(table.name, f"{has}: several targets must be numbers", "Train a model of its own for it.")
        raise _bad(
            table.name,
            f"{has}, which is no number to predict",
            'Set [data] task = "multiclass", or choose another target.',
        )
    return Dataset(table.name, features, targets, "regression", np.empty(0, dtype=np.int64), split_by=split_by)


def _classes(table: Table, target: Column) -> tuple[tuple[Label, ...], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """The labels in ascending order, as scikit-learn orders its ``classes_``, and each row's position among them."""
    if target.kind == "date":
        raise _bad(table.name, f"has dates in the target {target.name}", "Predict a number or a class instead.")
    found, positions = np.unique(target.values, return_inverse=True)
    positions = positions.reshape(-1).astype(np.int64)
    if target.kind == "category":
        texts = np.array(target.texts())[found]
        order = np.argsort(texts)
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        return tuple(str(text) for text in texts[order]), place[positions]
    if target.kind == "boolean":
        return tuple(bool(value) for value in found), positions
    whole = target.is_whole
    return tuple(int(value) if whole else float(value) for value in found), positions


def _named(table: Table, name: str, key: str) -> Column:
    found = table.columns.get(name)
    if found is None:
        raise _bad(
            table.name,
            f"has no column '{name}', which [data] {key} names",
            f"It has: {_listed([*table.columns, *sorted(table.ignored)])}.{did_you_mean(name, table.columns)}",
        )
    return found


def _known(table: Table, settings: DataSettings) -> None:
    """Refuse to give a kind to, or to ignore, a column that is not there: it would be a typo without effect."""
    for key, names in (("kinds", settings.kinds), ("ignore", settings.ignore)):
        for name in names:
            if name not in table.ignored:
                _named(table, name, key)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:12]) + (f", … ({len(names)} in all)" if len(names) > 12 else "")


def _bad(source: str, what: str, hint: str) -> MlctlError:
    return MlctlError(f"{source} {what}.", code="data_invalid", exit_code=ExitCode.BAD_INPUT, hint=hint)
