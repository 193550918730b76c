"""Tables with categories, missing values, dates and booleans: train, evaluate, compare, describe."""

import errno
import io
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as measures

from mlctl import settings
from mlctl.core import workflows
from mlctl.data import loading
from mlctl.errors import MlctlError
from mlctl.registry.store import ModelVersion, Registry
from mlctl.training import metrics
from tests.conftest import Cli
from tests.support.tables import customers, write_customers, write_settings

_EXTRAS = {"roc_auc", "average_precision", "log_loss", "brier"}


@pytest.fixture
def shop(project: Path) -> Path:
    """A project with the table of customers and settings that are quick to train by."""
    write_customers(project)
    write_settings(project)
    return project


def newest(folder: Path) -> ModelVersion:
    return Registry(folder, "shop").get()


def held_out(folder: Path) -> tuple[Any, Any, Any]:
    """``(frame, answers, fitted)`` of the newest version's held-out rows."""
    version = newest(folder)
    dataset = loading.load(settings.load(folder), folder)
    rows = np.array(version.read_json("split.json")["test_rows"])
    return dataset.frame(rows), dataset.answers(rows), version.load_pipeline()


def test_every_kind_goes_all_the_way_to_the_portable_engine(shop: Path, cli: Cli) -> None:
    done = cli("train")
    assert done.code == 0, done.err
    for line in (
        "  numbers: joined, spend: standardised",
        "  numbers_with_gaps: age: median where missing, standardised",
        "  booleans: active: 0 or 1",
        "  categories: plan: a column a value (one-hot)",
        "✓ Compiling to the portable engine: parity exact on 12 held-out rows",
    ):
        assert line in done.err.splitlines(), done.err
    assert "engine     portable: the whole pipeline compiles; parity exact" in done.out
    version = newest(shop)
    schema = version.read_json("schema.json")
    assert schema["task"] == "binary"
    assert [(each["name"], each["kind"], each["nullable"]) for each in schema["features"]] == [
        ("joined", "date", False),
        ("age", "number", True),
        ("plan", "category", True),
        ("active", "boolean", False),
        ("spend", "number", False),
    ]
    assert schema["target"] == {"name": "churned", "labels": ["no", "yes"], "class_names": ["no", "yes"]}
    for example in version.read_json("golden.json")["examples"]:
        joined, age, plan, active, spend = example["features"]
        assert joined.startswith("2024-0")
        assert age is None or isinstance(age, float)
        assert plan in ("basic", "plus", "pro", None)
        assert (isinstance(active, bool), isinstance(spend, float)) == (True, True)


@pytest.mark.parametrize(
    ("values", "labels", "names"),
    [
        (("yes", "no"), ["no", "yes"], ["no", "yes"]),
        (("true", "false"), [False, True], ["false", "true"]),
        (("3", "12"), [3, 12], ["3", "12"]),
        (("10", "9", "x"), ["10", "9", "x"], ["10", "9", "x"]),
    ],
)
def test_labels_are_answered_as_they_are(
    shop: Path, cli: Cli, values: tuple[str, ...], labels: list[Any], names: list[str]
) -> None:
    lines = ["a,b,t", *(f"{at % 7},{at % 3},{values[at % len(values)]}" for at in range(40))]
    (shop / "customers.csv").write_text("\n".join(lines) + "\n")
    kind = 'task = "binary"' if len(values) == 2 else ""
    write_settings(shop, "t", data=kind)
    done = cli("train", "--json")
    assert done.code == 0, done.err
    target = newest(shop).read_json("schema.json")["target"]
    assert (target["labels"], target["class_names"]) == (labels, names)
    assert [type(each) for each in target["labels"]] == [type(each) for each in labels]
    assert list(done.json["metrics"]["per_class"]) == names
    assert done.json["engine"] == "portable"
    assert cli("evaluate", "--json").json["metrics"] == done.json["metrics"]


