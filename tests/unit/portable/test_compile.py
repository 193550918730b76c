"""Compiled pipelines predict like scikit-learn, others give a reason, and broken files are refused."""

import importlib
import json
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load as safetensors_load
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine, make_classification
from sklearn.decomposition import KernelPCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from mlctl.packaging import archive, build, proof
from mlctl.portable.codegen import generator
from mlctl.portable.codegen.generator import MAX_DEPTH, generate
from mlctl.portable.codegen.nodes import as_lists
from mlctl.portable.compile import compile_pipeline
from mlctl.portable.ir.program import NotPortableError, PortableModel, Step
from mlctl.registry.answers import CLOSE, Example
from mlctl.training import reference_answers
from tests.parity.forms import answers, forms
from tests.support.grids import diagonal

SCALERS = {
    "standard": StandardScaler(),
    "no-mean": StandardScaler(with_mean=False),
    "no-std": StandardScaler(with_std=False),
    "neither": StandardScaler(with_mean=False, with_std=False),
    "minmax": MinMaxScaler(),
    "minmax-clip": MinMaxScaler(feature_range=(-1, 2), clip=True),
    "max-abs": MaxAbsScaler(),
    "robust": RobustScaler(),
    "robust-no-center": RobustScaler(with_centering=False),
    "robust-no-scale": RobustScaler(with_scaling=False),
    "none": None,
}
MODELS = {
    "tree": DecisionTreeClassifier(random_state=0),
    "stump": DecisionTreeClassifier(max_depth=1, random_state=0),
    "extra-tree": ExtraTreeClassifier(random_state=0),
    "forest": RandomForestClassifier(n_estimators=20, random_state=0),
    "weighted-forest": RandomForestClassifier(n_estimators=7, class_weight="balanced", max_depth=3, random_state=0),
    "extra-trees": ExtraTreesClassifier(n_estimators=20, random_state=0, n_jobs=2),
    "logistic": LogisticRegression(max_iter=2000),
    "logistic-no-intercept": LogisticRegression(max_iter=2000, fit_intercept=False),
}


REGRESSORS = {
    "tree": DecisionTreeRegressor(random_state=0),
    "tree-absolute": DecisionTreeRegressor(criterion="absolute_error", max_depth=4, random_state=0),
    "tree-poisson": DecisionTreeRegressor(criterion="poisson", random_state=0),
    "extra-tree": ExtraTreeRegressor(random_state=0),
    "forest": RandomForestRegressor(n_estimators=20, random_state=0),
    "extra-trees": ExtraTreesRegressor(n_estimators=20, random_state=0, n_jobs=2),
    "linear": LinearRegression(),
    "ridge": Ridge(fit_intercept=False),
    "lasso": Lasso(alpha=0.1),
    "elastic-net": ElasticNet(alpha=0.1),
}
SETS = {"breast_cancer": load_breast_cancer, "digits": load_digits, "iris": load_iris, "wine": load_wine}
SLOW = {"digits": pytest.mark.slow}


def fitted(scaler: Any, model: Any, rows: Any, target: Any) -> Pipeline:
    steps = ([("scaler", scaler)] if scaler is not None else []) + [("model", model)]
    return Pipeline(steps).fit(rows, target)


def numbers(count: int) -> list[dict[str, Any]]:
    """The schema's entries of ``count`` columns of numbers."""
    return [{"name": f"x{position}", "kind": "number", "nullable": False} for position in range(count)]


def load(model: PortableModel, folder: Path) -> Any:
    """The handler's engine on a compiled pipeline, in this process."""
    (folder / "model.safetensors").write_bytes(model.to_bytes())
    engine = importlib.import_module("handler.engine")
    return engine.load(folder / "model.safetensors", n_features=model.n_features)


