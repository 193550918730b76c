"""Pipelines for tables with categories, booleans, dates and gaps predict like scikit-learn."""

import importlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from mlctl.packaging import proof
from mlctl.portable.codegen.generator import generate
from mlctl.portable.compile import compile_pipeline
from mlctl.portable.ir.program import NotPortableError, PortableModel
from mlctl.registry.answers import Example
from mlctl.training import reference_answers
from tests.support.grids import grid
from tests.unit.portable.test_compile import assert_answer, load, package_of

NAN = float("nan")
NUMBERS = ["age", "income", "ratio", "paid", "day"]
WORDS = ["city", "plan"]
FEATURES: list[dict[str, Any]] = [
    {"name": "age", "kind": "number", "nullable": True},
    {"name": "city", "kind": "category", "nullable": True},
    {"name": "income", "kind": "number", "nullable": True},
    {"name": "ratio", "kind": "number", "nullable": False},
    {"name": "plan", "kind": "category", "nullable": False},
    {"name": "paid", "kind": "boolean", "nullable": True},
    {"name": "day", "kind": "date", "nullable": True},
]
NAMES = [feature["name"] for feature in FEATURES]


def table(rows: int, seed: int, *, gaps: bool = True, cities: int = 12) -> pd.DataFrame:
    """Rows as a pipeline gets them."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, rows).astype(float),
            "city": pd.Series([f"city {number}" for number in rng.integers(0, cities, rows)], dtype=object),
            "income": rng.lognormal(8, 1, rows),
            "ratio": rng.normal(size=rows),
            "plan": pd.Series(rng.choice(["basic", "extra", "más"], rows), dtype=object),
            "paid": rng.integers(0, 2, rows).astype(float),
            "day": rng.integers(10_000 * 86_400_000, 20_000 * 86_400_000, rows) / 86_400_000,
        }
    )
    if gaps:
        for feature in FEATURES:
            if feature["nullable"]:
                frame.loc[rng.random(rows) < 0.15, feature["name"]] = NAN
    return frame


def target_of(frame: pd.DataFrame, classes: int) -> Any:
    """A target that depends on numbers and on words; ``classes`` 0: a number."""
    word = frame["plan"].map({"basic": 0.0, "extra": 1.0, "más": 2.5}).to_numpy()
    score = frame["ratio"].to_numpy() + word + np.nan_to_num(frame["age"].to_numpy()) / 50
    if not classes:
        return score
    return np.digitize(score, np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1]))


def engine_rows(frame: pd.DataFrame) -> list[list[Any]]:
    """The rows as the handler's engine takes them: a missing text is None."""
    words = {at for at, feature in enumerate(FEATURES) if feature["kind"] == "category"}
    return [
        [None if at in words and value != value else value for at, value in enumerate(row)]
        for row in frame[NAMES].astype(object).to_numpy().tolist()
    ]


def check(pipeline: Any, frame: pd.DataFrame, folder: Path, features: Any = None) -> PortableModel:
    """Compile, and compare each row; rows that scikit-learn refuses must be refused too."""
    features = features or FEATURES
    compiled = compile_pipeline(pipeline, features)
    loaded = load(compiled, folder)
    unanswerable = importlib.import_module("handler.engine").UnprocessableRow
    rows = engine_rows(frame) if features is FEATURES else frame.to_numpy().tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found: list[Example | None] = [*reference_answers.examples(pipeline, frame, [tuple(row) for row in rows])]
        except ValueError:
            # One row at least is refused; row by row takes far longer.
            found = [_example(pipeline, frame.iloc[at : at + 1], row) for at, row in enumerate(rows)]
    for row, example in zip(rows, found, strict=True):
        if example is None:
            with pytest.raises(unanswerable):
                loaded.predict(row)
        else:
            assert_answer(loaded.predict(row), example, compiled.parity == "exact")
    return compiled


def _example(pipeline: Any, one: pd.DataFrame, row: list[Any]) -> Example | None:
    """scikit-learn's answer to one row; None where it refuses it."""
    try:
        (example,) = reference_answers.examples(pipeline, one, [tuple(row)])
    except ValueError:
        return None
    return example


def columns(numbers: Any, words: Any, **more: Any) -> ColumnTransformer:
    return ColumnTransformer([("numbers", numbers, NUMBERS), ("words", words, WORDS)], **more)