def test_fractions_are_no_classes_unless_they_are_taken_for_texts(shop: Path, cli: Cli) -> None:
    lines = ["a,b,t", *(f"{at % 7},{at % 3},{at % 2}.5" for at in range(40))]
    (shop / "customers.csv").write_text("\n".join(lines) + "\n")
    write_settings(shop, "t", data='task = "binary"')
    refused = cli("train")
    assert refused.code == 3
    assert 'Next:  Fractions cannot be classes: set [data] kinds = { "t" = "category" }, or task = ' in refused.err
    write_settings(shop, "t", data='task = "binary"\nkinds = { "t" = "category" }')
    assert cli("train").code == 0
    assert newest(shop).read_json("schema.json")["target"]["labels"] == ["0.5", "1.5"]


def test_binary_extras_are_scikit_learns_own(shop: Path, cli: Cli) -> None:
    found = cli("train", "--json").json["metrics"]
    frame, answers, fitted = held_out(shop)
    expected = answers == "yes"
    second = fitted.predict_proba(frame)[:, 1]
    assert found["roc_auc"] == measures.roc_auc_score(expected, second)
    assert found["average_precision"] == measures.average_precision_score(expected, second)
    assert found["log_loss"] == measures.log_loss(expected, second)
    assert found["brier"] == measures.brier_score_loss(expected, second)
    assert found["accuracy"] == measures.accuracy_score(answers, fitted.predict(frame))
    assert cli("train", "--json").json["cv"].keys() >= _EXTRAS
    shown = [line.split() for line in cli("evaluate").out.splitlines() if line]
    assert ["roc_auc", f"{found['roc_auc']:.4f}"] in shown


def test_scores_without_probabilities_rank_but_have_no_loss(shop: Path, cli: Cli) -> None:
    write_settings(shop, model='estimator = "sklearn.svm.LinearSVC"')
    done = cli("train", "--json")
    assert done.code == 0, done.err
    found = done.json["metrics"]
    assert _EXTRAS & found.keys() == {"roc_auc", "average_precision"}
    frame, answers, fitted = held_out(shop)
    assert found["roc_auc"] == measures.roc_auc_score(answers == "yes", fitted.decision_function(frame))
    assert cli("evaluate", "--json").json["metrics"] == found


def test_a_regression(shop: Path, cli: Cli) -> None:
    write_settings(shop, "spend")
    done = cli("train", "--json")
    assert done.code == 0, done.err
    document = done.json
    found = document["metrics"]
    assert (document["task"], document["engine"]) == ("regression", "portable")
    assert document["estimator"] == "sklearn.ensemble.RandomForestRegressor"
    assert found.keys() == {"rows", "r2", "mae", "rmse", "median_error"}
    frame, answers, fitted = held_out(shop)
    said = fitted.predict(frame)
    assert found["r2"] == measures.r2_score(answers, said)
    assert found["mae"] == measures.mean_absolute_error(answers, said)
    assert found["rmse"] == pytest.approx(measures.root_mean_squared_error(answers, said), rel=1e-15)
    assert found["median_error"] == measures.median_absolute_error(answers, said)
    assert len(document["cv"]["rmse"]["scores"]) == 2
    target = newest(shop).read_json("schema.json")["target"]
    assert target.keys() == {"name", "min", "max"}
    evaluated = cli("evaluate", "--json").json
    assert (evaluated["metrics"], evaluated["confusion_matrix"], evaluated["task"]) == (found, None, "regression")
    shown = cli("evaluate")
    assert shown.code == 0
    assert [line.split()[0] for line in shown.out.splitlines()[2:]] == ["metric", "r2", "mae", "rmse", "median_error"]
    again = cli("train")
    assert "cross-validation  held-out rows" in again.out
    assert "confusion" not in again.out
    assert "true \\ predicted" not in again.out
    assert "R2" not in again.err
    assert cli("models").out.splitlines()[0].split()[:7] == [
        "version",
        "trained",
        "(UTC)",
        "estimator",
        "r2",
        "rmse",
        "engine",
    ]


