"""The table of ``mlctl models support``: the classes of scikit-learn that compile, and why the others do not.

It combines the registry and ``reasons``. A test compares both with ``sklearn.utils.all_estimators()``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sklearn
from sklearn.base import (
    ClassifierMixin,
    ClusterMixin,
    OutlierMixin,
    RegressorMixin,
    TransformerMixin,
)
from sklearn.pipeline import Pipeline
from sklearn.utils import all_estimators

from mlctl.portable import reasons
from mlctl.portable.entry import Entry
from mlctl.portable.registry import ENTRIES

Kind = Literal["classifier", "regressor", "cluster", "outlier", "transformer", "other"]
_KINDS: tuple[tuple[type, Kind], ...] = (
    (ClassifierMixin, "classifier"),
    (RegressorMixin, "regressor"),
    (OutlierMixin, "outlier"),
    (TransformerMixin, "transformer"),
    (ClusterMixin, "cluster"),
)
_JUMPS = "numbers from a previous step that is close"


@dataclass(frozen=True)
class Support:
    """One class of the installed scikit-learn.

    ``parity`` applies to the usual parameters. It is None for a class that does not compile, and "delegated" if it
    depends on the parts inside. ``otherwise`` is another parity with its parameters. ``note`` lists what does not
    compile, or gives the reason.
    """

    name: str
    module: str
    kind: Kind
    parity: Literal["exact", "close", "delegated"] | None
    otherwise: str
    note: str


def table() -> tuple[Support, ...]:
    """Every estimator of the installed scikit-learn, sorted by module and name."""
    public = dict(all_estimators())
    # ENTRIES has classes that are public only if an experimental feature is enabled.
    classes = {**{estimator.__name__: estimator for estimator in ENTRIES}, **public}
    rows = (_support(name, estimator, ENTRIES.get(estimator)) for name, estimator in classes.items())
    return tuple(sorted(rows, key=lambda row: (row.module, row.name)))


def _minor() -> str:
    return ".".join(sklearn.__version__.split(".")[:2])


def _support(name: str, estimator: type, entry: Entry | None) -> Support:
    return Support(
        name=name,
        module=estimator.__module__.split("._")[0],
        kind=_kind(estimator),
        parity=entry.parity if entry else None,
        otherwise=entry.otherwise if entry else "",
        note=_limits(entry) if entry else reasons.of_name(name),
    )


def _limits(entry: Entry) -> str:
    return "; ".join(filter(None, (entry.limits, _JUMPS if entry.discontinuous else "")))


def _kind(estimator: Any) -> Kind:
    return next((kind for mixin, kind in _KINDS if issubclass(estimator, mixin)), "other")


def unsupported(pipeline: Pipeline) -> str:
    """The first step of a pipeline, fitted or not, whose class never compiles, and the reason; empty if none."""
    for name, part in pipeline.steps:
        if isinstance(part, Pipeline):
            message = unsupported(part)
            if message:
                return message
        elif part not in (None, "passthrough") and type(part) not in ENTRIES:
            return f"{type(part).__name__} (step '{name}') is not supported: it {reasons.of(type(part))}"
    return ""


def summary() -> str:
    """A sentence with the number of classes that compile."""
    rows = table()
    return f"Of scikit-learn {_minor()}, {sum(row.parity is not None for row in rows)} of {len(rows)} classes compile."


def markdown(rows: Sequence[Support]) -> str:
    """The tables in docs/PORTABLE.md: the classes that compile, then the others."""
    compiled = [
        f"| `{row.module}.{row.name}` | {row.kind} | {_parity_text(row)} | {row.note} |" for row in rows if row.parity
    ]
    not_compiled = []
    for reason in dict.fromkeys(row.note for row in rows if not row.parity):
        names = ", ".join(f"`{row.name}`" for row in rows if not row.parity and row.note == reason)
        not_compiled.append(f"| {reason} | {names} |")
    tables = []
    if compiled:
        tables.append(["| class | kind | parity | does not compile |", "|---|---|---|---|", *compiled])
    if not_compiled:
        tables.append(["Not compiled:", "", "| why not | classes |", "|---|---|", *not_compiled])
    return "\n\n".join("\n".join(lines) for lines in tables) + "\n"


def _parity_text(row: Support) -> str:
    parity = PARITIES[row.parity or "delegated"]
    return f"{parity}; {row.otherwise}" if row.otherwise else parity


PARITIES = {"exact": "exact", "close": "close", "delegated": "of its parts"}
