"""``schema.json``: the features that the API accepts and the target that it returns."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlctl.data.columns import Column, Integers
from mlctl.data.dataset import Dataset
from mlctl.data.target import text_of
from mlctl.data.values import Label, iso_text

FORMAT = 2
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def make_schema(dataset: Dataset, rows: Integers, labels: tuple[Label, ...] = ()) -> dict[str, Any]:
    """Make the schema of ``dataset``, with the ranges and categories in ``rows`` (the training part).

    ``labels``: the classes of the fitted model in its order; empty for a regression.
    """
    target: dict[str, Any]
    if dataset.is_regression:
        outputs = [_output(column, rows) for column in dataset.targets]
        target = {"outputs": outputs} if len(outputs) > 1 else outputs[0]
    else:
        names = dict(zip(dataset.labels, dataset.class_names, strict=True))
        class_names = [names.get(label, text_of(label)) for label in labels]
        target = {"name": dataset.target_name, "labels": list(labels), "class_names": class_names}
    return {
        "format": FORMAT,
        "task": dataset.task,
        "features": [feature(column, rows) for column in dataset.features],
        "target": target,
    }


def _output(column: Column, rows: Integers) -> dict[str, Any]:
    values = column.floats(rows)
    return {"name": column.name, "min": float(values.min()), "max": float(values.max())}


def feature(column: Column, rows: Integers | slice = slice(None)) -> dict[str, Any]:
    """Describe one column: its kind, whether any row lacks a value, and the range or categories in ``rows``.

    The values of a category are from all rows, their counts only from ``rows``, so a count can be 0.
    """
    description = {"name": column.name, "kind": column.kind, "nullable": column.missing > 0}
    part = column.take(rows) if not isinstance(rows, slice) else column
    present = part.values[~part.is_missing] if part.missing else part.values
    if column.kind == "number":
        return description | {"integer": column.is_whole, **_range(present.astype(np.float64))}
    if column.kind == "date":
        ends = {"min": iso_text(int(present.min())), "max": iso_text(int(present.max()))} if len(present) else {}
        return description | {"min": None, "max": None, **ends}
    if column.kind == "boolean":
        return description | {"true": int(np.sum(present == 1)), "false": int(np.sum(present == 0))}
    texts = column.texts()
    counts = np.bincount(present.astype(np.int64), minlength=len(texts))
    total_counts = np.bincount(column.values[~column.is_missing].astype(np.int64), minlength=len(texts))
    # The most frequent first, equal counts in alphabetical order.
    order = sorted(
        (code for code in range(len(texts)) if total_counts[code]), key=lambda code: (-counts[code], texts[code])
    )
    return description | {"values": [texts[code] for code in order], "counts": [int(counts[code]) for code in order]}


def _range(present: NDArray[np.float64]) -> dict[str, Any]:
    if len(present) == 0:
        return {"min": None, "max": None, "quantiles": None}
    with np.errstate(over="ignore", invalid="ignore"):
        quantiles = np.quantile(present, QUANTILES)
    if not np.isfinite(quantiles).all():
        # Interpolation overflows between numbers at both ends of float64.
        quantiles = np.quantile(present, QUANTILES, method="lower")
    return {
        "min": float(present.min()),
        "max": float(present.max()),
        "quantiles": [float(quantile) for quantile in quantiles],
    }
