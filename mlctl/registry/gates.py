"""Gates: lower or upper bounds of metrics."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlctl.errors import ExitCode, MlctlError, did_you_mean

# The metrics that are single numbers. They are listed here so that checking a gate does not import scikit-learn.
OF_CLASSES = ("accuracy", "precision", "recall", "f1")
OF_TWO_CLASSES = ("roc_auc", "average_precision", "log_loss", "brier")
OF_NUMBERS = ("r2", "mae", "rmse", "median_error")
METRICS = (*OF_CLASSES, *OF_TWO_CLASSES, *OF_NUMBERS)
# Lower is better: the gate is a maximum.
ERRORS = ("log_loss", "brier", "mae", "rmse", "median_error")
_SHARES = (*OF_CLASSES, "roc_auc", "average_precision", "brier")


@dataclass(frozen=True)
class Gate:
    """A metric, its bound (a maximum for ERRORS, else a minimum), its value, and whether it passed."""

    metric: str
    bound: float
    value: float
    passed: bool

    @property
    def side(self) -> str:
        """``minimum`` or ``maximum``."""
        return "maximum" if self.metric in ERRORS else "minimum"

    def to_document(self) -> dict[str, Any]:
        """The ``--json`` form."""
        return {"metric": self.metric, self.side: self.bound, "value": self.value, "passed": self.passed}


def of_task(task: str) -> tuple[str, ...]:
    """The names of the metrics of a task."""
    if task == "regression":
        return OF_NUMBERS
    return (*OF_CLASSES, *OF_TWO_CLASSES) if task == "binary" else OF_CLASSES


def measured(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the single numbers in the metrics of a version."""
    return tuple(name for name in METRICS if name in metrics)


def headline(names: Iterable[str]) -> str:
    """The metric that summarises a model in one line."""
    available = set(names)
    return next(name for name in ("accuracy", "r2", "mae") if name in available)


def check_bounds(bounds: Mapping[str, float], known: Iterable[str] = METRICS) -> None:
    """Raise MlctlError (exit 2) for a gate on a metric that is not ``known``, or with an impossible bound."""
    known = tuple(known)
    for name, bound in bounds.items():
        if name not in METRICS:
            raise MlctlError(
                f"Unknown metric '{name}'.{did_you_mean(name, METRICS)}",
                code="metric_unknown",
                exit_code=ExitCode.USAGE,
                hint=f"Use one of: {', '.join(known)}.",
            )
        if name not in known:
            raise MlctlError(
                f"The metric '{name}' is not measured for this model.",
                code="metric_unknown",
                exit_code=ExitCode.USAGE,
                hint=f"Its metrics are: {', '.join(known)}.",
            )
        if name in _SHARES and not 0 <= bound <= 1:
            raise MlctlError(
                f"The gate {name} = {bound:g} is impossible: {name} is between 0 and 1.",
                code="gate_invalid",
                exit_code=ExitCode.USAGE,
                hint="Write 0.95 for 95 %.",
            )
        if (name == "r2" and bound > 1) or (name in ERRORS and bound < 0):
            raise MlctlError(
                f"The gate {name} = {bound:g} is impossible: "
                f"{name} is never {'above 1' if name == 'r2' else 'negative'}.",
                code="gate_invalid",
                exit_code=ExitCode.USAGE,
                hint="Correct [gates] in mlctl.toml.",
            )


def check(metrics: Mapping[str, Any], bounds: Mapping[str, float]) -> tuple[Gate, ...]:
    """Compare ``metrics`` with ``bounds``; raises like ``check_bounds``."""
    check_bounds(bounds, measured(metrics))
    gates = []
    for name, bound in sorted(bounds.items()):
        value = float(metrics[name])
        gates.append(Gate(name, bound, value, value <= bound if name in ERRORS else value >= bound))
    return tuple(gates)


def missed(version: str, gates: tuple[Gate, ...]) -> MlctlError | None:
    """The error for the gates that failed (exit 4), or None if all passed."""
    failures = [
        f"{gate.metric} {gate.value:.4f} is {'above' if gate.side == 'maximum' else 'below'} {gate.bound:.10g}"
        for gate in gates
        if not gate.passed
    ]
    if not failures:
        return None
    return MlctlError(
        f"Model version {version[:12]} misses its gates: {'; '.join(failures)}.",
        code="gate_missed",
        exit_code=ExitCode.VERIFICATION,
        hint="Train a better model, or relax the gate.",
    )
