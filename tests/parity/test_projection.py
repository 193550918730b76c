"""Parity of PCA and similar decompositions, random projections and FeatureAgglomeration with scikit-learn."""

import numpy as np
import pytest
from sklearn.cluster import FeatureAgglomeration
from sklearn.decomposition import PCA, FactorAnalysis, FastICA, IncrementalPCA, TruncatedSVD
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from tests.parity import data
from tests.parity.harness import Case, check, compare

CASES: dict[type, list[Case]] = {
    PCA: [
        Case("sizes", PCA(), data.binary()),
        Case("few", PCA(n_components=5), data.many()),
        Case("share", PCA(n_components=0.9, svd_solver="full"), data.three()),
        Case("whitened", PCA(n_components=3, whiten=True), data.three()),
        Case("whitened, scaled", make_pipeline(StandardScaler(), PCA(n_components=6, whiten=True)), data.binary()),
        Case("sparse", data.sparse(PCA(n_components=2, svd_solver="covariance_eigh", whiten=True)), data.counts()),
        Case("random", PCA(n_components=4, svd_solver="randomized", random_state=0), data.wide()),
    ],
    IncrementalPCA: [
        Case("numbers", IncrementalPCA(n_components=3, batch_size=50), data.binary()),
        Case("whitened", IncrementalPCA(n_components=3, whiten=True), data.three()),
        Case("sparse", data.sparse(IncrementalPCA(n_components=2, batch_size=40)), data.counts()),
    ],
    TruncatedSVD: [
        Case("numbers", TruncatedSVD(n_components=4, random_state=0), data.many()),
        Case("arpack", TruncatedSVD(n_components=2, algorithm="arpack", random_state=0), data.three()),
        Case("sparse", data.sparse(TruncatedSVD(n_components=2, random_state=0)), data.counts()),
    ],
    FastICA: [
        Case("numbers", FastICA(n_components=3, random_state=0), data.three()),
        Case("variance", FastICA(whiten="arbitrary-variance", random_state=0, max_iter=500), data.numbers()),
        Case("not whitened", FastICA(whiten=False, random_state=0, max_iter=500), data.numbers()),
    ],
    FactorAnalysis: [
        Case("numbers", FactorAnalysis(n_components=2, random_state=0), data.three()),
        Case("rotated", FactorAnalysis(n_components=3, rotation="varimax", random_state=0), data.numbers()),
    ],
    GaussianRandomProjection: [
        Case("numbers", GaussianRandomProjection(n_components=3, random_state=0), data.binary()),
        Case("sparse", data.sparse(GaussianRandomProjection(n_components=2, random_state=0)), data.counts()),
    ],
    SparseRandomProjection: [
        Case("numbers", SparseRandomProjection(n_components=5, random_state=0), data.wide()),
        Case("dense", data.sparse(SparseRandomProjection(2, dense_output=True, random_state=0)), data.counts()),
    ],
    FeatureAgglomeration: [
        Case("numbers", FeatureAgglomeration(n_clusters=4), data.binary()),
        Case("sizes", FeatureAgglomeration(n_clusters=7), data.wide()),
        Case("one", FeatureAgglomeration(n_clusters=1), data.many()),
        Case("each", FeatureAgglomeration(n_clusters=4), data.three()),
    ],
}


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])


def test_sums_beyond_float64_give_no_finite_number() -> None:
    part = make_pipeline(PolynomialFeatures((8, 8), include_bias=False), TruncatedSVD(n_components=1, random_state=0))
    part.fit(data.positive()[0][:, :2])
    part[-1].components_ = np.ones((1, 9))
    compare(part, np.array([[1.9e38, 1.9e38], [1.9e38, 1.0], [1e38, -1e38]]), "close")
