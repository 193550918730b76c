"""Composed, encoded, imputed and selected tables agree with scikit-learn on any row."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier

from mlctl.portable.families.functions import _CLOSE, _EXACT
from tests.parity.harness import compare

# Each run uses the same examples. `pytest --hypothesis-profile=thorough` draws many new ones.
COMMON = settings()

NAN = float("nan")
CITIES = st.sampled_from(["Lima", "Quito", "La Paz", "Cusco", ""])
WORD = CITIES | st.text(max_size=3) | st.just(NAN)
NUMBER = st.floats(-1e6, 1e6) | st.integers(-3, 3).map(float) | st.just(NAN)
FAR = st.floats(-3.4e38, 3.4e38) | st.sampled_from([0.0, -0.0, 1.0, -1.0, 5e-324])

ENCODERS: dict[str, Any] = {
    "one-hot": st.builds(
        OneHotEncoder,
        handle_unknown=st.sampled_from(["ignore", "infrequent_if_exist", "error"]),
        drop=st.sampled_from([None, "first", "if_binary"]),
        min_frequency=st.sampled_from([None, 2, 0.2]),
        max_categories=st.sampled_from([None, 1, 2, 3]),
        sparse_output=st.booleans(),
        dtype=st.sampled_from([np.float64, np.float32, np.int8]),
    ),
    "ordinal": st.builds(
        OrdinalEncoder,
        handle_unknown=st.just("use_encoded_value"),
        unknown_value=st.sampled_from([-1, NAN]),
        encoded_missing_value=st.sampled_from([NAN, -7.0]),
        min_frequency=st.sampled_from([None, 2, 0.2]),
        max_categories=st.sampled_from([None, 2, 3]),
    ),
    "target": st.builds(TargetEncoder, smooth=st.sampled_from(["auto", 0.0, 3.0]), cv=st.just(2)),
}
IMPUTERS: Any = st.builds(
    SimpleImputer,
    strategy=st.sampled_from(["mean", "median", "most_frequent", "constant"]),
    add_indicator=st.booleans(),
    keep_empty_features=st.booleans(),
)
PARTS: Any = st.one_of(
    st.builds(StandardScaler, with_mean=st.booleans()),
    st.builds(MinMaxScaler, clip=st.booleans()),
    st.builds(VarianceThreshold, st.sampled_from([0.0, 0.5])),
    st.builds(SelectKBest, k=st.sampled_from([1, 2])),
    st.builds(MissingIndicator, features=st.sampled_from(["all"])),
    st.builds(FunctionTransformer, st.sampled_from([None, np.square, np.isnan, np.sign, np.floor])),
)


def frame_of(cities: list[Any], numbers: list[tuple[float, float]]) -> pd.DataFrame:
    """A table with a column of text and two of numbers."""
    first, second = zip(*numbers, strict=True)
    return pd.DataFrame({"city": pd.Series(cities, dtype=object), "first": first, "second": second})


@st.composite
def tables(draw: st.DrawFn, least: int, word: Any) -> pd.DataFrame:
    """Tables with at least ``least`` rows."""
    size = draw(st.integers(least, least + 12))
    cities = draw(st.lists(word, min_size=size, max_size=size))
    numbers = draw(st.lists(st.tuples(NUMBER, NUMBER), min_size=size, max_size=size))
    return frame_of(cities, numbers)


def target_of(frame: pd.DataFrame, classes: int) -> Any:
    return np.arange(len(frame)) % classes


@COMMON
@given(data=st.data(), train=tables(8, CITIES | st.just(NAN)), rows=tables(1, WORD), classes=st.sampled_from([2, 3]))
def test_any_encoder_beside_any_numbers(data: Any, train: pd.DataFrame, rows: pd.DataFrame, classes: int) -> None:
    encoder = data.draw(ENCODERS[data.draw(st.sampled_from(sorted(ENCODERS)))])
    imputer = data.draw(IMPUTERS)
    columns = ColumnTransformer(
        [("words", encoder, ["city"]), ("numbers", imputer, ["first", "second"])],
        sparse_threshold=data.draw(st.sampled_from([0, 1])),
    )
    part = make_pipeline(columns, DecisionTreeClassifier(random_state=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            part.fit(train, target_of(train, classes))
        except ValueError:
            # For example, a tree on a sparse matrix with missing codes.
            return
    compare(part, rows, "exact", missing=True)


@COMMON
@given(data=st.data(), train=tables(8, CITIES), rows=tables(1, WORD), parts=st.lists(PARTS, min_size=1, max_size=3))
def test_any_parts_in_sequence_or_in_parallel(
    data: Any, train: pd.DataFrame, rows: pd.DataFrame, parts: list[Any]
) -> None:
    numbers = train[["first", "second"]]
    if data.draw(st.booleans()):
        named = [(str(number), step) for number, step in enumerate(parts)]
        weights = data.draw(st.none() | st.just({"0": 0.3}))
        if isinstance(parts[0], MissingIndicator) or getattr(parts[0], "func", None) is np.isnan:
            weights = None
        part: Any = FeatureUnion(named, transformer_weights=weights)
    else:
        part = make_pipeline(*parts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            part.fit(numbers, target_of(train, 2))
        except ValueError:
            # The selector does not accept missing values, or no column is left.
            return
        except TypeError:
            # The function does not accept booleans.
            return
        booleans = any(isinstance(step, MissingIndicator) or getattr(step, "func", None) is np.isnan for step in parts)
        if booleans and any(getattr(step, "func", None) is not None for step in parts[1:]):
            return
    compare(part, rows[["first", "second"]], "exact", missing=True)


@COMMON
@given(name=st.sampled_from([*_EXACT, *_CLOSE]), numbers=st.lists(FAR | st.just(NAN), min_size=1, max_size=20))
def test_any_function_of_any_number(name: str, numbers: list[float]) -> None:
    part = FunctionTransformer(getattr(np, name))
    rows = np.array(numbers).reshape(-1, 1)
    compare(part.fit(rows), rows, "exact" if name in _EXACT else "close", missing=True)
