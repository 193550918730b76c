"""Numeric preprocessing with any data, settings and rows: the handler gives and refuses the same as scikit-learn."""

import warnings
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    Normalizer,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
)

from mlctl.registry.answers import Parity
from tests.parity import data
from tests.parity.harness import compare

# Each run uses the same examples. `pytest --hypothesis-profile=thorough` draws many new ones.
COMMON = settings()
WIDTH = 3
WHOLE = st.integers(-3, 6).map(float)
NUMBER = WHOLE | st.floats(-1e3, 1e3) | st.floats(width=32, allow_nan=False, allow_infinity=False)
# Numbers to fit on: many are equal, and none is so large that a fitted value becomes NaN.
LEARNED = WHOLE | st.floats(-1e3, 1e3).map(lambda number: round(number, 3))


def _rows(value: st.SearchStrategy[float], low: int, high: int) -> st.SearchStrategy[list[list[float]]]:
    return st.lists(st.lists(value, min_size=WIDTH, max_size=WIDTH), min_size=low, max_size=high)


def _agree(part: Any, training_rows: list[list[float]], new_rows: list[list[float]], parity: Parity) -> None:
    """Fit, then compare on the training rows, on means of them, and on new rows."""
    x = np.array(training_rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        part.fit(x)
    compare(part, np.vstack([x, (x + x[::-1]) / 2, np.array(new_rows)]), parity)


@COMMON
@given(
    x=_rows(LEARNED, 2, 6),
    new_rows=_rows(NUMBER, 1, 6),
    norm=st.sampled_from(["l1", "l2", "max"]),
    sparse=st.booleans(),
)
def test_normalizers_agree(x: list[list[float]], new_rows: list[list[float]], norm: str, sparse: bool) -> None:
    part = Normalizer(norm)
    _agree(data.sparse(part, width=WIDTH) if sparse else part, x, new_rows, "exact" if norm == "max" else "close")


@COMMON
@given(x=_rows(LEARNED, 4, 12), new_rows=_rows(NUMBER, 1, 6), threshold=LEARNED, draw=st.data())
def test_bins_agree(x: list[list[float]], new_rows: list[list[float]], threshold: float, draw: st.DataObject) -> None:
    _agree(Binarizer(threshold=threshold), x, new_rows, "exact")
    bins = KBinsDiscretizer(
        n_bins=draw.draw(st.integers(2, 4)),
        encode=draw.draw(st.sampled_from(["onehot", "onehot-dense", "ordinal"])),
        strategy=draw.draw(st.sampled_from(["uniform", "quantile"])),
    )
    _agree(bins, x, new_rows, "exact")


@COMMON
@given(
    x=_rows(LEARNED, 2, 4),
    new_rows=_rows(NUMBER, 1, 4),
    degree=st.tuples(st.integers(0, 3), st.integers(1, 4)).map(lambda pair: tuple(sorted(pair))),
    switches=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_polynomials_agree(
    x: list[list[float]], new_rows: list[list[float]], degree: tuple[int, int], switches: tuple[bool, bool, bool]
) -> None:
    interaction_only, include_bias, sparse = switches
    if interaction_only:
        degree = min(degree[0], WIDTH), min(degree[1], WIDTH)
    part = PolynomialFeatures(degree, interaction_only=interaction_only, include_bias=include_bias)
    _agree(data.sparse(part, width=WIDTH) if sparse else part, x, new_rows, "exact")


@COMMON
@given(x=_rows(LEARNED, 4, 12), new_rows=_rows(NUMBER, 1, 6), draw=st.data())
def test_splines_agree(x: list[list[float]], new_rows: list[list[float]], draw: st.DataObject) -> None:
    extrapolation = draw.draw(st.sampled_from(["error", "constant", "linear", "continue", "periodic"]))
    degree = draw.draw(st.integers(0, 4))
    x = [[0.0, 0.0, 0.0], [1.0, 2.0, 3.0], *x]  # no column is constant
    part = SplineTransformer(
        n_knots=draw.draw(st.integers(max(3, degree + 1) if extrapolation != "linear" else 5, 7)),
        degree=degree,
        knots=draw.draw(st.sampled_from(["uniform", "quantile"])) if extrapolation != "periodic" else "uniform",
        extrapolation=extrapolation,
        include_bias=draw.draw(st.booleans()),
        sparse_output=draw.draw(st.booleans()) and (extrapolation, degree) != ("periodic", 0),
    )
    _agree(part, x, new_rows, "close")


@COMMON
@given(
    x=_rows(LEARNED, 6, 12),
    new_rows=_rows(NUMBER, 1, 6),
    method=st.sampled_from(["yeo-johnson", "box-cox"]),
    powers=st.lists(st.sampled_from([0.0, 1.0, 2.0]) | st.floats(-9, 9), min_size=WIDTH, max_size=WIDTH),
)
def test_powers_agree(x: list[list[float]], new_rows: list[list[float]], method: str, powers: list[float]) -> None:
    rows = np.abs(np.array([[1.0, 2.0, 3.0], *x])) + 0.25
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        part = PowerTransformer(method, standardize=False).fit(rows)
    part.lambdas_ = np.array(powers)
    compare(part, np.vstack([rows, np.array(new_rows)]), "close")


@COMMON
@given(
    x=_rows(LEARNED, 2, 12),
    new_rows=_rows(NUMBER | st.just(float("nan")), 1, 6),
    size=st.integers(1, 12),
    distribution=st.sampled_from(["uniform", "normal"]),
)
def test_quantiles_agree(x: list[list[float]], new_rows: list[list[float]], size: int, distribution: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        part = QuantileTransformer(n_quantiles=size, output_distribution=distribution).fit(np.array(x))
    compare(part, np.vstack([np.array(x), np.array(new_rows)]), "close", missing=True)