def examples_of(pipeline: Pipeline, rows: Any) -> list[Example]:
    """scikit-learn's answers to rows of numbers."""
    return reference_answers.examples(pipeline, rows, [tuple(row) for row in rows.tolist()])


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    """A function that loads a compiled pipeline."""
    return lambda model: load(model, tmp_path)


def assert_answer(predicted: Any, example: Example, exact: bool) -> None:
    """One row's answer of the engine is that of the example."""
    want: tuple[float, ...] | None
    if example.answer.value is not None:
        got, want = [predicted], (example.answer.value,)
    else:
        (index, got), want = predicted, example.answer.probabilities
        assert index == example.answer.index
    assert want is not None
    if exact:
        assert tuple(got) == want
    else:
        assert got == pytest.approx(want, rel=0, abs=CLOSE * max(map(abs, want)))


def assert_parity(predict: Any, examples: list[Example], exact: bool) -> None:
    for example in examples:
        assert_answer(predict(list(example.features)), example, exact)


def generated_forest(model: PortableModel) -> Any:
    """The forest as generated code."""
    source = generate(model)
    assert source is not None
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    return namespace["sums"]


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
@pytest.mark.parametrize(("scaler", "model", "source"), diagonal(SCALERS, MODELS, ("iris", "breast_cancer")))
def test_every_supported_scaler_and_model_agrees_with_scikit_learn(
    engine: Any, scaler: str, model: str, source: str
) -> None:
    rows, target = SETS[source](return_X_y=True)
    pipeline = fitted(SCALERS[scaler], MODELS[model], rows, target)
    compiled = compile_pipeline(pipeline, numbers(rows.shape[1]))
    assert compiled.parity == ("close" if model.startswith("logistic") else "exact")
    assert_parity(engine(compiled).predict, examples_of(pipeline, rows[::9]), compiled.parity == "exact")


@pytest.mark.parametrize(("scaler", "model"), diagonal(["none", "standard", "minmax-clip", "robust"], REGRESSORS))
def test_every_supported_regressor_agrees_with_scikit_learn(engine: Any, scaler: str, model: str) -> None:
    rows, target = load_diabetes(return_X_y=True)
    pipeline = fitted(SCALERS[scaler], REGRESSORS[model], rows, target)
    compiled = compile_pipeline(pipeline, numbers(rows.shape[1]))
    assert compiled.parity == ("exact" if "tree" in model or "forest" in model else "close")
    assert_parity(engine(compiled).predict, examples_of(pipeline, rows[::5]), compiled.parity == "exact")


@pytest.mark.parametrize("model", [RandomForestClassifier, RandomForestRegressor])
def test_rows_at_a_threshold_take_the_same_branch_as_in_scikit_learn(engine: Any, model: Any) -> None:
    data, target = load_iris(return_X_y=True)
    pipeline = fitted(None, model(n_estimators=10, random_state=0), data, target)
    trees = [tree.tree_ for tree in pipeline[-1].estimators_]
    thresholds = np.concatenate([tree.threshold[tree.children_left != -1] for tree in trees])[:200]
    features = np.concatenate([tree.feature[tree.children_left != -1] for tree in trees])[:200]
    rows = np.repeat(data[:1], 5 * len(thresholds), axis=0)
    for number, (threshold, feature) in enumerate(zip(thresholds, features, strict=True)):
        near = np.float32(threshold)
        edges = [
            threshold,
            np.nextafter(threshold, np.inf),
            near,
            np.nextafter(near, np.float32(9)),
            (near + threshold) / 2,
        ]
        rows[number * 5 : number * 5 + 5, feature] = edges
    compiled = compile_pipeline(pipeline, numbers(4))
    examples = examples_of(pipeline, rows)
    assert_parity(engine(compiled).predict, examples, exact=True)
    forest = generated_forest(compiled)
    for example in examples[::7]:
        row = np.array(example.features, dtype=np.float32).astype(float).tolist()
        found = tuple(total / 10 for total in forest(row))
        assert found == (example.answer.probabilities or (example.answer.value,))


