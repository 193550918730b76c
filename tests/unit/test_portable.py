"""Compiled pipelines answer as scikit-learn does; what does not compile says why; broken files are refused."""

import importlib
import json
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as safetensors_load
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from mlctl.data import builtin
from mlctl.data.dataset import Dataset
from mlctl.model import reference
from mlctl.model.answers import CLOSE, Example
from mlctl.packaging import archive, build, parity
from mlctl.portable.codegen import MAX_DEPTH, generate
from mlctl.portable.compile import compile_pipeline
from mlctl.portable.program import NotPortableError, PortableModel, Step

SCALERS = {
    "standard": StandardScaler(),
    "no-mean": StandardScaler(with_mean=False),
    "no-std": StandardScaler(with_std=False),
    "neither": StandardScaler(with_mean=False, with_std=False),
    "minmax": MinMaxScaler(),
    "minmax-clip": MinMaxScaler(feature_range=(-1, 2), clip=True),
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


def fitted(scaler: Any, model: Any, dataset: Dataset) -> Pipeline:
    steps = ([("scaler", scaler)] if scaler is not None else []) + [("model", model)]
    return Pipeline(steps).fit(dataset.features, dataset.target)


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    """The handler's engine on a compiled pipeline, in this process."""
    handler = importlib.import_module("handler.engine")

    def load(model: PortableModel) -> Any:
        (tmp_path / "model.safetensors").write_bytes(model.to_bytes())
        return handler.load(tmp_path / "model.safetensors", n_features=model.n_features)

    return load


def assert_parity(predict: Any, examples: list[Example], exact: bool) -> None:
    for example in examples:
        index, probabilities = predict(list(example.features))
        want = example.answer.probabilities
        assert want is not None
        assert index == example.answer.index
        if exact:
            assert tuple(probabilities) == want
        else:
            assert probabilities == pytest.approx(want, rel=0, abs=CLOSE * max(want))


def generated_forest(model: PortableModel) -> Any:
    """The forest as generated code."""
    source = generate(model)
    assert source is not None
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    return namespace["forest"]


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
@pytest.mark.parametrize("scaler", SCALERS)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("source", ["iris", "breast_cancer"])
def test_every_supported_pair_agrees_with_scikit_learn(engine: Any, scaler: str, model: str, source: str) -> None:
    dataset = builtin.load(source)
    pipeline = fitted(SCALERS[scaler], MODELS[model], dataset)
    compiled = compile_pipeline(pipeline, dataset.features.shape[1])
    assert compiled.parity == ("close" if model.startswith("logistic") else "exact")
    examples = reference.examples(pipeline, dataset.features[::3])
    assert_parity(engine(compiled).predict, examples, compiled.parity == "exact")


def test_rows_on_a_threshold_go_where_scikit_learn_sends_them(engine: Any) -> None:
    dataset = builtin.load("iris")
    pipeline = fitted(None, RandomForestClassifier(n_estimators=10, random_state=0), dataset)
    trees = [tree.tree_ for tree in pipeline[-1].estimators_]
    thresholds = np.concatenate([tree.threshold[tree.children_left != -1] for tree in trees])[:200]
    features = np.concatenate([tree.feature[tree.children_left != -1] for tree in trees])[:200]
    rows = np.repeat(dataset.features[:1], 5 * len(thresholds), axis=0)
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
    compiled = compile_pipeline(pipeline, 4)
    examples = reference.examples(pipeline, rows)
    assert_parity(engine(compiled).predict, examples, exact=True)
    forest = generated_forest(compiled)
    for example in examples[::7]:
        row = np.array(example.features, dtype=np.float32).astype(float).tolist()
        assert tuple(total / 10 for total in forest(row)) == example.answer.probabilities


@pytest.mark.parametrize("source", builtin.NAMES)
def test_the_package_of_every_built_in_set_is_exact_on_every_row(source: str) -> None:
    dataset = builtin.load(source)
    pipeline = fitted(StandardScaler(), RandomForestClassifier(n_estimators=10, random_state=1), dataset)
    compiled = compile_pipeline(pipeline, dataset.features.shape[1])
    package = package_of(compiled, dataset, generated=generate(compiled))
    examples = reference.examples(pipeline, dataset.features)
    assert parity.first_difference(package, examples, dataset.labels, "exact") is None


def test_the_package_runs_in_a_clean_python_from_an_empty_folder_on_every_iris_row(
    iris_package: build.Package, iris: Any, tmp_path: Path
) -> None:
    zipfile.ZipFile(BytesIO(iris_package.zip)).extractall(tmp_path / "code")
    (tmp_path / "empty").mkdir()
    dataset = builtin.load("iris")
    script = (
        "import sys, json; sys.path.insert(0, sys.argv[1])\n"
        "from handler.app import SERVICE\n"
        "tops = {name.partition('.')[0] for name in sys.modules}\n"
        "foreign = sorted(tops - sys.stdlib_module_names - {'handler', '__main__'})\n"
        "print(json.dumps([foreign, [SERVICE.model.predict(row) for row in json.load(sys.stdin)]]))"
    )
    finished = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, str(tmp_path / "code")],
        input=json.dumps(dataset.features.tolist()),
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path / "empty",
    )
    foreign, got = json.loads(finished.stdout)
    assert foreign == []
    want = reference.examples(iris.load_pipeline(), dataset.features)
    assert len(got) == 150
    assert [(index, tuple(numbers)) for index, numbers in got] == [
        (example.answer.index, example.answer.probabilities) for example in want
    ]


