"""Gates: the least, or the most, that a metric may be."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlctl.errors import ExitCode, MlctlError, did_you_mean

# The single numbers among the metrics; here, so that checking a gate imports no scikit-learn.
OF_CLASSES = ("accuracy", "precision", "recall", "f1")
OF_TWO_CLASSES = ("roc_auc", "average_precision", "log_loss", "brier")
OF_NUMBERS = ("r2", "mae", "rmse", "median_error")
METRICS = (*OF_CLASSES, *OF_TWO_CLASSES, *OF_NUMBERS)
# Errors: the lower the better, so their gate is a maximum.
ERRORS = ("log_loss", "brier", "mae", "rmse", "median_error")
_SHARES = (*OF_CLASSES, "roc_auc", "average_precision", "brier")


@dataclass(frozen=True)
class Gate:
    """One metric, the bound it must keep (a maximum for ERRORS, else a minimum), what it is, whether it does."""

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
    """The metrics of a task."""
    if task == "regression":
        return OF_NUMBERS
    return (*OF_CLASSES, *OF_TWO_CLASSES) if task == "binary" else OF_CLASSES


def measured(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    """The single numbers in the metrics of a version."""
    return tuple(name for name in METRICS if name in metrics)


def headline(names: Iterable[str]) -> str:
    """The one metric to tell of in a line."""
    found = set(names)
    return next(name for name in ("accuracy", "r2", "mae") if name in found)


def refuse_impossible(wanted: Mapping[str, float], known: Iterable[str] = METRICS) -> None:
    """Raise MlctlError (exit 2) for a gate on a metric that is not ``known``, or that no value could pass or miss."""
    known = tuple(known)
    for name, bound in wanted.items():
        if name not in METRICS:
            raise MlctlError(
                f"There is no metric '{name}' to set a gate for.{did_you_mean(name, METRICS)}",
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
                f"{bound:g} cannot be a gate of {name}, which is a share between 0 and 1.",
                code="gate_invalid",
                exit_code=ExitCode.USAGE,
                hint="Write 0.95 for 95 %.",
            )
        if (name == "r2" and bound > 1) or (name in ERRORS and bound < 0):
            raise MlctlError(
                f"{bound:g} cannot be a gate of {name}, which is never {'above 1' if name == 'r2' else 'negative'}.",
                code="gate_invalid",
                exit_code=ExitCode.USAGE,
                hint="Correct [gates] in mlctl.toml.",
            )


def check(metrics: Mapping[str, Any], wanted: Mapping[str, float]) -> tuple[Gate, ...]:
    """Hold ``metrics`` against the bounds ``wanted``; raises like ``refuse_impossible``."""
    refuse_impossible(wanted, measured(metrics))
    gates = []
    for name, bound in sorted(wanted.items()):
        value = float(metrics[name])
        gates.append(Gate(name, bound, value, value <= bound if name in ERRORS else value >= bound))
    return tuple(gates)


def missed(version: str, gates: tuple[Gate, ...]) -> MlctlError | None:
    """The error for gates that were missed (exit 4), or None when all passed."""
    short = [
        f"{gate.metric} {gate.value:.4f} is {'above' if gate.side == 'maximum' else 'below'} {gate.bound:.10g}"
        for gate in gates
        if not gate.passed
    ]
    if not short:
        return None
    return MlctlError(
        f"Model version {version[:12]} misses its gates: {'; '.join(short)}.",
        code="gate_missed",
        exit_code=ExitCode.VERIFICATION,
        hint="Train a better model, or move the gate if it asks for too much.",
    )
