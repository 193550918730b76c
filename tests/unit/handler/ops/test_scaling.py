"""The builders of the numeric preprocessing: steps made by hand, and those that break the format."""

import importlib
from array import array
from typing import Any

import pytest

NAN, INF = float("nan"), float("inf")
TENSORS = {
    "none": [],
    "one": [0.5],
    "two": [1.0, 2.0],
    "four": [1.0, 2.0, 3.0, 4.0],
    "six": [0.0, 1.0, 2.0, 0.0, 1.0, 2.0],
    "falls": [2.0, 1.0],
    "falling": [0.0, 2.0, 1.0, 0.0, 1.0, 2.0],
    "nan": [NAN, 1.0],
    "infinite": [1.0, INF],
    "zero": [1.0, 0.0],
    "bounds": [0.0, 2.0, 0.0, 2.0],
    "flat": [1.0, 1.0, 0.0, 2.0],
    "back": [2.0, 0.0, 0.0, 2.0],
    "lines": [0.0] * 16,
    "far": [40.0, -40.0],
}
NORMALIZE = {"op": "normalize", "norm": "l2", "smallest": 1e-15}
BINARIZE = {"op": "binarize", "threshold": 0.5}
DISCRETIZE = {"op": "discretize", "counts": [2, 0], "edges": "two", "one_hot": True}
POLYNOMIAL = {"op": "polynomial", "degree": [0, 2], "distinct": False, "bias": True, "forward": False}
POWER = {"op": "power", "method": "box-cox", "lambdas": "two"}
QUANTILES = {
    "op": "quantiles",
    "quantiles": "four",
    "references": "two",
    "normal": [-5.0, 5.0],
    "sparse": False,
    "refuse_negative": True,
}
SPLINES = {
    "op": "splines",
    "degree": 0,
    "n_splines": 2,
    "knots": "six",
    "bounds": "bounds",
    "lines": "lines",
    "below": "line",
    "above": "refuse",
    "periodic": False,
    "bias": True,
    "missing_zeros": False,
}
PROJECT = {"op": "project", "n_components": 1, "components": "two", "center": "two", "offset": "one", "scale": "one"}
POOL = {"op": "pool", "groups": [[0], [1, 0]]}
GOOD: list[dict[str, Any]] = [
    NORMALIZE,
    BINARIZE,
    DISCRETIZE,
    {**DISCRETIZE, "one_hot": False},
    POLYNOMIAL,
    {**POLYNOMIAL, "forward": True, "distinct": True},
    POWER,
    QUANTILES,
    {**QUANTILES, "normal": None, "sparse": True},
    SPLINES,
    {**SPLINES, "below": "continue", "above": "refuse", "lines": None},
    {**SPLINES, "periodic": True, "lines": None, "below": "continue", "above": "continue"},
    PROJECT,
    {**PROJECT, "center": None, "offset": None, "scale": None},
    POOL,
]
BAD: list[dict[str, Any]] = [
    {**NORMALIZE, "norm": "l3"},
    {**NORMALIZE, "smallest": 0.0},
    {**NORMALIZE, "smallest": "x"},
    {**NORMALIZE, "smallest": NAN},
    {**NORMALIZE, "smallest": None},
    {**BINARIZE, "threshold": "x"},
    {**BINARIZE, "threshold": INF},
    {**BINARIZE, "threshold": True},
    {**DISCRETIZE, "counts": [2]},
    {**DISCRETIZE, "counts": [2, 0, 0]},
    {**DISCRETIZE, "counts": [3, -1]},
    {**DISCRETIZE, "counts": [2.0, 0]},
    {**DISCRETIZE, "counts": [True, 1]},
    {**DISCRETIZE, "counts": "20"},
    {**DISCRETIZE, "counts": [1, 0]},
    {**DISCRETIZE, "edges": "falls"},
    {**DISCRETIZE, "edges": "nan"},
    {**DISCRETIZE, "edges": "absent"},
    {**DISCRETIZE, "one_hot": 1},
    {**POLYNOMIAL, "degree": [0, -1]},
    {**POLYNOMIAL, "degree": [0, 2.0]},
    {**POLYNOMIAL, "degree": [True, 2]},
    {**POLYNOMIAL, "degree": [0, 500]},
    {**POLYNOMIAL, "degree": [0, 10**12]},
    {**POLYNOMIAL, "distinct": 0},
    {**POLYNOMIAL, "bias": None},
    {**POLYNOMIAL, "forward": "no"},
    {**POWER, "method": "log"},
    {**POWER, "lambdas": "one"},
    {**POWER, "lambdas": "nan"},
    {**POWER, "lambdas": "infinite"},
    {**QUANTILES, "references": "none", "quantiles": "none"},
    {**QUANTILES, "references": "falls"},
    {**QUANTILES, "references": "nan"},
    {**QUANTILES, "quantiles": "six"},
    {**QUANTILES, "references": "one", "quantiles": "nan"},
    {**QUANTILES, "quantiles": "back"},
    {**QUANTILES, "normal": [-5.0, INF]},
    {**QUANTILES, "sparse": 1},
    {**QUANTILES, "refuse_negative": None},
    {**SPLINES, "degree": -1},
    {**SPLINES, "degree": 101},
    {**SPLINES, "degree": 1},
    {**SPLINES, "degree": True},
    {**SPLINES, "n_splines": 0},
    {**SPLINES, "n_splines": 3},
    {**SPLINES, "n_splines": 2.0},
    {**SPLINES, "knots": "falling"},
    {**SPLINES, "knots": "four"},
    {**SPLINES, "bounds": "two"},
    {**SPLINES, "bounds": "back"},
    {**SPLINES, "bounds": "flat", "periodic": True},
    {**SPLINES, "lines": "four"},
    {**SPLINES, "lines": None},
    {**SPLINES, "below": "stop"},
    {**SPLINES, "above": None},
    {**SPLINES, "periodic": 0},
    {**SPLINES, "bias": 1},
    {**SPLINES, "missing_zeros": "x"},
    {**PROJECT, "n_components": 0},
    {**PROJECT, "n_components": 2},
    {**PROJECT, "n_components": True},
    {**PROJECT, "components": "nan"},
    {**PROJECT, "center": "one"},
    {**PROJECT, "center": "infinite"},
    {**PROJECT, "offset": "two"},
    {**PROJECT, "n_components": 2, "components": "four", "offset": "two", "scale": "zero"},
    {**POOL, "groups": [[0], []]},
    {**POOL, "groups": [[2]]},
    {**POOL, "groups": [0]},
    {**POOL, "groups": [[0.0]]},
]
NARROW: list[dict[str, Any]] = [
    POLYNOMIAL,
    {**PROJECT, "n_components": 10**12, "components": "none"},
    {**SPLINES, "n_splines": 10**12},
]