def imputed(*parts: Any, **settings: Any) -> Pipeline:
    return make_pipeline(SimpleImputer(**settings), *parts)


ENCODERS = {
    "ignore": OneHotEncoder(handle_unknown="ignore"),
    "dense": OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    "first": OneHotEncoder(drop="first", handle_unknown="ignore"),
    "if-binary": OneHotEncoder(drop="if_binary", handle_unknown="ignore", sparse_output=False),
    "dropped": OneHotEncoder(drop=["city 3", "basic"], handle_unknown="ignore"),
    "infrequent": OneHotEncoder(min_frequency=20, handle_unknown="infrequent_if_exist"),
    "at-most": OneHotEncoder(max_categories=4, handle_unknown="infrequent_if_exist", drop="first"),
    "infrequent-ignored": OneHotEncoder(max_categories=4, handle_unknown="ignore"),
    "integers": OneHotEncoder(handle_unknown="ignore", dtype=np.int8),
    "error": OneHotEncoder(),
    "ordinal": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "ordinal-nan": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=NAN),
    "ordinal-missing": OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2, dtype=np.int64
    ),
    "ordinal-infrequent": OrdinalEncoder(max_categories=4, handle_unknown="use_encoded_value", unknown_value=99),
    "ordinal-error": OrdinalEncoder(),
    "filled": imputed(OneHotEncoder(handle_unknown="ignore"), strategy="most_frequent"),
    "constant": imputed(OneHotEncoder(handle_unknown="ignore"), strategy="constant", fill_value="none"),
    "default-constant": imputed(OrdinalEncoder(), strategy="constant"),
    "indicated": imputed(OneHotEncoder(handle_unknown="ignore"), strategy="most_frequent", add_indicator=True),
}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_agrees_on_seen_unseen_and_missing_categories(tmp_path: Path, encoder: str) -> None:
    train, new = table(400, 1), table(60, 2, cities=16)
    model = DecisionTreeClassifier(max_depth=8, random_state=0)
    pipeline = make_pipeline(columns(SimpleImputer(), clone(ENCODERS[encoder])), model).fit(train, target_of(train, 3))
    compiled = check(pipeline, new, tmp_path)
    assert compiled.parity == "exact"


def test_categories_that_scikit_learn_warns_about_are_not_refused(tmp_path: Path) -> None:
    train, new = table(300, 1), table(60, 2, cities=20)
    encoder = OneHotEncoder(handle_unknown="warn", min_frequency=30)
    pipeline = make_pipeline(columns(SimpleImputer(), encoder), DecisionTreeClassifier(random_state=0))
    check(pipeline.fit(train, target_of(train, 2)), new, tmp_path)


IMPUTERS = {
    "mean": SimpleImputer(),
    "median": SimpleImputer(strategy="median"),
    "most-frequent": SimpleImputer(strategy="most_frequent"),
    "constant": SimpleImputer(strategy="constant", fill_value=-7),
    "default-constant": SimpleImputer(strategy="constant"),
    "callable": SimpleImputer(strategy=np.std),
    "indicated": SimpleImputer(add_indicator=True),
    "kept": SimpleImputer(keep_empty_features=True),
    "scaled": imputed(StandardScaler(), strategy="median"),
    "scaled-first": make_pipeline(StandardScaler(), SimpleImputer(add_indicator=True)),
    "minmax": imputed(MinMaxScaler(clip=True)),
    "max-abs": imputed(MaxAbsScaler()),
    "robust": imputed(RobustScaler(unit_variance=True)),
    "nothing": "passthrough",
    "robust-gaps": RobustScaler(with_centering=False),
    "minmax-gaps": MinMaxScaler((-3, 5), clip=True),
}


@pytest.mark.parametrize(("numbers", "empty"), grid(IMPUTERS, [False, True]))
def test_every_treatment_of_gaps_in_numbers_agrees(tmp_path: Path, numbers: str, empty: bool) -> None:
    train, new = table(300, 3), table(40, 4)
    if empty:
        train["income"] = NAN
    part = IMPUTERS[numbers]
    part = part if isinstance(part, str) else clone(part)
    pipeline = make_pipeline(
        columns(part, OneHotEncoder(handle_unknown="ignore", sparse_output=False)),
        RandomForestClassifier(n_estimators=8, random_state=0),
    )
    with warnings.catch_warnings():
        # A column without one value.
        warnings.simplefilter("ignore")
        pipeline.fit(train, target_of(train, 3))
        check(pipeline, new, tmp_path)


