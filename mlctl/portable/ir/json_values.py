"""Values that fitted parts hold, as JSON can carry them."""

from typing import Any

import numpy as np

from mlctl.portable.ir.program import NotPortableError


def is_nan(value: Any) -> bool:
    """Whether ``value`` is a floating-point NaN; text, None and pandas.NA are none."""
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def plain(value: Any) -> str | float | None:
    """Text as it is, a number as a float, NaN as None. Raises NotPortableError for what is none of them."""
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
