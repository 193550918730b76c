"""The builders of linear models, dummies and interpolations: what they refuse, and what stands in the program."""

import importlib
from array import array
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from mlctl.portable.compile import compile_pipeline
from mlctl.portable.families.linear_classifiers import logistic
from mlctl.portable.ir.columns import ColumnType, ColumnTypes
from mlctl.portable.ir.program import NotPortableError
from tests.parity.harness import compiled, loaded

NAN, INF = float("nan"), float("inf")
TENSORS = {
    "two": [2.0, -1.0],
    "four": [1.0, 2.0, 3.0, 4.0],
    "six": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    "one": [0.5],
    "three": [0.1, 0.2, 0.3],
    "none": [],
    "nan": [NAN, 1.0],
    "infinite": [INF],
    "falls": [1.0, 2.0, 2.0],
    "huge": [1.7e308, 1.7e308, -1.7e308],
}
BINARY = {"op": "logistic", "n_classes": 2, "coef": "two", "intercept": "one"}
MULTI = {"op": "logistic", "n_classes": 3, "coef": "six", "intercept": "three"}
LINEAR = {"op": "linear", "coef": "two", "intercept": "one"}
POINTS = {"op": "interpolate", "x": "three", "y": "three", "clip": True}
CLASS = {"index": 1, "probabilities": [0.25, 0.75]}


def build(step: dict[str, Any], width: int = 2) -> tuple[str, Any]:
    """The kind and the function of one step over ``width`` columns."""
    ops = importlib.import_module("handler.ops")
    tensors = {name: memoryview(array("d", values)) for name, values in TENSORS.items()}
    built, _ = ops.Program(tensors, False).build([step], list(range(10, 10 + width)))
    kind, function = built[0]
    return kind, function


@pytest.mark.parametrize(
    ("step", "width"),
    [
        ({**BINARY, "n_classes": 1}, 2),
        ({**BINARY, "n_classes": 2.0}, 2),
        ({**BINARY, "n_classes": True}, 2),
        ({**BINARY, "n_classes": "2"}, 2),
        ({**BINARY, "n_classes": 10**12}, 2),
        ({**BINARY, "coef": "four"}, 2),
        ({**BINARY, "intercept": "three"}, 2),
        ({**BINARY, "coef": "nan"}, 2),
        ({**BINARY, "intercept": "infinite"}, 2),
        ({**BINARY, "coef": "absent"}, 2),
        ({**BINARY, "one_vs_rest": True}, 2),
        ({**MULTI, "one_vs_rest": 1}, 2),
        ({**MULTI, "one_vs_rest": True, "uniform": None}, 2),
        ({**MULTI, "op": "modified_huber", "n_classes": 0}, 2),
        ({**MULTI, "op": "modified_huber", "coef": "two"}, 2),
        ({**MULTI, "op": "linear_scores", "n_classes": -3}, 2),
        ({**MULTI, "op": "linear_scores"}, 3),
        ({**LINEAR, "outputs": 0}, 2),
        ({**LINEAR, "outputs": True}, 2),
        ({**LINEAR, "outputs": 2}, 2),
        ({**LINEAR, "outputs": [1]}, 2),
        ({**LINEAR, "link": "logit"}, 2),
        ({**LINEAR, "link": None}, 2),
        (POINTS, 2),
        ({**POINTS, "clip": 0}, 1),
        ({**POINTS, "x": "none", "y": "none"}, 1),
        ({**POINTS, "x": "two", "y": "two"}, 1),
        ({**POINTS, "x": "falls"}, 1),
        ({**POINTS, "y": "two"}, 1),
        ({**POINTS, "x": "nan", "y": "two"}, 1),
        ({**POINTS, "x": "one", "y": "infinite"}, 1),
        ({"op": "constant", "value": NAN}, 2),
        ({"op": "constant", "value": "1"}, 2),
        ({"op": "constant", "value": True}, 2),
        ({"op": "constant", "value": []}, 2),
        ({"op": "constant", "value": [1.0, INF]}, 2),
        ({"op": "constant_class", "answer": []}, 2),
        ({"op": "constant_class", "answer": {**CLASS, "index": 2}}, 2),
        ({"op": "constant_class", "answer": {**CLASS, "index": -1}}, 2),
        ({"op": "constant_class", "answer": {**CLASS, "index": True}}, 2),
        ({"op": "constant_class", "answer": [CLASS, {**CLASS, "probabilities": [0.5, None]}]}, 2),
    ],
    ids=str,
)
def test_a_step_that_breaks_the_format_is_refused(step: dict[str, Any], width: int) -> None:
    with pytest.raises(importlib.import_module("handler.ops").InvalidModel):
        build(step, width)


