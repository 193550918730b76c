"""PolynomialFeatures: products in scikit-learn's order, so equal to the last bit.

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

# Terms of all degrees together, including those that are left out. Each is a product for each row.
MAX_TERMS = 100_000
# Each degree takes time, even with few terms.
MAX_DEGREE = 1000


def polynomial(step: Any, program: Program, origins: Origins) -> Built:
    """All products of ``low`` to ``high`` columns, or of distinct columns, after 1.0 if there is a bias.

    For dense data, the terms of a degree are column i times the terms of the previous degree, from the first one that
    begins with column i. With ``forward`` (scikit-learn uses a sparse matrix), they are each term of the previous
    degree times the columns from its last column on; a product with zero is zero.
    """
    low, high = (whole(degree, 0, MAX_DEGREE) for degree in step["degree"])
    distinct, forward = flag(step["distinct"]), flag(step["forward"])
    bias = [1.0] if flag(step["bias"]) else []
    if not origins:
        raise InvalidModel("a polynomial needs one column or more")
    # For each degree, the first and last column of each term.
    degrees = _terms(len(origins), high, distinct)
    # Terms that are left out are computed as well.
    program.lay_out(sum(map(len, degrees)))
    out = [origins[0]] * len(bias)
    out += [origins[term[0]] for degree, terms in enumerate(degrees, start=1) if degree >= low for term in terms]
    # For each column, where the terms of the previous degree begin that start with it (if distinct, with the next one).
    firsts = [[term[0] for term in terms] for terms in degrees[:-1]]
    begins = [[bisect_left(first, column + distinct) for column in range(len(origins))] for first in firsts]
    lasts = [[term[-1] + distinct for term in terms] for terms in degrees[:-1]]

    def backward_transform(row: Row) -> Row:
        terms = list(row)
        products = bias + terms if low <= 1 <= high else list(bias)
        for degree, begin in enumerate(begins, start=2):
            terms = [term * x for x, start in zip(row, begin, strict=True) for term in terms[start:]]
            if degree >= low:
                products += terms
        return products

    def forward_transform(row: Row) -> Row:
        terms = list(row)
        products = bias + terms if low <= 1 <= high else list(bias)
        for degree, last in enumerate(lasts, start=2):
            terms = [term * x if x else 0.0 for term, start in zip(terms, last, strict=True) for x in row[start:]]
            if degree >= low:
                products += terms
        return products

    return "transformer", forward_transform if forward else backward_transform, out


def _terms(width: int, high: int, distinct: bool) -> list[list[tuple[int, int]]]:
    """For each degree from 1 to ``high`` the (first, last) column of each term, in order."""
    count, total = 1, 0
    for degree in range(1, high + 1):
        # Each binomial coefficient follows from the previous one.
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
