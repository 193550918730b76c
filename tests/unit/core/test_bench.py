"""``mlctl bench``: what is asked, counted and reckoned. No test here asserts a time."""

import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from mlctl.bench import dependency_size, prices, runner, sklearn_baseline, worker
from mlctl.bench.dependency_size import Weight
from mlctl.bench.prices import Price, Traffic
from mlctl.bench.runner import Candidate, Measurement, Probe
from mlctl.cli import bench as shown
from mlctl.core import bench
from mlctl.registry.answers import Answer
from mlctl.training import reference_answers
from tests.conftest import Cli
from tests.support.tables import write_customers, write_settings

SIDE = {"zip_bytes", "unzipped_bytes", "cold_ms", "warm_ms", "memory_bytes", "month"}
QUICK = ("--runs", "1")


@pytest.fixture(autouse=True)
def _soon_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "WARM_SECONDS", 0.05)


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """The libraries are not zipped: that is tested apart, and takes seconds."""
    monkeypatch.setattr(
        dependency_size, "weigh", lambda needed, advance: Weight(unzipped=270_000_000, zipped=60_000_000)
    )


class TestPrices:
    def test_the_worked_example_of_the_price_list(self) -> None:
        # 3 million requests of 1 s with 512 MB: 1,500,000 GB-s; https://aws.amazon.com/lambda/pricing/
        cpu = 512 / 1769
        cost = prices.month(9.0, [cpu], 512, Traffic(3_000_000, 0.0), prices.PRICES["x86_64"])
        assert cost.warm_ms == 1000
        assert cost.gb_seconds == 1_500_000
        assert cost.duration == pytest.approx(25.00005)
        assert cost.requests == pytest.approx(0.60)
        assert cost.total == cost.requests + cost.duration

    def test_each_request_is_rounded_up_and_cold_ones_have_their_share(self) -> None:
        cost = prices.month(0.1002, [0.0001, 0.0029], 2048, Traffic(1000, 0.25), Price(request=0.5, gb_second=2.0))
        assert (cost.memory, cost.cpu) == (2048, 1.0)
        assert (cost.cold_ms, cost.warm_ms) == (101, 2.0)
        # 250 cold and 750 warm requests, with 2 GB.
        assert cost.gb_seconds == pytest.approx((250 * 101 + 750 * 2) / 1000 * 2)
        assert cost.requests == 500.0
        assert cost.duration == pytest.approx(107.0)

    def test_times_are_stretched_to_the_share_of_a_cpu(self) -> None:
        assert prices.cpu_share(1769) == 1.0
        assert prices.cpu_share(10_240) == 1.0
        assert prices.cpu_share(128) == 128 / 1769
        cost = prices.month(1.0, [0.01], 177, Traffic(1, 0.0), Price(0.0, 0.0))
        assert (cost.cold_ms, cost.warm_ms) == (9995, 100)

    @pytest.mark.parametrize(
        ("seconds", "expected"), [(0.0, 1), (1e-9, 1), (0.001, 1), (0.0010001, 2), (0.003, 3), (1.1, 1100), (2.0, 2000)]
    )
    def test_whole_milliseconds_are_billed(self, seconds: float, expected: int) -> None:
        assert prices.billed_ms(seconds) == expected

    @pytest.mark.parametrize(
        ("megabytes", "expected"), [(0, 128), (13, 128), (128, 128), (128.1, 192), (192, 192), (600, 640)]
    )
    def test_the_memory_that_a_peak_needs(self, megabytes: float, expected: int) -> None:
        assert prices.memory_for(int(megabytes * 1024 * 1024)) == expected

    def test_the_table_is_dated_and_has_both_architectures(self) -> None:
        assert set(prices.PRICES) == {"arm64", "x86_64"}
        assert prices.PRICES["arm64"].gb_second / prices.PRICES["x86_64"].gb_second == pytest.approx(0.8, abs=1e-5)
        assert len(prices.AS_OF.split("-")) == 2
        assert prices.SOURCE.startswith("https://aws.amazon.com/")