@pytest.mark.parametrize(
    ("step", "row", "kind", "answer"),
    [
        (BINARY, [1.0, 2.5], "classifier", (0, [0.5, 0.5])),
        ({**BINARY, "op": "linear_scores"}, [1.0, 2.5], "scorer", (0, [0.0])),
        ({**BINARY, "op": "linear_scores"}, [1.0, 2.0], "scorer", (1, [0.5])),
        ({**BINARY, "op": "modified_huber"}, [1.0, 2.0], "classifier", (1, [0.25, 0.75])),
        ({**MULTI, "op": "linear_scores"}, [1.0, 1.0], "scorer", (2, [3.1, 7.2, 11.3])),
        ({**MULTI, "op": "modified_huber"}, [-9.0, -9.0], "classifier", (0, [1 / 3, 1 / 3, 1 / 3])),
        ({**MULTI, "one_vs_rest": True, "uniform": True}, [-1e3, -1e3], "classifier", (0, [1 / 3, 1 / 3, 1 / 3])),
        (LINEAR, [1.0, 2.0], "regressor", 0.5),
        ({**LINEAR, "outputs": 1}, [1.0, 2.0], "regressors", [0.5]),
        ({**LINEAR, "coef": "four", "intercept": "two", "outputs": 2}, [1.0, 1.0], "regressors", [5.0, 6.0]),
        ({**LINEAR, "link": "log"}, [1.0, 2.5], "regressor", 1.0),
        ({**LINEAR, "outputs": 1, "link": "log"}, [1.0, 2.5], "regressors", [1.0]),
        ({"op": "constant", "value": 3}, ["text", None], "regressor", 3.0),
        ({"op": "constant", "value": [1.5, 2]}, [NAN, INF], "regressors", [1.5, 2.0]),
        ({"op": "constant_class", "answer": CLASS}, ["text", None], "classifier", (1, [0.25, 0.75])),
        ({"op": "constant_class", "answer": [CLASS]}, [0.0, 0.0], "classifiers", [(1, [0.25, 0.75])]),
    ],
    ids=str,
)
def test_what_each_operation_computes(step: dict[str, Any], row: list[Any], kind: str, answer: Any) -> None:
    assert build(step)[0] == kind
    assert build(step)[1](row) == answer


@pytest.mark.parametrize("x", [-1.0, 0.1, 0.15, 0.3, 7.0])
def test_an_interpolation_without_clip_refuses_what_lies_outside(x: float) -> None:
    kind, inside = build({**POINTS, "y": "falls"}, 1)
    _, strict = build({**POINTS, "y": "falls", "clip": False}, 1)
    assert kind == "regressor"
    assert inside([x]) == pytest.approx(np.interp(x, TENSORS["three"], TENSORS["falls"]))
    if 0.1 <= x <= 0.3:
        assert strict([x]) == inside([x])
    else:
        assert refusal(strict, [x]) == (10, "is outside the range of the training data")


def test_a_step_between_points_too_far_apart_gives_no_number() -> None:
    _, function = build({**POINTS, "x": "three", "y": "huge"}, 1)
    assert refusal(function, [0.25]) == (None, "the model has no finite result for these values")


LINES = [BINARY, MULTI, {**MULTI, "one_vs_rest": True}, {**MULTI, "op": "modified_huber"}, LINEAR]


@pytest.mark.parametrize("step", [*LINES, {**BINARY, "op": "linear_scores"}, {**LINEAR, "link": "log"}], ids=str)
def test_a_missing_value_is_refused_by_its_feature_and_so_is_an_infinite_one(step: dict[str, Any]) -> None:
    _, function = build(step)
    assert refusal(function, [1.0, NAN]) == (11, "is missing, and this model accepts no missing values")
    assert refusal(function, [INF, NAN]) == (11, "is missing, and this model accepts no missing values")
    assert refusal(function, [-INF, 1.0]) == (10, "becomes infinite inside this model")
    assert refusal(function, [INF, -INF]) == (10, "becomes infinite inside this model")


@pytest.mark.parametrize("value", [NAN, INF])
def test_an_interpolation_refuses_what_is_no_number(value: float) -> None:
    _, function = build(POINTS, 1)
    assert refusal(function, [value])[0] == 10


