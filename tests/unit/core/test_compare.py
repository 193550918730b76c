"""Two versions on the same rows: a difference that is noise is called so."""

from pathlib import Path

import numpy as np
import pytest

from mlctl.registry.gates import OF_CLASSES, OF_NUMBERS
from mlctl.registry.store import ModelVersion
from mlctl.training import metrics, significance
from tests.conftest import Cli


def test_mcnemar_is_the_binomial_test_of_the_rows_that_one_alone_gets_right() -> None:
    expected = np.zeros(20, dtype=np.int64)
    first = np.array([0] * 10 + [1] * 10)
    second = np.array([1] * 1 + [0] * 9 + [0] * 9 + [1] * 1)
    found = significance.mcnemar(expected, first, second)
    assert (found.only_first, found.only_second) == (1, 9)
    # 2 * (C(10,0) + C(10,1)) / 2**10
    assert found.p_value == pytest.approx(22 / 1024)
    assert not found.is_noise
    same = significance.mcnemar(expected, first, first)
    assert (same.only_first, same.only_second, same.p_value, same.is_noise) == (0, 0, 1.0, True)


def test_the_quick_scores_are_the_metrics() -> None:
    generator = np.random.default_rng(0)
    for classes in (2, 3, 7):
        names = tuple(map(str, range(classes)))
        expected, predicted = generator.integers(0, classes, (2, 40))
        # A class that nobody predicts has an empty denominator.
        predicted[predicted == classes - 1] = 0
        whole = metrics.of_classes(expected, predicted, names)
        once = np.ones(40, dtype=np.int64)
        quick = significance._class_scores(expected, predicted, once, classes)
        assert quick.tolist() == pytest.approx([whole[name] for name in OF_CLASSES])
    truth, said = generator.normal(size=(2, 50))
    of_numbers = metrics.of_numbers(truth, said)
    assert significance._number_scores(truth, said).tolist() == pytest.approx([of_numbers[name] for name in OF_NUMBERS])


def test_the_bootstrap_repeats_and_holds_the_difference() -> None:
    generator = np.random.default_rng(1)
    expected = generator.integers(0, 3, 200)
    first = np.where(generator.random(200) < 0.6, expected, 0)
    second = np.where(generator.random(200) < 0.9, expected, 0)
    one, other = (significance.of_classes(expected, first, second, n_classes=3, seed=5) for _ in range(2))
    assert one == other
    for name in OF_CLASSES:
        assert one[name].low < one[name].difference < one[name].high
        assert not one[name].is_noise
    same = significance.of_classes(expected, first, first, n_classes=3, seed=5)["accuracy"]
    assert (same.difference, same.low, same.high, same.is_noise) == (0.0, 0.0, 0.0, True)


def test_wilcoxon_tells_a_nearer_model_from_an_equal_one() -> None:
    generator = np.random.default_rng(2)
    truth = generator.normal(size=300)
    near, far = truth + generator.normal(size=300) * 0.1, truth + generator.normal(size=300) * 0.3
    found = significance.wilcoxon(truth, near, far)
    assert found.first_nearer + found.second_nearer == 300
    assert found.first_nearer > 200
    assert found.p_value < 1e-6
    same = significance.wilcoxon(truth, near, near)
    assert (same.first_nearer, same.second_nearer, same.p_value, same.is_noise) == (0, 0, 1.0, True)


def test_the_bootstrap_of_a_regression_holds_the_difference() -> None:
    generator = np.random.default_rng(3)
    truth = generator.normal(size=300)
    near, far = truth + generator.normal(size=300) * 0.1, truth + generator.normal(size=300) * 0.5
    one, other = (significance.of_numbers(truth, near, far, seed=5) for _ in range(2))
    assert one == other
    for name in OF_NUMBERS:
        assert one[name].low < one[name].difference < one[name].high
        assert not one[name].is_noise
        assert (one[name].difference < 0) == (name == "r2")


def test_compare_shows_both_and_calls_noise_noise(trained: Path, cli: Cli, iris: ModelVersion) -> None:
    cli("train", "-p", "n_estimators=90")
    alike = cli("compare", iris.id[:8], "--json").json
    assert alike["first"] == iris.id
    assert alike["noise"] is True
    assert set(alike["differences"]) == set(OF_CLASSES)
    assert "Noise: chance can explain this difference." in cli("compare", iris.id[:8]).out
    cli("train", "-p", "n_estimators=1", "-p", "max_depth=1")
    worse = cli("compare", iris.id[:8], "latest", "--json").json
    assert worse["noise"] is False
    assert worse["mcnemar"]["only_first"] > worse["mcnemar"]["only_second"]
    shown = cli("compare", iris.id[:8]).out
    assert f"{iris.id[:12]} is better: chance is unlikely to explain this difference." in shown


def test_versions_of_other_rows_or_other_data_are_not_compared(trained: Path, cli: Cli, iris: ModelVersion) -> None:
    (trained / "mlctl.toml").write_text("[data]\nseed = 7\n")
    cli("train", "-p", "n_estimators=5")
    refused = cli("compare", iris.id[:8])
    assert (refused.code, "were not measured on the same held-out rows" in refused.err) == (3, True)
    (trained / "mlctl.toml").write_text('[data]\nsource = "wine"\n')
    cli("train", "-p", "n_estimators=5")
    refused = cli("compare", iris.id[:8])
    assert (refused.code, "were not measured on the same data" in refused.err) == (3, True)
    assert cli("compare", "zzz").code == 6
