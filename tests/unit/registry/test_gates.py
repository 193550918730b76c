"""Gates: minimum scores, maximum errors, and metrics without a value."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mlctl import settings
from mlctl.core import deploy
from mlctl.errors import MlctlError
from mlctl.registry import gates
from mlctl.registry.store import Registry
from tests.conftest import Cli
from tests.support.tables import write_customers, write_settings

METRICS = {"rows": 12, "r2": 0.5, "mae": 2.0, "rmse": 3.0, "median_error": 1.0}


@pytest.fixture
def shop(project: Path) -> Path:
    """A project with the table of customers."""
    write_customers(project)
    return project


@pytest.mark.parametrize(
    ("wanted", "passed"),
    [
        ({"r2": 0.5}, True),
        ({"r2": 0.51}, False),
        ({"rmse": 3.0}, True),
        ({"rmse": 2.99}, False),
        ({"mae": 2.5, "median_error": 0.5}, False),
    ],
)
def test_a_score_has_a_minimum_and_an_error_a_maximum(wanted: Mapping[str, float], passed: bool) -> None:
    checked = gates.check(METRICS, wanted)
    assert [gate.metric for gate in checked] == sorted(wanted)
    assert all(gate.passed for gate in checked) is passed
    assert (gates.missed("f" * 64, checked) is None) is passed


def test_what_a_gate_says_of_itself() -> None:
    low, high = gates.check(METRICS, {"r2": 0.9, "rmse": 2.5})
    assert low.to_document() == {"metric": "r2", "minimum": 0.9, "value": 0.5, "passed": False}
    assert high.to_document() == {"metric": "rmse", "maximum": 2.5, "value": 3.0, "passed": False}
    missed = gates.missed("f" * 64, (low, high))
    assert missed is not None
    assert missed.message == (
        "Model version ffffffffffff misses its gates: r2 0.5000 is below 0.9; rmse 3.0000 is above 2.5."
    )
    assert missed.exit_code == 4


def test_large_errors_are_reported_in_full() -> None:
    (gate,) = gates.check({"rmse": 1234567.25}, {"rmse": 1234567})
    missed = gates.missed("f" * 64, (gate,))
    assert missed is not None
    assert "rmse 1234567.2500 is above 1234567." in missed.message


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"accuracy": 95}, "The gate accuracy = 95 is impossible: accuracy is between 0 and 1."),
        ({"brier": 1.1}, "The gate brier = 1.1 is impossible: brier is between 0 and 1."),
        ({"r2": 1.5}, "The gate r2 = 1.5 is impossible: r2 is never above 1."),
        ({"rmse": -1}, "The gate rmse = -1 is impossible: rmse is never negative."),
        ({"rsme": 1}, "Unknown metric 'rsme'. Did you mean 'rmse'?"),
    ],
)
def test_gates_that_nothing_could_pass_or_miss(wanted: Mapping[str, float], message: str) -> None:
    with pytest.raises(MlctlError) as refused:
        gates.check_bounds(wanted)
    assert (refused.value.message, refused.value.exit_code) == (message, 2)
    # Where they can be: a negative R² is a bad model, but a model.
    gates.check_bounds({"r2": -1, "rmse": 1e9, "log_loss": 5, "accuracy": 0, "brier": 1})


@pytest.mark.parametrize(
    ("target", "model", "gate", "known"),
    [
        ("spend", "", "accuracy = 0.9", "r2, mae, rmse, median_error"),
        ("spend", "", "roc_auc = 0.9", "r2, mae, rmse, median_error"),
        (
            "churned",
            "",
            "rmse = 1",
            "accuracy, precision, recall, f1, roc_auc, average_precision, log_loss, brier",
        ),
        ("plan", "", "roc_auc = 0.9", "accuracy, precision, recall, f1"),
        (
            "churned",
            'estimator = "sklearn.svm.LinearSVC"',
            "log_loss = 0.5",
            "accuracy, precision, recall, f1, roc_auc, average_precision",
        ),
    ],
)
def test_a_gate_on_what_is_not_measured_is_refused_before_training(
    shop: Path, cli: Cli, target: str, model: str, gate: str, known: str
) -> None:
    path = shop / "customers.csv"
    path.write_text("\n".join(line for line in path.read_text().splitlines() if ",," not in line) + "\n")
    write_settings(shop, target, model=model, more=f"[gates]\n{gate}")
    refused = cli("train")
    assert refused.code == 2
    name = gate.split(maxsplit=1)[0]
    assert (
        f"Error: The metric '{name}' is not measured for this model.\nNext:  Its metrics are: {known}.\n" in refused.err
    )
    assert "Cross-validating" not in refused.err
    assert not (shop / "artifacts").exists()


def test_a_gate_that_needs_two_classes_where_the_held_out_rows_have_one(shop: Path, cli: Cli) -> None:
    lines = ["day,a,t", *(f"2024-01-{at + 1:02},{at % 5},{'x' if at >= 24 else 'xy'[at % 2]}" for at in range(30))]
    (shop / "customers.csv").write_text("\n".join(lines) + "\n")
    write_settings(shop, "t", data='split = "time"\nsplit_by = "day"', more="[gates]\nroc_auc = 0.5")
    refused = cli("train")
    assert (refused.code, "The metric 'roc_auc' is not measured for this model." in refused.err) == (2, True)
    assert "Cross-validating" not in refused.err


def test_train_evaluate_and_deploy_hold_an_error_against_its_maximum(
    shop: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_settings(shop, "spend", more="[gates]\nrmse = 0.01\nr2 = -100")
    trained = cli("train")
    assert trained.code == 0
    value = Registry(shop, "shop").get().read_json("metrics.json")["rmse"]
    assert f"misses its gates: rmse {value:.4f} is above 0.01. It cannot be deployed." in trained.out
    assert "mlctl deploy" not in trained.out
    assert [gate["passed"] for gate in cli("train", "--json").json["gates"]] == [True, False]
    evaluated = cli("evaluate")
    assert evaluated.code == 4
    rows = [" ".join(line.split()) for line in evaluated.out.splitlines()]
    assert f"rmse {value:.6g} ≤ 0.01 ✗" in rows
    assert any(row.startswith("r2 ") and row.endswith(" ≥ -100 ✓") for row in rows)
    assert f"rmse {value:.4f} is above 0.01." in evaluated.err
    assert cli("evaluate", "--json").json["error"]["code"] == "gate_missed"
    # A gate of the command line wins over that of the file.
    assert cli("evaluate", "--gate", "rmse=1000").code == 0
    unknown = cli("evaluate", "--min", "accuracy=0.5")
    assert (unknown.code, "The metric 'accuracy' is not measured" in unknown.err) == (2, True)

    def opened(*_: Any) -> None:
        pytest.fail("a stage was opened")

    monkeypatch.setattr(deploy, "open_stage", opened)
    with pytest.raises(MlctlError) as refused:
        deploy.run(shop, settings.load(shop), "prod")
    assert (refused.value.code, refused.value.exit_code) == ("gate_missed", 4)
    assert cli("deploy").code == 4


def test_scores_of_two_classes_can_be_gates(shop: Path, cli: Cli) -> None:
    write_settings(shop, more="[gates]\nroc_auc = 0.01\nlog_loss = 100\nbrier = 1")
    assert [gate["passed"] for gate in cli("train", "--json").json["gates"]] == [True, True, True]
    missed = cli("evaluate", "--min", "roc_auc=1", "--min", "log_loss=0.000001")
    assert missed.code == 4
    assert "log_loss " in missed.err
    assert " is above 1e-06; roc_auc " in missed.err
