"""Compiles PowerTransformer."""

from dataclasses import replace

import numpy as np
from sklearn.preprocessing import PowerTransformer

from mlctl.portable.entry import Entry
from mlctl.portable.families.scaling import standard_scaler
from mlctl.portable.input_checks import refuse_infinite
from mlctl.portable.ir.columns import ColumnTypes, Compiled
from mlctl.portable.ir.program import NotPortableError, Step


def power_transformer(part: PowerTransformer, table: ColumnTypes) -> Compiled:
    """The power transform of each column, then a scaler if ``standardize`` is set."""
    table.require_numbers()
    if np.asarray(part.lambdas_).dtype == np.float32:
        raise NotPortableError("was fitted on float32 numbers and computes with them")
    lambdas = np.asarray(part.lambdas_, dtype="<f8")
    if not np.isfinite(lambdas).all():
        raise NotPortableError("learned a lambda that is not finite")
    method = part.method
    if method == "yeo-johnson" and hasattr(part, "_yeo_johnson_transform"):  # removed in scikit-learn 1.7
        method = "yeo-johnson of powers"
    step = Step(op="power", parity="close", params={"method": method}, tensors={"lambdas": lambdas})
    out = replace(table, columns=tuple(replace(column, infinite=True) for column in table.columns))
    if not part.standardize:
        return (step,), out
    # The scaler refuses infinite results of the power.
    checks, out = refuse_infinite(out)
    scaling, scaled = standard_scaler(part._scaler, out)
    return (step, *checks, *scaling), scaled


ENTRIES = {PowerTransformer: Entry(power_transformer, parity="close", limits="fitted on float32")}
