"""What the registry knows of each class of scikit-learn that compiles."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from mlctl.portable.ir.columns import ColumnTypes, Compiled


class Inner(Protocol):
    """Compiles a part inside another."""

    def __call__(self, name: str, part: Any, table: ColumnTypes, *, last: bool = False) -> Compiled:
        """The part ``name``, reached by ``table``; ``last``: it is to predict, so no transformer follows from it."""


@dataclass(frozen=True)
class Entry:
    """A class that compiles.

    ``compile(part, table)``, or ``compile(part, table, inner)`` where ``holds_parts``, gives the steps
    of a fitted part and what it hands on; it raises NotPortableError with the reason for what it does
    not take. ``parity``: what the class promises with its usual parameters ("delegated": what the parts inside it
    promise); ``otherwise``: what it promises with others, and with which. ``limits``: in a few words, what of the
    class does not compile; the table of support shows both.

    ``model``: as ``compile``, and takes its place where the part stands last and so predicts: for a class
    that is a transformer and a predictor at once. ``skips_input_checks``: the class takes infinite numbers, and
    numbers of any type, or sees to them itself; before any other the infinite ones are refused, as
    scikit-learn does, and numbers of float32, in which it would then compute, do not compile.

    ``discontinuous``: it compares a number with those of the training rows, so that one which misses them by its
    last bit gets quite another answer. It does not compile behind a step that is ``close``.
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
    """The entry of a class that not every supported release of scikit-learn has."""
    found = getattr(importlib.import_module(module), name, None)
    return {found: entry} if isinstance(found, type) else {}
