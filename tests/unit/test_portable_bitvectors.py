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

from mlctl.portable import bitvectors
from mlctl.portable.codegen import generate
from mlctl.portable.compile import compile_steps
from mlctl.portable.program import PortableModel, Step
from tests.parity import data
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


def test_values_of_any_size_are_rounded_without_loss_or_not_at_all() -> None:
    model, _, _ = boosted(data.three(), n_estimators=40)
    step = model.steps[-1]

    def scaled(factor: float) -> Step:
        return Step(
            op=step.op,
            parity=step.parity,
            params=step.params,
            tensors={**step.tensors, "values": step.tensors["values"] * factor},
        )

    row = [5.0, 3.0, 4.0, 1.0]
    plain = sums_of(bitvectors.generate(step))(row)
    powers = sums_of(bitvectors.generate(scaled(2.0**40)))(row)
    start = step.params["start"]
    assert [(b - first) / 2.0**40 for b, first in zip(powers, start, strict=True)] == pytest.approx(
        [a - first for a, first in zip(plain, start, strict=True)], rel=1e-12
    )
    assert sums_of(bitvectors.generate(scaled(0.0)))(row) == tuple(start)
    assert bitvectors.generate(scaled(1e-250)) is None
    assert bitvectors.generate(scaled(1e250)) is None
