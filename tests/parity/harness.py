"""Holds a compiled part against scikit-learn, one float64 row at a time.

A family's module has ``CASES: dict[type, list[Case]]``, an entry for each class of its registry, and
one test:

    @pytest.mark.parametrize("found", CASES, ids=lambda found: found.__name__)
    def test_agrees_with_scikit_learn(found: type) -> None:
        check(found, CASES[found])

``check`` fits each case, compiles it and compares at least ``tier.current.parity_rows`` rows in all: rows of the
data, rows between and beyond them, at float32 rounding edges, of extreme size, and at the ``edges`` of the case.
What scikit-learn refuses must be refused. ``test_complete.py`` holds all CASES against the registry.
"""

import importlib
import tempfile
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from mlctl.portable.compile import compile_steps
from mlctl.portable.ir.program import PortableModel
from mlctl.portable.registry import ENTRIES
from mlctl.registry.answers import CLOSE, Parity
from tests.parity.rows import probes, schema_of
from tests.support import tier

Table = NDArray[Any] | pd.DataFrame


@dataclass(frozen=True, eq=False)
class Case:
    """One way to fit a class.

    ``part``: unfitted; a transformer or a model, alone or in a Pipeline. ``data``: ``(X, y)``; y may be
    None, of several outputs, or text. ``parity``: where it is not the entry's. ``edges``: from the fitted
    part to (column, value) pairs at which its answer changes. ``missing``: NaN may stand in any column
    of numbers. ``weight``: its share of the rows, for a part that is slow in scikit-learn.
    """

    name: str
    part: Any
    data: tuple[Table, Any]
    parity: Parity | None = None
    edges: Callable[[Any], Iterable[tuple[int, float]]] | None = None
    missing: bool = False
    weight: float = 1.0


