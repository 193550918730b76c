"""Rows to hold a compiled part against scikit-learn on, and the schema of a table."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# The largest number that a request may hold.
_LARGEST = 3.4028234663852886e38
EXTREMES = (0.0, -0.0, 1e-30, -1e-30, 5e-324, 1e-3, -1e6, 1e12, -1e12)
# Scale one may still compute with in squares and products without leaving float64.
FAR = (1e30, -1e30, _LARGEST, -_LARGEST)
UNSEEN = "a value that training never saw"


def schema_of(rows: Any, *, missing: bool = False) -> list[dict[str, Any]]:
    """The schema's entries of a table's columns: ``category`` for text, else ``number``."""
    if not isinstance(rows, pd.DataFrame):
        return [{"name": f"x{at}", "kind": "number", "nullable": missing} for at in range(rows.shape[1])]
    return [
        {
            "name": str(name),
            "kind": "category" if _is_text(rows[name]) else "number",
            "nullable": missing or bool(rows[name].isna().any()),
        }
        for name in rows.columns
    ]


def probes(
    x: NDArray[Any] | pd.DataFrame,
    rows: int,
    *,
    edges: Sequence[tuple[int, float]] = (),
    missing: bool = False,
    seed: int = 0,
) -> Any:
    """``rows`` rows like those of ``x`` and unlike them, of the same type as ``x``.

    A fifth are rows of x, the others mixtures of its columns, of which some have one or two cells that lie
    on an edge or beside it, at a float32 rounding edge, far out, or missing.
    """
    random = np.random.default_rng(seed)
    frame = x if isinstance(x, pd.DataFrame) else pd.DataFrame(x)
    numbers = [at for at, name in enumerate(frame.columns) if not _is_text(frame[name])]
    cells = np.empty((rows, frame.shape[1]), dtype=object)
    for at, name in enumerate(frame.columns):
        values = frame[name].to_numpy(dtype=object)
        cells[:, at] = values[random.integers(len(values), size=rows)]
    for row in range(rows):
        if row % 5 == 0:
            cells[row] = frame.iloc[row // 5 % len(frame)].to_numpy(dtype=object)
        elif row % 5 == 1 and edges:
            column, value = edges[int(random.integers(len(edges)))]
            cells[row, column] = _beside(value, random)
        elif row % 5 in (2, 3) and numbers:
            column = int(random.choice(numbers))
            cells[row, column] = _unlike(cells[row, column], random, missing)
        elif row % 5 == 4:
            for column in numbers:
                if _known(cells[row, column]):
                    cells[row, column] = float(cells[row, column]) * random.normal(1, 0.1) + random.normal(0, 0.01)
    made = pd.DataFrame({name: _typed(cells[:, at], frame[name]) for at, name in enumerate(frame.columns)})
    return made if isinstance(x, pd.DataFrame) else made.to_numpy(dtype=np.float64)


def thresholds(trees: Iterable[Any]) -> list[tuple[int, float]]:
    """(column, value) of every test of fitted trees, for ``Case.edges``."""
    return [
        (int(feature), float(value))
        for tree in trees
        for feature, value in zip(tree.tree_.feature, tree.tree_.threshold, strict=True)
        if feature >= 0 and np.isfinite(value)
    ]


def _unlike(value: Any, random: np.random.Generator, missing: bool) -> float:
    choice = int(random.integers(6 if missing else 5))
    if choice == 5:
        return float("nan")
    if choice == 0 or not _known(value):
        return float(random.choice(EXTREMES))
    if choice == 1:
        return float(random.choice(FAR))
    return _beside(float(value), random)


def _beside(value: float, random: np.random.Generator) -> float:
    """``value``, the float64 and float32 neighbours of it, or the middle between two float32 neighbours."""
    single = np.float32(value)
    up, down = np.nextafter(single, np.float32(np.inf)), np.nextafter(single, np.float32(-np.inf))
    middle = (float(single) + float(up)) / 2
    found = (
        value,
        float(np.nextafter(value, np.inf)),
        float(np.nextafter(value, -np.inf)),
        float(single),
        float(up),
        float(down),
        middle,
        float(np.nextafter(middle, np.inf)),
        float(np.nextafter(middle, -np.inf)),
    )
    chosen = found[int(random.integers(len(found)))]
    return chosen if abs(chosen) <= _LARGEST else value


def _known(value: Any) -> bool:
    return value is not None and not pd.isna(value)


def _is_text(column: Any) -> bool:
    return any(isinstance(value, str) for value in column)


def _typed(cells: NDArray[Any], like: Any) -> Any:
    return pd.Series(cells, dtype=object) if _is_text(like) else pd.Series(cells.astype(np.float64))