@pytest.mark.parametrize("source", [pytest.param(name, marks=SLOW.get(name, ())) for name in SETS])
def test_the_package_of_every_built_in_set_is_exact_on_every_row(source: str) -> None:
    rows, target = SETS[source](return_X_y=True)
    pipeline = fitted(StandardScaler(), RandomForestClassifier(n_estimators=10, random_state=1), rows, target)
    compiled = compile_pipeline(pipeline, numbers(rows.shape[1]))
    labels = pipeline.classes_.tolist()
    package = package_of(compiled, numbers(rows.shape[1]), labels, generated=generate(compiled))
    assert proof.first_difference(package, examples_of(pipeline, rows), labels, "exact") is None


def test_the_package_of_a_regression_is_exact_on_every_row() -> None:
    rows, target = load_diabetes(return_X_y=True)
    pipeline = fitted(StandardScaler(), RandomForestRegressor(n_estimators=10, random_state=1), rows, target)
    compiled = compile_pipeline(pipeline, numbers(rows.shape[1]))
    source = generate(compiled)
    assert source is not None
    for generated in (source, None):
        package = package_of(compiled, numbers(rows.shape[1]), None, generated=generated)
        assert proof.first_difference(package, examples_of(pipeline, rows), [], "exact") is None


def test_the_package_runs_in_a_clean_python_from_an_empty_folder_on_every_iris_row(
    iris_package: build.Package, iris: Any, tmp_path: Path
) -> None:
    zipfile.ZipFile(BytesIO(iris_package.zip)).extractall(tmp_path / "code")
    (tmp_path / "empty").mkdir()
    rows = load_iris().data
    script = (
        "import sys, json; sys.path.insert(0, sys.argv[1])\n"
        "from handler.app import SERVICE\n"
        "tops = {name.partition('.')[0] for name in sys.modules}\n"
        "foreign = sorted(tops - sys.stdlib_module_names - {'handler', '__main__'})\n"
        # What a schema of numbers has no use for, and would slow a cold start down.
        "slow = {'datetime', 'pathlib', 'typing', 'handler.kinds', 'handler.ops.encoding'}\n"
        "foreign += sorted(slow & set(sys.modules))\n"
        "print(json.dumps([foreign, [SERVICE.model.predict(row) for row in json.load(sys.stdin)]]))"
    )
    finished = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, str(tmp_path / "code")],
        input=json.dumps(rows.tolist()),
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path / "empty",
    )
    foreign, got = json.loads(finished.stdout)
    assert foreign == []
    frame = pd.DataFrame(rows, columns=[feature["name"] for feature in iris.read_json("schema.json")["features"]])
    want = reference_answers.examples(iris.load_pipeline(), frame, [tuple(row) for row in rows.tolist()])
    assert len(got) == 150
    assert [(index, tuple(numbers)) for index, numbers in got] == [
        (example.answer.index, example.answer.probabilities) for example in want
    ]


def package_of(
    model: PortableModel, features: list[dict[str, Any]], labels: list[Any] | None, generated: str | None = None
) -> bytes:
    """A zip of the handler and a model, under a schema that warns of nothing; ``labels`` None: a regression."""
    wide: dict[str, dict[str, Any]] = {
        "number": {"min": None, "max": None},
        "category": {"values": [], "counts": []},
        "date": {"min": None, "max": None},
    }
    known = [{**wide.get(each["kind"], {"true": 1, "false": 1}), **each} for each in features]
    target: dict[str, Any] = {"name": "t"}
    if labels is not None:
        target |= {"labels": labels, "class_names": [str(label) for label in labels]}
    schema = {"features": known, "target": target, "task": "regression" if labels is None else "multiclass"}
    files = build.layout(
        {"version": "v", "project": "p", "estimator": "e", "parity": model.parity},
        {
            "schema.json": json.dumps(schema).encode(),
            "metrics.json": b"{}",
            build.PORTABLE_FILE: model.to_bytes(),
        },
        generated=generated.encode() if generated else None,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
    )
    return archive.write(files)


