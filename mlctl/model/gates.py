"""Gates: the least that a metric must reach."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlctl.errors import ExitCode, MlctlError, did_you_mean

# The single numbers among the metrics; here, so that checking a gate imports no scikit-learn.
METRICS = ("accuracy", "precision", "recall", "f1")


@dataclass(frozen=True)
class Gate:
    """One metric, the least it must be, what it is, and whether that is enough."""

    metric: str
    minimum: float
    value: float
    passed: bool

    def to_document(self) -> dict[str, Any]:
        """The ``--json`` form."""
        return {"metric": self.metric, "minimum": self.minimum, "value": self.value, "passed": self.passed}


def check(metrics: Mapping[str, Any], wanted: Mapping[str, float]) -> tuple[Gate, ...]:
    """Hold ``metrics`` against the minimum values ``wanted``. Raises MlctlError (exit 2) for an unknown name."""
    gates = []
    for name, minimum in sorted(wanted.items()):
        if name not in METRICS:
            raise MlctlError(
                f"There is no metric '{name}' to set a minimum for.{did_you_mean(name, METRICS)}",
                code="metric_unknown",
                exit_code=ExitCode.USAGE,
                hint=f"Use one of: {', '.join(METRICS)}.",
            )
        if not 0 <= minimum <= 1:
            raise MlctlError(
                f"{minimum:g} cannot be a minimum of {name}, which is a share between 0 and 1.",
                code="gate_invalid",
                exit_code=ExitCode.USAGE,
                hint="Write 0.95 for 95 %.",
            )
        value = float(metrics[name])
        gates.append(Gate(metric=name, minimum=minimum, value=value, passed=value >= minimum))
    return tuple(gates)


def missed(version: str, gates: tuple[Gate, ...]) -> MlctlError | None:
    """The error for gates that were missed (exit 4), or None when all passed."""
    short = [f"{gate.metric} {gate.value:.4f} is below {gate.minimum:g}" for gate in gates if not gate.passed]
    if not short:
        return None
    return MlctlError(
        f"Model version {version[:12]} misses its gates: {'; '.join(short)}.",
        code="gate_missed",
        exit_code=ExitCode.VERIFICATION,
        hint="Train a better model, or lower the minimum if it asks for too much.",
    )
