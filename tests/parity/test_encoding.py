"""Parity of the encoders with scikit-learn."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder
from sklearn.tree import DecisionTreeClassifier

from tests.parity import data
from tests.parity.harness import Case, check, compare
from tests.parity.rows import UNSEEN

NAN = float("nan")
TREE = DecisionTreeClassifier(random_state=0)


def table(target: int = 2) -> tuple[pd.DataFrame, Any]:
    """The table with few distinct numbers. The target has two or four classes, or is a number (0)."""
    frame, y = data.table()
    few = frame.assign(age=np.round(frame["age"] / 10), income=np.round(np.log(frame["income"])))
    if target == 2:
        return few, y
    amount = frame["age"].to_numpy() + 5.5 * (frame["city"] == "Quito").to_numpy()
    return few, amount if target == 0 else np.digitize(amount, [30, 45, 60])


def text(target: int = 2) -> tuple[pd.DataFrame, Any]:
    """The text columns only."""
    frame, y = table(target)
    return frame[["city", "plan"]], y


def numbers() -> tuple[Any, Any]:
    """An array of columns with few distinct numbers and missing values."""
    frame, y = table()
    return frame[["age", "income"]].to_numpy(), y


def some(encoder: Any, **settings: Any) -> Any:
    """An encoder beside numbers, so that its output becomes float64."""
    return ColumnTransformer([("words", encoder, ["city", "plan"]), ("numbers", StandardScaler(), ["age"])], **settings)


IGNORED: dict[str, Any] = {"handle_unknown": "ignore"}
CODED: dict[str, Any] = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
WEIGHTS = {"words": 2.0}

CASES: dict[type, list[Case]] = {
    OneHotEncoder: [
        Case("ignore", OneHotEncoder(**IGNORED), table()),
        Case("error", OneHotEncoder(), table()),
        Case("numbers", OneHotEncoder(**IGNORED), numbers(), missing=True),
        Case("numbers refused", OneHotEncoder(), numbers(), missing=True),
        Case("first", OneHotEncoder(drop="first", **IGNORED), table()),
        Case("binary", OneHotEncoder(drop="if_binary", sparse_output=False, **IGNORED), table()),
        Case("named", OneHotEncoder(drop=["Lima", NAN], **IGNORED), text()),
        Case("dropped by an error", OneHotEncoder(drop="first"), text()),
        Case("rare", OneHotEncoder(min_frequency=10, handle_unknown="infrequent_if_exist"), table()),
        Case("rare share", OneHotEncoder(min_frequency=0.2, handle_unknown="infrequent_if_exist"), table()),
        Case("rare warned", OneHotEncoder(min_frequency=0.2, handle_unknown="warn"), table()),
        Case("few", OneHotEncoder(max_categories=2, drop="first", handle_unknown="infrequent_if_exist"), table()),
        Case("one", OneHotEncoder(max_categories=1, handle_unknown="infrequent_if_exist"), table()),
        Case("few ignored", OneHotEncoder(max_categories=3, **IGNORED), table()),
        Case("given", OneHotEncoder(categories=[["Quito", "Lima", "Sucre"], ["plus", "basic"]], **IGNORED), text()),
        Case("narrow", OneHotEncoder(dtype=np.int8, sparse_output=False, **IGNORED), text()),
        Case("float32", OneHotEncoder(dtype=np.float32, **IGNORED), text()),
        Case("truths", OneHotEncoder(dtype=bool, **IGNORED), text()),
        Case(
            "narrow and scaled",
            make_pipeline(OneHotEncoder(dtype=np.int16, sparse_output=False, **IGNORED), MinMaxScaler()),
            text(),
        ),
        Case(
            "float32 beside numbers",
            make_pipeline(some(OneHotEncoder(dtype=np.float32, **IGNORED), sparse_threshold=0), MinMaxScaler(), TREE),
            table(),
        ),
        Case(
            "float32 in a sparse matrix",
            make_pipeline(
                some(OneHotEncoder(dtype=np.float32, **IGNORED), sparse_threshold=1), StandardScaler(with_mean=False)
            ),
            table(),
        ),
    ],
    OrdinalEncoder: [
        Case("error", OrdinalEncoder(), table()),
        Case("coded", OrdinalEncoder(**CODED), table()),
        Case("numbers", OrdinalEncoder(**CODED), numbers(), missing=True),
        Case("missing", OrdinalEncoder(encoded_missing_value=-2, **CODED), table()),
        Case("unknown is missing", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=NAN), table()),
        Case("rare", OrdinalEncoder(min_frequency=20, **CODED), table()),
        Case("few", OrdinalEncoder(max_categories=2, encoded_missing_value=7, **CODED), table()),
        Case("given", OrdinalEncoder(categories=[["Quito", "Lima", "Sucre"], ["plus", "basic"]], **CODED), text()),
        Case("int8", OrdinalEncoder(dtype=np.int8, encoded_missing_value=-3, **CODED), text()),
        Case("float32", OrdinalEncoder(dtype=np.float32, **CODED), text()),
        Case(
            "int64 scaled",
            make_pipeline(OrdinalEncoder(dtype=np.int64, encoded_missing_value=-3, **CODED), StandardScaler()),
            text(),
        ),
        Case(
            "float32 beside", make_pipeline(some(OrdinalEncoder(dtype=np.float32, **CODED)), StandardScaler()), table()
        ),
    ],
    TargetEncoder: [
        Case("binary", TargetEncoder(), table()),
        Case("number", TargetEncoder(), table(0)),
        Case("classes", TargetEncoder(), table(4)),
        Case("text and classes", TargetEncoder(smooth=5.0), text(4)),
        Case("not smoothed", TargetEncoder(smooth=0.0), table()),
        Case("numbers", TargetEncoder(), numbers(), missing=True),
        Case("given", TargetEncoder(categories=[["Quito", "Lima", "Sucre"], ["plus", "basic", NAN]]), text(4)),
        Case("scaled", make_pipeline(TargetEncoder(), StandardScaler()), table(0)),
    ],
}


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_agrees_with_scikit_learn(estimator: type) -> None:
    check(estimator, CASES[estimator])


@pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
def test_unseen_values_agree(estimator: type) -> None:
    """Each column gets an unseen value, a rare one and a missing one."""
    for case in CASES[estimator]:
        frame, y = case.data
        if not isinstance(frame, pd.DataFrame):
            continue
        rows = frame.iloc[:12].copy()
        odd = pd.Series([UNSEEN, "Cusco", np.nan], dtype=object).tolist()
        rows["city"] = pd.Series(odd + rows["city"].tolist()[3:], index=rows.index, dtype=object)
        rows["plan"] = pd.Series(rows["plan"].tolist()[:9] + odd, index=rows.index, dtype=object)
        with warnings.catch_warnings():
            # Classes with few members cause warnings.
            warnings.simplefilter("ignore")
            part = case.part.fit(frame, y)
        assert compare(part, rows, "exact", missing=True) == 12