def test_regressions_are_compared_row_by_row(shop: Path, cli: Cli) -> None:
    write_settings(shop, "spend")
    first = cli("train", "--json").json["version"]
    alike = cli("compare", first, "--json").json
    assert (alike["rows"], alike["noise"], alike["wilcoxon"]["p_value"]) == (12, True, 1.0)
    assert alike["differences"]["rmse"] == {"difference": 0.0, "low": 0.0, "high": 0.0, "noise": True}
    cli("train", "-p", "max_depth=1")
    other = cli("compare", first, "--json").json
    assert other["first"] == first
    for name in ("r2", "mae", "rmse", "median_error"):
        difference = other["second_metrics"][name] - other["first_metrics"][name]
        assert other["differences"][name]["difference"] == pytest.approx(difference)
    nearer = other["wilcoxon"]
    assert nearer["first_nearer"] + nearer["second_nearer"] <= 12
    shown = cli("compare", first)
    assert shown.code == 0
    assert "Rows on which one version is closer to the true value" in shown.out
    write_settings(shop, "age", data='kinds = { age = "number" }')
    (shop / "customers.csv").write_text((shop / "customers.csv").read_text().replace(",,", ",33,"))
    cli("train")
    refused = cli("compare", first)
    assert (refused.code, "were not measured on the same data" in refused.err) == (3, True)


def test_describe_shows_each_kind(shop: Path, cli: Cli) -> None:
    document = cli("data", "describe", "--json").json
    columns = {each["name"]: each for each in document["columns"]}
    assert (document["rows"], document["task"], document["target"]) == (60, "binary", "churned")
    assert document["classes"] == {"no": 24, "yes": 36}
    assert (columns["joined"]["min"], columns["joined"]["max"]) == ("2024-01-10", "2024-09-15")
    assert (columns["age"]["missing"], columns["age"]["nullable"], columns["age"]["integer"]) == (7, True, True)
    assert (columns["plan"]["values"], columns["plan"]["counts"]) == (["basic", "plus", "pro"], [19, 18, 18])
    assert columns["active"]["true"] + columns["active"]["false"] == 60
    assert sum(columns["spend"]["histogram"]) == sum(columns["joined"]["histogram"]) == 60
    shown = [" ".join(line.split()) for line in cli("data", "describe").out.splitlines()]
    assert shown[0].startswith("customers.csv: 60 rows, 5 features, target churned with 2 classes, digest ")
    assert any(line.startswith("age whole number 11.7% 18 to 79, median 45 ") for line in shown)
    assert any(line.startswith("plan category 8.3% basic, plus, pro ") for line in shown)
    assert any(line.startswith("yes 36 60.0% ") for line in shown)
    write_settings(shop, "spend")
    shown = [" ".join(line.split()) for line in cli("data", "describe").out.splitlines()]
    assert "target spend (regression)" in shown[0]
    assert any(line.startswith("spend (target) number 0.05 to 49.75, median ") for line in shown), shown


def test_up_without_a_settings_file_does_not_fall_back_to_iris(shop: Path, cli: Cli) -> None:
    (shop / "mlctl.toml").unlink()
    cli("train", "--source", "customers.csv", "--target", "churned", "-p", "n_estimators=5")
    with pytest.raises(MlctlError, match=r"was trained on customers.csv, but there is no mlctl.toml") as error:
        workflows._check_default_data(shop, settings.load(shop))
    assert error.value.exit_code == 2
    # One that was changed on disk counts for nothing, as everywhere in `up`.
    (manifest,) = (shop / "artifacts" / "iris").rglob("manifest.json")
    whole = manifest.read_bytes()
    manifest.write_bytes(b"{}")
    workflows._check_default_data(shop, settings.load(shop))
    manifest.write_bytes(whole)
    # What a flag says is meant, and with a file whatever that says.
    workflows._check_default_data(shop, settings.load(shop, flags={"data": {"source": "wine"}}))
    write_settings(shop)
    workflows._check_default_data(shop, settings.load(shop))


def test_the_same_settings_and_data_give_the_same_version(shop: Path, cli: Cli) -> None:
    first = cli("train", "--json").json
    second = cli("train", "--json").json
    assert (second["version"], second["created"]) == (first["version"], False)
    found = settings.load(shop)
    current = workflows._current(shop, found, None)
    assert current is not None
    assert current.id == first["version"]
    # A changed value makes `up` train again.
    text = (shop / "customers.csv").read_text()
    (shop / "customers.csv").write_text(text.replace(",basic,", ",plus,", 1))
    assert workflows._current(shop, found, None) is None
    assert cli("train", "--json").json["version"] != first["version"]
    (shop / "customers.csv").write_text(text)
    current = workflows._current(shop, found, None)
    assert current is not None
    assert current.id == first["version"]
    # So does a changed way of reading it.
    write_settings(shop, data='kinds = { age = "category" }')
    assert workflows._current(shop, settings.load(shop), None) is None