class TestMeasuring:
    @pytest.mark.parametrize(
        ("values", "part", "expected"),
        [
            ([5.0], 0.5, 5.0),
            ([5.0], 0.99, 5.0),
            ([2.0, 1.0], 0.5, 1.0),
            ([3.0, 1.0, 2.0], 0.5, 2.0),
            (list(range(1, 101)), 0.5, 50),
            (list(range(1, 101)), 0.99, 99),
            (list(range(100, 0, -1)), 0.99, 99),
            (list(range(1, 1001)), 0.99, 990),
            (list(range(1, 102)), 0.99, 100),
            ([1.0, 2.0], 0.0, 1.0),
            ([1.0, 2.0], 1.0, 2.0),
        ],
    )
    def test_percentiles_are_of_the_nearest_rank(self, values: list[float], part: float, expected: float) -> None:
        assert runner.percentile(values, part) == expected

    def test_a_side_is_made_of_all_its_runs(self) -> None:
        runs = [
            Measurement(cold=0.3, warm=(0.002, 0.001), bare=9, peak=200 * 1024 * 1024),
            Measurement(cold=0.1, warm=(0.003,), bare=10, peak=300 * 1024 * 1024),
            Measurement(cold=0.2, warm=(0.004,), bare=8, peak=100),
        ]
        side = bench._figures(Weight(2, 1), runs, 256, Traffic(1, 0.0), Price(0.0, 0.0))
        assert (side.cold_median(), side.percentile(0.5), side.percentile(0.99)) == (0.2, 0.002, 0.004)
        assert side.growth == 300 * 1024 * 1024 - 10
        # It needs more than the settings have.
        assert side.cost.memory == 320
        assert bench._figures(None, runs, 512, Traffic(1, 0.0), Price(0.0, 0.0)).cost.memory == 512

    def test_runs_alternate_and_begin_at_other_rows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []

        def measure(self: Candidate, *, first: int, seconds: float) -> Measurement:
            asked.append((self.name, first, seconds))
            return Measurement(1.0, (1.0,), 0, 0)

        monkeypatch.setattr(Candidate, "measure", measure)
        monkeypatch.setattr(bench, "WARM_SECONDS", 1.5)
        sides = [Candidate(name, Path(), [[0.0]] * 10) for name in ("a", "b")]
        found = bench._measure_in_turn(sides, 3, lambda event: None)
        assert asked == [(name, first, 0.5) for first in (0, 3, 6) for name in ("a", "b")]
        assert [len(each) for each in found] == [3, 3]

    def test_the_memory_told_is_that_of_the_process_itself(self) -> None:
        # getrusage of a child tells, on Linux, at least what the parent holds.
        held = bytearray(150_000_000)
        script = f"import runpy; print(runpy.run_path({str(worker.__file__)!r})['peak_memory']())"
        finished = subprocess.run(
            [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True
        )
        assert 1_000_000 < int(finished.stdout) < len(held)

    def test_what_lambda_has_imported_before_does_not_count(self) -> None:
        pytest.importorskip("awslambdaric")
        script = "import sys, awslambdaric.bootstrap; print(*sys.modules)"
        finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert set(worker.LAMBDA_IMPORTS) <= set(finished.stdout.split())

    def test_a_candidate_that_does_not_run_says_why(self, tmp_path: Path) -> None:
        with pytest.raises(
            Exception, match=r"The portable side does not run .*: ModuleNotFoundError: .*handler"
        ) as told:
            Candidate("portable", tmp_path, [[1.0]]).probe()
        assert getattr(told.value, "exit_code", None) == 4

    def test_a_refused_row_is_told(self, unpacked: Path) -> None:
        with pytest.raises(Exception, match=r"row 1 with status 422: sepal_length .* must be a number"):
            Candidate("portable", unpacked, [[1.0, 2.0, 3.0, 4.0], ["x", 2.0, 3.0, 4.0]]).probe()

    def test_modules_that_are_kept_from_a_process(self) -> None:
        finder = worker.HiddenModules(["pyarrow"])
        finder.find_spec("pandas")
        finder.find_spec("pandas.pyarrow")
        with pytest.raises(ModuleNotFoundError):
            finder.find_spec("pyarrow")


class TestAnswers:
    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            (Answer(index=1, probabilities=(0.2, 0.8)), True),
            (Answer(index=0, probabilities=(0.5, 0.5)), True),
            (Answer(index=1, probabilities=(0.5, 0.5)), False),
            (Answer(index=1, scores=(0.3,)), True),
            (Answer(index=0, scores=(-0.3,)), True),
            (Answer(index=0, scores=(0.3,)), False),
            (Answer(index=2, scores=(0.1, 0.2, 0.9)), True),
            (Answer(index=0), False),
        ],
    )
    def test_one_call_is_enough_where_the_class_is_that_of_the_largest(self, answer: Answer, expected: bool) -> None:
        assert sklearn_baseline.is_largest(answer) == expected

    @pytest.mark.parametrize(
        "estimator",
        [
            DecisionTreeClassifier(max_depth=3, random_state=0),
            LinearSVC(),
            SVC(decision_function_shape="ovo"),
            VotingClassifier([("tree", DecisionTreeClassifier(max_depth=2, random_state=0)), ("svc", SVC())]),
            RandomForestRegressor(n_estimators=3, n_jobs=2, random_state=0),
        ],
        ids=lambda each: type(each).__name__,
    )
    @pytest.mark.parametrize("classes", [2, 3])
    @pytest.mark.parametrize("takes", ["frame", "array"])
    @pytest.mark.parametrize("text", [False, True])
    def test_the_scikit_learn_side_answers_as_the_reference(
        self, estimator: Any, classes: int, takes: Any, text: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dice = np.random.default_rng(1)
        frame = pd.DataFrame({"a": dice.normal(size=40), "b": dice.normal(size=40)})
        regression = isinstance(estimator, RandomForestRegressor)
        target = frame.a * 2 if regression else np.digitize(frame.a - frame.b, [0.0, 1.0][: classes - 1])
        frame.loc[3, "b"] = np.nan
        if text:
            frame["c"] = pd.Series(["x", "y", "z", np.nan] * 10, dtype=object)
        columns = [0, 1]
        parts = [("numbers", SimpleImputer(), columns), ("texts", OneHotEncoder(), [2] if text else [])]
        pipeline = Pipeline([("columns", ColumnTransformer(parts)), ("model", clone(estimator))])
        rows = frame if takes == "frame" else frame.to_numpy(dtype=object if text else np.float64)
        pipeline.fit(rows, target)
        requests = [tuple(None if pd.isna(value) else value for value in row) for row in frame.to_numpy(dtype=object)]
        expected = reference_answers.examples(pipeline, rows, requests)
        (tmp_path / "model").mkdir()
        joblib.dump(pipeline, tmp_path / "model" / "model.joblib")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", [*sys.path])
        job = {
            "takes": takes,
            "names": [*frame.columns],
            "texts": [False, False, True][: len(frame.columns)],
            "regression": regression,
            "several": False,
            "one_call": all(sklearn_baseline.is_largest(each.answer) for each in expected),
            "project": str(tmp_path),
            "modules": {},
        }
        side = worker.Fitted(job)
        nan, width = float("nan"), len(frame.columns)
        for example in expected:
            # As the handler reads a request: a missing number is NaN, a missing text None.
            values = [nan if each is None and at < 2 else each for at, each in enumerate(example.features[:width])]
            found, answer = side.predict(values), example.answer
            if regression:
                assert found == answer.value
            else:
                assert found == (answer.index, [*(answer.probabilities or answer.scores or ())])
        assert side.kind == (
            "regressor" if regression else "classifier" if isinstance(estimator, DecisionTreeClassifier) else "scorer"
        )
        if not isinstance(estimator, SVC):
            assert job["one_call"] == isinstance(estimator, DecisionTreeClassifier | LinearSVC)

    def test_a_difference_is_told_in_words(self) -> None:
        def probe(*rows: tuple[str, list[float]]) -> Probe:
            bodies = [{"prediction": label, "class_name": label, "probabilities": each} for label, each in rows]
            return Probe(tuple({"status": 200, "body": body} for body in bodies), frozenset())

        same, other = probe(("a", [0.9, 0.1]), ("b", [0.2, 0.8])), probe(("a", [0.9, 0.1]), ("a", [0.6, 0.4]))
        assert bench._difference(same, same, ["a", "b"], "exact") == ""
        assert bench._difference(other, same, ["a", "b"], "close") == (
            "row 1: scikit-learn says class 'b' with (0.2, 0.8), the portable engine class 'a' with (0.6, 0.4)"
        )

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({"prediction": 2.5}, Answer(value=2.5)),
            ({"prediction": 7, "class_name": "7", "scores": [0.5]}, Answer(index=1, scores=(0.5,))),
            ({"prediction": 3, "class_name": "3", "probabilities": [1, 0]}, Answer(index=0, probabilities=(1, 0))),
        ],
    )
    def test_an_answer_of_the_api_is_read(self, body: dict[str, Any], expected: Answer) -> None:
        assert bench._answer(body, [3, 7]) == expected


