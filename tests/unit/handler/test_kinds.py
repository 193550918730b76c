"""The HTTP contract for features of every kind, for null, and for regressions."""

import importlib
import json
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from mlctl.data.values import milliseconds
from mlctl.packaging import build
from mlctl.portable.compile import compile_pipeline
from tests.conftest import LambdaContext, http_event, import_handler

FEATURES: list[dict[str, Any]] = [
    {"name": "age", "kind": "number", "nullable": True, "integer": True, "min": 18.0, "max": 90.0},
    {"name": "income", "kind": "number", "nullable": False, "integer": False, "min": None, "max": None},
    {"name": "city", "kind": "category", "nullable": True, "values": ["Lima", "Quito", "Bari"], "counts": [2, 1, 0]},
    {"name": "paid", "kind": "boolean", "nullable": False, "true": 4, "false": 0},
    {"name": "since", "kind": "date", "nullable": True, "min": "2020-01-01", "max": "2024-12-31T12:00:00"},
    {"name": "plan", "kind": "category", "nullable": False, "values": ["a", "b"], "counts": [2, 2]},
]
NAMES = [feature["name"] for feature in FEATURES]
ROW = [30, 1e3, "Lima", True, "2024-03-01", "a"]
ROWS = pd.DataFrame(
    {
        "age": [18.0, 90.0, math.nan, 40.0],
        "income": [1.0, 2.0, 3.0, 4.0],
        "city": pd.Series(["Lima", "Lima", "Quito", math.nan], dtype=object),
        "paid": [1.0, 1.0, 1.0, 1.0],
        "since": [18262.0, 20088.5, math.nan, 19000.0],
        "plan": pd.Series(["a", "b", "a", "b"], dtype=object),
    }
)
KNOWN = OneHotEncoder(handle_unknown="ignore", sparse_output=False)


def pipeline(model: Any, words: Any = KNOWN) -> Pipeline:
    transformer = ColumnTransformer([("words", words, ["city", "plan"])], remainder="passthrough")
    return make_pipeline(transformer, model)


def app_of(folder: Path, fitted: Pipeline, target: dict[str, Any], task: str) -> ModuleType:
    """``handler.app`` of a package made by hand."""
    model = compile_pipeline(fitted, FEATURES)
    schema = {"format": 2, "task": task, "features": FEATURES, "target": {"name": "t", **target}}
    files = build.layout(
        {"version": "v", "project": "p", "estimator": "e", "parity": model.parity},
        {"schema.json": json.dumps(schema).encode(), "metrics.json": b"{}", build.PORTABLE_FILE: model.to_bytes()},
        generated=None,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
    )
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return import_handler(folder)


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    fitted = pipeline(DecisionTreeClassifier(random_state=0)).fit(ROWS, [True, False, True, False])
    target = {"labels": [False, True], "class_names": ["False", "True"]}
    return app_of(tmp_path_factory.mktemp("classes"), fitted, target, "binary")


@pytest.fixture
def regression(tmp_path: Path) -> ModuleType:
    fitted = pipeline(DecisionTreeRegressor(random_state=0)).fit(ROWS, [1.5, 2.5, 3.5, 4.5])
    return app_of(tmp_path, fitted, {"min": 1.5, "max": 4.5}, "regression")


@pytest.fixture
def strict(tmp_path: Path) -> ModuleType:
    """A linear regression, which takes no missing values, behind an encoder that takes no unknown ones."""
    full = ROWS.ffill()
    fitted = pipeline(LinearRegression(), OneHotEncoder(sparse_output=False)).fit(full, [1.0, 2.0, 3.0, 4.0])
    fitted[-1].coef_ = np.array([0.0] * 5 + [1e300, 0.0, 0.0])
    fitted[-1].intercept_ = 1.0
    return app_of(tmp_path, fitted, {"min": 1.0, "max": 4.0}, "regression")


def ask(app: ModuleType, features: Any, **more: Any) -> tuple[int, Any]:
    body = json.dumps({"features": features, **more} if "instances" not in more else more)
    response = app.lambda_handler(http_event("POST", "/predict", body), LambdaContext())
    return response["statusCode"], json.loads(response["body"], parse_constant=pytest.fail)


def with_value(name: str, value: Any) -> list[Any]:
    row: list[Any] = list(ROW)
    row[NAMES.index(name)] = value
    return row


def test_a_row_of_every_kind_is_answered_with_the_label_itself(classes: ModuleType) -> None:
    status, answer = ask(classes, ROW)
    assert status == 200
    assert answer.pop("latency_ms") > 0
    assert answer == {"prediction": True, "class_name": "True", "probabilities": [0.0, 1.0]}
    assert ask(classes, dict(reversed(list(zip(NAMES, ROW, strict=True)))))[1]["prediction"] is True


