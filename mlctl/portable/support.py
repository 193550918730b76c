"""What of scikit-learn compiles, and of the rest why not: the table of ``mlctl models support``.

What compiles is read from the registry, why the rest does not from ``reasons``; a test holds both
against ``sklearn.utils.all_estimators()``.
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

    ``parity``: with the usual parameters; None for one that does not compile, "delegated" where it is that of the
    parts inside. ``otherwise``: another parity, and with what parameters. ``note``: of one that compiles what of it
    does not, else the reason.
    """

    name: str
    module: str
    kind: Kind
    parity: Literal["exact", "close", "delegated"] | None
    otherwise: str
    note: str


def table() -> tuple[Support, ...]:
    """Every class of the installed scikit-learn that can be fitted, by module and name."""
    public = dict(all_estimators())
    # What is public only once an experimental feature is switched on.
    found = {**{each.__name__: each for each in ENTRIES}, **public}
    rows = (_support(name, each, ENTRIES.get(each)) for name, each in found.items())
    return tuple(sorted(rows, key=lambda row: (row.module, row.name)))


def _minor() -> str:
    return ".".join(sklearn.__version__.split(".")[:2])


def _support(name: str, found: type, entry: Entry | None) -> Support:
    return Support(
        name=name,
        module=found.__module__.split("._")[0],
        kind=_kind(found),
        parity=entry.parity if entry else None,
        otherwise=entry.otherwise if entry else "",
        note=_limits(entry) if entry else reasons.of_name(name),
    )


def _limits(entry: Entry) -> str:
    return "; ".join(filter(None, (entry.limits, _JUMPS if entry.discontinuous else "")))


def _kind(found: Any) -> Kind:
    return next((kind for mixin, kind in _KINDS if issubclass(found, mixin)), "other")


def unsupported(pipeline: Pipeline) -> str:
    """The first step of a pipeline, fitted or not, whose class does not compile at all, and why; empty for none."""
    for name, part in pipeline.steps:
        if isinstance(part, Pipeline):
            found = unsupported(part)
            if found:
                return found
        elif part not in (None, "passthrough") and type(part) not in ENTRIES:
            return f"{type(part).__name__} (step '{name}') is not supported: it {reasons.of(type(part))}"
    return ""


def summary() -> str:
    """How much of scikit-learn compiles, in a sentence."""
    rows = table()
    return f"Of scikit-learn {_minor()}, {sum(row.parity is not None for row in rows)} of {len(rows)} classes compile."


def markdown(rows: Sequence[Support]) -> str:
    """``rows`` as docs/PORTABLE.md holds them: what compiles, then what does not."""
    compiled = [
        f"| `{row.module}.{row.name}` | {row.kind} | {_told_parity(row)} | {row.note} |" for row in rows if row.parity
    ]
    rest = []
    for reason in dict.fromkeys(row.note for row in rows if not row.parity):
        names = ", ".join(f"`{row.name}`" for row in rows if not row.parity and row.note == reason)
        rest.append(f"| {reason} | {names} |")
    tables = []
    if compiled:
        tables.append(["| class | kind | parity | does not compile |", "|---|---|---|---|", *compiled])
    if rest:
        tables.append(["Not compiled:", "", "| why not | classes |", "|---|---|", *rest])
    return "\n\n".join("\n".join(lines) for lines in tables) + "\n"


def _told_parity(row: Support) -> str:
    told = PARITIES[row.parity or "delegated"]
    return f"{told}; {row.otherwise}" if row.otherwise else told


PARITIES = {"exact": "exact", "close": "close", "delegated": "of its parts"}