class TestLibraries:
    def test_what_scikit_learn_requires_and_what_a_pipeline_consists_of(self) -> None:
        plain = {dependency_size._canonical(each.name) for each in dependency_size.needed(())}
        assert {"scikit-learn", "numpy", "scipy", "joblib", "threadpoolctl"} <= plain
        assert not plain & {"pandas", "pytest", "matplotlib"}
        framed = {
            dependency_size._canonical(each.name)
            for each in dependency_size.needed(("pandas", "a_module_of_the_project"))
        }
        assert framed >= plain | {"pandas", "python-dateutil", "six"}

    def test_everything_else_is_kept_away(self) -> None:
        others = dependency_size.others(dependency_size.needed(("pandas",)))
        assert {"pyarrow", "pytest", "typer"} <= set(others)
        assert not {"sklearn", "numpy", "scipy", "pandas", "joblib", "dateutil", "json"} & set(others)

    @pytest.mark.parametrize(
        ("requirement", "expected"),
        [
            ("numpy>=1.24.1", "numpy"),
            ("python-dateutil (>=2.9)", "python-dateutil"),
            ('numpy>=2.0.2; python_version < "3.14"', "numpy"),
            ('tzdata; sys_platform == "win32"', ""),
            ('matplotlib>=3; extra == "docs"', ""),
        ],
    )
    def test_requirements(self, requirement: str, expected: str) -> None:
        assert dependency_size._required(requirement) == expected

    def test_the_weight_of_content_is_that_of_a_zip_of_it(self) -> None:
        files = {"a/b.txt": b"words " * 1000, "c": b"", "d/é.bin": bytes(range(256)) * 4}
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        assert dependency_size.weigh_content(files) == Weight(sum(map(len, files.values())), len(buffer.getvalue()))

    def test_the_weight_of_a_distribution(self) -> None:
        told: list[int] = []
        weight = dependency_size.weigh([metadata.distribution("six")], told.append)
        assert weight is not None
        assert 30_000 < weight.unzipped < 60_000
        assert 5_000 < weight.zipped < 20_000
        assert told == [1]

    def test_bytecode_tests_and_commands_do_not_count(self) -> None:
        paths = ("a/b.py", "a/__pycache__/b.pyc", "a/tests/test_b.py", "a/test/c.py", "../../bin/f2py", "a/testing.py")
        assert [name for name in paths if dependency_size._counts(Path(name))] == ["a/b.py", "a/testing.py"]

    def test_a_distribution_that_does_not_tell_its_files(self) -> None:
        class Silent(metadata.Distribution):
            files = None

            def read_text(self, filename: str) -> None: ...

            def locate_file(self, path: Any) -> Path:
                return Path(path)

        assert dependency_size.weigh([Silent()]) is None