@pytest.mark.parametrize(
    ("kind", "classes"), grid(["tree", "extra-tree", "forest", "extra-trees", "linear"], [0, 2, 3, 9])
)
def test_models_of_every_kind_agree_behind_a_table_with_gaps(tmp_path: Path, kind: str, classes: int) -> None:
    models: dict[str, tuple[Any, Any]] = {
        "tree": (DecisionTreeClassifier(random_state=0), DecisionTreeRegressor(random_state=0)),
        "extra-tree": (ExtraTreeClassifier(random_state=0), ExtraTreeRegressor(random_state=0)),
        "forest": (RandomForestClassifier(9, random_state=0), RandomForestRegressor(9, random_state=0)),
        "extra-trees": (ExtraTreesClassifier(9, random_state=0), ExtraTreesRegressor(9, random_state=0)),
        "linear": (LogisticRegression(max_iter=5000), Ridge()),
    }
    train, new = table(300, 5), table(40, 6, cities=14)
    pipeline = make_pipeline(
        columns(imputed(StandardScaler()), OneHotEncoder(handle_unknown="ignore")), models[kind][classes == 0]
    ).fit(train, target_of(train, classes))
    assert check(pipeline, new, tmp_path).parity == ("close" if kind == "linear" else "exact")


TREES = {
    "tree": DecisionTreeClassifier(random_state=0),
    "extra-tree": ExtraTreeClassifier(random_state=3),
    "forest": RandomForestClassifier(15, random_state=0),
    "extra-trees": ExtraTreesClassifier(15, random_state=0),
    "tree-regressor": DecisionTreeRegressor(random_state=0),
    "absolute": DecisionTreeRegressor(criterion="absolute_error", max_depth=5, random_state=0),
    "extra-tree-regressor": ExtraTreeRegressor(random_state=0),
    "forest-regressor": RandomForestRegressor(15, random_state=0),
    "extra-trees-regressor": ExtraTreesRegressor(15, random_state=0),
}


@pytest.mark.parametrize(("model", "trained_with_gaps"), grid(TREES, [True, False]))
def test_missing_values_go_down_the_trees_as_in_scikit_learn(
    tmp_path: Path, model: str, trained_with_gaps: bool
) -> None:
    # Some releases of scikit-learn refuse missing values in some trees: then rows with them are refused.
    takes = clone(TREES[model]).__sklearn_tags__().input_tags.allow_nan
    train, new = table(300, 7, gaps=trained_with_gaps and takes), table(50, 8)
    words = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=NAN)
    classes = 0 if "regressor" in model or model == "absolute" else 3
    pipeline = make_pipeline(columns("passthrough", words), clone(TREES[model])).fit(train, target_of(train, classes))
    compiled = compile_pipeline(pipeline, FEATURES)
    assert ("missing" in compiled.steps[-1].tensors) == takes
    check(pipeline, new, tmp_path)


def test_no_step_for_missing_values_is_written_if_there_can_be_none(tmp_path: Path) -> None:
    train = table(200, 9, gaps=False)
    full = [{**feature, "nullable": False} for feature in FEATURES]
    pipeline = make_pipeline(columns(SimpleImputer(), OrdinalEncoder()), DecisionTreeClassifier(random_state=0))
    compiled = compile_pipeline(pipeline.fit(train, target_of(train, 2)), full)
    assert [step.op for step in compiled.steps] == ["columns", "forest"]
    assert [step.op for block in compiled.steps[0].blocks for step in block.steps] == ["ordinal"]
    assert compiled.steps[1].params["missing"] is None
    assert compiled.steps[1].parity == "exact"


def test_a_model_that_takes_no_missing_values_refuses_them_by_name(tmp_path: Path) -> None:
    train = table(200, 9, gaps=False)
    unanswerable = importlib.import_module("handler.engine").UnprocessableRow
    for words, model in (
        (OneHotEncoder(handle_unknown="ignore"), LogisticRegression(max_iter=5000)),
        # Of many categories scikit-learn makes a sparse matrix, in which trees take no missing values.
        (OneHotEncoder(handle_unknown="ignore"), RandomForestClassifier(3, random_state=0)),
    ):
        numbers = MaxAbsScaler()
        transformer = columns(numbers, words, sparse_threshold=1.0)
        pipeline = make_pipeline(transformer, model).fit(train, target_of(train, 2))
        check(pipeline, table(40, 10), tmp_path)
        loaded = load(compile_pipeline(pipeline, FEATURES), tmp_path)
        row = engine_rows(train)[0]
        with pytest.raises(unanswerable, match="is missing, and this model accepts no missing values") as refusal:
            loaded.predict([*row[:2], NAN, *row[3:]])
        assert refusal.value.position == 2
    with pytest.raises(unanswerable) as refusal:
        loaded.predict([*row[:3], 1e38, row[4], *[NAN, NAN]])
    assert refusal.value.position == 5


