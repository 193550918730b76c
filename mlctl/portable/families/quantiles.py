"""Compiles QuantileTransformer."""

from statistics import NormalDist

import numpy as np
from sklearn.preprocessing import QuantileTransformer

from mlctl.portable.entry import Entry
from mlctl.portable.ir.columns import ColumnTypes, Compiled
from mlctl.portable.ir.program import NotPortableError, Step

# The same as BOUNDS_THRESHOLD in scikit-learn, and as in the handler.
BOUNDS = 1e-7


def quantile_transformer(part: QuantileTransformer, table: ColumnTypes) -> Compiled:
    """The learned quantiles. For a sparse matrix they apply to stored numbers only, never to implicit zeros."""
    table.require_numbers()
    quantiles = np.ascontiguousarray(part.quantiles_.T, dtype="<f8")
    if not np.isfinite(quantiles).all():
        raise NotPortableError("has a column without values in training")
    if (np.diff(quantiles) < 0).any():
        raise NotPortableError("has quantiles that are not sorted")
    clip = None
    if part.output_distribution == "normal":
        edge = BOUNDS - float(np.spacing(1))
        clip = [NormalDist().inv_cdf(edge), NormalDist().inv_cdf(1 - edge)]
    params = {"normal": clip, "sparse": table.sparse, "refuse_negative": not part.ignore_implicit_zeros}
    tensors = {"quantiles": quantiles, "references": np.asarray(part.references_, dtype="<f8")}
    return (Step(op="quantiles", parity="close", params=params, tensors=tensors),), table


_LIMITS = "a column without values in training"

ENTRIES = {QuantileTransformer: Entry(quantile_transformer, parity="close", discontinuous=True, limits=_LIMITS)}
