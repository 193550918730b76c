"""A broken or hostile model file is refused or answers. It never hangs and raises no other exception.

The default tier flips each byte of small models in one way, the full tier in eight.
"""

import importlib
import json
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    KBinsDiscretizer,
    OneHotEncoder,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from mlctl.portable.compile import compile_pipeline
from tests.parity import data
from tests.parity.rows import schema_of
from tests.support import tier

# Far more time than a small model needs. Only a model that hangs takes it.
SECONDS = 60
NUMERIC = make_pipeline(StandardScaler(), RandomForestClassifier(2, max_depth=3, random_state=0))
BOOSTED = make_pipeline(GradientBoostingClassifier(n_estimators=2, max_depth=2, random_state=0))
HISTOGRAM = make_pipeline(HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=5, random_state=0))
ADAPTED = make_pipeline(AdaBoostClassifier(DecisionTreeClassifier(max_depth=1), n_estimators=3, random_state=0))
CURVED = make_pipeline(
    make_union(
        make_pipeline(PowerTransformer(), SplineTransformer(n_knots=3)),
        QuantileTransformer(n_quantiles=5, output_distribution="normal"),
        KBinsDiscretizer(2, encode="ordinal", strategy="uniform"),
    ),
    LogisticRegression(),
)
MIXED = make_pipeline(
    make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]),
        (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["age", "income"]),
    ),
    LogisticRegression(),
)
PIPELINES: dict[str, tuple[Pipeline, Any]] = {
    "forest": (NUMERIC, data.three),
    "boosting": (BOOSTED, data.three),
    "histogram": (HISTOGRAM, data.gaps),
    "adaboost": (ADAPTED, data.three),
    "curves": (CURVED, data.three),
    "table": (MIXED, data.table),
}


@cache
def model_of(name: str) -> tuple[bytes, tuple[tuple[Any, ...], ...]]:
    """The model file of a small pipeline, and rows to predict."""
    pipeline, source = PIPELINES[name]
    x, y = source()
    with np.errstate(all="ignore"):
        compiled = compile_pipeline(pipeline.fit(x, y), schema_of(x))
    # Python floats, as in a request. NumPy floats warn about inf - inf.
    rows = x.to_numpy(dtype=object) if hasattr(x, "to_numpy") else x.astype(object)
    samples = [tuple(None if value != value and name == "table" else value for value in row) for row in rows[:40:20]]
    return compiled.to_bytes(), tuple(samples)


@contextmanager
def time_limit() -> Iterator[None]:
    """Raise TimeoutError after SECONDS."""

    def stop(*_: Any) -> None:
        raise TimeoutError("a broken model does not end")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


def load_and_predict(path: Path, content: bytes, rows: tuple[tuple[Any, ...], ...]) -> bool:
    """Load a model file and predict rows. Returns whether it loads. Only the two refusals are caught."""
    engine = importlib.import_module("handler.engine")
    path.write_bytes(content)
    try:
        model = engine.load(str(path), n_features=len(rows[0]))
    except engine.InvalidModel:
        return False
    for row in rows:
        try:
            model.predict(list(row))
        except (engine.UnprocessableRow, engine.InvalidModel):
            continue
    return True


@pytest.mark.parametrize("name", PIPELINES)
def test_any_byte_may_be_flipped(name: str, tmp_path: Path) -> None:
    whole, rows = model_of(name)
    flips = [1 << bit for bit in range(8)] if tier.current.grids_whole else [0x11]
    with time_limit():
        for position in range(len(whole)):
            for flip in flips:
                changed = bytearray(whole)
                changed[position] ^= flip
                load_and_predict(tmp_path / "model", bytes(changed), rows)


@pytest.mark.parametrize("name", PIPELINES)
def test_a_file_of_any_other_length_is_refused(name: str, tmp_path: Path) -> None:
    whole, rows = model_of(name)
    with time_limit():
        for length in range(0, len(whole), 13):
            assert not load_and_predict(tmp_path / "model", whole[:length], rows)
        assert not load_and_predict(tmp_path / "model", whole + b"\0", rows)
        assert load_and_predict(tmp_path / "model", whole, rows)


def paths_of(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a JSON document."""
    paths = [path] if path else []
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in items:
        paths += paths_of(value, (*path, key))
    return paths


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of a JSON document with ``value`` at ``path``."""
    copy = json.loads(json.dumps(document))
    parent = copy
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    return copy


NASTY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.sampled_from(
        [2**31, 2**63, -(2**63), 10**400, 1e308, float("nan"), float("inf"), 0.5, "", "0.center", "1.skip"]
    ),
    st.lists(st.integers(-2, 3), max_size=4),
    st.dictionaries(st.sampled_from(["op", "steps", "columns"]), st.integers(0, 2), max_size=2),
)


@given(st.data())
def test_any_value_of_a_program_may_be_replaced(drawn: st.DataObject) -> None:
    name = drawn.draw(st.sampled_from(sorted(PIPELINES)))
    whole, rows = model_of(name)
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    program = json.loads(header["__metadata__"]["mlctl.program"])
    for _ in range(drawn.draw(st.integers(1, 2))):
        paths = paths_of(program)
        program = replaced(program, paths[drawn.draw(st.integers(0, len(paths) - 1))], drawn.draw(NASTY))
        if not isinstance(program, dict):
            break
    header["__metadata__"]["mlctl.program"] = json.dumps(program)
    head = json.dumps(header).encode()
    with tempfile.TemporaryDirectory() as folder, time_limit():
        load_and_predict(Path(folder) / "model", len(head).to_bytes(8, "little") + head + whole[8 + length :], rows)


HEADERS = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**40) | st.text(max_size=5) | st.sampled_from(["F64", "U8", "F32"]),
    lambda values: (
        st.lists(values, max_size=4)
        | st.dictionaries(
            st.sampled_from(["__metadata__", "dtype", "shape", "data_offsets", "mlctl.format", "mlctl.program", "x"]),
            values,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(header=HEADERS, body=st.binary(max_size=64), length=st.none() | st.integers(0, 2**64 - 1))
def test_any_header_is_refused(header: Any, body: bytes, length: int | None) -> None:
    head = json.dumps(header).encode()
    prefix = (len(head) if length is None else length).to_bytes(8, "little")
    with tempfile.TemporaryDirectory() as folder, time_limit():
        assert not load_and_predict(Path(folder) / "model", prefix + head + body, ((1.0, 2.0),))
