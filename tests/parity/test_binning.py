"""Parity of Binarizer and KBinsDiscretizer with scikit-learn."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import Binarizer, KBinsDiscretizer

from tests.parity import data
from tests.parity.harness import Case, check


def _edges(part: Any) -> Iterator[tuple[int, float]]:
    """The inner and outer edges of each column."""
    for column, edges in enumerate(part.bin_edges_):
        yield from ((column, float(edge)) for edge in edges if np.isfinite(edge))


def _threshold(part: Any) -> Iterator[tuple[int, float]]:
    part = part[-1] if isinstance(part, Pipeline) else part
    yield from ((column, float(part.threshold)) for column in range(1, 3))


def _constant() -> data.Data:
    x = data.three()[0].copy()
    x[:, 1] = 3.0
    return x, None


CASES: dict[type, list[Case]] = {
    Binarizer: [
        Case("zero", Binarizer(), data.wide(), edges=_threshold),
        Case("threshold", Binarizer(threshold=3.1), data.three(), edges=_threshold),
        Case("whole threshold", Binarizer(threshold=-2), data.numbers(), edges=_threshold),
        Case("sparse", data.sparse(Binarizer(threshold=1.0)), data.counts(), edges=_threshold),
    ],
    KBinsDiscretizer: [
        *(
            Case(
                f"{strategy} {encode}",
                KBinsDiscretizer(n_bins=n_bins, encode=encode, strategy=strategy, subsample=subsample, random_state=0),
                rows,
                edges=_edges,
            )
            for strategy, rows, n_bins, subsample in (
                ("uniform", data.binary(), 4, None),
                ("quantile", data.three(), 7, 100),
                ("kmeans", data.numbers(), 3, 200_000),
            )
            for encode in ("onehot", "onehot-dense", "ordinal")
        ),
        Case("counts", KBinsDiscretizer(n_bins=5), data.counts(), edges=_edges),
        Case("constant", KBinsDiscretizer(n_bins=3), _constant(), edges=_edges),
        Case("constant ordinal", KBinsDiscretizer(n_bins=3, encode="ordinal"), _constant(), edges=_edges),
        Case("own", KBinsDiscretizer([2, 3, 4, 9], strategy="uniform", dtype=np.float64), data.three(), edges=_edges),
    ],
}


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])