@pytest.mark.parametrize(
    "scaler", [StandardScaler(with_mean=False), MaxAbsScaler(), RobustScaler(with_centering=False)]
)
def test_a_sparse_matrix_is_scaled_as_scikit_learn_scales_it(tmp_path: Path, scaler: Any) -> None:
    train, new = table(300, 11, gaps=False), table(60, 12, gaps=False)
    for threshold in (0.0, 1.0):
        transformer = columns(FunctionTransformer(), OneHotEncoder(handle_unknown="ignore"), sparse_threshold=threshold)
        model = RandomForestRegressor(10, random_state=0)
        pipeline = make_pipeline(transformer, clone(scaler), model).fit(train, target_of(train, 0))
        full = [{**feature, "nullable": False} for feature in FEATURES]
        compiled = compile_pipeline(pipeline, full)
        assert [step.op for step in compiled.steps][1] == ("rescale" if threshold else "standardize")
        # The scaled numbers themselves, bit by bit.
        loaded = load(compiled, tmp_path)
        for at, row in enumerate(engine_rows(new)):
            mine: Any = row
            for transform in loaded._transformers:
                mine = transform(mine)
            theirs = pipeline[:-1].transform(new.iloc[at : at + 1])
            assert list(mine) == np.asarray(theirs.todense() if threshold else theirs).ravel().tolist()


def test_every_form_of_column_selection_agrees(tmp_path: Path) -> None:
    train, new = table(200, 13), table(40, 14)
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    choices: list[tuple[list[Any], Any]] = [
        ([("numbers", "passthrough", NUMBERS), ("words", ordinal, WORDS)], "drop"),
        ([("words", ordinal, [1, -3])], "passthrough"),
        ([("first", SimpleImputer(), slice(2, 4)), ("words", ordinal, slice("plan", "plan"))], "drop"),
        ([("words", ordinal, [False, True, False, False, True, False, False])], SimpleImputer()),
        ([("words", ordinal, make_column_selector(dtype_exclude="number"))], "passthrough"),
        ([("words", ordinal, lambda frame: ["plan"]), ("none", StandardScaler(), [])], "drop"),
        ([("gone", "drop", ["city", "plan"]), ("empty", "passthrough", np.zeros(7, dtype=bool))], "passthrough"),
        ([("twice", "passthrough", ["day", "age"]), ("again", MinMaxScaler(), ["age", "ratio"])], "drop"),
    ]
    for transformers, remainder in choices:
        pipeline = make_pipeline(
            ColumnTransformer(transformers, remainder=remainder), DecisionTreeClassifier(random_state=0)
        ).fit(train, target_of(train, 3))
        check(pipeline, new, tmp_path)


def test_nested_pipelines_and_column_transformers_agree(tmp_path: Path) -> None:
    train, new = table(200, 15), table(40, 16, cities=20)
    words = Pipeline(
        [
            ("nothing", None),
            ("filled", SimpleImputer(strategy="most_frequent")),
            ("same", FunctionTransformer()),
            ("each", ColumnTransformer([("one", OneHotEncoder(handle_unknown="ignore"), [0])], remainder="drop")),
            ("idle", "passthrough"),
        ]
    )
    inner = ColumnTransformer([("scaled", StandardScaler(), ["age", "income"])], remainder="passthrough")
    numbers = make_pipeline(inner, SimpleImputer(add_indicator=True))
    last = make_pipeline(MaxAbsScaler(), make_pipeline(RandomForestClassifier(5, random_state=0)))
    pipeline = make_pipeline(columns(numbers, words), "passthrough", last).fit(train, target_of(train, 4))
    compiled = check(pipeline, new, tmp_path)
    assert [step.op for step in compiled.steps] == ["columns", "standardize", "forest"]


