"""Parity of gradient boosting with scikit-learn."""

from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from tests.parity import data
from tests.parity.harness import Case, check
from tests.parity.rows import thresholds


def _edges(part: Any) -> list[tuple[int, float]]:
    return thresholds(part.estimators_.ravel())


def _hist_edges(part: Any) -> list[tuple[int, float]]:
    nodes = np.concatenate([predictor.nodes for stage in part._predictors for predictor in stage])
    splits = nodes[(nodes["is_leaf"] == 0) & np.isfinite(nodes["num_threshold"])]
    return [(int(split["feature_idx"]), float(split["num_threshold"])) for split in splits]


def _few(kind: Any, **params: Any) -> Any:
    return kind(**{"n_estimators": 12, "random_state": 0, **params})


def _hist(kind: Any, **params: Any) -> Any:
    return kind(**{"max_iter": 12, "min_samples_leaf": 5, "random_state": 0, **params})


def _stopped(kind: Any, hist: Any = _few) -> Any:
    return hist(kind, n_iter_no_change=2, tol=0.05, validation_fraction=0.2)


GC, GR = GradientBoostingClassifier, GradientBoostingRegressor
HC, HR = HistGradientBoostingClassifier, HistGradientBoostingRegressor
# Two classes of equal size that no feature separates, so the raw prediction is 0.
TIE = (data.three()[0][:100], np.tile(["no", "yes"], 50))

CASES: dict[type, list[Case]] = {
    GC: [
        Case("two", _few(GC), data.binary(), edges=_edges),
        Case("three", _few(GC), data.three(), edges=_edges),
        Case("ten", _few(GC, n_estimators=4, max_leaf_nodes=5), data.many(), edges=_edges),
        Case("exponential", _few(GC, loss="exponential", subsample=0.7), data.binary(), edges=_edges),
        Case("zero", _few(GC, init="zero", max_features=2), data.binary()),
        Case("zero, three", _few(GC, init="zero", n_iter_no_change=2), data.three()),
        Case("a tie", _few(GC, init="zero", min_impurity_decrease=1e9), TIE),
        Case("an init of one class", _few(GC, init=DummyClassifier(strategy="most_frequent")), data.binary()),
        Case("scaled", make_pipeline(StandardScaler(), _few(GC)), data.binary()),
        Case("sparse", data.sparse(_few(GC)), data.counts()),
    ],
    GR: [
        *(Case(loss, _few(GR, loss=loss), data.numbers(), edges=_edges) for loss in ("squared_error", "huber")),
        *(Case(loss, _few(GR, loss=loss, alpha=0.8), data.wide()) for loss in ("absolute_error", "quantile")),
        Case("zero", _few(GR, init="zero", learning_rate=0.3), data.positive(), edges=_edges),
        Case("stopped", _stopped(GR), data.numbers()),
        Case("an init of a constant", _few(GR, init=DummyRegressor(strategy="constant", constant=7)), data.numbers()),
    ],
    HC: [
        Case("two", _hist(HC), data.binary(), edges=_hist_edges),
        Case("three", _hist(HC, max_leaf_nodes=7), data.three(), edges=_hist_edges),
        Case("ten", _hist(HC, max_iter=4, max_bins=5), data.many(), edges=_hist_edges),
        Case("gaps", _hist(HC), data.gaps(), edges=_hist_edges, missing=True),
        Case("gaps where none were", _hist(HC), data.three(), missing=True),
        Case("a tie", _hist(HC, min_samples_leaf=1000), TIE),
        Case("categories", _hist(HC, categorical_features="from_dtype"), data.mixed()),
        Case(
            "named",
            _hist(HC, categorical_features=["code", "city", "plan", "shop"], max_iter=30),
            data.mixed(),
            missing=True,
        ),
        Case("indices", _hist(HC, categorical_features=[0, 2]), data.table(), missing=True),
        Case("codes", _hist(HC, categorical_features=[0, 3]), data.counts(), missing=True),
        Case("all codes", _hist(HC, categorical_features=[True] * 4), data.counts()),
        Case("stopped", _hist(HC, early_stopping=True, n_iter_no_change=2), data.binary()),
    ],
    HR: [
        Case("squared_error", _hist(HR), data.numbers(), edges=_hist_edges),
        Case("absolute_error", _hist(HR, loss="absolute_error"), data.wide(), edges=_hist_edges),
        Case("quantile", _hist(HR, loss="quantile", quantile=0.8), data.numbers(), edges=_hist_edges),
        Case("gamma", _hist(HR, loss="gamma"), data.positive(), edges=_hist_edges, parity="close"),
        Case("poisson", _hist(HR, loss="poisson"), data.positive(), edges=_hist_edges, parity="close"),
        Case("monotonic", _hist(HR, monotonic_cst=[1, -1, 0, 0, 0]), data.positive(), edges=_hist_edges),
        Case("interactions", _hist(HR, interaction_cst=[(0, 1), (2,)]), data.positive(), missing=True),
        Case("gaps", _hist(HR), data.gaps(), edges=_hist_edges, missing=True),
        Case("categories", _hist(HR, categorical_features="from_dtype"), data.mixed()),
        Case("codes", _hist(HR, categorical_features=[0, 3], max_iter=40), data.counts(), missing=True),
        Case("infinite", make_pipeline(FunctionTransformer(np.reciprocal), _hist(HR)), data.counts()),
    ],
}


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])