class TestCommand:
    def test_both_sides_of_the_default_model(self, trained: Path, cli: Cli) -> None:
        done = cli("bench", *QUICK, "--json")
        assert done.code == 0, done.err
        found = done.json
        assert set(found) == {
            "version", "estimator", "parity", "agree", "difference", "reason", "rows",
            "portable", "sklearn", "ratios", "assumptions",
        }  # fmt: skip
        assert (found["agree"], found["difference"], found["reason"], found["rows"]) == (True, None, None, 30)
        packaged = cli("package", "--json").json
        for side in (found["portable"], found["sklearn"]):
            assert set(side) == SIDE
            assert set(side["cold_ms"]) == {"median", "min", "max", "runs"}
            assert set(side["warm_ms"]) == {"p50", "p99", "mean", "requests"}
            assert 0 < side["cold_ms"]["min"] <= side["cold_ms"]["median"] <= side["cold_ms"]["max"]
            assert 0 < side["warm_ms"]["p50"] <= side["warm_ms"]["p99"]
            assert side["cold_ms"]["runs"] == 1
            assert side["warm_ms"]["requests"] >= 1
            assert 0 < side["memory_bytes"]["growth"] < side["memory_bytes"]["peak"]
            month = side["month"]
            assert month["memory_mb"] >= 256
            assert month["total_usd"] == month["requests_usd"] + month["duration_usd"]
        portable, sklearn = found["portable"], found["sklearn"]
        assert portable["zip_bytes"] == packaged["zip_bytes"]
        assert portable["unzipped_bytes"] == packaged["unzipped_bytes"]
        assert sklearn["unzipped_bytes"] > sklearn["zip_bytes"] > 20_000_000
        assert found["ratios"]["zip_bytes"] == sklearn["zip_bytes"] / portable["zip_bytes"]
        assert found["ratios"]["warm_ms"].keys() == {"p50", "p99", "mean"}
        assumed = found["assumptions"]
        assert (assumed["requests_per_month"], assumed["cold_share"]) == (1_000_000, 0.01)
        assert assumed["price_gb_second_usd"] == prices.PRICES["arm64"].gb_second
        assert any(each.startswith("scikit-learn ") for each in assumed["libraries"])
        assert not any(each.startswith("pyarrow") for each in assumed["libraries"])

    @pytest.mark.usefixtures("light")
    def test_what_is_assumed_can_be_told(self, trained: Path, cli: Cli) -> None:
        other = next(each for each in ("3.12", "3.13") if each != f"3.{sys.version_info.minor}")
        (trained / "mlctl.toml").write_text(f'[deploy]\narchitecture = "x86_64"\nmemory = 512\npython = "{other}"\n')
        words = ("--requests-per-month", "1000", "--cold-share", "100", "--price-gb-second", "0", "--memory", "2048")
        done = cli("bench", *QUICK, *words, "--json")
        assert f"The package is for Python {other}; both engines are measured in 3." in done.err
        found = done.json
        assumed, month = found["assumptions"], found["portable"]["month"]
        assert (assumed["architecture"], assumed["price_gb_second_usd"], assumed["cold_share"]) == ("x86_64", 0, 1)
        assert (month["memory_mb"], month["cpu"]) == (2048, 1)
        assert month["gb_seconds"] == pytest.approx(month["cold_ms"] * 2)
        assert (month["duration_usd"], found["ratios"]["month"]["duration_usd"]) == (0, None)
        assert month["requests_usd"] == 1000 * prices.PRICES["x86_64"].request

    @pytest.mark.parametrize(
        ("words", "what"),
        [
            (("--runs", "0"), "--runs"),
            (("--requests-per-month", "0"), "--requests-per-month"),
            (("--memory", "64"), "--memory"),
            (("--memory", "20000"), "--memory"),
            (("--cold-share", "101"), "--cold-share"),
            (("--cold-share", "nan"), "--cold-share"),
            (("--price-request", "-1"), "--price-request"),
            (("--price-gb-second", "inf"), "--price-gb-second"),
        ],
    )
    def test_options_that_cannot_be(self, trained: Path, cli: Cli, words: tuple[str, ...], what: str) -> None:
        refused = cli("bench", *words)
        assert (refused.code, what in refused.err) == (2, True), refused.err

    def test_versions_that_cannot_be_measured(self, trained: Path, cli: Cli) -> None:
        assert cli("bench", "zzz").code == 6
        (model,) = (trained / "artifacts").rglob("model.joblib")
        model.write_bytes(model.read_bytes()[:-1] + b"x")
        refused = cli("bench", *QUICK)
        assert (refused.code, "has changed since it was written" in refused.err) == (4, True)


