"""Which composed, encoding, imputing, selecting and computing parts do not compile, and which steps are refused."""

import functools
import importlib
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.feature_selection import RFE, SelectKBest, VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from mlctl.portable.compile import compile_pipeline, compile_steps
from mlctl.portable.ir.program import NotPortableError

TREE = DecisionTreeClassifier(random_state=0)
NUMBER = DecisionTreeRegressor(random_state=0)
ROWS = np.random.default_rng(0).integers(0, 4, size=(40, 3)).astype(float)
CLASSES = (ROWS.sum(axis=1) > 4).astype(int)
WORDS = pd.DataFrame({"x0": pd.Series(["a", "b"] * 20, dtype=object), "x1": ROWS[:, 1]})


def features(kinds: str = "nnn", *, missing: bool = False) -> list[dict[str, Any]]:
    """A schema's entries: ``n`` for a number, ``c`` for a category."""
    names = {"n": "number", "c": "category"}
    return [{"name": f"x{at}", "kind": names[kind], "nullable": missing} for at, kind in enumerate(kinds)]


def ones(column: Any) -> Any:
    return np.ones_like(column)


def scaled(*parts: Any, **settings: Any) -> Pipeline:
    """A function of one-hot integers."""
    return make_pipeline(OneHotEncoder(handle_unknown="ignore", **settings), *parts)


def target(transformer: Any = None, **settings: Any) -> TransformedTargetRegressor:
    return TransformedTargetRegressor(NUMBER, transformer=transformer, check_inverse=False, **settings)


