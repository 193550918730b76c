"""Compiles PolynomialFeatures."""

from dataclasses import replace
from math import comb

from sklearn.preprocessing import PolynomialFeatures

from mlctl.portable.entry import Entry
from mlctl.portable.input_checks import refuse_missing
from mlctl.portable.ir.columns import ColumnType, ColumnTypes, Compiled
from mlctl.portable.ir.program import NotPortableError, Step

# The handler's limit for terms of all degrees, including those that are left out.
MAX_TERMS = 100_000
MAX_DEGREE = 1000


def polynomial_features(part: PolynomialFeatures, table: ColumnTypes) -> Compiled:
    """Products of columns. The order of factors differs between a sparse matrix and an array."""
    table.require_numbers()
    low, high = int(part._min_degree), int(part._max_degree)
    width = len(table.columns)
    if high > MAX_DEGREE:
        raise NotPortableError(f"has a degree above {MAX_DEGREE:,}")
    terms = (
        comb(width, degree) if part.interaction_only else comb(width + degree - 1, degree)
        for degree in range(1, high + 1)
    )
    if sum(terms) > MAX_TERMS:
        raise NotPortableError(f"computes more than {MAX_TERMS:,} terms")
    params = {
        "degree": [low, high],
        "distinct": bool(part.interaction_only),
        "bias": bool(part.include_bias),
        "forward": table.sparse,
    }
    step = Step(op="polynomial", parity="exact", params=params, tensors={})
    # Products may exceed float64. An infinite product that is left out gives NaN when multiplied by zero.
    product = ColumnType(infinite=high > 1, missing=low > 2)
    out = replace(table, columns=(product,) * int(part.n_output_features_))
    return (*refuse_missing(table), step), out


_LIMITS = f"more than {MAX_TERMS:,} terms; a degree above {MAX_DEGREE:,}"

ENTRIES = {PolynomialFeatures: Entry(polynomial_features, parity="exact", limits=_LIMITS)}