def check(found: type, cases: list[Case]) -> None:
    """Compare rows over the ``cases`` of a class, shared out by their weights."""
    rows = tier.current.parity_rows
    total = sum(case.weight for case in cases)
    with threadpool_limits(1):
        compared = sum(check_case(found, case, -int(-rows * case.weight // total)) for case in cases)
    assert compared >= rows


def check_case(found: type, case: Case, rows: int) -> int:
    """Fit, compile and compare one case; the number of rows compared."""
    declared = ENTRIES[found].parity
    parity = case.parity or ("close" if declared == "close" else "exact")
    x, y = case.data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        part = clone(case.part).fit(x, y)
        edges = list(case.edges(part)) if case.edges else []
        return compare(part, probes(x, rows, edges=edges, missing=case.missing), parity, missing=case.missing)


def compare(part: Any, rows: Table, parity: Parity, *, missing: bool = False) -> int:
    """Compare a fitted part and its compiled form on ``rows``; the number of rows.

    ``missing``: whether the schema lets a value of any column be missing.
    """
    model = compiled(part, schema_of(rows, missing=missing))
    assert model.parity == parity, f"compiled as {model.parity}"
    ask = loaded(model)
    transforms = ask.kind == "transformer"
    values = plain_rows(rows)
    refusal = importlib.import_module("handler.ops").UnprocessableRow
    with config_context(skip_parameter_validation=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for at, row in enumerate(values):
            one = rows.iloc[at : at + 1] if isinstance(rows, pd.DataFrame) else rows[at : at + 1]
            try:
                want = _transformed(part, one) if transforms else _predicted(part, one)
            except ValueError:
                want = None
            try:
                got = ask(row)
            except refusal as error:
                refused = str(error)
            else:
                refused = ""
            if refused:
                assert want is None or not _finite(want), f"row {row}: {want} of scikit-learn, refused here: {refused}"
                continue
            assert want is not None, f"row {row}: refused by scikit-learn, {got} here"
            _assert_same(ask.kind, got, want, parity, row)
    return len(values)


def compiled(part: Any, features: list[dict[str, Any]]) -> PortableModel:
    """A fitted transformer or model, compiled for rows of ``features``."""
    steps, _ = compile_steps(part, features)
    return PortableModel(n_features=len(features), steps=steps)


@dataclass(frozen=True)
class Loaded:
    """A compiled part on the handler's engine; ``kind`` as in handler.ops."""

    kind: str
    function: Callable[[Any], Any]

    def __call__(self, row: list[Any]) -> Any:
        """What the part makes of one row."""
        return self.function(row)


def loaded(model: PortableModel, *, generated: bool = False) -> Loaded:
    """The model file of a compiled part, read by the handler's own reader; a chain of transformers is loaded too.

    ``generated``: with the trees of ``handler.generated``.
    """
    ops, safetensors = importlib.import_module("handler.ops"), importlib.import_module("handler.safetensors")
    json = importlib.import_module("json")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        path.write_bytes(model.to_bytes())
        metadata, tensors = safetensors.read(str(path))
        program = json.loads(metadata["mlctl.program"])
        built, _ = ops.Program(tensors, generated).build(program["steps"], list(range(program["n_features"])))

    def run(row: Any) -> Any:
        for _, function in built:
            row = function(row)
        return row

    return Loaded(built[-1][0] if built else "transformer", run)


def plain_rows(rows: Table) -> list[list[float | str | None]]:
    """Rows as the handler's engine gets them."""
    return [[_plain(value) for value in row] for row in (rows.to_numpy() if isinstance(rows, pd.DataFrame) else rows)]


def _plain(value: Any) -> float | str | None:
    """A cell as the handler gets it: text, None where text is missing, else a float."""
    if value is None or value is pd.NA:
        return None
    return str(value) if isinstance(value, str) else float(value)


def _transformed(part: Any, one: Table) -> list[Any]:
    made = part.transform(one)
    if hasattr(made, "toarray"):
        made = made.toarray()
    row: list[Any] = np.asarray(made)[0].tolist()
    return row


def _predicted(part: Any, one: Table) -> Any:
    """(class position, numbers) of a classifier, a number of a regressor; a list of them for several outputs."""
    classes = getattr(part, "classes_", None)
    answer = part.predict(one)[0]
    if classes is None:
        return np.asarray(answer, dtype=np.float64).tolist() if np.ndim(answer) else float(answer)
    if isinstance(classes, list):
        probabilities = [each[0].tolist() for each in part.predict_proba(one)]
        positions = [_position(each, known) for each, known in zip(answer, classes, strict=True)]
        return list(zip(positions, probabilities, strict=True))
    if hasattr(part, "predict_proba"):
        return _position(answer, classes), part.predict_proba(one)[0].tolist()
    return _position(answer, classes), np.ravel(part.decision_function(one)[0]).tolist()


def _position(label: Any, classes: NDArray[Any]) -> int:
    return int(np.flatnonzero(classes == label)[0])


def _assert_same(kind: str, got: Any, want: Any, parity: Parity, row: list[Any]) -> None:
    if kind in ("classifier", "scorer"):
        assert got[0] == want[0], f"row {row}: class {got} here, {want} of scikit-learn"
        got, want = got[1], want[1]
    elif kind in ("classifiers", "scorers"):
        assert [each[0] for each in got] == [each[0] for each in want], f"row {row}: {got} here, {want} of scikit-learn"
        got, want = [number for _, each in got for number in each], [number for _, each in want for number in each]
    elif kind == "regressor":
        got, want = [got], [want]
    assert len(got) == len(want), f"row {row}: {len(got)} values here, {len(want)} of scikit-learn"
    sizes = [abs(each) for each in want if isinstance(each, float | int) and np.isfinite(each)]
    bound = 0.0 if parity == "exact" else CLOSE * max(sizes, default=0.0)
    same = all(_same(one, other, bound) for one, other in zip(got, want, strict=True))
    assert same, f"row {row}: {list(got)} here, {list(want)} of scikit-learn"


def _same(one: Any, other: Any, bound: float) -> bool:
    if other is None or isinstance(one, str) or isinstance(other, str) or one is None:
        return one == other or (one is None and isinstance(other, float) and np.isnan(other))
    if np.isnan(other) or np.isinf(other):
        return one == other or bool(np.isnan(one) and np.isnan(other))
    return bool(abs(one - other) <= bound)


def _finite(want: Any) -> bool:
    flat = np.asarray([want] if np.isscalar(want) else [number for each in want for number in np.ravel(each)])
    return flat.dtype.kind in "OUT" or bool(np.isfinite(flat.astype(np.float64)).all())