REFUSED: dict[str, tuple[Any, str]] = {
    "a lambda": (FunctionTransformer(lambda x: x), "FunctionTransformer calls a lambda function; NumPy's functions of"),
    "an own function": (
        FunctionTransformer(ones),
        r"calls tests.unit.portable.families.test_composition.ones; NumPy's",
    ),
    "a partial": (FunctionTransformer(functools.partial(np.round, decimals=1)), "calls functools.partial; NumPy's"),
    "a function of two": (FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": 1}), "calls numpy.clip; NumPy's"),
    "a function of integers": (FunctionTransformer(np.signbit), "calls numpy.signbit; NumPy's"),
    "a function made one of NumPy's": (FunctionTransformer(np.frompyfunc(abs, 1, 1)), "calls the function "),
    "arguments": (FunctionTransformer(np.exp, kw_args={"where": True}), "calls numpy.exp with arguments"),
    "a sparse matrix": (scaled(FunctionTransformer(np.sqrt)), "calls numpy.sqrt with a sparse matrix"),
    "integers": (
        scaled(FunctionTransformer(np.sqrt), sparse_output=False, dtype=np.int8),
        r"FunctionTransformer \(step 'functiontransformer'\) calls numpy.sqrt with numbers other than float64",
    ),
    "integers kept": (
        scaled(
            SimpleImputer(strategy="most_frequent"),
            VarianceThreshold(),
            FeatureUnion([("all", "passthrough")]),
            FunctionTransformer(validate=True),
            FunctionTransformer(np.exp),
            sparse_output=False,
            dtype=np.int8,
        ),
        "calls numpy.exp with numbers other than float64",
    ),
    "integers in frames": (
        make_pipeline(
            ColumnTransformer(
                [("a", OneHotEncoder(sparse_output=False, dtype=np.int8), [0]), ("b", "passthrough", [1, 2])]
            ).set_output(transform="pandas"),
            FunctionTransformer(np.exp),
        ),
        "calls numpy.exp with numbers other than float64",
    ),
    "float32": (scaled(StandardScaler(with_mean=False), dtype=np.float32), "takes numbers of float32; float64 and"),
    "float16 joined": (
        make_pipeline(
            FeatureUnion(
                [("a", OrdinalEncoder(dtype=np.float16)), ("b", OneHotEncoder(sparse_output=False, dtype=np.int8))]
            ),
            StandardScaler(),
        ),
        r"StandardScaler \(step 'standardscaler'\) takes numbers of float16",
    ),
    "a type of no numbers": (OneHotEncoder(dtype=object), "OneHotEncoder outputs object; floating point up to"),
    "a code that does not fit": (
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.uint8),
        "OrdinalEncoder has a code that does not fit in uint8",
    ),
    "a weight of one-hot integers": (
        FeatureUnion([("a", OneHotEncoder(dtype=np.int8))], transformer_weights={"a": 2}),
        "FeatureUnion has a weight for numbers of int8",
    ),
    "a weight that is none": (
        FeatureUnion([("a", StandardScaler())], transformer_weights={"a": np.ones(3)}),
        r"has array\(\[1., 1., 1.\]\) as a weight; a finite number",
    ),
    "an endless weight": (
        FeatureUnion([("a", StandardScaler())], transformer_weights={"a": np.inf}),
        "has inf as a weight; a finite number",
    ),
    "a search without refit": (
        GridSearchCV(TREE, {"max_depth": [2]}, refit=False, cv=2),
        "GridSearchCV has refit=False, so it contains no model",
    ),
    "a search of what does not compile": (
        GridSearchCV(make_pipeline(FunctionTransformer(ones), TREE), {}, cv=2),
        r"FunctionTransformer \(step 'best_estimator_ > functiontransformer'\) calls",
    ),
    "scores of probabilities": (
        FixedThresholdClassifier(LogisticRegression(), response_method="decision_function"),
        "decides by the scores of a model that has probabilities",
    ),
    "an endless threshold": (FixedThresholdClassifier(TREE, threshold=np.inf), "has inf as its threshold"),
    "pandas.NA": (
        MissingIndicator(missing_values=pd.NA, features="all"),
        "uses <NA> for missing values; NaN, text and",
    ),
    "filled with a gap": (
        SimpleImputer(missing_values=-1, strategy="constant", fill_value=np.nan, keep_empty_features=True),
        "replaces missing values with a missing value",
    ),
    "a function of the target": (target(func=ones, inverse_func=ones), r"calls .*ones; NumPy's functions of"),
    "arguments of the target": (
        target(FunctionTransformer(np.log1p, inverse_func=np.expm1, inv_kw_args={"where": True})),
        "TransformedTargetRegressor calls numpy.expm1 with arguments",
    ),
    "a chain of classifiers": (RegressorChain(TREE), "RegressorChain contains something other than regressors"),
    "outputs of classifiers": (MultiOutputRegressor(TREE), "contains something other than regressors"),
    "outputs of scores": (MultiOutputClassifier(RidgeClassifier()), "contains classifiers without probabilities"),
}
MANY = ("a chain of classifiers", "outputs of classifiers", "outputs of scores")


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_compile_is_named_with_its_reason(case: str) -> None:
    part, message = REFUSED[case]
    y: Any = np.column_stack([CLASSES, 1 - CLASSES]) if case in MANY else CLASSES
    fitted = part.fit(np.abs(ROWS), y)
    with pytest.raises(NotPortableError, match=message):
        compile_steps(fitted, features())


class Halved(StandardScaler):  # type: ignore[misc]  # scikit-learn has no types
    """A transformer that is not scikit-learn's."""


def test_an_unknown_transformer_of_the_target_is_named() -> None:
    part = target(Halved()).fit(ROWS, CLASSES)
    with pytest.raises(NotPortableError, match="transforms the target with Halved, which is not supported"):
        compile_steps(part, features())


def test_a_target_in_a_table_of_one_column_is_refused() -> None:
    part = target(StandardScaler()).fit(ROWS, CLASSES.reshape(-1, 1))
    with pytest.raises(
        NotPortableError, match="was fitted on a target table of one column; a one-dimensional target is supported"
    ):
        compile_steps(part, features())


@pytest.mark.parametrize(
    "part",
    [
        target(),
        MultiOutputRegressor(NUMBER),
        RegressorChain(NUMBER),
        FixedThresholdClassifier(TREE),
    ],
    ids=lambda part: type(part).__name__,
)
def test_what_holds_a_model_needs_one(part: Any) -> None:
    y: Any = np.column_stack([CLASSES, CLASSES]) if isinstance(part, MultiOutputRegressor | RegressorChain) else CLASSES
    part.fit(ROWS, y)
    scaler = StandardScaler().fit(ROWS)
    # As no fit would leave them.
    if hasattr(part, "estimators_"):
        part.estimators_ = [scaler]
        with pytest.raises(NotPortableError, match="contains something other than regressors"):
            compile_steps(part, features())
        return
    setattr(part, "regressor_" if hasattr(part, "regressor_") else "estimator_", scaler)
    with pytest.raises(NotPortableError, match="has no model inside"):
        compile_steps(part, features())


