"""Boosting: what of it does not compile, and files of it that break the format."""

import importlib
from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeClassifier

from mlctl.portable.compile import compile_steps
from mlctl.portable.families import boosting
from mlctl.portable.ir.columns import ColumnType, ColumnTypes
from mlctl.portable.ir.program import NotPortableError
from tests.parity import data
from tests.parity.rows import schema_of

TENSORS = {
    "feature": np.array([0, -1, 1, -1, -1], dtype="<i2"),
    "threshold": np.array([1.0, 0.0, 0.5, 0.0, 0.0]),
    "skip": np.array([1, 0, 1, 1, 2], dtype="<u4"),
    "roots": np.array([0], dtype="<u4"),
    "values": np.array([1.0, 2.0, 1e9]),
    "missing": np.array([0, 0, 1, 0, 0], dtype="|u1"),
    "single": np.zeros(5, dtype="<f4"),
    "none": np.zeros(0, dtype="<u4"),
    "short": np.zeros(9, dtype="<u4"),
    # Codes 0 and 33; codes 255 and 256 - 32.
    "sets": np.array([1, 2, 0, 0, 0, 0, 0, 0, *[0] * 7, 2**31 + 1], dtype="<u4"),
}
NAMES = ("feature", "threshold", "skip", "roots", "values", "missing")
STEP: dict[str, Any] = {
    **{name: name for name in NAMES},
    "op": "boosting",
    "n_trees": 1,
    "n_features": 2,
    "start": [0.5],
    "width": 1,
    "link": "identity",
    "zero": 0,
}
CATEGORIES = {**STEP, "sets": "sets", "categories": 1}


def built(step: Any, **tensors: Any) -> Any:
    """The function of one step over two columns."""
    ops = importlib.import_module("handler.ops")
    views = {name: memoryview(each) for name, each in {**TENSORS, **tensors}.items()}
    _, _, predict = ops.Program(views, False).model([step], [0, 1])
    return predict


def invalid() -> type[Exception]:
    """The handler's refusal of a file."""
    found: type[Exception] = importlib.import_module("handler.ops").InvalidModel
    return found


@pytest.fixture(params=[20_000, 0], ids=["lists", "bytes"])
def _listed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("handler.ops.trees"), "LISTED_NODES", request.param)


@pytest.mark.usefixtures("_listed")
def test_a_value_of_each_tree_is_added_to_the_start() -> None:
    predict = built(STEP)
    assert predict([1.0, 9.0]) == 1.5
    assert predict([2.0, 0.5]) == 2.5
    assert predict([2.0, 0.6]) == 1e9 + 0.5
    assert predict([2.0, float("nan")]) == 1e9 + 0.5


@pytest.mark.usefixtures("_listed")
def test_categories_go_by_their_set_and_what_is_none_goes_with_the_missing() -> None:
    predict = built(CATEGORIES)
    left = [code for code in range(256) if predict([float(code), 0.0]) == 1.5]
    assert left == [224, 255]
    assert [predict([number, 0.0]) for number in (float("nan"), -1.0, 256.0, 1e300)] == [1.5] * 4
    away = np.array([1, 0, 1, 0, 0], dtype="|u1")
    assert [built(CATEGORIES, missing=away)([number, 0.0]) for number in (float("nan"), -1.0, 256.0)] == [2.5] * 3
    first = np.array([0.0, 0.0, 0.5, 0.0, 0.0])
    predict = built(CATEGORIES, threshold=first)
    assert [code for code in range(256) if predict([float(code), 0.0]) == 1.5] == [0, 33]


def test_trees_of_one_value_go_to_the_raw_predictions_in_turn() -> None:
    step = {**STEP, "n_trees": 3, "start": [0.0, 10.0], "link": "multinomial_logit"}
    leaves = {
        "feature": np.array([-1, -1, -1], dtype="<i2"),
        "threshold": np.zeros(3),
        "skip": np.array([0, 1, 1], dtype="<u4"),
        "roots": np.arange(3, dtype="<u4"),
        "missing": np.zeros(3, dtype="|u1"),
    }
    predict = built(step, **leaves)
    index, probabilities = predict([0.0, 0.0])
    # 1 + 2 for the first class, 10 + 2 for the second.
    assert index == 1
    assert probabilities == pytest.approx([1 / (1 + np.exp(9)), 1 / (1 + np.exp(-9))], rel=1e-12)


@pytest.mark.parametrize("zero", [0, 1])
@pytest.mark.parametrize("link", ["logit", "half_logit"])
def test_the_class_of_a_raw_prediction_of_0_is_told_by_the_file(zero: int, link: str) -> None:
    predict = built({**STEP, "start": [-1.0], "link": link, "zero": zero})
    assert predict([0.0, 0.0]) == (zero, [0.5, 0.5])
    assert predict([2.0, 0.0])[0] == 1


def test_an_exponential_beyond_float64_is_no_answer() -> None:
    ops = importlib.import_module("handler.ops")
    predict = built({**STEP, "link": "log"})
    assert predict([0.0, 0.0]) == pytest.approx(np.exp(1.5), rel=1e-15)
    with pytest.raises(ops.UnprocessableRow, match="no finite result"):
        predict([2.0, 0.6])
    assert built({**STEP, "link": "logit", "start": [-2e9]})([2.0, 0.6])[1] == [1.0, 0.0]