def test_a_sum_beyond_float64_is_no_answer_unless_a_probability_follows_from_it() -> None:
    row = [1.7e308, 0.0]
    nothing = (None, "the model has no finite result for these values")
    assert build(BINARY)[1](row) == (1, [0.0, 1.0])
    assert build({**BINARY, "op": "modified_huber"})[1](row) == (1, [0.0, 1.0])
    assert refusal(build({**BINARY, "op": "linear_scores"})[1], row) == nothing
    assert refusal(build(LINEAR)[1], row) == nothing
    assert refusal(build({**LINEAR, "outputs": 1})[1], row) == nothing
    assert refusal(build({**LINEAR, "link": "log"})[1], row) == nothing
    assert build({**LINEAR, "link": "log"})[1]([-1.7e308, 0.0]) == 0.0
    assert refusal(build(MULTI)[1], row) == nothing
    # Finite scores whose sum is not.
    assert build({**MULTI, "op": "linear_scores"})[1]([3e307, 0.0])[0] == 2


def test_shares_of_nothing_are_no_answer_where_scikit_learn_divides_zero_by_zero() -> None:
    _, function = build({**MULTI, "one_vs_rest": True})
    assert refusal(function, [-1e3, -1e3]) == (None, "the model has no finite result for these values")


class Strategies:
    """A fitted logistic regression of a release before 1.8, as far as the compiler looks."""

    def __init__(self, multi_class: str, solver: str, n_classes: int) -> None:
        self.multi_class = multi_class
        self.solver = solver
        self.classes_ = np.arange(n_classes)
        self.coef_ = np.ones((1 if n_classes == 2 else n_classes, 2))
        self.intercept_ = np.zeros(1)


@pytest.mark.parametrize(
    ("multi_class", "solver", "n_classes", "one_vs_rest", "coef"),
    [
        ("auto", "lbfgs", 2, False, 1.0),
        ("auto", "liblinear", 2, False, 1.0),
        ("deprecated", "lbfgs", 3, False, 1.0),
        ("deprecated", "liblinear", 3, True, 1.0),
        ("ovr", "lbfgs", 2, False, 1.0),
        ("ovr", "lbfgs", 3, True, 1.0),
        ("multinomial", "lbfgs", 3, False, 1.0),
        ("multinomial", "lbfgs", 2, None, 2.0),
    ],
)
def test_the_strategies_of_older_releases(
    multi_class: str, solver: str, n_classes: int, one_vs_rest: bool | None, coef: float
) -> None:
    steps, out = logistic(Strategies(multi_class, solver, n_classes), ColumnTypes(columns=(ColumnType(), ColumnType())))
    assert out is None
    assert steps[0].params.get("one_vs_rest") is one_vs_rest
    assert (steps[0].tensors["coef"] == coef).all()


def test_text_is_not_taken_for_numbers() -> None:
    model = LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])
    feature = {"name": "x", "kind": "category", "nullable": False}
    with pytest.raises(NotPortableError, match="takes columns of text as numbers"):
        compiled(model, [feature])


def test_a_target_of_one_column_gives_a_list_of_one_number() -> None:
    x = np.array([[0.0], [1.0], [2.0]])
    model = LinearRegression().fit(x, x)
    ask = loaded(compile_pipeline(model, [{"name": "x", "kind": "number", "nullable": False}]))
    assert (ask.kind, ask([3.0])) == ("regressors", [pytest.approx(model.predict([[3.0]])[0, 0])])


def test_flags_may_be_absent() -> None:
    """Then it is softmax, one number, no link."""
    x = np.array([[0.0], [1.0], [2.0], [3.0]])
    model = LogisticRegression().fit(x, [0, 1, 2, 2])
    steps = compile_pipeline(model, [{"name": "x", "kind": "number", "nullable": False}]).steps
    assert steps[0].params == {"n_classes": 3, "one_vs_rest": False, "uniform": False}
    assert build(MULTI)[1]([0.1, 0.2]) == build({**MULTI, "one_vs_rest": False})[1]([0.1, 0.2])
    assert build(LINEAR)[1]([0.1, 0.2]) == build({**LINEAR, "outputs": None, "link": "identity"})[1]([0.1, 0.2])


def refusal(function: Any, row: list[float]) -> tuple[int | None, str]:
    """The position and the words of a refusal."""
    with pytest.raises(importlib.import_module("handler.ops").UnprocessableRow) as caught:
        function(row)
    return caught.value.position, caught.value.problem