def test_scaled_values_beyond_float32_are_refused_as_scikit_learn_refuses_them(handler_app: Any) -> None:
    body = json.dumps({"features": [3e38, 3.5, 1.4, 0.2]})
    event = {"rawPath": "/predict", "requestContext": {"http": {"method": "POST"}}, "body": body}
    response = handler_app.lambda_handler(event, None)
    assert response["statusCode"] == 422
    error = json.loads(response["body"])["error"]
    assert error["message"] == (
        "sepal_length (position 0) is too large for the model: after scaling it exceeds float32."
    )
    assert error["details"][0]["position"] == 0


def test_a_row_that_a_scaler_makes_infinite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).normal(-3, 1, (60, 1))
    pipeline = make_pipeline(FunctionTransformer(np.exp), StandardScaler(), DecisionTreeRegressor(max_depth=3))
    found, _ = forms(compile_pipeline(pipeline.fit(rows, rows[:, 0]), numbers(1)), monkeypatch)
    known = pipeline.predict([[-3.0]])[0], pipeline.predict([[2.0]])[0]
    for form in found.values():
        assert answers(form, [[-3.0], [2.0], [709.7]]) == [
            *known,
            "is too large for the model: after scaling it exceeds float32",
        ]


def test_a_pipeline_that_does_not_compile_names_the_part_and_the_reason() -> None:
    rows, target = load_iris(return_X_y=True)
    four = numbers(4)
    because = "it computes with the training rows that it keeps; not implemented"
    with pytest.raises(NotPortableError, match=rf"SVC \(step 'model'\) is not supported: {because}$"):
        compile_pipeline(fitted(StandardScaler(), SVC(), rows, target), four)
    with pytest.raises(NotPortableError, match=r"KernelPCA \(step 'scaler'\) is not supported"):
        compile_pipeline(fitted(KernelPCA(2), DecisionTreeClassifier(), rows, target), four)
    with pytest.raises(NotPortableError, match="no model at its end"):
        compile_pipeline(Pipeline([("scaler", StandardScaler().fit(rows))]), four)
    with pytest.raises(NotPortableError, match="the pipeline expects 4 columns but gets 3"):
        compile_pipeline(fitted(None, DecisionTreeClassifier(), rows, target), numbers(3))


def test_a_subclass_does_not_compile_like_its_parent() -> None:
    class Own(DecisionTreeClassifier):  # type: ignore[misc]  # scikit-learn ships no types
        pass

    because = "it is a class of tests, and only scikit-learn's own classes compile"
    with pytest.raises(NotPortableError, match=rf"Own \(step 'model'\) is not supported: {because}$"):
        compile_pipeline(fitted(None, Own(), *load_iris(return_X_y=True)), numbers(4))


def test_the_safetensors_package_reads_the_same_tensors(tmp_path: Path) -> None:
    rows, target = load_iris(return_X_y=True)
    compiled = compile_pipeline(fitted(StandardScaler(), RandomForestClassifier(5), rows, target), numbers(4))
    theirs = safetensors_load(compiled.to_bytes())
    (tmp_path / "model").write_bytes(compiled.to_bytes())
    metadata, ours = importlib.import_module("handler.safetensors").read(tmp_path / "model")
    assert set(theirs) == set(ours)
    for name, tensor in theirs.items():
        assert tensor.reshape(-1).tolist() == ours[name].tolist()
    assert metadata["mlctl.format"] == "3"
    assert compiled.to_bytes() == compiled.to_bytes()


