"""The registry's entry for a class of scikit-learn that compiles."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from mlctl.portable.ir.columns import ColumnTypes, Compiled


class Inner(Protocol):
    """Compiles a part inside another."""

    def __call__(self, name: str, part: Any, table: ColumnTypes, *, last: bool = False) -> Compiled:
        """Compile the part ``name`` for the columns ``table``. With ``last``, the part predicts."""


@dataclass(frozen=True)
class Entry:
    """A class that compiles.

    ``compile(part, table)``, or ``compile(part, table, inner)`` with ``holds_parts``, returns the steps of a fitted
    part and its output columns. It raises NotPortableError with the reason if it does not support the part. ``parity``
    is the promise of the class with its usual parameters ("delegated": it depends on the parts inside). ``otherwise``
    is another promise with its parameters. ``limits`` lists briefly what does not compile. The table of support shows
    these.

    ``model`` replaces ``compile`` if the part is last and predicts, for a class that is both a transformer and a
    predictor. ``skips_input_checks``: the class accepts infinite numbers and any numeric type, or checks them itself.
    Before any other class, infinite numbers are refused, as in scikit-learn, and float32 numbers do not compile,
    because scikit-learn would compute with float32.

    ``discontinuous``: the class compares numbers with those of the training rows, so a different last bit may change
    the answer completely. It does not compile after a step that is ``close``.
    """

    compile: Callable[..., Compiled]
    parity: Literal["exact", "close", "delegated"]
    limits: str = ""
    otherwise: str = ""
    holds_parts: bool = False
    model: Callable[..., Compiled] | None = None
    skips_input_checks: bool = False
    discontinuous: bool = False


def where_present(module: str, name: str, entry: Entry) -> dict[type, Entry]:
    """The entry of a class that only some supported releases of scikit-learn have."""
    estimator = getattr(importlib.import_module(module), name, None)
    return {estimator: entry} if isinstance(estimator, type) else {}
