"""Model files that would cost time or memory out of proportion to their size, or answer what no model of ours does."""

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.handler.test_engine_format import written

F64 = "F64"
TENSORS = {
    "values": (F64, np.array([0.25, 0.75]).tobytes()),
    "threshold": ("F32", np.zeros(4, dtype="<f4").tobytes()),
    "skip": ("U32", np.zeros(4, dtype="<u4").tobytes()),
    "feature": ("I16", np.array([0, -1, -1, -1], dtype="<i2").tobytes()),
    "roots": ("U32", np.array([0, 3], dtype="<u4").tobytes()),
    "twice": ("U32", np.array([0, 0], dtype="<u4").tobytes()),
    "one": (F64, np.ones(1).tobytes()),
    "two": (F64, np.array([0.0, 1.0]).tobytes()),
    "three": (F64, np.arange(3.0).tobytes()),
}
CONSTANT = {"op": "constant", "value": 1.0}
FOREST: dict[str, Any] = {
    **{name: name for name in ("values", "threshold", "skip", "feature", "roots")},
    "op": "forest",
    "n_trees": 2,
    "n_classes": [2],
    "n_features": 1,
    "missing": None,
}
# The first tree jumps into the second.
ASTRAY = {"skip": ("U32", np.array([2, 0, 0, 0], dtype="<u4").tobytes())}
LINEAR = {"op": "linear", "coef": "one", "intercept": "one"}
QUANTILES = {"op": "quantiles", "quantiles": "two", "references": "two", "sparse": False, "refuse_negative": False}
SPLINES = {
    "op": "splines",
    "below": "continue",
    "above": "continue",
    "lines": None,
    "bias": True,
    "knots": "three",
    "bounds": "two",
    "missing_zeros": False,
}


def answer(*probabilities: float, index: int = 0) -> dict[str, Any]:
    return {"op": "constant_class", "answer": {"index": index, "probabilities": list(probabilities)}}


def block(*steps: Any, columns: tuple[int, ...] = (0,)) -> dict[str, Any]:
    return {"columns": list(columns), "steps": list(steps)}


def means(**more: Any) -> dict[str, Any]:
    """A mean of two classifiers of two classes."""
    blocks = [block(answer(0.2, 0.8, index=1))] * 2
    return {"op": "mean_classifier", "n_classes": 2, "weights": [1.0] * 2, "total": 2.0, "blocks": blocks, **more}


def coded(*categories: Any) -> dict[str, Any]:
    column = {"categories": list(categories), "codes": list(range(len(categories))), "unknown": None}
    return {"op": "ordinal", "columns": [column], "refuse_unknown": False}


def normal(*bounds: Any) -> dict[str, Any]:
    return {**QUANTILES, "normal": list(bounds)}


REFUSED: dict[str, Any] = {
    "trees that share their nodes": [{**FOREST, "roots": "twice"}],
    "a median of trees with many numbers": [
        {**FOREST, "op": "weighted_median", "n_trees": 2, "width": 2, "weights": [1.0] * 2}
    ],
    "votes of many models for many classes": [
        {
            "op": "ada_boost",
            "n_classes": 65_536,
            "total": 1.0,
            "weights": [1.0] * 200,
            "classes": [[0]] * 200,
            "blocks": [block(answer(1.0))] * 200,
        }
    ],
    "a power beyond all use": [
        {"op": "polynomial", "degree": [1001, 1001], "distinct": False, "bias": False, "forward": False},
        CONSTANT,
    ],
    "bounds of text": [normal("nan", "inf"), LINEAR],
    "bounds in a text": [{**QUANTILES, "normal": "12"}, LINEAR],
    "bounds that fall": [normal(5.0, -5.0), LINEAR],
    "bounds to clip by that fall": [{"op": "clip", "clip": [5.0, -5.0]}, LINEAR],
    "bounds to clip by that are no numbers": [{"op": "clip", "clip": ["nan", "inf"]}, LINEAR],
    "a class known twice": [means(classes=[[0, 0], [0, 1]])],
    "a category known twice": [coded("a", "a"), LINEAR],
    "a number known twice": [coded(1, 1.0), LINEAR],
    "what is missing known twice": [coded(None, None), LINEAR],
    "a switch that is none": [{**LINEAR, "op": "logistic", "n_classes": 2, "uniform": "yes"}],
    "columns that are truths": [{"op": "outputs", "blocks": [{"columns": [False], "steps": [CONSTANT]}]}],
    "an order of truths": [{"op": "chain", "order": [False], "blocks": [block(CONSTANT)]}],
    "fills in a text": [{"op": "impute", "keep": [0], "fill": "a", "indicators": []}, CONSTANT],
    "blocks in a text": [{"op": "columns", "blocks": ""}, CONSTANT],
    "fewer splines than their degree": [{**SPLINES, "degree": 1, "n_splines": 1, "periodic": False}, LINEAR],
    "as many outputs as bytes allow": [
        {**FOREST, "op": "boosting", "width": 1, "start": [0.0] * 1_000_001, "link": "multinomial_logit"}
    ],
}


