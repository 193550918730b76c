"""Bit vectors give what the arrays give, on every edge, and are written where they pay."""

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)

from mlctl.portable.codegen import bitvectors
from mlctl.portable.codegen.generator import generate
from mlctl.portable.compile import compile_steps
from mlctl.portable.ir.program import PortableModel, Step
from tests.parity import data
from tests.parity.forms import forms
from tests.parity.harness import loaded
from tests.parity.rows import probes, schema_of, thresholds


def boosted(source: Any, **params: Any) -> tuple[PortableModel, Any, Any]:
    """A compiled gradient boosting, the fitted one, and its rows."""
    x, y = source
    fitted = GradientBoostingClassifier(random_state=0, **{"n_estimators": 60, **params}).fit(x, y)
    steps, _ = compile_steps(fitted, schema_of(x))
    return PortableModel(n_features=x.shape[1], steps=steps), fitted, x


def sums_of(source: str | None) -> Any:
    assert source is not None
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    return namespace["sums"]


@pytest.mark.parametrize("source", [data.binary, data.three, data.many], ids=["binary", "three", "many"])
@pytest.mark.parametrize("trees", [60, 61])
def test_the_sums_are_those_of_the_arrays(source: Any, trees: int) -> None:
    model, fitted, x = boosted(source(), n_estimators=trees, max_depth=3)
    sums = sums_of(bitvectors.generate(model.steps[-1]))
    edges = thresholds(fitted.estimators_.ravel())
    for row in probes(x, 300, edges=edges):
        single = row.astype(np.float32)
        expected = fitted._raw_predict(single[np.newaxis])[0]
        assert sums(single.astype(float).tolist()) == pytest.approx(expected, rel=1e-11, abs=1e-11)


def test_every_leaf_of_every_tree_is_reached_as_in_the_arrays() -> None:
    model, fitted, x = boosted(data.three(), n_estimators=40)
    sums = sums_of(bitvectors.generate(model.steps[-1]))
    answer = loaded(model)
    for row in probes(x, 500, edges=thresholds(fitted.estimators_.ravel()), seed=1):
        single = row.astype(np.float32).astype(float).tolist()
        index, probabilities = answer(single)
        raw = sums(single)
        powers = np.exp(raw - np.max(raw))
        assert probabilities == pytest.approx(powers / powers.sum(), rel=1e-9)
        assert raw.index(max(raw)) == index


def test_the_code_generated_for_much_boosting_is_bit_vectors() -> None:
    model, _, _ = boosted(data.binary())
    assert "TREES = 60" in str(generate(model))


@pytest.mark.parametrize(
    "params",
    [{"max_depth": 4, "min_samples_leaf": 1, "n_estimators": 60}, {"n_estimators": 2}],
    ids=["more than eight leaves", "few trees"],
)
def test_other_boosting_is_nested_ifs(params: dict[str, Any]) -> None:
    model, _, _ = boosted(data.binary(), **params)
    assert bitvectors.generate(model.steps[-1]) is None
    assert "the same sums in the same order" in str(generate(model))


def test_what_must_be_exact_or_holds_categories_is_left_alone() -> None:
    x, y = data.numbers()
    number, _ = compile_steps(GradientBoostingRegressor(n_estimators=60, random_state=0).fit(x, y), schema_of(x))
    assert bitvectors.generate(number[-1]) is None
    x, y = data.three()
    forest, _ = compile_steps(RandomForestClassifier(60, max_depth=3).fit(x, y), schema_of(x))
    assert bitvectors.generate(forest[-1]) is None
    codes = np.column_stack([np.arange(150) % 4, x[:, 0]])
    model = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=4, categorical_features=[0]).fit(codes, y)
    steps, _ = compile_steps(model, schema_of(codes))
    assert "sets" in steps[-1].tensors
    assert bitvectors.generate(steps[-1]) is None


def scaled(step: Step, factor: float) -> Step:
    tensors = {**step.tensors, "values": step.tensors["values"] * factor}
    return Step(op=step.op, parity=step.parity, params=step.params, tensors=tensors)


def test_values_that_a_common_grid_cannot_hold_are_left_to_the_arrays() -> None:
    model, _, _ = boosted(data.three(), n_estimators=40)
    step = model.steps[-1]
    for factor in (1.0, 2.0**10, 2.0**-40):
        assert bitvectors.generate(scaled(step, factor)) is not None
    for factor in (2.0**30, 1e250, 0.0, 1e-250, float("inf")):
        assert bitvectors.generate(scaled(step, factor)) is None


def test_one_huge_leaf_does_not_coarsen_all_others() -> None:
    """A class that is very rare gets such leaves: a grid that holds them would round all others away."""
    model, _, _ = boosted(data.binary())
    step = model.steps[-1]
    step.tensors["values"][0] = 1e31
    assert bitvectors.generate(step) is None
    # The next form holds it.
    assert "the same sums in the same order" in str(generate(model))


def test_where_rounding_might_change_the_class_the_arrays_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the rows of a category that has as many of one class as of the other the raw prediction is next to 0."""
    x = np.repeat(np.arange(6.0), 40)[:, np.newaxis]
    y = np.select([x[:, 0] == 0, x[:, 0] == 4, x[:, 0] == 5], [1, 1, np.arange(240) % 4 == 0], 0)
    y[40:120] = np.arange(80) % 2
    model, fitted, _ = boosted((x, y), n_estimators=300, max_depth=2, learning_rate=0.3)
    found, _ = forms(model, monkeypatch)
    sums = sums_of(bitvectors.generate(model.steps[-1]))
    assert [sums([value]) is None for value in (0.0, 1.0, 2.0, 3.0)] == [False, True, True, False]
    for value in (1.0, 2.0):
        assert found["code"]([value]) == found["lists"]([value])
        assert found["code"]([value])[0] == fitted.predict([[value]])[0]


def test_of_several_classes_the_two_highest_may_be_too_close() -> None:
    model, _, _ = boosted(data.three(), n_estimators=40)
    step = model.steps[-1]
    row = [5.0, 3.0, 4.0, 1.0]
    totals = sums_of(bitvectors.generate(step))(row)
    first, second, _ = sorted(range(3), key=lambda each: -totals[each])
    step.params["start"][second] += totals[first] - totals[second]
    assert sums_of(bitvectors.generate(step))(row) is None
    step.params["start"][second] -= 1e-6
    assert sums_of(bitvectors.generate(step))(row) is not None