def test_text_and_numbers_of_one_block_agree(tmp_path: Path) -> None:
    train, new = table(200, 17), table(60, 18, cities=14)
    together = make_pipeline(
        SimpleImputer(strategy="most_frequent", add_indicator=True),
        OneHotEncoder(handle_unknown="ignore", min_frequency=3),
    )
    transformer = ColumnTransformer([("together", together, ["city", "paid", "plan"])])
    pipeline = make_pipeline(transformer, DecisionTreeClassifier(random_state=0)).fit(train, target_of(train, 2))
    check(pipeline, new, tmp_path)


def test_encoded_numbers_agree(tmp_path: Path) -> None:
    train, new = table(200, 19), table(40, 20)
    for encoder in (
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(drop=[NAN, 0.0], handle_unknown="ignore"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-5),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-5, encoded_missing_value=-6),
    ):
        transformer = ColumnTransformer([("encoded", encoder, ["age", "paid"])], remainder="drop")
        pipeline = make_pipeline(transformer, DecisionTreeClassifier(random_state=0)).fit(train, target_of(train, 2))
        check(pipeline, new, tmp_path)


def test_a_column_of_a_thousand_categories_agrees(tmp_path: Path) -> None:
    train, new = table(3000, 21, cities=1000), table(60, 22, cities=1200)
    for encoder in (
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=100),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    ):
        pipeline = make_pipeline(columns(SimpleImputer(), encoder), RandomForestClassifier(3, random_state=0))
        check(pipeline.fit(train, target_of(train, 2)), new, tmp_path)


def test_compiling_an_encoder_does_not_change_the_pipeline(tmp_path: Path) -> None:
    train = table(100, 1, gaps=False)
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).set_output(transform="pandas")
    numbers = SimpleImputer().set_output(transform="pandas")
    transformer = columns(numbers, encoder).set_output(transform="pandas")
    pipeline = make_pipeline(transformer, DecisionTreeClassifier(random_state=0)).fit(train, target_of(train, 2))
    before = pipeline[:-1].transform(train)
    check(pipeline, train.iloc[:20], tmp_path)
    assert not pipeline[0].named_transformers_["words"].sparse_output
    pd.testing.assert_frame_equal(pipeline[:-1].transform(train), before)


def test_a_model_that_was_fitted_on_an_array_agrees(tmp_path: Path) -> None:
    train = table(200, 23)[NUMBERS]
    rows = train.to_numpy()
    three = [{"name": name, "kind": "number", "nullable": True} for name in NUMBERS]
    transformer = ColumnTransformer([("some", SimpleImputer(), [0, 1, 4])], remainder=StandardScaler())
    pipeline = make_pipeline(transformer, RandomForestClassifier(5, random_state=0))
    target = target_of(table(200, 23), 2)
    pipeline.fit(rows, target)
    loaded = load(compile_pipeline(pipeline, three), tmp_path)
    for example in reference_answers.examples(pipeline, rows[:50], [tuple(row) for row in rows[:50].tolist()]):
        assert_answer(loaded.predict(list(example.features)), example, exact=True)
    # Fitted on float32, as scikit-learn then learns float32 statistics.
    narrow = make_pipeline(SimpleImputer(), RobustScaler(), DecisionTreeRegressor(random_state=0))
    narrow.fit(rows.astype(np.float32), target)
    loaded = load(compile_pipeline(narrow, three), tmp_path)
    for example in reference_answers.examples(narrow, rows[:50], [tuple(row) for row in rows[:50].tolist()]):
        assert_answer(loaded.predict(list(example.features)), example, exact=True)


def test_a_single_block_over_all_columns_is_compiled_to_its_plain_steps() -> None:
    train = table(100, 1, gaps=False)[NUMBERS]
    five = [{"name": name, "kind": "number", "nullable": False} for name in NUMBERS]
    target = target_of(table(100, 1, gaps=False), 2)
    transformer = ColumnTransformer([("numbers", StandardScaler(), NUMBERS)])
    pipeline = make_pipeline(transformer, RandomForestClassifier(5, random_state=0)).fit(train, target)
    plain = make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)).fit(train, target)
    assert compile_pipeline(pipeline, five).to_bytes() == compile_pipeline(plain, five).to_bytes()


