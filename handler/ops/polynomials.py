"""PolynomialFeatures: products in scikit-learn's own order, so equal to the last bit.

Source: sklearn/preprocessing/_polynomial.py (``transform``), and for sparse matrices of up to degree 3
sklearn/preprocessing/_csr_polynomial_expansion.pyx.
"""

from __future__ import annotations

from bisect import bisect_left

from handler.ops import InvalidModel
from handler.ops.validation import flag, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from handler.ops import Built, Origins, Program, Row

# Terms of all degrees together, those left out included: each is a product a row.
MAX_TERMS = 100_000
# Each degree has work of its own, however few its terms.
MAX_DEGREE = 1000


def polynomial(step: Any, program: Program, origins: Origins) -> Built:
    """Every product of ``low`` to ``high`` columns, or of distinct ones; before them 1.0 where there is a bias.

    Dense: the terms of each degree are those of the degree before, from where column i stands first on,
    times column i. ``forward`` (scikit-learn has a sparse matrix): each term of the degree before times the
    columns from its last one on; what is multiplied by zero is zero.
    """
    low, high = (whole(each, 0, MAX_DEGREE) for each in step["degree"])
    distinct, forward = flag(step["distinct"]), flag(step["forward"])
    bias = [1.0] if flag(step["bias"]) else []
    if not origins:
        raise InvalidModel("a polynomial of no column")
    # For each degree: the columns of each term, of which the work is derived.
    degrees = _terms(len(origins), high, distinct)
    # Those that are left out are computed as well.
    program.lay_out(sum(map(len, degrees)))
    out = [origins[0]] * len(bias)
    out += [origins[each[0]] for degree, terms in enumerate(degrees, start=1) if degree >= low for each in terms]
    # Where in the degree before the terms begin that start with column i, or with the one behind it.
    firsts = [[each[0] for each in terms] for terms in degrees[:-1]]
    begins = [[bisect_left(first, column + distinct) for column in range(len(origins))] for first in firsts]
    lasts = [[each[-1] + distinct for each in terms] for terms in degrees[:-1]]

    def backward_transform(row: Row) -> Row:
        terms = list(row)
        whole = bias + terms if low <= 1 <= high else list(bias)
        for degree, begin in enumerate(begins, start=2):
            terms = [term * x for x, start in zip(row, begin, strict=True) for term in terms[start:]]
            if degree >= low:
                whole += terms
        return whole

    def forward_transform(row: Row) -> Row:
        terms = list(row)
        whole = bias + terms if low <= 1 <= high else list(bias)
        for degree, last in enumerate(lasts, start=2):
            terms = [term * x if x else 0.0 for term, at in zip(terms, last, strict=True) for x in row[at:]]
            if degree >= low:
                whole += terms
        return whole

    return "transformer", forward_transform if forward else backward_transform, out


def _terms(width: int, high: int, distinct: bool) -> list[list[tuple[int, int]]]:
    """For each degree from 1 to ``high`` the (first, last) column of each term, in order."""
    count, total = 1, 0
    for degree in range(1, high + 1):
        # The binomial coefficients, one from the other.
        count = count * (width - degree + 1 if distinct else width + degree - 1) // degree
        total += count
        if total > MAX_TERMS:
            raise InvalidModel(f"a polynomial has at most {MAX_TERMS} terms")
        if not count:
            break
    degrees: list[list[tuple[int, int]]] = []
    terms = [(column, column) for column in range(width)]
    while terms and len(degrees) < high:
        degrees.append(terms)
        if len(degrees) < high:
            terms = [(first, column) for first, last in terms for column in range(last + distinct, width)]
    return degrees


BUILDERS = {"polynomial": polynomial}