def test_evaluate_refuses_rows_that_have_changed_but_not_a_place_that_has(shop: Path, cli: Cli) -> None:
    done = cli("train", "--json").json
    (shop / "data").mkdir()
    (shop / "customers.csv").rename(shop / "data" / "customers.csv")
    assert cli("evaluate").code == 6
    moved = cli("evaluate", "--source", "data/customers.csv", "--json")
    assert (moved.code, moved.json["metrics"]) == (0, done["metrics"])
    text = (shop / "data" / "customers.csv").read_text()
    (shop / "data" / "customers.csv").write_text(text.replace("yes", "no", 1))
    refused = cli("evaluate", "--source", "data/customers.csv")
    assert (refused.code, "is not the data that model version" in refused.err) == (3, True)


@pytest.mark.parametrize("split", ["group", "time"])
def test_groups_and_times(shop: Path, cli: Cli, split: str) -> None:
    by = {"group": "plan", "time": "joined"}[split]
    lines = customers()
    lines = [line.replace(",,", f",{at % 5},", 1) for at, line in enumerate(lines)]
    if split == "group":
        lines = [
            lines[0],
            *(
                f"{line.split(',')[0]},30,g{at % 12},true,{at % 9}.5,{'yes' if at % 2 else 'no'}"
                for at, line in enumerate(lines[1:])
            ),
        ]
    (shop / "customers.csv").write_text("\n".join(lines) + "\n")
    write_settings(shop, data=f'split = "{split}"\nsplit_by = "{by}"')
    done = cli("train", "--json")
    assert done.code == 0, done.err
    version = newest(shop)
    rows = [line.split(",") for line in (shop / "customers.csv").read_text().splitlines()[1:]]
    tested = set(version.read_json("split.json")["test_rows"])
    names = [each["name"] for each in version.read_json("schema.json")["features"]]
    if split == "group":
        groups = [{rows[at][2] for at in chosen} for chosen in (tested, set(range(60)) - tested)]
        assert not groups[0] & groups[1]
        # Who a row belongs to is no feature.
        assert "plan" not in names
    else:
        days = [rows[at][0] for at in range(60)]
        assert max(days[at] for at in set(range(60)) - tested) <= min(days[at] for at in tested)
        assert "joined" in names
    assert cli("data", "split").out.startswith(f"customers.csv, {split} split, seed 42")
    assert cli("evaluate", "--json").json["metrics"] == done.json["metrics"]


def test_warnings_are_reported_and_do_not_stop_it(shop: Path, cli: Cli) -> None:
    lines = customers()
    lines = [
        f"{line},{extra},{leak}"
        for line, (extra, leak) in zip(
            lines, [("same", "leak"), *(("x", "A" if line.endswith("yes") else "B") for line in lines[1:])], strict=True
        )
    ]
    (shop / "customers.csv").write_text("\n".join([*lines, lines[1]]) + "\n")
    done = cli("train")
    assert done.code == 0
    for sentence in (
        "same has the same value, 'x', in every row: it does not help a model.",
        "leak determines churned exactly. Is it known before churned is?",
        "1 row repeats another row: copies of a row can be in both the training and the test part.",
    ):
        assert any(sentence in line for line in done.err.splitlines()), done.err


def test_rows_from_standard_input(shop: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    given = (shop / "customers.csv").read_bytes()

    def feed() -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(given), isatty=lambda: False))

    feed()
    done = cli("train", "--source", "-", "--json")
    assert done.code == 0, done.err
    version = newest(shop)
    assert (version.manifest.data["source"], version.manifest.data["rows"]) == ("standard input", 60)
    # What it was made of nobody knows without reading: `up` would train again.
    assert workflows._current(shop, settings.load(shop, flags={"data": {"source": "-"}}), None) is None
    feed()
    again = cli("evaluate", "--source", "-", "--json")
    assert (again.code, again.json["metrics"]) == (0, done.json["metrics"]), again.err


