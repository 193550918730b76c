"""The audit names everything that loading a pickle would import, and imports none of it."""

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
from joblib.numpy_pickle import NumpyUnpickler
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from mlctl.pickle_audit import audit
from tests.support.pickles import ARRAY, PLAIN, Mine, Runs, refused, written


def loaded_names(path: Path) -> set[str]:
    """The names that joblib really asks for, in the file and in the pickles nested in it."""
    names: set[str] = set()

    class Recorder(NumpyUnpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            found = super().find_class(module, name)
            names.add(f"{module}.{name}")
            return found

    with path.open("rb") as file:
        Recorder(str(path), file, ensure_native_byte_order=True).load()
    return names


def fitted() -> Iterator[tuple[str, Any]]:
    """Fitted estimators that between them use each way in which scikit-learn's state is saved."""
    import pandas as pd

    rng = np.random.RandomState(0)
    x = rng.rand(60, 3)
    y = rng.randint(0, 3, 60)
    table = pd.DataFrame({"n": x[:, 0], "b": y > 0, "c": np.array(["u", "v", "w"])[y]})
    table["o"] = table["c"].astype(object)
    table["k"] = table["c"].astype("category")
    table.loc[3, "o"] = np.nan
    for encoder in (OneHotEncoder(handle_unknown="ignore"), OrdinalEncoder(), TargetEncoder(cv=2)):
        columns = ColumnTransformer(
            [("n", make_pipeline(SimpleImputer(), StandardScaler()), ["n", "b"]), ("c", encoder, ["c", "o", "k"])]
        )
        yield type(encoder).__name__, make_pipeline(columns, DecisionTreeRegressor()).fit(table, x[:, 1])
    selected = ColumnTransformer([("n", "passthrough", make_column_selector(dtype_include=np.number))])
    yield "selector", make_pipeline(selected, Ridge()).fit(table, y)
    yield (
        "categories",
        HistGradientBoostingClassifier(max_iter=2, categorical_features="from_dtype").fit(table[["n", "k"]], y),
    )
    for loss in ("squared_error", "absolute_error", "poisson", "gamma", "quantile"):
        yield loss, HistGradientBoostingRegressor(max_iter=2, loss=loss, quantile=0.5).fit(x, y + 1.0)
    yield "labels", RandomForestClassifier(2).fit(x, np.array(["u", "v", "w"], dtype=object)[y])
    yield "random", RandomForestClassifier(2, random_state=np.random.RandomState(1)).fit(x, y)
    yield "huber", GradientBoostingRegressor(n_estimators=2, loss="huber").fit(x, y)
    yield "spline", make_pipeline(SplineTransformer(), Ridge()).fit(x, y)
    yield "log", TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1).fit(x, y)
    yield "function", make_pipeline(FunctionTransformer(np.sqrt), Ridge()).fit(x, y)
    for algorithm in ("kd_tree", "ball_tree", "brute"):
        yield algorithm, KNeighborsClassifier(algorithm=algorithm).fit(x, y)
    yield "svc", SVC().fit(x, y)
    yield "process", GaussianProcessRegressor(RBF() + WhiteKernel()).fit(x, y)
    for method in ("sigmoid", "isotonic"):
        yield method, CalibratedClassifierCV(DecisionTreeClassifier(), method=method, cv=2).fit(x, y)
    yield (
        "search",
        GridSearchCV(LogisticRegression(), {"C": [1, 2]}, scoring="f1_macro", cv=StratifiedKFold(2)).fit(x, y),
    )
    yield "sparse", SGDClassifier(penalty="l1").fit(x, y).sparsify()
    yield "stack", StackingClassifier([("a", LogisticRegression()), ("b", DecisionTreeClassifier())], cv=2).fit(x, y)
    yield "network", MLPRegressor(hidden_layer_sizes=(3,), max_iter=2).fit(x, y)