def build(step: dict[str, Any], width: int = 2) -> Any:
    """The function of one step over ``width`` columns."""
    ops = importlib.import_module("handler.ops")
    tensors = {name: memoryview(array("d", values)) for name, values in TENSORS.items()}
    built, origins = ops.Program(tensors, False).build([step], list(range(width)))
    kind, function = built[0]
    assert kind == "transformer"
    return function, origins


@pytest.mark.parametrize("number", range(len(GOOD)))
def test_a_step_made_by_hand_is_built_and_tells_the_origin_of_each_column(number: int) -> None:
    function, origins = build(GOOD[number])
    assert len(function([0.5, 1.5])) == len(origins)
    assert set(origins) <= {0, 1}


@pytest.mark.parametrize("number", range(len(BAD)))
def test_a_step_that_breaks_the_format_is_refused(number: int) -> None:
    with pytest.raises(importlib.import_module("handler.ops").InvalidModel):
        build(BAD[number])


@pytest.mark.parametrize("step", NARROW, ids=lambda step: step["op"])
def test_a_step_of_no_columns_that_would_make_many_is_refused(step: dict[str, Any]) -> None:
    with pytest.raises(importlib.import_module("handler.ops").InvalidModel):
        build({**step, "knots": "none", "bounds": "none", "lines": "none", "center": None}, width=0)


def test_the_messages_of_refusals() -> None:
    refusal = importlib.import_module("handler.ops").UnprocessableRow
    cases: list[tuple[dict[str, Any], list[float], int, str]] = [
        (POWER, [1.0, 0.0], 1, "above zero"),
        (SPLINES, [1.0, 2.5], 1, "outside the range"),
        ({**QUANTILES, "sparse": True}, [-1.0, 1.0], 0, "is negative"),
    ]
    for step, row, position, words in cases:
        with pytest.raises(refusal, match=words) as refused:
            build(step)[0](row)
        assert refused.value.position == position


def test_no_size_of_a_number_raises_another_python_error() -> None:
    sizes = [0.0, -0.0, 5e-324, 1e-308, 1.0, -1.0, 1e154, -1e154, 1.7e308, -1.7e308]
    refusal = importlib.import_module("handler.ops").UnprocessableRow
    methods = ["yeo-johnson", "yeo-johnson of powers", "box-cox"]
    for step in (*GOOD, *({**POWER, "method": method, "lambdas": "far"} for method in methods)):
        function, _ = build(step)
        for one in sizes:
            for other in sizes:
                try:
                    function([one, other])
                except refusal:
                    continue