def package_of(model: PortableModel, dataset: Dataset, generated: str | None) -> bytes:
    features = [{"name": name, "kind": "number", "min": -1e30, "max": 1e30} for name in dataset.feature_names]
    target = {"name": "t", "labels": list(dataset.labels), "class_names": list(dataset.class_names)}
    files = build.layout(
        {"version": "v", "project": "p", "estimator": "e", "parity": model.parity},
        {
            "schema.json": json.dumps({"features": features, "target": target}).encode(),
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
    assert error["message"] == ("sepal_length (position 0) is too large for the model: once scaled it leaves float32.")
    assert error["details"][0]["position"] == 0


def test_a_pipeline_that_does_not_compile_names_the_part_and_the_reason() -> None:
    dataset = builtin.load("iris")
    with pytest.raises(NotPortableError, match=r"SVC \(step 'model'\) is not supported"):
        compile_pipeline(fitted(StandardScaler(), SVC(), dataset), 4)
    with pytest.raises(NotPortableError, match=r"Normalizer \(step 'scaler'\) is not supported"):
        compile_pipeline(fitted(Normalizer(), DecisionTreeClassifier(), dataset), 4)
    two = DecisionTreeClassifier().fit(dataset.features, np.column_stack([dataset.target, dataset.target]))
    with pytest.raises(NotPortableError, match="predicts 2 outputs"):
        compile_pipeline(Pipeline([("model", two)]), 4)


def test_a_subclass_is_not_taken_for_its_parent() -> None:
    class Own(DecisionTreeClassifier):  # type: ignore[misc]  # scikit-learn ships no types
        pass

    with pytest.raises(NotPortableError, match="Own"):
        compile_pipeline(fitted(None, Own(), builtin.load("iris")), 4)


def test_the_safetensors_package_reads_the_file_alike(tmp_path: Path) -> None:
    dataset = builtin.load("iris")
    compiled = compile_pipeline(fitted(StandardScaler(), RandomForestClassifier(5), dataset), 4)
    theirs = safetensors_load(compiled.to_bytes())
    (tmp_path / "model").write_bytes(compiled.to_bytes())
    metadata, ours = importlib.import_module("handler.safetensors").read(tmp_path / "model")
    assert set(theirs) == set(ours)
    for name, tensor in theirs.items():
        assert tensor.reshape(-1).tolist() == ours[name].tolist()
    assert metadata["mlctl.format"] == "1"
    assert compiled.to_bytes() == compiled.to_bytes()


def test_forests_too_large_or_too_deep_are_not_generated() -> None:
    features, target = make_classification(3000, 8, flip_y=0.4, random_state=0)
    large = Pipeline([("model", RandomForestClassifier(20, random_state=0))]).fit(features, target)
    assert generate(compile_pipeline(large, 8)) is None
    assert generate(comb(MAX_DEPTH + 10)) is None
    assert generate(comb(10)) is not None


def comb(depth: int) -> PortableModel:
    """A tree whose every right child is a leaf's sibling: as deep as it has inner nodes."""
    inner = np.arange(0, 2 * depth, 2)
    feature = np.full(2 * depth + 1, -1, dtype="<i4")
    child = np.zeros(2 * depth + 1, dtype="<u4")
    feature[inner], child[inner] = 0, inner + 1
    tensors = {
        "threshold": np.arange(2 * depth + 1, dtype="<f8"),
        "values": np.array([[0.5, 0.5]]),
        "feature": feature,
        "child": child,
        "roots": np.zeros(1, dtype="<u4"),
    }
    step = Step(op="forest", parity="exact", params={"n_trees": 1, "n_classes": 2}, tensors=tensors)
    return PortableModel(n_features=1, steps=(step,))


def test_every_truncation_and_a_changed_byte_of_the_header_is_refused(engine: Any, tmp_path: Path) -> None:
    handler = importlib.import_module("handler.engine")
    dataset = builtin.load("iris")
    whole = compile_pipeline(fitted(StandardScaler(), DecisionTreeClassifier(random_state=0), dataset), 4).to_bytes()
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


def test_a_tree_that_points_back_or_out_of_its_arrays_is_refused(tmp_path: Path) -> None:
    handler = importlib.import_module("handler.engine")
    pipeline = fitted(None, DecisionTreeClassifier(random_state=0), builtin.load("iris"))
    good = compile_pipeline(pipeline, 4)
    for name, at, value in [
        ("child", 0, 0),
        ("child", 0, 10_000),
        ("child", -1, 10_000),
        ("feature", 0, 4),
        ("feature", 0, -2),
        ("roots", 0, 10_000),
    ]:
        tensors = {key: tensor.copy() for key, tensor in good.steps[0].tensors.items()}
        tensors[name][at] = value
        step = type(good.steps[0])(op="forest", parity="exact", params=good.steps[0].params, tensors=tensors)
        path = tmp_path / "model"
        path.write_bytes(PortableModel(n_features=4, steps=(step,)).to_bytes())
        with pytest.raises(ValueError, match="points outside its arrays or back to itself"):
            handler.load(path, n_features=4)
