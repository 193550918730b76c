"""Compiles SplineTransformer."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.preprocessing import SplineTransformer

from mlctl.portable.entry import Entry
from mlctl.portable.input_checks import checked, refuse_missing
from mlctl.portable.ir.columns import ColumnType, ColumnTypes, Compiled
from mlctl.portable.ir.program import NotPortableError, Step

MAX_DEGREE = 100


def spline_transformer(part: SplineTransformer, table: ColumnTypes) -> Compiled:
    """The knots of each column, and the rule for numbers outside them."""
    table.require_numbers()
    missing_zeros = getattr(part, "handle_missing", "error") == "zeros"  # since scikit-learn 1.8
    extrapolation, degree = part.extrapolation, int(part.degree)
    if table.missing and part.sparse_output and missing_zeros and extrapolation not in ("constant", "linear"):
        # scikit-learn does so in all columns but the first, depending on the other rows.
        raise NotPortableError("does not encode missing values as zeros in its sparse output")
    if degree == 0 and extrapolation == "periodic" and part.sparse_output:
        raise NotPortableError("repeats splines of degree 0 in a sparse matrix, which scikit-learn cannot compute")
    if degree > MAX_DEGREE:
        raise NotPortableError(f"has a degree above {MAX_DEGREE}")
    knots = np.array([spline.t for spline in part.bsplines_], dtype="<f8")
    bounds = knots[:, [degree, -degree - 1]]
    if not np.isfinite(knots).all() or (np.diff(knots) < 0).any():
        raise NotPortableError("has knots that are not finite or not sorted")
    periodic = extrapolation == "periodic"
    if periodic and (bounds[:, 0] == bounds[:, 1]).any():
        raise NotPortableError("repeats a column that had a single value in training")
    n_splines = int(part.bsplines_[0].c.shape[1])
    below = above = "refuse" if extrapolation == "error" else "continue"
    lines = None
    if extrapolation in ("constant", "linear"):
        below = above = "line"
        bounds, lines = _lines(part, knots, n_splines)
        if extrapolation == "constant" and degree == 0 and not part.sparse_output and n_splines > 1:
            above = "refuse"  # scikit-learn fails: it assigns all splines to an empty slice
    if table.close and (degree == 0 or "refuse" in (below, above)):
        raise NotPortableError("jumps at its knots, and takes numbers from a previous step whose last bits may differ")
    params: dict[str, Any] = {
        "degree": degree,
        "n_splines": n_splines,
        "periodic": periodic,
        "below": below,
        "above": above,
        "bias": bool(part.include_bias),
        "missing_zeros": missing_zeros,
    }
    tensors = {"knots": knots, "bounds": np.ascontiguousarray(bounds)}
    if lines is None:
        params["lines"] = None
    else:
        tensors["lines"] = lines
    before, _ = checked(table)
    # With missing values, scikit-learn also accepts infinite ones.
    before = () if missing_zeros else (*before, *refuse_missing(table))
    # Far outside, a polynomial exceeds float64, and if two of its terms do, the result is NaN.
    far = extrapolation in ("continue", "linear") or table.infinite
    lost = (extrapolation == "continue" and degree > 3) or table.infinite
    columns = (ColumnType(infinite=far, missing=lost),) * int(part.n_features_out_)
    out = replace(table, columns=columns, sparse=bool(part.sparse_output))
    return (*before, Step(op="splines", parity="close", params=params, tensors=tensors)), out


def _lines(part: SplineTransformer, knots: NDArray[Any], n_splines: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """``(bounds, lines)``: the ends of each column's splines, and the value and slope of each spline below and above.

    Shapes (columns, 2) and (columns, 4, n_splines). For a linear extrapolation, ``transform`` increases a degree of 0
    or 1 at the first column, and uses the increased degree for the next columns, which changes their bounds. This
    function does the same, and compares the result with the part.
    """
    degree, linear = int(part.degree), part.extrapolation == "linear"
    bounds, lines = np.empty((len(knots), 2)), np.zeros((len(knots), 4, n_splines))
    for column, spline in enumerate(part.bsplines_):
        low, high = float(spline.t[degree]), float(spline.t[-degree - 1])
        if linear and degree <= 1:
            degree += 1
        if low > high or degree > n_splines:
            raise NotPortableError("extrapolates linearly from more knots than it has")
        first = np.arange(n_splines) < degree
        last = first[::-1] | (degree == 0 and part.sparse_output)
        bounds[column] = low, high
        lines[column, 0], lines[column, 2] = np.where(first, spline(low), 0.0), np.where(last, spline(high), 0.0)
        if linear:
            lines[column, 1], lines[column, 3] = (
                np.where(first, spline(low, nu=1), 0.0),
                np.where(last, spline(high, nu=1), 0.0),
            )
    if not np.isfinite(lines).all():
        raise NotPortableError("has splines without a finite slope at the ends")
    if linear:
        _compare(part, bounds, lines)
    return bounds, lines


def _compare(part: SplineTransformer, bounds: NDArray[Any], lines: NDArray[Any]) -> None:
    """Raise NotPortableError if the part extrapolates differently from ``lines``."""
    away = np.ptp(bounds, axis=1) + 1.0
    with warnings.catch_warnings(), config_context(transform_output="default"):
        warnings.simplefilter("ignore")  # it may warn about missing column names
        actual = part.transform(np.stack([bounds[:, 0] - away, bounds[:, 1] + away]))
    below, above = lines[:, 0] - away[:, None] * lines[:, 1], lines[:, 2] + away[:, None] * lines[:, 3]
    n_out = lines.shape[2] - (not part.include_bias)
    expected = np.stack([values[:, :n_out].ravel() for values in (below, above)])
    if not np.allclose(actual.toarray() if part.sparse_output else actual, expected, rtol=1e-9, atol=1e-9):
        raise NotPortableError("extrapolates linearly in a way that is specific to its release of scikit-learn")


ENTRIES = {
    SplineTransformer: Entry(
        spline_transformer,
        parity="close",
        skips_input_checks=True,
        limits="missing values with sparse_output; extrapolation='linear' or 'periodic' where it has too few knots; "
        "numbers from a previous step that is close, with degree=0 or extrapolation='error'",
    )
}
