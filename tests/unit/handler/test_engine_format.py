"""The portable model as a file (docs/FORMAT.md): what is read, and what is refused."""

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier

from mlctl.portable.compile import compile_pipeline
from tests.unit.portable.test_compile_tables import FEATURES, NAN, columns, table, target_of


def written(program: Any, tensors: dict[str, tuple[str, bytes]]) -> bytes:
    """A model file with any program and tensors given as ``(type, bytes)``."""
    sizes = {"F64": 8, "F32": 4, "I32": 4, "U32": 4, "I16": 2, "U8": 1}
    metadata = {"mlctl.format": "3", "mlctl.program": program if isinstance(program, str) else json.dumps(program)}
    header: dict[str, Any] = {"__metadata__": metadata}
    offset, chunks = 0, b""
    for name, (kind, data) in tensors.items():
        header[name] = {
            "dtype": kind,
            "shape": [len(data) // sizes[kind]],
            "data_offsets": [offset, offset + len(data)],
        }
        offset += len(data)
        chunks += data
    head = json.dumps(header).encode()
    return len(head).to_bytes(8, "little") + head + chunks


TENSORS = {
    "coef": ("F64", np.ones(2).tobytes()),
    "one": ("F64", np.ones(1).tobytes()),
    "zeros": ("F64", np.zeros(2).tobytes()),
    "feature": ("I32", np.array([1, -1, -1], dtype="<i4").tobytes()),
    "skip": ("U32", np.array([1, 0, 1], dtype="<u4").tobytes()),
    "threshold": ("F32", np.zeros(3, dtype="<f4").tobytes()),
    "roots": ("U32", np.zeros(1, dtype="<u4").tobytes()),
    "missing": ("U8", bytes([1, 0, 0])),
    "astray": ("U8", bytes([2, 0, 0])),
    "few": ("U8", bytes([1])),
}
LINEAR = {"op": "linear", "coef": "coef", "intercept": "one"}
TREE = {
    "op": "forest_regressor",
    "n_trees": 1,
    "n_outputs": 1,
    "n_features": 2,
    "feature": "feature",
    "skip": "skip",
    "threshold": "threshold",
    "roots": "roots",
    "values": "coef",
    "missing": "missing",
}
KNOWN = {"categories": ["a", 2.5, None], "slots": [0, 1, -1], "unknown": -1, "width": 2}
CODED = {"categories": ["a", 2.5, None], "codes": [0, 1.5, None], "unknown": None}
FILL = {"op": "impute", "keep": [0, 1], "fill": [0, "x"], "indicators": []}


def encoded(op: str, *entries: Any, **more: Any) -> dict[str, Any]:
    return {"op": op, "columns": list(entries), "refuse_unknown": False, **more}


def blocks(*entries: tuple[Any, Any]) -> dict[str, Any]:
    return {"op": "columns", "blocks": [{"columns": taken, "steps": steps} for taken, steps in entries]}


def nested(depth: int) -> list[Any]:
    steps: list[Any] = []
    for _ in range(depth):
        steps = [blocks(([0, 1], steps))]
    return steps


EXPANDING = {"op": "polynomial", "degree": [1, 440], "distinct": False, "bias": False, "forward": False}
MANY_OUTPUTS = {**TREE, "n_outputs": 1_000_001}
CONSTANT = {"columns": [0, 1], "steps": [{"op": "constant", "value": 1.0}]}

GOOD_STEPS: list[list[Any]] = [
    [LINEAR],
    [TREE],
    [FILL, blocks(([0], []), ([1], [])), LINEAR],
    [encoded("one_hot", {**KNOWN, "width": 1, "slots": [0, -1, -1]}, {**KNOWN, "width": 1, "slots": [-1, 0, 0]}), TREE],
    [encoded("ordinal", CODED, CODED), TREE],
    [*nested(49), LINEAR],
    [{"op": "standardize", "center": "coef", "scale": None}, {"op": "clip", "clip": [-1, 1]}, LINEAR],
    [{"op": "rescale", "scale": "coef", "shift": None, "clip": None}, {"op": "present"}, LINEAR],
    [EXPANDING, {"op": "present"}, {"op": "constant", "value": 1.0}],
    [{"op": "mean", "weights": [1.0] * 2, "total": 1.0, "blocks": [{"columns": [0, 1], "steps": [LINEAR]}] * 2}],
]
BAD_STEPS: list[Any] = [
    [],
    {},
    None,
    "linear",
    ["linear"],
    [LINEAR, LINEAR],
    [blocks(([0, 1], []))],
    [{"op": "unknown"}],
    [{"op": ["linear"]}],
    [{}],
    [blocks(([0, 2], [])), LINEAR],
    [blocks(([0, -1], [])), LINEAR],
    [blocks(([0, True], [])), LINEAR],
    [blocks(([0, 1.0], [])), LINEAR],
    [blocks(([0], [])), LINEAR],
    [blocks(([0, 1], [LINEAR])), LINEAR],
    [blocks(([0, 1], {"op": "present"})), LINEAR],
    [blocks(("01", [])), LINEAR],
    [{"op": "columns", "blocks": None}, LINEAR],
    [*nested(50), LINEAR],
    [*nested(5000), LINEAR],
    [*[{"op": "present"}] * 1000, LINEAR],
    [blocks(([0, 1], [{"op": "present"}] * 600)), blocks(([0, 1], [{"op": "present"}] * 600)), LINEAR],
    [{**FILL, "keep": [0, 2]}, LINEAR],
    [{**FILL, "keep": [0]}, LINEAR],
    [{**FILL, "fill": [0, None]}, LINEAR],
    [{**FILL, "fill": [0, NAN]}, LINEAR],
    [{**FILL, "fill": [0, True]}, LINEAR],
    [{**FILL, "fill": [0, [1]]}, LINEAR],
    [{**FILL, "fill": [0, 10**400]}, LINEAR],
    [{**FILL, "indicators": [2]}, LINEAR],
    [{**FILL, "indicators": [1]}, LINEAR],
    [encoded("one_hot", KNOWN), LINEAR],
    [encoded("one_hot", KNOWN, {**KNOWN, "slots": [0, 1]}), TREE],
    [encoded("one_hot", KNOWN, {**KNOWN, "slots": [0, 2, 1]}), TREE],
    [encoded("one_hot", KNOWN, {**KNOWN, "slots": [0, -2, 1]}), TREE],
    [encoded("one_hot", KNOWN, {**KNOWN, "unknown": 2}), TREE],
    [encoded("one_hot", KNOWN, {**KNOWN, "width": 10**9}), TREE],
    [encoded("one_hot", KNOWN, {**KNOWN, "width": -1}), TREE],
    [encoded("one_hot", KNOWN, {**KNOWN, "categories": ["a", [], None]}), TREE],
    [encoded("one_hot", KNOWN, {**KNOWN, "categories": "abc"}), TREE],
    [encoded("one_hot", KNOWN, KNOWN), TREE],
    [encoded("ordinal", CODED, {**CODED, "codes": [0, 1, "2"]}), TREE],
    [encoded("ordinal", CODED, {**CODED, "codes": [0, 1]}), TREE],
    [encoded("ordinal", CODED, {**CODED, "unknown": "x"}), TREE],
    [encoded("ordinal", CODED, {**CODED, "categories": [{}, 1, 2]}), TREE],
    [encoded("ordinal", CODED, CODED, refuse_unknown=1), TREE],
    [{"op": "standardize", "center": "one", "scale": None}, LINEAR],
    [{"op": "standardize", "center": None, "scale": "zeros"}, LINEAR],
    [{"op": "rescale", "scale": None, "shift": None, "clip": None}, LINEAR],
    [{"op": "clip", "clip": [0]}, LINEAR],
    [{"op": "clip", "clip": None}, LINEAR],
    [{**LINEAR, "coef": "one"}],
    [{**LINEAR, "intercept": "coef"}],
    [{**LINEAR, "op": "logistic", "n_classes": 1}],
    [{**LINEAR, "op": "logistic", "n_classes": 3}],
    [{**TREE, "n_features": 3}],
    [{**TREE, "n_trees": 0}],
    [{**TREE, "n_trees": 2}],
    [{**TREE, "missing": "astray"}],
    [{**TREE, "missing": "few"}],
    [{**TREE, "missing": "skip"}],
    [{**TREE, "missing": 3}],
    [{**TREE, "values": "one"}],
    [{**TREE, "op": "forest", "n_classes": [3]}],
    [{**TREE, "op": "forest", "n_classes": [0]}],
    [{**TREE, "op": "forest", "n_classes": []}],
    [{**TREE, "op": "forest", "n_classes": 2}],
    [{**TREE, "n_outputs": 0}],
    [{**TREE, "n_outputs": 3}],
    [blocks(([0], [])), {**TREE, "n_features": 1}],
    # A small file that would take memory, or time, without end.
    [blocks(*[([0, 1], [EXPANDING])] * 11), {"op": "constant", "value": 1.0}],
    [EXPANDING, *[{"op": "present"}] * 10, {"op": "constant", "value": 1.0}],
    [MANY_OUTPUTS],
    [{"op": "mean", "weights": [1.0] * 2, "total": 1.0, "blocks": [{"columns": [0, 1], "steps": [MANY_OUTPUTS]}] * 2}],
    [{"op": "predictions", "take": ["number"] * 20, "widths": [65_536] * 20, "blocks": [CONSTANT] * 20}, LINEAR],
    [{"op": "mean", "weights": [1.0] * 20, "total": 1.0, "blocks": [{"columns": [0, 1], "steps": [LINEAR]}] * 20}],
]


def loads(tmp_path: Path, program: Any) -> Any:
    (tmp_path / "model").write_bytes(written(program, TENSORS))
    return importlib.import_module("handler.engine").load(tmp_path / "model", n_features=2)


@pytest.mark.parametrize("number", range(len(GOOD_STEPS)))
def test_a_file_made_by_hand_is_read(tmp_path: Path, number: int) -> None:
    model = loads(tmp_path, {"n_features": 2, "steps": GOOD_STEPS[number]})
    assert model.kind == "regressor"


@pytest.mark.parametrize("number", range(len(BAD_STEPS)))
def test_a_program_that_breaks_the_format_is_refused(tmp_path: Path, number: int) -> None:
    invalid = importlib.import_module("handler.engine").InvalidModel
    steps = BAD_STEPS[number]
    # By hand, because json itself refuses to write what is nested too deeply.
    text = '{"n_features": 2, "steps": ' + "".join(deep_json(steps)) + "}"
    with pytest.raises(invalid):
        loads(tmp_path, text)


def deep_json(steps: Any) -> Sequence[str]:
    """``json.dumps`` for programs of any depth."""
    before: list[str] = []
    after: list[str] = []
    while isinstance(steps, list) and steps and isinstance(steps[0], dict) and steps[0].get("blocks"):
        (first, *rest) = steps
        if len(first["blocks"]) != 1 or not isinstance(first["blocks"][0]["steps"], list):
            break
        block = first["blocks"][0]
        before.append('[{"op": "columns", "blocks": [{"columns": ' + json.dumps(block["columns"]) + ', "steps": ')
        after.append("}]}" + "".join(", " + json.dumps(each) for each in rest) + "]")
        steps = block["steps"]
    return [*before, json.dumps(steps), *reversed(after)]


def test_every_truncation_of_a_table_s_model_is_refused(tmp_path: Path) -> None:
    train = table(60, 1)
    pipeline = make_pipeline(columns("passthrough", OrdinalEncoder()), DecisionTreeClassifier(max_depth=2))
    whole = compile_pipeline(pipeline.fit(train, target_of(train, 2)), FEATURES).to_bytes()
    engine = importlib.import_module("handler.engine")
    for length in range(0, len(whole), 11):
        (tmp_path / "model").write_bytes(whole[:length])
        with pytest.raises(engine.InvalidModel):
            engine.load(tmp_path / "model", n_features=len(FEATURES))


def test_the_answers_of_each_operation_by_hand(tmp_path: Path) -> None:
    """What docs/FORMAT.md says, without scikit-learn: the sum of the two columns plus one."""
    fill = {"op": "impute", "keep": [1], "fill": ["x"], "indicators": [0]}
    coded = {"categories": ["x", "y"], "codes": [10, 20], "unknown": 30}
    whole = [fill, blocks(([0], [encoded("ordinal", coded)]), ([1], [])), LINEAR]
    model = loads(tmp_path, {"n_features": 2, "steps": whole})
    assert model.predict([NAN, None]) == 1.0 + 10.0 + 1.0
    assert model.predict([3.0, "y"]) == 0.0 + 20.0 + 1.0
    assert model.predict([3.0, "z"]) == 0.0 + 30.0 + 1.0