OWN = """
import os
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC
import filelock  # not named by the pipeline: at first it is kept from it

print("words of the module")
os.system("echo words of a child")

def double(values):
    return values * 2

def make():
    columns = ColumnTransformer([("numbers", FunctionTransformer(double), ["spend", "active"])])
    return Pipeline([("columns", columns), ("answer", SVC(probability=PROBABILITY))])
"""


@pytest.mark.usefixtures("light")
class TestModels:
    @pytest.fixture
    def shop(self, project: Path) -> Path:
        write_customers(project)
        return project

    @pytest.mark.slow
    def test_text_and_gaps(self, shop: Path, cli: Cli) -> None:
        write_settings(shop)
        assert cli("train").code == 0
        found = cli("bench", *QUICK, "--json").json
        assert (found["agree"], found["portable"] is not None) == (True, True), found

    @pytest.mark.slow
    def test_a_regression_of_text(self, shop: Path, cli: Cli) -> None:
        write_settings(shop, "spend")
        assert cli("train").code == 0
        found = cli("bench", *QUICK, "--json").json
        assert (found["estimator"], found["agree"]) == ("sklearn.ensemble.RandomForestRegressor", True)

    def test_a_model_that_does_not_compile_stands_alone_with_the_reason(self, shop: Path, cli: Cli) -> None:
        (shop / "own_bench.py").write_text(OWN.replace("PROBABILITY", "False"))
        write_settings(shop, model='pipeline = "own_bench:make"')
        assert cli("train").code == 0
        done = cli("bench", *QUICK, "--json")
        assert done.code == 0, done.err
        found = json.loads(done.out)
        assert (found["portable"], found["agree"], found["ratios"], found["parity"]) == (None, None, None, None)
        assert "FunctionTransformer" in found["reason"]
        assert set(found["sklearn"]) == SIDE
        # What it imports beside what it names is found after all, and counted.
        assert any(each.startswith("filelock ") for each in found["assumptions"]["libraries"])

    @pytest.mark.slow
    def test_a_pipeline_that_was_fitted_without_names(self, shop: Path, cli: Cli) -> None:
        from sklearn.linear_model import RidgeClassifier

        dice = np.random.default_rng(0)
        rows = dice.normal(size=(60, 3))
        labels = (rows @ [1.0, -1.0, 0.5] > 0).astype(int)
        joblib.dump(RidgeClassifier().fit(rows, labels), shop / "model.joblib")
        lines = [",".join(map(str, [*row, label])) for row, label in zip(rows.tolist(), labels.tolist(), strict=True)]
        (shop / "sample.csv").write_text("\n".join(["a,b,c,y", *lines]) + "\n")
        done = cli("import", "model.joblib", "--data", "sample.csv", "--target", "y", "--trust")
        assert done.code == 0, done.err
        found = cli("bench", *QUICK, "--json").json
        assert found["estimator"] == "sklearn.linear_model.RidgeClassifier"
        assert found["sklearn"]["warm_ms"]["requests"] >= 1
        assert not any(each.startswith("pandas ") for each in found["assumptions"]["libraries"])


