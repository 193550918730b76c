"""What compares a number with those of the training rows does not compile behind a step that is close."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor, StackingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeRegressor

from mlctl.portable.compile import compile_pipeline
from mlctl.portable.program import NotPortableError
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
}
LINE = Ridge()
CODED = HistGradientBoostingRegressor(max_iter=2, categorical_features=[0])


def compiles(*parts: Any) -> bool:
    fitted = make_pipeline(*(clone(part) for part in parts)).fit(X, Y)
    try:
        compile_pipeline(fitted, schema_of(X))
    except NotPortableError as error:
        if "takes numbers that a step before it computes, whose last bits may differ" in str(error):
            return False
        raise
    return True


@pytest.mark.parametrize("name", JUMPS)
def test_it_compiles_behind_exact_steps_alone(name: str) -> None:
    assert compiles(JUMPS[name], LINE)
    assert compiles(StandardScaler(), MinMaxScaler(), JUMPS[name], LINE)
    assert not compiles(FunctionTransformer(np.log1p), JUMPS[name], LINE)
    assert not compiles(PowerTransformer(), StandardScaler(), JUMPS[name], LINE)


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
