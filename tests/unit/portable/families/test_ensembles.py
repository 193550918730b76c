"""Ensembles of models: how they are written, what of them does not compile, and files of them that break the format."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    GradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from mlctl.packaging import proof
from mlctl.portable import compile as compiling
from mlctl.portable.codegen.generator import generate
from mlctl.portable.compile import compile_pipeline, compile_steps
from mlctl.portable.families import ensembles
from mlctl.portable.ir.columns import ColumnType, ColumnTypes, Compiled
from mlctl.portable.ir.program import NotPortableError
from tests.parity import data
from tests.parity.rows import schema_of
from tests.unit.portable.test_compile import examples_of, numbers, package_of


def block(step: Any, columns: Any = (0, 1)) -> dict[str, Any]:
    """A model of one step."""
    return {"columns": list(columns), "steps": [step]}


def number(value: Any) -> dict[str, Any]:
    """A regressor of one answer; of several where ``value`` is a list."""
    return {"op": "constant", "value": value}


def classes(index: int, *probabilities: float) -> dict[str, Any]:
    """A classifier of one answer."""
    return {"op": "constant_class", "answer": {"index": index, "probabilities": list(probabilities)}}


# Scores without probabilities: the first column minus the second.
SCORER = {"op": "linear_scores", "n_classes": 2, "coef": "coef", "intercept": "intercept"}
TENSORS: dict[str, Any] = {
    "coef": np.array([1.0, -1.0]),
    "intercept": np.zeros(1),
    "roots": np.zeros(1, dtype="<u4"),
    "leaf": np.array([-1], dtype="<i2"),
    "edge": np.zeros(1, dtype="<f4"),
}


def built(step: Any) -> tuple[str, Callable[[Any], Any]]:
    """The kind and the function of one step over two columns."""
    ops = importlib.import_module("handler.ops")
    views = {name: memoryview(each) for name, each in TENSORS.items()}
    found, _ = ops.Program(views, False).build([step], [7, 8])
    kind, function = found[0]
    return kind, function


# One tree of one leaf, which holds 1.0.
MEDIAN_OF_TREES = {
    "op": "weighted_median",
    "weights": [1.0],
    "n_trees": 1,
    "n_features": 2,
    "width": 1,
    "feature": "leaf",
    "threshold": "edge",
    "skip": "roots",
    "roots": "roots",
    "values": "coef",
    "missing": None,
}
MEAN = {"op": "mean", "blocks": [block(number(1.0)), block(number(4.0))], "weights": [1, 3.0], "total": 2}
MEAN_CLASSIFIER: dict[str, Any] = {
    "op": "mean_classifier",
    "n_classes": 3,
    "blocks": [block(classes(1, 0.25, 0.75)), block(SCORER)],
    "classes": [[0, 2], [1, 2]],
    "weights": [1.0, 2.0],
    "total": 3.0,
}
VOTES = {
    "op": "ada_boost",
    "n_classes": 3,
    "blocks": [block(classes(1, 0.25, 0.75)), block(SCORER)],
    "classes": [[0, 2], [1, 2]],
    "weights": [1.0, 2.0],
    "total": 3.0,
}
MEDIAN = {
    "op": "weighted_median",
    "blocks": [block(number(5.0)), block(number(1.0)), block(number(3.0))],
    "weights": [1.0, 1.0, 2.0],
}
STACK: dict[str, Any] = {
    "op": "predictions",
    "blocks": [block(classes(1, 0.25, 0.75)), block(classes(1, 0.25, 0.75)), block(SCORER), block(number(3.0))],
    "take": ["probabilities", [10.0, 20.0], "scores", "number"],
    "widths": [2, 1, 1, 1],
}


def test_answers_by_hand() -> None:
    kind, mean = built(MEAN)
    assert (kind, mean([0.0, 0.0])) == ("regressor", 6.5)
    several = {**MEAN, "blocks": [block(number([1.0, 2.0])), block(number([3.0, 4.0]))]}
    kind, mean = built(several)
    assert (kind, mean([0.0, 0.0])) == ("regressors", [5.0, 7.0])
    kind, mean = built(MEAN_CLASSIFIER)
    # The scorer's own second class is the third of all.
    assert (kind, mean([2.0, 1.0])) == ("classifier", (2, [0.25 / 3, 0.0, 2.75 / 3]))
    assert mean([1.0, 2.0]) == (1, [0.25 / 3, 2 / 3, 0.75 / 3])
    _, votes = built(VOTES)
    index, probabilities = votes([1.0, 2.0])
    raw = np.exp(np.array([-0.5 - 1.0, -0.5 + 2.0, 1.0 - 1.0]) / 3 / 2)
    assert index == 1
    assert probabilities == pytest.approx(raw / raw.sum(), rel=1e-12)
    assert built(MEDIAN)[1]([0.0, 0.0]) == 3.0
    assert built({**MEDIAN, "weights": [1.0, 5.0, 2.0]})[1]([0.0, 0.0]) == 1.0
    # Half of the weights is enough.
    assert built({**MEDIAN, "weights": [1.0, 1.0, 0.0]})[1]([0.0, 0.0]) == 1.0
    assert built(MEDIAN_OF_TREES)[1]([0.0, 0.0]) == 1.0
    kind, stack = built(STACK)
    assert (kind, stack([2.0, 0.5])) == ("transformer", [0.25, 0.75, 20.0, 1.5, 3.0])
    second = {**STACK, "take": ["second", *STACK["take"][1:]], "widths": [1, 1, 1, 1]}
    assert built(second)[1]([2.0, 0.5]) == [0.75, 20.0, 1.5, 3.0]


def test_a_model_takes_its_own_columns_through_its_own_steps() -> None:
    swapped = {**MEAN_CLASSIFIER, "blocks": [MEAN_CLASSIFIER["blocks"][0], block(SCORER, (1, 0))]}
    assert built(swapped)[1]([2.0, 1.0])[0] == 1
    steps = {"columns": [0, 1], "steps": [{"op": "present"}, SCORER]}
    whole = {**MEAN_CLASSIFIER, "blocks": [MEAN_CLASSIFIER["blocks"][0], steps]}
    assert built(whole)[1]([2.0, 1.0])[0] == 2
    with pytest.raises(importlib.import_module("handler.ops").UnprocessableRow) as refused:
        built(whole)[1]([2.0, float("nan")])
    assert refused.value.position == 8


BROKEN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "no models": (MEAN, {"blocks": [], "weights": []}),
    "a transformer for a model": (MEAN, {"blocks": [block({"op": "present"})], "weights": [1.0]}),
    "a mean of classes": (MEAN, {"blocks": [block(classes(0, 1.0))], "weights": [1.0]}),
    "a mean of one number and several": (MEAN, {"blocks": [block(number(1.0)), block(number([1.0, 2.0]))]}),
    "a weight too few": (MEAN, {"weights": [1.0]}),
    "a weight of text": (MEAN, {"weights": [1.0, "1"]}),
    "a weight that is not finite": (MEAN, {"weights": [1.0, float("nan")]}),
    "weights of no sum": (MEAN, {"total": 0}),
    "a column too far": (MEAN, {"blocks": [block(number(1.0), [2]), block(number(1.0))]}),
    "a number among classes": (MEAN_CLASSIFIER, {"blocks": [block(number(1.0)), block(SCORER)]}),
    "a class too far": (MEAN_CLASSIFIER, {"classes": [[0, 3], [1, 2]]}),
    "classes of too few": (MEAN_CLASSIFIER, {"classes": [[0, 1]]}),
    "classes of nobody": (MEAN_CLASSIFIER, {"classes": 3}),
    "one class": (MEAN_CLASSIFIER, {"n_classes": 1}),
    "classes beyond number": (MEAN_CLASSIFIER, {"n_classes": 10**6}),
    "votes of no weight": (VOTES, {"total": 0.0}),
    "votes without weights": (VOTES, {"weights": []}),
    "a median of classes": (MEDIAN, {"blocks": [block(classes(0, 1.0))], "weights": [1.0]}),
    "a median of several numbers": (MEDIAN, {"blocks": [block(number([1.0]))], "weights": [1.0]}),
    "a median of more trees than there are": (MEDIAN_OF_TREES, {"n_trees": 2, "weights": [1.0, 1.0]}),
    "a median of trees without end": (MEDIAN_OF_TREES, {"n_trees": 10**9}),
    "a stack that takes too little": (STACK, {"take": ["probabilities"]}),
    "a stack of other widths": (STACK, {"widths": [2, 1, 1]}),
    "a stack of no width": (STACK, {"widths": [2, 1, 1, 0]}),
    "a stack of probabilities that are not known": (STACK, {"take": ["probabilities", [1.0, 2.0], "second", "number"]}),
    "a stack of a class of a number": (STACK, {"take": ["probabilities", [1.0, 2.0], "scores", [1.0]]}),
    "a stack of anything": (STACK, {"take": ["probabilities", [1.0, 2.0], "scores", {}]}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_step_that_breaks_the_format_is_refused(name: str) -> None:
    step, change = BROKEN[name]
    built(step)
    with pytest.raises(importlib.import_module("handler.ops").InvalidModel):
        built({**step, **change})


def test_a_model_that_gives_another_number_of_columns_is_refused_when_it_does() -> None:
    _, stack = built({**STACK, "widths": [1, 1, 1, 1]})
    with pytest.raises(importlib.import_module("handler.ops").InvalidModel, match="another number of columns"):
        stack([0.0, 0.0])


X, Y = data.three()
NUMBERS, TARGET = data.numbers()
TREE = DecisionTreeClassifier(max_depth=2)
LINES = LogisticRegression(max_iter=20)
UNSUPPORTED: dict[str, tuple[Any, str]] = {
    "hard votes": (VotingClassifier([("tree", TREE)]), "'soft' is supported"),
    "weights that cancel out": (
        VotingClassifier([("a", TREE), ("b", TREE)], voting="soft", weights=[1, 1]),
        "add up to 0",
    ),
    "a model that does not compile": (
        BaggingClassifier(KNeighborsClassifier(), 2),
        "KNeighborsClassifier .*step 'estimators_",
    ),
    "scores of probabilities": (
        StackingClassifier([("line", LINES)], stack_method="decision_function", cv=2),
        "stacks scores of LogisticRegression",
    ),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_does_not_compile_says_why(name: str) -> None:
    part, reason = UNSUPPORTED[name]
    fitted = part.fit(X, Y)
    if name == "weights that cancel out":
        fitted.weights = [1, -1]
    with pytest.raises(NotPortableError, match=reason):
        compile_steps(fitted, schema_of(X))


def test_a_stack_of_classes_that_are_text_does_not_compile() -> None:
    names = np.array(["a", "b", "c"])[Y]
    last = make_pipeline(OneHotEncoder(), TREE)
    prefit = StackingClassifier([("tree", TREE.fit(X, names))], last, stack_method="predict", cv="prefit")
    prefit.fit(X, Y)
    with pytest.raises(NotPortableError, match="classes that are not numbers"):
        compile_steps(prefit, schema_of(X))


def test_a_stack_of_several_outputs_does_not_compile() -> None:
    several = DecisionTreeRegressor().fit(NUMBERS, np.column_stack([TARGET, TARGET]))
    stack = StackingRegressor([("tree", several)], LinearRegression(), cv="prefit").fit(NUMBERS, TARGET)
    with pytest.raises(NotPortableError, match="several outputs"):
        compile_steps(stack, schema_of(NUMBERS))


def test_more_models_than_the_handler_takes_do_not_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    part = BaggingRegressor(LinearRegression(), 3).fit(NUMBERS, TARGET)
    compile_steps(part, schema_of(NUMBERS))
    monkeypatch.setattr(ensembles, "MAX_STEPS", 2)
    with pytest.raises(NotPortableError, match="more than 2 steps"):
        compile_steps(part, schema_of(NUMBERS))


@pytest.mark.parametrize(
    ("part", "op"),
    [
        (BaggingRegressor(n_estimators=2), "forest_regressor"),
        (AdaBoostRegressor(n_estimators=2), "weighted_median"),
        (BaggingRegressor(DecisionTreeRegressor(), 2), "forest_regressor"),
    ],
)
def test_an_ensemble_of_trees_is_one_step_without_blocks(part: Any, op: str) -> None:
    (step,), _ = compile_steps(part.fit(NUMBERS, TARGET), schema_of(NUMBERS))
    assert step.op == op
    assert not step.blocks
    assert step.parity == "exact"


def test_columns_that_no_tree_of_a_bag_takes_are_not_looked_at() -> None:
    """scikit-learn hands each tree its own columns: others may be missing, or beyond float32."""
    part = BaggingClassifier(n_estimators=1, max_features=2, random_state=0).fit(X, Y)
    (columns, step), _ = compile_steps(part, schema_of(X))
    assert columns.blocks[0].columns == tuple(sorted(part.estimators_features_[0]))
    assert step.params["n_features"] == 2


def test_text_in_a_column_of_a_bag_of_trees_does_not_compile() -> None:
    part = BaggingClassifier(n_estimators=1).fit(X, Y)
    features = schema_of(X)
    features[1]["kind"] = "category"
    with pytest.raises(NotPortableError, match="columns of text as numbers"):
        compile_steps(part, features)


def test_boosting_of_one_class_does_not_compile() -> None:
    part = AdaBoostClassifier(n_estimators=1).fit(X, np.zeros(len(X)))
    with pytest.raises(NotPortableError, match="a single class"):
        compile_steps(part, schema_of(X))


def test_a_perceptron_in_a_bag_votes() -> None:
    part = BaggingClassifier(Perceptron(), 2, random_state=0).fit(X, Y)
    (step,), _ = compile_steps(part, schema_of(X))
    assert step.op == "mean_classifier"
    assert step.params["classes"] == [[0, 1, 2]] * 2


def test_a_mean_of_regressors_holds_their_weights() -> None:
    models = [("line", LinearRegression()), ("tree", DecisionTreeRegressor())]
    part = VotingRegressor(models, weights=[1, 3]).fit(NUMBERS, TARGET)
    (step,), _ = compile_steps(part, schema_of(NUMBERS))
    assert (step.op, step.params, step.parity) == ("mean", {"weights": [1.0, 3.0], "total": 4.0}, "close")


def test_a_bag_hands_its_models_columns_of_one_array() -> None:
    """Its columns of float32 and float64 become one array of float64, of which each model takes a part."""
    part = BaggingRegressor(LinearRegression(), 4, max_features=1).fit(NUMBERS[:, :2], TARGET)
    seen = []

    def inner(name: str, part: Any, table: ColumnTypes, *, last: bool = False) -> Compiled:
        seen.append((name, table.dtype, len(table.columns), last))
        return (), None

    table = ColumnTypes(columns=(ColumnType(dtype="float32"), ColumnType()))
    ensembles.ENTRIES[BaggingRegressor].compile(part, table, inner)
    assert seen == [(f"estimators_[{number}]", "float64", 1, True) for number in range(4)]


def test_a_stack_over_a_sparse_matrix_is_sparse_where_it_passes_through() -> None:
    part = StackingRegressor([("line", LinearRegression())], LinearRegression(), passthrough=True)
    part.fit(NUMBERS, TARGET)
    seen = []

    def inner(name: str, part: Any, table: ColumnTypes, *, last: bool = False) -> Compiled:
        seen.append((name, table.sparse, len(table.columns), last))
        return (), None

    table = ColumnTypes(columns=(ColumnType(),) * NUMBERS.shape[1], sparse=True)
    ensembles.ENTRIES[StackingRegressor].compile(part, table, inner)
    part.passthrough = False
    ensembles.ENTRIES[StackingRegressor].compile(part, table, inner)
    model = ("estimators_[0]", True, 10, True)
    assert seen == [model, ("final_estimator_", True, 11, True), model, ("final_estimator_", False, 1, True)]


PACKAGED: dict[str, tuple[Any, Any]] = {
    "boosting": (GradientBoostingClassifier(n_estimators=5), data.three()),
    "votes": (AdaBoostClassifier(n_estimators=5), data.three()),
    "median": (AdaBoostRegressor(n_estimators=5), data.numbers()),
    "bag": (BaggingClassifier(n_estimators=3, max_features=2), data.three()),
    "stack": (StackingClassifier([("tree", TREE), ("line", LINES)], TREE, cv=2), data.three()),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", PACKAGED)
def test_a_package_with_and_without_generated_code_agrees(name: str) -> None:
    model, (x, y) = PACKAGED[name]
    pipeline = make_pipeline(StandardScaler(), model).fit(x, y)
    compiled = compile_pipeline(pipeline, numbers(x.shape[1]))
    source = generate(compiled)
    assert source is not None
    labels = pipeline.classes_.tolist() if hasattr(pipeline, "classes_") else None
    for generated in (source, None):
        package = package_of(compiled, numbers(x.shape[1]), labels, generated=generated)
        assert proof.first_difference(package, examples_of(pipeline, x), labels or [], compiled.parity) is None


def test_a_transformer_in_the_place_of_a_model_does_not_compile() -> None:
    part = VotingRegressor([("line", LinearRegression())]).fit(NUMBERS, TARGET)
    part.estimators_[0] = StandardScaler().fit(NUMBERS)
    with pytest.raises(NotPortableError, match="StandardScaler, which is not a model"):
        compile_steps(part, schema_of(NUMBERS))


@pytest.mark.parametrize(
    "part",
    [
        VotingClassifier([("tree", DecisionTreeClassifier())], voting="soft"),
        BaggingClassifier(RandomForestClassifier(2), n_estimators=2),
    ],
)
def test_ensembles_of_a_single_class_do_not_compile(part: Any) -> None:
    x, _ = data.three()
    with pytest.raises(NotPortableError, match="fitted on a single class"):
        compile_steps(part.fit(x, np.zeros(len(x))), schema_of(x))


def test_a_vote_of_probabilities_takes_classifiers_that_know_them() -> None:
    part = VotingClassifier([("line", Perceptron())], voting="soft").fit(*data.three())
    with pytest.raises(NotPortableError, match="classifiers without probabilities"):
        compile_steps(part, schema_of(data.three()[0]))


def test_the_work_of_all_models_together_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = data.three()
    forests = [(name, RandomForestClassifier(5, max_depth=2)) for name in "ab"]
    pipeline = make_pipeline(VotingClassifier(forests, voting="soft")).fit(x, y)
    # Two forests, five trees, three classes.
    monkeypatch.setattr(compiling, "MAX_WORK", 30)
    compile_pipeline(pipeline, schema_of(x))
    monkeypatch.setattr(compiling, "MAX_WORK", 29)
    with pytest.raises(NotPortableError, match="adds up more than 29 numbers for each row"):
        compile_pipeline(pipeline, schema_of(x))
    votes = make_pipeline(AdaBoostClassifier(Perceptron(), n_estimators=2).fit(x, y))
    monkeypatch.setattr(compiling, "MAX_WORK", 2)
    with pytest.raises(NotPortableError, match="adds up more than 2 numbers"):
        compile_pipeline(votes, schema_of(x))