def loads(folder: Path, steps: Any, tensors: dict[str, Any] | None = None) -> Any:
    return load(folder, written({"n_features": 1, "steps": steps}, {**TENSORS, **(tensors or {})}))


def load(folder: Path, content: bytes) -> Any:
    (folder / "model").write_bytes(content)
    return importlib.import_module("handler.engine").load(folder / "model", n_features=1)


def invalid() -> type[Exception]:
    found: type[Exception] = importlib.import_module("handler.ops").InvalidModel
    return found


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(invalid()):
        loads(tmp_path, REFUSED[name])


@pytest.mark.parametrize(
    "steps",
    [[FOREST], [means(classes=[[0, 1]] * 2)], [normal(-5.0, 5.0), LINEAR], [coded("a", "b", None), LINEAR]],
    ids=["trees", "means", "bounds", "categories"],
)
def test_a_valid_variation_is_read(tmp_path: Path, steps: Any) -> None:
    loads(tmp_path, steps)


def test_leaves_that_trees_share_are_counted_for_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("handler.ops"), "MAX_WORK", 4)
    loads(tmp_path, [FOREST])
    monkeypatch.setattr(importlib.import_module("handler.ops"), "MAX_WORK", 3)
    with pytest.raises(invalid(), match="at most 3 numbers"):
        loads(tmp_path, [FOREST])


def test_a_walk_stays_in_its_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(invalid(), match="outside its arrays"):
        loads(tmp_path, [FOREST], ASTRAY)
    # Of large arrays it shows when a row walks there.
    monkeypatch.setattr(importlib.import_module("handler.ops.trees"), "LISTED_NODES", 0)
    model = loads(tmp_path, [FOREST], ASTRAY)
    assert model.predict([-1.0]) == (1, [0.25, 0.75])
    with pytest.raises(invalid(), match="outside its arrays"):
        model.predict([1.0])


# A classifier of another number of classes, as the models of an ensemble and behind a threshold.
@pytest.mark.parametrize(
    "step",
    [
        means(classes=[[0], [0]]),
        means(classes=[[], []]),
        {"op": "threshold", "threshold": 0.5, "positive": 1, "blocks": [block(answer(0.2, 0.2, 0.6, index=2))]},
        {
            "op": "mean",
            "weights": [1.0] * 2,
            "total": 2.0,
            "blocks": [block({"op": "constant", "value": [1.0] * count}) for count in (3, 1)],
        },
        {
            "op": "target",
            "blocks": [
                block(CONSTANT),
                block({"op": "impute", "keep": [0], "fill": ["text"], "indicators": [], "missing": 1.0}),
            ],
        },
    ],
    ids=["a class less", "no class", "three classes", "outputs of other numbers", "a text for a number"],
)
def test_parts_that_do_not_fit_each_other_fail_the_request(tmp_path: Path, step: Any) -> None:
    with pytest.raises(invalid()):
        loads(tmp_path, [step]).predict([0.0])


HEADERS: dict[str, bytes] = {
    "a shape beyond any file": b'{"z": {"dtype": "U8", "shape": [%s, 0], "data_offsets": [0, 0]}}' % (b"9" * 30),
    "a shape of many sizes": b'{"z": {"dtype": "U8", "shape": [%s], "data_offsets": [0, 0]}}'
    % b", ".join([b"4000000000"] * 5 + [b"0"]),
    "a shape in a text": b'{"z": {"dtype": "U8", "shape": "", "data_offsets": [0, 1]}}',
    "a name twice": b'{"z": {"dtype": "U8", "dtype": "U8", "shape": [0], "data_offsets": [0, 0]}}',
    "metadata that are no text": b'{"__metadata__": {"mlctl.format": 3}}',
    "metadata in a list": b'{"__metadata__": []}',
    "another encoding": json.dumps({}).encode("utf-16"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_the_format_does_not_know_is_refused(tmp_path: Path, name: str) -> None:
    # With the one byte that a shape of no length would be.
    data = b"\0" if name == "a shape in a text" else b""
    (tmp_path / "model").write_bytes(len(HEADERS[name]).to_bytes(8, "little") + HEADERS[name] + data)
    with pytest.raises(ValueError, match=r"tensor|metadata|JSON|shape"):
        importlib.import_module("handler.safetensors").read(tmp_path / "model")


def test_a_program_with_a_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(invalid(), match="twice"):
        load(tmp_path, written('{"n_features": 1, "n_features": 1, "steps": []}', {}))


def test_a_file_that_fits_into_no_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(importlib.import_module("handler.ops").Program, "model", exhausted)
    with pytest.raises(invalid()):
        loads(tmp_path, [CONSTANT])


def test_missing_generated_code_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(written({"n_features": 1, "steps": [FOREST]}, TENSORS))
    with pytest.raises(invalid(), match="generated"):
        importlib.import_module("handler.engine").load(tmp_path / "model", n_features=1, generated=True)