BROKEN: dict[str, Any] = {
    "no start": {"start": []},
    "a start of text": {"start": ["0"]},
    "a start that is not finite": {"start": [float("inf")]},
    "a start that is no list": {"start": 0.0},
    "another link": {"link": "probit"},
    "a link of several": {"link": "multinomial_logit"},
    "a link of one": {"start": [0.0, 0.0]},
    "a tie of a third class": {"link": "logit", "zero": 2},
    "a tie of a truth": {"link": "logit", "zero": True},
    "another width": {"width": 2},
    "too few columns": {"n_features": 1},
    "more trees": {"n_trees": 2},
    "categories without a place for what is missing": {"sets": "sets", "categories": 1, "missing": None},
    "categories in float32": {"sets": "sets", "categories": 1, "threshold": "single"},
    "more categories than columns": {"sets": "sets", "categories": 3},
    "fewer than no categories": {"sets": "sets", "categories": -1},
    "sets of no category": {"sets": "sets", "categories": 0},
    "sets without words": {"sets": "none", "categories": 1},
    "a set cut short": {"sets": "short", "categories": 1},
    "a truth for a number of trees": {"n_trees": True},
    "a fraction for a width": {"width": 1.0},
    "a truth for the columns": {"n_features": True},
}
ASTRAY: dict[str, Any] = {
    "a set too far": {"threshold": np.array([2.0, 0.0, 0.5, 0.0, 0.0])},
    "a set below 0": {"threshold": np.array([-1.0, 0.0, 0.5, 0.0, 0.0])},
    "a set of no number": {"threshold": np.array([np.nan, 0.0, 0.5, 0.0, 0.0])},
    "an infinite set": {"threshold": np.array([np.inf, 0.0, 0.5, 0.0, 0.0])},
    "a feature too far": {"feature": np.array([2, -1, 1, -1, -1], dtype="<i2")},
    "a leaf too far": {"skip": np.array([1, 3, 1, 3, 3], dtype="<u4")},
    "a child too far": {"skip": np.array([4, 0, 1, 1, 2], dtype="<u4"), "missing": np.ones(5, dtype="|u1")},
    "no leaf at the end": {"feature": np.array([0, 0, 0, 0, 0], dtype="<i2"), "skip": np.zeros(5, dtype="<u4")},
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_step_that_breaks_the_format_is_refused(name: str) -> None:
    with pytest.raises(invalid()):
        built({**STEP, **BROKEN[name]})


@pytest.mark.parametrize("name", ASTRAY)
def test_small_trees_that_point_outside_their_arrays_are_refused_when_loaded(name: str) -> None:
    built(CATEGORIES)
    with pytest.raises(invalid()):
        built(CATEGORIES, **ASTRAY[name])


@pytest.mark.parametrize("name", ASTRAY)
def test_large_trees_that_point_outside_their_arrays_are_refused_where_a_walk_goes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.import_module("handler.ops.trees"), "LISTED_NODES", 0)
    predict = built(CATEGORIES, **ASTRAY[name])
    rows = ([0.0, 9.0], [1.0, 0.0], [float("nan"), 9.0], [256.0, 0.0])
    # The engine makes InvalidModel of an IndexError.
    with pytest.raises((invalid(), IndexError)):
        list(map(predict, rows))


NUMBERS, TARGET = data.numbers()
UNSUPPORTED: dict[str, tuple[Any, str]] = {
    "an init of a model": (
        GradientBoostingRegressor(n_estimators=1, init=LinearRegression()).fit(NUMBERS, TARGET),
        "starts from the predictions of LinearRegression",
    ),
    "an init of a tree": (
        GradientBoostingClassifier(n_estimators=1, init=DecisionTreeClassifier()).fit(*data.three()),
        "starts from the predictions of DecisionTreeClassifier",
    ),
    "a random init": (
        GradientBoostingClassifier(n_estimators=1, init=DummyClassifier(strategy="uniform")).fit(*data.three()),
        "random predictions, of the strategy 'uniform'",
    ),
    "one class": (
        HistGradientBoostingClassifier(max_iter=1).fit(data.three()[0], np.zeros(150)),
        "was fitted on a single class",
    ),
    "text as numbers": (
        HistGradientBoostingRegressor(max_iter=1).fit(data.three()[0], data.three()[1]),
        "takes columns of text as numbers",
    ),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_does_not_compile_says_why(name: str) -> None:
    part, reason = UNSUPPORTED[name]
    features = schema_of(np.zeros((1, part.n_features_in_)))
    if name == "text as numbers":
        features[0]["kind"] = "category"
    with pytest.raises(NotPortableError, match=reason):
        compile_steps(part, features)


def test_the_trees_hold_the_learning_rate_and_no_place_for_what_is_missing_where_nothing_is() -> None:
    part = HistGradientBoostingRegressor(max_iter=2).fit(NUMBERS, TARGET)
    (step,), out = compile_steps(part, schema_of(NUMBERS))
    assert out is None
    assert step.params["missing"] is None
    assert "missing" not in step.tensors
    assert step.tensors["threshold"].dtype == np.float64
    (step,), _ = compile_steps(part, schema_of(NUMBERS, missing=True))
    assert len(step.tensors["missing"]) == len(step.tensors["feature"])


def test_numbers_of_float32_do_not_compile() -> None:
    """scikit-learn would round them before; here they are float64."""
    part = HistGradientBoostingRegressor(max_iter=1).fit(NUMBERS, TARGET)
    table = ColumnTypes(columns=(ColumnType(dtype="float32"),) * NUMBERS.shape[1])
    with pytest.raises(NotPortableError, match="numbers of float32"):
        boosting.ENTRIES[HistGradientBoostingRegressor].compile(part, table, None)


def test_text_becomes_codes_before_the_trees() -> None:
    frame, target = data.mixed()
    part = HistGradientBoostingClassifier(max_iter=3, categorical_features="from_dtype").fit(frame, target)
    (columns, step), _ = compile_steps(part, schema_of(frame))
    assert columns.op == "columns"
    assert step.params["categories"] == 3
    assert step.tensors["sets"].shape[1] == 8
    assert len(step.tensors["sets"]) > 0
