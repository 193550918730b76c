"""The compilers of the numeric preprocessing: what they refuse, and what they tell of the columns they make."""

import importlib
import warnings
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import FeatureAgglomeration
from sklearn.decomposition import PCA, FastICA, TruncatedSVD
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    Normalizer,
    OneHotEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)
from sklearn.random_projection import SparseRandomProjection

from mlctl.portable.compile import compile_steps
from mlctl.portable.ir.columns import ColumnTypes
from mlctl.portable.ir.program import NotPortableError
from mlctl.portable.registry import ENTRIES
from tests.parity import data
from tests.parity.harness import compiled, loaded
from tests.parity.rows import schema_of

NAN, INF = float("nan"), float("inf")
PARTS = [
    Normalizer(),
    Binarizer(),
    KBinsDiscretizer(),
    PolynomialFeatures(),
    PowerTransformer(),
    QuantileTransformer(n_quantiles=9),
    SplineTransformer(),
    PCA(),
    FeatureAgglomeration(),
]
TAKE_MISSING = (PowerTransformer, QuantileTransformer)


@pytest.fixture(autouse=True)
def _quiet(recwarn: pytest.WarningsRecorder) -> None:
    """scikit-learn warns of much that is fitted here on purpose."""


@pytest.mark.parametrize("part", PARTS, ids=lambda part: type(part).__name__)
def test_columns_of_text_are_refused(part: Any) -> None:
    x, _ = data.three()
    schema = [{**each, "kind": "category"} for each in schema_of(x)]
    with pytest.raises(NotPortableError, match="takes columns of text as numbers"):
        compile_steps(part.fit(x), schema)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: type(part).__name__)
def test_a_missing_value_is_refused_by_its_column_where_scikit_learn_refuses_it(part: Any) -> None:
    x, _ = data.three()
    ask = loaded(compiled(part.fit(x), schema_of(x, missing=True)))
    if isinstance(part, TAKE_MISSING):
        assert np.isnan(ask([5.0, 3.0, NAN, 0.2])[2])
        return
    with pytest.raises(importlib.import_module("handler.ops").UnprocessableRow, match="is missing") as refused:
        ask([5.0, 3.0, NAN, 0.2])
    assert refused.value.position == 2


@pytest.mark.parametrize("part", PARTS, ids=lambda part: type(part).__name__)
def test_what_cannot_be_missing_behind_a_part_is_not_checked_again(part: Any) -> None:
    x, _ = data.three()
    model = compiled(make_pipeline(part, Normalizer("max")).fit(x), schema_of(x, missing=True))
    behind = [step.op for step in model.steps][1:]
    assert ("present" in behind) == isinstance(part, TAKE_MISSING)


def _changed(part: Any, **attributes: Any) -> Any:
    fitted = part.fit(data.three()[0])
    for name, value in attributes.items():
        setattr(fitted, name, value)
    return fitted


