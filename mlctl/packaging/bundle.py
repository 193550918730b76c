"""Finds the handler's source files, and selects those that a package needs."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import mlctl

ENTRY = "handler/app.py"
_OPERATIONS = "handler/ops/__init__.py"


def handler_folder() -> Path:
    """The folder of the ``handler`` package.

    A wheel contains it as ``mlctl/_bundle/handler``, so that it does not shadow another package called ``handler``. In
    a checkout it is beside ``mlctl``.
    """
    package = Path(mlctl.__file__).parent
    installed = package / "_bundle" / "handler"
    return installed if installed.is_dir() else package.parent / "handler"


def handler_sources(operations: Iterable[str]) -> dict[str, bytes]:
    """The Python files that a model with these operations needs, by path in the zip.

    These are the entry point, the families of the operations, and everything that they import.
    """
    families = _families()
    todo = [ENTRY, *(f"handler/ops/{families[operation]}.py" for operation in operations)]
    needed: dict[str, bytes] = {}
    while todo:
        path = todo.pop()
        if path not in needed:
            needed[path] = _source(path)
            todo += _imported(path)
    return dict(sorted(needed.items()))


def operations() -> frozenset[str]:
    """The operations that the handler supports."""
    return frozenset(_families())


def _imported(path: str) -> Iterator[str]:
    """The handler files that the file at ``path`` imports, also inside functions, and their packages."""
    for node in ast.walk(ast.parse(_source(path))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "handler":
            parts = (node.module or "").split(".")
            for depth in range(1, len(parts)):
                yield "/".join(parts[:depth]) + "/__init__.py"
            for module in (parts, *([*parts, alias.name] for alias in node.names)):
                for file in ("/".join(module) + ".py", "/".join(module) + "/__init__.py"):
                    if _is_file(file):
                        yield file


def _families() -> dict[str, str]:
    """The handler's table from operation to module. It is parsed, not imported: the contract is files only."""
    for node in ast.parse(_source(_OPERATIONS)).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["FAMILY_OF_OPERATION"]:
            table: dict[str, str] = ast.literal_eval(node.value)
            return table
    raise LookupError(f"{_OPERATIONS} has no FAMILY_OF_OPERATION")


def _is_file(path: str) -> bool:
    return (handler_folder().parent / path).is_file()


@cache
def _source(path: str) -> bytes:
    return (handler_folder().parent / path).read_bytes()
