"""Properties that hold for any input."""

import importlib
import json
import warnings
from types import ModuleType
from typing import Any

import pandas as pd
import pytest
from hypothesis import example as with_example
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from sklearn.tree import DecisionTreeRegressor

from mlctl.aws.live.logs import LATE_MS
from mlctl.packaging import archive
from mlctl.portable.compile import compile_pipeline
from mlctl.registry.store import ModelVersion
from mlctl.training import reference_answers
from tests.conftest import LambdaContext, http_event
from tests.unit.core.test_logs import FakeLogs, messages, reader
from tests.unit.portable.test_compile import assert_answer, load
from tests.unit.portable.test_compile_tables import FEATURES, NAMES, columns, engine_rows, table, target_of

# Each run uses the same examples. `pytest --hypothesis-profile=thorough` draws many new ones.
COMMON = settings()

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda values: st.lists(values, max_size=5) | st.dictionaries(st.text(max_size=8), values, max_size=4),
    max_leaves=12,
)
NUMBERS = (
    st.floats(-1e6, 1e6)
    | st.integers(-1000, 1000).map(float)
    | st.floats(width=32, allow_nan=False, allow_infinity=False)
)


@pytest.fixture(scope="module")
def pipeline(iris: ModelVersion) -> Pipeline:
    return iris.load_pipeline()


@COMMON
@with_example(row=[0.0, 0.0, 0.0, 2.58e38])
@given(row=st.lists(NUMBERS, min_size=4, max_size=4))
def test_the_handler_gives_the_bits_of_scikit_learn(
    handler_app: ModuleType, pipeline: Pipeline, row: list[float]
) -> None:
    response = handler_app.lambda_handler(
        http_event("POST", "/predict", json.dumps({"features": row})), LambdaContext()
    )
    frame = pd.DataFrame([row], columns=["sepal_length", "sepal_width", "petal_length", "petal_width"])
    if response["statusCode"] == 422:
        # The handler refuses only numbers beyond float32, which scikit-learn refuses too.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(ValueError, match=r"too large|infinity"):
                reference_answers.examples(pipeline, frame, [tuple(row)])
        return
    (expected,) = reference_answers.examples(pipeline, frame, [tuple(row)])
    answer = json.loads(response["body"])
    assert tuple(answer["probabilities"]) == expected.answer.probabilities
    assert answer["prediction"] == expected.answer.index


NAN = float("nan")
GAPS = st.just(NAN)
WORD = st.sampled_from([f"city {number}" for number in range(12)]) | st.text(max_size=4)
TABLE_ROWS = st.tuples(
    st.integers(0, 100).map(float) | NUMBERS | GAPS,
    WORD | GAPS,
    NUMBERS | GAPS,
    NUMBERS,
    st.sampled_from(["basic", "extra", "más"]) | WORD,
    st.sampled_from([0.0, 1.0, NAN]),
    st.floats(10_000, 20_000) | GAPS,
)


@pytest.fixture(scope="module")
def of_tables(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Pipeline, Any]]:
    """Fitted pipelines for a table with categories and missing values, each with its model in the handler's engine."""
    train = table(300, 1)
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=NAN)
    infrequent = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=5)
    imputed = SimpleImputer(strategy="median", add_indicator=True)
    models = []
    for transformer, model, classes in (
        (columns("passthrough", ordinal), RandomForestClassifier(9, random_state=0), 3),
        (columns(imputed, infrequent), RandomForestClassifier(9, random_state=0), 2),
        (columns("passthrough", ordinal), DecisionTreeRegressor(random_state=0), 0),
    ):
        fitted = make_pipeline(transformer, model).fit(train, target_of(train, classes))
        models.append((fitted, load(compile_pipeline(fitted, FEATURES), tmp_path_factory.mktemp("model"))))
    return models


@COMMON
@given(row=TABLE_ROWS)
def test_a_table_with_categories_and_gaps_gives_the_bits_of_scikit_learn(
    of_tables: list[tuple[Pipeline, Any]], row: tuple[Any, ...]
) -> None:
    frame = pd.DataFrame({name: pd.Series([value], dtype=object) for name, value in zip(NAMES, row, strict=True)})
    frame = frame.astype({feature["name"]: float for feature in FEATURES if feature["kind"] != "category"})
    for fitted, engine in of_tables:
        with warnings.catch_warnings():
            # Unknown categories cause warnings.
            warnings.simplefilter("ignore")
            (example,) = reference_answers.examples(fitted, frame, [row])
        predicted = engine.predict(engine_rows(frame)[0])
        assert_answer(predicted, example, exact=True)


@COMMON
@given(document=JSON)
def test_any_json_gets_a_response_other_than_500(handler_app: ModuleType, document: Any) -> None:
    for body in (document, {"features": document}, {"instances": document}):
        response = handler_app.lambda_handler(http_event("POST", "/predict", json.dumps(body)), LambdaContext())
        answer = json.loads(response["body"])
        assert response["statusCode"] in (200, 400, 413, 422)
        if response["statusCode"] != 200:
            assert set(answer) == {"error", "request_id"}
            assert answer["error"]["message"]


@COMMON
@given(body=st.text(max_size=200), encoded=st.booleans(), method=st.text(max_size=6), path=st.text(max_size=20))
def test_any_text_gets_a_response_other_than_500(
    handler_app: ModuleType, body: str, encoded: bool, method: str, path: str
) -> None:
    for route in (("POST", "/predict"), (method, path)):
        response = handler_app.lambda_handler(http_event(*route, body, isBase64Encoded=encoded), LambdaContext())
        assert response["statusCode"] in (200, 400, 404, 405, 422)
        json.loads(response["body"])


@COMMON
@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5})?", fullmatch=True), st.binary(max_size=50), max_size=6))
def test_an_archive_does_not_depend_on_the_order_of_its_files(files: dict[str, bytes]) -> None:
    shuffled = dict(sorted(files.items(), key=lambda item: hash(item[1])))
    assert archive.write(files) == archive.write(shuffled)
    assert archive.identity(files) == archive.identity(shuffled)


@COMMON
@given(
    events=st.lists(st.tuples(st.integers(0, LATE_MS - 1), st.sampled_from("ab"), st.sampled_from("xy")), max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=5),
    with_ids=st.booleans(),
)
def test_a_tail_returns_each_event_once_in_any_order_of_arrival(
    events: list[tuple[int, str, str]], cuts: list[int], with_ids: bool
) -> None:
    fake = FakeLogs(with_ids)
    read = reader(fake)
    received: list[str] = []
    for number, (timestamp, message, stream) in enumerate(events):
        fake.add(timestamp, message, stream)
        if number in cuts:
            received += messages(read)
    received += messages(read)
    assert sorted(received) == sorted(message for _, message, _ in events)


@COMMON
@given(data=st.binary(max_size=300), length=st.integers(0, 400))
def test_the_reader_refuses_any_bytes_with_a_value_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, length: int
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "model"
    handler = importlib.import_module("handler.engine")
    for content in (data, length.to_bytes(8, "little") + data):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"."):
            handler.load(path, n_features=4)
