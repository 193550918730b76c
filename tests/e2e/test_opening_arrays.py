"""Models of known types whose arrays end the process that predicts with them: one error message, and no crash."""

from pathlib import Path

import joblib
import pandas as pd
import pytest

from mlctl.pickle_audit import audit
from tests.conftest import Cli
from tests.support.crafted import CRAFTED, FEATURES, LABELS

WORDS = ("import", "model.joblib", "--data", "rows.csv", "--target", "species", "--trust", "--json")


CRASH = "cannot predict these rows: the process that tried it crashed (SIGSEGV)."


@pytest.fixture
def rows(project: Path) -> Path:
    path = project / "rows.csv"
    pd.DataFrame(FEATURES, columns=["length", "width"]).assign(species=LABELS).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("looked_at", [True, False])
def test_arrays_that_crash_scikit_learn_are_one_error_message(
    project: Path, rows: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, looked_at: bool
) -> None:
    """What the look at the arrays does not find, a child process that predicts first does."""
    joblib.dump(CRAFTED["a child that is not there"](), project / "model.joblib")
    assert audit(project / "model.joblib").recognised
    if not looked_at:
        monkeypatch.setattr("mlctl.model_loading.structures.check", lambda _: None)
    done = cli(*WORDS)
    error = done.json["error"]
    assert (done.code, error["code"]) == (3, "model_unusable")
    expected = "holds Tree whose arrays do not fit together." if looked_at else CRASH
    assert error["message"] == f"model.joblib {expected}"
    assert not (project / "artifacts").exists()
