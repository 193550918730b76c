"""The handler and mlctl never import each other, so each has its own copy of the constants of their contract."""

import importlib
from typing import Any, get_args

import numpy as np
import pytest

from mlctl.aws.stack import names
from mlctl.cli import logs
from mlctl.core.shared import golden_examples, request_size
from mlctl.data import values
from mlctl.packaging import build
from mlctl.portable import compile as compiler
from mlctl.portable.codegen import nodes
from mlctl.portable.families import ensembles, functions, polynomials, quantiles, splines
from mlctl.portable.ir import program, reader
from mlctl.settings import Kind, deploy

PAIRS: dict[str, tuple[str, Any]] = {
    "handler.service.PACKAGE_FORMAT": ("package format", build.PACKAGE_FORMAT),
    "handler.engine.MODEL_FORMAT": ("model format", program.FORMAT),
    "handler.safetensors.MAX_HEADER_BYTES": ("bytes of a model's header", reader.MAX_HEADER_BYTES),
    "handler.safetensors.TOO_MANY": ("numbers in a tensor", reader._TOO_MANY),
    "handler.ops.MAX_STEPS": ("steps of a program", reader.MAX_STEPS),
    "handler.ops.MAX_DEPTH": ("depth of a program", reader.MAX_DEPTH),
    "handler.ops.MAX_PLACES": ("columns of a program", nodes.MAX_COLUMNS),
    "handler.ops.polynomials.MAX_TERMS": ("terms of a polynomial", polynomials.MAX_TERMS),
    "handler.ops.polynomials.MAX_DEGREE": ("degree of a polynomial", polynomials.MAX_DEGREE),
    "handler.ops.splines.MAX_DEGREE": ("degree of a spline", splines.MAX_DEGREE),
    "handler.ops.quantiles.BOUNDS": ("margin of the outermost quantiles", quantiles.BOUNDS),
    "handler.ops.target.BOUNDS": ("margin of the outermost quantiles", quantiles.BOUNDS),
    "handler.features.MAX_ROWS": ("rows of a request", request_size.MAX_ROWS),
    "handler.numbers.FLOAT32_LIMIT": ("smallest number beyond float32", values.FLOAT32_LIMIT),
    "handler.kinds.MILLISECONDS_A_DAY": ("milliseconds of a day", values.MS_A_DAY),
    "handler.kinds.FIRST_MS": ("first date", values.FIRST_MS),
    "handler.kinds.LAST_MS": ("last date", values.LAST_MS),
}


def constant(path: str) -> Any:
    """The value of ``package.module.NAME``."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("path", PAIRS)
def test_the_handler_and_mlctl_have_the_same_constant(path: str) -> None:
    meaning, expected = PAIRS[path]
    assert constant(path) == expected, meaning


def test_both_limits_of_additions_are_those_of_the_handler() -> None:
    assert compiler.MAX_WORK == nodes.MAX_WORK == constant("handler.ops.MAX_WORK")


def test_ensembles_leave_room_for_other_steps() -> None:
    assert constant("handler.ops.MAX_STEPS") > ensembles.MAX_STEPS


def test_both_know_the_same_types_of_tensors() -> None:
    types = {name: (np.dtype(dtype).char, np.dtype(dtype).itemsize) for dtype, name in program.DTYPES.items()}
    assert constant("handler.safetensors.DTYPES") == types


def test_the_handler_has_every_function_that_compiles() -> None:
    assert set(constant("handler.ops.functions.FUNCTIONS")) == {*functions._EXACT, *functions._CLOSE}


def test_the_handler_reads_every_kind_of_feature() -> None:
    reader_of = constant("handler.kinds.reader")
    details: dict[str, Any] = {
        "min": None,
        "max": None,
        "values": [],
        "counts": [],
        "true": 0,
        "false": 0,
        "nullable": False,
    }
    for kind in get_args(Kind):
        assert callable(reader_of({"name": "x", "kind": kind, **details}))


def test_the_handler_knows_every_log_level(handler_app: Any) -> None:
    assert set(get_args(deploy.LogLevel)) <= set(handler_app.LEVELS)


def test_the_log_has_as_much_of_a_route_as_mlctl_reads(handler_app: Any) -> None:
    assert handler_app.MAX_ROUTE == logs._ROUTE_CHARACTERS


def test_the_entry_point_of_the_function_exists(handler_app: Any) -> None:
    module, _, function = names.HANDLER.rpartition(".")
    assert handler_app.__name__ == module
    assert callable(getattr(handler_app, function))


def test_a_check_of_mlctl_is_a_golden_example_in_the_log(handler_app: Any) -> None:
    assert handler_app._purpose(golden_examples.predict_event((1.0,))) == "golden example"