@pytest.mark.parametrize("selector", [SelectKBest(k=1), RFE(LogisticRegression()), VarianceThreshold()])
def test_a_selector_that_puts_out_frames_is_refused_where_it_may_not_check(selector: Any) -> None:
    part = selector.set_output(transform="pandas").fit(pd.DataFrame(ROWS, columns=["x0", "x1", "x2"]), CLASSES)
    same = make_pipeline(part, FunctionTransformer())
    compile_steps(same, features())
    if isinstance(selector, VarianceThreshold):
        compile_steps(same, features(missing=True))
    else:
        with pytest.raises(NotPortableError, match="outputs data frames, and may refuse missing"):
            compile_steps(same, features(missing=True))


@pytest.mark.parametrize("part", [SelectKBest(k=1), FunctionTransformer(np.sqrt), FunctionTransformer(validate=True)])
def test_text_is_not_taken_for_numbers(part: Any) -> None:
    numbers = WORDS.assign(x0=ROWS[:, 0])
    part.fit(numbers, CLASSES)
    with pytest.raises(NotPortableError, match="takes columns of text as numbers"):
        compile_steps(part, features("cn"))


def test_numbers_among_text_in_an_array_are_objects() -> None:
    part = ColumnTransformer([("a", FunctionTransformer(np.square), [1])]).fit(WORDS.to_numpy())
    with pytest.raises(NotPortableError, match="with numbers other than float64"):
        compile_steps(part, features("cn"))
    compile_steps(part.fit(WORDS), features("cn"))


def test_a_part_that_selects_and_predicts_is_a_model_only_where_it_stands_last() -> None:
    """Whether at the end of a pipeline, of one inside, of a search or frozen; before anything it selects."""
    rfe = RFE(TREE, n_features_to_select=1)
    for last in (
        rfe,
        make_pipeline(StandardScaler(), rfe),
        make_pipeline(StandardScaler(), make_pipeline(rfe)),
        make_pipeline(StandardScaler(), GridSearchCV(rfe, {"step": [1]}, cv=2)),
        make_pipeline(StandardScaler(), FrozenEstimator(make_pipeline(rfe).fit(ROWS, CLASSES))),
    ):
        steps, out = compile_steps(last.fit(ROWS, CLASSES), features())
        assert (steps[-1].op, out) == ("forest", None)
    for behind in (
        make_pipeline(rfe, "passthrough"),
        make_pipeline(make_pipeline(rfe), FunctionTransformer()),
        make_pipeline(GridSearchCV(rfe, {"step": [1]}, cv=2), FunctionTransformer()),
        make_pipeline(FrozenEstimator(rfe.fit(ROWS, CLASSES)), FunctionTransformer()),
        ColumnTransformer([("a", rfe, [0, 1, 2])]),
        FeatureUnion([("a", rfe)]),
    ):
        steps, out = compile_steps(behind.fit(ROWS, CLASSES), features())
        assert [step.op for step in steps] == ["columns"]
        assert out is not None
        assert len(out.columns) == 1


def test_a_model_among_transformers_is_refused() -> None:
    union = FeatureUnion([("a", StandardScaler())]).fit(ROWS)
    union.transformer_list = [("a", TREE.fit(ROWS, CLASSES))]
    with pytest.raises(NotPortableError, match="has a model, 'a', among its transformers"):
        compile_steps(union, features())


def test_a_pipeline_without_a_model_is_no_model() -> None:
    with pytest.raises(NotPortableError, match="the pipeline has no model at its end"):
        compile_pipeline(make_pipeline(StandardScaler()).fit(ROWS), features())


def test_a_selector_of_all_columns_is_no_step() -> None:
    steps, _ = compile_steps(VarianceThreshold().fit(ROWS), features())
    assert steps == ()