def test_a_full_disk_leaves_nothing_of_a_version(shop: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    refused = cli("train")
    assert refused.code == 1
    assert "Error: The operating system returned an error: No space left on device" in refused.err
    assert "space on the disk" in refused.err
    folder = shop / "artifacts" / "shop"
    assert {path.name for path in folder.iterdir()} <= {".lock"}
    monkeypatch.undo()
    monkeypatch.chdir(shop)
    assert cli("train").code == 0


def test_an_estimator_of_the_wrong_task_is_reported_so(shop: Path, cli: Cli) -> None:
    write_settings(shop, "spend", model='estimator = "sklearn.linear_model.LogisticRegression"')
    refused = cli("train")
    assert refused.code == 2
    assert (
        "sklearn.linear_model.LogisticRegression is not a regressor, which the target spend (regression) needs."
        in refused.err
    )
    write_settings(shop, model='estimator = "sklearn.linear_model.LinearRegression"')
    refused = cli("train")
    assert (refused.code, "is not a classifier, which the target churned (binary) needs." in refused.err) == (2, True)


def test_a_list_of_transformers_that_cannot_take_texts_says_which_setting_can(shop: Path, cli: Cli) -> None:
    write_settings(shop, model='preprocess = ["sklearn.preprocessing.StandardScaler"]')
    refused = cli("train")
    assert refused.code == 3
    assert "scikit-learn cannot train sklearn.ensemble.RandomForestClassifier: could not convert string" in refused.err
    assert 'preprocess = "auto"' in refused.err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda text: text.replace(",no\n", ",\n", 1),
            "has no value of the target churned in 1 of 60 rows (first: row",
        ),
        (lambda text: text.replace(",no\n", ",yes\n"), "has only one class: churned is 'yes' in every row"),
        (lambda text: "\n".join(text.splitlines()[:2]) + "\n", "has only one class"),
        (lambda text: text.replace("churned", "gone"), "has no column 'churned', which [data] target names"),
        (lambda text: text.replace(",true,", ",maybe,", 1), ": active, row "),
        (lambda text: text.replace("2024-0", "soon-", 1), "joined, row 1: 'soon-1-10' is not an ISO 8601 date"),
    ],
)
def test_data_that_cannot_be_trained_on(shop: Path, cli: Cli, change: Any, message: str) -> None:
    path = shop / "customers.csv"
    path.write_text(change(path.read_text()))
    refused = cli("train")
    assert (refused.code, message in refused.err) == (3, True), refused.err
    assert not (shop / "artifacts").exists()
    assert json.loads(cli("train", "--json").out)["error"]["message"]


@pytest.mark.parametrize("values", ["1e19", "1.5e308,-1.5e308"])
def test_numbers_at_the_end_of_float64_are_described(project: Path, cli: Cli, values: str) -> None:
    numbers = (values.split(",") * 20)[:20]
    lines = [f"{number},{'yes' if at % 3 else 'no'}" for at, number in enumerate(numbers)]
    (project / "t.csv").write_text("\n".join(["x,y", *lines]) + "\n")
    described = cli("data", "describe", "--source", "t.csv", "--target", "y", "--json")
    assert described.code == 0
    (column,) = described.json["columns"]
    assert sum(column["histogram"]) == 20


def test_a_target_whose_errors_have_no_squares_is_refused(project: Path, cli: Cli) -> None:
    lines = [f"{at},{at * 1e300}" for at in range(1, 41)]
    (project / "t.csv").write_text("\n".join(["x,y", *lines]) + "\n")
    refused = cli("train", "--source", "t.csv", "--target", "y", "-p", "n_estimators=2")
    assert refused.code == 3
    assert "y cannot be measured: the squared errors do not fit in a float64." in refused.err
    assert not (project / "artifacts").exists()


def test_one_row_has_no_r2() -> None:
    one = np.array([1.0])
    assert metrics.of_numbers(one, one) == {"rows": 1, "mae": 0.0, "rmse": 0.0, "median_error": 0.0}