def test_null_is_accepted_for_nullable_features(classes: ModuleType) -> None:
    status, answer = ask(classes, [None, 1.0, None, True, None, "b"])
    assert status == 200
    assert "warnings" not in answer
    assert answer["prediction"] is False


def test_a_regression_answers_with_the_number_and_no_class(regression: ModuleType) -> None:
    status, answer = ask(regression, ROW)
    assert status == 200
    assert set(answer) == {"prediction", "latency_ms"}
    assert answer["prediction"] in (1.5, 2.5, 3.5, 4.5)
    status, answer = ask(regression, with_value("city", "Cusco"))
    assert set(answer) == {"prediction", "latency_ms", "warnings"}
    status, answer = ask(regression, None, instances=[ROW, ROW])
    assert [set(each) for each in answer["predictions"]] == [{"prediction"}] * 2


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("age", "30", "age (position 0) must be a number, not a string."),
        ("age", True, "age (position 0) must be a number, not true."),
        ("age", 1e39, "age (position 0) is too large: the model reads numbers as float32, up to 3.4e38."),
        ("age", math.nan, "age (position 0) must be a number, not NaN."),
        ("income", None, "income (position 1) must be a number, not null."),
        ("income", -math.inf, "income (position 1) must be finite, not infinite."),
        ("city", 3, "city (position 2) must be text, not a number."),
        ("city", False, "city (position 2) must be text, not false."),
        ("city", ["Lima"], "city (position 2) must be text, not a list."),
        ("plan", None, "plan (position 5) must be text, not null."),
        ("paid", 1, "paid (position 3) must be true or false, not a number."),
        ("paid", "true", "paid (position 3) must be true or false, not a string."),
        ("paid", None, "paid (position 3) must be true or false, not null."),
        ("since", "yesterday", "since (position 4) must be an ISO 8601 date such as 2024-03-01, not 'yesterday'."),
        ("since", "", "since (position 4) must be an ISO 8601 date such as 2024-03-01, not ''."),
        ("since", "2024-13-01", "since (position 4) must be an ISO 8601 date such as 2024-03-01, not '2024-13-01'."),
        ("since", "12024-01-01", "since (position 4) must be an ISO 8601 date such as 2024-03-01, not '12024-01-01'."),
        ("since", 20240301, "since (position 4) must be an ISO 8601 date such as 2024-03-01, not a number."),
        (
            "since",
            "9" * 5000,
            "since (position 4) must be an ISO 8601 date such as 2024-03-01, not '" + "9" * 100 + "'.",
        ),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_name_and_position(
    classes: ModuleType, name: str, value: Any, problem: str
) -> None:
    status, answer = ask(classes, with_value(name, value))
    assert (status, answer["error"]["code"]) == (422, "invalid_features")
    assert answer["error"]["message"] == problem
    position = NAMES.index(name)
    assert (answer["error"]["details"][0]["feature"], answer["error"]["details"][0]["position"]) == (name, position)


def test_every_problem_of_a_row_is_listed(classes: ModuleType) -> None:
    status, answer = ask(classes, ["x", "x", 1, 1, 1, 1])
    assert status == 422
    assert [each["feature"] for each in answer["error"]["details"]] == NAMES


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_training_refuses_the_same_dates_beyond_the_calendar(classes: ModuleType, value: str) -> None:
    assert ask(classes, with_value("since", value))[0] == 422
    with pytest.raises(ValueError, match="outside of the years 1 to 9999"):
        milliseconds(value)


def test_a_missing_name_says_whether_null_may_be_sent(classes: ModuleType) -> None:
    row = dict(zip(NAMES, ROW, strict=True))
    del row["city"], row["plan"]
    status, answer = ask(classes, row)
    assert status == 422
    assert [each["problem"] for each in answer["error"]["details"]] == [
        "is missing; send null if there is no value",
        "is missing",
    ]
    assert ask(classes, {**row, "city": None, "plan": "b"})[0] == 200


