"""What compares a number with those of the training rows does not compile behind a step that is close."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, StackingRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import Ridge
from sklearn.multioutput import RegressorChain
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeRegressor

from mlctl.portable.compile import compile_pipeline, compile_steps
from mlctl.portable.ir.program import NotPortableError
from tests.parity import data
from tests.parity.rows import schema_of

X, _ = data.counts()
Y = X.sum(axis=1)
BINS = KBinsDiscretizer(3, strategy="uniform")
JUMPS = {
    "one-hot": OneHotEncoder(handle_unknown="ignore"),
    "ordinal": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "target": TargetEncoder(cv=2, target_type="continuous"),
    "bins": BINS,
    "quantiles": QuantileTransformer(n_quantiles=10),
    "threshold": Binarizer(threshold=1.0),
}
LINE = Ridge()
CODED = HistGradientBoostingRegressor(max_iter=2, categorical_features=[0])


def compiles(*parts: Any) -> bool:
    fitted = make_pipeline(*(clone(part) for part in parts)).fit(X, Y > 6 if is_classifier(parts[-1]) else Y)
    try:
        compile_pipeline(fitted, schema_of(X))
    except NotPortableError as error:
        if "a previous step" in str(error):
            return False
        raise
    return True


@pytest.mark.parametrize("name", JUMPS)
def test_it_compiles_behind_exact_steps_alone(name: str) -> None:
    assert compiles(JUMPS[name], LINE)
    assert compiles(StandardScaler(), MinMaxScaler(), JUMPS[name], LINE)
    assert not compiles(FunctionTransformer(np.log1p), JUMPS[name], LINE)
    assert not compiles(PowerTransformer(), StandardScaler(), JUMPS[name], LINE)


@pytest.mark.parametrize("found", [HistGradientBoostingRegressor, HistGradientBoostingClassifier])
def test_histograms_have_thresholds_at_the_numbers_of_training_rows(found: Any) -> None:
    model = found(max_iter=2)
    assert compiles(StandardScaler(), model)
    assert not compiles(StandardScaler(), PCA(2), model)


def test_a_refusal_at_the_outermost_training_row_is_a_jump() -> None:
    assert compiles(SplineTransformer(extrapolation="error"), LINE)
    assert compiles(PCA(2), SplineTransformer(), LINE)
    assert not compiles(PCA(2), SplineTransformer(extrapolation="error"), LINE)
    assert not compiles(PCA(2), SplineTransformer(degree=0), LINE)
    first = ColumnTransformer([("first", "passthrough", [0])])
    assert compiles(first, IsotonicRegression())
    assert compiles(PCA(1), IsotonicRegression(out_of_bounds="clip"))
    assert not compiles(PCA(1), IsotonicRegression())


def test_rounding_is_a_jump() -> None:
    assert compiles(StandardScaler(), FunctionTransformer(np.floor), LINE)
    assert not compiles(FunctionTransformer(np.log1p), FunctionTransformer(np.floor), LINE)


def test_numbers_of_a_chain_are_close_where_their_models_are() -> None:
    outputs = np.column_stack([Y, Y])
    compile_steps(RegressorChain(make_pipeline(BINS, DecisionTreeRegressor())).fit(X, outputs), schema_of(X))
    with pytest.raises(NotPortableError, match="a previous step"):
        compile_steps(RegressorChain(make_pipeline(BINS, Ridge())).fit(X, outputs), schema_of(X))


def test_categories_that_a_model_codes_itself_are_such_numbers_too() -> None:
    assert compiles(StandardScaler(), CODED)
    assert not compiles(PCA(2), CODED)


def test_columns_beside_a_close_step_are_exact() -> None:
    def sides(*below: Any) -> ColumnTransformer:
        return ColumnTransformer(
            [("left", make_pipeline(PowerTransformer(), *below), [0]), ("right", "passthrough", [1])]
        )

    bins = ColumnTransformer([("bins", BINS, [1])], remainder="passthrough")
    assert compiles(sides(), bins, LINE)
    assert not compiles(sides(BINS), LINE)
    assert not compiles(sides(), BINS, LINE)
    assert not compiles(FeatureUnion([("all", "passthrough"), ("power", PowerTransformer())]), BINS, LINE)


def test_a_stack_of_close_models_is_close() -> None:
    last = make_pipeline(BINS, Ridge())
    assert compiles(StackingRegressor([("tree", DecisionTreeRegressor(max_depth=3))], last, cv=2))
    assert not compiles(StackingRegressor([("line", Ridge())], last, cv=2))
