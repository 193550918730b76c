"""Where the handler's source is, and which of it a package needs: the one place that knows."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import mlctl

ENTRY = "handler/app.py"
_OPERATIONS = "handler/ops/__init__.py"


def handler_folder() -> Path:
    """The folder of the ``handler`` package.

    In an installed wheel it travels as ``mlctl/_bundle/handler``, so it shadows nobody's own
    ``handler``; in a checkout it lies beside ``mlctl``.
    """
    package = Path(mlctl.__file__).parent
    installed = package / "_bundle" / "handler"
    return installed if installed.is_dir() else package.parent / "handler"


def handler_sources(operations: Iterable[str]) -> dict[str, bytes]:
    """The Python files that a model of these operations needs, by their path in the zip.

    They are what the entry point and the families of the operations import, and what those import.
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
    """The operations that the handler has."""
    return frozenset(_families())


def _imported(path: str) -> Iterator[str]:
    """The handler's own files that the one at ``path`` imports, inside functions too, and their packages."""
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
    """The handler's own table from operation to module. It is read, not imported: files are the contract."""
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