def test_the_error_for_an_invalid_row_describes_a_row(classes: ModuleType) -> None:
    assert (
        ask(classes, 3)[1]["error"]["message"] == "features: must be a list of 6 values or an object by feature name."
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("age", 91, "91 is outside the training range 18.0 to 90.0"),
        ("age", 30.5, "30.5 is not a whole number; all values in training were"),
        ("city", "Cusco", "'Cusco' was not seen in training"),
        # A value of held-out rows alone.
        ("city", "Bari", "'Bari' was not seen in training"),
        ("city", "x" * 200, f"'{'x' * 100}' was not seen in training"),
        ("paid", False, "false was not seen in training"),
        ("since", "2019-12-31T23:59:59.999Z", "2019-12-31T23:59:59.999Z is outside the training range "),
        ("since", "2025-01-01", "2025-01-01 is outside the training range 2020-01-01 to 2024-12-31T12:00:00"),
    ],
)
def test_unseen_and_out_of_range_values_are_answered_with_a_warning(
    classes: ModuleType, name: str, value: Any, message: str
) -> None:
    status, answer = ask(classes, with_value(name, value))
    assert status == 200
    (warning,) = answer["warnings"]
    assert (warning["feature"], warning["position"]) == (name, NAMES.index(name))
    assert warning["message"].startswith(message)


@pytest.mark.parametrize(
    ("name", "value"),
    [("age", 90), ("age", 30.0), ("income", 1e30), ("since", "2020-01-01T02:00:00+02:00"), ("since", None)],
)
def test_a_value_within_the_training_data_has_no_warning(classes: ModuleType, name: str, value: Any) -> None:
    assert "warnings" not in ask(classes, with_value(name, value))[1]


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01", 0),
        ("2024-03-01", 1_709_251_200_000),
        ("2024-03-01T12:30:00", 1_709_296_200_000),
        ("2024-03-01T12:30:00Z", 1_709_296_200_000),
        ("2024-03-01T12:30:00.5+02:00", 1_709_289_000_500),
        ("1969-12-31T23:59:59.999999", -1),
        ("1970-01-01T00:00:00.000999", 0),
    ],
)
def test_a_date_is_days_since_1970_rounded_down_to_the_millisecond(
    classes: ModuleType, text: str, milliseconds: int
) -> None:
    read = importlib.import_module("handler.kinds").reader(FEATURES[4])
    assert read(text, []) == milliseconds / 86_400_000


def test_a_value_that_the_model_does_not_accept_is_refused_by_name(strict: ModuleType) -> None:
    status, answer = ask(strict, with_value("city", "Cusco"))
    assert (status, answer["error"]["code"]) == (422, "invalid_features")
    assert answer["error"]["message"] == (
        "city (position 2) was not seen in training, and this model accepts no unseen values."
    )
    status, answer = ask(strict, with_value("since", None))
    assert status == 422
    assert answer["error"]["message"] == "since (position 4) is missing, and this model accepts no missing values."
    status, answer = ask(strict, None, instances=[ROW, with_value("city", None)])
    assert status == 422
    assert answer["error"]["message"].startswith("instance 1: city (position 2) is missing, but was never missing")


def test_an_answer_that_is_not_finite_is_refused(strict: ModuleType) -> None:
    assert ask(strict, with_value("age", 0))[0] == 200
    status, answer = ask(strict, [30, 1e30, "Lima", True, "2024-03-01", "a"])
    assert (status, answer["error"]["code"]) == (422, "invalid_features")
    assert answer["error"]["message"] == "features: the model has no finite result for these values."


def test_a_regressor_that_overflows_is_refused_too(regression: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regression.SERVICE.model, "predict", lambda row: math.inf)
    status, answer = ask(regression, ROW)
    assert status == 422
    assert answer["error"]["message"] == "features: the model has no finite result for these values."


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_probabilities_that_are_not_finite_are_refused(
    classes: ModuleType, monkeypatch: pytest.MonkeyPatch, number: float
) -> None:
    monkeypatch.setattr(classes.SERVICE.model, "predict", lambda row: (0, [number, 0.5]))
    status, answer = ask(classes, ROW)
    assert status == 422
    assert answer["error"]["message"] == "features: the model has no finite result for these values."
    # Numbers may be too large together.
    monkeypatch.setattr(classes.SERVICE.model, "predict", lambda row: (0, [1e308, 1e308]))
    assert ask(classes, ROW)[0] == 200


def test_an_unknown_schema_is_refused(classes: ModuleType) -> None:
    schema = importlib.import_module("handler.features").Schema
    with pytest.raises(ValueError, match="'x' is of kind 'image', which this handler does not support"):
        schema({"features": [{"name": "x", "kind": "image", "nullable": False}]})
    service = importlib.import_module("handler.service").Service
    document = {**classes.SERVICE.schema.document, "task": "regression"}
    with pytest.raises(ValueError, match="the schema's task is regression; the model is a classifier"):
        service(classes.SERVICE.package, document, {}, classes.SERVICE.model)


def test_the_model_page_shows_the_schema(classes: ModuleType) -> None:
    response = classes.lambda_handler(http_event("GET", "/model"), LambdaContext())
    assert json.loads(response["body"])["schema"]["features"] == FEATURES
