"""The table of what compiles: the registry, the reasons, scikit-learn's own list and the docs agree."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import sklearn
from sklearn.decomposition import KernelPCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.utils import all_estimators
from typer.testing import CliRunner

from mlctl.cli.app import app
from mlctl.portable import reasons, support
from mlctl.portable.registry import ENTRIES, FAMILIES
from tests.conftest import Cli

ROOT = Path(__file__).parents[3]
runner = CliRunner()


def test_every_class_of_scikit_learn_compiles_or_has_its_reason() -> None:
    rows = {row.name: row for row in support.table()}
    public = dict(all_estimators())
    assert set(public) <= set(rows)
    assert {name for name, row in rows.items() if row.parity} == {each.__name__ for each in ENTRIES}
    assert [name for name, row in rows.items() if not row.parity and row.note == reasons.NOT_KNOWN] == []


def test_a_reason_is_given_once_and_only_for_what_does_not_compile() -> None:
    named = Counter(name for names in reasons.REASONS.values() for name in names)
    assert [name for name, times in named.items() if times > 1] == []
    assert set(named) & {each.__name__ for each in ENTRIES} == set()


def test_no_class_stands_in_two_families() -> None:
    assert sum(len(family.ENTRIES) for family in FAMILIES) == len(ENTRIES)


def test_the_floor_is_kept() -> None:
    assert len(ENTRIES) >= 55


def test_the_page_in_the_docs_is_the_table() -> None:
    page = (ROOT / "docs" / "PORTABLE.md").read_text()
    found = re.search(r"<!-- mlctl models support --markdown -->\n(.*?)<!-- end -->", page, re.DOTALL)
    assert found
    # The classes of other releases of scikit-learn differ.
    version = re.search(r"scikit-learn (\d+\.\d+)", found[1])
    assert version
    if sklearn.__version__.startswith(version[1] + "."):
        assert found[1] == runner.invoke(app, ["models", "support", "--markdown"]).stdout


def test_the_command_finds_classes_by_name() -> None:
    shown = runner.invoke(app, ["models", "support", "randomforestc"])
    assert shown.exit_code == 0
    assert shown.stdout.split() == [
        *["compiles", "kind", "parity", "except"],
        *["ensemble.RandomForestClassifier", "classifier", "exact"],
    ]


def test_the_command_gives_json() -> None:
    rows = json.loads(runner.invoke(app, ["models", "support", "--json"]).stdout)
    by_name = {row["name"]: row for row in rows}
    assert by_name["RandomForestClassifier"] == {
        "name": "RandomForestClassifier",
        "module": "sklearn.ensemble",
        "kind": "classifier",
        "parity": "exact",
        "otherwise": "",
        "note": "",
    }
    assert by_name["TSNE"]["parity"] is None
    assert by_name["TSNE"]["note"] == "embeds the training rows only, not new rows"


def test_what_other_parameters_promise_is_told() -> None:
    shown = runner.invoke(app, ["models", "support", "preprocessing.Normalizer"])
    assert "close; exact with norm='max'" in shown.stdout


def test_the_markdown_can_be_of_some_classes() -> None:
    shown = runner.invoke(app, ["models", "support", "HistGradientBoostingR", "--markdown"])
    assert shown.stdout == (
        "| class | kind | parity | does not compile |\n|---|---|---|---|\n"
        "| `sklearn.ensemble.HistGradientBoostingRegressor` | regressor | "
        "exact; close with loss='poisson' or 'gamma' | numbers from a previous step that is close |\n"
    )
    shown = runner.invoke(app, ["models", "support", "TSNE", "--markdown"])
    assert shown.stdout == (
        "Not compiled:\n\n| why not | classes |\n|---|---|\n| embeds the training rows only, not new rows | `TSNE` |\n"
    )


def test_encoders_and_bins_say_what_they_do_not_stand_behind() -> None:
    rows = {row.name: row for row in support.table()}
    for name, entry in {each.__name__: entry for each, entry in ENTRIES.items()}.items():
        if entry.discontinuous:
            assert rows[name].note.endswith("numbers from a previous step that is close")


def test_a_step_without_a_compiler_is_found_before_it_is_fitted() -> None:
    assert support.unsupported(make_pipeline(StandardScaler(), "passthrough", LinearSVC())) == ""
    inner = make_pipeline(make_pipeline(StandardScaler(), KernelPCA()), SVC())
    assert support.unsupported(inner).startswith("KernelPCA (step 'kernelpca') is not supported: it computes with")


def test_training_says_so_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlctl.toml").write_text('[model]\nestimator = "sklearn.svm.SVC"\n')
    shown = cli("train")
    early = "! You cannot deploy this model with this release: SVC (step 'model') is not supported: it computes"
    assert shown.err.index(early) < shown.err.index("Cross-validating")


def test_a_name_that_nothing_has_is_told(cli: Cli) -> None:
    result = cli("models", "support", "nothing-of-the-kind", "--json")
    assert result.code == 6
    assert json.loads(result.out)["error"]["code"] == "estimator_unknown"
