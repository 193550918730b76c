"""Compares a compiled part with scikit-learn, one float64 row at a time.

The module of a family has ``CASES: dict[type, list[Case]]``, with an entry for each class of its registry, and a test:

    @pytest.mark.parametrize("estimator", CASES, ids=lambda estimator: estimator.__name__)
    def test_agrees_with_scikit_learn(estimator: type) -> None:
        check(estimator, CASES[estimator])

``check`` fits each case, compiles it and compares at least ``tier.current.parity_rows`` rows in all: rows of the data,
rows between and beyond them, at float32 rounding edges, of extreme size, and at the ``edges`` of the case. The compiled
part must refuse the rows that scikit-learn refuses. ``test_complete.py`` compares all CASES with the registry.
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

    - ``part``: an unfitted transformer or model, alone or in a Pipeline
    - ``data``: ``(X, y)``; y may be None, have several outputs, or be text
    - ``parity``: if it differs from that of the entry
    - ``edges``: a function from the fitted part to (column, value) pairs at which its answer changes
    - ``missing``: whether any numeric column may contain NaN
    - ``weight``: the share of the rows, for a part that is slow in scikit-learn
    """

    name: str
    part: Any
    data: tuple[Table, Any]
    parity: Parity | None = None
    edges: Callable[[Any], Iterable[tuple[int, float]]] | None = None
    missing: bool = False
    weight: float = 1.0


