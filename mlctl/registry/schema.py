"""The contract of the columns, ``schema.json``: what the API takes and answers."""

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
    """The schema of ``dataset`` with the ranges and categories found in ``rows`` (of the training part).

    ``labels``: the classes that the fitted model knows, in its order; none for a regression.
    """
    target: dict[str, Any]
    if dataset.is_regression:
        outputs = [_output(column, rows) for column in dataset.targets]
        target = {"outputs": outputs} if len(outputs) > 1 else outputs[0]
    else:
        names = dict(zip(dataset.labels, dataset.class_names, strict=True))
        class_names = [names.get(each, text_of(each)) for each in labels]
        target = {"name": dataset.target_name, "labels": list(labels), "class_names": class_names}
    return {
        "format": FORMAT,
        "task": dataset.task,
        "features": [feature(column, rows) for column in dataset.features],
        "target": target,
    }


def _output(column: Column, rows: Integers) -> dict[str, Any]:
    known = column.floats(rows)
    return {"name": column.name, "min": float(known.min()), "max": float(known.max())}


def feature(column: Column, rows: Integers | slice = slice(None)) -> dict[str, Any]:
    """One column: its kind, whether it may be missing (in any row), and what ``rows`` of it hold.

    The values of a category are those of all rows, their counts those in ``rows``: 0 for one that only others hold.
    """
    found = {"name": column.name, "kind": column.kind, "nullable": column.missing > 0}
    part = column.take(rows) if not isinstance(rows, slice) else column
    present = part.values[~part.is_missing] if part.missing else part.values
    if column.kind == "number":
        return found | {"integer": column.is_whole, **_range(present.astype(np.float64))}
    if column.kind == "date":
        ends = {"min": iso_text(int(present.min())), "max": iso_text(int(present.max()))} if len(present) else {}
        return found | {"min": None, "max": None, **ends}
    if column.kind == "boolean":
        return found | {"true": int(np.sum(present == 1)), "false": int(np.sum(present == 0))}
    texts = column.texts()
    counts = np.bincount(present.astype(np.int64), minlength=len(texts))
    anywhere = np.bincount(column.values[~column.is_missing].astype(np.int64), minlength=len(texts))
    # The most frequent first; of equally frequent ones the alphabet decides.
    order = sorted((at for at in range(len(texts)) if anywhere[at]), key=lambda at: (-counts[at], texts[at]))
    return found | {"values": [texts[at] for at in order], "counts": [int(counts[at]) for at in order]}


def _range(present: NDArray[np.float64]) -> dict[str, Any]:
    if len(present) == 0:
        return {"min": None, "max": None, "quantiles": None}
    with np.errstate(over="ignore", invalid="ignore"):
        quantiles = np.quantile(present, QUANTILES)
    if not np.isfinite(quantiles).all():
        # Between numbers at both ends of float64 there is no way to interpolate.
        quantiles = np.quantile(present, QUANTILES, method="lower")
    return {
        "min": float(present.min()),
        "max": float(present.max()),
        "quantiles": [float(each) for each in quantiles],
    }
