"""Compiles IsotonicRegression: linear interpolation between its thresholds."""

import numpy as np
from sklearn.isotonic import IsotonicRegression

from mlctl.portable.entry import Entry
from mlctl.portable.ir.columns import ColumnTypes, Compiled
from mlctl.portable.ir.program import NotPortableError, Step


def isotonic(model: IsotonicRegression, table: ColumnTypes) -> Compiled:
    """One column. Outside the thresholds, the value at the end with ``out_of_bounds="clip"``, else an error."""
    table.require_numbers()
    if len(table.columns) != 1:
        raise NotPortableError(f"expects one column but gets {len(table.columns)}")
    x, y = np.asarray(model.X_thresholds_), np.asarray(model.y_thresholds_)
    if x.dtype != np.float64 or y.dtype != np.float64:
        raise NotPortableError("was fitted on float32 numbers and rounds to them")
    # A single point is the answer for every number.
    clip = model.out_of_bounds == "clip" or len(x) == 1
    if table.close and not clip:
        raise NotPortableError(
            "refuses numbers outside its range, and takes numbers from a previous step whose last bits may differ"
        )
    tensors = {"x": x.astype("<f8"), "y": y.astype("<f8")}
    return (Step(op="interpolate", parity="close", params={"clip": clip}, tensors=tensors),), None


_LIMITS = "fitted on float32; numbers from a previous step that is close, except with out_of_bounds='clip'"

ENTRIES = {IsotonicRegression: Entry(isotonic, parity="close", limits=_LIMITS)}