class TestTable:
    @staticmethod
    def drawn(width: int, **changed: Any) -> list[str]:
        traffic, price = Traffic(1_000_000, 0.01), prices.PRICES["arm64"]
        quick, slow = (
            Measurement(0.0017, (15e-6,) * 99, 13_000_000, 13_400_000),
            Measurement(1.05, (0.0044,) * 99, 13_000_000, 3 * 10**8),
        )
        sides = [
            bench._figures(weight, [run], 256, traffic, price)
            for weight, run in ((Weight(215_000, 78_000), quick), (Weight(270_000_000, 63_000_000), slow))
        ]
        made = bench.Bench(
            version="ab" * 32, estimator="sklearn.ensemble.RandomForestClassifier", parity="exact", reason="", rows=30,
            difference="", portable=sides[0], sklearn=sides[1], traffic=traffic, price=price, timeout=10,
            architecture="arm64", python="3.13", platform="linux-x86_64",
            libraries=("numpy 2.4.6", "scikit-learn 1.9.1", "six 1.17.0"),
        )  # fmt: skip
        console = Console(width=width, highlight=False, soft_wrap=True, file=io.StringIO(), record=True)
        shown._render(console, replace(made, **changed))
        return [line.rstrip() for line in console.export_text().splitlines()]

    @pytest.mark.parametrize("width", [80, 120])
    def test_it_fits_a_terminal(self, width: int) -> None:
        lines = self.drawn(width)
        assert lines[:14] == [
            "Model version abababababab · RandomForestClassifier · parity exact",
            "",
            "                                portable      scikit-learn  ratio",
            "package, zipped                  78.0 kB           63.0 MB    808",
            "package, unzipped                 215 kB            270 MB  1,256",
            "cold start, median               1.70 ms            1.05 s    618",
            "  minimum to maximum  1.70 ms to 1.70 ms  1.05 s to 1.05 s",
            "warm request, p50                15.0 µs           4.40 ms    293",
            "warm request, p99                15.0 µs           4.40 ms    293",
            "peak memory                      13.4 MB            300 MB     22",
            "  above bare Python               400 kB            287 MB    718",
            "Lambda, per month                  $0.20             $0.55    2.7",
            "  with                  256 MB, 0.14 CPU  320 MB, 0.18 CPU",
            "",
        ]
        assert lines[14] == "✓ Both engines give the same answers for all 30 held-out rows."
        assert all(len(line) <= width for line in lines)
        told = " ".join(lines[15:])
        assert "1,000,000 requests, 1 % of them cold, on arm64 in us-east-1 at $0.20 per million" in told
        assert (
            "Not included: API Gateway, logs, traffic out, the free tier and Lambda's own part of a cold start." in told
        )
        assert "scikit-learn 1.9.1, numpy 2.4.6 as installed" in told

    def test_one_side_alone_comes_with_the_reason(self) -> None:
        lines = self.drawn(120, portable=None, parity=None, reason="Strange (step 'model') is not supported")
        assert "It does not compile to the portable engine: Strange (step 'model') is not supported." in lines
        assert lines[2].split() == ["scikit-learn"]

    def test_a_difference_and_an_unknown_size_are_told(self) -> None:
        lines = self.drawn(120, difference="row 3: scikit-learn says 1.0, the portable engine 2.0")
        assert "The answers differ: row 3: scikit-learn says 1.0, the portable engine 2.0." in lines
        side = bench._figures(None, [Measurement(1.0, (1.0,), 0, 1)], 256, Traffic(1, 0), Price(0, 0))
        assert "unknown" in self.drawn(120, sklearn=side)[3]

    def test_a_cold_start_beyond_the_timeout_is_told(self) -> None:
        slow = bench._figures(None, [Measurement(3.0, (0.001,), 0, 1)], 256, Traffic(1, 0), Price(0, 0))
        told = " ".join(self.drawn(120, sklearn=slow))
        assert (
            "! A cold start of scikit-learn with 256 MB takes 20.7 s, more than the function's timeout of 10 s" in told
        )
        assert "timeout" not in " ".join(self.drawn(120))


