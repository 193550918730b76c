"""Rows for comparing a compiled part with scikit-learn, and the schema of a table."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# The largest number that a request may contain.
_LARGEST = 3.4028234663852886e38
EXTREMES = (0.0, -0.0, 1e-30, -1e-30, 5e-324, 1e-3, -1e6, 1e12, -1e12)
# Numbers whose squares and products are still finite in float64.
FAR = (1e30, -1e30, _LARGEST, -_LARGEST)
UNSEEN = "a value that training never saw"


def schema_of(rows: Any, *, missing: bool = False) -> list[dict[str, Any]]:
    """Schema entries for the columns of a table: ``category`` for text, otherwise ``number``."""
    if not isinstance(rows, pd.DataFrame):
        return [{"name": f"x{column}", "kind": "number", "nullable": missing} for column in range(rows.shape[1])]
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
    """``rows`` rows similar to those of ``x`` and different from them, of the same type as ``x``.

    A fifth are rows of ``x``. The others combine values of its columns. Some of them have a cell at or next to an edge,
    at a float32 rounding edge, of extreme size, or missing.
    """
    random = np.random.default_rng(seed)
    frame = x if isinstance(x, pd.DataFrame) else pd.DataFrame(x)
    numeric_columns = [column for column, name in enumerate(frame.columns) if not _is_text(frame[name])]
    cells = np.empty((rows, frame.shape[1]), dtype=object)
    for column, name in enumerate(frame.columns):
        values = frame[name].to_numpy(dtype=object)
        cells[:, column] = values[random.integers(len(values), size=rows)]
    for row in range(rows):
        if row % 5 == 0:
            cells[row] = frame.iloc[row // 5 % len(frame)].to_numpy(dtype=object)
        elif row % 5 == 1 and edges:
            column, value = edges[int(random.integers(len(edges)))]
            cells[row, column] = _beside(value, random)
        elif row % 5 in (2, 3) and numeric_columns:
            column = int(random.choice(numeric_columns))
            cells[row, column] = _unlike(cells[row, column], random, missing)
        elif row % 5 == 4:
            for column in numeric_columns:
                if _known(cells[row, column]):
                    cells[row, column] = float(cells[row, column]) * random.normal(1, 0.1) + random.normal(0, 0.01)
    table = pd.DataFrame({name: _typed(cells[:, column], frame[name]) for column, name in enumerate(frame.columns)})
    return table if isinstance(x, pd.DataFrame) else table.to_numpy(dtype=np.float64)


def thresholds(trees: Iterable[Any]) -> list[tuple[int, float]]:
    """(column, value) of every split of fitted trees, for ``Case.edges``."""
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
    """``value``, one of its float64 or float32 neighbours, or the middle between two float32 neighbours."""
    single = np.float32(value)
    up, down = np.nextafter(single, np.float32(np.inf)), np.nextafter(single, np.float32(-np.inf))
    middle = (float(single) + float(up)) / 2
    candidates = (
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
    neighbour = candidates[int(random.integers(len(candidates)))]
    return neighbour if abs(neighbour) <= _LARGEST else value


def _known(value: Any) -> bool:
    return value is not None and not pd.isna(value)


def _is_text(column: Any) -> bool:
    return any(isinstance(value, str) for value in column)


def _typed(cells: NDArray[Any], like: Any) -> Any:
    return pd.Series(cells, dtype=object) if _is_text(like) else pd.Series(cells.astype(np.float64))