def agree(found: tuple[str, ...], asked: set[str]) -> bool:
    """Whether the audit found what joblib asks for, and no more."""
    # joblib before 1.6 opens an array of objects with pickle.load, which the recorder does not see.
    sees_all = tuple(map(int, joblib.__version__.split(".")[:2])) >= (1, 6)
    return set(found) == asked if sees_all else set(found) >= asked


@pytest.mark.filterwarnings("ignore")
def test_a_fitted_model_is_known_in_every_form(tmp_path: Path) -> None:
    path = tmp_path / "model"
    for label, model in fitted():
        for protocol in range(6):
            path.write_bytes(pickle.dumps(model, protocol=protocol))
            plain = audit(path)
            joblib.dump(model, str(path), protocol=protocol)
            found = audit(path)
            for each in (plain, found):
                assert (each.unknown, each.dangerous) == ((), ()), (label, protocol)
                assert each.known == each.types
                assert each.sklearn_version == sklearn.__version__, label
        joblib.dump(model, str(path))
        assert agree(audit(path).types, loaded_names(path)), label


@pytest.mark.parametrize("protocol", range(6))
def test_the_names_are_those_that_joblib_asks_for(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "plain.joblib"
    joblib.dump(PLAIN, str(path), protocol=protocol)
    asked = {each.replace("copy_reg.", "copyreg.").replace("__builtin__.", "builtins.") for each in loaded_names(path)}
    assert agree(audit(path).types, asked)
    assert "joblib.numpy_pickle.NumpyArrayWrapper" in asked


@pytest.mark.parametrize("method", ["zlib", "gzip", "bz2", "lzma", "xz"])
@pytest.mark.parametrize("level", [1, 9])
def test_compressed_files_read_as_plain_ones(tmp_path: Path, method: str, level: int) -> None:
    model = {"rows": np.random.default_rng(0).random(150_000), "mine": Mine()}
    joblib.dump(model, str(tmp_path / "plain"))
    joblib.dump(model, str(tmp_path / "small"), compress=(method, level))
    assert audit(tmp_path / "small") == audit(tmp_path / "plain")
    whole = (tmp_path / "small").read_bytes()
    for size in (3, len(whole) // 2, len(whole) - 40):
        assert refused(written(tmp_path / "cut", whole[:size])).code == "pickle_unreadable"


def test_lz4_and_old_joblib_are_refused_as_such(tmp_path: Path) -> None:
    assert refused(written(tmp_path / "a", b"\x04\x22\x4d\x18rest")).code == "pickle_unsupported"
    assert refused(written(tmp_path / "b", b"ZF0x10")).code == "pickle_unsupported"
    old = b"cjoblib.numpy_pickle\nNDArrayWrapper\n."
    assert refused(written(tmp_path / "c", old)).code == "pickle_unsupported"


@pytest.mark.parametrize(
    "content", [b"", b"a,b\n1,2\n", b"\x80\x04", b"PK\x03\x04rest", b"\x80\x09N.", b".", b"x", b"h\x05."]
)
def test_what_is_no_pickle_is_refused(tmp_path: Path, content: bytes) -> None:
    assert refused(written(tmp_path / "file", content)).code == "pickle_unreadable"


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "none").code == "pickle_unreadable"
    assert refused(tmp_path).code == "pickle_unreadable"


@pytest.mark.parametrize("protocol", range(6))
def test_code_that_would_run_is_named_and_not_run(tmp_path: Path, protocol: int) -> None:
    mark = tmp_path / "mark"
    runs = Runs(mark)
    path = tmp_path / "model"
    system = f"{os.system.__module__}.system"
    # Plain, between arrays, and within an array of objects, which joblib writes as a pickle in the pickle.
    for value in (runs, [ARRAY, runs, ARRAY], {"deep": np.array([1, runs], dtype=object), "more": ARRAY}):
        path.write_bytes(pickle.dumps(value, protocol=protocol))
        assert audit(path).dangerous == (system,)
        joblib.dump(value, str(path), protocol=protocol)
        assert audit(path).dangerous == (system,)
        assert system in audit(path).types
        assert not mark.exists()
    # The file would have run it.
    joblib.load(path)
    assert mark.exists()


def test_other_classes_are_unknown(tmp_path: Path) -> None:
    joblib.dump({"mine": Mine(), "rows": ARRAY}, str(tmp_path / "model"))
    found = audit(tmp_path / "model")
    assert found.unknown == (f"{Mine.__module__}.Mine",)
    assert found.dangerous == ()
    assert set(found.types) == {*found.known, *found.unknown}
    assert found.sklearn_version is None


def test_names_through_the_memo_are_found(tmp_path: Path) -> None:
    # 'os' and 'system' are put aside, and a name is made of them later.
    stored = b"\x80\x04\x8c\x02os\x940\x8c\x06system\x940h\x00h\x01\x93\x8c\x02ls\x85R."
    assert audit(written(tmp_path / "file", stored)).dangerous == ("os.system",)


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (b"\x80\x02\x82\x07.", "(extension code 7)"),
        (b"\x80\x02\x83\x07\x01.", "(extension code 263)"),
        (b"Pid\n.", "(persistent id)"),
        (b"\x80\x04NQ.", "(persistent id)"),
        # posix.system by a text that another call makes
        (b"\x80\x04cbuiltins\nstr\n\x8c\x05posix\x85R\x8c\x06system\x93.", "(a name made while loading)"),
        (b"\x80\x04cbuiltins\nstr\n)R)R.", "(call of something made while loading)"),
        (b"\x80\x04cbuiltins\nstr\n]R.", "(arguments made while loading)"),
        (b"\x80\x04csklearn.svm\nSVC\n}b.", "(change of sklearn.svm.SVC)"),
        (b"\x80\x04csklearn.base\nTags\nNa.", "(change of sklearn.base.Tags)"),
        (b"\x80\x04cnumpy\nmemmap\n\x8c\x04file\x85R.", "(opens a file with numpy.memmap)"),
    ],
)
def test_what_cannot_be_audited_is_a_finding(tmp_path: Path, content: bytes, finding: str) -> None:
    assert finding in audit(written(tmp_path / "file", content)).dangerous


