"""Trees and ensembles agree with scikit-learn on random data, parameters and rows; random files of trees are safe."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeRegressor

from mlctl.portable.codegen.nodes import LEAF
from mlctl.portable.families.trees import Nodes, tree_tensors
from mlctl.portable.ir.program import PortableModel, Step
from tests.parity.forms import answers, forms
from tests.parity.harness import compare
from tests.parity.rows import probes

TAKE_MISSING = (DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeRegressor, RandomForestClassifier)
ONE = (DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeRegressor)
HIST = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
KINDS = (
    *TAKE_MISSING,
    *HIST,
    RandomForestRegressor,
    ExtraTreesClassifier,
    BaggingClassifier,
    BaggingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    AdaBoostClassifier,
    AdaBoostRegressor,
)
CLOSE = (GradientBoostingClassifier, GradientBoostingRegressor, AdaBoostClassifier, HistGradientBoostingClassifier)


@given(
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(6, 60),
    columns=st.integers(1, 5),
    classes=st.integers(2, 4),
    decimals=st.integers(0, 8),
    scale=st.sampled_from([1e-30, 1.0, 1e6, 1e30]),
    gaps=st.booleans(),
)
def test_any_ensemble_agrees_with_scikit_learn(
    kind: Any, seed: int, rows: int, columns: int, classes: int, decimals: int, scale: float, gaps: bool
) -> None:
    random = np.random.default_rng(seed)
    x = np.round(random.normal(size=(rows, columns)), decimals) * scale
    gaps = gaps and kind in (*TAKE_MISSING, *HIST)
    if gaps:
        x[random.random(x.shape) < 0.2] = np.nan
    y = np.arange(rows) % classes if hasattr(kind, "predict_proba") else np.round(random.normal(size=rows), 1)
    params: dict[str, Any] = {"random_state": seed}
    if kind in HIST:
        params |= {"max_iter": 5, "min_samples_leaf": 1, "categorical_features": None}
    elif kind not in ONE:
        params |= {"n_estimators": 5}
    try:
        part = kind(**params).fit(x, y)
    except ValueError:  # AdaBoost's first model is no better than chance
        reject()
    compare(part, probes(x, 25, missing=gaps, seed=seed), "close" if kind in CLOSE else "exact", missing=gaps)


@st.composite
def trees(draw: st.DrawFn, columns: int, width: int) -> Nodes:
    """Nodes in the order in which they were split, as in trees that grow best-first."""
    splits = draw(st.integers(0, 12))
    left, right, feature, threshold, missing = [LEAF], [LEAF], [0], [0.0], [0]
    leaves = [0]
    for _ in range(splits):
        node = leaves.pop(draw(st.integers(0, len(leaves) - 1)))
        left[node], right[node] = len(left), len(left) + 1
        feature[node] = draw(st.integers(0, columns - 1))
        threshold[node] = draw(st.floats(-4, 4, width=32) | st.sampled_from([float("inf"), 0.1, -0.0]))
        missing[node] = draw(st.integers(0, 1))
        for values, empty in ((left, LEAF), (right, LEAF), (feature, 0), (threshold, 0.0), (missing, 0)):
            values += [empty, empty]
        leaves += [left[node], right[node]]
    values_drawn = draw(st.lists(st.floats(-9, 9), min_size=len(left) * width, max_size=len(left) * width))
    return Nodes(
        left=np.array(left),
        right=np.array(right),
        feature=np.array(feature),
        threshold=np.array(threshold),
        missing_left=np.array(missing),
        values=np.array(values_drawn).reshape(-1, width),
    )


def _leaf(tree: Nodes, row: list[float]) -> int:
    node = 0
    while tree.left[node] != LEAF:
        number = row[tree.feature[node]]
        left = tree.missing_left[node] if np.isnan(number) else number <= tree.threshold[node]
        node = int(tree.left[node] if left else tree.right[node])
    return node


@given(data=st.data(), columns=st.integers(1, 4), width=st.integers(1, 3), single=st.booleans())
def test_every_form_of_any_trees_gives_the_same_answers(
    data: st.DataObject, columns: int, width: int, single: bool
) -> None:
    parts = [data.draw(trees(columns, width)) for _ in range(data.draw(st.integers(1, 4)))]
    number = st.floats(-5, 5, width=32) | st.sampled_from([float("nan"), 0.1, 1e30, -1e30])
    if not single:
        number |= st.just(float("inf"))
    rows = data.draw(st.lists(st.lists(number, min_size=columns, max_size=columns), min_size=1, max_size=10))
    params = {"n_trees": len(parts), "n_features": columns, "n_outputs": width}
    tensors = tree_tensors(parts, single=single, missing=True)
    step = Step(op="forest_regressor", parity="exact", params=params, tensors=tensors)
    with pytest.MonkeyPatch.context() as patch:
        models, _ = forms(PortableModel(n_features=columns, steps=(step,)), patch)
        input_rows = [[float(np.float32(value)) if single else value for value in row] for row in rows]
        expected = []
        for row in input_rows:
            totals = [0.0] * width
            for tree in parts:
                totals = [
                    total + float(value) for total, value in zip(totals, tree.values[_leaf(tree, row)], strict=True)
                ]
            means = [total / len(parts) for total in totals]
            expected.append(means if width > 1 else means[0])
        for form in models.values():
            assert answers(form, rows) == expected


_LISTED = st.sampled_from([0, 20_000])


@given(
    data=st.data(),
    listed=_LISTED,
    nodes=st.integers(1, 8),
    op=st.sampled_from(["forest", "boosting", "weighted_median"]),
)
def test_a_file_of_trees_with_anything_in_it_is_refused_or_answers(
    data: st.DataObject, listed: int, nodes: int, op: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No other error is raised, and no traversal is endless."""
    engine, ops = importlib.import_module("handler.engine"), importlib.import_module("handler.ops.trees")
    small = st.integers(0, nodes + 2)
    number = st.floats(width=32) | st.integers(-1, 3).map(float)

    def array(values: Any, dtype: str, length: int) -> Any:
        return np.array(data.draw(st.lists(values, min_size=length, max_size=length)), dtype=dtype)

    n_trees, width = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2))
    tensors = {
        "feature": array(st.integers(-2, 3), "<i2", nodes),
        "threshold": array(number, data.draw(st.sampled_from(["<f4", "<f8"])), nodes),
        "skip": array(small | st.just(2**32 - 1), "<u4", nodes),
        # Sorted, because the engine refuses other roots before it checks anything else.
        "roots": np.array(sorted(data.draw(st.sets(small, min_size=n_trees, max_size=n_trees))), dtype="<u4"),
        "values": array(number, "<f8", width * data.draw(st.integers(0, 4))),
        "missing": array(st.integers(0, 2), "|u1", nodes),
        "sets": array(st.integers(0, 2**32 - 1), "<u4", 8 * data.draw(st.integers(0, 2))),
    }
    params: dict[str, Any] = {"n_trees": n_trees, "n_features": 2, "n_classes": [width], "start": [0.0] * width}
    params |= {"categories": data.draw(st.integers(0, 2)), "weights": [1.0] * n_trees, "zero": 0}
    params |= {"link": data.draw(st.sampled_from(["identity", "logit", "log", "multinomial_logit"]))}
    if data.draw(st.booleans()):
        params["width"] = 1
    model = PortableModel(n_features=2, steps=(Step(op=op, parity="exact", params=params, tensors=tensors),))
    path = tmp_path_factory.mktemp("fuzz") / "model.safetensors"
    Path(path).write_bytes(model.to_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ops, "LISTED_NODES", listed)
        try:
            loaded = engine.load(str(path), 2)
            for row in ([0.0, 1.0], [float("nan"), 300.0], [-1.0, float("nan")], [2.5, 255.0]):
                loaded.predict(row)
        except (engine.InvalidModel, engine.UnprocessableRow):
            return