class TestUnits:
    @pytest.mark.parametrize(
        ("seconds", "expected"),
        [
            (1.23e-5, "12.3 µs"),
            (9.996e-7, "1.00 µs"),
            (0.00099949, "999 µs"),
            (0.0009996, "1.00 ms"),
            (0.0123, "12.3 ms"),
            (0.867, "867 ms"),
            (1.234, "1.23 s"),
            (123.4, "123 s"),
            (0.0, "0 µs"),
        ],
    )
    def test_times(self, seconds: float, expected: str) -> None:
        assert shown._time(seconds) == expected

    @pytest.mark.parametrize(
        ("size", "expected"),
        [
            (401, "0.401 kB"),
            (78_311, "78.3 kB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (65_958_353, "66.0 MB"),
            (2_140_858_300, "2,141 MB"),
        ],
    )
    def test_sizes(self, size: int, expected: str) -> None:
        assert shown._size(size) == expected

    @pytest.mark.parametrize(
        ("amount", "expected"),
        [(0.0, "$0.00"), (0.2, "$0.20"), (0.0137, "$0.014"), (0.000204, "$0.00020"), (1234.5, "$1,234.50")],
    )
    def test_dollars(self, amount: float, expected: str) -> None:
        assert shown._dollars(amount) == expected

    def test_prices_are_written_in_full(self) -> None:
        assert shown._plain(0.0000133334) == "0.0000133334"

    @pytest.mark.parametrize(
        ("theirs", "ours", "expected"), [(10.0, 2.0, "5.0"), (1.0, 2.0, "0.5"), (123_456.0, 10.0, "12,346"), (1, 0, "")]
    )
    def test_ratios(self, theirs: float, ours: float, expected: str) -> None:
        assert shown._ratio(theirs, ours) == expected
