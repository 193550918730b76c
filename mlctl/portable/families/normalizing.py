"""Compiles Normalizer."""

from dataclasses import replace

import numpy as np
from sklearn.preprocessing import Normalizer

from mlctl.portable.entry import Entry
from mlctl.portable.input_checks import refuse_missing
from mlctl.portable.ir.columns import ColumnTypes, Compiled
from mlctl.portable.ir.program import NotPortableError, Step


def normalizer(part: Normalizer, table: ColumnTypes) -> Compiled:
    """``x / norm``. A row of an array with a norm below 10 eps, or of a sparse matrix with norm 0, stays as it is."""
    if part.norm not in ("l1", "l2", "max"):
        raise NotPortableError(f"divides by the norm {part.norm!r}; l1, l2 and max are supported")
    table.require_numbers()
    smallest = np.nextafter(0.0, 1.0) if table.sparse else 10 * np.finfo(np.float64).eps
    params = {"norm": part.norm, "smallest": float(smallest)}
    columns = tuple(replace(column, missing=False) for column in table.columns)
    step = Step(op="normalize", parity="exact" if part.norm == "max" else "close", params=params, tensors={})
    return (*refuse_missing(table), step), replace(table, columns=columns)


ENTRIES = {Normalizer: Entry(normalizer, parity="close", otherwise="exact with norm='max'")}