def _lost(part: Any) -> Any:
    return part.fit(np.column_stack([data.three()[0][:, :3], np.full(150, NAN)]))


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "norm": (lambda: _changed(Normalizer(), norm="l3"), "divides by the norm 'l3'"),
    "threshold": (lambda: _changed(Binarizer(), threshold=INF), "contains the value inf"),
    "negative threshold": (
        lambda: data.sparse(_changed(Binarizer(), threshold=-1.0)),
        "has a threshold below zero, which scikit-learn refuses",
    ),
    "float32": (lambda: _changed(KBinsDiscretizer(dtype=np.float32)), "rounds to float32"),
    "float32 powers": (
        lambda: PowerTransformer().fit(data.three()[0].astype(np.float32)),
        "was fitted on float32 numbers",
    ),
    "periods of steps": (
        lambda: SplineTransformer(degree=0, extrapolation="periodic", sparse_output=True).fit(data.three()[0]),
        "which scikit-learn cannot compute",
    ),
    "exponent": (lambda: _changed(PolynomialFeatures(1001)), "has a degree above 1,000"),
    "terms": (lambda: _changed(PolynomialFeatures(40)), "computes more than 100,000 terms"),
    "lambda": (lambda: _changed(PowerTransformer(), lambdas_=np.array([1.0, NAN, 1.0, 1.0])), "a lambda that is not"),
    "lost": (lambda: _lost(QuantileTransformer(n_quantiles=9)), "has a column without values in training"),
    "falling": (
        lambda: _changed(QuantileTransformer(n_quantiles=2), quantiles_=np.array([[1.0] * 4, [0.0] * 4])),
        "has quantiles that are not sorted",
    ),
    "degree": (lambda: _changed(SplineTransformer(degree=101)), "has a degree above 100"),
    "knots": (
        lambda: SplineTransformer().fit(np.array([[-1.7e308] * 4, [1.7e308] * 4])),
        "has knots that are not finite",
    ),
    "period": (
        lambda: SplineTransformer(extrapolation="periodic").fit(np.ones((9, 4))),
        "repeats a column that had a single value",
    ),
    "few knots": (
        lambda: _changed(SplineTransformer(n_knots=2, degree=1, extrapolation="linear")),
        "extrapolates linearly from more knots than it has",
    ),
    "components": (lambda: _changed(PCA(), components_=np.full((4, 4), NAN)), "numbers that are not finite"),
    "pooling": (lambda: _changed(FeatureAgglomeration(pooling_func=np.median)), "pools by a function other than"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_compile_is_named_with_its_reason(case: str) -> None:
    make, reason = REFUSED[case]
    part = make()
    if case == "negative threshold":
        x = np.abs(data.three()[0])
        part[0].fit(x)
        part[-1].n_features_in_ = part[0].transform(x).shape[1]
    with pytest.raises(NotPortableError, match=reason):
        compile_steps(part, schema_of(data.three()[0]))


def test_a_sparse_product_whose_columns_are_out_of_order_is_refused() -> None:
    part = data.sparse(SparseRandomProjection(3, random_state=0)).fit(data.counts()[0])
    with pytest.raises(NotPortableError, match="leaves a sparse matrix whose columns are out of order"):
        compile_steps(part, schema_of(data.counts()[0]))


@pytest.mark.parametrize("extrapolation", ["error", "continue", "periodic"])
def test_missing_values_with_sparse_splines_are_refused_only_where_some_may_come(extrapolation: str) -> None:
    x, _ = data.three()
    part = SplineTransformer(extrapolation=extrapolation, sparse_output=True).fit(x)
    part.handle_missing = "zeros"
    compile_steps(part, schema_of(x))
    with pytest.raises(NotPortableError, match="does not encode missing values as zeros"):
        compile_steps(part, schema_of(x, missing=True))


def test_a_release_that_extrapolates_in_another_way_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    x, _ = data.three()
    part = SplineTransformer(degree=1, extrapolation="linear").fit(x)
    transform = SplineTransformer.transform
    compile_steps(part, schema_of(x))
    monkeypatch.setattr(SplineTransformer, "transform", lambda self, rows: transform(self, rows) * 1.001)
    with pytest.raises(NotPortableError, match="specific to its release of scikit-learn"):
        compile_steps(part, schema_of(x))


def test_what_is_asked_of_splines_leaves_them_as_they_are_and_does_not_warn() -> None:
    x = data.table()[0][["age"]].assign(other=1.0 * np.arange(240))
    part = SplineTransformer(degree=1, extrapolation="linear").set_output(transform="pandas").fit(x)
    before = part.transform(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compile_steps(part, schema_of(x))
    assert part.transform(x).equals(before)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_norms_are_close_and_the_largest_value_is_exact(norm: str) -> None:
    x, _ = data.three()
    assert compiled(Normalizer(norm).fit(x), schema_of(x)).parity == "close"
    assert compiled(Normalizer("max").fit(x), schema_of(x)).parity == "exact"


def test_a_refusal_names_the_feature_that_weighs_most() -> None:
    x, _ = data.three()
    model = compiled(TruncatedSVD(n_components=2, random_state=0).fit(x), schema_of(x))
    step = model.steps[-1]
    ops = importlib.import_module("handler.ops")
    tensors = {name: memoryview(array("d", tensor.ravel().tolist())) for name, tensor in step.tensors.items()}
    document = {"op": step.op, **step.params, **{name: name for name in step.tensors}}
    _, origins = ops.Program(tensors, False).build([document], [5, 6, 7, 8])
    assert origins == [5 + int(np.argmax(np.abs(each))) for each in step.tensors["components"]]


def test_fast_ica_that_does_not_whiten_has_no_centre() -> None:
    x, _ = data.numbers()
    part = FastICA(whiten=False, random_state=0, max_iter=500).fit(x)
    assert compiled(part, schema_of(x)).steps[-1].params["center"] is None


def test_every_output_that_is_stored_sparsely_is_known_to_be() -> None:
    x, _ = data.counts()
    for part, sparse in (
        (KBinsDiscretizer(n_bins=3), True),
        (KBinsDiscretizer(n_bins=3, encode="onehot-dense"), False),
        (SplineTransformer(sparse_output=True), True),
        (SplineTransformer(), False),
        (make_pipeline(OneHotEncoder(), PolynomialFeatures()), True),
        (make_pipeline(OneHotEncoder(), Normalizer()), True),
        (make_pipeline(OneHotEncoder(), PCA(n_components=2)), False),
        (make_pipeline(StandardScaler(), PolynomialFeatures()), False),
    ):
        _, out = compile_steps(part.fit(x), schema_of(x))
        assert isinstance(out, ColumnTypes)
        assert out.sparse is sparse
        assert len(out.columns) == part.transform(x).shape[1]


def test_each_class_is_in_the_registry() -> None:
    assert {type(part) for part in PARTS} <= set(ENTRIES)