def test_forests_too_large_or_too_deep_are_not_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    features, target = make_classification(3000, 8, flip_y=0.4, random_state=0)
    forest = Pipeline([("model", RandomForestClassifier(2, random_state=0))]).fit(features, target)
    compiled = compile_pipeline(forest, numbers(8))
    nodes = len(compiled.steps[-1].tensors["feature"])
    monkeypatch.setattr(generator, "MAX_NODES", nodes)
    assert generate(compiled) is not None
    monkeypatch.setattr(generator, "MAX_NODES", nodes - 1)
    assert generate(compiled) is None
    assert generate(comb(MAX_DEPTH + 10)) is None
    assert generate(comb(10)) is not None


def test_generated_code_needs_no_rounded_row() -> None:
    """Its thresholds part float64 numbers as float32 rounding and the threshold of the arrays do."""
    bits = np.random.default_rng(0).integers(0, 2**32, size=20_000, dtype=np.uint32).view(np.float32)
    edges = [0.0, -0.0, 1.0, np.finfo("f4").max, -np.finfo("f4").max, 1e-45, -1e-45, np.inf]
    single = np.concatenate([bits[np.isfinite(bits)], np.array(edges, dtype=np.float32)])
    step = Step(op="forest", parity="exact", params={}, tensors={"threshold": single})
    widest = np.array(as_lists(step)["threshold"])
    with np.errstate(over="ignore"):
        assert (widest.astype(np.float32) <= single).all()
        assert ((np.nextafter(widest, np.inf).astype(np.float32) > single) | np.isinf(single)).all()


def comb(depth: int) -> PortableModel:
    """A tree whose every right child is a leaf's sibling: as deep as it has inner nodes."""
    inner = np.arange(0, 2 * depth, 2)
    feature = np.full(2 * depth + 1, -1, dtype="<i2")
    skip = np.zeros(2 * depth + 1, dtype="<u4")
    feature[inner], skip[inner] = 0, 1
    tensors = {
        "threshold": np.arange(2 * depth + 1, dtype="<f4"),
        "values": np.array([[0.5, 0.5]]),
        "feature": feature,
        "skip": skip,
        "roots": np.zeros(1, dtype="<u4"),
    }
    params = {"n_trees": 1, "n_classes": [2], "n_features": 1, "missing": None}
    step = Step(op="forest", parity="exact", params=params, tensors=tensors)
    return PortableModel(n_features=1, steps=(step,))


def test_every_truncation_and_a_changed_byte_of_the_header_is_refused(engine: Any, tmp_path: Path) -> None:
    handler = importlib.import_module("handler.engine")
    pipeline = fitted(StandardScaler(), DecisionTreeClassifier(random_state=0), *load_iris(return_X_y=True))
    whole = compile_pipeline(pipeline, numbers(4)).to_bytes()
    path = tmp_path / "broken"
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"."):
            handler.load(path, n_features=4)
    header = int.from_bytes(whole[:8], "little")
    for position in range(8 + header):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        try:
            model = handler.load(path, n_features=4)
        except ValueError:
            continue
        # What is still a well-formed model (a space more, another tensor's name) must at least end.
        model.predict([1.0, 1.0, 1.0, 1.0])


def test_a_tree_that_points_out_of_its_arrays_is_refused(tmp_path: Path) -> None:
    handler = importlib.import_module("handler.engine")
    pipeline = fitted(None, DecisionTreeClassifier(random_state=0), *load_iris(return_X_y=True))
    good = compile_pipeline(pipeline, numbers(4))
    for name, at, value in [
        ("skip", 0, 10_000),
        ("skip", -1, 10_000),
        ("feature", 0, 4),
        ("feature", -1, 0),
        ("roots", 0, 10_000),
    ]:
        tensors = {key: tensor.copy() for key, tensor in good.steps[0].tensors.items()}
        tensors[name][at] = value
        step = type(good.steps[0])(op="forest", parity="exact", params=good.steps[0].params, tensors=tensors)
        path = tmp_path / "model"
        path.write_bytes(PortableModel(n_features=4, steps=(step,)).to_bytes())
        with pytest.raises(ValueError, match=r"points outside its arrays|an ensemble needs trees"):
            handler.load(path, n_features=4)
