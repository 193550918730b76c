"""A broken or hostile model file is refused, or answers; it never hangs, and nothing else is ever raised.

The default tier flips each byte of small models in one way; the full tier flips it in eight.
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

# Far more than a small model takes, and only for one that would never end.
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
    """The model file of a small pipeline, and rows to ask it."""
    pipeline, source = PIPELINES[name]
    x, y = source()
    with np.errstate(all="ignore"):
        compiled = compile_pipeline(pipeline.fit(x, y), schema_of(x))
    # Floats of Python, as a request holds them: those of NumPy warn of inf - inf.
    rows = x.to_numpy(dtype=object) if hasattr(x, "to_numpy") else x.astype(object)
    asked = [tuple(None if value != value and name == "table" else value for value in row) for row in rows[:40:20]]
    return compiled.to_bytes(), tuple(asked)


@contextmanager
def ending() -> Iterator[None]:
    """Raises TimeoutError in what does not end."""

    def ring(*_: Any) -> None:
        raise TimeoutError("a broken model does not end")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def load_and_ask(path: Path, content: bytes, rows: tuple[tuple[Any, ...], ...]) -> bool:
    """Whether the model was taken; it is then asked. Anything but the two refusals is raised."""
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
    with ending():
        for position in range(len(whole)):
            for flip in flips:
                changed = bytearray(whole)
                changed[position] ^= flip
                load_and_ask(tmp_path / "model", bytes(changed), rows)


@pytest.mark.parametrize("name", PIPELINES)
def test_any_length_is_refused_but_the_whole(name: str, tmp_path: Path) -> None:
    whole, rows = model_of(name)
    with ending():
        for length in range(0, len(whole), 13):
            assert not load_and_ask(tmp_path / "model", whole[:length], rows)
        assert not load_and_ask(tmp_path / "model", whole + b"\0", rows)
        assert load_and_ask(tmp_path / "model", whole, rows)


def paths_of(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value in a JSON document."""
    found = [path] if path else []
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in items:
        found += paths_of(value, (*path, key))
    return found


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of a JSON document with another value at a place."""
    copy = json.loads(json.dumps(document))
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
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
def test_any_value_of_a_program_may_be_another(drawn: st.DataObject) -> None:
    name = drawn.draw(st.sampled_from(sorted(PIPELINES)))
    whole, rows = model_of(name)
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    program = json.loads(header["__metadata__"]["mlctl.program"])
    for _ in range(drawn.draw(st.integers(1, 2))):
        ways = paths_of(program)
        program = replaced(program, ways[drawn.draw(st.integers(0, len(ways) - 1))], drawn.draw(NASTY))
        if not isinstance(program, dict):
            break
    header["__metadata__"]["mlctl.program"] = json.dumps(program)
    head = json.dumps(header).encode()
    with tempfile.TemporaryDirectory() as folder, ending():
        load_and_ask(Path(folder) / "model", len(head).to_bytes(8, "little") + head + whole[8 + length :], rows)


HEADERS = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**40) | st.text(max_size=5) | st.sampled_from(["F64", "U8", "F32"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["__metadata__", "dtype", "shape", "data_offsets", "mlctl.format", "mlctl.program", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(header=HEADERS, body=st.binary(max_size=64), length=st.none() | st.integers(0, 2**64 - 1))
def test_any_header_is_read_or_refused(header: Any, body: bytes, length: int | None) -> None:
    head = json.dumps(header).encode()
    prefix = (len(head) if length is None else length).to_bytes(8, "little")
    with tempfile.TemporaryDirectory() as folder, ending():
        assert not load_and_ask(Path(folder) / "model", prefix + head + body, ((1.0, 2.0),))
