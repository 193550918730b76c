"""Parity of FunctionTransformer with scikit-learn."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from mlctl.portable.families import functions
from tests.parity import data
from tests.parity.harness import Case, check, compare
from tests.parity.rows import probes

CASES: dict[type, list[Case]] = {
    FunctionTransformer: [
        Case("none", FunctionTransformer(), data.gaps(), parity="exact", missing=True),
        Case("validated", FunctionTransformer(validate=True), data.three(), parity="exact", missing=True),
        Case("logarithm", FunctionTransformer(np.log1p), data.binary()),
        Case("root", make_pipeline(FunctionTransformer(np.sqrt), StandardScaler()), data.binary(), parity="exact"),
        Case("frame", FunctionTransformer(np.square), (data.table()[0][["age", "income"]], None), parity="exact"),
        Case(
            "chain",
            make_pipeline(FunctionTransformer(np.exp), FunctionTransformer(np.reciprocal), StandardScaler()),
            data.three(),
        ),
        Case(
            "behind a function",
            make_pipeline(
                FunctionTransformer(np.abs), FunctionTransformer(np.log, validate=True), FunctionTransformer(np.tanh)
            ),
            data.three(),
        ),
        Case(
            "truth",
            make_pipeline(FunctionTransformer(np.isnan), DecisionTreeClassifier(random_state=0)),
            data.gaps(),
            parity="exact",
            missing=True,
        ),
        Case(
            "refused",
            make_pipeline(FunctionTransformer(np.reciprocal), DecisionTreeClassifier(random_state=0)),
            data.three(),
            parity="exact",
        ),
    ]
}

NAMES = [*functions._EXACT, *functions._CLOSE, "abs", "deg2rad", "rad2deg"]
AT = [0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 1.5, 2.5, -2.5, 1e-300, 5e-324, 710.0, 1e5, -1e5, 1e300, 4503599627370495.5]
ODD = [np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])


@pytest.mark.parametrize("name", NAMES)
def test_every_function_agrees_with_numpy_at_every_edge(name: str) -> None:
    function = getattr(np, name)
    part = FunctionTransformer(function)
    parity: Any = "exact" if functions.ufunc_name(function) in functions._EXACT else "close"
    random = np.random.default_rng(0)
    rows = np.concatenate([AT, ODD, random.normal(size=100), random.uniform(-30, 30, size=100)]).reshape(-1, 1)
    assert compare(part.fit(rows), rows, parity, missing=True) == len(rows)


@pytest.mark.parametrize("name", ["ceil", "floor", "rint", "trunc", "negative", "sqrt", "reciprocal", "absolute"])
def test_zeros_keep_the_sign_that_numpy_gives_them(name: str) -> None:
    # The reciprocal has a different sign for each zero.
    part = make_pipeline(FunctionTransformer(getattr(np, name)), FunctionTransformer(np.reciprocal))
    rows = np.array([[0.0], [-0.0], [0.2], [-0.2], [0.5], [-0.5], [np.inf], [-np.inf]])
    # Fitting computes the reciprocal too, and warns about infinities.
    with np.errstate(all="ignore"):
        part.fit(rows)
    compare(part, rows, "exact")


@pytest.mark.parametrize("name", ["log", "exp", "arcsin", "reciprocal"])
@pytest.mark.parametrize("before", [True, False])
def test_infinite_or_missing_results_are_refused_where_scikit_learn_refuses_them(name: str, before: bool) -> None:
    x = np.abs(data.three()[0]) / 10
    model: Any = StandardScaler() if before else DecisionTreeClassifier(random_state=0)
    part = make_pipeline(FunctionTransformer(getattr(np, name)), model).fit(x, data.three()[1])
    rows = np.concatenate([probes(x, 200), [[0.0, 1.0, -1.0, 800.0], [-1.0, -1.0, -1.0, -1.0]]])
    compare(part, rows, "exact" if name == "reciprocal" else "close")


def test_a_frame_of_numbers_is_transformed_column_by_column() -> None:
    frame = pd.DataFrame({"a": [1.0, 4.0, 9.0], "b": [0.25, 0.0, -1.0]})
    assert compare(FunctionTransformer(np.sqrt).fit(frame), frame, "exact") == 3