def test_nothing_is_checked_where_nothing_can_become_infinite() -> None:
    parts = [FunctionTransformer(np.tanh), StandardScaler(), TREE]
    steps, _ = compile_steps(make_pipeline(*parts).fit(ROWS, CLASSES), features())
    assert [step.op for step in steps] == ["ufunc", "standardize", "forest"]
    parts[0] = FunctionTransformer(np.exp)
    steps, _ = compile_steps(make_pipeline(*parts).fit(ROWS, CLASSES), features())
    assert [step.op for step in steps] == ["ufunc", "finite", "standardize", "forest"]


# --- Steps that a reader refuses.

REGRESSOR = {"op": "linear", "coef": "two", "intercept": "one"}
NUMBERS = {
    "one": [0.5],
    "two": [0.5, 0.25],
    "down": [1.0, 0.0],
    "nan": [0.5, float("nan")],
    "four": [1.0, 2.0, 3.0, 4.0],
}
INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "unknown function": ({"op": "ufunc", "function": "eval"}, "unknown function 'eval'"),
    "no function": ({"op": "ufunc", "function": ["exp"]}, "unknown function"),
    "indicated": ({"op": "indicate", "columns": [2], "refused": []}, "outside its columns"),
    "refused": ({"op": "indicate", "columns": [], "refused": [-1]}, "outside its columns"),
    "marker": ({"op": "indicate", "columns": [], "refused": [], "missing": [1]}, "neither text nor a finite number"),
    "imputed marker": (
        {"op": "impute", "keep": [], "fill": [], "indicators": [], "missing": float("inf")},
        "neither text nor a finite number",
    ),
    "power method": ({"op": "invert_power", "method": "cube", "lambdas": "two"}, "a power needs a known method"),
    "power exponent": ({"op": "invert_power", "method": "box-cox", "lambdas": "nan"}, "finite exponents"),
    "power width": ({"op": "invert_power", "method": "box-cox", "lambdas": "one"}, "tensor 'one' is missing"),
    "quantile width": ({"op": "invert_quantile", "normal": True, "references": "two", "quantiles": "two"}, "tensor"),
    "quantile kind": (
        {"op": "invert_quantile", "normal": 1, "references": "two", "quantiles": "four"},
        "quantiles are finite numbers, and normal",
    ),
    "quantile numbers": (
        {"op": "invert_quantile", "normal": True, "references": "nan", "quantiles": "four"},
        "quantiles are finite numbers",
    ),
    "references": (
        {"op": "invert_quantile", "normal": True, "references": "two", "quantiles": "four"},
        "references increase from one to the next",
    ),
    "no quantiles": (
        {"op": "invert_quantile", "normal": True, "references": "none", "quantiles": "none"},
        "references increase from one to the next",
    ),
}


def held(columns: Any, steps: Any) -> dict[str, Any]:
    return {"columns": columns, "steps": steps}


ALL = [0, 1]
SAME = held([0], [])
BLOCKS: dict[str, tuple[dict[str, Any], str]] = {
    "target of some columns": ({"op": "target", "blocks": [held([0], [REGRESSOR]), SAME]}, "takes all columns"),
    "target of no output": ({"op": "target", "blocks": [held(ALL, [REGRESSOR]), held([], [])]}, "takes all columns"),
    "target out of order": ({"op": "target", "blocks": [held(ALL, [REGRESSOR]), held([1], [])]}, "takes all columns"),
    "target of more outputs": (
        {"op": "target", "blocks": [held(ALL, [REGRESSOR]), held(ALL, [])]},
        "a regressor with as many outputs",
    ),
    "target without a model": ({"op": "target", "blocks": [held(ALL, []), SAME]}, "followed by one predictor"),
    "target with a model behind": (
        {"op": "target", "blocks": [held(ALL, [REGRESSOR]), held([0], [{**REGRESSOR, "coef": "one"}])]},
        "a predictor is among the transformers",
    ),
    "target that widens": (
        {"op": "target", "blocks": [held(ALL, [REGRESSOR]), held([0], [{"op": "columns", "blocks": [SAME, SAME]}])]},
        "gives as many numbers as it takes",
    ),
    "threshold of some columns": (
        {"op": "threshold", "threshold": 0.5, "positive": 1, "blocks": [held([1], [REGRESSOR])]},
        "a threshold's model takes all columns",
    ),
    "threshold of a number": (
        {"op": "threshold", "threshold": 0.5, "positive": 1, "blocks": [held(ALL, [REGRESSOR])]},
        "a threshold needs a classifier",
    ),
    "outputs of none": ({"op": "outputs", "blocks": []}, "all of one kind"),
    "outputs of some columns": ({"op": "outputs", "blocks": [held([0], [REGRESSOR])]}, "takes all columns"),
    "outputs of outputs": (
        {"op": "outputs", "blocks": [held(ALL, [{"op": "outputs", "blocks": [held(ALL, [REGRESSOR])]}])]},
        "all of one kind",
    ),
    "chain out of order": ({"op": "chain", "order": [1], "blocks": [held(ALL, [REGRESSOR])]}, "for each output"),
    "chain of none": ({"op": "chain", "order": [], "blocks": []}, "for each output"),
    "chain of outputs": (
        {"op": "chain", "order": [0], "blocks": [held(ALL, [{"op": "outputs", "blocks": [held(ALL, [REGRESSOR])]}])]},
        "made of regressors",
    ),
    "chain without what came before": (
        {"op": "chain", "order": [0, 1], "blocks": [held(ALL, [REGRESSOR]), held(ALL, [REGRESSOR])]},
        "takes all columns",
    ),
}