@pytest.mark.parametrize("classes", [0, 3])
def test_the_package_with_generated_code_is_exact_on_rows_with_and_without_gaps(classes: int) -> None:
    train, new = table(300, 24), table(50, 25, cities=15)
    model = RandomForestClassifier(9, random_state=0) if classes else RandomForestRegressor(9, random_state=0)
    words = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    pipeline = make_pipeline(columns("passthrough", words), model).fit(train, target_of(train, classes))
    compiled = compile_pipeline(pipeline, FEATURES)
    source = generate(compiled)
    assert source is not None
    # As if the dates were numbers: a request holds them as text, which test_handler proves.
    features = [
        {**each, "kind": "number" if each["kind"] in ("boolean", "date") else each["kind"]} for each in FEATURES
    ]
    requests = [tuple(None if value != value else value for value in row) for row in engine_rows(new)]
    examples = reference_answers.examples(pipeline, new, requests)
    labels: list[Any] = [True, False, "x"] if classes else []
    for generated in (source, None):
        package = package_of(compiled, features, labels or None, generated)
        assert proof.first_difference(package, examples, labels, "exact") is None


REFUSED: dict[str, tuple[Any, str]] = {
    "function": (
        columns(FunctionTransformer(np.nan_to_num), "drop"),
        r"FunctionTransformer \(step 'prepare > numbers'\) calls numpy.nan_to_num; NumPy's functions of one number are",
    ),
    "weights": (
        columns(SimpleImputer(), OneHotEncoder(dtype=np.int8), transformer_weights={"words": 2.0}),
        r"ColumnTransformer \(step 'prepare'\) has a weight for numbers of int8; one for float64 is supported",
    ),
    "missing value": (
        columns(SimpleImputer(missing_values=pd.NA), "drop"),
        r"SimpleImputer \(step 'prepare > numbers'\) uses <NA> for missing values; NaN, text and numbers are supported",
    ),
    "narrow": (
        columns("drop", OneHotEncoder(dtype=np.float32)),
        r"DecisionTreeClassifier \(step 'model'\) takes numbers of float32; float64 and integers are supported",
    ),
    "nested": (
        columns(make_pipeline(SimpleImputer(), FunctionTransformer(np.nan_to_num)), "drop"),
        r"FunctionTransformer \(step 'prepare > numbers > functiontransformer'\)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_pipeline_that_does_not_compile_gives_the_part_and_the_reason(case: str) -> None:
    transformer, message = REFUSED[case]
    train = table(60, 1, gaps=False)
    pipeline = Pipeline([("prepare", clone(transformer)), ("model", DecisionTreeClassifier())])
    with pytest.raises(NotPortableError, match=message):
        compile_pipeline(pipeline.fit(train, target_of(train, 2)), FEATURES)


def test_numbers_that_scikit_learn_reads_out_of_text_are_refused() -> None:
    rows = pd.DataFrame({"code": pd.Series(["1", "2", "3", "4"] * 5, dtype=object)})
    features = [{"name": "code", "kind": "category", "nullable": False}]
    target = [0, 1, 1, 0] * 5
    for parts in (
        [StandardScaler(), DecisionTreeClassifier()],
        [DecisionTreeClassifier()],
        [SimpleImputer(), DecisionTreeClassifier()],
    ):
        pipeline = make_pipeline(*parts).fit(rows, target)
        with pytest.raises(NotPortableError, match="takes columns of text as numbers"):
            compile_pipeline(pipeline, features)
    passed = ColumnTransformer([("passed", "passthrough", ["code"])], sparse_threshold=1.0)
    pipeline = make_pipeline(passed, LinearRegression()).fit(rows, target)
    with pytest.raises(NotPortableError, match=r"LinearRegression .* takes columns of text as numbers"):
        compile_pipeline(pipeline, features)


def test_none_as_a_category_is_refused() -> None:
    rows = np.array([["a"], ["b"], [None], ["a"]], dtype=object)
    pipeline = make_pipeline(OneHotEncoder(), DecisionTreeClassifier()).fit(rows, [0, 1, 0, 1])
    with pytest.raises(NotPortableError, match="has None as a category"):
        compile_pipeline(pipeline, [{"name": "x", "kind": "category", "nullable": True}])


def test_columns_in_another_order_are_refused() -> None:
    train = table(60, 1, gaps=False)
    pipeline = make_pipeline(columns(StandardScaler(), OrdinalEncoder()), Lasso()).fit(train, target_of(train, 0))
    with pytest.raises(NotPortableError, match="the same columns in another order"):
        compile_pipeline(pipeline, FEATURES[::-1])
