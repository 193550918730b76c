"""Loads a model of trees in each form of the handler: lists, the bytes of the file, and generated code."""

import importlib
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from mlctl.portable.codegen.generator import generate, regenerate
from mlctl.portable.ir.program import PortableModel
from mlctl.portable.ir.reader import read
from tests.parity.harness import Loaded, loaded


def forms(model: PortableModel, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Loaded], list[Any]]:
    """A model of trees in each form, and a list that collects the rows that reach the generated code.

    The model must be small enough for generated code.
    """
    source = generate(model)
    assert source is not None
    # Each package generates the code again, from the file only.
    assert regenerate(read(model.to_bytes(), model.parity)) == source
    names: dict[str, Any] = {}
    exec(compile(source, "generated.py", "exec"), names)
    reached: list[Any] = []

    def sums(row: Any) -> Any:
        reached.append(row)
        return names["sums"](row)

    models = {"lists": loaded(model)}
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "handler.generated", SimpleNamespace(sums=sums))
        models["code"] = loaded(model, generated=True)
        patch.setattr(importlib.import_module("handler.ops.trees"), "LISTED_NODES", 0)
        models["bytes"] = loaded(model)
    return models, reached


def answers(form: Loaded, rows: Any) -> list[Any]:
    """The answer of a form to each row, or the message of a refusal."""
    refusal = importlib.import_module("handler.ops").UnprocessableRow
    results: list[Any] = []
    for row in rows:
        try:
            results.append(form(row))
        except refusal as error:
            results.append(str(error))
    return results