@pytest.fixture
def build() -> Callable[[dict[str, Any]], Any]:
    """Builds one step that takes two columns."""
    ops = importlib.import_module("handler.ops")
    tensors = {name: memoryview(array("d", values)) for name, values in [*NUMBERS.items(), ("none", [])]}
    return lambda step: ops.Program(tensors, False).build([step], [0, 1])


@pytest.mark.parametrize("case", INVALID | BLOCKS)
def test_a_step_that_breaks_the_format_is_refused(case: str, build: Callable[[dict[str, Any]], Any]) -> None:
    step, message = (INVALID | BLOCKS)[case]
    with pytest.raises(importlib.import_module("handler.ops").InvalidModel, match=message):
        build(step)


def as_view(tensor: Any) -> "memoryview[Any]":
    """A tensor as the reader of a model file gives it."""
    return memoryview(tensor.reshape(-1))


@pytest.mark.parametrize("bad", [{"threshold": "high"}, {"positive": 2}, {"positive": True}, {"threshold": None}])
def test_a_threshold_is_a_number_of_two_classes(bad: dict[str, Any]) -> None:
    model = compile_steps(FixedThresholdClassifier(TREE).fit(ROWS, CLASSES), features())[0][0]
    ops = importlib.import_module("handler.ops")
    tensors = {f"0.0.{name}": as_view(tensor) for name, tensor in model.blocks[0].steps[0].tensors.items()}
    inner = {"op": "forest", **model.blocks[0].steps[0].params, **{name[4:]: name for name in tensors}}
    step = {"op": "threshold", **model.params, "blocks": [held([0, 1, 2], [inner])]}
    ops.Program(tensors, False).build([step], [0, 1, 2])
    with pytest.raises(ops.InvalidModel):
        ops.Program(tensors, False).build([{**step, **bad}], [0, 1, 2])


def test_a_gap_where_training_had_none_is_refused_by_position() -> None:
    ops = importlib.import_module("handler.ops")
    step = {"op": "indicate", "columns": [1], "refused": [0]}
    ((_, function),), origins = ops.Program({}, False).build([step], [4, 5])
    assert (function([1.0, float("nan")]), origins) == ([1.0], [5])
    with pytest.raises(ops.UnprocessableRow, match="is missing, but was never missing in training") as refusal:
        function([float("nan"), 1.0])
    assert refusal.value.position == 4


def test_what_becomes_infinite_is_refused_by_position() -> None:
    ops = importlib.import_module("handler.ops")
    ((_, function),), _ = ops.Program({}, False).build([{"op": "finite"}], [4, 5])
    row = [1.0, float("nan")]
    assert function(row) is row
    with pytest.raises(ops.UnprocessableRow, match="becomes infinite inside this model") as refusal:
        function([1.0, float("-inf")])
    assert refusal.value.position == 5
