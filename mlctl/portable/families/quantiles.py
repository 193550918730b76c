"""QuantileTransformer."""

from statistics import NormalDist

import numpy as np
from sklearn.preprocessing import QuantileTransformer

from mlctl.portable.entry import Entry
from mlctl.portable.ir.columns import ColumnTypes, Compiled
from mlctl.portable.ir.program import NotPortableError, Step

# As scikit-learn has it (BOUNDS_THRESHOLD), and the handler.
BOUNDS = 1e-7


def quantile_transformer(part: QuantileTransformer, table: ColumnTypes) -> Compiled:
    """The learned quantiles; of a sparse matrix the numbers that it stores, never the zeros between them."""
    table.require_numbers()
    learned = np.ascontiguousarray(part.quantiles_.T, dtype="<f8")
    if not np.isfinite(learned).all():
        raise NotPortableError("has a column without values in training")
    if (np.diff(learned) < 0).any():
        raise NotPortableError("has quantiles that are not sorted")
    clip = None
    if part.output_distribution == "normal":
        edge = BOUNDS - float(np.spacing(1))
        clip = [NormalDist().inv_cdf(edge), NormalDist().inv_cdf(1 - edge)]
    params = {"normal": clip, "sparse": table.sparse, "refuse_negative": not part.ignore_implicit_zeros}
    tensors = {"quantiles": learned, "references": np.asarray(part.references_, dtype="<f8")}
    return (Step(op="quantiles", parity="close", params=params, tensors=tensors),), table


_LIMITS = "a column without values in training"

ENTRIES = {QuantileTransformer: Entry(quantile_transformer, parity="close", discontinuous=True, limits=_LIMITS)}
