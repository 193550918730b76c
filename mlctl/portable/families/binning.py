"""Compiles Binarizer and KBinsDiscretizer."""

import numpy as np
from sklearn.preprocessing import Binarizer, KBinsDiscretizer

from mlctl.portable.entry import Entry
from mlctl.portable.input_checks import refuse_missing
from mlctl.portable.ir.columns import ColumnType, ColumnTypes, Compiled
from mlctl.portable.ir.json_values import plain
from mlctl.portable.ir.program import NotPortableError, Step


def binarizer(part: Binarizer, table: ColumnTypes) -> Compiled:
    """1.0 above the threshold, else 0.0."""
    table.require_numbers()
    if table.sparse and part.threshold < 0:
        raise NotPortableError("takes a sparse matrix and has a threshold below zero, which scikit-learn refuses")
    step = Step(op="binarize", parity="exact", params={"threshold": plain(part.threshold)}, tensors={})
    out = ColumnTypes(columns=(ColumnType(),) * len(table.columns), sparse=table.sparse)
    return (*refuse_missing(table), step), out


def discretizer(part: KBinsDiscretizer, table: ColumnTypes) -> Compiled:
    """The bins between the inner edges. Numbers outside are in the first or last bin."""
    table.require_numbers()
    if part.dtype not in (None, np.float64):
        raise NotPortableError(f"rounds to {np.dtype(part.dtype)}; float64 is supported")
    inner = [np.asarray(edges[1:-1], dtype="<f8") for edges in part.bin_edges_]
    one_hot = part.encode != "ordinal"
    params = {"counts": [len(edges) for edges in inner], "one_hot": one_hot}
    step = Step(op="discretize", parity="exact", params=params, tensors={"edges": np.concatenate(inner)})
    width = sum(len(edges) + 1 for edges in inner) if one_hot else len(inner)
    out = ColumnTypes(columns=(ColumnType(),) * width, sparse=part.encode == "onehot")
    return (*refuse_missing(table), step), out


ENTRIES = {
    Binarizer: Entry(binarizer, parity="exact", discontinuous=True),
    KBinsDiscretizer: Entry(discretizer, parity="exact", discontinuous=True, limits="a dtype of float32"),
}
