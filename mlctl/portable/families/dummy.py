"""Compiles DummyClassifier and DummyRegressor, whose answers do not depend on the row."""

from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor

from mlctl.portable.entry import Entry
from mlctl.portable.ir.columns import ColumnTypes, Compiled
from mlctl.portable.ir.program import NotPortableError, Step


def dummy_regressor(model: DummyRegressor, table: ColumnTypes) -> Compiled:
    """``constant_``, a number for each output."""
    if hasattr(model.constant_, "toarray"):
        raise NotPortableError("has a sparse matrix as its constant, which is not supported")
    values = np.asarray(model.constant_, dtype=np.float64).ravel()
    if len(values) not in (1, model.n_outputs_) or not np.isfinite(values).all():
        raise NotPortableError("has no finite constant for each output")
    constants = np.broadcast_to(values, model.n_outputs_).tolist()
    return _step("constant", "value", constants if model.n_outputs_ > 1 else constants[0])


def dummy_classifier(model: DummyClassifier, table: ColumnTypes) -> Compiled:
    """The most frequent or the constant class, with the probabilities of the strategy."""
    strategy = model._strategy
    if strategy not in ("most_frequent", "prior", "constant"):
        raise NotPortableError(f"predicts at random with the strategy {strategy!r}")
    if model.sparse_output_:
        raise NotPortableError("returns its classes as a sparse matrix, which is not supported")
    if model.n_outputs_ == 1:
        answer = _answer(strategy, model.classes_, model.class_prior_, model.constant)
        return _step("constant_class", "answer", answer)
    constants = model.constant if strategy == "constant" else [None] * model.n_outputs_
    outputs = zip(model.classes_, model.class_prior_, constants, strict=True)
    return _step("constant_class", "answer", [_answer(strategy, *output) for output in outputs])


def _answer(strategy: str, classes: Any, prior: Any, constant: Any) -> dict[str, Any]:
    index = int(np.flatnonzero(classes == constant)[0]) if strategy == "constant" else int(np.argmax(prior))
    if strategy == "prior":
        return {"index": index, "probabilities": np.asarray(prior, dtype=np.float64).tolist()}
    return {"index": index, "probabilities": [float(position == index) for position in range(len(classes))]}


def _step(op: str, name: str, value: Any) -> Compiled:
    return (Step(op=op, parity="exact", params={name: value}, tensors={}),), None


ENTRIES = {
    DummyClassifier: Entry(
        dummy_classifier, parity="exact", limits="strategies 'stratified' and 'uniform'", skips_input_checks=True
    ),
    DummyRegressor: Entry(dummy_regressor, parity="exact", skips_input_checks=True),
}
