"""Combinations of test parameters: a diagonal in the default tier, the whole grid in the full tier."""

from collections.abc import Iterable
from itertools import cycle, islice, product
from typing import Any

import pytest


def diagonal(*axes: Iterable[Any]) -> list[tuple[Any, ...]]:
    """As many combinations as the longest axis has values: each value of each axis at least once."""
    values = [list(axis) for axis in axes]
    length = max(map(len, values))
    return list(zip(*(islice(cycle(axis), length) for axis in values), strict=True))


def grid(*axes: Iterable[Any]) -> list[Any]:
    """All combinations; those outside the diagonal are marked ``slow``."""
    values = [list(axis) for axis in axes]
    quick = diagonal(*values)
    others = [case for case in product(*values) if case not in quick]
    return [*quick, *(pytest.param(*case, marks=pytest.mark.slow) for case in others)]