def check(estimator: type, cases: list[Case]) -> None:
    """Compare the rows of all ``cases`` of a class. The weights divide the rows among the cases."""
    rows = tier.current.parity_rows
    total = sum(case.weight for case in cases)
    with threadpool_limits(1):
        compared = sum(check_case(estimator, case, -int(-rows * case.weight // total)) for case in cases)
    assert compared >= rows


def check_case(estimator: type, case: Case, rows: int) -> int:
    """Fit, compile and compare one case. Returns the number of rows compared."""
    declared = ENTRIES[estimator].parity
    parity = case.parity or ("close" if declared == "close" else "exact")
    x, y = case.data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        part = clone(case.part).fit(x, y)
        edges = list(case.edges(part)) if case.edges else []
        return compare(part, probes(x, rows, edges=edges, missing=case.missing), parity, missing=case.missing)


def compare(part: Any, rows: Table, parity: Parity, *, missing: bool = False) -> int:
    """Compare a fitted part with its compiled form on ``rows``. Returns the number of rows.

    ``missing``: whether the schema allows missing values in every column.
    """
    model = compiled(part, schema_of(rows, missing=missing))
    assert model.parity == parity, f"compiled as {model.parity}"
    predict = loaded(model)
    transforms = predict.kind == "transformer"
    values = plain_rows(rows)
    refusal = importlib.import_module("handler.ops").UnprocessableRow
    with config_context(skip_parameter_validation=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for index, row in enumerate(values):
            row_table = rows.iloc[index : index + 1] if isinstance(rows, pd.DataFrame) else rows[index : index + 1]
            try:
                expected = _transformed(part, row_table) if transforms else _predicted(part, row_table)
            except ValueError:
                expected = None
            try:
                answer = predict(row)
            except refusal as error:
                refused = str(error)
            else:
                refused = ""
            if refused:
                assert expected is None or not _finite(expected), f"row {row}: {refused}; scikit-learn gives {expected}"
                continue
            assert expected is not None, f"row {row}: {answer}; scikit-learn refuses the row"
            _assert_same(predict.kind, answer, expected, parity, row)
    return len(values)


def compiled(part: Any, features: list[dict[str, Any]]) -> PortableModel:
    """Compile a fitted transformer or model for rows of ``features``."""
    steps, _ = compile_steps(part, features)
    return PortableModel(n_features=len(features), steps=steps)


@dataclass(frozen=True)
class Loaded:
    """A compiled part in the handler's engine. ``kind`` is as in handler.ops."""

    kind: str
    function: Callable[[Any], Any]

    def __call__(self, row: list[Any]) -> Any:
        """The output of the part for one row."""
        return self.function(row)


def loaded(model: PortableModel, *, generated: bool = False) -> Loaded:
    """Load the model file of a compiled part with the handler's reader. The part may consist of transformers only.

    ``generated``: whether to use the trees of ``handler.generated``.
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
    """Rows in the form that the handler's engine receives."""
    return [[_plain(value) for value in row] for row in (rows.to_numpy() if isinstance(rows, pd.DataFrame) else rows)]


def _plain(value: Any) -> float | str | None:
    """A cell in the form that the handler receives: text, None for missing text, otherwise a float."""
    if value is None or value is pd.NA:
        return None
    return str(value) if isinstance(value, str) else float(value)


def _transformed(part: Any, row_table: Table) -> list[Any]:
    output = part.transform(row_table)
    if hasattr(output, "toarray"):
        output = output.toarray()
    row: list[Any] = np.asarray(output)[0].tolist()
    return row


def _predicted(part: Any, row_table: Table) -> Any:
    """(class position, numbers) of a classifier, a number of a regressor, or a list of them for several outputs."""
    classes = getattr(part, "classes_", None)
    answer = part.predict(row_table)[0]
    if classes is None:
        return np.asarray(answer, dtype=np.float64).tolist() if np.ndim(answer) else float(answer)
    if isinstance(classes, list):
        probabilities = [output[0].tolist() for output in part.predict_proba(row_table)]
        positions = [_position(label, labels) for label, labels in zip(answer, classes, strict=True)]
        return list(zip(positions, probabilities, strict=True))
    if hasattr(part, "predict_proba"):
        return _position(answer, classes), part.predict_proba(row_table)[0].tolist()
    return _position(answer, classes), np.ravel(part.decision_function(row_table)[0]).tolist()


def _position(label: Any, classes: NDArray[Any]) -> int:
    return int(np.flatnonzero(classes == label)[0])


def _assert_same(kind: str, answer: Any, expected: Any, parity: Parity, row: list[Any]) -> None:
    if kind in ("classifier", "scorer"):
        assert answer[0] == expected[0], f"row {row}: class {answer}; scikit-learn gives {expected}"
        answer, expected = answer[1], expected[1]
    elif kind in ("classifiers", "scorers"):
        positions, expected_positions = [output[0] for output in answer], [output[0] for output in expected]
        assert positions == expected_positions, f"row {row}: {answer}; scikit-learn gives {expected}"
        answer = [number for _, numbers in answer for number in numbers]
        expected = [number for _, numbers in expected for number in numbers]
    elif kind == "regressor":
        answer, expected = [answer], [expected]
    assert len(answer) == len(expected), f"row {row}: {len(answer)} values; scikit-learn gives {len(expected)}"
    sizes = [abs(number) for number in expected if isinstance(number, float | int) and np.isfinite(number)]
    bound = 0.0 if parity == "exact" else CLOSE * max(sizes, default=0.0)
    same = all(_same(value, reference, bound) for value, reference in zip(answer, expected, strict=True))
    assert same, f"row {row}: {list(answer)}; scikit-learn gives {list(expected)}"


def _same(value: Any, reference: Any, bound: float) -> bool:
    if reference is None or isinstance(value, str) or isinstance(reference, str) or value is None:
        return value == reference or (value is None and isinstance(reference, float) and np.isnan(reference))
    if np.isnan(reference) or np.isinf(reference):
        return value == reference or bool(np.isnan(value) and np.isnan(reference))
    return bool(abs(value - reference) <= bound)


def _finite(answer: Any) -> bool:
    parts = [answer] if np.isscalar(answer) else [number for part in answer for number in np.ravel(part)]
    flat = np.asarray(parts)
    return flat.dtype.kind in "OUT" or bool(np.isfinite(flat.astype(np.float64)).all())