def test_instances_in_the_old_style_are_found(tmp_path: Path) -> None:
    assert audit(written(tmp_path / "a", b"(S'ls'\nios\nsystem\n.")).dangerous == ("os.system",)
    assert audit(written(tmp_path / "b", b"(cos\nsystem\nS'ls'\no.")).dangerous == ("os.system",)


def test_names_of_python_2_are_those_that_python_3_imports(tmp_path: Path) -> None:
    assert audit(written(tmp_path / "a", b"c__builtin__\neval\n.")).dangerous == ("builtins.eval",)
    assert audit(written(tmp_path / "b", b"ccommands\ngetoutput\n.")).dangerous == ("subprocess.getoutput",)
    # From protocol 3 on there is no such translation.
    assert audit(written(tmp_path / "c", b"\x80\x03c__builtin__\nlist\n.")).unknown == ("__builtin__.list",)


def test_a_partial_is_known_only_where_scikit_learn_makes_it(tmp_path: Path) -> None:
    head = b"\x80\x04cfunctools\npartial\ncsklearn.utils.validation\ncheck_array\n\x85R"
    assert audit(written(tmp_path / "a", head + b".")).unknown == ()
    for content in (
        head + b"(cnumpy\nsqrt\n)}Ntb.",
        b"\x80\x04cfunctools\npartial\ncnumpy\nsqrt\n\x85R.",
        b"\x80\x04cfunctools\npartial\n\x85.",
    ):
        assert audit(written(tmp_path / "b", content)).unknown == ("functools.partial",)


def test_names_are_shown_in_plain_characters(tmp_path: Path) -> None:
    path = written(tmp_path / "file", b"\x80\x04\x8c\x04a\x1b[m\x8c\x01b\x93.")
    assert audit(path).unknown == ("a\\x1b[m.b",)
