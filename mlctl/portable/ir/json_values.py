"""Converts values of fitted parts to JSON values."""

from typing import Any

import numpy as np

from mlctl.portable.ir.program import NotPortableError


def is_nan(value: Any) -> bool:
    """Whether ``value`` is a floating-point NaN. Text, None and pandas.NA are not."""
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def plain(value: Any) -> str | float | None:
    """Text as it is, a number as a float, NaN as None. Raises NotPortableError for any other value."""
    if isinstance(value, str):
        return str(value)
    if is_nan(value):
        return None
    if isinstance(value, bool | np.bool_ | int | np.integer | float | np.floating):
        try:
            number = float(value)
        except OverflowError:
            number = float("inf")
        if np.isfinite(number) and number == value:
            return number
    raise NotPortableError(f"contains the value {value!r}, which is neither text nor a float64 number")
