"""Walks down trees without generated code: from a row and a root to the node of a leaf.

The arrays are those of ``trees.Trees``. Source: sklearn/tree/_tree.pyx (``_apply_dense``).
"""

from __future__ import annotations

import struct

from handler.ops import InvalidModel, UnprocessableRow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from handler.ops import Origins, Row

INFINITY = float("inf")


def leaf(feature: Sequence[int], threshold: Sequence[float], skip: Sequence[int]) -> Callable[[Row, int], int]:
    """A function from a row and a root to the node of the leaf."""

    def walk(row: Row, node: int) -> int:
        tested = feature[node]
        while tested >= 0:
            node += 1 if row[tested] <= threshold[node] else skip[node] + 1
            tested = feature[node]
        return node

    return walk


def leaf_with_gaps(
    feature: Sequence[int], threshold: Sequence[float], skip: Sequence[int], missing: Sequence[int]
) -> Callable[[Row, int], int]:
    """Like ``leaf``, for rows with missing values: one more comparison at each node."""

    def walk(row: Row, node: int) -> int:
        tested = feature[node]
        while tested >= 0:
            number = row[tested]
            # NaN is the only number that differs from itself.
            left = number <= threshold[node] if number == number else not missing[node]  # noqa: PLR0124
            node += 1 if left else skip[node] + 1
            tested = feature[node]
        return node

    return walk


def leaf_with_sets(
    feature: Sequence[int],
    threshold: Sequence[float],
    skip: Sequence[int],
    missing: Sequence[int],
    sets: Sequence[int],
    categories: int,
) -> Callable[[Row, int], int]:
    """Like ``leaf_with_gaps``, where the first features are categories. Any other value there counts as missing."""

    def walk(row: Row, node: int) -> int:
        tested = feature[node]
        while tested >= 0:
            number = row[tested]
            if tested >= categories and number == number:  # noqa: PLR0124
                left = number <= threshold[node]
            elif tested < categories and 0 <= number < 256:
                code = int(number)
                left = sets[_whole(threshold[node]) * 8 + (code >> 5)] >> (code & 31) & 1 == 1
            else:
                left = not missing[node]
            node += 1 if left else skip[node] + 1
            tested = feature[node]
        return node

    return walk


def inside(find_leaf: Callable[[Row, int], int], spans: list[tuple[int, int]]) -> Callable[[Row, int], int]:
    """Check each walk over arrays that were not checked as a whole. Raises InvalidModel if it leaves its tree."""
    ends = dict(spans)

    def walk(row: Row, root: int) -> int:
        node = find_leaf(row, root)
        if node >= ends[root]:
            raise InvalidModel("a tree points outside its arrays")
        return node

    return walk


def _whole(number: float) -> int:
    """The index of a set; the arrays of a large model are not checked when it is loaded."""
    if not 0 <= number < 2**32:
        raise InvalidModel("a tree points outside its sets of categories")
    return int(number)


def to_float32(origins: Origins) -> Callable[[Row], tuple[float, ...]]:
    """A function that rounds a row to float32 as a C cast does, and refuses overflows and infinities."""
    width = len(origins)
    packer = struct.Struct(f"<{width}f")
    pack, unpack = packer.pack, packer.unpack

    def rounded(row: Row) -> tuple[float, ...]:
        try:
            singles = unpack(pack(*row))
            # A missing value also makes the sum NaN. A sum of float32 never exceeds float64.
            total = sum(singles)
            if total - total == 0 or not (INFINITY in singles or -INFINITY in singles):
                return singles
        except OverflowError:
            pass
        except struct.error:
            raise InvalidModel("text reaches the trees") from None
        # Missing values are not the cause.
        sizes = [abs(value) if value == value else 0.0 for value in row]  # noqa: PLR0124
        origin = origins[sizes.index(max(sizes))]
        raise UnprocessableRow(origin, "is too large for the model: after scaling it exceeds float32")

    return rounded
