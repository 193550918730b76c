"""Compiles PCA and similar decompositions, random projections and FeatureAgglomeration."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import FeatureAgglomeration
from sklearn.decomposition import PCA, FactorAnalysis, FastICA, IncrementalPCA, TruncatedSVD
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from mlctl.portable.entry import Entry
from mlctl.portable.input_checks import refuse_missing
from mlctl.portable.ir.columns import ColumnType, ColumnTypes, Compiled
from mlctl.portable.ir.program import NotPortableError, Step

Array = NDArray[Any]


def pca(part: PCA | IncrementalPCA, table: ColumnTypes) -> Compiled:
    """Project, then centre, as in scikit-learn. Whitening divides by standard deviations of at least eps."""
    scale = None
    if part.whiten:
        scale = np.maximum(np.sqrt(part.explained_variance_), np.finfo(np.float64).eps)
    offset = (part.mean_.reshape(1, -1) @ part.components_.T).ravel()
    return _projected(table, part.components_, offset=offset, scale=scale)


def truncated_svd(part: TruncatedSVD, table: ColumnTypes) -> Compiled:
    """The product with the components."""
    return _projected(table, part.components_)


def fast_ica(part: FastICA, table: ColumnTypes) -> Compiled:
    """Centre if it whitens, then project."""
    return _projected(table, part.components_, center=part.mean_ if part.whiten else None)


def factor_analysis(part: FactorAnalysis, table: ColumnTypes) -> Compiled:
    """Centre, project, and multiply by the covariance of the factors."""
    weighted = part.components_ / part.noise_variance_
    covariance = np.linalg.inv(np.eye(len(weighted)) + np.dot(weighted, part.components_.T))
    steps, out = _projected(table, weighted, center=part.mean_)
    return (*steps, _step(covariance.T)), out


def random_projection(part: GaussianRandomProjection | SparseRandomProjection, table: ColumnTypes) -> Compiled:
    """The product with the random matrix."""
    components = part.components_
    if table.sparse and isinstance(part, SparseRandomProjection) and not part.dense_output:
        # Some later parts, such as PolynomialFeatures, then compute with the wrong columns.
        raise NotPortableError("leaves a sparse matrix whose columns are out of order")
    return _projected(table, components.toarray() if hasattr(components, "toarray") else components)


def feature_agglomeration(part: FeatureAgglomeration, table: ColumnTypes) -> Compiled:
    """The mean of each cluster of columns."""
    if part.pooling_func is not np.mean:
        raise NotPortableError("pools by a function other than numpy.mean")
    table.require_numbers()
    groups = [np.flatnonzero(part.labels_ == label).tolist() for label in range(int(part.labels_.max()) + 1)]
    step = Step(op="pool", parity="exact", params={"groups": groups}, tensors={})
    return (*refuse_missing(table), step), ColumnTypes(columns=(ColumnType(infinite=True),) * len(groups))


def _projected(table: ColumnTypes, components: Array, **arrays: Array | None) -> tuple[tuple[Step, ...], ColumnTypes]:
    table.require_numbers()
    out = ColumnTypes(columns=(ColumnType(infinite=True),) * len(components))
    return (*refuse_missing(table), _step(components, **arrays)), out


def _step(components: Array, **arrays: Array | None) -> Step:
    optional: dict[str, Array | None] = {"center": None, "offset": None, "scale": None, **arrays}
    tensors = {name: np.asarray(array, dtype="<f8") for name, array in optional.items() if array is not None}
    params = {"n_components": len(components), **{name: None for name, array in optional.items() if array is None}}
    tensors["components"] = np.ascontiguousarray(components, dtype="<f8")
    if not all(np.isfinite(array).all() for array in tensors.values()):
        raise NotPortableError("learned numbers that are not finite")
    return Step(op="project", parity="close", params=params, tensors=tensors)


ENTRIES = {
    PCA: Entry(pca, parity="close"),
    IncrementalPCA: Entry(pca, parity="close"),
    TruncatedSVD: Entry(truncated_svd, parity="close"),
    FastICA: Entry(fast_ica, parity="close"),
    FactorAnalysis: Entry(factor_analysis, parity="close"),
    GaussianRandomProjection: Entry(random_projection, parity="close"),
    SparseRandomProjection: Entry(random_projection, parity="close", limits="a sparse matrix in and out"),
    FeatureAgglomeration: Entry(feature_agglomeration, parity="exact", limits="a pooling_func other than numpy.mean"),
}
