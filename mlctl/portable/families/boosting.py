"""Compiles GradientBoosting* and HistGradientBoosting* to the operation ``boosting``."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn._loss.link import HalfLogitLink, IdentityLink, LogitLink, LogLink, MultinomialLogit
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

from mlctl.portable.codegen.nodes import LEAF
from mlctl.portable.entry import Entry, Inner
from mlctl.portable.families.trees import Nodes, nodes_of, tree_step, tree_tensors
from mlctl.portable.input_checks import checked
from mlctl.portable.ir.columns import ColumnTypes, Compiled
from mlctl.portable.ir.program import Block, NotPortableError, Step, parity_of

_LINKS = {
    IdentityLink: "identity",
    LogLink: "log",
    LogitLink: "logit",
    HalfLogitLink: "half_logit",
    MultinomialLogit: "multinomial_logit",
}


def gradient_boosting(model: Any, table: ColumnTypes) -> Compiled:
    """Trees over a row in float32 without missing values. A raw prediction of 0 is the second of two classes.

    Sums are ``close``: a compiler may fuse scikit-learn's ``+= scale * value`` (_gradient_boosting.pyx).
    """
    table.require_numbers()
    start = _constant_start(model, len(table.columns))
    parts = [nodes_of(tree.tree_) for stage in model.estimators_ for tree in stage]
    parts = [part._replace(values=model.learning_rate * part.values) for part in parts]
    params = {"start": start.tolist(), "width": 1, "link": _link(model), "zero": 1}
    return tree_step("boosting", "close", params, parts, table, takes_missing=False), None


def hist_gradient_boosting(model: Any, table: ColumnTypes, inner: Inner) -> Compiled:
    """Trees over a row in float64, with missing and infinite values. Categories become codes first.

    A raw prediction of 0 is the first of two classes. Thresholds are often equal to numbers of training rows.
    """
    if len(getattr(model, "classes_", (0, 1))) < 2:
        raise NotPortableError("was fitted on a single class")
    steps, table, categories = _codes(model, table, inner)
    if any(not np.isfinite(value) for value in model._baseline_prediction.ravel()):
        raise NotPortableError("starts from a prediction that is not a finite number")
    start = np.zeros(model.n_trees_per_iteration_) + model._baseline_prediction.ravel()
    predictors = [predictor for stage in model._predictors for predictor in stage]
    sets = [predictor.raw_left_cat_bitsets for predictor in predictors]
    set_offsets = np.cumsum([0, *map(len, sets)])
    parts = [_nodes(predictor.nodes, first) for predictor, first in zip(predictors, set_offsets, strict=False)]
    tensors = tree_tensors(parts, single=False, missing=table.missing)
    link = _link(model)
    params: dict[str, Any] = {"n_trees": len(parts), "n_features": len(table.columns)}
    params |= {"start": start.tolist(), "width": 1, "link": link, "zero": 0}
    if not table.missing:
        params["missing"] = None
    if set_offsets[-1]:
        params["categories"] = categories
        tensors["sets"] = np.concatenate(sets).astype("<u4")
    parity = parity_of(steps) if link == "identity" else "close"
    return (*steps, Step(op="boosting", parity=parity, params=params, tensors=tensors)), None


def _link(model: Any) -> str:
    return _LINKS[type(model._loss.link)]


def _constant_start(model: Any, width: int) -> NDArray[np.float64]:
    """The raw predictions before the first tree, computed by scikit-learn; they are the same for all rows."""
    initial = model.init_
    if isinstance(initial, str):
        return np.zeros(model.n_trees_per_iteration_)
    if type(initial) not in (DummyClassifier, DummyRegressor):
        raise NotPortableError(f"starts from the predictions of {type(initial).__name__}, which is not supported")
    if getattr(initial, "strategy", "") in ("stratified", "uniform"):
        raise NotPortableError(f"starts from random predictions, of the strategy {initial.strategy!r}")
    start: NDArray[np.float64] = model._raw_predict_init(np.zeros((1, width), dtype=np.float32))[0]
    if len(start) != model.n_trees_per_iteration_ or not np.isfinite(start).all():
        raise NotPortableError("starts from predictions that are not finite numbers, one for each raw prediction")
    return start


def _codes(model: Any, table: ColumnTypes, inner: Inner) -> tuple[tuple[Step, ...], ColumnTypes, int]:
    """The steps that encode categories, the columns after them, and the number of encoded columns, which come first.

    Source: sklearn/ensemble/_hist_gradient_boosting/gradient_boosting.py (``_preprocess_X``).
    """
    if model._preprocessor is None:
        return (), _numbers(table), 0
    categorical = np.flatnonzero(model.is_categorical_).tolist()
    numeric = np.flatnonzero(~model.is_categorical_).tolist()
    encoder = model._preprocessor.named_transformers_["encoder"]
    steps, codes = inner("encoder", encoder, table.pick(categorical))
    if codes is None:
        raise NotPortableError("has a model in place of the encoder of its categories")
    numbers = _numbers(table.pick(numeric))
    blocks = [Block(columns=tuple(categorical), steps=steps)]
    if numeric:
        blocks.append(Block(columns=tuple(numeric), steps=()))
    step = Step(op="columns", parity=parity_of(steps), params={}, tensors={}, blocks=tuple(blocks))
    return (step,), ColumnTypes(columns=(*codes.columns, *numbers.columns)), len(categorical)


def _numbers(table: ColumnTypes) -> ColumnTypes:
    """The columns of numbers, which may be missing or infinite."""
    table.require_numbers()
    # Only its check of the type applies here; its steps are not needed.
    checked(table)
    return table


def _nodes(nodes: NDArray[Any], first: int) -> Nodes:
    """The nodes of one tree, whose sets of categories begin at index ``first``."""
    is_leaf = nodes["is_leaf"] != 0
    return Nodes(
        left=np.where(is_leaf, LEAF, nodes["left"].astype(np.int64)),
        right=np.where(is_leaf, LEAF, nodes["right"].astype(np.int64)),
        feature=nodes["feature_idx"],
        threshold=np.where(nodes["is_categorical"] != 0, nodes["bitset_idx"] + float(first), nodes["num_threshold"]),
        missing_left=nodes["missing_go_to_left"],
        values=nodes["value"].reshape(-1, 1),
    )


_INIT = "an init other than None, 'zero' and a Dummy of one answer"

ENTRIES = {
    GradientBoostingClassifier: Entry(gradient_boosting, parity="close", limits=_INIT),
    GradientBoostingRegressor: Entry(gradient_boosting, parity="close", limits=_INIT),
    HistGradientBoostingClassifier: Entry(
        hist_gradient_boosting,
        parity="close",
        holds_parts=True,
        skips_input_checks=True,
        discontinuous=True,
        limits="fitted on a single class",
    ),
    # These losses end in an exponential.
    HistGradientBoostingRegressor: Entry(
        hist_gradient_boosting,
        parity="exact",
        otherwise="close with loss='poisson' or 'gamma'",
        holds_parts=True,
        skips_input_checks=True,
        discontinuous=True,
    ),
}
