"""The forms in which the handler can hold the same trees: lists, the file's bytes, and generated code."""

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
    """A model of trees, loaded in each form, and the rows that reach the generated code, once it is asked.

    It must be small enough for generated code.
    """
    source = generate(model)
    assert source is not None
    # Of the file alone, as it is made again for each package.
    assert regenerate(read(model.to_bytes(), model.parity)) == source
    names: dict[str, Any] = {}
    exec(compile(source, "generated.py", "exec"), names)
    reached: list[Any] = []

    def sums(row: Any) -> Any:
        reached.append(row)
        return names["sums"](row)

    found = {"lists": loaded(model)}
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "handler.generated", SimpleNamespace(sums=sums))
        found["code"] = loaded(model, generated=True)
        patch.setattr(importlib.import_module("handler.ops.trees"), "LISTED_NODES", 0)
        found["bytes"] = loaded(model)
    return found, reached


def answers(form: Loaded, rows: Any) -> list[Any]:
    """What a form answers to each row, or the words of a refusal."""
    refusal = importlib.import_module("handler.ops").UnprocessableRow
    found: list[Any] = []
    for row in rows:
        try:
            found.append(form(row))
        except refusal as error:
            found.append(str(error))
    return found
